//! The proving schedule: periods of 48 deadlines, computed from an offset.

use lotus_networks::policy;
use lotus_types::{ChainEpoch, wire_tuple};

/// The lengths that make up a proving period, in epochs. The same on every network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Deadlines in a period.
    pub period_deadlines: u64,
    /// Length of a period.
    pub proving_period: ChainEpoch,
    /// Length of a deadline's window.
    pub challenge_window: ChainEpoch,
    /// The challenge is drawn so long before the window opens.
    pub challenge_lookback: ChainEpoch,
    /// Faults must be declared so long before the window opens.
    pub fault_declaration_cutoff: ChainEpoch,
    /// Proofs can be disputed for so long after the window.
    pub dispute_window: ChainEpoch,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            period_deadlines: policy::WPOST_PERIOD_DEADLINES,
            proving_period: policy::WPOST_PROVING_PERIOD,
            challenge_window: policy::WPOST_CHALLENGE_WINDOW,
            challenge_lookback: policy::WPOST_CHALLENGE_LOOKBACK,
            fault_declaration_cutoff: policy::FAULT_DECLARATION_CUTOFF,
            dispute_window: policy::WPOST_DISPUTE_WINDOW,
        }
    }
}

impl Schedule {
    /// The deadline at `epoch`; `offset` is the begin of any of the miner's periods.
    pub fn current(&self, offset: ChainEpoch, epoch: ChainEpoch) -> DeadlineInfo {
        let into_period = epoch
            .saturating_sub(offset)
            .rem_euclid(self.proving_period.max(1));
        let index = (into_period / self.challenge_window.max(1)) as u64;
        let index = index % self.period_deadlines.max(1);
        self.deadline(epoch.saturating_sub(into_period), index, epoch)
    }

    /// Deadline `index` of the period that begins at `period_start`, seen from `epoch`.
    pub fn deadline(
        &self,
        period_start: ChainEpoch,
        index: u64,
        epoch: ChainEpoch,
    ) -> DeadlineInfo {
        let past_last = index >= self.period_deadlines;
        let windows = ChainEpoch::try_from(index.min(self.period_deadlines)).unwrap_or(0);
        let open = if past_last {
            period_start.saturating_add(self.proving_period)
        } else {
            period_start.saturating_add(windows.saturating_mul(self.challenge_window))
        };
        let or_open = |n: ChainEpoch| if past_last { open } else { n };
        DeadlineInfo {
            current_epoch: epoch,
            period_start,
            index,
            open,
            close: or_open(open.saturating_add(self.challenge_window)),
            challenge: or_open(open.saturating_sub(self.challenge_lookback)),
            fault_cutoff: if past_last {
                0
            } else {
                open.saturating_sub(self.fault_declaration_cutoff)
            },
            period_deadlines: self.period_deadlines,
            proving_period: self.proving_period,
            challenge_window: self.challenge_window,
            challenge_lookback: self.challenge_lookback,
            fault_declaration_cutoff: self.fault_declaration_cutoff,
        }
    }

    /// May proofs of the last window of deadline `index` be disputed at `epoch`? Not while it is
    /// open, and not after it could have been compacted.
    pub fn is_disputable(&self, offset: ChainEpoch, index: u64, epoch: ChainEpoch) -> bool {
        if offset > epoch {
            return false;
        }
        let period_start = self.current(offset, epoch).period_start;
        let next = self
            .deadline(period_start, index, epoch)
            .next_not_elapsed(self);
        !next.is_open() && epoch < next.close - self.proving_period + self.dispute_window
    }

    /// May sectors of deadline `index` change at `epoch`? Not while it is open or next to open.
    pub fn is_mutable(&self, offset: ChainEpoch, index: u64, epoch: ChainEpoch) -> bool {
        let period_start = self.current(offset, epoch).period_start;
        let next = self
            .deadline(period_start, index, epoch)
            .next_not_elapsed(self);
        epoch < next.open - self.challenge_window
    }
}

