//! Which deadline is looked at when.

use std::collections::BTreeMap;

use lotus_types::{Address, ChainEpoch};

/// Epochs after a deadline's end until its proofs are looked at, so that a reorganisation of the chain
/// changes nothing any more.
const CONFIDENCE: ChainEpoch = 10;

/// A deadline of a miner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) miner: Address,
    pub(super) index: u64,
}

/// Deadlines by the epoch at which they are looked at.
#[derive(Debug, Default)]
pub(super) struct Schedule(BTreeMap<ChainEpoch, Vec<Deadline>>);

impl Schedule {
    /// Adds a deadline that closes at an epoch.
    pub(super) fn add(&mut self, close: ChainEpoch, deadline: Deadline) {
        let at = close.saturating_add(CONFIDENCE);
        self.0.entry(at).or_default().push(deadline);
    }

    /// Takes what is due when the head is at this height: nothing is left behind by a null round.
    pub(super) fn take_due(&mut self, height: ChainEpoch) -> Vec<Deadline> {
        let later = self.0.split_off(&height.saturating_add(1));
        let due = std::mem::replace(&mut self.0, later);
        due.into_values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline(miner: u64) -> Deadline {
        Deadline {
            miner: Address::new_id(miner),
            index: 3,
        }
    }

    #[test]
    fn a_deadline_is_due_once_ten_epochs_after_its_end() {
        let mut schedule = Schedule::default();
        schedule.add(100, deadline(1));
        assert_eq!(schedule.take_due(109), []);
        assert_eq!(schedule.take_due(110), [deadline(1)]);
        assert_eq!(schedule.take_due(110), []);
    }

    #[test]
    fn null_rounds_leave_nothing_behind() {
        let mut schedule = Schedule::default();
        schedule.add(100, deadline(1));
        schedule.add(102, deadline(2));
        schedule.add(160, deadline(1));
        assert_eq!(schedule.take_due(113), [deadline(1), deadline(2)]);
        assert_eq!(schedule.take_due(ChainEpoch::MAX), [deadline(1)]);
    }
}
