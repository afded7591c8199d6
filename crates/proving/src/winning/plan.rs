//! What to build on, and when: pure.
//!
//! # Invariants
//! - A round is tried at most once per base: each try is on a new tipset, or on the same with one
//!   null round more.
//! - A null round is only counted once its time has come: nobody mines ahead of the clock.

use std::time::Duration;

use lotus_ports::clock::UnixTime;
use lotus_types::{ChainEpoch, Tipset};

/// The network's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From one epoch to the next.
    pub block_time: Duration,
    /// How long blocks take to be everywhere.
    pub propagation_delay: Duration,
}

/// What the next block would be built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The parents.
    pub tipset: Tipset,
    /// Epochs after the parents' in which nobody was elected.
    pub null_rounds: u32,
}

impl Base {
    /// The epoch of the block.
    pub fn epoch(&self) -> ChainEpoch {
        self.tipset.height() + ChainEpoch::from(self.null_rounds) + 1
    }

    /// The block's timestamp, unix seconds: exactly its epoch's, or it is invalid.
    pub fn timestamp(&self, timing: &Timing) -> u64 {
        self.block_at(timing).as_secs()
    }

    /// When the block is to be published.
    pub fn block_at(&self, timing: &Timing) -> UnixTime {
        let rounds = self.null_rounds.saturating_add(1);
        Duration::from_secs(self.tipset.min_timestamp())
            .saturating_add(timing.block_time.saturating_mul(rounds))
    }

    /// When to start with it: when the blocks of the epoch before are everywhere.
    pub fn start_at(&self, timing: &Timing) -> UnixTime {
        self.block_at(timing)
            .saturating_sub(timing.block_time)
            .saturating_add(timing.propagation_delay)
    }

    /// The same base, one epoch later.
    #[must_use]
    pub fn after_null_round(&self) -> Self {
        Self {
            tipset: self.tipset.clone(),
            null_rounds: self.null_rounds.saturating_add(1),
        }
    }
}

/// The next base to try on, after a try on `last`.
///
/// A new head is tried at once, unless it is not later than the epoch that was tried already: a
/// second block for the same epoch would be a fault. On an unchanged head one null round is added.
pub fn next_base(last: Option<&Base>, head: &Tipset) -> Base {
    let fresh = Base {
        tipset: head.clone(),
        null_rounds: 0,
    };
    let Some(last) = last else { return fresh };
    if last.tipset.key() == head.key() {
        return last.after_null_round();
    }
    let tried = last.epoch();
    if fresh.epoch() > tried {
        return fresh;
    }
    // A heavier tipset of an epoch that is over: the first one after what was tried.
    let behind = tried - head.height();
    Base {
        tipset: head.clone(),
        null_rounds: u32::try_from(behind).unwrap_or(0),
    }
}

/// Null rounds to skip because their time is over (the machine slept, the node was syncing).
#[must_use]
pub fn catch_up(base: Base, now: UnixTime, timing: &Timing) -> Base {
    let block = timing.block_time.as_millis().max(1);
    let late = now.saturating_sub(base.block_at(timing)).as_millis();
    // A block that is less than one block time late may still make it.
    let skip = u32::try_from(late / block).unwrap_or(u32::MAX);
    Base {
        null_rounds: base.null_rounds.saturating_add(skip),
        ..base
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use lotus_types::{Address, BigInt, BlockHeader, Cid, Ticket, TipsetKey, TokenAmount};

    use super::*;

    pub(crate) const TIMING: Timing = Timing {
        block_time: Duration::from_secs(10),
        propagation_delay: Duration::from_secs(2),
    };

    pub(crate) fn header(height: ChainEpoch, parents: &TipsetKey, ticket: u8) -> BlockHeader {
        let cid = Cid::of(&0_u64);
        BlockHeader {
            miner: Address::new_id(1000),
            ticket: Some(Ticket {
                vrf_proof: vec![ticket; 96].into(),
            }),
            election_proof: None,
            beacon_entries: vec![],
            winning_post_proof: vec![],
            parents: parents.clone(),
            parent_weight: BigInt::default(),
            height,
            parent_state_root: cid,
            parent_message_receipts: cid,
            messages: cid,
            bls_aggregate: None,
            timestamp: 1_000_000 + u64::try_from(height).unwrap() * 10,
            block_signature: None,
            fork_signaling: 0,
            parent_base_fee: TokenAmount::zero(),
        }
    }

    pub(crate) fn tipset(height: ChainEpoch, ticket: u8) -> Tipset {
        Tipset::new(vec![header(height, &TipsetKey::default(), ticket)]).unwrap()
    }

    fn secs(n: u64) -> UnixTime {
        Duration::from_secs(n)
    }

    #[test]
    fn a_block_is_begun_after_propagation_and_published_at_its_epochs_time() {
        let base = Base {
            tipset: tipset(7, 1),
            null_rounds: 0,
        };
        assert_eq!(base.epoch(), 8);
        assert_eq!(base.start_at(&TIMING), secs(1_000_072));
        assert_eq!(base.timestamp(&TIMING), 1_000_080);
        let later = base.after_null_round();
        assert_eq!((later.epoch(), later.timestamp(&TIMING)), (9, 1_000_090));
        assert_eq!(later.start_at(&TIMING), secs(1_000_082));
    }

    mod the_next_base {
        use super::*;

        #[test]
        fn is_the_new_head() {
            let last = Base {
                tipset: tipset(7, 1),
                null_rounds: 0,
            };
            assert_eq!(next_base(Some(&last), &tipset(8, 1)).epoch(), 9);
            assert_eq!(next_base(None, &tipset(8, 1)).epoch(), 9);
        }

        #[test]
        fn has_one_null_round_more_when_the_head_has_not_changed() {
            let last = Base {
                tipset: tipset(7, 1),
                null_rounds: 2,
            };
            let next = next_base(Some(&last), &tipset(7, 1));
            assert_eq!((next.null_rounds, next.epoch()), (3, 11));
        }

        #[test]
        fn never_has_an_epoch_that_was_tried_already() {
            let last = Base {
                tipset: tipset(7, 1),
                null_rounds: 3,
            };
            for head in [tipset(7, 2), tipset(5, 1), tipset(10, 1)] {
                assert_eq!(next_base(Some(&last), &head).epoch(), 12, "{head:?}");
            }
        }
    }

    #[test]
    fn rounds_whose_time_is_over_are_skipped() {
        let base = Base {
            tipset: tipset(7, 1),
            null_rounds: 0,
        };
        let at = |now| catch_up(base.clone(), secs(now), &TIMING).epoch();
        assert_eq!(at(1_000_075), 8);
        assert_eq!(at(1_000_089), 8);
        assert_eq!(at(1_000_090), 9);
        assert_eq!(at(1_000_185), 18);
    }
}
