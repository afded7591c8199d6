//! Asking peers for chain segments, and remembering who answers well.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lotus_ports::network::{
    BlockMessages, ExchangeError, FetchFrom, FetchedTipset, MAX_TIPSETS_PER_REQUEST, PeerId,
};
use lotus_types::{Tipset, TipsetKey, wire::CborError};

use super::{
    EXCHANGE_PROTOCOL, HEADERS, MESSAGES, Request, Response,
    check::{self, CheckError},
};
use crate::{
    config::ExchangeSettings,
    metrics::Metrics,
    service::NetService,
    streams::{OpenError, ReadLimits, StreamError},
};

/// Room for a response beyond its tipsets, in bytes.
const RESPONSE_BASE: usize = 64 << 10;
/// Largest share of one tipset in a response when headers are asked for, in bytes.
const PER_HEADERS: usize = 256 << 10;
/// Largest share of one tipset in a response when messages are asked for, in bytes.
const PER_MESSAGES: usize = 16 << 20;
/// Peers whose record is kept.
const MAX_RECORDS: usize = 1024;

/// Why one peer's answer could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerFailure {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Malformed(#[from] CborError),
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error("checking the answer failed: {0}")]
    Crashed(#[from] tokio::task::JoinError),
}

/// How a peer did so far.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// Seconds per tipset, a moving average.
    pace: f64,
    /// Failures since the last success.
    failures: u32,
}

/// The asking side. Clones share the peers' records.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    settings: ExchangeSettings,
    metrics: Metrics,
    records: Arc<Mutex<HashMap<PeerId, Record>>>,
}

impl Client {
    pub(crate) fn new(settings: ExchangeSettings, metrics: Metrics) -> Self {
        Self {
            settings,
            metrics,
            records: Arc::default(),
        }
    }

    /// See [`ChainExchange::fetch`](lotus_ports::network::ChainExchange::fetch).
    pub(crate) async fn fetch(
        &self,
        net: &NetService,
        from: FetchFrom,
        head: &TipsetKey,
        length: u64,
        with_messages: bool,
    ) -> Result<Vec<FetchedTipset>, ExchangeError> {
        let options = if with_messages {
            HEADERS | MESSAGES
        } else {
            HEADERS
        };
        let request = Request {
            head: head.cids().to_vec().into(),
            length,
            options,
        };
        let head = head.clone();
        self.ask(net, from, request, move |response| {
            check::segment(response, &head, length, with_messages)
        })
        .await
    }

    /// See [`ChainExchange::fetch_messages`](lotus_ports::network::ChainExchange::fetch_messages).
    pub(crate) async fn fetch_messages(
        &self,
        net: &NetService,
        from: FetchFrom,
        tipsets: &[Tipset],
    ) -> Result<Vec<Vec<BlockMessages>>, ExchangeError> {
        let invalid = |why: &str| ExchangeError::InvalidRequest(why.to_owned());
        let first = tipsets.first().ok_or_else(|| invalid("no tipsets"))?;
        let linked = tipsets.windows(2).all(|pair| match pair {
            [child, parent] => child.parents() == parent.key(),
            _ => true,
        });
        if !linked {
            return Err(invalid("the tipsets do not follow each other"));
        }
        let (head, length) = (first.cids().to_vec().into(), tipsets.len() as u64);
        let request = Request {
            head,
            length,
            options: MESSAGES,
        };
        let tipsets = tipsets.to_vec();
        self.ask(net, from, request, move |response| {
            check::messages(response, &tipsets)
        })
        .await
    }

