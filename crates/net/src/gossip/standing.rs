//! What gossip's scores are made of, as far as this host sees it itself.
//!
//! The library tells one number per peer. Its parts that follow from events of this host are kept here
//! by the library's own rules: who was first to deliver a valid value, who delivered invalid ones, how
//! long a peer has been in a topic's mesh, how many peers share an address.
//!
//! # Invariants
//! - A peer that is gone is forgotten within a second; there are no more topics than this host subscribes to.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    time::{Duration, Instant},
};

use libp2p::{
    PeerId,
    gossipsub::{PeerScoreParams, TopicHash},
};
use lotus_rpc_api::types::{go::Nanos, net::TopicScore};

/// Of one peer in one topic.
#[derive(Debug, Default, Clone, PartialEq)]
struct Part {
    in_mesh_since: Option<Instant>,
    first: f64,
    invalid: f64,
}

/// The parts of all connected peers' scores.
#[derive(Debug)]
pub(crate) struct Standings {
    params: PeerScoreParams,
    peers: HashMap<PeerId, HashMap<TopicHash, Part>>,
    decayed: Instant,
}

impl Standings {
    /// With the parameters that the library scores by.
    pub(crate) fn new(params: PeerScoreParams) -> Self {
        Self {
            params,
            peers: HashMap::new(),
            decayed: Instant::now(),
        }
    }

    fn part(&mut self, peer: PeerId, topic: &TopicHash) -> Option<&mut Part> {
        if !self.params.topics.contains_key(topic) {
            return None;
        }
        let topics = self.peers.entry(peer).or_default();
        Some(topics.entry(topic.clone()).or_default())
    }

    /// The peer was the first to deliver a value that is valid.
    pub(crate) fn delivered(&mut self, peer: PeerId, topic: &TopicHash) {
        let Some(cap) = self.params.topics.get(topic) else {
            return;
        };
        let cap = cap.first_message_deliveries_cap;
        if let Some(part) = self.part(peer, topic) {
            part.first = (part.first + 1.0).min(cap);
        }
    }

    /// The peer delivered a value that is not valid.
    pub(crate) fn offended(&mut self, peer: PeerId, topic: &TopicHash) {
        if let Some(part) = self.part(peer, topic) {
            part.invalid += 1.0;
        }
    }

