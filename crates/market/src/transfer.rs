//! The data of a deal on its way: the client serves it ([`server`]), the provider fetches it ([`fetch`]).
//!
//! # Invariants
//! - Fetching writes at most as many bytes as the deal says, and goes on where it was interrupted.
//! - A host that sends nothing for a while is given up, and asked again later.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, RANGE},
    redirect::Policy,
};
use tokio::{
    fs::{File, OpenOptions},
    io::AsyncWriteExt as _,
    time::timeout,
};

use crate::protocol::{HttpRequest, Transfer};

pub(crate) mod server;

/// Why data could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The proposal's transfer cannot be followed.
    #[error("the transfer cannot be followed: {0}")]
    Request(String),
    /// The host does not give it out.
    #[error("the data's host answered {0}: the token may be wrong, or the data gone")]
    Refused(StatusCode),
    /// There is more than the deal says.
    #[error("the data are longer than the {0} bytes of the deal")]
    TooLong(u64),
    /// The connection broke, or nothing came for a while.
    #[error("the transfer was interrupted: {0}")]
    Interrupted(String),
    /// This side's disk failed.
    #[error("staging the data in {path}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

impl FetchError {
    /// May it work later?
    pub(crate) const fn is_temporary(&self) -> bool {
        matches!(self, Self::Interrupted(_) | Self::Disk { .. })
    }
}

/// Limits of fetching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Until there is a connection and the answer's head.
    pub connect: Duration,
    /// Longest time without any new byte.
    pub stall: Duration,
    /// Tries in a row without any progress before the deal is given up.
    pub attempts: u32,
    /// Pause before the second try; doubled with each, up to a minute.
    pub pause: Duration,
    /// Fetch from loopback and private addresses: off, so that a client cannot make the provider ask
    /// hosts of its own network.
    pub allow_private_hosts: bool,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            attempts: 32,
            pause: Duration::from_secs(2),
            allow_private_hosts: false,
        }
    }
}

/// Longest pause between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Most headers that a proposal may ask for.
const MAX_HEADERS: usize = 16;

/// A checked request.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    url: Url,
    headers: HeaderMap,
}

