//! The provider's side: a trustless gateway over the pieces that are stored.
//!
//! # Invariants
//! - A block is sent only after it was checked against its CID; a CAR that cannot be completed is
//!   broken off, never ended as if it were whole.
//! - Nobody is made to wait in silence: what must be unsealed first is answered with "come back in so
//!   many seconds".

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures::stream;
use lotus_types::Cid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    CAR_CONTENT, RAW_TYPE,
    request::{self, Format, Refusal},
    stream::{Blocks, SendError, car},
};
use crate::{
    dag_pb::Link,
    piece::{PieceBytes, PieceError, walk::WalkLimits},
    piece_index::PieceIndex,
};

/// What the gateway takes upon itself.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Answers at the same time; further requests are told to come back. Default: 64.
    pub answers: usize,
    /// How long a request waits for its first block; after that the client is told to come back,
    /// while unsealing goes on. Default: 10 s.
    pub hold: Duration,
    /// When a client that has to wait shall come back. Default: 15 s.
    pub come_back: Duration,
    /// Size of a DAG.
    pub dag: WalkLimits,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            answers: 64,
            hold: Duration::from_secs(10),
            come_back: Duration::from_secs(15),
            dag: WalkLimits::default(),
        }
    }
}

/// Bytes of a piece that are read at once.
const PIECE_CHUNK: u64 = 1 << 20;

struct Gateway {
    blocks: Blocks,
    limits: ServeLimits,
    free: Arc<Semaphore>,
}

/// The gateway's routes: `/ipfs/{cid}` for DAGs and blocks, `/piece/{cid}` for whole pieces.
pub fn router(index: Arc<PieceIndex>, bytes: Arc<dyn PieceBytes>, limits: ServeLimits) -> Router {
    let gateway = Gateway {
        blocks: Blocks { index, bytes },
        limits,
        free: Arc::new(Semaphore::new(limits.answers)),
    };
    Router::new()
        .route("/ipfs/{cid}", get(dag))
        .route("/ipfs/{cid}/{*path}", get(path))
        .route("/piece/{cid}", get(piece))
        .with_state(Arc::new(gateway))
}

type Answer = Result<Response, Refused>;

/// An answer that says why not.
struct Refused {
    status: StatusCode,
    text: String,
    come_back: Option<Duration>,
}