    /// Forgets all other peers.
    pub(crate) fn keep<'a>(&mut self, connected: impl Iterator<Item = &'a PeerId>) {
        let connected: HashSet<_> = connected.collect();
        self.peers.retain(|peer, _| connected.contains(peer));
    }

    /// Who is in a topic's mesh now.
    pub(crate) fn mesh<'a>(
        &mut self,
        topic: &TopicHash,
        members: impl Iterator<Item = &'a PeerId>,
        now: Instant,
    ) {
        let members: HashSet<PeerId> = members.copied().collect();
        for (peer, topics) in &mut self.peers {
            if let Some(part) = topics.get_mut(topic).filter(|_| !members.contains(peer)) {
                part.in_mesh_since = None;
            }
        }
        for member in members {
            if let Some(part) = self.part(member, topic) {
                part.in_mesh_since.get_or_insert(now);
            }
        }
    }

    /// Lets the past fade, by whole intervals of the parameters.
    pub(crate) fn fade(&mut self, now: Instant) {
        let interval = self.params.decay_interval.max(Duration::from_millis(1));
        let passed = now.saturating_duration_since(self.decayed);
        let times = passed.as_nanos() / interval.as_nanos();
        let times = i32::try_from(times).unwrap_or(i32::MAX);
        self.decayed += interval.saturating_mul(times.unsigned_abs());
        let zero = self.params.decay_to_zero;
        for (topic, part) in self.peers.values_mut().flatten() {
            let Some(params) = self.params.topics.get(topic) else {
                continue;
            };
            let fade = |value: &mut f64, decay: f64| {
                *value *= decay.powi(times);
                if *value < zero {
                    *value = 0.0;
                }
            };
            fade(&mut part.first, params.first_message_deliveries_decay);
            fade(&mut part.invalid, params.invalid_message_deliveries_decay);
        }
    }

    /// A peer's parts by topic.
    pub(crate) fn topics(&self, peer: &PeerId, now: Instant) -> BTreeMap<String, TopicScore> {
        let topics = self.peers.get(peer).into_iter().flatten();
        topics
            .map(|(topic, part)| {
                let in_mesh = part.in_mesh_since.map(|s| now.saturating_duration_since(s));
                let score = TopicScore {
                    time_in_mesh: Nanos::from(in_mesh.unwrap_or_default()),
                    first_message_deliveries: part.first,
                    // Lotus' parameters give no weight to these and cap them at nothing.
                    mesh_message_deliveries: 0.0,
                    invalid_message_deliveries: part.invalid,
                };
                (topic.to_string(), score)
            })
            .collect()
    }

    /// The square of the peers beyond the threshold that share one of a peer's addresses.
    pub(crate) fn colocation(&self, own: &[IpAddr], all: &HashMap<IpAddr, usize>) -> f64 {
        own.iter()
            .filter(|ip| !self.params.ip_colocation_factor_whitelist.contains(ip))
            .map(|ip| {
                let peers = all.get(ip).copied().unwrap_or_default() as f64;
                let surplus = peers - self.params.ip_colocation_factor_threshold;
                if surplus > 0.0 {
                    surplus * surplus
                } else {
                    0.0
                }
            })
            // Not `sum`, which makes -0 of nothing.
            .fold(0.0, |all, one| all + one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gossip::{Topic, params};

    const SECOND: Duration = Duration::from_secs(1);

    fn standings() -> (Standings, TopicHash) {
        let topic = TopicHash::from_raw(Topic::Blocks.name("testnet"));
        (Standings::new(params::scores("testnet")), topic)
    }

    fn score(standings: &Standings, peer: &PeerId, now: Instant) -> TopicScore {
        let topics = standings.topics(peer, now);
        topics.into_values().next().unwrap_or_default()
    }

    #[test]
    fn deliveries_count_up_to_the_cap_and_fade_within_their_hour() {
        let (mut standings, topic) = standings();
        let peer = PeerId::random();
        let start = Instant::now();
        for _ in 0..150 {
            standings.delivered(peer, &topic);
        }
        let full = score(&standings, &peer, start);
        assert!((full.first_message_deliveries - 100.0).abs() < 1e-9);
        standings.fade(start + 2 * SECOND);
        let later = score(&standings, &peer, start);
        assert!(later.first_message_deliveries < 100.0);
        standings.fade(start + 3 * 3600 * SECOND);
        assert!(score(&standings, &peer, start).first_message_deliveries == 0.0);
    }

    #[test]
    fn time_in_the_mesh_runs_while_a_peer_is_in_it() {
        let (mut standings, topic) = standings();
        let peer = PeerId::random();
        let start = Instant::now();
        standings.mesh(&topic, [peer].iter(), start);
        standings.mesh(&topic, [peer].iter(), start + SECOND);
        let now = start + 5 * SECOND;
        assert_eq!(
            score(&standings, &peer, now).time_in_mesh,
            (5 * SECOND).into()
        );
        standings.mesh(&topic, [].iter(), now);
        assert_eq!(score(&standings, &peer, now).time_in_mesh, Nanos(0));
    }

    #[test]
    fn other_topics_and_peers_that_went_leave_nothing() {
        let (mut standings, topic) = standings();
        let peer = PeerId::random();
        standings.delivered(peer, &TopicHash::from_raw("/other"));
        assert!(standings.peers.is_empty());
        standings.offended(peer, &topic);
        standings.keep([PeerId::random()].iter());
        assert!(standings.topics(&peer, Instant::now()).is_empty());
    }

    #[test]
    fn many_peers_at_one_address_count_by_the_square_except_on_this_machine() {
        let (standings, _) = standings();
        let far = IpAddr::from([1, 2, 3, 4]);
        let here = IpAddr::from([127, 0, 0, 1]);
        let all = HashMap::from([(far, 8), (here, 50)]);
        assert!((standings.colocation(&[far], &all) - 9.0).abs() < 1e-9);
        assert!(standings.colocation(&[here], &all) == 0.0);
    }
}
