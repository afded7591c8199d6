//! Which announced chain comes next.
//!
//! A claim is what a peer says its head is: nothing of it is verified. Each peer has one claim at a
//! time, its latest; so a peer that lies costs one attempt per lie, and peers whose claims came to
//! nothing are heard after all others.
//!
//! # Lotus parity
//! The bootstrap rule of `syncManager`: the first target is chosen once enough peers have told their
//! heads. Then always the heaviest claim.

use std::collections::BTreeMap;

use lotus_ports::network::PeerId;
use lotus_types::{BigInt, ChainEpoch, TipsetKey};

/// Peers remembered: more than a node is connected to.
const MAX_PEERS: usize = 1024;

/// What a peer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Blocks of its head.
    pub key: TipsetKey,
    /// Epoch of its head.
    pub height: ChainEpoch,
    /// Weight: of its head for hello, of the parents for a gossiped block.
    pub weight: BigInt,
}

/// A claim to follow up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Who says so.
    pub peer: PeerId,
    /// What.
    pub claim: Claim,
}

#[derive(Debug, Clone, Default)]
struct Peer {
    claim: Option<Claim>,
    /// Claims in a row that came to nothing.
    failures: u32,
    /// Order of arrival.
    since: u64,
}

/// The claims of all peers.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    peers: BTreeMap<PeerId, Peer>,
    arrivals: u64,
}

impl Targets {
    /// A peer tells its head.
    pub fn hear(&mut self, peer: PeerId, claim: Claim) {
        self.arrivals += 1;
        if !self.peers.contains_key(&peer) && self.peers.len() >= MAX_PEERS {
            let oldest = self
                .peers
                .iter()
                .min_by_key(|(_, p)| p.since)
                .map(|(id, _)| id.clone());
            oldest.and_then(|id| self.peers.remove(&id));
        }
        let known = self.peers.entry(peer).or_default();
        known.claim = Some(claim);
        known.since = self.arrivals;
    }

    /// Distinct peers heard so far.
    pub fn peers_heard(&self) -> usize {
        self.peers.len()
    }

    /// The claim to follow up: the heaviest of those peers that failed least often, once `threshold`
    /// peers have been heard. It is taken out; [`Targets::settle`] says how it ended. Claims that
    /// `is_known` says are here already are dropped.
    pub fn next(
        &mut self,
        threshold: usize,
        is_known: impl Fn(&TipsetKey) -> bool,
    ) -> Option<Target> {
        for peer in self.peers.values_mut() {
            peer.claim
                .take_if(|claim| claim.key.is_empty() || is_known(&claim.key));
        }
        if self.peers.len() < threshold {
            return None;
        }
        let claims = self
            .peers
            .iter()
            .filter_map(|(id, p)| p.claim.as_ref().map(|c| (id, p, c)));
        let (peer, ..) = claims.max_by(|(_, a, x), (_, b, y)| {
            let reliable = b.failures.cmp(&a.failures);
            reliable
                .then_with(|| x.weight.cmp(&y.weight))
                .then_with(|| b.since.cmp(&a.since))
        })?;
        let peer = peer.clone();
        let claim = self.peers.get_mut(&peer)?.claim.take()?;
        Some(Target { peer, claim })
    }

    /// How a claim ended: `true` when its chain was there and valid, whoever won in the end.
    pub fn settle(&mut self, peer: &PeerId, held: bool) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.failures = if held {
                0
            } else {
                known.failures.saturating_add(1)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use lotus_types::Cid;

    use super::*;

    fn peer(name: &str) -> PeerId {
        PeerId::from_text(name)
    }

    fn claim(tag: u8, weight: i64) -> Claim {
        let key = TipsetKey::new(vec![Cid::of_raw(&[tag])]);
        Claim {
            key,
            height: 1,
            weight: BigInt::from(weight),
        }
    }

    fn nothing(_: &TipsetKey) -> bool {
        false
    }

    #[test]
    fn nothing_is_chosen_before_enough_peers_were_heard() {
        let mut targets = Targets::default();
        targets.hear(peer("a"), claim(1, 10));
        targets.hear(peer("a"), claim(1, 10));
        assert_eq!(targets.next(2, nothing), None);
        targets.hear(peer("b"), claim(2, 5));
        assert_eq!(targets.next(2, nothing).map(|t| t.peer), Some(peer("a")));
    }

    #[test]
    fn the_heaviest_claim_comes_first_and_known_ones_never() {
        let mut targets = Targets::default();
        targets.hear(peer("a"), claim(1, 10));
        targets.hear(peer("b"), claim(2, 30));
        targets.hear(peer("c"), claim(3, 20));
        let known = claim(2, 0).key;
        let first = targets.next(1, |key| *key == known);
        assert_eq!(first.map(|t| t.peer), Some(peer("c")));
        assert_eq!(targets.next(1, nothing).map(|t| t.peer), Some(peer("a")));
        assert_eq!(targets.next(1, nothing), None);
    }

    #[test]
    fn a_peer_whose_claims_fail_is_heard_after_honest_ones() {
        let mut targets = Targets::default();
        targets.hear(peer("liar"), claim(1, 1_000_000));
        let lie = targets.next(1, nothing).expect("a target");
        targets.settle(&lie.peer, false);
        targets.hear(peer("liar"), claim(2, 2_000_000));
        targets.hear(peer("honest"), claim(3, 10));
        assert_eq!(
            targets.next(1, nothing).map(|t| t.peer),
            Some(peer("honest"))
        );
        assert_eq!(targets.next(1, nothing).map(|t| t.peer), Some(peer("liar")));
    }
}
