//! Sectors that go well, and sectors that do not.

use lotus_actors::miner::method;
use lotus_sealer::PieceData;
use lotus_sealing::{
    DealSchedule, PieceDealInfo, SealingConfig, SealingError, SectorState, StoreError,
};
use lotus_types::{Address, DealProposal, TokenAmount, deal::DealLabel, sector::UnpaddedPieceSize};

use crate::fakes::{Process, World, quick, zero_piece};

struct Setup {
    world: World,
    process: Process,
    dir: tempfile::TempDir,
}

fn setup(config: SealingConfig) -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(true);
    let process = world.start(&dir.path().join("sectors.db"), config);
    Setup {
        world,
        process,
        dir,
    }
}

fn events(process: &Process, sector: u64) -> Vec<String> {
    let log = process.sealing.log(sector).unwrap();
    log.iter()
        .map(|l| l.kind.trim_start_matches("event;sealing.Sector").to_owned())
        .collect()
}

mod a_sector_without_deals {
    use super::*;

    #[tokio::test]
    async fn takes_the_recorded_path_to_proving() {
        let s = setup(quick());
        let sector = s.process.sealing.pledge().await.unwrap().number;
        s.process.reaches(sector, SectorState::Proving).await;
        let expected = [
            "StartCC",
            "Packed",
            "Ticket",
            "PreCommit1",
            "PreCommit2",
            "PreCommitted",
            "PreCommitLanded",
            "SeedReady",
            "Committed",
            "CommitSubmitted",
            "Proving",
            "Finalized",
        ];
        assert_eq!(events(&s.process, sector), expected);
        let on_chain = s.world.chain.ledger.lock().sectors[&sector].clone();
        let ours = s.process.sealing.store().sector(sector).unwrap();
        assert_eq!(
            Some(on_chain.sealed_cid),
            ours.cids.as_ref().map(|c| c.sealed)
        );
        assert!(ours.ticket_epoch > 1000 && ours.seed_epoch > 2000);
        // One piece of zeros fills all of it.
        let sizes: Vec<_> = ours.pieces.iter().map(|p| p.piece.size.0).collect();
        assert_eq!(sizes, [2048]);
        // The collateral beyond the deposit goes with the proof.
        let sent = s.world.chain.ledger.lock().sent.clone();
        let values: Vec<_> = sent.iter().map(|m| m.value.clone()).collect();
        assert_eq!(
            values,
            [TokenAmount::from_atto(10), TokenAmount::from_atto(20)]
        );
    }

    #[tokio::test]
    async fn gets_a_number_that_is_free_here_and_on_chain() {
        let s = setup(quick());
        s.world.chain.ledger.lock().pre_commits.clear();
        let first = s.process.sealing.pledge().await.unwrap().number;
        s.process.reaches(first, SectorState::Proving).await;
        let taken = lotus_types::BitField::try_from_numbers([1, 2]).unwrap();
        s.process
            .sealing
            .store()
            .reserve_numbers("other", &taken, false)
            .unwrap();
        let second = s.process.sealing.pledge().await.unwrap().number;
        assert_eq!((first, second), (0, 3));
    }

    #[tokio::test]
    async fn is_refused_when_too_many_are_sealed() {
        let s = setup(SealingConfig {
            max_sealing_sectors: 1,
            ..quick()
        });
        s.world.sealer.failures.lock().insert("pc1", u32::MAX);
        s.process.sealing.pledge().await.unwrap();
        let refused = s.process.sealing.pledge().await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "too many sectors sealing (current: 1, max: 1)"
        );
    }

    #[tokio::test]
    async fn is_finalized_early_when_the_operator_wants_so() {
        let s = setup(SealingConfig {
            finalize_early: true,
            ..quick()
        });
        let sector = s.process.sealing.pledge().await.unwrap().number;
        s.process.reaches(sector, SectorState::Proving).await;
        let log = events(&s.process, sector);
        let at = |name: &str| log.iter().position(|e| e == name).unwrap();
        assert!(at("ProofReady") < at("Finalized") && at("Finalized") < at("CommitSubmitted"));
    }
}

mod sectors_in_a_batch {
    use super::*;

