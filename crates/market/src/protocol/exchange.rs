//! One request to a peer, one answer.

use lotus_net::{NetService, OpenError, RequestStream, StreamError};
use lotus_ports::network::PeerId;
use serde::{Serialize, de::DeserializeOwned};

use super::{RESPONSE_LIMITS, WRITE_LIMIT};

/// Why a peer gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// There is no way to it.
    #[error("cannot reach peer {peer}: {reason}")]
    Unreachable {
        /// Who.
        peer: String,
        /// What was tried.
        reason: String,
    },
    /// It does not speak the protocol.
    #[error("peer {peer} does not speak {protocol}")]
    Unsupported {
        /// Who.
        peer: String,
        /// What it would have to speak.
        protocol: &'static str,
    },
    /// It did not answer, or not with what the protocol says.
    #[error("peer {peer} did not answer {protocol}: {reason}")]
    NoAnswer {
        /// Who.
        peer: String,
        /// What was spoken.
        protocol: &'static str,
        /// What happened.
        reason: StreamError,
    },
}

/// Who is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer<'a> {
    /// Its id.
    pub(crate) id: &'a str,
    /// Where it is said to be, without `/p2p/…`.
    pub(crate) addresses: &'a [String],
}

/// Asks a peer, connecting to it first where needed.
pub(crate) async fn exchange<Q: Serialize + Sync, R: Serialize + DeserializeOwned>(
    net: &NetService,
    peer: Peer<'_>,
    protocol: &'static str,
    request: &Q,
) -> Result<R, ExchangeError> {
    let mut stream = open(net, peer, protocol).await?;
    let answer = async {
        stream.write_value(request, WRITE_LIMIT).await?;
        let answer = stream.read(RESPONSE_LIMITS).await?;
        // The answer is here: a peer that is slow to close is no failure.
        drop(stream.finish(WRITE_LIMIT).await);
        Ok(answer)
    };
    answer.await.map_err(|reason| ExchangeError::NoAnswer {
        peer: peer.id.to_owned(),
        protocol,
        reason,
    })
}

async fn open(
    net: &NetService,
    peer: Peer<'_>,
    protocol: &'static str,
) -> Result<RequestStream, ExchangeError> {
    let id = PeerId::from_text(peer.id);
    let mut opened = net.open(&id, protocol).await;
    if matches!(opened, Err(OpenError::NotConnected(_))) {
        connect(net, peer).await?;
        opened = net.open(&id, protocol).await;
    }
    opened.map_err(|error| match error {
        OpenError::Unsupported(_) => ExchangeError::Unsupported {
            peer: peer.id.to_owned(),
            protocol,
        },
        other => unreachable_peer(peer, &other),
    })
}

async fn connect(net: &NetService, peer: Peer<'_>) -> Result<(), ExchangeError> {
    let mut last = None;
    for address in peer.addresses {
        match net.connect(&format!("{address}/p2p/{}", peer.id)).await {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error),
        }
    }
    // It may be known from elsewhere.
    match net.connect(peer.id).await {
        Ok(()) => Ok(()),
        Err(error) => Err(unreachable_peer(peer, &last.unwrap_or(error))),
    }
}

fn unreachable_peer(peer: Peer<'_>, reason: &dyn std::error::Error) -> ExchangeError {
    ExchangeError::Unreachable {
        peer: peer.id.to_owned(),
        reason: reason.to_string(),
    }
}