impl From<Refusal> for Refused {
    fn from((status, text): Refusal) -> Self {
        Self {
            status,
            text,
            come_back: None,
        }
    }
}

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.text + "\n").into_response();
        if let Some(delay) = self.come_back {
            let seconds = delay.as_secs().max(1);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl Gateway {
    fn place(&self) -> Result<OwnedSemaphorePermit, Refused> {
        self.free.clone().try_acquire_owned().map_err(|_| Refused {
            status: StatusCode::TOO_MANY_REQUESTS,
            text: format!("{} answers are under way already", self.limits.answers),
            come_back: Some(self.limits.come_back),
        })
    }

    /// Waits for the first bytes of an answer, but not for long.
    async fn first<T>(
        &self,
        read: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, Refused> {
        match tokio::time::timeout(self.limits.hold, read).await {
            Ok(Ok(first)) => Ok(first),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(Refused {
                status: StatusCode::SERVICE_UNAVAILABLE,
                text: "the data is being unsealed".to_owned(),
                come_back: Some(self.limits.come_back),
            }),
        }
    }
}

/// The status of an answer that could not be begun. What failed inside stays in the log.
fn refused(error: &SendError) -> Refused {
    let status = match error {
        SendError::NotFound(_) | SendError::Piece(PieceError::NotFound(_)) => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let text = if status == StatusCode::NOT_FOUND {
        error.to_string()
    } else {
        tracing::warn!(%error, "a request cannot be answered");
        "the data cannot be read".to_owned()
    };
    (status, text).into()
}

fn bad_request(text: String) -> Refused {
    (StatusCode::BAD_REQUEST, text).into()
}

async fn path(Path((cid, path)): Path<(String, String)>) -> Refused {
    bad_request(format!(
        "paths are not resolved here: ask for the CID of {path:?} under {cid:?}"
    ))
}

async fn dag(
    State(gateway): State<Arc<Gateway>>,
    method: Method,
    Path(cid): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let root: Link = cid
        .parse()
        .map_err(|e| bad_request(format!("{cid:?}: {e}")))?;
    let format = request::format(query.as_deref().unwrap_or_default(), &headers)?;
    if method == Method::HEAD {
        let known = gateway.blocks.has(&root).await;
        known.map_err(|error| refused(&error))?;
        let kind = match format {
            Format::Raw => RAW_TYPE,
            Format::Car(_) => CAR_CONTENT,
        };
        return Ok(immutable(kind).into_response());
    }
    let permit = gateway.place()?;
    let first = gateway.first(gateway.blocks.get(&root)).await?;
    let (kind, suffix, body) = match format {
        Format::Raw => (RAW_TYPE, "bin", Body::from(first)),
        Format::Car(scope) => {
            let limits = gateway.limits.dag;
            let blocks = gateway.blocks.clone();
            let car = car(blocks, (root, first), scope, limits, permit);
            (CAR_CONTENT, "car", Body::from_stream(car))
        }
    };
    let name = format!("attachment; filename=\"{cid}.{suffix}\"");
    Ok((immutable(kind), [(header::CONTENT_DISPOSITION, name)], body).into_response())
}

/// What has a CID never changes.
fn immutable(kind: &'static str) -> [(HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "public, max-age=29030400, immutable"),
    ]
}

async fn piece(
    State(gateway): State<Arc<Gateway>>,
    Path(text): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let cid: Cid = text
        .parse()
        .map_err(|e| bad_request(format!("{text:?}: {e}")))?;
    let permit = gateway.place()?;
    let index = gateway.blocks.index.clone();
    let known = tokio::task::spawn_blocking(move || index.piece(&cid)).await;
    let known = match known {
        Ok(Ok(known)) => known,
        Ok(Err(error)) => return Err(refused(&error.into())),
        Err(_) => return Err(refused(&SendError::Stopping)),
    };
    let Some(known) = known else {
        return Err(refused(&PieceError::NotFound(cid).into()));
    };
    let range = request::range(&headers, known.payload)?;
    let (from, end) = match range {
        Some((from, to)) => (from, to + 1),
        None => (0, known.payload),
    };
    let chunk = |from: u64| PIECE_CHUNK.min(end - from);
    let bytes = gateway.blocks.bytes.clone();
    let begin = async { Ok(bytes.read(&cid, from, chunk(from)).await?) };
    let first = gateway.first(begin).await?;
    let rest = Rest {
        bytes: gateway.blocks.bytes.clone(),
        piece: cid,
        from: from + chunk(from),
        end,
        _permit: permit,
    };
    let body = stream::unfold(Some((Some(first), rest)), |state| async {
        let (first, mut rest) = state?;
        let next = match first {
            Some(first) => Ok(first),
            None if rest.from == rest.end => return None,
            None => rest.next().await,
        };
        let after = next.is_ok().then_some((None, rest));
        Some((next, after))
    });
    let mut response = (
        immutable("application/octet-stream"),
        Body::from_stream(body),
    )
        .into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, (end - from).into());
    headers.insert(
        header::ACCEPT_RANGES,
        header::HeaderValue::from_static("bytes"),
    );
    if range.is_some() {
        let range = format!("bytes {from}-{}/{}", end - 1, known.payload);
        let range = range.parse().expect("digits make a header");
        headers.insert(header::CONTENT_RANGE, range);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// A piece that is being sent.
struct Rest {
    bytes: Arc<dyn PieceBytes>,
    piece: Cid,
    from: u64,
    end: u64,
    _permit: OwnedSemaphorePermit,
}

impl Rest {
    async fn next(&mut self) -> Result<Bytes, SendError> {
        let len = PIECE_CHUNK.min(self.end - self.from);
        let bytes = self.bytes.read(&self.piece, self.from, len).await?;
        self.from += len;
        Ok(bytes)
    }
}
