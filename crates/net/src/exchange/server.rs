//! Answering chain exchange requests from the chain store.

use std::{sync::Arc, time::Duration};

use lotus_ports::network::{ChainSource, Fault, MAX_TIPSETS_PER_REQUEST};
use lotus_types::{TipsetKey, wire};

use super::{
    CompactedMessages, HEADERS, MAX_REQUEST, MESSAGES, Request, Response, Status, WireTipset,
};
use crate::{
    capped::Capped,
    config::ExchangeSettings,
    metrics::Metrics,
    streams::{ReadLimits, RequestStream, StreamError},
};

/// A peer must have sent its request by then.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Nothing more is added to an answer beyond this size, in bytes; the rest is for the next request.
const FULL: usize = 32 << 20;

/// Serves one chain.
#[derive(Clone)]
pub(crate) struct Server {
    chain: Arc<dyn ChainSource>,
    settings: ExchangeSettings,
    metrics: Metrics,
}

impl Server {
    pub(crate) fn new(
        chain: Arc<dyn ChainSource>,
        settings: ExchangeSettings,
        metrics: Metrics,
    ) -> Self {
        Self {
            chain,
            settings,
            metrics,
        }
    }

    /// Serves one stream: a request, its answer, the end.
    pub(crate) async fn serve(self, mut stream: RequestStream) {
        let peer = stream.peer().clone();
        match self.exchange(&mut stream).await {
            Ok(Status::Ok | Status::Partial) => {
                self.metrics.exchange_served.inc();
            }
            Ok(status) => {
                tracing::debug!(%peer, ?status, "refused a chain exchange request");
                self.metrics.exchange_refused.inc();
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "chain exchange request failed");
                self.metrics.exchange_refused.inc();
            }
        }
    }

    async fn exchange(&self, stream: &mut RequestStream) -> Result<Status, StreamError> {
        let request = stream
            .read(ReadLimits::new(MAX_REQUEST, REQUEST_TIMEOUT))
            .await?;
        let response = self.answer(&request).await;
        let status = Status::of(response.status);
        let limit = self.settings.request_timeout;
        // Encoding megabytes does not belong on the I/O threads.
        let encoded = tokio::task::spawn_blocking(move || wire::try_to_cbor(&response)).await;
        stream
            .write(&encoded.map_err(std::io::Error::other)??, limit)
            .await?;
        stream.finish(limit).await?;
        Ok(status)
    }

    /// The answer to a request.
    async fn answer(&self, request: &Request) -> Response {
        if let Some(why) = nonsense(request) {
            return refusal(Status::BadRequest, why);
        }
        match self.collect(request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(%error, "cannot read the chain for a peer");
                refusal(Status::InternalError, "the chain store failed".to_owned())
            }
        }
    }

    async fn collect(&self, request: &Request) -> Result<Response, Fault> {
        let mut key = TipsetKey::new(request.head.to_vec());
        let mut chain = Vec::new();
        let mut size = 0_usize;
        while (chain.len() as u64) < request.length && size < FULL {
            let Some(headers) = self.chain.headers(&key).await? else {
                if chain.is_empty() {
                    // Lotus answers an unknown tipset with this status, not with `NotFound`.
                    let why = format!("failed loading tipset {key}: not found");
                    return Ok(refusal(Status::InternalError, why));
                }
                break;
            };
            let Some(first) = headers.first() else { break };
            let (parents, height) = (first.parents.clone(), first.height);
            let messages = if request.options & MESSAGES == 0 {
                None
            } else {
                let mut blocks = Vec::with_capacity(headers.len());
                for header in &headers {
                    let Some(found) = self.chain.messages(header).await? else {
                        break;
                    };
                    blocks.push(found);
                }
                if blocks.len() < headers.len() {
                    if chain.is_empty() {
                        let why = format!("failed loading messages of tipset {key}: not found");
                        return Ok(refusal(Status::InternalError, why));
                    }
                    break;
                }
                Some(CompactedMessages::of(&blocks))
            };
            let blocks = if request.options & HEADERS == 0 {
                Vec::new()
            } else {
                headers
            };
            let tipset = WireTipset {
                blocks: blocks.into(),
                messages,
            };
            size = size.saturating_add(wire::try_to_cbor(&tipset)?.len());
            chain.push(tipset);
            if height <= 0 {
                break;
            }
            key = parents;
        }
        let complete = chain.len() as u64 == request.length;
        let status = if complete {
            Status::Ok
        } else {
            Status::Partial
        };
        Ok(Response {
            status: status.code(),
            message: String::new(),
            chain: chain.into(),
        })
    }
}

/// What is wrong with a request by itself, in Lotus' words.
fn nonsense(request: &Request) -> Option<String> {
    if request.head.is_empty() {
        Some("no cids in request".to_owned())
    } else if request.length == 0 {
        Some("invalid request length of zero".to_owned())
    } else if request.length > MAX_TIPSETS_PER_REQUEST {
        Some(format!(
            "request length over maximum allowed ({MAX_TIPSETS_PER_REQUEST})"
        ))
    } else if request.options & (HEADERS | MESSAGES) == 0 {
        Some("no options set".to_owned())
    } else {
        None
    }
}

fn refusal(status: Status, message: String) -> Response {
    Response {
        status: status.code(),
        message,
        chain: Capped::default(),
    }
}
