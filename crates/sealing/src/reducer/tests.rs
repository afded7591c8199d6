use std::collections::BTreeSet;

use lotus_types::{Bytes, Cid, RegisteredSealProof, TipsetKey, TokenAmount};
use proptest::prelude::*;

use super::{table::TABLE, *};

const FACTS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/lotus/facts/sealing-fsm.txt"
));

fn cid() -> Cid {
    "bagboea4b5abcbtljxewumy6dwck4cxh2vpdan3hskq75oh5m2ztiseq6hzxebcjf"
        .parse()
        .unwrap()
}

fn any_state() -> impl Strategy<Value = SectorState> {
    prop::sample::select(SectorState::ALL)
}

/// Every event that the table or the globals name, with arbitrary contents where they matter.
fn any_event() -> impl Strategy<Value = Event> {
    let error = || "some reason".to_owned();
    let fixed = vec![
        Event::Start {
            id: 1,
            sector_type: RegisteredSealProof(5),
        },
        Event::StartCC {
            id: 1,
            sector_type: RegisteredSealProof(5),
        },
        Event::AddPiece {},
        Event::PieceAdded { new_pieces: vec![] },
        Event::AddPieceFailed { error: error() },
        Event::RetryWaitDeals {},
        Event::StartPacking {},
        Event::Packed {
            filler_pieces: None,
        },
        Event::Ticket {
            ticket_value: Bytes::from([1; 32]),
            ticket_epoch: 7,
        },
        Event::OldTicket {},
        Event::PreCommit1 {
            pre_commit1_out: vec![1].into(),
        },
        Event::PreCommit2 {
            sealed: cid(),
            unsealed: cid(),
        },
        Event::SealPreCommit1Failed { error: error() },
        Event::SealPreCommit2Failed { error: error() },
        Event::RetrySealPreCommit1 {},
        Event::RetrySealPreCommit2 {},
        Event::PreCommitBatch {},
        Event::PreCommitBatchSent { message: cid() },
        Event::PreCommitted {
            message: cid(),
            pre_commit_deposit: TokenAmount::zero(),
        },
        Event::PreCommitLanded {
            tipset: TipsetKey::default(),
        },
        Event::ChainPreCommitFailed { error: error() },
        Event::RetryPreCommit {},
        Event::RetryPreCommitWait {},
        Event::SeedReady {
            seed_value: Bytes::from([2; 32]),
            seed_epoch: 9,
        },
        Event::Committed {
            proof: vec![3].into(),
        },
        Event::ProofReady {
            proof: vec![3].into(),
        },
        Event::ComputeProofFailed { error: error() },
        Event::RemoteCommit1Failed { error: error() },
        Event::RetryComputeProof {},
        Event::RetryWaitSeed {},
        Event::SubmitCommitAggregate {},
        Event::CommitSubmitted { message: cid() },
        Event::CommitAggregateSent { message: cid() },
        Event::CommitFailed { error: error() },
        Event::RetrySubmitCommit {},
        Event::RetryCommitWait {},
        Event::Proving {},
        Event::Finalized {},
        Event::FinalizedAvailable {},
        Event::FinalizeFailed { error: error() },
        Event::RetryFinalize {},
        Event::DealsExpired { error: error() },
        Event::UpdateDealIDs {
            updates: vec![(u64::MAX, 1), (0, 2)],
        },
        Event::MarkForUpdate {},
        Event::StartCCUpdate {},
        Event::AbortUpgrade { error: error() },
        Event::Received {},
        Event::Faulty {},
        Event::Terminate {},
        Event::Terminating { message: None },
        Event::Terminated {
            terminated_at: i64::MIN,
        },
        Event::TerminateFailed { error: error() },
        Event::Remove {},
        Event::Removed {},
        Event::RemoveFailed { error: error() },
        Event::Restart {},
        Event::FatalError { error: error() },
    ];
    prop_oneof![
        20 => prop::sample::select(fixed),
        1 => any_state().prop_map(|state| Event::ForceState { state }),
        1 => any_state().prop_map(|return_state| Event::InvalidDealIDs { return_state }),
        1 => any_state().prop_map(|return_state| Event::Receive { return_state }),
    ]
}

proptest! {
    #[test]
    fn any_events_in_any_order_from_any_state_are_taken_or_refused(
        start in any_state(),
        events in prop::collection::vec((any_event(), any::<u64>()), 0..60),
    ) {
        let mut sector = Sector::new(1);
        sector.state = start;
        for (event, at) in &events {
            match apply(&sector, event, *at) {
                Ok(after) => {
                    prop_assert_eq!(after.events, sector.events + 1);
                    sector = after;
                }
                Err(refused) => prop_assert_eq!(refused.state, sector.state),
            }
            let _ = effect(sector.state);
        }
    }

    #[test]
    fn final_states_are_left_by_force_only(event in any_event()) {
        for state in SectorState::ALL.iter().filter(|s| s.is_final()) {
            let mut sector = Sector::new(1);
            sector.state = *state;
            match (&event, apply(&sector, &event, 1)) {
                (Event::ForceState { state }, after) => prop_assert_eq!(after.unwrap().state, *state),
                (_, after) => prop_assert!(after.is_err()),
            }
        }
    }

    #[test]
    fn the_written_form_of_an_event_reads_back(event in any_event()) {
        let back = Event::from_parts(&event.name(), event.fields());
        prop_assert_eq!(back, Ok(event));
    }

    #[test]
    fn replaying_the_log_gives_the_same_sector(
        events in prop::collection::vec((any::<u64>(), any_event()), 0..40),
    ) {
        let mut sector = Sector::new(1);
        let mut log = Vec::new();
        for (at, event) in &events {
            if let Ok(after) = apply(&sector, event, *at) {
                sector = after;
                log.push((*at, event));
            }
        }
        prop_assert_eq!(replay(1, log), sector);
    }
}

