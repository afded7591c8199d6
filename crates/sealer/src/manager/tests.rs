use std::{io::Read, sync::atomic::Ordering};

use lotus_ports::{clock::SystemClock, fr32};
use lotus_rpc_api::miner::StorageIndexApi;
use lotus_types::{
    Bytes, ExtendedSectorInfo, PieceInfo, RegisteredPoStProof, RegisteredSealProof, SectorId,
    block::blake2b256,
    sector::{SectorCids, UnpaddedPieceSize, sealed_cid, unsealed_cid},
};

use tokio::io::AsyncReadExt as _;

use super::*;
use crate::{
    PieceData, PoStProver, Sealer,
    calls::Kind,
    layout::{LocalStorageMeta, META_FILE, write_json},
    resources::table,
    transfer::Client,
    worker::{LocalWorker, WorkerDeps},
};

mod fake_prover;
/// Workers of other processes.
mod remote;

use fake_prover::FakeProver;

const SECTOR: SectorRef = SectorRef {
    id: SectorId {
        miner: 1000,
        number: 2,
    },
    proof_type: RegisteredSealProof::STACKED_DRG_2KIB_V1_1,
};

struct Setup {
    dir: tempfile::TempDir,
    prover: Arc<FakeProver>,
}

struct Process {
    manager: Manager,
    worker: Arc<LocalWorker>,
}

impl Setup {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, seal, store) in [("scratch", true, false), ("archive", false, true)] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            let meta = LocalStorageMeta::new(10, seal, store);
            write_json(&dir.path().join(name).join(META_FILE), &meta).unwrap();
        }
        Self {
            dir,
            prover: Arc::default(),
        }
    }

    /// Starts the miner's process: manager and built-in worker, on records and files that last.
    async fn start(&self) -> Process {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(|d| Box::pin(tokio::time::sleep(d))));
        let index = Arc::new(Index::new(Arc::clone(&clock)));
        let client = Client::new(String::new()).unwrap();
        let url = "http://127.0.0.1:1/remote".to_owned();
        let store = Arc::new(Store::new(
            Arc::clone(&index) as Arc<dyn StorageIndexApi>,
            url,
            client,
        ));
        for name in ["scratch", "archive"] {
            store.open_path(&self.dir.path().join(name)).await.unwrap();
        }
        let prover = Arc::clone(&self.prover) as Arc<dyn Prover>;
        let manager = Manager::new(ManagerDeps {
            index,
            store: Arc::clone(&store),
            prover: Arc::clone(&prover),
            work: CallStore::open(&self.dir.path().join("work.db")).unwrap(),
            clock: Arc::clone(&clock),
            assigner: Assigner::Utilization,
        });
        let worker = LocalWorker::start(WorkerDeps {
            store,
            prover,
            returns: Arc::new(manager.clone()),
            streams: None,
            shutdown: None,
            calls: CallStore::open(&self.dir.path().join("calls.db")).unwrap(),
            clock,
            tasks: TaskType::ALL.iter().cloned().collect(),
            resources: table(|_| None).unwrap(),
            hostname: "here".to_owned(),
            ignore_resources: false,
        });
        let worker = Arc::new(worker.unwrap());
        manager.connect_local(Arc::clone(&worker)).await.unwrap();
        Process { manager, worker }
    }

    fn file(&self, path: &str, kind: SectorFileType) -> std::path::PathBuf {
        crate::layout::sector_path(&self.dir.path().join(path), kind, SECTOR.id)
    }
}

async fn to_phase2(m: &Manager) -> (Vec<PieceInfo>, Bytes) {
    let size = UnpaddedPieceSize(1016);
    let data = PieceData::Reader(Box::new(std::io::Cursor::new(vec![7; 500])));
    let first = m.add_piece(SECTOR, vec![], size, data).await.unwrap();
    let second = m
        .add_piece(SECTOR, vec![size], size, PieceData::Zeros)
        .await
        .unwrap();
    let pieces = vec![first, second];
    let out = m
        .seal_pre_commit1(SECTOR, [3; 32], pieces.clone())
        .await
        .unwrap();
    (pieces, out)
}

fn info(cids: &SectorCids) -> ExtendedSectorInfo {
    ExtendedSectorInfo {
        seal_proof: SECTOR.proof_type,
        sector_number: 2,
        sector_key: None,
        sealed_cid: cids.sealed,
    }
}

