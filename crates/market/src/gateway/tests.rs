#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use futures::{StreamExt as _, stream};
use lotus_types::Cid;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::{
    dag_pb::Link,
    imports::{Imports, export_car},
    piece::{
        PieceBytes, PieceError,
        sections::Sections,
        testing::{car, pattern, pb, raw},
    },
    piece_index::PieceIndex,
};

mod misbehaving;
mod serving;

const FILE: usize = 5 << 20;

/// Pieces in memory. They may have to be unsealed first, which somebody else does in his own time.
struct Pieces {
    data: Mutex<HashMap<Cid, Bytes>>,
    unsealed: watch::Sender<bool>,
    unseals: AtomicUsize,
}

impl Pieces {
    fn new(unsealed: bool) -> Arc<Self> {
        Arc::new(Self {
            data: Mutex::new(HashMap::new()),
            unsealed: watch::Sender::new(unsealed),
            unseals: AtomicUsize::new(0),
        })
    }
}

#[async_trait::async_trait]
impl PieceBytes for Pieces {
    async fn read(&self, piece: &Cid, offset: u64, len: u64) -> Result<Bytes, PieceError> {
        let mut unsealed = self.unsealed.subscribe();
        if !*unsealed.borrow_and_update() && self.unseals.fetch_add(1, Ordering::SeqCst) == 0 {
            let done = self.unsealed.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                done.send_replace(true);
            });
        }
        unsealed.wait_for(|done| *done).await.unwrap();
        let data = self.data.lock().get(piece).cloned();
        let data = data.ok_or(PieceError::NotFound(*piece))?;
        let from = usize::try_from(offset).unwrap();
        let to = from + usize::try_from(len).unwrap();
        if to > data.len() {
            let piece = *piece;
            return Err(PieceError::OutOfRange { piece, offset, len });
        }
        Ok(data.slice(from..to))
    }
}

/// A provider with pieces, and a client's folder.
struct Provider {
    folder: TempDir,
    index: Arc<PieceIndex>,
    pieces: Arc<Pieces>,
    limits: ServeLimits,
}

impl Provider {
    fn new(unsealed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let index = Arc::new(PieceIndex::open(&folder.path().join("index")).unwrap());
        Self {
            folder,
            index,
            pieces: Pieces::new(unsealed),
            limits: ServeLimits {
                hold: Duration::from_millis(100),
                come_back: Duration::from_secs(1),
                ..ServeLimits::default()
            },
        }
    }

    /// A provider that stores a file of five blocks; the file's root.
    fn with_file() -> (Self, Cid) {
        let provider = Self::new(true);
        let root = provider.store_file(&pattern(FILE));
        (provider, root)
    }

    /// Imports a file, as a client does, and stores its payload in a padded piece, as a deal does.
    fn store_file(&self, content: &[u8]) -> Cid {
        let file = self.folder.path().join("file");
        fs::write(&file, content).unwrap();
        let imports = Imports::open(&self.folder.path().join("imports")).unwrap();
        let root = imports.import(&file, false).unwrap().root;
        let size = imports.data_cid_size(&root).unwrap();
        let mut piece = fs::read(imports.car(&root).unwrap()).unwrap();
        piece.resize(usize::try_from(size.piece_size.unpadded().0).unwrap(), 0);
        self.store(size.piece_cid, piece);
        root
    }

    fn store(&self, cid: Cid, piece: Vec<u8>) {
        self.index.index(&cid, &piece[..]).unwrap();
        self.pieces.data.lock().insert(cid, piece.into());
    }

    fn router(&self) -> Router {
        router(self.index.clone(), self.pieces.clone(), self.limits)
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("retrieved.car")
    }

    /// The only piece there is.
    fn piece(&self) -> (Cid, Bytes) {
        let pieces = self.pieces.data.lock();
        let (cid, data) = pieces.iter().next().unwrap();
        (*cid, data.clone())
    }
}

