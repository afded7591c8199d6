//! The client's HTTP listener: gives a deal's CAR to whoever has the deal's token.
//!
//! # Invariants
//! - Only data of deals in flight are served, each under its own token of 256 random bits; without it
//!   nothing is told, not even whether there is such a deal.
//! - Tokens are compared by their hashes, so that time tells nothing about them.

use std::{
    collections::BTreeMap,
    io::{self, SeekFrom},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use parking_lot::Mutex;
use rand::{RngCore as _, rngs::OsRng};
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
    net::TcpListener,
};
use tokio_util::{io::ReaderStream, sync::CancellationToken};
use uuid::Uuid;

use crate::protocol::HttpRequest;

type Grants = Arc<Mutex<BTreeMap<Uuid, Grant>>>;

#[derive(Debug, Clone)]
struct Grant {
    token: [u8; 32],
    car: PathBuf,
}

/// The listener's handle: which data are served, and where.
#[derive(Debug, Clone)]
pub(crate) struct TransferServer {
    grants: Grants,
    base: String,
}

/// A new token: 64 hexadecimal digits.
pub(crate) fn new_token() -> String {
    let mut random = [0; 32];
    OsRng.fill_bytes(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl TransferServer {
    /// Listens. `announce` is the base URL that providers are told, where it is not the listener's own
    /// address.
    pub(crate) async fn bind(
        listen: SocketAddr,
        announce: Option<String>,
    ) -> io::Result<(Self, TcpListener)> {
        let listener = TcpListener::bind(listen).await?;
        let base = match announce {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None => {
                let mut address = listener.local_addr()?;
                if address.ip().is_unspecified() {
                    address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
                }
                format!("http://{address}")
            }
        };
        let grants = Grants::default();
        Ok((Self { grants, base }, listener))
    }

    /// Serves until `stop`.
    pub(crate) async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let router = Router::new()
            .route("/deal/{uuid}", get(answer))
            .with_state(self.grants);
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(stop.clone().cancelled_owned())
            .into_future();
        // A download in progress must not hold up the node's end.
        if let Some(Err(error)) = stop.run_until_cancelled(served).await {
            tracing::error!(%error, "the listener for deals' data has failed");
        }
    }

    /// Serves a deal's CAR from now on.
    pub(crate) fn grant(&self, deal: Uuid, token: &str, car: PathBuf) {
        let token = Sha256::digest(token).into();
        self.grants.lock().insert(deal, Grant { token, car });
    }

    /// Serves it no more.
    pub(crate) fn revoke(&self, deal: Uuid) {
        self.grants.lock().remove(&deal);
    }

    /// What a provider is told to fetch a deal's data.
    pub(crate) fn request(&self, deal: Uuid, token: &str) -> HttpRequest {
        HttpRequest {
            url: format!("{}/deal/{deal}", self.base),
            headers: BTreeMap::from([("Authorization".to_owned(), format!("Bearer {token}"))]),
        }
    }
}

async fn answer(
    State(grants): State<Grants>,
    Path(deal): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(car) = permitted(&grants, &deal, &headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    serve(car, headers.get(header::RANGE))
        .await
        .unwrap_or_else(|error| {
            tracing::warn!(%error, deal, "a deal's data cannot be served");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        })
}

/// The CAR that the request's token opens.
fn permitted(grants: &Grants, deal: &str, headers: &HeaderMap) -> Option<PathBuf> {
    let given = headers.get(header::AUTHORIZATION)?.as_bytes();
    let given: [u8; 32] = Sha256::digest(given.strip_prefix(b"Bearer ")?).into();
    let grant = grants.lock().get(&deal.parse().ok()?)?.clone();
    let differing = grant
        .token
        .iter()
        .zip(given)
        .fold(0, |seen, (a, b)| seen | (a ^ b));
    (differing == 0).then_some(grant.car)
}

async fn serve(car: PathBuf, range: Option<&HeaderValue>) -> io::Result<Response> {
    let mut file = File::open(car).await?;
    let size = file.metadata().await?.len();
    let (status, from, until) = match range.map(|r| parse_range(r, size)) {
        None | Some(Range::Ignored) => (StatusCode::OK, 0, size),
        Some(Range::Part(from, until)) => (StatusCode::PARTIAL_CONTENT, from, until),
        Some(Range::Impossible) => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, range).into_response());
        }
    };
    file.seek(SeekFrom::Start(from)).await?;
    let body = Body::from_stream(ReaderStream::new(file.take(until - from)));
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.ipld.car".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_LENGTH, (until - from).to_string()),
    ];
    let mut response = (status, headers, body).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {from}-{}/{size}", until.saturating_sub(1));
        if let Ok(range) = HeaderValue::try_from(range) {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
    }
    Ok(response)
}

enum Range {
    /// Not understood: the whole is sent, as HTTP allows.
    Ignored,
    /// From the first to before the second.
    Part(u64, u64),
    /// Behind the end.
    Impossible,
}

/// Reads `bytes=FROM-`, `bytes=FROM-LAST` and `bytes=-COUNT`.
fn parse_range(range: &HeaderValue, size: u64) -> Range {
    let parts = range
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("bytes=")?.split_once('-'));
    let Some((from, last)) = parts else {
        return Range::Ignored;
    };
    let (from, until) = match (from.parse::<u64>(), last.parse::<u64>()) {
        (Ok(from), Ok(last)) if last >= from => (from, last.saturating_add(1).min(size)),
        (Ok(from), Err(_)) if last.is_empty() => (from, size),
        (Err(_), Ok(count)) if from.is_empty() => (size.saturating_sub(count), size),
        _ => return Range::Ignored,
    };
    if from >= size {
        return Range::Impossible;
    }
    Range::Part(from, until)
}
