//! Serving this process' files.

use std::{io::SeekFrom, path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures::StreamExt as _;
use lotus_rpc_api::types::storage::{SectorFileType, StorageId};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::{ReaderStream, SyncIoBridge};

use super::tarball;
use crate::{layout::parse_sector, store::Store};

/// The routes below `/remote`. The server that mounts them must have checked the token for `admin`.
pub fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/remote/stat/{id}", get(stat))
        .route("/remote/{kind}/{sector}", get(fetch).delete(delete))
        .with_state(store)
}

fn refuse(status: StatusCode, why: impl std::fmt::Display) -> Response {
    (status, why.to_string()).into_response()
}

async fn stat(State(store): State<Arc<Store>>, Path(id): Path<String>) -> Response {
    let id = StorageId(id);
    if store.dir(&id).is_none() {
        return refuse(StatusCode::NOT_FOUND, "no such storage path");
    }
    match store.stat(&id).await {
        Ok(stat) => Json(stat).into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn fetch(
    State(store): State<Arc<Store>>,
    Path((kind, sector)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(kind) = SectorFileType::from_name(&kind) else {
        return refuse(StatusCode::BAD_REQUEST, "no such type of sector files");
    };
    if parse_sector(&sector).is_none() {
        return refuse(StatusCode::BAD_REQUEST, "not the name of a sector");
    }
    let found = tokio::task::spawn_blocking(move || store.lookup(&sector, kind)).await;
    match found {
        Ok(Some(path)) if path.is_dir() => directory(path),
        Ok(Some(path)) => file(path, part(&headers)).await,
        Ok(None) => refuse(StatusCode::NOT_FOUND, "no such sector file here"),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// First and last byte of `Range: bytes=a-b`. Other forms are not used by workers; the answer to them
/// is the whole file, as HTTP allows.
fn part(headers: &HeaderMap) -> Option<(u64, u64)> {
    let range = headers.get(header::RANGE)?.to_str().ok()?;
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

async fn file(path: PathBuf, part: Option<(u64, u64)>) -> Response {
    let opened = async {
        let file = tokio::fs::File::open(&path).await?;
        let length = file.metadata().await?.len();
        Ok::<_, std::io::Error>((file, length))
    };
    let (mut file, length) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    };
    let kind = (header::CONTENT_TYPE, "application/octet-stream".to_owned());
    let Some((first, last)) = part else {
        let headers = [kind, (header::CONTENT_LENGTH, length.to_string())];
        let body = Body::from_stream(ReaderStream::with_capacity(file, 1 << 20));
        return (headers, body).into_response();
    };
    let end = last.saturating_add(1).min(length);
    if first >= end {
        let headers = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
        return (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response();
    }
    if let Err(error) = file.seek(SeekFrom::Start(first)).await {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, error);
    }
    let headers = [
        kind,
        (header::CONTENT_LENGTH, (end - first).to_string()),
        (
            header::CONTENT_RANGE,
            format!("bytes {first}-{}/{length}", end - 1),
        ),
    ];
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(end - first), 1 << 20));
    (StatusCode::PARTIAL_CONTENT, headers, body).into_response()
}

fn directory(path: PathBuf) -> Response {
    let (reader, writer) = tokio::io::duplex(1 << 20);
    let writer = SyncIoBridge::new(writer);
    let written = tokio::task::spawn_blocking(move || tarball::write(&path, writer));
    // When reading the directory fails, the response must break off instead of ending early: the
    // other side would take half a directory for all of it.
    let outcome = futures::stream::once(async move {
        match written.await {
            Ok(Ok(())) => Ok(Bytes::new()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(std::io::Error::other(error)),
        }
    });
    let body = ReaderStream::new(reader).chain(outcome);
    let headers = [(header::CONTENT_TYPE, "application/x-tar")];
    (headers, Body::from_stream(body)).into_response()
}

async fn delete(
    State(store): State<Arc<Store>>,
    Path((kind, sector)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let (Some(kind), Some(sector)) = (SectorFileType::from_name(&kind), parse_sector(&sector))
    else {
        return refuse(StatusCode::BAD_REQUEST, "not the name of a sector file");
    };
    let keep = query
        .into_iter()
        .filter(|(k, _)| k == "keep")
        .map(|(_, id)| StorageId(id));
    let keep: Vec<_> = keep.collect();
    match store.remove(sector, kind, &keep).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
