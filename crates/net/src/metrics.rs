//! Metrics of the network service. The doc comment of each field is its help text.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Counters and gauges; clones share their values.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Peers connected now.
    pub peers: Gauge,
    /// Outgoing connection attempts that failed.
    pub dial_failures: Counter,
    /// Peers disconnected because of another genesis.
    pub wrong_genesis: Counter,
    /// Hellos received and answered.
    pub hellos: Counter,
    /// Chain exchange requests answered with tipsets.
    pub exchange_served: Counter,
    /// Chain exchange requests refused or failed.
    pub exchange_refused: Counter,
    /// Chain exchange requests of this node that a peer answered well.
    pub exchange_fetched: Counter,
    /// Chain exchange requests of this node that failed or got a bad answer.
    pub exchange_failed: Counter,
    /// Values published on gossip topics by this node.
    pub gossip_published: Counter,
    /// Gossiped values accepted by the validator.
    pub gossip_accepted: Counter,
    /// Gossiped values ignored by the validator, or because the inbox was full.
    pub gossip_ignored: Counter,
    /// Gossiped values rejected: not decodable, or invalid.
    pub gossip_rejected: Counter,
    /// Incoming streams dropped because a service had too many.
    pub streams_dropped: Counter,
}

impl Metrics {
    /// Registers all of them under the prefix `net`.
    pub fn register(registry: &mut Registry) -> Self {
        let m = Self::default();
        let r = registry.sub_registry_with_prefix("net");
        r.register("peers", "Peers connected now", m.peers.clone());
        let counters = [
            (
                "dial_failures",
                "Outgoing connection attempts that failed",
                &m.dial_failures,
            ),
            (
                "wrong_genesis",
                "Peers disconnected because of another genesis",
                &m.wrong_genesis,
            ),
            ("hellos", "Hellos received and answered", &m.hellos),
            (
                "exchange_served",
                "Chain exchange requests answered",
                &m.exchange_served,
            ),
            (
                "exchange_refused",
                "Chain exchange requests refused",
                &m.exchange_refused,
            ),
            (
                "exchange_fetched",
                "Chain exchange requests answered by peers",
                &m.exchange_fetched,
            ),
            (
                "exchange_failed",
                "Chain exchange requests that failed",
                &m.exchange_failed,
            ),
            (
                "gossip_published",
                "Values published by this node",
                &m.gossip_published,
            ),
            (
                "gossip_accepted",
                "Gossiped values accepted",
                &m.gossip_accepted,
            ),
            (
                "gossip_ignored",
                "Gossiped values ignored",
                &m.gossip_ignored,
            ),
            (
                "gossip_rejected",
                "Gossiped values rejected",
                &m.gossip_rejected,
            ),
            (
                "streams_dropped",
                "Incoming streams dropped",
                &m.streams_dropped,
            ),
        ];
        for (name, help, counter) in counters {
            r.register(name, help, counter.clone());
        }
        m
    }
}
