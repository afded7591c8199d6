//! What is due at a height: pure.
//!
//! A deadline can be proven as soon as its challenge is known, which is before its window opens; the
//! proof is submitted a few epochs into the window, so that a reorganisation does not undo it.

use std::collections::BTreeMap;

use lotus_actors::miner::{DeadlineInfo, Schedule};
use lotus_types::ChainEpoch;

/// Epochs after the challenge until its randomness is taken to be settled.
pub const CHALLENGE_CONFIDENCE: ChainEpoch = 1;
/// Epochs after the window has opened until proofs are sent.
pub const SUBMIT_CONFIDENCE: ChainEpoch = 4;
/// Recoveries are declared for the deadline that opens so many deadlines later.
pub const RECOVERY_LEAD: u64 = 2;

/// How far a deadline's proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Being computed.
    Proving,
    /// Computed.
    Proved,
    /// Being sent.
    Submitting,
    /// Sent, or there is nothing to prove.
    Done,
    /// Failed; may be tried again from this height on.
    Failed(ChainEpoch),
}

/// The stages of deadlines, by the epoch at which their windows open.
pub type Progress = BTreeMap<ChainEpoch, Stage>;

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Compute the proofs of this deadline.
    Prove(DeadlineInfo),
    /// Send them.
    Submit(DeadlineInfo),
    /// Declare what can be proven again in this deadline.
    Recover(DeadlineInfo),
    /// The window is over without a proof: its sectors are faulty now.
    Missed(ChainEpoch),
}

/// What is due, given the deadline that is open at the chain's head, what has been done and for
/// which deadline (by opening epoch) recoveries were looked at last.
pub fn due(
    current: &DeadlineInfo,
    progress: &Progress,
    recovered: Option<ChainEpoch>,
) -> Vec<Action> {
    if !current.period_started() {
        return Vec::new();
    }
    let height = current.current_epoch;
    let mut actions = Vec::new();
    for (open, stage) in progress {
        let over = height >= open + current.challenge_window;
        if over && *stage != Stage::Done {
            actions.push(Action::Missed(*open));
        }
    }
    for deadline in [*current, later(current, 1)] {
        let challenge_settled = height >= deadline.challenge + CHALLENGE_CONFIDENCE;
        match progress.get(&deadline.open) {
            None if challenge_settled => actions.push(Action::Prove(deadline)),
            Some(Stage::Failed(again)) if height >= *again => actions.push(Action::Prove(deadline)),
            Some(Stage::Proved) if height >= deadline.open + SUBMIT_CONFIDENCE => {
                actions.push(Action::Submit(deadline));
            }
            _ => {}
        }
    }
    let ahead = later(current, RECOVERY_LEAD);
    let cutoff_passed = height >= ahead.fault_cutoff;
    if recovered != Some(ahead.open) && !cutoff_passed {
        actions.push(Action::Recover(ahead));
    }
    actions
}