/// Runs a server; its URL.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Waits that are short enough for tests.
fn impatient() -> RetrieveLimits {
    RetrieveLimits {
        connect: Duration::from_secs(5),
        answer: Duration::from_millis(500),
        stall: Duration::from_millis(300),
        attempts: 2,
        pause: Duration::from_millis(10),
        unsealing: Duration::from_secs(20),
        ..RetrieveLimits::default()
    }
}

/// Patient enough for a busy machine.
fn patient() -> RetrieveLimits {
    RetrieveLimits {
        answer: Duration::from_secs(30),
        pause: Duration::from_millis(10),
        ..RetrieveLimits::default()
    }
}

async fn get_text(url: &str) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

mod a_file_of_several_blocks {
    use super::*;

    async fn comes_back_from(provider: &Provider, root: Cid, content: &[u8]) {
        let url = serve(provider.router()).await;
        let mut seen = 0;
        let got = retrieve(&url, &root, &provider.out(), &patient(), |so_far| {
            seen = so_far.blocks;
        })
        .await
        .unwrap();
        assert_eq!(seen, got.blocks);
        let imports = Imports::open(&provider.folder.path().join("imports")).unwrap();
        let payload = fs::read(imports.car(&root).unwrap()).unwrap();
        assert_eq!(got.bytes, payload.len() as u64);
        assert!(fs::read(provider.out()).unwrap() == payload, "the payload");
        let file = provider.folder.path().join("out");
        export_car(&provider.out(), &root, &file, false).unwrap();
        assert!(fs::read(file).unwrap() == content, "the file");
    }

    #[tokio::test]
    async fn comes_back_equal() {
        let (provider, root) = Provider::with_file();
        comes_back_from(&provider, root, &pattern(FILE)).await;
    }

    #[tokio::test]
    async fn comes_back_equal_when_blocks_repeat_or_stand_in_cids() {
        let provider = Provider::new(true);
        let content = [vec![0; 3 << 20], pattern(100)].concat();
        let root = provider.store_file(&content);
        comes_back_from(&provider, root, &content).await;
        fs::remove_file(provider.folder.path().join("out")).unwrap();
        let tiny = provider.store_file(b"tiny");
        comes_back_from(&provider, tiny, b"tiny").await;
    }

    #[tokio::test]
    async fn comes_back_equal_when_it_must_be_unsealed_first() {
        let provider = Provider::new(false);
        let root = provider.store_file(&pattern(FILE));
        let url = serve(provider.router()).await;
        // Nobody waits in silence.
        let (status, text) = get_text(&format!("{url}/ipfs/{root}?format=car")).await;
        assert_eq!((status, text.trim()), (503, "the data is being unsealed"));
        comes_back_from(&provider, root, &pattern(FILE)).await;
        assert!(*provider.pieces.unsealed.borrow());
    }

    #[tokio::test]
    async fn is_given_up_when_unsealing_takes_too_long() {
        let answer = || async {
            let wait = [("retry-after", "7")];
            (StatusCode::SERVICE_UNAVAILABLE, wait, "unsealing\u{1b}[31m")
        };
        let url = serve(Router::new().route("/ipfs/{cid}", get(answer))).await;
        let limits = RetrieveLimits {
            unsealing: Duration::from_secs(5),
            ..impatient()
        };
        let folder = tempfile::tempdir().unwrap();
        let root = Cid::of_raw(b"x");
        let to = folder.path().join("out");
        let error = retrieve(&url, &root, &to, &limits, |_| {})
            .await
            .unwrap_err();
        assert!(matches!(&error, RetrieveError::NotReady { text, .. } if text == "unsealing [31m"));
    }

    #[tokio::test]
    async fn comes_from_the_piece_that_can_be_read() {
        let (provider, root) = Provider::with_file();
        let (_, data) = provider.piece();
        // An older piece with the same blocks, in no sector any more.
        let other = Provider::new(true);
        other.store(Cid::of_raw(b"lost"), data.to_vec());
        other.pieces.data.lock().clear();
        let (cid, data) = provider.piece();
        other.store(cid, data.to_vec());
        let url = serve(other.router()).await;
        let got = retrieve(&url, &root, &other.out(), &patient(), |_| {}).await;
        assert_eq!(got.unwrap().blocks, 6);
    }
}
