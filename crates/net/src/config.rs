//! Settings of the network service, all with defaults that fit a public network.

use std::time::Duration;

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
            exchange: ExchangeSettings::default(),
            gossip: GossipSettings::default(),
            hello_timeout: Duration::from_secs(10),
        }
    }
}

/// Limits on connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// Connections in total (Lotus' `ConnMgrHigh`). Default: 180.
    pub max: u32,
    /// Of these, connections that peers made to this host. Default: 150.
    pub max_incoming: u32,
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

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            max: 180,
            max_incoming: 150,
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
