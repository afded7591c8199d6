//! Fetches a DAG from a provider that need not be trusted.
//!
//! # Invariants
//! - Every block is checked against its CID before anything is done with it, and taken only when the
//!   DAG needs it next: what is written is the payload of the DAG and nothing else.
//! - The result has its name only when the DAG is complete.
//! - Every wait ends: for a connection, an answer, the next byte, the next good block, and for data
//!   that the provider has to unseal first.
//!
//! A connection that breaks is no loss: the walk knows which block is next, and what is left is asked
//! for from there.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use lotus_types::Cid;
use reqwest::{Response, StatusCode, header};
use tokio::{
    fs::File,
    io::{AsyncWriteExt as _, BufWriter},
    time::{Instant, timeout},
};

use super::{CAR_CONTENT, error::RetrieveError};
use crate::{
    dag_pb::Link,
    piece::{
        MAX_BLOCK,
        sections::{self, Section, Sections},
        walk::{DagWalk, WalkLimits},
    },
};

/// What a provider may take from us.
#[derive(Debug, Clone, Copy)]
pub struct RetrieveLimits {
    /// Until a connection stands. Default: 20 s.
    pub connect: Duration,
    /// Until an answer begins. Default: 60 s.
    pub answer: Duration,
    /// Until the next byte. Default: 30 s.
    pub stall: Duration,
    /// Until the next good block. Default: 10 min.
    pub block: Duration,
    /// Attempts in a row without a new block. Default: 5.
    pub attempts: u32,
    /// Pause between two attempts. Default: 2 s.
    pub pause: Duration,
    /// In all, for data that the provider has to unseal first. Default: 6 h.
    pub unsealing: Duration,
    /// Bytes of a block. Default: [`MAX_BLOCK`].
    pub max_block: usize,
    /// Bytes of the payload. Default: 64 GiB, the largest sector.
    pub bytes: u64,
    /// Size of the DAG.
    pub dag: WalkLimits,
}

impl Default for RetrieveLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            answer: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            block: Duration::from_secs(600),
            attempts: 5,
            pause: Duration::from_secs(2),
            unsealing: Duration::from_secs(6 * 3600),
            max_block: MAX_BLOCK,
            bytes: 64 << 30,
            dag: WalkLimits::default(),
        }
    }
}

/// How far a retrieval is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retrieved {
    /// Blocks written.
    pub blocks: u64,
    /// Bytes of the payload written.
    pub bytes: u64,
}

/// Fetches the DAG of `root` from the gateway at `url` (`http://HOST:PORT`) and writes its payload, a
/// CAR v1, to `to`, replacing what is there. `progress` is called after every block.
///
/// # Errors
/// [`RetrieveError`]; nothing is written at `to` then.
pub async fn retrieve(
    url: &str,
    root: &Cid,
    to: &Path,
    limits: &RetrieveLimits,
    progress: impl FnMut(Retrieved) + Send,
) -> Result<Retrieved, RetrieveError> {
    let io = |source| RetrieveError::Io {
        path: to.to_path_buf(),
        source,
    };
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let partial = to.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let partial = Partial(partial);
    let http = http_client(url, limits).map_err(|e| RetrieveError::Connection {
        url: url.to_owned(),
        reason: reason(&e),
    })?;
    let fetch = Fetch {
        http,
        base: url.trim_end_matches('/').to_owned(),
        limits: *limits,
        walk: DagWalk::new((*root).into(), limits.dag),
        next: None,
        out: BufWriter::with_capacity(1 << 20, File::create(&partial.0).await.map_err(io)?),
        to: to.to_path_buf(),
        done: Retrieved::default(),
        repeated: 0,
        waited: Duration::ZERO,
        last_block: Instant::now(),
        progress,
    };
    let done = fetch.run(root).await?;
    tokio::fs::rename(&partial.0, to).await.map_err(io)?;
    Ok(done)
}

/// Proxies of the environment are used as everywhere, but not for this machine itself, as Go has it.
pub(super) fn http_client(url: &str, limits: &RetrieveLimits) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .connect_timeout(limits.connect)
        .redirect(reqwest::redirect::Policy::limited(3));
    let url = reqwest::Url::parse(url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str);
    let local = host.is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    });
    if local { builder.no_proxy() } else { builder }.build()
}

