//! A worker of another process, reached over HTTP.

use lotus_rpc::{ClientOptions, HttpClient, JwtSecret, PushStreams, Server, Verifier};
use lotus_rpc_api::{ApiClient, Permission, worker};
use lotus_types::sector::UnpaddedPieceSize;

use super::*;
use crate::transfer;

/// A worker on its own storage path, and its server.
struct Elsewhere {
    dir: tempfile::TempDir,
    url: String,
    token: String,
    worker: Arc<LocalWorker>,
    stop: CancellationToken,
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Elsewhere {
    /// Its index and returns go to the manager directly.
    async fn start(s: &Setup, p: &Process) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let meta = LocalStorageMeta::new(10, true, false);
        write_json(&dir.path().join(META_FILE), &meta).unwrap();
        let secret = JwtSecret::generate();
        let token = secret.token(&Permission::ALL).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let deps = &p.manager.0.deps;
        let store = Arc::new(Store::new(
            Arc::clone(&deps.index) as Arc<dyn StorageIndexApi>,
            format!("{url}/remote"),
            Client::new(String::new()).unwrap(),
        ));
        store.open_path(dir.path()).await.unwrap();
        let patience = Duration::from_secs(1);
        let streams = PushStreams::new(patience, patience);
        let worker = LocalWorker::start(WorkerDeps {
            store: Arc::clone(&store),
            prover: Arc::clone(&s.prover) as Arc<dyn Prover>,
            returns: Arc::new(p.manager.clone()),
            streams: Some(streams.clone()),
            shutdown: None,
            calls: CallStore::in_memory().unwrap(),
            clock: Arc::clone(&deps.clock),
            tasks: TaskType::ALL.iter().cloned().collect(),
            resources: table(|_| None).unwrap(),
            hostname: "elsewhere".to_owned(),
            ignore_resources: false,
        });
        let worker = Arc::new(worker.unwrap());
        let server = Server::new(Verifier::Secret(secret))
            .endpoint("/rpc/v0", worker::dispatcher(Arc::clone(&worker)))
            .push_streams(streams)
            .merge(transfer::router(store));
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(listener, stop.clone()));
        Self {
            dir,
            url,
            token,
            worker,
            stop,
        }
    }

    async fn connect(&self, manager: &Manager) {
        let url = format!("{}/rpc/v0", self.url);
        let token = Some(self.token.clone());
        let client = HttpClient::new(&url, token, ClientOptions::default()).unwrap();
        let api = Arc::new(ApiClient::new(Arc::new(client)));
        let session = manager.connect(api, url).await.unwrap();
        assert_eq!(session, self.worker.current_session());
    }

    fn file(&self, kind: SectorFileType) -> std::path::PathBuf {
        crate::layout::sector_path(self.dir.path(), kind, SECTOR.id)
    }
}

/// The worker of the miner's process takes nothing, so all goes elsewhere.
async fn only_elsewhere() -> (Setup, Process, Elsewhere) {
    let s = Setup::new();
    let p = s.start().await;
    p.worker.set_enabled(false);
    p.manager.refresh().await;
    let far = Elsewhere::start(&s, &p).await;
    far.connect(&p.manager).await;
    (s, p, far)
}

#[tokio::test]
async fn gets_a_pieces_data_and_gives_them_back() {
    let (_s, p, far) = only_elsewhere().await;
    let bytes: Vec<u8> = (0..1016_u32).map(|n| n.to_le_bytes()[1]).collect();
    let file = far.dir.path().join("piece.car");
    std::fs::write(&file, &bytes[..900]).unwrap();
    let size = UnpaddedPieceSize(1016);
    let first = p
        .manager
        .add_piece(SECTOR, vec![], size, PieceData::File(file))
        .await;
    let padded = [&bytes[..900], &[0; 116]].concat();
    assert_eq!(first.unwrap().piece_cid, unsealed_cid(&blake2b256(&padded)));
    let stream = PieceData::Reader(Box::new(std::io::Cursor::new(bytes.clone())));
    let second = p.manager.add_piece(SECTOR, vec![size], size, stream).await;
    assert_eq!(second.unwrap().piece_cid, unsealed_cid(&blake2b256(&bytes)));
    assert!(far.file(SectorFileType::UNSEALED).exists());

    // The miner reads them over HTTP: a part from any byte on.
    let cids = SectorCids {
        unsealed: unsealed_cid(&[1; 32]),
        sealed: sealed_cid(&[1; 32]),
    };
    assert_eq!(
        read(&p.manager, 1016 + 130, 500, &cids).await,
        bytes[130..630]
    );
    assert_eq!(read(&p.manager, 890, 20, &cids).await, padded[890..910]);
}

#[tokio::test]
async fn tells_of_data_that_break_off() {
    let (_s, p, _far) = only_elsewhere().await;
    struct Breaks;
    impl Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let data = PieceData::Reader(Box::new(Breaks));
    let added = p
        .manager
        .add_piece(SECTOR, vec![], UnpaddedPieceSize(1016), data);
    assert!(added.await.is_err());
}

#[tokio::test]
async fn that_does_not_answer_gets_nothing_until_it_does() {
    let (_s, p, far) = only_elsewhere().await;
    let session = far.worker.current_session();
    far.stop.cancel();
    tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            p.manager.refresh().await;
            if !p.manager.worker_stats()[&session].enabled {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
}
