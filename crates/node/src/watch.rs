//! What a node watches of its chain and its network, for the alerts.
//!
//! | alarm | on while |
//! |---|---|
//! | `chain:head-lag` | the head is older than ten epochs, and than a minute |
//! | `net:no-peers` | for a minute nobody is connected, though the node knows whom to connect to or was connected before |
//!
//! # Invariants
//! - Between on and off lies a gap, so that a node at the border does not ring all day.
//! - A node that is alone on purpose, as the first of a network, is not called lonely.
//!
//! # Lotus parity
//! Not there: Lotus tells of neither.

use std::{convert::Infallible, sync::Arc, time::Duration};

use lotus_chain::ChainStore;
use lotus_net::NetService;
use lotus_ports::clock::Clock;
use lotus_runtime::alerts::{Alarm, Alerts};
use lotus_types::ChainEpoch;
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// The head may be so many epochs old.
const EPOCHS: u32 = 10;
/// A head may be so old, and a node without peers so long.
const MINUTE: Duration = Duration::from_secs(60);

/// Watches a node.
pub(crate) struct NodeWatch {
    chain: ChainStore,
    net: NetService,
    clock: Arc<dyn Clock>,
    pause: Duration,
    lag: Lag,
    loneliness: Loneliness,
}

impl NodeWatch {
    /// Registers the alarms. `has_bootstrap`: the node was told whom to connect to.
    pub(crate) fn new(
        alerts: &Alerts,
        chain: ChainStore,
        net: NetService,
        clock: Arc<dyn Clock>,
        block_time: Duration,
        has_bootstrap: bool,
    ) -> Self {
        Self {
            chain,
            net,
            clock,
            pause: block_time.clamp(Duration::from_secs(1), Duration::from_secs(30)),
            lag: Lag {
                alarm: alerts.alarm("chain", "head-lag"),
                allowed: (block_time * EPOCHS).max(MINUTE),
            },
            loneliness: Loneliness {
                alarm: alerts.alarm("net", "no-peers"),
                expects_peers: has_bootstrap,
                since: None,
            },
        }
    }

    /// Looks from time to time until the stop.
    ///
    /// # Errors
    /// Never.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        while stop
            .run_until_cancelled(self.clock.sleep(self.pause))
            .await
            .is_some()
        {
            let now = self.clock.now();
            if let Some(head) = self.chain.head() {
                let age = now.saturating_sub(Duration::from_secs(head.min_timestamp()));
                self.lag.judge(head.height(), age);
            }
            if let Ok(peers) = self.net.peers().await {
                self.loneliness.judge(peers.len(), now);
            }
        }
        Ok(())
    }
}

struct Lag {
    alarm: Alarm,
    allowed: Duration,
}

impl Lag {
    fn judge(&self, height: ChainEpoch, age: Duration) {
        let told = |message: &str| {
            json!({
                "message": message,
                "head_height": height,
                "head_age_seconds": age.as_secs(),
                "allowed_seconds": self.allowed.as_secs(),
            })
        };
        if age > self.allowed {
            self.alarm.raise(told(
                "the head is far behind the clock: the node catches up, has no peer with newer blocks, or \
                 nobody makes blocks; see `lotus sync status` and `lotus net peers`",
            ));
        } else if age <= self.allowed / 2 {
            self.alarm.resolve(told("the head is of now"));
        }
    }
}

struct Loneliness {
    alarm: Alarm,
    expects_peers: bool,
    /// When the last peer was seen to be gone.
    since: Option<Duration>,
}

impl Loneliness {
    fn judge(&mut self, peers: usize, now: Duration) {
        if peers > 0 {
            self.expects_peers = true;
            self.since = None;
            let message = json!({ "message": "peers are connected", "peers": peers });
            self.alarm.resolve(message);
            return;
        }
        if !self.expects_peers {
            return;
        }
        let since = *self.since.get_or_insert(now);
        let alone = now.saturating_sub(since);
        if alone >= MINUTE {
            self.alarm.raise(json!({
                "message": "no peer is connected: blocks and messages neither come nor go; \
                            `lotus net connect` connects to one",
                "seconds": alone.as_secs(),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    mod a_head {
        use super::*;

        #[test]
        fn that_is_old_rings_until_it_is_of_now() {
            let alerts = Alerts::default();
            let lag = Lag {
                alarm: alerts.alarm("chain", "head-lag"),
                allowed: Duration::from_secs(300),
            };
            let active = |age| {
                lag.judge(7, Duration::from_secs(age));
                lag.alarm.is_active()
            };
            assert!(!active(300));
            assert!(active(301));
            assert!(active(200), "not caught up yet");
            assert!(!active(40));
            let raised = alerts.list()[0].raised.clone().expect("raised");
            assert_eq!(raised.message["head_height"], 7);
            assert_eq!(raised.message["head_age_seconds"], 301);
        }
    }

    mod a_node_without_peers {
        use super::*;

        fn loneliness(expects_peers: bool) -> Loneliness {
            Loneliness {
                alarm: Alerts::default().alarm("net", "no-peers"),
                expects_peers,
                since: None,
            }
        }

        #[test]
        fn rings_after_a_minute_until_one_is_there() {
            let mut node = loneliness(true);
            node.judge(0, Duration::from_secs(100));
            node.judge(0, Duration::from_secs(159));
            assert!(!node.alarm.is_active());
            node.judge(0, Duration::from_secs(160));
            assert!(node.alarm.is_active());
            node.judge(1, Duration::from_secs(170));
            assert!(!node.alarm.is_active());
        }

        #[test]
        fn is_the_first_of_its_network_when_it_knows_nobody() {
            let mut node = loneliness(false);
            node.judge(0, Duration::ZERO);
            node.judge(0, Duration::from_secs(1000));
            assert!(!node.alarm.is_active());
            // Once others were there, being alone is news.
            node.judge(2, Duration::from_secs(1001));
            node.judge(0, Duration::from_secs(1002));
            node.judge(0, Duration::from_secs(1100));
            assert!(node.alarm.is_active());
        }
    }
}