impl Source {
    /// Reads a proposal's transfer.
    pub(crate) fn parse(transfer: &Transfer, limits: &FetchLimits) -> Result<Self, FetchError> {
        let refuse = |reason: String| Err(FetchError::Request(reason));
        if transfer.kind != Transfer::HTTP {
            let kind: String = transfer.kind.chars().take(32).collect();
            return refuse(format!("type {kind:?} is not supported, only \"http\""));
        }
        if transfer.size == 0 {
            return refuse("its size is 0".to_owned());
        }
        let request: HttpRequest = serde_json::from_slice(&transfer.params)
            .map_err(|e| FetchError::Request(format!("its parameters are malformed: {e}")))?;
        let url = Url::parse(&request.url)
            .map_err(|e| FetchError::Request(format!("its URL is malformed: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return refuse(format!("URLs of {:?} are not supported", url.scheme()));
        }
        if !limits.allow_private_hosts && is_private(&url) {
            let host = url.host_str().unwrap_or_default();
            return refuse(format!(
                "{host} is a private address, which this provider does not fetch from"
            ));
        }
        if request.headers.len() > MAX_HEADERS {
            return refuse(format!("it has more than {MAX_HEADERS} headers"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::try_from(name);
            let value = HeaderValue::try_from(value);
            let (Ok(name), Ok(mut value)) = (name, value) else {
                return refuse("it has a header that HTTP does not know".to_owned());
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self { url, headers })
    }
}

fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()
        }
        Ok(IpAddr::V6(ip)) => {
            let mapped = ip.to_ipv4_mapped();
            let mapped = mapped.is_some_and(|ip| ip.is_private() || ip.is_loopback());
            mapped
                || ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
        Err(_) => false,
    }
}

/// Fetches `size` bytes into a file, going on after what is there, until it is complete or it makes no
/// sense to go on. `progress` hears how many bytes there are.
pub(crate) async fn fetch(
    source: &Source,
    size: u64,
    file: &Path,
    limits: &FetchLimits,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<(), FetchError> {
    // No redirects: they would lead around the check of the host. No proxy: the URL is a peer's.
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(limits.connect)
        .build()
        .map_err(|e| FetchError::Request(e.to_string()))?;
    let (mut tries, mut pause) = (0, limits.pause);
    loop {
        let before = length(file).await?;
        progress(before);
        if before == size {
            return Ok(());
        }
        let outcome = attempt(&client, source, size, file, limits, progress).await;
        match outcome {
            Ok(()) => return Ok(()),
            Err(error) if !error.is_temporary() => return Err(error),
            Err(error) => {
                if length(file).await? > before {
                    (tries, pause) = (0, limits.pause);
                }
                tries += 1;
                if tries >= limits.attempts {
                    return Err(error);
                }
                tracing::debug!(%error, tries, "the transfer goes on after a pause");
            }
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(MAX_PAUSE);
    }
}

/// Bytes that are staged; more than the deal has cannot be, but a file that was tampered with is
/// begun again.
async fn length(file: &Path) -> Result<u64, FetchError> {
    match tokio::fs::metadata(file).await {
        Ok(found) => Ok(found.len()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(disk(file, source)),
    }
}

fn disk(path: &Path, source: io::Error) -> FetchError {
    FetchError::Disk {
        path: path.to_path_buf(),
        source,
    }
}

async fn attempt(
    client: &Client,
    source: &Source,
    size: u64,
    path: &Path,
    limits: &FetchLimits,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<(), FetchError> {
    let mut have = length(path).await?;
    if have > size {
        have = 0;
    }
    let response = ask(client, source, have, limits).await?;
    have = starts_at(&response, have)?;
    if response
        .content_length()
        .is_some_and(|more| more > size - have)
    {
        return Err(FetchError::TooLong(size));
    }
    let mut file = open(path, have).await.map_err(|e| disk(path, e))?;
    let copied = copy(response, &mut file, have, size, limits, progress).await;
    // What came counts, however it ended.
    file.flush().await.map_err(|e| disk(path, e))?;
    file.sync_all().await.map_err(|e| disk(path, e))?;
    match copied? {
        end if end == size => Ok(()),
        end => Err(FetchError::Interrupted(format!(
            "the data ended after {end} of {size} bytes"
        ))),
    }
}

async fn ask(
    client: &Client,
    source: &Source,
    have: u64,
    limits: &FetchLimits,
) -> Result<Response, FetchError> {
    let mut request = client
        .get(source.url.clone())
        .headers(source.headers.clone());
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
    }
    let response = timeout(limits.connect, request.send())
        .await
        .map_err(|_| FetchError::Interrupted("no answer in time".to_owned()))?
        .map_err(|e| FetchError::Interrupted(e.without_url().to_string()))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(FetchError::Interrupted(format!(
            "the host answered {status}"
        )));
    }
    Err(FetchError::Refused(status))
}

/// From where on the answer's bytes are: from where they were asked for, or from the beginning.
fn starts_at(response: &Response, asked: u64) -> Result<u64, FetchError> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Ok(0);
    }
    let range = response.headers().get(CONTENT_RANGE);
    let start: Option<u64> = range
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
    match start {
        Some(start) if start == asked => Ok(asked),
        _ => Err(FetchError::Request(
            "the host answered with another range than it was asked for".to_owned(),
        )),
    }
}

async fn open(path: &Path, from: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .await?;
    file.set_len(from).await?;
    tokio::io::AsyncSeekExt::seek(&mut file, io::SeekFrom::Start(from)).await?;
    Ok(file)
}

async fn copy(
    mut response: Response,
    file: &mut File,
    from: u64,
    size: u64,
    limits: &FetchLimits,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<u64, FetchError> {
    let mut at = from;
    loop {
        let chunk = timeout(limits.stall, response.chunk())
            .await
            .map_err(|_| FetchError::Interrupted(format!("nothing for {:?}", limits.stall)))?
            .map_err(|e| FetchError::Interrupted(e.without_url().to_string()))?;
        let Some(chunk) = chunk else {
            return Ok(at);
        };
        let end = at.saturating_add(chunk.len() as u64);
        if end > size {
            return Err(FetchError::TooLong(size));
        }
        file.write_all(&chunk)
            .await
            .map_err(|e| FetchError::Interrupted(format!("writing: {e}")))?;
        at = end;
        progress(at);
    }
}

#[cfg(test)]
mod tests;
