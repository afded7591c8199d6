//! What is known about peers: connections, identify, ping times, addresses.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant, SystemTime},
};

use libp2p::{Multiaddr, PeerId, identify, swarm::ConnectionId};
use lotus_ports::network;
use lotus_rpc_api::types::net::ConnMgrInfo;

/// Peers whose addresses are remembered after they have gone.
const MAX_KNOWN: usize = 1024;
/// Addresses and protocols kept of one peer: a bound on what it may claim in identify.
const MAX_CLAIMS: usize = 128;

/// The port's form of a libp2p peer id.
pub(crate) fn port_id(peer: &PeerId) -> network::PeerId {
    network::PeerId::from_text(peer.to_base58())
}

/// A peer that this host is connected to.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerInfo {
    /// Who.
    pub id: network::PeerId,
    /// The remote address of each connection.
    pub addresses: Vec<String>,
    /// True when this host made the oldest connection.
    pub outgoing: bool,
    /// Identify agent; empty until the peer has told it.
    pub agent: String,
    /// Protocols it speaks, sorted; empty until the peer has told them.
    pub protocols: Vec<String>,
    /// Addresses it says it listens on.
    pub listening: Vec<String>,
    /// Its last ping round trip.
    pub latency: Option<Duration>,
    /// How long it has been connected.
    pub connected_for: Duration,
    /// True when it is not let go for being one too many: a configured peer, or one that was protected.
    pub protected: bool,
    /// What else speaks for keeping it.
    pub meta: ConnMgrInfo,
    /// Gossip topics it has subscribed to, sorted.
    pub topics: Vec<String>,
    /// Its gossip score; below zero it is losing trust.
    pub score: Option<f64>,
}

#[derive(Debug)]
struct Link {
    id: ConnectionId,
    remote: Multiaddr,
    begun: SystemTime,
}

#[derive(Debug)]
struct Connected {
    connections: Vec<Link>,
    outgoing: bool,
    since: Instant,
    first_seen: SystemTime,
    /// It said hello, and is of this network.
    greeted: bool,
    agent: String,
    protocols: Vec<String>,
    listening: Vec<Multiaddr>,
    latency: Option<Duration>,
}

/// All peers. Lives in the service's task.
#[derive(Debug, Default)]
pub(crate) struct PeerTable {
    connected: HashMap<PeerId, Connected>,
    known: HashMap<PeerId, Vec<Multiaddr>>,
    /// Keys of `known`, oldest first.
    known_order: VecDeque<PeerId>,
}

impl PeerTable {
    /// Notes a new connection; true when it is the peer's first.
    pub(crate) fn connected(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        remote: Multiaddr,
        outgoing: bool,
    ) -> bool {
        let first = !self.connected.contains_key(&peer);
        let entry = self.connected.entry(peer).or_insert_with(|| Connected {
            connections: Vec::new(),
            outgoing,
            since: Instant::now(),
            first_seen: SystemTime::now(),
            greeted: false,
            agent: String::new(),
            protocols: Vec::new(),
            listening: Vec::new(),
            latency: None,
        });
        entry.connections.push(Link {
            id: connection,
            remote: remote.clone(),
            begun: SystemTime::now(),
        });
        if outgoing {
            self.remember(peer, [remote]);
        }
        first
    }

    /// Notes a closed connection; true when it was the peer's last.
    pub(crate) fn disconnected(&mut self, peer: &PeerId, connection: ConnectionId) -> bool {
        let Some(entry) = self.connected.get_mut(peer) else {
            return false;
        };
        entry.connections.retain(|link| link.id != connection);
        let last = entry.connections.is_empty();
        if last {
            self.connected.remove(peer);
        }
        last
    }

    /// Notes what a peer says about itself; true the first time.
    pub(crate) fn identified(&mut self, peer: PeerId, info: identify::Info) -> bool {
        let listening: Vec<_> = info.listen_addrs.into_iter().take(MAX_CLAIMS).collect();
        self.remember(peer, listening.clone());
        let Some(entry) = self.connected.get_mut(&peer) else {
            return false;
        };
        let first = entry.agent.is_empty() && entry.protocols.is_empty();
        entry.agent = info.agent_version;
        entry.protocols = info
            .protocols
            .iter()
            .take(MAX_CLAIMS)
            .map(ToString::to_string)
            .collect();
        entry.protocols.sort();
        entry.protocols.dedup();
        entry.listening = listening;
        first
    }

    /// Notes that a peer said hello and is of this network.
    pub(crate) fn greeted(&mut self, peer: &PeerId) {
        if let Some(entry) = self.connected.get_mut(peer) {
            entry.greeted = true;
        }
    }

