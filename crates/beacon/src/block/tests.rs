use std::sync::Arc;

use async_trait::async_trait;
use futures::executor::block_on;
use lotus_ports::beacon::Beacon;
use proptest::prelude::*;

use super::*;
use crate::MockBeacon;

/// A beacon of any shape whose entries are the mock's.
#[derive(Debug)]
struct Shaped {
    chained: bool,
    rounds_per_epoch: u64,
}

#[async_trait]
impl Beacon for Shaped {
    async fn entry(&self, round: u64) -> Result<BeaconEntry, BeaconError> {
        Ok(MockBeacon::entry_of(round))
    }

    fn verify_entry(&self, entry: &BeaconEntry, before: &BeaconEntry) -> Result<(), BeaconError> {
        if self.chained && before.round + 1 != entry.round {
            return Err(BeaconError::Invalid {
                round: entry.round,
                reason: "a gap".to_owned(),
            });
        }
        MockBeacon.verify_entry(entry, before)
    }

    fn max_round_for_epoch(&self, epoch: ChainEpoch) -> u64 {
        1000 + u64::try_from(epoch).unwrap_or(0) * self.rounds_per_epoch
    }

    fn is_chained(&self) -> bool {
        self.chained
    }
}

fn schedule(chained: bool, rounds_per_epoch: u64) -> BeaconSchedule {
    BeaconSchedule::new(Arc::new(Shaped {
        chained,
        rounds_per_epoch,
    }))
}

fn genesis() -> BeaconEntry {
    BeaconEntry {
        round: 0,
        data: vec![0; 32].into(),
    }
}

fn entries(
    schedule: &BeaconSchedule,
    epoch: ChainEpoch,
    parent: ChainEpoch,
    previous: &BeaconEntry,
) -> Vec<BeaconEntry> {
    block_on(entries_for_block(schedule, epoch, parent, previous)).expect("entries")
}

fn rounds(entries: &[BeaconEntry]) -> Vec<u64> {
    entries.iter().map(|e| e.round).collect()
}

mod a_chained_beacon {
    use super::*;

    #[test]
    fn gives_every_round_since_the_parent() {
        let schedule = schedule(true, 3);
        let previous = MockBeacon::entry_of(schedule.max_round_for_epoch(10));
        let entries = entries(&schedule, 12, 10, &previous);
        assert_eq!(rounds(&entries), [1031, 1032, 1033, 1034, 1035, 1036]);
        validate_block_entries(&schedule, 12, &entries, 10, &previous).expect("its own entries");
    }

    #[test]
    fn gives_the_newest_round_alone_after_genesis() {
        let schedule = schedule(true, 1);
        let entries = entries(&schedule, 5000, 0, &genesis());
        assert_eq!(rounds(&entries), [6000]);
        validate_block_entries(&schedule, 5000, &entries, 0, &genesis()).expect("its own entries");
    }

    #[test]
    fn gives_nothing_when_no_round_passed() {
        let schedule = schedule(true, 0);
        let previous = MockBeacon::entry_of(1000);
        assert_eq!(entries(&schedule, 12, 10, &previous), []);
        validate_block_entries(&schedule, 12, &[], 10, &previous).expect("none is right");
        let surplus = [MockBeacon::entry_of(1000)];
        assert_eq!(
            validate_block_entries(&schedule, 12, &surplus, 10, &previous),
            Err(EntriesError::Count {
                expected: Expected::Exactly(0),
                got: 1
            })
        );
    }

    #[test]
    fn refuses_a_gap_a_surplus_and_a_wrong_end() {
        let schedule = schedule(true, 1);
        let previous = MockBeacon::entry_of(1010);
        let good = entries(&schedule, 13, 10, &previous);
        let check = |entries: &[BeaconEntry]| {
            validate_block_entries(&schedule, 13, entries, 10, &previous).expect_err("altered")
        };
        assert_eq!(
            check(&[]),
            EntriesError::Count {
                expected: Expected::AtLeastOne,
                got: 0
            }
        );
        assert_eq!(
            check(&good[..2]),
            EntriesError::LastRound {
                expected: 1013,
                got: 1012
            }
        );
        assert!(matches!(
            check(&good[1..]),
            EntriesError::Entry { index: 0, .. }
        ));
        let gap = [good[0].clone(), good[2].clone()];
        assert!(matches!(check(&gap), EntriesError::Entry { index: 1, .. }));
        let surplus = [&[MockBeacon::entry_of(1010)], good.as_slice()].concat();
        assert!(matches!(
            check(&surplus),
            EntriesError::Entry { index: 0, .. }
        ));
        for index in 0..3 {
            let mut altered = good.clone();
            altered[index].data = vec![1; 32].into();
            let error = check(&altered);
            assert!(error.is_bad_block());
            assert!(matches!(error, EntriesError::Entry { index: i, .. } if i == index));
        }
    }

