//! How the node does: for `/health/livez` and `/health/readyz`.
//!
//! # Lotus parity
//! `node/health.go`. Live: the head moved within the last five minutes. Ready: less than five epochs
//! behind the clock and reachable; since there is no AutoNAT here, a connected peer counts as
//! reachable.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use lotus_chain::{ChainStore, HeadChange};
use lotus_rpc::Health;
use lotus_rpc_api::full::SyncApi as _;
use lotus_runtime::{metrics::Metrics, supervisor::Tasks};
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

use crate::FullNodeApi;

/// The head may stand still for so long.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(5 * 60);
/// The head may be so many epochs behind the clock.
const MOST_BEHIND: u64 = 5;

/// The health of a full node.
#[derive(Debug, Clone)]
pub struct NodeHealth {
    api: Arc<FullNodeApi>,
    moved: Arc<Mutex<Instant>>,
}

impl NodeHealth {
    /// Watches the head from now on; its height is also a metric, `lotus_chain_node_height`.
    pub fn watch(
        api: Arc<FullNodeApi>,
        chain: &ChainStore,
        metrics: &Metrics,
        tasks: &Tasks,
    ) -> Self {
        let height = metrics.register("chain", |registry| {
            let height: Gauge = Gauge::default();
            registry.register("node_height", "Height of the head", height.clone());
            height
        });
        let moved = Arc::new(Mutex::new(Instant::now()));
        let seen = Arc::clone(&moved);
        let mut heads = chain.subscribe();
        let stop = tasks.stop_token();
        tasks.background("health", async move {
            while let Some(Some(changes)) = stop.run_until_cancelled(heads.next()).await {
                *seen.lock() = Instant::now();
                if let Ok(Some(HeadChange::Apply(head) | HeadChange::Current(head))) =
                    changes.as_deref().map(<[_]>::last)
                {
                    height.set(head.height());
                }
            }
            Ok::<_, std::convert::Infallible>(())
        });
        Self { api, moved }
    }
}

#[async_trait]
impl Health for NodeHealth {
    async fn live(&self) -> bool {
        self.moved.lock().elapsed() < LONGEST_STANDSTILL
    }

    async fn ready(&self) -> bool {
        let Ok(status) = self.api.node_status(false).await else {
            return false;
        };
        let connected = self.api.has_peers().await;
        connected && status.sync_status.behind < MOST_BEHIND
    }
}