    /// Puts a request to peers, one after another, until `check` passes an answer.
    async fn ask<T: Send + 'static>(
        &self,
        net: &NetService,
        from: FetchFrom,
        request: Request,
        check: impl Fn(Response) -> Result<Vec<T>, CheckError> + Clone + Send + 'static,
    ) -> Result<Vec<T>, ExchangeError> {
        if request.length == 0 || request.length > MAX_TIPSETS_PER_REQUEST {
            return Err(ExchangeError::InvalidRequest(format!(
                "{} tipsets, 1 to {MAX_TIPSETS_PER_REQUEST} are possible",
                request.length
            )));
        }
        if request.head.is_empty() {
            return Err(ExchangeError::InvalidRequest("no tipset key".to_owned()));
        }
        let peers = match from {
            FetchFrom::Peer(peer) => vec![peer],
            FetchFrom::Best => self.best(net).await?,
        };
        if peers.is_empty() {
            return Err(ExchangeError::NoPeers);
        }
        let mut failures = Vec::new();
        for peer in peers {
            let started = Instant::now();
            match self.ask_one(net, &peer, &request, check.clone()).await {
                Ok(found) => {
                    self.succeeded(&peer, started.elapsed(), found.len());
                    return Ok(found);
                }
                Err(PeerFailure::Open(OpenError::Stopped)) => return Err(ExchangeError::Stopped),
                Err(error) => {
                    tracing::debug!(%peer, %error, "chain exchange failed");
                    self.failed(&peer);
                    failures.push((peer, error.to_string()));
                }
            }
        }
        Err(ExchangeError::AllFailed(failures))
    }

    async fn ask_one<T: Send + 'static>(
        &self,
        net: &NetService,
        peer: &PeerId,
        request: &Request,
        check: impl Fn(Response) -> Result<Vec<T>, CheckError> + Send + 'static,
    ) -> Result<Vec<T>, PeerFailure> {
        let deadline = self.settings.request_timeout;
        let work = async {
            let mut stream = net.open(peer, EXCHANGE_PROTOCOL).await?;
            stream
                .write_value(request, self.settings.stall_timeout)
                .await?;
            stream.finish(self.settings.stall_timeout).await?;
            Ok::<_, PeerFailure>(stream.read_cbor(self.limits(request)).await?)
        };
        let bytes =
            tokio::time::timeout(deadline, work)
                .await
                .map_err(|_| StreamError::TimedOut {
                    what: "the whole request",
                    limit: deadline,
                })??;
        // Decoding and hashing megabytes does not belong on the I/O threads.
        tokio::task::spawn_blocking(move || {
            let response: Response = lotus_types::wire::from_cbor(&bytes)?;
            Ok(check(response)?)
        })
        .await?
    }

    /// What the answer may cost: in proportion to the question, below the configured limit.
    fn limits(&self, request: &Request) -> ReadLimits {
        let per_tipset = if request.options & MESSAGES == 0 {
            PER_HEADERS
        } else {
            PER_MESSAGES
        };
        let tipsets = usize::try_from(request.length).unwrap_or(usize::MAX);
        let bytes = per_tipset
            .saturating_mul(tipsets)
            .saturating_add(RESPONSE_BASE);
        ReadLimits {
            bytes: bytes.min(self.settings.max_response),
            total: self.settings.request_timeout,
            stall: self.settings.stall_timeout,
        }
    }

    /// Connected peers that speak the protocol: those without failures first, then the fast ones.
    async fn best(&self, net: &NetService) -> Result<Vec<PeerId>, ExchangeError> {
        let peers = net.peers().await.map_err(|_| ExchangeError::Stopped)?;
        let mut ranked: Vec<_> = {
            let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
            peers
                .into_iter()
                .filter(|p| p.protocols.iter().any(|x| x == EXCHANGE_PROTOCOL))
                .map(|p| {
                    let latency = p.latency.unwrap_or(Duration::from_secs(1)).as_secs_f64();
                    let record = records.get(&p.id).copied();
                    let (failures, pace) = record.map_or((0, latency), |r| (r.failures, r.pace));
                    (failures, pace, p.id)
                })
                .collect()
        };
        ranked.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        ranked.truncate(self.settings.max_attempts);
        Ok(ranked.into_iter().map(|(_, _, id)| id).collect())
    }

    fn succeeded(&self, peer: &PeerId, took: Duration, tipsets: usize) {
        self.metrics.exchange_fetched.inc();
        #[expect(clippy::cast_precision_loss, reason = "at most 900 tipsets")]
        let pace = took.as_secs_f64() / tipsets.max(1) as f64;
        self.record(peer, |record| {
            record.pace = 0.7 * record.pace + 0.3 * pace;
            record.failures = 0;
        });
    }

    fn failed(&self, peer: &PeerId) {
        self.metrics.exchange_failed.inc();
        self.record(peer, |record| {
            record.failures = record.failures.saturating_add(1)
        });
    }

    fn record(&self, peer: &PeerId, change: impl FnOnce(&mut Record)) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= MAX_RECORDS && !records.contains_key(peer) {
            records.clear();
        }
        change(records.entry(peer.clone()).or_insert(Record {
            pace: 0.1,
            failures: 0,
        }));
    }
}