    #[test]
    fn after_genesis_is_still_held_to_the_last_round_and_to_what_follows_the_first() {
        let schedule = schedule(true, 1);
        let check = |rounds: &[u64]| {
            let entries: Vec<_> = rounds.iter().map(|r| MockBeacon::entry_of(*r)).collect();
            validate_block_entries(&schedule, 3, &entries, 0, &genesis())
        };
        check(&[1001, 1002, 1003]).expect("one per epoch, as later versions of Lotus make it");
        assert_eq!(
            check(&[1002]),
            Err(EntriesError::LastRound {
                expected: 1003,
                got: 1002
            })
        );
        assert!(matches!(
            check(&[1001, 1003]),
            Err(EntriesError::Entry { index: 1, .. })
        ));
    }

    #[test]
    fn after_too_long_a_gap_has_no_block() {
        let schedule = schedule(true, 1);
        let previous = MockBeacon::entry_of(1010);
        let error = rounds_for_block(&schedule, 1_000_000, 10, &previous).expect_err("too many");
        assert_eq!(error, EntriesError::TooMany { missing: 999_990 });
        assert!(!error.is_bad_block());
    }
}

mod an_unchained_beacon {
    use super::*;

    #[test]
    fn gives_one_round_per_epoch() {
        let schedule = schedule(false, 10);
        let previous = MockBeacon::entry_of(1100);
        let entries = entries(&schedule, 13, 10, &previous);
        assert_eq!(rounds(&entries), [1110, 1120, 1130]);
        validate_block_entries(&schedule, 13, &entries, 10, &previous).expect("its own entries");
    }

    #[test]
    fn refuses_rounds_between_and_rounds_left_out() {
        let schedule = schedule(false, 10);
        let previous = MockBeacon::entry_of(1100);
        let check = |rounds: &[u64]| {
            let entries: Vec<_> = rounds.iter().map(|r| MockBeacon::entry_of(*r)).collect();
            validate_block_entries(&schedule, 13, &entries, 10, &previous)
        };
        assert_eq!(
            check(&[1110, 1125, 1130]),
            Err(EntriesError::Round {
                epoch: 12,
                expected: 1120,
                got: 1125
            })
        );
        assert_eq!(
            check(&[1130]),
            Err(EntriesError::Round {
                epoch: 11,
                expected: 1110,
                got: 1130
            })
        );
        assert!(check(&[1110, 1120, 1130, 1130]).is_err());
    }

    #[test]
    fn verifies_the_first_entry_after_genesis() {
        let schedule = schedule(false, 10);
        let altered = [BeaconEntry {
            round: 1010,
            data: vec![1; 32].into(),
        }];
        let error = validate_block_entries(&schedule, 1, &altered, 0, &genesis());
        assert!(matches!(error, Err(EntriesError::Entry { index: 0, .. })));
    }
}

mod a_switch_of_beacons {
    use super::*;

    fn switching(chained: bool) -> BeaconSchedule {
        schedule(true, 1).switching_at(
            100,
            Arc::new(Shaped {
                chained,
                rounds_per_epoch: 7,
            }),
        )
    }

    #[test]
    fn to_a_chained_one_takes_two_entries() {
        let schedule = switching(true);
        let previous = MockBeacon::entry_of(1099);
        let entries = entries(&schedule, 100, 99, &previous);
        assert_eq!(rounds(&entries), [1699, 1700]);
        validate_block_entries(&schedule, 100, &entries, 99, &previous).expect("its own entries");
        for wrong in [&entries[..1], &[], &[entries.as_slice(), &entries].concat()] {
            assert!(matches!(
                validate_block_entries(&schedule, 100, wrong, 99, &previous),
                Err(EntriesError::Count {
                    expected: Expected::Exactly(2),
                    ..
                })
            ));
        }
    }

    #[test]
    fn to_an_unchained_one_takes_one_entry_per_epoch_of_the_new_one() {
        let schedule = switching(false);
        let previous = MockBeacon::entry_of(1098);
        let entries = entries(&schedule, 101, 98, &previous);
        assert_eq!(rounds(&entries), [1693, 1700, 1707]);
        validate_block_entries(&schedule, 101, &entries, 98, &previous).expect("its own entries");
    }
}

proptest! {
    #[test]
    fn what_is_made_is_accepted_and_nothing_less(
        chained: bool,
        rounds_per_epoch in 1_u64..12,
        parent in 0_i64..1000,
        nulls in 0_i64..20,
        left_out: prop::sample::Index,
    ) {
        let schedule = schedule(chained, rounds_per_epoch);
        let previous = MockBeacon::entry_of(schedule.max_round_for_epoch(parent));
        let epoch = parent + 1 + nulls;
        let mut made = entries(&schedule, epoch, parent, &previous);
        prop_assert_eq!(
            validate_block_entries(&schedule, epoch, &made, parent, &previous), Ok(()));
        made.remove(left_out.index(made.len()));
        prop_assert!(
            validate_block_entries(&schedule, epoch, &made, parent, &previous).is_err());
    }
}