    #[tokio::test]
    async fn share_one_pre_commit_and_one_aggregate() {
        let mut config = quick();
        config.batch_pre_commits = true;
        config.aggregate_commits = true;
        config.pre_commit_batch.wait = std::time::Duration::from_secs(3600);
        config.commit_batch.wait = std::time::Duration::from_secs(3600);
        let s = setup(config);
        let first = s.process.sealing.pledge().await.unwrap().number;
        let second = s.process.sealing.pledge().await.unwrap().number;
        s.process.reaches(first, SectorState::Proving).await;
        s.process.reaches(second, SectorState::Proving).await;
        let sent = s.world.chain.ledger.lock().sent.clone();
        let methods: Vec<_> = sent.iter().map(|m| m.method).collect();
        assert_eq!(
            methods,
            [
                method::PRE_COMMIT_SECTOR_BATCH2,
                method::PROVE_COMMIT_AGGREGATE
            ]
        );
        assert_eq!(sent[0].value, TokenAmount::from_atto(20));
        assert_eq!(sent[1].value, TokenAmount::from_atto(40));
    }

    #[tokio::test]
    async fn wait_until_the_operator_flushes() {
        let mut config = quick();
        config.batch_pre_commits = true;
        config.pre_commit_batch.max = 100;
        config.pre_commit_batch.wait = std::time::Duration::from_secs(3600);
        let s = setup(config);
        let sector = s.process.sealing.pledge().await.unwrap().number;
        s.process
            .reaches(sector, SectorState::SubmitPreCommitBatch)
            .await;
        while s.process.sealing.pending_pre_commits().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(s.process.sealing.flush_pre_commits(), [sector]);
        s.process.reaches(sector, SectorState::Proving).await;
    }
}

mod failures {
    use super::*;

    #[tokio::test]
    async fn of_every_sealing_step_are_tried_again() {
        let s = setup(quick());
        for step in ["add_piece", "pc1", "pc2", "c1", "c2", "finalize"] {
            s.world.sealer.failures.lock().insert(step, 2);
        }
        let sector = s.process.sealing.pledge().await.unwrap().number;
        s.process.reaches(sector, SectorState::Proving).await;
        assert_eq!(s.world.chain.ledger.lock().sent.len(), 2);
    }

    #[tokio::test]
    async fn end_in_a_failure_state_that_says_why_until_the_operator_restarts_it() {
        let s = setup(quick());
        s.world.sealer.failures.lock().insert("c2", 5);
        let sector = s.process.sealing.pledge().await.unwrap().number;
        while s.process.sealing.stuck(sector).unwrap().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let why = s.process.sealing.stuck(sector).unwrap().unwrap();
        assert_eq!(why, "ComputeProofFailed after 5 tries: c2 failed");
        s.process.sealing.restart(sector).unwrap();
        s.process.reaches(sector, SectorState::Proving).await;
    }

    #[tokio::test]
    async fn of_messages_are_seen_and_the_messages_sent_again() {
        for (lose, fail, refuse) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            let s = setup(quick());
            {
                let mut ledger = s.world.chain.ledger.lock();
                (ledger.lose, ledger.fail, ledger.refuse) = (lose, fail, refuse);
            }
            let sector = s.process.sealing.pledge().await.unwrap().number;
            s.process.reaches(sector, SectorState::Proving).await;
            let log = events(&s.process, sector);
            assert!(log.contains(&"ChainPreCommitFailed".to_owned()), "{log:?}");
        }
    }

    #[tokio::test]
    async fn of_the_proofs_message_send_the_same_proof_again() {
        let s = setup(quick());
        let sector = s.process.sealing.pledge().await.unwrap().number;
        s.process.reaches(sector, SectorState::WaitSeed).await;
        s.world.chain.ledger.lock().fail = 1;
        s.process.reaches(sector, SectorState::Proving).await;
        let calls = s.world.sealer.calls.lock().clone();
        assert_eq!(calls.iter().filter(|(name, _)| *name == "c2").count(), 1);
        assert_eq!(s.world.chain.sent(&[method::PROVE_COMMIT_SECTOR]), 2);
    }
}

mod the_operator {
    use super::*;