/// The deadline `n` after `current`, over the end of the period.
pub fn later(current: &DeadlineInfo, n: u64) -> DeadlineInfo {
    let schedule = Schedule {
        period_deadlines: current.period_deadlines,
        proving_period: current.proving_period,
        challenge_window: current.challenge_window,
        challenge_lookback: current.challenge_lookback,
        fault_declaration_cutoff: current.fault_declaration_cutoff,
        ..Schedule::default()
    };
    let deadlines = current.period_deadlines.max(1);
    let index = current.index.saturating_add(n);
    let periods = ChainEpoch::try_from(index / deadlines).unwrap_or(0);
    let start = current
        .period_start
        .saturating_add(periods.saturating_mul(current.proving_period));
    schedule.deadline(start, index % deadlines, current.current_epoch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(height: ChainEpoch) -> DeadlineInfo {
        Schedule::default().current(-2222, height)
    }

    mod a_deadline {
        use super::*;

        #[test]
        fn is_proven_as_soon_as_its_challenge_is_settled_before_its_window_opens() {
            // Deadline 37 is open from -2 to 58, number 38 from 58 on, its challenge is at 38.
            let mut progress = Progress::from([(-2, Stage::Done)]);
            assert!(
                !due(&at(38), &progress, Some(118))
                    .iter()
                    .any(|a| matches!(a, Action::Prove(_)))
            );
            let actions = due(&at(39), &progress, Some(118));
            assert!(matches!(actions[..], [Action::Prove(d)] if d.index == 38 && d.open == 58));
            progress.insert(58, Stage::Proving);
            assert_eq!(due(&at(40), &progress, Some(118)), []);
        }

        #[test]
        fn is_submitted_a_few_epochs_into_its_window() {
            let progress = Progress::from([(58, Stage::Proved)]);
            assert_eq!(due(&at(61), &progress, Some(178)), []);
            let actions = due(&at(62), &progress, Some(178));
            assert!(matches!(actions[..], [Action::Submit(d)] if d.open == 58));
        }

        #[test]
        fn that_is_entered_late_is_still_proven() {
            let actions = due(&at(57), &Progress::new(), Some(118));
            let opens: Vec<_> = actions
                .iter()
                .filter_map(|a| match a {
                    Action::Prove(d) => Some(d.open),
                    _ => None,
                })
                .collect();
            assert_eq!(opens, [-2, 58]);
        }

        #[test]
        fn that_failed_is_proven_again_when_its_pause_is_over() {
            let progress = Progress::from([(58, Stage::Failed(66)), (118, Stage::Done)]);
            assert_eq!(due(&at(65), &progress, Some(178)), []);
            assert!(matches!(
                due(&at(66), &progress, Some(178))[..],
                [Action::Prove(_)]
            ));
        }

        #[test]
        fn without_a_proof_is_reported_missed_when_it_closes() {
            let progress = Progress::from([(58, Stage::Proving)]);
            let actions = due(&at(118), &progress, Some(238));
            assert!(actions.contains(&Action::Missed(58)));
        }
    }

    #[test]
    fn recoveries_are_declared_two_deadlines_ahead_once_and_before_the_cutoff() {
        let busy = Progress::from([(-2, Stage::Done), (58, Stage::Done)]);
        // The window of deadline 39 opens at 118: the cutoff is at 48.
        assert!(matches!(due(&at(47), &busy, None)[..], [Action::Recover(d)] if d.open == 118));
        assert_eq!(due(&at(47), &busy, Some(118)), []);
        assert_eq!(due(&at(48), &busy, None), []);
    }

    #[test]
    fn the_next_deadline_wraps_into_the_next_period() {
        let last = Schedule::default().deadline(658, 47, 658 + 2879);
        let next = later(&last, 1);
        assert_eq!(
            (next.index, next.open, next.period_start),
            (0, 658 + 2880, 658 + 2880)
        );
        assert_eq!(later(&last, 2).index, 1);
    }

    proptest! {
        #[test]
        fn following_the_plan_proves_and_submits_every_deadline_once(
            offset in 0_i64..2880,
            start in 0_i64..3000,
            slow in 1_i64..50,
        ) {
            let schedule = Schedule::default();
            let mut progress = Progress::new();
            let mut recovered = None;
            let (mut proving, mut submitted) = (BTreeMap::new(), BTreeMap::<ChainEpoch, u32>::new());
            for height in start..start + 2 * 2880 {
                for (open, until) in &proving {
                    if *until == height {
                        progress.insert(*open, Stage::Proved);
                    }
                }
                for action in due(&schedule.current(offset, height), &progress, recovered) {
                    match action {
                        Action::Prove(d) => {
                            progress.insert(d.open, Stage::Proving);
                            proving.insert(d.open, height + slow);
                        }
                        Action::Submit(d) => {
                            prop_assert!(height >= d.open + SUBMIT_CONFIDENCE && height < d.close);
                            progress.insert(d.open, Stage::Done);
                            *submitted.entry(d.open).or_default() += 1;
                        }
                        Action::Recover(d) => recovered = Some(d.open),
                        Action::Missed(open) => {
                            // Only the one that was begun too late.
                            prop_assert!(open <= start);
                            progress.remove(&open);
                        }
                    }
                }
            }
            prop_assert!(submitted.values().all(|n| *n == 1));
            prop_assert!(submitted.len() >= 94, "{}", submitted.len());
        }
    }
}