#[tokio::test]
async fn a_sector_is_sealed_and_ends_up_complete_in_long_term_storage() {
    let s = Setup::new();
    let p = s.start().await;
    let (pieces, phase1) = to_phase2(&p.manager).await;
    let cids = p.manager.seal_pre_commit2(SECTOR, phase1).await.unwrap();
    let out = p
        .manager
        .seal_commit1(SECTOR, [3; 32], [4; 32], pieces, cids.clone())
        .await
        .unwrap();
    p.manager.seal_commit2(SECTOR, out).await.unwrap();
    p.manager.finalize_sector(SECTOR, false).await.unwrap();
    for kind in [SectorFileType::SEALED, SectorFileType::CACHE] {
        assert!(
            s.file("archive", kind).exists() && !s.file("scratch", kind).exists(),
            "{kind}"
        );
    }
    assert!(!s.file("scratch", SectorFileType::UNSEALED).exists());
    assert!(
        !s.file("archive", SectorFileType::CACHE)
            .join("layer-1")
            .exists()
    );
    let post = RegisteredPoStProof::STACKED_DRG_WINDOW_2KIB_V1;
    let bad = p
        .manager
        .check_provable(post, 1000, vec![info(&cids)])
        .await
        .unwrap();
    assert_eq!(bad.len(), 0, "{bad:?}");
    let proof = p
        .manager
        .window_post(post, 1000, vec![info(&cids)], [5; 32])
        .await
        .unwrap();
    assert_eq!((proof.proofs.len(), proof.skipped.len()), (1, 0));
    // Nobody has the unsealed copy: a worker makes one, and it is there from then on.
    for unsealed_before in [false, true] {
        assert_eq!(p.manager.is_unsealed(SECTOR), unsealed_before);
        assert_eq!(
            read(&p.manager, 0, 600, &cids).await,
            [[7; 500].as_slice(), &[0; 100]].concat()
        );
    }
    assert_eq!(s.prover.count("unseal"), 1);
    assert!(s.file("archive", SectorFileType::SEALED).exists());
    assert!(s.file("scratch", SectorFileType::UNSEALED).exists());
}

async fn read(m: &Manager, offset: u64, size: u64, cids: &SectorCids) -> Vec<u8> {
    let reader = m.read_piece(SECTOR, offset, size, [3; 32], cids.unsealed);
    let mut data = Vec::new();
    reader.await.unwrap().read_to_end(&mut data).await.unwrap();
    data
}

#[tokio::test]
async fn a_part_of_a_piece_is_read_from_any_byte_on() {
    let s = Setup::new();
    let p = s.start().await;
    let bytes: Vec<u8> = (0..1016_u32).map(|n| n.to_le_bytes()[0]).collect();
    let size = UnpaddedPieceSize(1016);
    let data = PieceData::Reader(Box::new(std::io::Cursor::new(bytes.clone())));
    p.manager
        .add_piece(SECTOR, vec![], size, data)
        .await
        .unwrap();
    let cids = SectorCids {
        unsealed: unsealed_cid(&[1; 32]),
        sealed: sealed_cid(&[1; 32]),
    };
    for (from, to) in [(0, 1016), (5, 6), (126, 128), (127, 254), (300, 1000)] {
        let part = read(&p.manager, from, to - from, &cids).await;
        let (from, to) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
        assert_eq!(part, bytes[from..to], "{from}..{to}");
    }
    let beyond = p
        .manager
        .read_piece(SECTOR, 2000, 33, [3; 32], cids.unsealed);
    assert!(beyond.await.is_err_and(|e| !e.is_temporary()));
}

#[tokio::test]
async fn data_that_exceed_their_piece_are_refused() {
    let s = Setup::new();
    let p = s.start().await;
    let data = PieceData::Reader(Box::new(std::io::Cursor::new(vec![7; 1017])));
    let added = p
        .manager
        .add_piece(SECTOR, vec![], UnpaddedPieceSize(1016), data);
    let error = added.await.unwrap_err().to_string();
    assert!(error.contains("more data than the piece's 1016"), "{error}");
}

#[tokio::test]
async fn a_damaged_or_missing_replica_is_named_and_skipped() {
    let s = Setup::new();
    let p = s.start().await;
    let (_, phase1) = to_phase2(&p.manager).await;
    let cids = p.manager.seal_pre_commit2(SECTOR, phase1).await.unwrap();
    let sealed = s.file("scratch", SectorFileType::SEALED);
    let mut bytes = std::fs::read(&sealed).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&sealed, &bytes).unwrap();
    let post = RegisteredPoStProof::STACKED_DRG_WINDOW_2KIB_V1;
    let missing = ExtendedSectorInfo {
        sector_number: 9,
        ..info(&cids)
    };
    let both = vec![info(&cids), missing.clone()];
    let bad = p.manager.check_provable(post, 1000, both).await.unwrap();
    assert_eq!(bad.keys().copied().collect::<Vec<_>>(), [2, 9]);
    let skipped = p
        .manager
        .window_post(post, 1000, vec![missing], [5; 32])
        .await
        .unwrap();
    assert_eq!(skipped.skipped, [9]);
    std::fs::write(&sealed, &bytes[..100]).unwrap();
    let bad = p
        .manager
        .check_provable(post, 1000, vec![info(&cids)])
        .await
        .unwrap();
    assert!(bad[&2].contains("100 bytes"), "{bad:?}");
}