/// A deadline of a proving period, seen from an epoch. The window is [`open`](Self::open) ≤ epoch <
/// [`close`](Self::close).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadlineInfo {
    /// Seen from here.
    pub current_epoch: ChainEpoch,
    /// Begin of the period.
    pub period_start: ChainEpoch,
    /// Index of the deadline.
    pub index: u64,
    /// First epoch of the window.
    pub open: ChainEpoch,
    /// First epoch after the window.
    pub close: ChainEpoch,
    /// Randomness for the challenge is taken here.
    pub challenge: ChainEpoch,
    /// First epoch at which it is too late to declare faults.
    pub fault_cutoff: ChainEpoch,
    /// See [`Schedule::period_deadlines`].
    pub period_deadlines: u64,
    /// See [`Schedule::proving_period`].
    pub proving_period: ChainEpoch,
    /// See [`Schedule::challenge_window`].
    pub challenge_window: ChainEpoch,
    /// See [`Schedule::challenge_lookback`].
    pub challenge_lookback: ChainEpoch,
    /// See [`Schedule::fault_declaration_cutoff`].
    pub fault_declaration_cutoff: ChainEpoch,
}
wire_tuple!(DeadlineInfo {
    current_epoch: "CurrentEpoch",
    period_start: "PeriodStart",
    index: "Index",
    open: "Open",
    close: "Close",
    challenge: "Challenge",
    fault_cutoff: "FaultCutoff",
    period_deadlines: "WPoStPeriodDeadlines",
    proving_period: "WPoStProvingPeriod",
    challenge_window: "WPoStChallengeWindow",
    challenge_lookback: "WPoStChallengeLookback",
    fault_declaration_cutoff: "FaultDeclarationCutoff",
});

impl DeadlineInfo {
    /// Has the period begun?
    pub const fn period_started(&self) -> bool {
        self.current_epoch >= self.period_start
    }

    /// Is the window open?
    pub const fn is_open(&self) -> bool {
        self.current_epoch >= self.open && self.current_epoch < self.close
    }

    /// Is the window over?
    pub const fn has_elapsed(&self) -> bool {
        self.current_epoch >= self.close
    }

    /// Last epoch of the window.
    pub const fn last(&self) -> ChainEpoch {
        self.close - 1
    }

    /// First epoch of the next period.
    pub const fn next_period_start(&self) -> ChainEpoch {
        self.period_start + self.proving_period
    }

    /// Is it too late to declare faults?
    pub const fn fault_cutoff_passed(&self) -> bool {
        self.current_epoch >= self.fault_cutoff
    }

    /// The same deadline in the first period in which it is not over yet.
    #[must_use]
    pub fn next_not_elapsed(&self, schedule: &Schedule) -> Self {
        if !self.has_elapsed() {
            return *self;
        }
        let period = self.proving_period.max(1);
        let periods = (self.current_epoch - self.close) / period + 1;
        schedule.deadline(
            self.period_start + periods * period,
            self.index,
            self.current_epoch,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_tile_the_period() {
        let s = Schedule::default();
        let mut expected_open = -2222;
        for index in 0..48 {
            let d = s.deadline(-2222, index, 0);
            assert_eq!(
                (d.open, d.close, d.last()),
                (expected_open, expected_open + 60, expected_open + 59)
            );
            assert_eq!(
                (d.challenge, d.fault_cutoff),
                (expected_open - 20, expected_open - 70)
            );
            expected_open = d.close;
        }
        assert_eq!(expected_open, s.deadline(-2222, 0, 0).next_period_start());
    }

    #[test]
    fn the_current_one_is_found_from_any_period() {
        let s = Schedule::default();
        // A recorded miner: period start -2222, current deadline 37 at epoch 0.
        let d = s.current(-2222, 0);
        assert_eq!((d.period_start, d.index), (-2222, 37));
        assert!(d.is_open());
        assert_eq!(s.current(-2222 + 5 * 2880, 0), d);
        assert_eq!(s.current(658, 658).index, 0);
        assert_eq!(s.current(658, 657).index, 47);
    }

    #[test]
    fn a_deadline_that_is_over_comes_again_next_period() {
        let s = Schedule::default();
        let d = s.deadline(0, 3, 240);
        assert!(d.has_elapsed());
        assert_eq!(d.next_not_elapsed(&s).open, 180 + 2880);
        assert_eq!(s.deadline(0, 3, 239).next_not_elapsed(&s).open, 180);
        assert_eq!(
            s.deadline(0, 3, 10_000).next_not_elapsed(&s).open,
            180 + 4 * 2880
        );
    }

    #[test]
    fn proofs_can_be_disputed_from_the_end_of_the_window_for_1800_epochs() {
        let s = Schedule::default();
        assert!(!s.is_disputable(0, 0, 59));
        assert!(s.is_disputable(0, 0, 60));
        assert!(s.is_disputable(0, 0, 1859));
        assert!(!s.is_disputable(0, 0, 1860));
        assert!(!s.is_disputable(100, 0, 60));
    }

    #[test]
    fn a_deadline_is_fixed_while_it_is_open_and_next() {
        let s = Schedule::default();
        assert!(!s.is_mutable(0, 1, 0));
        assert!(!s.is_mutable(0, 1, 119));
        assert!(s.is_mutable(0, 1, 120));
    }
}