    /// Has it said hello?
    pub(crate) fn has_greeted(&self, peer: &PeerId) -> bool {
        self.connected.get(peer).is_some_and(|p| p.greeted)
    }

    /// Since when a peer is connected, and how often.
    pub(crate) fn connections(&self, peer: &PeerId) -> Option<(Instant, usize)> {
        let p = self.connected.get(peer)?;
        Some((p.since, p.connections.len()))
    }

    /// All connections and where they lead.
    pub(crate) fn links(&self) -> impl Iterator<Item = (&PeerId, ConnectionId, &Multiaddr)> {
        let all = self.connected.iter();
        all.flat_map(|(peer, p)| {
            let links = p.connections.iter();
            links.map(move |link| (peer, link.id, &link.remote))
        })
    }

    /// How many connections there are.
    pub(crate) fn open(&self) -> usize {
        self.connected.values().map(|p| p.connections.len()).sum()
    }

    /// Notes a ping time.
    pub(crate) fn pinged(&mut self, peer: &PeerId, time: Duration) {
        if let Some(entry) = self.connected.get_mut(peer) {
            entry.latency = Some(time);
        }
    }

    /// Remembers addresses of a peer, without its id in them.
    pub(crate) fn remember(&mut self, peer: PeerId, more: impl IntoIterator<Item = Multiaddr>) {
        let known = self.known.entry(peer).or_insert_with(|| {
            self.known_order.push_back(peer);
            Vec::new()
        });
        for address in more {
            let address = bare(address);
            if known.len() < MAX_CLAIMS && !address.is_empty() && !known.contains(&address) {
                known.push(address);
            }
        }
        if self.known_order.len() > MAX_KNOWN
            && let Some(oldest) = self.known_order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// All known addresses of a peer.
    pub(crate) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.known.get(peer).cloned().unwrap_or_default()
    }

    pub(crate) fn is_connected(&self, peer: &PeerId) -> bool {
        self.connected.contains_key(peer)
    }

    pub(crate) fn speaks(&self, peer: &PeerId, protocol: &str) -> bool {
        self.connected
            .get(peer)
            .is_some_and(|p| p.protocols.iter().any(|x| x == protocol))
    }

    pub(crate) fn len(&self) -> usize {
        self.connected.len()
    }

    /// What is known here; the caller fills in what redialing and gossip know.
    pub(crate) fn info(&self, peer: &PeerId) -> Option<PeerInfo> {
        let p = self.connected.get(peer)?;
        Some(PeerInfo {
            id: port_id(peer),
            addresses: p
                .connections
                .iter()
                .map(|link| bare(link.remote.clone()).to_string())
                .collect(),
            outgoing: p.outgoing,
            agent: p.agent.clone(),
            protocols: p.protocols.clone(),
            listening: p.listening.iter().map(ToString::to_string).collect(),
            latency: p.latency,
            connected_for: p.since.elapsed(),
            protected: false,
            meta: ConnMgrInfo {
                first_seen: p.first_seen.into(),
                conns: p
                    .connections
                    .iter()
                    .map(|link| (bare(link.remote.clone()).to_string(), link.begun.into()))
                    .collect(),
                ..ConnMgrInfo::default()
            },
            topics: Vec::new(),
            score: None,
        })
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &PeerId> {
        self.connected.keys()
    }
}

/// The address without a peer id at its end.
fn bare(mut address: Multiaddr) -> Multiaddr {
    if matches!(
        address.iter().last(),
        Some(libp2p::multiaddr::Protocol::P2p(_))
    ) {
        address.pop();
    }
    address
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn a_peer_is_gone_when_its_last_connection_is() {
        let mut table = PeerTable::default();
        let peer = PeerId::random();
        let (a, b) = (
            ConnectionId::new_unchecked(1),
            ConnectionId::new_unchecked(2),
        );
        assert!(table.connected(peer, a, address(1), true));
        assert!(!table.connected(peer, b, address(2), false));
        assert!(!table.disconnected(&peer, a));
        assert!(table.is_connected(&peer));
        assert!(table.disconnected(&peer, b));
        assert!(!table.is_connected(&peer));
        assert_eq!(table.addresses(&peer), [address(1)]);
    }

    #[test]
    fn remembered_peers_and_addresses_are_bounded() {
        let mut table = PeerTable::default();
        let first = PeerId::random();
        table.remember(first, (0..1000).map(address));
        assert_eq!(table.addresses(&first).len(), MAX_CLAIMS);
        for _ in 0..MAX_KNOWN + 10 {
            table.remember(PeerId::random(), [address(1)]);
        }
        assert_eq!(table.known.len(), MAX_KNOWN);
        assert_eq!(table.known_order.len(), MAX_KNOWN);
        assert!(table.addresses(&first).is_empty());
    }
}