mod the_table {
    use super::*;

    /// `(state, event, "stay" | "return" | next state)` of the facts file.
    fn facts() -> BTreeSet<(String, String, String)> {
        let mut all = BTreeSet::new();
        for line in FACTS.lines().filter(|l| !l.is_empty()) {
            let (state, rest) = line.split_once(": ").expect("state: transitions");
            let state = if state == "UndefinedSectorState" {
                ""
            } else {
                state
            };
            for part in rest.split("; ") {
                if let Some(event) = part.strip_prefix("apply ") {
                    all.insert((state.to_owned(), event.to_owned(), "stay".to_owned()));
                } else if let Some((event, next)) = part.split_once(" -> ") {
                    let next = if next == "(return state)" {
                        "return"
                    } else {
                        next
                    };
                    all.insert((state.to_owned(), event.to_owned(), next.to_owned()));
                }
            }
        }
        all
    }

    fn table() -> BTreeSet<(String, String, String)> {
        let name = |next: &Next| match next {
            Next::To(state) => state.name().to_owned(),
            Next::Stay => "stay".to_owned(),
            Next::Return => "return".to_owned(),
        };
        TABLE
            .iter()
            .map(|(s, e, n)| (s.name().to_owned(), (*e).to_owned(), name(n)))
            .collect()
    }

    #[test]
    fn is_the_recorded_one_but_for_committing_which_has_its_own_planner() {
        let ours: BTreeSet<_> = table()
            .into_iter()
            .filter(|t| t.0 != "Committing")
            .collect();
        let facts = facts();
        let missing: Vec<_> = facts.difference(&ours).collect();
        let extra: Vec<_> = ours.difference(&facts).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "missing {missing:?}, extra {extra:?}"
        );
        assert!(ours.len() > 150, "the facts were read");
    }

    #[test]
    fn reaches_proving_from_the_beginning_and_from_every_failure_with_effects() {
        let reachable = |from: SectorState| {
            let mut seen = BTreeSet::from([from]);
            loop {
                let next: Vec<_> = TABLE
                    .iter()
                    .filter(|(state, ..)| seen.contains(state))
                    .filter_map(|(_, _, next)| match next {
                        Next::To(state) => Some(*state),
                        Next::Stay | Next::Return => None,
                    })
                    .filter(|state| !seen.contains(state))
                    .collect();
                if next.is_empty() {
                    return seen;
                }
                seen.extend(next);
            }
        };
        for state in SectorState::ALL {
            let on_the_way = matches!(effect(*state), Effect::Recover)
                && !matches!(state, SectorState::RemoveFailed);
            if on_the_way || *state == SectorState::Undefined {
                assert!(reachable(*state).contains(&SectorState::Proving), "{state}");
            }
        }
    }

    #[test]
    fn has_63_named_states() {
        let named = SectorState::ALL
            .iter()
            .filter(|s| !s.name().is_empty())
            .count();
        // Lotus' list leaves out the one that is only entered by a transfer.
        assert_eq!(
            named,
            63 + usize::from(SectorState::ALL.contains(&SectorState::ReceiveSector)) - 1
        );
    }
}

mod failures {
    use super::*;

    fn failing(n: u32) -> Sector {
        let mut sector = Sector::new(1);
        sector.state = SectorState::PreCommit2;
        for k in 0..n {
            let fail = Event::SealPreCommit2Failed {
                error: format!("reason {k}"),
            };
            sector = apply(&sector, &fail, 1).unwrap();
            sector = apply(&sector, &Event::RetrySealPreCommit2 {}, 2).unwrap();
        }
        sector
    }

    #[test]
    fn are_counted_in_a_row_and_forgotten_after_success() {
        let sector = failing(3);
        assert_eq!(sector.failures[&SectorState::SealPreCommit2Failed].count, 3);
        assert_eq!(sector.last_error, "reason 2");
        let sealed = apply(
            &sector,
            &Event::PreCommit2 {
                sealed: cid(),
                unsealed: cid(),
            },
            3,
        )
        .unwrap();
        assert!(sealed.failures.is_empty());
    }

    #[test]
    fn are_forgotten_when_the_operator_restarts_the_sector() {
        let sector = apply(&failing(5), &Event::Restart {}, 9).unwrap();
        assert!(sector.failures.is_empty());
        assert_eq!(sector.state, SectorState::PreCommit2);
    }
}
