//! Settings of the network service, all with defaults that fit a public network.

use std::{path::PathBuf, time::Duration};

use lotus_runtime::config::Libp2pConfig;

/// How this host takes part in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetConfig {
    /// Network name: the suffix of the gossip topics, taken from the genesis state.
    pub network: String,
    /// What identify tells peers about this software, for example `lotus-1.20.0+rust`.
    pub agent: String,
    /// Multiaddresses to listen on. Default: `/ip4/0.0.0.0/tcp/0`.
    pub listen: Vec<String>,
    /// Multiaddresses with peer ids that are dialed at start and kept connected, outside the limits.
    pub bootstrap: Vec<String>,
    /// Limits on connections.
    pub connections: ConnectionSettings,
    /// Where it is kept whom the host does not speak to; `None`: forgotten at the end.
    pub rules: Option<PathBuf>,
    /// Limits on chain exchange.
    pub exchange: ExchangeSettings,
    /// Gossip.
    pub gossip: GossipSettings,
    /// The longest a hello may take, from opening the stream to the answer. Default: 10 s.
    pub hello_timeout: Duration,
}

impl NetConfig {
    /// The defaults for `network`, with the identify agent `agent`.
    pub fn new(network: impl Into<String>, agent: impl Into<String>) -> Self {
        Self {
            network: network.into(),
            agent: agent.into(),
            listen: vec!["/ip4/0.0.0.0/tcp/0".to_owned()],
            bootstrap: Vec::new(),
            connections: ConnectionSettings::default(),
            rules: None,
            exchange: ExchangeSettings::default(),
            gossip: GossipSettings::default(),
            hello_timeout: Duration::from_secs(10),
        }
    }
}

/// Limits on connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// Connections that are left when there were too many (`ConnMgrLow`). Default: 150.
    pub low: u32,
    /// Connections above which peers are let go (`ConnMgrHigh`); 0: they never are. The hard limits
    /// are multiples of it. Default: 180.
    pub high: u32,
    /// How long a new peer is not let go for being one too many (`ConnMgrGrace`). Default: 20 s.
    pub grace: Duration,
    /// Connections with one peer: both sides may dial at once. Default: 4.
    pub max_per_peer: u32,
    /// Handshakes in progress, in each direction. Default: 64.
    pub max_pending: u32,
    /// Handshake and protocol negotiation must be done by then. Default: 10 s.
    pub dial_timeout: Duration,
    /// First pause before a configured peer is dialed again; doubled on each failure. Default: 1 s.
    pub redial_min: Duration,
    /// Longest such pause. Default: 2 min.
    pub redial_max: Duration,
    /// Time between two pings of a peer. Default: 15 s.
    pub ping_interval: Duration,
}

impl ConnectionSettings {
    /// Takes over what `[Libp2p]` says about connections.
    pub fn configure(&mut self, libp2p: &Libp2pConfig) {
        let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        self.low = number(libp2p.conn_mgr_low);
        self.high = number(libp2p.conn_mgr_high);
        self.grace = libp2p.conn_mgr_grace.0;
    }
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            low: 150,
            high: 180,
            grace: Duration::from_secs(20),
            max_per_peer: 4,
            max_pending: 64,
            dial_timeout: Duration::from_secs(10),
            redial_min: Duration::from_secs(1),
            redial_max: Duration::from_secs(120),
            ping_interval: Duration::from_secs(15),
        }
    }
}

/// Limits on chain exchange, for both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeSettings {
    /// A larger response is refused, in bytes. Default: 120 MiB.
    pub max_response: usize,
    /// Longest time for one request to one peer. Default: 60 s.
    pub request_timeout: Duration,
    /// Longest silence of a peer within a request. Default: 10 s.
    pub stall_timeout: Duration,
    /// Peers that are tried for one fetch from the best peers. Default: 5.
    pub max_attempts: usize,
    /// Requests of one peer that are served at once. Default: 4.
    pub serving_per_peer: usize,
    /// Requests that are served at once. Default: 32.
    pub serving: usize,
}

impl Default for ExchangeSettings {
    fn default() -> Self {
        Self {
            max_response: 120 << 20,
            request_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(10),
            max_attempts: 5,
            serving_per_peer: 4,
            serving: 32,
        }
    }
}

/// Gossip: how often its mesh is tended and how much may wait for validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GossipSettings {
    /// Time between two heartbeats. Default: 1 s.
    pub heartbeat: Duration,
    /// Blocks that may wait for the consumer; more are ignored. Default: 128.
    pub block_inbox: usize,
    /// Messages that may wait for the consumer; more are ignored. Default: 1024.
    pub message_inbox: usize,
}

impl Default for GossipSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(1),
            block_inbox: 128,
            message_inbox: 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use lotus_runtime::config::GoDuration;

    use super::*;

    #[test]
    fn the_connection_manager_is_set_as_the_configuration_says() {
        let mut connections = ConnectionSettings::default();
        connections.configure(&Libp2pConfig {
            listen_addresses: Vec::new(),
            announce_addresses: Vec::new(),
            no_announce_addresses: Vec::new(),
            disable_nat_port_map: false,
            conn_mgr_low: 5,
            conn_mgr_high: u64::MAX,
            conn_mgr_grace: GoDuration(Duration::from_secs(7)),
        });
        assert_eq!((connections.low, connections.high), (5, u32::MAX));
        assert_eq!(connections.grace, Duration::from_secs(7));
    }
}