#[tokio::test]
async fn an_encoding_that_stopped_half_way_is_done_again_with_the_same_result() {
    let s = Setup::new();
    let p = s.start().await;
    let (_, phase1) = to_phase2(&p.manager).await;
    s.prover.interrupt.store(2, Ordering::SeqCst);
    for _ in 0..2 {
        let error = p
            .manager
            .seal_pre_commit2(SECTOR, phase1.clone())
            .await
            .unwrap_err();
        assert!(error.is_temporary(), "{error}");
    }
    let cids = p.manager.seal_pre_commit2(SECTOR, phase1).await.unwrap();
    let mut data = fr32::pad(&[[7; 500].as_slice(), &[0; 1532]].concat());
    data.iter_mut().for_each(|b| *b = !*b);
    assert_eq!(cids.sealed, sealed_cid(&blake2b256(&data)));
}

mod the_same_work {
    use super::*;

    #[tokio::test]
    async fn is_done_once_also_across_a_restart() {
        let s = Setup::new();
        let p = s.start().await;
        let (pieces, first) = to_phase2(&p.manager).await;
        drop(p);
        let p = s.start().await;
        let again = p
            .manager
            .seal_pre_commit1(SECTOR, [3; 32], pieces)
            .await
            .unwrap();
        assert_eq!(again, first);
        assert_eq!(s.prover.count("pc1"), 1);
    }

    #[tokio::test]
    async fn is_done_again_when_the_process_died_with_it() {
        let s = Setup::new();
        let p = s.start().await;
        let (_, phase1) = to_phase2(&p.manager).await;
        // The call is on both records and no result ever comes: what a crash leaves.
        p.worker.quiet().await;
        let call = CallId {
            sector: SECTOR.id,
            id: Uuid::new_v4(),
        };
        p.worker
            .deps_for_tests()
            .calls
            .begin(&call.to_string(), &call, Kind::PreCommit2)
            .unwrap();
        let key = sealing::key(Kind::PreCommit2, SECTOR.id, &phase1);
        p.manager
            .0
            .deps
            .work
            .begin(&key, &call, Kind::PreCommit2)
            .unwrap();
        drop(p);
        let p = s.start().await;
        let done = p.manager.seal_pre_commit2(SECTOR, phase1);
        tokio::time::timeout(Duration::from_secs(10), done)
            .await
            .expect("in time")
            .unwrap();
        assert_eq!(s.prover.count("pc2"), 1);
    }

    #[tokio::test]
    async fn is_done_anew_after_a_failure() {
        let s = Setup::new();
        let p = s.start().await;
        let (pieces, phase1) = to_phase2(&p.manager).await;
        s.prover.interrupt.store(1, Ordering::SeqCst);
        p.manager
            .seal_pre_commit2(SECTOR, phase1)
            .await
            .unwrap_err();
        p.manager
            .seal_pre_commit1(SECTOR, [3; 32], pieces)
            .await
            .unwrap();
        assert_eq!(s.prover.count("pc1"), 2);
    }
}

#[tokio::test]
async fn a_task_that_nobody_does_waits_and_says_why() {
    let s = Setup::new();
    let p = s.start().await;
    lotus_rpc_api::worker::WorkerApi::task_disable(&*p.worker, TaskType::COMMIT2)
        .await
        .unwrap();
    p.manager.refresh().await;
    let manager = p.manager.clone();
    let waiting = tokio::spawn(async move { manager.seal_commit2(SECTOR, vec![1].into()).await });
    while p.manager.waiting().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(p.manager.waiting()[0].1, Some(Reason::NobodyDoes));
    lotus_rpc_api::worker::WorkerApi::task_enable(&*p.worker, TaskType::COMMIT2)
        .await
        .unwrap();
    p.manager.refresh().await;
    waiting.await.unwrap().unwrap();
    assert_eq!(p.manager.worker_stats().values().next().unwrap().cpu_use, 0);
}

#[tokio::test]
async fn a_removed_sector_leaves_nothing() {
    let s = Setup::new();
    let p = s.start().await;
    to_phase2(&p.manager).await;
    p.manager.remove(SECTOR.id).await.unwrap();
    for kind in SectorFileType::KINDS {
        assert!(!s.file("scratch", kind).exists(), "{kind}");
    }
}