/// A file that is being written. It is removed when it did not get another name, also when the
/// retrieval is given up in the middle.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // After the renaming there is none; that is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}

struct Fetch<P> {
    http: reqwest::Client,
    base: String,
    limits: RetrieveLimits,
    walk: DagWalk,
    /// The block that the DAG needs next.
    next: Option<Link>,
    out: BufWriter<File>,
    to: PathBuf,
    done: Retrieved,
    /// Bytes that came though they had come before.
    repeated: u64,
    waited: Duration,
    last_block: Instant,
    progress: P,
}

/// Repeated bytes that are put up with, beside as many as came new.
const REPEATED: u64 = 64 << 20;

impl<P: FnMut(Retrieved) + Send> Fetch<P> {
    async fn run(mut self, root: &Cid) -> Result<Retrieved, RetrieveError> {
        self.write(&sections::header(&(*root).into())).await?;
        self.advance().await?;
        let mut failures = 0;
        while let Some(link) = self.next.clone() {
            let before = self.done.blocks;
            let outcome = self.request(&link).await;
            if self.done.blocks > before {
                failures = 0;
            }
            match outcome {
                Ok(true) => {}
                // Asked for this very block, and the answer ended without it.
                Ok(false) if self.done.blocks == before => {
                    return Err(RetrieveError::Incomplete(Box::new(link)));
                }
                Ok(false) => {}
                Err(error) if error.is_passing() && failures + 1 < self.limits.attempts => {
                    failures += 1;
                    tracing::info!(%error, block = %link, "retrieval continues with a new request");
                    tokio::time::sleep(self.limits.pause).await;
                }
                Err(error) => return Err(error),
            }
        }
        let end = self.out.flush().await;
        let synced = match end {
            Ok(()) => self.out.get_ref().sync_all().await,
            failed => failed,
        };
        synced.map_err(|source| self.io(source))?;
        Ok(self.done)
    }

