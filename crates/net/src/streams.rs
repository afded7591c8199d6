//! Request streams: one protocol id, one stream, usually one value there and one back.
//!
//! Everything that is not gossip runs on these: hello, chain exchange, ping on demand, and the
//! protocols that other crates register (storage deals, asks, retrieval queries).
//!
//! # Invariants
//! - Every wait for a peer has a limit in time, and every read a limit in bytes.
//! - Incoming streams wait in a bounded queue per protocol; more are dropped, which the peer sees as
//!   a reset.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use lotus_ports::network::PeerId;
use lotus_types::wire::{self, CborError};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::mpsc, time::timeout};

use crate::cbor::{ScanError, Scanner};

pub(crate) mod behaviour;
pub(crate) mod serve;

const CHUNK: usize = 16 << 10;

/// Why a stream could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The text is not a peer id.
    #[error("{0} is not a peer id")]
    InvalidPeer(PeerId),
    /// The text is not a protocol id.
    #[error("{0:?} is not a protocol id")]
    InvalidProtocol(String),
    /// There is no connection to the peer.
    #[error("not connected to peer {0}")]
    NotConnected(PeerId),
    /// The peer does not speak the protocol.
    #[error("the peer does not speak {0}")]
    Unsupported(String),
    /// The peer did not agree to the protocol in time.
    #[error("the peer did not answer the protocol negotiation in time")]
    TimedOut,
    /// The connection failed.
    #[error("opening a stream failed: {0}")]
    Failed(String),
    /// The network service is stopping.
    #[error("the network service has stopped")]
    Stopped,
}

/// The protocol has a handler already, or is no protocol id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot register protocol {protocol:?}: {reason}")]
pub struct RegisterError {
    /// The id asked for.
    pub protocol: String,
    /// Why not.
    pub reason: &'static str,
}

/// What went wrong with the peer on an open stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The peer was too slow.
    #[error("{what} took longer than {limit:?}")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The peer ended the stream inside a value, or before one.
    #[error("the peer closed the stream after {0} bytes of an incomplete value")]
    Closed(usize),
    /// Too large, or not DAG-CBOR.
    #[error(transparent)]
    Refused(#[from] ScanError),
    /// Not the expected value, or not its canonical encoding.
    #[error(transparent)]
    Malformed(#[from] CborError),
    /// The connection failed.
    #[error("stream failed: {0}")]
    Io(#[from] io::Error),
}

/// Limits on reading one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Largest value, in bytes.
    pub bytes: usize,
    /// Longest time until the value is complete.
    pub total: Duration,
    /// Longest time without any new byte.
    pub stall: Duration,
}

impl ReadLimits {
    /// At most `bytes` within `total`, whatever the rhythm.
    pub const fn new(bytes: usize, total: Duration) -> Self {
        Self {
            bytes,
            total,
            stall: total,
        }
    }
}

/// An open stream to a peer. Dropping it resets the stream; [`finish`](Self::finish) ends it well.
///
/// It also implements the `futures` traits [`AsyncRead`] and [`AsyncWrite`] for protocols with their
/// own framing; such reads have no limits of their own.
#[derive(Debug)]
pub struct RequestStream {
    peer: PeerId,
    protocol: String,
    io: libp2p::Stream,
    /// Bytes received beyond the last value.
    ahead: Vec<u8>,
}

impl RequestStream {
    pub(crate) const fn new(peer: PeerId, protocol: String, io: libp2p::Stream) -> Self {
        Self {
            peer,
            protocol,
            io,
            ahead: Vec::new(),
        }
    }

    /// The other end.
    pub const fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// The protocol agreed on.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// Reads the bytes of one CBOR value, well-formed as DAG-CBOR.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn read_cbor(&mut self, limits: ReadLimits) -> Result<Vec<u8>, StreamError> {
        let what = "receiving a value";
        timeout(limits.total, self.read_until_complete(limits))
            .await
            .unwrap_or(Err(StreamError::TimedOut {
                what,
                limit: limits.total,
            }))
    }

    async fn read_until_complete(&mut self, limits: ReadLimits) -> Result<Vec<u8>, StreamError> {
        let mut scanner = Scanner::new(limits.bytes);
        let mut chunk = vec![0; CHUNK];
        loop {
            if let Some(end) = scanner.advance(&self.ahead)? {
                let rest = self.ahead.split_off(end);
                return Ok(std::mem::replace(&mut self.ahead, rest));
            }
            let read = timeout(limits.stall, self.io.read(&mut chunk))
                .await
                .map_err(|_| StreamError::TimedOut {
                    what: "the next part of a value",
                    limit: limits.stall,
                })??;
            match chunk.get(..read) {
                Some(new) if !new.is_empty() => self.ahead.extend_from_slice(new),
                _ => return Err(StreamError::Closed(self.ahead.len())),
            }
        }
    }

    /// Reads one value in its canonical encoding.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn read<T: Serialize + DeserializeOwned>(
        &mut self,
        limits: ReadLimits,
    ) -> Result<T, StreamError> {
        Ok(wire::from_cbor(&self.read_cbor(limits).await?)?)
    }

    /// Sends bytes, all of them, within `limit`.
    ///
    /// # Errors
    /// [`StreamError::TimedOut`] or [`StreamError::Io`].
    pub async fn write(&mut self, bytes: &[u8], limit: Duration) -> Result<(), StreamError> {
        let send = async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        };
        let what = "sending";
        Ok(timeout(limit, send)
            .await
            .map_err(|_| StreamError::TimedOut { what, limit })??)
    }

    /// Sends a value within `limit`.
    ///
    /// # Errors
    /// As [`write`](Self::write); [`StreamError::Malformed`] when the value has no binary form.
    pub async fn write_value<T: Serialize + Sync>(
        &mut self,
        value: &T,
        limit: Duration,
    ) -> Result<(), StreamError> {
        let bytes = wire::try_to_cbor(value)?;
        self.write(&bytes, limit).await
    }

    /// Tells the peer that nothing more will be sent. Reading goes on.
    ///
    /// # Errors
    /// [`StreamError::TimedOut`] or [`StreamError::Io`].
    pub async fn finish(&mut self, limit: Duration) -> Result<(), StreamError> {
        let what = "closing the stream";
        Ok(timeout(limit, self.io.close())
            .await
            .map_err(|_| StreamError::TimedOut { what, limit })??)
    }
}

impl AsyncRead for RequestStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let count = buf.len().min(this.ahead.len());
        for (to, from) in buf.iter_mut().zip(this.ahead.drain(..count)) {
            *to = from;
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for RequestStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_close(cx)
    }
}

/// Streams that peers open for one registered protocol. Dropping it unregisters the protocol.
#[derive(Debug)]
pub struct IncomingStreams(pub(crate) mpsc::Receiver<RequestStream>);

impl IncomingStreams {
    /// The next stream; `None` when the network service has stopped.
    pub async fn next(&mut self) -> Option<RequestStream> {
        self.0.recv().await
    }
}
