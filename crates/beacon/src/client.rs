//! drand's HTTP API, asked by a client that believes nothing: every round is verified.
//!
//! # Invariants
//! - Every request has a time limit, every answer a size limit.
//! - Servers are asked in order, beginning with the one that answered last; an error says what each
//!   of them did wrong.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use data_encoding::HEXLOWER_PERMISSIVE;
use lotus_crypto::drand::randomness;
use lotus_networks::ChainInfo;
use lotus_types::BeaconEntry;
use reqwest::{StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};

use crate::chain::{self, DrandChain};

/// Until a connection stands.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Until an answer is complete; servers hold a request for the next round until it is there.
const ANSWER_LIMIT: Duration = Duration::from_secs(45);
/// Bytes of an answer. A round has about 700.
const MAX_ANSWER: usize = 64 << 10;

/// One server's answer that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that is none.
    #[error("answered {status}: {text}")]
    Status {
        /// HTTP status.
        status: StatusCode,
        /// Beginning of the answer.
        text: String,
    },
    /// Longer than any round.
    #[error("answered more than {MAX_ANSWER} bytes")]
    TooLong,
    /// Not the JSON that was asked for.
    #[error("answered something else than asked for: {0}")]
    Malformed(String),
    /// A round that the chain never made.
    #[error("answered a wrong round: {0}")]
    Wrong(String),
}

/// No server had the answer.
#[derive(Debug, thiserror::Error)]
pub struct ClientError(Vec<(String, ServerError)>);

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no drand server is configured");
        }
        for (k, (server, error)) in self.0.iter().enumerate() {
            write!(f, "{}{server} {error}", if k == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerUrlError {
    /// Not an HTTP URL.
    #[error("{url:?} is not the URL of a drand server: {reason}")]
    Malformed {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP library cannot start.
    #[error("cannot set up HTTP")]
    Http(#[source] reqwest::Error),
}

#[derive(Debug)]
struct Server {
    /// Without a slash at its end.
    url: String,
    http: reqwest::Client,
}

/// Asks drand servers.
#[derive(Debug)]
pub struct HttpClient {
    servers: Vec<Server>,
    preferred: AtomicUsize,
}

/// A round as drand serves it.
#[derive(Deserialize)]
struct Round {
    round: u64,
    signature: String,
    #[serde(default)]
    previous_signature: String,
    #[serde(default)]
    randomness: String,
}

impl HttpClient {
    /// A client of these servers (`https://api.drand.sh`, `http://127.0.0.1:4500`).
    ///
    /// # Errors
    /// [`ServerUrlError`], naming the URL.
    pub fn new<S: AsRef<str>>(servers: &[S]) -> Result<Self, ServerUrlError> {
        let servers = servers
            .iter()
            .map(|url| Server::new(url.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            servers,
            preferred: AtomicUsize::new(0),
        })
    }

    /// A client that has nobody to ask.
    pub fn offline() -> Self {
        Self {
            servers: Vec::new(),
            preferred: AtomicUsize::new(0),
        }
    }

    /// True when there is somebody to ask.
    pub fn has_servers(&self) -> bool {
        !self.servers.is_empty()
    }

    /// A round of `chain`, verified. Servers hold the request when the round is the next to come.
    ///
    /// # Errors
    /// [`ClientError`] with what each server did wrong.
    pub async fn round(&self, chain: &DrandChain, round: u64) -> Result<BeaconEntry, ClientError> {
        let path = format!("{}/public/{round}", chain.hash());
        self.ask(&path, |answer: Round| answer.check(chain, round))
            .await
    }

    /// What the servers say of the chain with this hash; its values must give that hash.
    ///
    /// # Errors
    /// [`ClientError`] with what each server did wrong.
    pub async fn info(&self, chain_hash: &str) -> Result<ChainInfo, ClientError> {
        self.ask(
            &format!("{chain_hash}/info"),
            |info: ChainInfo| match chain::hash(&info) {
                Ok(hash) if hash == chain_hash => Ok(info),
                Ok(hash) => Err(ServerError::Wrong(format!(
                    "its values give chain hash {hash}"
                ))),
                Err(e) => Err(ServerError::Malformed(e.to_string())),
            },
        )
        .await
    }

    async fn ask<T: DeserializeOwned, R>(
        &self,
        path: &str,
        check: impl Fn(T) -> Result<R, ServerError>,
    ) -> Result<R, ClientError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut errors = Vec::new();
        for k in 0..self.servers.len() {
            let index = (first + k) % self.servers.len();
            let server = &self.servers[index];
            match server.get(path).await.and_then(&check) {
                Ok(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => errors.push((server.url.clone(), error)),
            }
        }
        Err(ClientError(errors))
    }
}

impl Server {
    fn new(url: &str) -> Result<Self, ServerUrlError> {
        let malformed = |reason: String| ServerUrlError::Malformed {
            url: url.to_owned(),
            reason,
        };
        let parsed: Url = url.parse().map_err(|e| malformed(format!("{e}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(malformed(
                "it must begin with http:// or https://".to_owned(),
            ));
        }
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT);
        let host = parsed.host_str().unwrap_or_default();
        if host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
        {
            http = http.no_proxy();
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            http: http.build().map_err(ServerUrlError::Http)?,
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ServerError> {
        let url = format!("{}/{path}", self.url);
        let mut answer = self.http.get(url).send().await.map_err(unreachable)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(ServerError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body)
                .trim()
                .chars()
                .take(200)
                .collect();
            return Err(ServerError::Status { status, text });
        }
        serde_json::from_slice(&body).map_err(|e| ServerError::Malformed(e.to_string()))
    }
}

/// The error with its causes: the outermost one only says that a request failed.
fn unreachable(error: reqwest::Error) -> ServerError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    ServerError::Unreachable(text.chars().take(300).collect())
}

impl Round {
    fn check(self, chain: &DrandChain, asked: u64) -> Result<BeaconEntry, ServerError> {
        if self.round != asked {
            let text = format!("round {} instead of {asked}", self.round);
            return Err(ServerError::Wrong(text));
        }
        let signature = unhex("signature", &self.signature)?;
        let previous = unhex("previous_signature", &self.previous_signature)?;
        let said = unhex("randomness", &self.randomness)?;
        if !said.is_empty() && said != randomness(&signature) {
            return Err(ServerError::Wrong(
                "randomness is not that of the signature".to_owned(),
            ));
        }
        let entry = BeaconEntry {
            round: asked,
            data: signature.into(),
        };
        chain
            .verify(&entry, &previous)
            .map_err(|e| ServerError::Wrong(format!("round {asked}: {e}")))?;
        Ok(entry)
    }
}

fn unhex(field: &str, text: &str) -> Result<Vec<u8>, ServerError> {
    HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .map_err(|_| ServerError::Malformed(format!("{field} is not hex")))
}