    fn io(&self, source: std::io::Error) -> RetrieveError {
        RetrieveError::Io {
            path: self.to.clone(),
            source,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), RetrieveError> {
        self.done.bytes += bytes.len() as u64;
        if self.done.bytes > self.limits.bytes {
            return Err(RetrieveError::TooLarge(self.limits.bytes));
        }
        let written = self.out.write_all(bytes).await;
        written.map_err(|source| self.io(source))
    }

    /// Writes a good block and goes on to the next that has to come from the provider.
    async fn put(&mut self, link: &Link, block: &[u8]) -> Result<(), RetrieveError> {
        self.write(&sections::section_head(link, block.len()))
            .await?;
        self.write(block).await?;
        self.walk.enter(link, block)?;
        self.done.blocks += 1;
        (self.progress)(self.done);
        Ok(())
    }

    /// Finds the next block of the DAG; those that a CID carries are written on the way.
    async fn advance(&mut self) -> Result<(), RetrieveError> {
        self.last_block = Instant::now();
        loop {
            self.next = self.walk.step()?;
            match self.next.clone() {
                Some(Link::Inline { codec, data }) => {
                    let block = data.clone();
                    self.put(&Link::Inline { codec, data }, &block).await?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Asks for a block and all below it, and takes what comes. False when the answer ended before
    /// the DAG was complete.
    async fn request(&mut self, link: &Link) -> Result<bool, RetrieveError> {
        let url = format!("{}/ipfs/{link}?format=car&dag-scope=all", self.base);
        let Some(mut response) = self.open(&url, link).await? else {
            return Ok(true);
        };
        self.last_block = Instant::now();
        let mut sections = Sections::new(self.limits.max_block);
        let bad = |source| RetrieveError::BadCar {
            url: url.clone(),
            source,
        };
        while let Some(chunk) = self.chunk(&mut response, &url).await? {
            sections.push(&chunk);
            while let Some(section) = sections.section().map_err(bad)? {
                self.take(section).await?;
                if self.next.is_none() {
                    return Ok(true);
                }
            }
        }
        sections.finish().map_err(bad)?;
        Ok(false)
    }

    async fn take(&mut self, section: Section) -> Result<(), RetrieveError> {
        let Section { link, data, .. } = section;
        if self.next.as_ref() == Some(&link) {
            link.verify(&data)?;
            self.put(&link, &data).await?;
            return self.advance().await;
        }
        if link.inlined().is_none() && !self.walk.has_seen(&link) {
            let wanted = self.next.clone().unwrap_or_else(|| link.clone());
            return Err(RetrieveError::Unexpected {
                got: Box::new(link),
                wanted: Box::new(wanted),
            });
        }
        // It was there before, or everyone has it.
        self.repeated += data.len() as u64 + 1;
        if self.repeated > self.done.bytes.saturating_add(REPEATED) {
            return Err(RetrieveError::Repeating);
        }
        Ok(())
    }

    /// The next bytes of an answer; `None` at its end.
    async fn chunk(
        &self,
        response: &mut Response,
        url: &str,
    ) -> Result<Option<axum::body::Bytes>, RetrieveError> {
        let left = self.limits.block.saturating_sub(self.last_block.elapsed());
        let (what, limit) = if left < self.limits.stall {
            ("good block", self.limits.block)
        } else {
            ("byte", self.limits.stall)
        };
        match timeout(left.min(self.limits.stall), response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(RetrieveError::Connection {
                url: url.to_owned(),
                reason: reason(&error),
            }),
            Err(_) => Err(RetrieveError::TimedOut {
                url: url.to_owned(),
                what,
                limit,
            }),
        }
    }

    /// Sends a request. `None` when the provider asked to come back, after the time it asked for.
    async fn open(&mut self, url: &str, link: &Link) -> Result<Option<Response>, RetrieveError> {
        let request = self.http.get(url).header(header::ACCEPT, CAR_CONTENT);
        let response = match timeout(self.limits.answer, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                return Err(RetrieveError::Connection {
                    url: url.to_owned(),
                    reason: reason(&error),
                });
            }
            Err(_) => {
                return Err(RetrieveError::TimedOut {
                    url: url.to_owned(),
                    what: "answer",
                    limit: self.limits.answer,
                });
            }
        };
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(Some(response));
        }
        let delay = response.headers().get(header::RETRY_AFTER);
        let delay = delay.and_then(|delay| delay.to_str().ok()?.parse().ok());
        let text = self.words(response).await;
        match (status, delay) {
            (StatusCode::NOT_FOUND | StatusCode::GONE, _) => {
                Err(RetrieveError::NotFound(Box::new(link.clone())))
            }
            (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS, Some(seconds)) => {
                self.wait(seconds, text).await?;
                Ok(None)
            }
            _ => Err(RetrieveError::Refused {
                url: url.to_owned(),
                status: status.as_u16(),
                text,
            }),
        }
    }

    async fn wait(&mut self, seconds: u64, text: String) -> Result<(), RetrieveError> {
        let delay = Duration::from_secs(seconds.clamp(1, 60));
        if self.waited + delay > self.limits.unsealing {
            return Err(RetrieveError::NotReady {
                waited: self.waited,
                text,
            });
        }
        tracing::info!(%text, ?delay, "the provider is not ready yet");
        self.waited += delay;
        tokio::time::sleep(delay).await;
        Ok(())
    }

    /// The start of an error's text, without what could disturb a terminal.
    async fn words(&self, mut response: Response) -> String {
        let mut text = Vec::new();
        while text.len() < 1024 {
            match timeout(self.limits.stall, response.chunk()).await {
                Ok(Ok(Some(chunk))) => text.extend_from_slice(&chunk),
                _ => break,
            }
        }
        let text = String::from_utf8_lossy(&text);
        let text = text
            .chars()
            .take(300)
            .map(|c| if c.is_control() { ' ' } else { c });
        text.collect::<String>().trim().to_owned()
    }
}

/// An error of the HTTP client with its causes, without the URL, which is named already.
fn reason(error: &reqwest::Error) -> String {
    let mut text = "the request failed".to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
