use lotus_ports::clock::{Clock, SystemClock};
use lotus_types::RegisteredSealProof;

use super::*;
use crate::{index::Index, layout::write_json, transfer::router};

const SECTOR: SectorRef = SectorRef {
    id: SectorId {
        miner: 1000,
        number: 2,
    },
    proof_type: RegisteredSealProof::STACKED_DRG_2KIB_V1_1,
};
const UNSEALED: SectorFileType = SectorFileType::UNSEALED;
const SEALED: SectorFileType = SectorFileType::SEALED;
const CACHE: SectorFileType = SectorFileType::CACHE;

fn index() -> Arc<Index> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(|d| Box::pin(tokio::time::sleep(d))));
    Arc::new(Index::new(clock))
}

/// A process with one path; its files are served over HTTP.
async fn process(index: &Arc<Index>, dir: &Path, can_store: bool) -> Arc<Store> {
    write_json(
        &dir.join(META_FILE),
        &LocalStorageMeta::new(10, true, can_store),
    )
    .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/remote", listener.local_addr().unwrap());
    let client = Client::new(String::new()).unwrap();
    let store = Arc::new(Store::new(
        Arc::clone(index) as Arc<dyn StorageIndexApi>,
        url,
        client,
    ));
    let app = router(Arc::clone(&store));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    store.open_path(dir).await.unwrap();
    store
}

/// Makes sealed and cache files as PreCommit2 does.
async fn seal(store: &Store) -> Acquired {
    let both = SEALED.union(CACHE);
    let none = SectorFileType::NONE;
    let (paths, _room) = store
        .acquire(&SECTOR, none, both, PathType::Sealing, AcquireMode::Move)
        .await
        .unwrap();
    std::fs::write(paths.path(SEALED).unwrap(), [7; 2048]).unwrap();
    std::fs::create_dir_all(paths.path(CACHE).unwrap()).unwrap();
    std::fs::write(paths.path(CACHE).unwrap().join("p_aux"), [8; 64]).unwrap();
    store.declare_made(SECTOR.id, &paths, both).await.unwrap();
    paths
}

mod files_of_a_worker {
    use super::*;

    #[tokio::test]
    async fn move_to_the_miners_store_over_http_and_are_gone_from_the_worker() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let index = index();
        let worker = process(&index, a.path(), false).await;
        let made = seal(&worker).await;
        let miner = process(&index, b.path(), true).await;
        miner
            .move_to_storage(&SECTOR, SEALED.union(CACHE))
            .await
            .unwrap();
        let sealed = sector_path(b.path(), SEALED, SECTOR.id);
        assert_eq!(std::fs::read(&sealed).unwrap(), [7; 2048]);
        let cache = sector_path(b.path(), CACHE, SECTOR.id);
        assert_eq!(std::fs::read(cache.join("p_aux")).unwrap(), [8; 64]);
        assert!(!made.path(SEALED).unwrap().exists() && !made.path(CACHE).unwrap().exists());
        let found = index.find(SECTOR.id, SEALED.union(CACHE), 2048, false);
        assert_eq!(found.len(), 1);
        assert!(found[0].primary && found[0].can_store);
        // Once more changes nothing.
        miner
            .move_to_storage(&SECTOR, SEALED.union(CACHE))
            .await
            .unwrap();
        assert!(sealed.exists());
    }

    #[tokio::test]
    async fn stay_where_they_are_when_they_are_only_copied() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let index = index();
        let first = process(&index, a.path(), false).await;
        let made = seal(&first).await;
        let second = process(&index, b.path(), false).await;
        let (here, _room) = second
            .acquire(
                &SECTOR,
                SEALED,
                SectorFileType::NONE,
                PathType::Sealing,
                AcquireMode::Copy,
            )
            .await
            .unwrap();
        assert!(here.path(SEALED).unwrap().starts_with(b.path()));
        assert!(made.path(SEALED).unwrap().exists());
        assert_eq!(index.find(SECTOR.id, SEALED, 2048, false).len(), 2);
    }

    #[tokio::test]
    async fn are_found_again_after_a_restart_without_what_was_half_written() {
        let a = tempfile::tempdir().unwrap();
        let worker = process(&index(), a.path(), false).await;
        let made = seal(&worker).await;
        let half = made.path(SEALED).unwrap().with_file_name("s-t01000-3.tmp");
        std::fs::write(&half, "half").unwrap();
        drop(worker);
        let index = index();
        let client = Client::new(String::new()).unwrap();
        let again = Store::new(
            Arc::clone(&index) as Arc<dyn StorageIndexApi>,
            "http://x/remote".to_owned(),
            client,
        );
        again.open_path(a.path()).await.unwrap();
        assert_eq!(
            index
                .find(SECTOR.id, SEALED.union(CACHE), 2048, false)
                .len(),
            1
        );
        assert!(!half.exists());
        again
            .remove(SECTOR.id, SEALED.union(CACHE), &[])
            .await
            .unwrap();
        assert!(!made.path(CACHE).unwrap().exists());
        assert!(index.find(SECTOR.id, SEALED, 2048, false).is_empty());
    }

    #[tokio::test]
    async fn that_lie_nowhere_are_a_failure_and_not_tried_again() {
        let a = tempfile::tempdir().unwrap();
        let store = process(&index(), a.path(), true).await;
        let none = SectorFileType::NONE;
        let missing = store
            .acquire(
                &SECTOR,
                UNSEALED,
                none,
                PathType::Sealing,
                AcquireMode::Move,
            )
            .await;
        assert!(matches!(missing, Err(SealError::Failed(_))));
    }
}

#[tokio::test]
async fn reserved_room_is_not_given_away_twice() {
    let dir = tempfile::tempdir().unwrap();
    let index = index();
    let mut meta = LocalStorageMeta::new(10, true, false);
    meta.max_storage = 3000;
    write_json(&dir.path().join(META_FILE), &meta).unwrap();
    let client = Client::new(String::new()).unwrap();
    let store = Store::new(
        Arc::clone(&index) as Arc<dyn StorageIndexApi>,
        "http://x/remote".to_owned(),
        client,
    );
    store.open_path(dir.path()).await.unwrap();
    let none = SectorFileType::NONE;
    let other = SectorRef {
        id: SectorId {
            number: 3,
            ..SECTOR.id
        },
        ..SECTOR
    };
    let take = |s: SectorRef| async move { s };
    let first = store
        .acquire(
            &take(SECTOR).await,
            none,
            SEALED,
            PathType::Sealing,
            AcquireMode::Move,
        )
        .await
        .unwrap();
    let second = store
        .acquire(&other, none, SEALED, PathType::Sealing, AcquireMode::Move)
        .await;
    assert!(matches!(second, Err(SealError::Temporary(_))));
    drop(first);
    store
        .acquire(&other, none, SEALED, PathType::Sealing, AcquireMode::Move)
        .await
        .unwrap();
}
