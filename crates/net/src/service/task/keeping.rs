//! Whom the host keeps and lets go, and what it thinks of peers.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Instant,
};

use libp2p::PeerId;
use lotus_rpc_api::types::net::{PeerScore, PubsubScore};

use super::Host;
use crate::{
    gate::ip::ip_of,
    peers::PeerInfo,
    trim::{Standing, choose},
};

/// What a peer is worth that said hello, under Lotus' name for it.
const GREETED: (&str, i64) = ("fcpeer", 10);
/// What a peer is worth for every topic in whose mesh it is.
const IN_MESH: i64 = 20;

impl Host {
    /// All that is known of a connected peer.
    pub(super) fn info(&self, peer: &PeerId) -> Option<PeerInfo> {
        let gossip = &self.swarm.behaviour().gossip;
        let mut topics: Vec<_> = gossip
            .all_peers()
            .find(|(id, _)| *id == peer)
            .map(|(_, topics)| topics.into_iter().map(ToString::to_string).collect())
            .unwrap_or_default();
        topics.sort();
        let score = gossip.peer_score(peer);
        let mut info = self.peers.info(peer)?;
        info.meta.tags = self.tags(peer);
        info.meta.value = info.meta.tags.values().sum();
        Some(PeerInfo {
            protected: self.stays(peer),
            topics,
            score,
            ..info
        })
    }

    /// What speaks for keeping a peer.
    fn tags(&self, peer: &PeerId) -> BTreeMap<String, i64> {
        let meshes = self.desk.meshes(&self.swarm.behaviour().gossip, peer);
        let meshes = meshes.into_iter();
        let mut tags: BTreeMap<_, _> = meshes
            .map(|topic| (format!("pubsub:{topic}"), IN_MESH))
            .collect();
        if self.peers.has_greeted(peer) {
            tags.insert(GREETED.0.to_owned(), GREETED.1);
        }
        tags
    }

    fn stays(&self, peer: &PeerId) -> bool {
        self.redial.contains(peer) || self.protected.contains(peer)
    }

    pub(super) fn protect(&mut self, peers: Vec<PeerId>, on: bool) {
        for peer in peers {
            if on {
                self.protected.insert(peer);
            } else {
                self.protected.remove(&peer);
            }
        }
    }

    /// Does not speak to these peers, which the host has kept from an earlier start.
    pub(in crate::service) fn block(&mut self, peers: &[String]) {
        for peer in peers.iter().flat_map(|text| text.parse()) {
            self.swarm.behaviour_mut().blocked.block_peer(peer);
        }
    }

    /// What is due every second.
    pub(super) fn look(&mut self, now: Instant) {
        self.net.counters().traffic.look(now);
        self.desk.look(&self.swarm.behaviour().gossip, now);
        self.let_go(now);
    }

    /// Lets peers go when there are too many connections.
    pub(super) fn let_go(&mut self, now: Instant) {
        if self.marks.high == 0 || self.peers.open() <= self.marks.high {
            return;
        }
        let going = choose(self.standings(), self.marks, now);
        if !going.is_empty() {
            tracing::info!(
                peers = going.len(),
                "too many connections: letting peers go"
            );
        }
        for peer in going {
            // An error means that it is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    fn standings(&self) -> Vec<Standing> {
        let gossip = &self.swarm.behaviour().gossip;
        let standing = |peer: &PeerId| {
            let (since, connections) = self.peers.connections(peer)?;
            Some(Standing {
                peer: *peer,
                connections,
                since,
                stays: self.stays(peer),
                distrusted: gossip.peer_score(peer).is_some_and(|score| score < 0.0),
                value: self.tags(peer).values().sum(),
            })
        };
        self.peers.ids().filter_map(standing).collect()
    }

    /// Ends the connections that the rules about IP addresses forbid. Where one leads that was dialed
    /// by name is not known, so it ends too when there are rules: dialing it again looks the name up.
    pub(super) fn close_forbidden(&mut self) {
        let rules = self.net.blocked_ips();
        let links = self.peers.links();
        let forbidden: Vec<_> = links
            .filter(|(_, _, remote)| ip_of(remote).is_none_or(|ip| rules.blocks(ip)))
            .map(|(peer, id, _)| (*peer, id))
            .collect();
        for (peer, id) in forbidden {
            tracing::info!(%peer, "ending a connection: its address is blocked");
            // False means that it is gone already.
            let _ = self.swarm.close_connection(id);
        }
    }

    /// Gossip's opinion of the connected peers, those with the last ids first.
    pub(super) fn scores(&self) -> Vec<PubsubScore> {
        let gossip = &self.swarm.behaviour().gossip;
        let (mut own, mut all) = (HashMap::new(), HashMap::new());
        for (peer, _, remote) in self.peers.links() {
            let addresses: &mut Vec<IpAddr> = own.entry(*peer).or_default();
            if let Some(ip) = ip_of(remote).filter(|ip| !addresses.contains(ip)) {
                addresses.push(ip);
                *all.entry(ip).or_default() += 1_usize;
            }
        }
        let (now, standings) = (Instant::now(), self.desk.standings());
        let mut peers: Vec<_> = gossip.all_peers().map(|(peer, _)| *peer).collect();
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.to_bytes()));
        let score = |peer: PeerId| {
            let addresses = own.get(&peer).map_or(&[][..], Vec::as_slice);
            Some(PubsubScore {
                id: peer.to_base58(),
                score: PeerScore {
                    score: gossip.peer_score(&peer)?,
                    topics: standings.topics(&peer, now),
                    // This host says nothing.
                    app_specific_score: 0.0,
                    ip_colocation_factor: standings.colocation(addresses, &all),
                    behaviour_penalty: None,
                },
            })
        };
        peers.into_iter().filter_map(score).collect()
    }
}
