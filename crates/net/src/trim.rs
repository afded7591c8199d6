//! Which peers go when there are too many connections.
//!
//! # Lotus parity
//! go-libp2p's connection manager with `ConnMgrLow`, `ConnMgrHigh` and `ConnMgrGrace`: above the high
//! mark, peers go until the low mark is reached. Protected and configured peers stay, and those that
//! came within the grace time; of the others the least valued go first.

use std::{
    cmp::Ordering,
    time::{Duration, Instant},
};

use libp2p::PeerId;

/// When to let peers go, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Connections that are left.
    pub(crate) low: usize,
    /// Connections above which peers go; 0: they never do.
    pub(crate) high: usize,
    /// How long a new peer is left alone.
    pub(crate) grace: Duration,
}

/// A connected peer and what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) peer: PeerId,
    pub(crate) connections: usize,
    /// Since when it is connected.
    pub(crate) since: Instant,
    /// Protected or configured.
    pub(crate) stays: bool,
    /// Gossip does not trust it.
    pub(crate) distrusted: bool,
    /// What it is worth to this host.
    pub(crate) value: i64,
}

impl Standing {
    fn may_go(&self, marks: Marks, now: Instant) -> bool {
        !self.stays && now.saturating_duration_since(self.since) >= marks.grace
    }

    /// Who goes first: distrusted peers, then the least valued, then those that came last.
    fn before(&self, other: &Self) -> Ordering {
        other
            .distrusted
            .cmp(&self.distrusted)
            .then(self.value.cmp(&other.value))
            .then(other.since.cmp(&self.since))
            .then(self.peer.cmp(&other.peer))
    }
}

/// The peers that go now, in this order.
pub(crate) fn choose(mut peers: Vec<Standing>, marks: Marks, now: Instant) -> Vec<PeerId> {
    let mut open: usize = peers.iter().map(|p| p.connections).sum();
    if marks.high == 0 || open <= marks.high {
        return Vec::new();
    }
    peers.retain(|peer| peer.may_go(marks, now));
    peers.sort_by(Standing::before);
    let low = marks.low.min(marks.high);
    let mut going = Vec::new();
    for peer in peers {
        if open <= low {
            break;
        }
        open = open.saturating_sub(peer.connections);
        going.push(peer.peer);
    }
    going
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const GRACE: Duration = Duration::from_secs(20);

    fn marks(low: usize, high: usize) -> Marks {
        Marks {
            low,
            high,
            grace: GRACE,
        }
    }

    fn old(value: i64, now: Instant) -> Standing {
        Standing {
            peer: PeerId::random(),
            connections: 1,
            since: now.checked_sub(GRACE).expect("the clock runs"),
            stays: false,
            distrusted: false,
            value,
        }
    }

    /// A moment with an hour of past.
    fn late() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    #[test]
    fn nobody_goes_up_to_the_high_mark_and_then_as_many_as_are_above_the_low_one() {
        let now = late();
        let mut peers: Vec<_> = (0..5).map(|value| old(value, now)).collect();
        assert!(choose(peers.clone(), marks(2, 5), now).is_empty());
        peers.push(old(9, now));
        let expected: Vec<_> = peers.iter().take(4).map(|p| p.peer).collect();
        assert_eq!(choose(peers, marks(2, 5), now), expected);
    }

    #[test]
    fn a_peer_that_gossip_distrusts_goes_before_one_of_less_value() {
        let now = late();
        let (worthless, mut distrusted) = (old(0, now), old(100, now));
        distrusted.distrusted = true;
        let first = distrusted.peer;
        assert_eq!(
            choose(vec![worthless, distrusted], marks(1, 1), now),
            [first]
        );
    }

    #[test]
    fn marks_of_zero_let_nobody_go() {
        let now = late();
        let peers = (0..5).map(|value| old(value, now)).collect();
        assert!(choose(peers, marks(0, 0), now).is_empty());
    }

    fn standing(now: Instant) -> impl Strategy<Value = Standing> {
        (
            0_u64..40,
            any::<bool>(),
            any::<bool>(),
            -5_i64..50,
            1_usize..4,
        )
            .prop_map(
                move |(age, stays, distrusted, value, connections)| Standing {
                    peer: PeerId::random(),
                    connections,
                    since: now
                        .checked_sub(Duration::from_secs(age))
                        .expect("an hour of past"),
                    stays,
                    distrusted,
                    value,
                },
            )
    }

    fn case() -> impl Strategy<Value = (Vec<Standing>, Marks, Instant)> {
        let now = late();
        let peers = proptest::collection::vec(standing(now), 0..60);
        (peers, 0_usize..80, 1_usize..80)
            .prop_map(move |(peers, low, high)| (peers, marks(low, high), now))
    }

    proptest! {
        #[test]
        fn whoever_must_stay_stays((peers, marks, now) in case()) {
            let going: HashSet<_> = choose(peers.clone(), marks, now).into_iter().collect();
            for peer in peers.iter().filter(|p| going.contains(&p.peer)) {
                prop_assert!(!peer.stays);
                prop_assert!(now - peer.since >= GRACE);
            }
        }

        #[test]
        fn just_enough_go((peers, marks, now) in case()) {
            let open: usize = peers.iter().map(|p| p.connections).sum();
            let going = choose(peers.clone(), marks, now);
            let of = |id: &PeerId| peers.iter().find(|p| p.peer == *id).expect("a peer").connections;
            let left = open - going.iter().map(of).sum::<usize>();
            let low = marks.low.min(marks.high);
            if open <= marks.high {
                prop_assert!(going.is_empty());
            } else if left > low {
                let may_go = peers.iter().filter(|p| p.may_go(marks, now)).count();
                prop_assert_eq!(going.len(), may_go, "all that may");
            } else if let Some(last) = going.last() {
                prop_assert!(left + of(last) > low, "the last one was needed");
            }
        }

        #[test]
        fn nobody_goes_before_one_that_is_worth_less((peers, marks, now) in case()) {
            let going = choose(peers.clone(), marks, now);
            let kept = peers.iter().filter(|p| p.may_go(marks, now) && !going.contains(&p.peer));
            for kept in kept {
                for gone in peers.iter().filter(|p| going.contains(&p.peer)) {
                    prop_assert!(gone.distrusted || !kept.distrusted);
                    if gone.distrusted == kept.distrusted {
                        prop_assert!(gone.value <= kept.value);
                    }
                }
            }
        }

        #[test]
        fn the_choice_does_not_depend_on_the_order((peers, marks, now) in case()) {
            let mut turned = peers.clone();
            turned.reverse();
            prop_assert_eq!(choose(peers, marks, now), choose(turned, marks, now));
        }
    }
}
