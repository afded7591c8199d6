//! The random beacon as a port, and the schedule that says which beacon serves an epoch.
//!
//! # Invariants
//! - An entry that [`Beacon::entry`] gives is verified.
//! - The chain only ever holds entries of the rounds that [`Beacon::max_round_for_epoch`] names, so
//!   everyone agrees which round an epoch's randomness is of.
//!
//! # Lotus parity
//! `beacon.RandomBeacon` and `beacon.Schedule`. Which of an epoch's formulas holds is the beacon's
//! own knowledge: every network here begins after network version 16.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use lotus_types::{BeaconEntry, ChainEpoch};

/// Why a beacon has no entry, or refuses one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconError {
    /// The entry is not what the beacon said in that round: whoever made it is to blame.
    #[error("beacon entry of round {round} is invalid: {reason}")]
    Invalid {
        /// The entry's round.
        round: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The beacon could not be asked, or has no such round: nobody's entry is wrong.
    #[error("no beacon entry for round {round}: {reason}")]
    Unavailable {
        /// The round that was asked for.
        round: u64,
        /// What every server answered.
        reason: String,
    },
}

impl BeaconError {
    /// True when the entry, not this node, is to blame.
    pub fn is_bad_entry(&self) -> bool {
        matches!(self, Self::Invalid { .. })
    }
}

/// A source of public randomness, one entry per round.
#[async_trait]
pub trait Beacon: fmt::Debug + Send + Sync {
    /// The entry of `round`; waits for it when the round is to come.
    async fn entry(&self, round: u64) -> Result<BeaconEntry, BeaconError>;

    /// Checks `entry`; a chained beacon needs the entry of the round before. About 1 ms of CPU.
    ///
    /// # Errors
    /// [`BeaconError::Invalid`] when the beacon never said that.
    fn verify_entry(&self, entry: &BeaconEntry, previous: &BeaconEntry) -> Result<(), BeaconError>;

    /// The newest round that a block at `epoch` can know, and must have.
    fn max_round_for_epoch(&self, epoch: ChainEpoch) -> u64;

    /// True when an entry can only be verified with the one before.
    fn is_chained(&self) -> bool;
}

/// Which beacon serves which epochs.
#[derive(Debug, Clone)]
pub struct BeaconSchedule {
    first: Arc<dyn Beacon>,
    /// Later beacons and the epochs from which they serve, ascending.
    later: Vec<(ChainEpoch, Arc<dyn Beacon>)>,
}

impl BeaconSchedule {
    /// One beacon for all epochs.
    pub fn new(beacon: Arc<dyn Beacon>) -> Self {
        Self {
            first: beacon,
            later: Vec::new(),
        }
    }

    /// The same schedule, but `beacon` serves from `epoch` on.
    #[must_use]
    pub fn switching_at(mut self, epoch: ChainEpoch, beacon: Arc<dyn Beacon>) -> Self {
        let at = self.later.partition_point(|(start, _)| *start <= epoch);
        self.later.insert(at, (epoch, beacon));
        self
    }

    /// The beacon that serves `epoch`.
    pub fn beacon_for_epoch(&self, epoch: ChainEpoch) -> &Arc<dyn Beacon> {
        match self.index(epoch).checked_sub(1) {
            Some(later) => &self.later[later].1,
            None => &self.first,
        }
    }

    /// True when the beacon changed between the two epochs.
    pub fn switches_between(&self, earlier: ChainEpoch, later: ChainEpoch) -> bool {
        self.index(earlier) != self.index(later)
    }

    /// [`Beacon::max_round_for_epoch`] of the beacon that serves `epoch`.
    pub fn max_round_for_epoch(&self, epoch: ChainEpoch) -> u64 {
        self.beacon_for_epoch(epoch).max_round_for_epoch(epoch)
    }

    /// 0 for the first beacon, else one more than the position in `later`.
    fn index(&self, epoch: ChainEpoch) -> usize {
        self.later.partition_point(|(start, _)| *start <= epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells which beacon it is by its rounds.
    #[derive(Debug)]
    struct Numbered(u64);

    #[async_trait]
    impl Beacon for Numbered {
        async fn entry(&self, round: u64) -> Result<BeaconEntry, BeaconError> {
            Err(BeaconError::Unavailable {
                round,
                reason: "not asked in these tests".to_owned(),
            })
        }

        fn verify_entry(&self, _: &BeaconEntry, _: &BeaconEntry) -> Result<(), BeaconError> {
            Ok(())
        }

        fn max_round_for_epoch(&self, _: ChainEpoch) -> u64 {
            self.0
        }

        fn is_chained(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_lone_beacon_serves_all_epochs() {
        let schedule = BeaconSchedule::new(Arc::new(Numbered(1)));
        for epoch in [-10, 0, 1, i64::MAX] {
            assert_eq!(schedule.max_round_for_epoch(epoch), 1);
        }
        assert!(!schedule.switches_between(-10, i64::MAX));
    }

    #[test]
    fn a_later_beacon_serves_from_its_epoch_on_in_whatever_order_it_was_added() {
        let schedule = BeaconSchedule::new(Arc::new(Numbered(1)))
            .switching_at(200, Arc::new(Numbered(3)))
            .switching_at(100, Arc::new(Numbered(2)));
        for (epoch, beacon) in [(-1, 1), (99, 1), (100, 2), (199, 2), (200, 3), (1000, 3)] {
            assert_eq!(schedule.max_round_for_epoch(epoch), beacon, "epoch {epoch}");
        }
        assert!(schedule.switches_between(99, 100));
        assert!(!schedule.switches_between(100, 199));
    }
}
