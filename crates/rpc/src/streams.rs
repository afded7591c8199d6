//! Bytes beside a call: the caller posts them to `/rpc/streams/v0/push/{uuid}` and names the UUID
//! in a parameter; the called method opens the stream by that UUID.
//!
//! Post and open find each other whoever comes first; each waits for the other for a limited time.
//!
//! # Lotus parity
//! Lotus' `lib/rpcenc`. A Go client first sends HEAD to be redirected, which is answered with 200
//! (no redirection), then posts. The UUID is the authorisation, as with Lotus.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
    routing::any,
};
use futures::{Stream, StreamExt as _, stream};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, ReadBuf},
    sync::oneshot,
};
use tokio_util::io::StreamReader;
use uuid::Uuid;

/// Most posts and opens that wait for their other half.
const MOST_WAITING: usize = 1024;

/// Why a stream cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// Nobody posted it in time.
    #[error("nobody sent the data stream {id} within {waited:?}")]
    NotSent {
        /// The stream.
        id: Uuid,
        /// How long was waited.
        waited: Duration,
    },
    /// Someone else waits for it already.
    #[error("the data stream {0} is already being opened")]
    Taken(Uuid),
    /// Too many streams wait.
    #[error("too many data streams are waiting")]
    TooMany,
}

type BodyStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A body on its way to its reader; `done` is told when it was read to the end.
struct Posted {
    body: BodyStream,
    done: oneshot::Sender<()>,
}

enum Half {
    Post(Posted),
    Open(oneshot::Sender<Posted>),
}

struct Inner {
    waiting: Mutex<HashMap<Uuid, Half>>,
    patience: Duration,
    stall: Duration,
}

/// The streams that callers push to this server.
#[derive(Clone)]
pub struct PushStreams(Arc<Inner>);

impl std::fmt::Debug for PushStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PushStreams({} waiting)", self.0.waiting.lock().len())
    }
}

impl Default for PushStreams {
    fn default() -> Self {
        Self::new(Duration::from_secs(30), Duration::from_secs(60))
    }
}

impl PushStreams {
    /// Post and open wait `patience` for each other; a reader waits `stall` for the next bytes.
    pub fn new(patience: Duration, stall: Duration) -> Self {
        Self(Arc::new(Inner {
            waiting: Mutex::default(),
            patience,
            stall,
        }))
    }

    /// Opens a stream for reading.
    ///
    /// # Errors
    /// When it does not come in time.
    pub async fn open(&self, id: Uuid) -> Result<PushReader, PushError> {
        let receiver = {
            let mut waiting = self.0.waiting.lock();
            match waiting.remove(&id) {
                Some(Half::Post(posted)) => return Ok(self.reader(posted)),
                Some(open) => {
                    waiting.insert(id, open);
                    return Err(PushError::Taken(id));
                }
                None if waiting.len() >= MOST_WAITING => return Err(PushError::TooMany),
                None => {
                    let (sender, receiver) = oneshot::channel();
                    waiting.insert(id, Half::Open(sender));
                    receiver
                }
            }
        };
        let forget = Forget { streams: self, id };
        let waited = self.0.patience;
        let posted = tokio::time::timeout(waited, receiver).await;
        drop(forget);
        match posted {
            Ok(Ok(posted)) => Ok(self.reader(posted)),
            _ => Err(PushError::NotSent { id, waited }),
        }
    }

    fn reader(&self, posted: Posted) -> PushReader {
        let stall = self.0.stall;
        let body = stream::unfold(posted.body, move |mut body| async move {
            match tokio::time::timeout(stall, body.next()).await {
                Ok(next) => next.map(|item| (item, body)),
                Err(_) => {
                    let text = format!("the sender of a data stream was silent for {stall:?}");
                    Some((Err(io::Error::new(io::ErrorKind::TimedOut, text)), body))
                }
            }
        });
        let body: BodyStream = Box::pin(body);
        PushReader {
            inner: StreamReader::new(body),
            done: Some(posted.done),
        }
    }

    /// Takes a post: waits until it was read.
    async fn post(&self, id: Uuid, body: Body) -> Response {
        let (done, was_read) = oneshot::channel();
        let body = body
            .into_data_stream()
            .map(|chunk| chunk.map_err(io::Error::other));
        let posted = Posted {
            body: Box::pin(body),
            done,
        };
        let waits = {
            let mut waiting = self.0.waiting.lock();
            match waiting.remove(&id) {
                Some(Half::Open(opener)) => {
                    if opener.send(posted).is_err() {
                        return failed("the reader of the stream is gone");
                    }
                    false
                }
                Some(post) => {
                    waiting.insert(id, post);
                    return failed("the stream is already being sent");
                }
                None if waiting.len() >= MOST_WAITING => return failed("too many streams wait"),
                None => {
                    waiting.insert(id, Half::Post(posted));
                    true
                }
            }
        };
        let _forget = Forget { streams: self, id };
        let mut was_read = was_read;
        if waits {
            // Only while nobody has opened it: reading itself may take long.
            let deadline = tokio::time::sleep(self.0.patience);
            tokio::select! {
                read = &mut was_read => return read_to_end(read.is_ok()),
                () = deadline => {
                    if self.0.waiting.lock().remove(&id).is_some() {
                        return failed("nobody opened the stream in time");
                    }
                }
            }
        }
        read_to_end(was_read.await.is_ok())
    }

    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/rpc/streams/v0/push/{id}", any(take))
            .with_state(self)
    }
}

/// Removes what still waits when its request is given up.
struct Forget<'a> {
    streams: &'a PushStreams,
    id: Uuid,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.streams.0.waiting.lock().remove(&self.id);
    }
}

async fn take(
    State(streams): State<PushStreams>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let Ok(id) = id.parse::<Uuid>() else {
        return (StatusCode::BAD_REQUEST, "the stream's name is not a UUID\n").into_response();
    };
    if request.method() == Method::HEAD {
        return StatusCode::OK.into_response();
    }
    streams.post(id, request.into_body()).await
}

fn read_to_end(done: bool) -> Response {
    if done {
        StatusCode::OK.into_response()
    } else {
        failed("the reader stopped before the end")
    }
}

fn failed(text: &'static str) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{text}\n")).into_response()
}

/// The bytes of a pushed stream. Read it to its end: the sender is told that all was taken.
pub struct PushReader {
    inner: StreamReader<BodyStream, Bytes>,
    done: Option<oneshot::Sender<()>>,
}

impl std::fmt::Debug for PushReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushReader")
    }
}

impl AsyncRead for PushReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let room = buf.remaining() > 0;
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        let end = matches!(read, Poll::Ready(Ok(()))) && room && buf.filled().len() == before;
        if end && let Some(done) = self.done.take() {
            let _ = done.send(());
        }
        read
    }
}
