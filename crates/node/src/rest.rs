//! `/rest/v0/import` and `/rest/v0/export`: files of deals over plain HTTP.
//!
//! # Invariants
//! - A file is taken in and given out through a staging folder: nothing is held in memory, and what
//!   is broken off leaves nothing behind.
//! - Both need `write`; to export out of a CAR by its path needs `admin`.
//!
//! # Lotus parity
//! `node/rpc.go`: `PUT` answers `{"Cid": …}`; `GET ?export=ExportRef&car=true` answers the file;
//! another HTTP method is 404, a token that allows too little 401. `/rest/v0/store` (retrieving into
//! another node's store) is not there.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::any,
};
use futures::StreamExt as _;
use lotus_rpc::{Caller, Verifier};
use lotus_rpc_api::{
    Permission,
    full::ClientApi as _,
    types::deals::{ExportRef, FileRef},
};
use serde_json::json;
use tokio::{fs, io::AsyncWriteExt as _};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use crate::FullNodeApi;

/// A sender may be silent for so long.
const STALL: Duration = Duration::from_secs(60);
/// The folder for files that come and go.
const STAGING: &str = "rest";

struct Rest {
    api: Arc<FullNodeApi>,
    verifier: Verifier,
    staging: PathBuf,
}

/// The routes. Files pass through a folder below `repo`.
pub fn routes(api: Arc<FullNodeApi>, verifier: Verifier, repo: &Path) -> Router {
    Router::new()
        .route("/rest/v0/import", any(import))
        .route("/rest/v0/export", any(export))
        .with_state(Arc::new(Rest {
            api,
            verifier,
            staging: repo.join(STAGING),
        }))
}

/// A file in the staging folder, removed in the end.
struct Staged(PathBuf);

impl Staged {
    async fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder).await?;
        Ok(Self(folder.join(Uuid::new_v4().to_string())))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = if self.0.is_dir() {
            std::fs::remove_dir_all(&self.0)
        } else {
            std::fs::remove_file(&self.0)
        };
    }
}

impl Rest {
    /// A caller who may write, or the answer to another.
    async fn caller(&self, request: &Parts) -> Result<Caller, Response> {
        let caller = self.verifier.caller(&request.headers, &request.uri).await;
        match caller {
            Ok(caller) if caller.may(Permission::Write) => Ok(caller),
            Ok(_) => Err(unauthorized("write")),
            Err(_) => Err(StatusCode::UNAUTHORIZED.into_response()),
        }
    }
}

fn unauthorized(missing: &str) -> Response {
    let text = format!("unauthorized: missing {missing} permission");
    failed(StatusCode::UNAUTHORIZED, &text)
}

fn failed(status: StatusCode, error: &dyn std::fmt::Display) -> Response {
    let body = json!({ "Error": error.to_string() });
    (status, format!("{body}\n")).into_response()
}

fn our_fault(error: &dyn std::fmt::Display) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, error)
}

async fn import(State(rest): State<Arc<Rest>>, request: Request) -> Response {
    let (request, body) = request.into_parts();
    if request.method != Method::PUT {
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Err(refusal) = rest.caller(&request).await {
        return refusal;
    }
    let staged = match Staged::new(&rest.staging).await {
        Ok(staged) => staged,
        Err(error) => return our_fault(&error),
    };
    if let Err(error) = receive(body, &staged.0).await {
        return our_fault(&error);
    }
    let file = FileRef {
        path: staged.0.display().to_string(),
        is_car: false,
    };
    match rest.api.client_import(file).await {
        Ok(imported) => {
            let body = json!({ "Cid": imported.root });
            (StatusCode::OK, format!("{body}\n")).into_response()
        }
        Err(error) => our_fault(&error),
    }
}

async fn receive(body: Body, to: &Path) -> io::Result<()> {
    let mut file = fs::File::create_new(to).await?;
    let mut chunks = body.into_data_stream();
    loop {
        let next = tokio::time::timeout(STALL, chunks.next()).await;
        match next.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))? {
            Some(chunk) => file.write_all(&chunk.map_err(io::Error::other)?).await?,
            None => return file.sync_all().await,
        }
    }
}

async fn export(State(rest): State<Arc<Rest>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    if request.method != Method::GET {
        return StatusCode::NOT_FOUND.into_response();
    }
    let caller = match rest.caller(&request).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let (wanted, is_car) = match asked(request.uri.query().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    // A path of this machine: whoever names one must be allowed to manage it.
    if !wanted.from_local_car.is_empty() && !caller.may(Permission::Admin) {
        return unauthorized("admin");
    }
    let staged = match Staged::new(&rest.staging).await {
        Ok(staged) => staged,
        Err(error) => return our_fault(&error),
    };
    let file = FileRef {
        path: staged.0.display().to_string(),
        is_car,
    };
    if let Err(error) = rest.api.client_export(wanted, file).await {
        return our_fault(&error);
    }
    if staged.0.is_dir() {
        return our_fault(&"it is a directory: ask for a CAR (car=true)");
    }
    // The open file outlives its name, which goes with `staged`.
    match fs::File::open(&staged.0).await {
        Ok(file) => {
            let body = Body::from_stream(ReaderStream::new(file));
            ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response()
        }
        Err(error) => our_fault(&error),
    }
}

/// What to export, and whether as a CAR.
fn asked(query: &str) -> Result<(ExportRef, bool), String> {
    let mut export = None;
    let mut is_car = false;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "export" => export = Some(unescape(value)?),
            "car" => is_car = value == "true",
            _ => {}
        }
    }
    let export = export.ok_or("the parameter export is missing")?;
    let export = serde_json::from_str(&export).map_err(|e| format!("export: {e}"))?;
    Ok((export, is_car))
}

/// The text of an escaped part of a query.
fn unescape(value: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let digits = tail.get(..2).and_then(|d| std::str::from_utf8(d).ok());
                let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
                rest = tail.get(2..).unwrap_or_default();
                byte.ok_or("the query has a broken escape")?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "the query is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let root = "bafk2bzacedtszm5cemeqi5o2jumtr72inufq7kla3vuitrcbepmzo6h7lzlj2";
        let query = format!("car=true&export=%7B%22Root%22%3A+%7B%22/%22:%22{root}%22%7D%7D");
        let (export, is_car) = asked(&query).expect("a query");
        assert_eq!(export.root.to_string(), root);
        assert!(is_car);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "export",
            "export=%7",
            "export=%zz",
            "export=%ff",
            "export={}",
            "export=%",
        ] {
            assert!(asked(bad).is_err(), "{bad}");
        }
    }
}