    #[tokio::test]
    async fn removes_a_sector_that_is_being_sealed() {
        let s = setup(quick());
        s.world.sealer.failures.lock().insert("pc1", u32::MAX);
        let sector = s.process.sealing.pledge().await.unwrap().number;
        s.process.sealing.remove(sector).unwrap();
        s.process.reaches(sector, SectorState::Removed).await;
        let refused = s.process.sealing.start_packing(sector).unwrap_err();
        assert!(
            matches!(refused, SealingError::Store(StoreError::Refused(_))),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn terminates_a_proven_sector_which_is_removed_once_that_is_final() {
        let s = setup(quick());
        let sector = s.process.sealing.pledge().await.unwrap().number;
        s.process.reaches(sector, SectorState::Proving).await;
        s.process.sealing.terminate(sector).unwrap();
        s.process.reaches(sector, SectorState::Removed).await;
        assert_eq!(s.world.chain.sent(&[method::TERMINATE_SECTORS]), 1);
        assert!(s.world.chain.ledger.lock().sectors.is_empty());
    }
}

mod pieces_of_deals {
    use super::*;

    fn deal(s: &Setup, id: u64, size: UnpaddedPieceSize, start_epoch: i64) -> PieceDealInfo {
        let proposal = DealProposal {
            piece_cid: zero_piece(size).piece_cid,
            piece_size: size.padded().0,
            verified_deal: false,
            client: Address::new_id(7),
            provider: Address::new_id(1000),
            label: DealLabel::default(),
            start_epoch,
            end_epoch: 600_000,
            storage_price_per_epoch: TokenAmount::zero(),
            provider_collateral: TokenAmount::zero(),
            client_collateral: TokenAmount::zero(),
        };
        s.world
            .chain
            .ledger
            .lock()
            .deals
            .insert(id, proposal.clone());
        PieceDealInfo {
            publish_cid: None,
            deal_id: id,
            deal_proposal: Some(proposal),
            deal_schedule: DealSchedule {
                start_epoch,
                end_epoch: 600_000,
            },
            keep_unsealed: true,
        }
    }

    #[tokio::test]
    async fn fill_a_sector_that_is_then_sealed_with_them() {
        let mut config = quick();
        config.wait_deals_delay = std::time::Duration::from_secs(3600);
        let s = setup(config);
        let (small, large) = (UnpaddedPieceSize(254), UnpaddedPieceSize(1016));
        let first =
            s.process
                .sealing
                .add_piece(small, PieceData::Zeros, deal(&s, 1, small, 90_000));
        let first = first.await.unwrap();
        let second =
            s.process
                .sealing
                .add_piece(large, PieceData::Zeros, deal(&s, 2, large, 90_000));
        let second = second.await.unwrap();
        assert_eq!((first.sector, first.offset.0), (second.sector, 0));
        assert_eq!(second.offset.0, 1024);
        s.process.reaches(first.sector, SectorState::Proving).await;
        let on_chain = s.world.chain.ledger.lock().sectors[&first.sector].clone();
        assert_eq!(on_chain.deal_ids, [1, 2]);
        let sector = s.process.sealing.store().sector(first.sector).unwrap();
        let sizes: Vec<_> = sector.pieces.iter().map(|p| p.piece.size.0).collect();
        assert_eq!(sizes, [256, 256, 512, 1024]);
    }

    #[tokio::test]
    async fn whose_deal_has_started_stop_the_sector() {
        let s = setup(quick());
        let size = UnpaddedPieceSize(2032);
        let piece = s
            .process
            .sealing
            .add_piece(size, PieceData::Zeros, deal(&s, 1, size, 10));
        let placed = piece.await.unwrap();
        s.process
            .reaches(placed.sector, SectorState::DealsExpired)
            .await;
    }

    #[tokio::test]
    async fn that_are_not_those_of_the_deal_are_refused() {
        let s = setup(quick());
        let (size, other) = (UnpaddedPieceSize(508), UnpaddedPieceSize(1016));
        let deal = deal(&s, 1, other, 90_000);
        let refused = s
            .process
            .sealing
            .add_piece(size, PieceData::Zeros, deal)
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("the deal is about"),
            "{refused}"
        );
        let odd = UnpaddedPieceSize(500);
        let mut deal = super::pieces_of_deals::deal(&s, 2, size, 90_000);
        deal.deal_proposal = None;
        let refused = s
            .process
            .sealing
            .add_piece(odd, PieceData::Zeros, deal)
            .await
            .unwrap_err();
        assert!(matches!(refused, SealingError::Invalid(_)));
    }

    #[tokio::test]
    async fn go_on_after_the_process_was_killed_while_one_was_written() {
        let mut config = quick();
        config.wait_deals_delay = std::time::Duration::from_secs(3600);
        let s = setup(config.clone());
        let size = UnpaddedPieceSize(2032);
        let info = deal(&s, 1, size, 90_000);
        let adding = s.process.sealing.clone();
        let again = info.clone();
        // The calls before: seal proof twice, head, allocated; the next one is the writing.
        s.world.freezer.freeze_at(6);
        let task =
            tokio::spawn(async move { adding.add_piece(size, PieceData::Zeros, again).await });
        s.world.freezer.frozen.notified().await;
        task.abort();
        drop(task.await);
        s.process.kill().await;
        s.world.freezer.thaw();
        let process = s.world.start(&s.dir.path().join("sectors.db"), config);
        let placed = process
            .sealing
            .add_piece(size, PieceData::Zeros, info)
            .await
            .unwrap();
        process.reaches(placed.sector, SectorState::Proving).await;
    }
}
