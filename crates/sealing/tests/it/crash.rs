//! `kill -9` at every call that the state machine makes.

use std::time::Duration;

use lotus_actors::miner::method;
use lotus_sealing::{SealingConfig, SectorState, reducer};

use crate::fakes::{World, quick};

const PRE_COMMITS: &[u64] = &[method::PRE_COMMIT_SECTOR_BATCH2];
const COMMITS: &[u64] = &[method::PROVE_COMMIT_SECTOR, method::PROVE_COMMIT_AGGREGATE];

/// Kills the process at its `call`-th call; the next one finishes the sector. False when the first
/// process was through before.
async fn killed_at(call: u64, stop_after: bool, config: &SealingConfig) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("sectors.db");
    let world = World::new(stop_after);
    let process = world.start(&db, config.clone());
    let sector = process.sealing.pledge().await.unwrap().number;
    world.freezer.freeze_at(call);
    let killed = tokio::select! {
        () = world.freezer.frozen.notified() => true,
        () = process.reaches(sector, SectorState::Proving) => false,
    };
    process.kill().await;
    world.freezer.thaw();
    let process = world.start(&db, config.clone());
    process.reaches(sector, SectorState::Proving).await;
    let what = format!("call {call}, after {stop_after}");
    assert_eq!(world.chain.sent(PRE_COMMITS), 1, "pre-commits, {what}");
    assert_eq!(world.chain.sent(COMMITS), 1, "proofs, {what}");
    let log = process.sealing.store().log(sector).unwrap();
    let replayed = reducer::replay(sector, log.iter().map(|e| (e.at, &e.event)));
    assert_eq!(
        replayed,
        process.sealing.store().sector(sector).unwrap(),
        "{what}"
    );
    assert!(
        log.iter().all(|e| e.event.error().is_none()),
        "a crash is no failure, {what}"
    );
    process.kill().await;
    killed
}

async fn killed_everywhere(stop_after: bool, config: SealingConfig) -> u64 {
    let mut call = 1;
    while tokio::time::timeout(
        Duration::from_secs(60),
        killed_at(call, stop_after, &config),
    )
    .await
    .expect("in time")
    {
        call += 1;
        assert!(call < 500, "no end");
    }
    call
}

#[tokio::test]
async fn killed_before_any_call_the_sector_is_proven_with_one_message_each() {
    assert!(killed_everywhere(false, quick()).await > 20);
}

#[tokio::test]
async fn killed_after_any_call_had_its_effect_the_sector_is_proven_with_one_message_each() {
    assert!(killed_everywhere(true, quick()).await > 20);
}

#[tokio::test]
async fn killed_anywhere_with_batching_the_sector_is_proven_with_one_message_each() {
    let config = SealingConfig {
        batch_pre_commits: true,
        aggregate_commits: true,
        ..quick()
    };
    assert!(killed_everywhere(true, config).await > 20);
}
