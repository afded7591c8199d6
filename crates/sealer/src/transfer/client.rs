//! Fetching and deleting files of other processes.

use std::{io, path::Path, time::Duration};

use futures::TryStreamExt as _;
use lotus_rpc_api::types::storage::StorageId;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::tarball;
use crate::{
    SealError,
    layout::temp_name,
    store::{PaddedReader, blocking, copy_finish, remove_any, temporary},
};

/// A connection must stand within this time; transfers have no limit.
const CONNECT: Duration = Duration::from_secs(20);
/// A transfer that is silent for so long is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// Talks to the `/remote` of other processes.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    token: String,
}

impl Client {
    /// A client that shows `token` (empty: none).
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(token: String) -> Result<Self, SealError> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        let http = http.build().map_err(|e| temporary("HTTP client", e))?;
        Ok(Self { http, token })
    }

    fn request(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url);
        if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        }
    }

    /// Fetches a file or directory to `to`, which has its name only once it is there. False when the
    /// other side did not say where it ends: then its copy must not be deleted.
    pub(crate) async fn fetch(&self, url: &str, to: &Path) -> Result<bool, SealError> {
        let response = self.request(reqwest::Method::GET, url).send().await;
        let response = response
            .and_then(reqwest::Response::error_for_status)
            .map_err(|e| temporary("fetching", e))?;
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
        let is_tar = kind.is_some_and(|kind| kind.as_bytes() == b"application/x-tar");
        let expected = response.content_length().filter(|_| !is_tar);
        let stream = response.bytes_stream().map_err(io::Error::other);
        let body = StreamReader::new(stream);
        let (temp, to) = (temp_name(to), to.to_path_buf());
        let mut body = SyncIoBridge::new(body);
        blocking("fetching a sector file", move || {
            remove_any(&temp)?;
            let complete = if is_tar {
                tarball::read(&mut body, &temp)?
            } else {
                let mut file = std::fs::File::create(&temp)?;
                let length = io::copy(&mut body, &mut file)?;
                if expected.is_some_and(|expected| expected != length) {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
                }
                file.sync_all()?;
                expected.is_some()
            };
            copy_finish(&temp, &to)?;
            Ok(complete)
        })
        .await
    }

    /// Opens a part of a file: `length` bytes from `from` on. The other side may end it early.
    pub(crate) async fn open(
        &self,
        url: &str,
        from: u64,
        length: u64,
    ) -> Result<PaddedReader, SealError> {
        let last = from.saturating_add(length).saturating_sub(1);
        let request = self
            .request(reqwest::Method::GET, url)
            .header(reqwest::header::RANGE, format!("bytes={from}-{last}"));
        let response = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(|e| temporary("reading at another process", e))?;
        let is_part = response.status() == reqwest::StatusCode::PARTIAL_CONTENT;
        let stream = response.bytes_stream().map_err(io::Error::other);
        let mut body = StreamReader::new(Box::pin(stream));
        if !is_part {
            // It sends all of the file.
            let mut before = (&mut body).take(from);
            tokio::io::copy(&mut before, &mut tokio::io::sink())
                .await
                .map_err(|e| temporary("reading at another process", e))?;
        }
        Ok(Box::pin(body.take(length)))
    }

    /// Deletes a file at the other process, except in path `keep`.
    pub(crate) async fn delete(&self, url: &str, keep: &StorageId) -> Result<(), SealError> {
        let keeps = keep
            .0
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !keeps {
            return Err(SealError::Failed(format!("{keep} is no path id")));
        }
        let url = if keep.0.is_empty() {
            url.to_owned()
        } else {
            format!("{url}?keep={keep}")
        };
        let request = self.request(reqwest::Method::DELETE, &url);
        let response = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        response
            .map(|_| ())
            .map_err(|e| temporary("deleting a remote sector file", e))
    }
}
