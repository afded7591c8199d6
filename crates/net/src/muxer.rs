//! Around the multiplexer: every stream of a connection is counted and limited here, whichever
//! behaviour it belongs to.
//!
//! A stream that a peer opens above a limit is reset. One of our own fails when it is used, which its
//! opener is told with the limit's name; so does a stream whose protocol turns out to have too many.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::{
    PeerId,
    core::muxing::{StreamMuxer, StreamMuxerEvent},
};

use crate::{
    resources::{Direction, Exceeded, Resources, Stream},
    traffic::{Meter, Traffic, negotiation::Negotiation},
};

/// Streams that are refused before other work has its turn.
const REFUSED_AT_ONCE: usize = 64;

/// Counts bytes and streams of all connections. Clones share the counts.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    pub(crate) traffic: Traffic,
    pub(crate) resources: Resources,
}

/// The multiplexer of a connection with one peer.
#[derive(Debug)]
pub(crate) struct Counted<M> {
    inner: M,
    peer: PeerId,
    counters: Counters,
    total: Meter,
    of_peer: Meter,
}

impl<M> Counted<M> {
    pub(crate) fn new(inner: M, peer: PeerId, counters: Counters) -> Self {
        Self {
            inner,
            peer,
            total: counters.traffic.total(),
            of_peer: counters.traffic.peer(peer),
            counters,
        }
    }

    fn tap(&self, direction: Direction) -> Result<Box<Tap>, Exceeded> {
        let slot = self.counters.resources.stream(self.peer, direction)?;
        Ok(Box::new(Tap {
            slot,
            traffic: self.counters.traffic.clone(),
            total: self.total.clone(),
            of_peer: self.of_peer.clone(),
            protocol: Protocol::Unknown {
                negotiation: Negotiation::new(direction),
                received: 0,
                sent: 0,
            },
            refused: None,
        }))
    }
}

impl<M> StreamMuxer for Counted<M>
where
    M: StreamMuxer + Unpin,
    M::Substream: Unpin,
{
    type Substream = CountedStream<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        let this = self.get_mut();
        for _ in 0..REFUSED_AT_ONCE {
            let io = ready!(Pin::new(&mut this.inner).poll_inbound(cx))?;
            match this.tap(Direction::Inbound) {
                Ok(tap) => return Poll::Ready(Ok(CountedStream::Open { io, tap })),
                Err(error) => {
                    tracing::debug!(peer = %this.peer, %error, "resetting a peer's stream");
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_outbound(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        let this = self.get_mut();
        let io = ready!(Pin::new(&mut this.inner).poll_outbound(cx))?;
        Poll::Ready(Ok(match this.tap(Direction::Outbound) {
            Ok(tap) => CountedStream::Open { io, tap },
            Err(error) => CountedStream::Refused(error),
        }))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.get_mut().inner).poll_close(cx)
    }

    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        Pin::new(&mut self.get_mut().inner).poll(cx)
    }
}

/// What is known of a stream's protocol.
#[derive(Debug)]
enum Protocol {
    /// Being agreed on; the bytes so far wait for its meter.
    Unknown {
        negotiation: Negotiation,
        received: u64,
        sent: u64,
    },
    Known(Meter),
}

/// The counting of one stream.
#[derive(Debug)]
pub(crate) struct Tap {
    slot: Stream,
    traffic: Traffic,
    total: Meter,
    of_peer: Meter,
    protocol: Protocol,
    /// Why the stream may not be used any more.
    refused: Option<Exceeded>,
}

impl Tap {
    fn usable(&self) -> io::Result<()> {
        match &self.refused {
            Some(error) => Err(io::Error::other(error.clone())),
            None => Ok(()),
        }
    }

    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        let count = bytes.len() as u64;
        self.total.received(count);
        self.of_peer.received(count);
        let agreed = match &mut self.protocol {
            Protocol::Known(meter) => {
                meter.received(count);
                None
            }
            Protocol::Unknown {
                negotiation,
                received,
                ..
            } => {
                *received += count;
                negotiation.received(bytes)
            }
        };
        self.agreed(agreed)
    }

    fn sent(&mut self, bytes: &[u8]) -> io::Result<()> {
        let count = bytes.len() as u64;
        self.total.sent(count);
        self.of_peer.sent(count);
        let agreed = match &mut self.protocol {
            Protocol::Known(meter) => {
                meter.sent(count);
                None
            }
            Protocol::Unknown {
                negotiation, sent, ..
            } => {
                *sent += count;
                negotiation.sent(bytes)
            }
        };
        self.agreed(agreed)
    }

    fn agreed(&mut self, protocol: Option<String>) -> io::Result<()> {
        let Some(name) = protocol else { return Ok(()) };
        self.count_for(&name);
        if let Err(error) = self.slot.speaks(&name) {
            self.refused = Some(error);
        }
        self.usable()
    }

    /// Counts what has waited, and all that comes, for a protocol.
    fn count_for(&mut self, name: &str) {
        if let Protocol::Unknown { received, sent, .. } = self.protocol {
            let meter = self.traffic.protocol(name);
            meter.received(received);
            meter.sent(sent);
            self.protocol = Protocol::Known(meter);
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // A stream that carried nothing leaves no trace.
        if let Protocol::Unknown { received, sent, .. } = self.protocol
            && received + sent > 0
        {
            self.count_for("");
        }
    }
}

/// A stream that is counted, or one that a limit refused.
#[derive(Debug)]
pub(crate) enum CountedStream<S> {
    Open { io: S, tap: Box<Tap> },
    Refused(Exceeded),
}

impl<S> CountedStream<S> {
    fn parts(&mut self) -> io::Result<(&mut S, &mut Tap)> {
        match self {
            Self::Open { io, tap } => {
                tap.usable()?;
                Ok((io, tap))
            }
            Self::Refused(error) => Err(io::Error::other(error.clone())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let (io, tap) = self.get_mut().parts()?;
        let count = ready!(Pin::new(io).poll_read(cx, buf))?;
        tap.received(buf.get(..count).unwrap_or_default())?;
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let (io, tap) = self.get_mut().parts()?;
        let count = ready!(Pin::new(io).poll_write(cx, buf))?;
        tap.sent(buf.get(..count).unwrap_or_default())?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (io, _) = self.get_mut().parts()?;
        Pin::new(io).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (io, _) = self.get_mut().parts()?;
        Pin::new(io).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::{AsyncReadExt as _, AsyncWriteExt as _, executor::block_on, io::Cursor};

    use super::*;
    use crate::{config::ConnectionSettings, resources::limits::Defaults};

    fn counters() -> Counters {
        Counters {
            traffic: Traffic::new(),
            resources: Resources::new(Defaults::of(&ConnectionSettings::default())),
        }
    }

    fn stream(counters: &Counters, peer: PeerId, bytes: Vec<u8>) -> CountedStream<Cursor<Vec<u8>>> {
        let muxer = Counted::new((), peer, counters.clone());
        let tap = muxer.tap(Direction::Inbound).expect("room");
        let io = Cursor::new(bytes);
        CountedStream::Open { io, tap }
    }

    const ANSWER: &[u8] = b"\x13/multistream/1.0.0\n\x05/a/1\n";

    #[test]
    fn bytes_count_for_the_protocol_that_is_agreed_on_those_before_it_too() {
        let counters = counters();
        let mut io = stream(&counters, PeerId::random(), vec![0; 200]);
        block_on(io.read_exact(&mut [0; 30])).expect("read");
        assert!(counters.traffic.by_protocol().is_empty());
        block_on(io.write_all(ANSWER)).expect("written");
        block_on(io.write_all(b"more")).expect("written");
        let all = counters.traffic.by_protocol();
        let stats = all.get("/a/1").expect("the protocol");
        assert_eq!(
            (stats.total_in, stats.total_out),
            (30, ANSWER.len() as i64 + 4)
        );
        assert_eq!(counters.traffic.stats().total_out, stats.total_out);
    }

    #[test]
    fn a_protocol_with_too_many_streams_ends_where_it_is_agreed_on() {
        let counters = counters();
        let scope = crate::resources::Scope::Protocol("/a/1".to_owned());
        let mut limit = counters.resources.limit(&scope);
        limit.streams_inbound = 0;
        counters.resources.set_limit(scope, limit).expect("kept");
        let mut io = stream(&counters, PeerId::random(), vec![0; 200]);
        let error = block_on(io.write_all(ANSWER)).expect_err("refused");
        assert!(
            error
                .to_string()
                .contains("proto:/a/1 has 0 inbound streams"),
            "{error}"
        );
        assert!(block_on(io.read_exact(&mut [0; 1])).is_err());
    }

    #[test]
    fn a_stream_that_never_agreed_counts_for_no_name() {
        let counters = counters();
        let mut io = stream(&counters, PeerId::random(), vec![1; 10]);
        block_on(io.read_exact(&mut [0; 10])).expect("read");
        drop(io);
        let all = counters.traffic.by_protocol();
        assert_eq!(all.get("").map(|s| s.total_in), Some(10));
        assert_eq!(counters.traffic.stats().total_in, 10);
    }

    #[test]
    fn a_refused_stream_says_why_whatever_is_tried() {
        let counters = counters();
        let peer = PeerId::random();
        let scope = crate::resources::Scope::Peer(peer);
        let mut limit = counters.resources.limit(&scope);
        limit.streams_outbound = 0;
        counters.resources.set_limit(scope, limit).expect("kept");
        let muxer = Counted::new((), peer, counters);
        let refused = muxer.tap(Direction::Outbound).expect_err("refused");
        let mut io = CountedStream::<Cursor<Vec<u8>>>::Refused(refused);
        let error = block_on(io.write_all(ANSWER)).expect_err("refused");
        assert!(
            error.to_string().contains("0 outbound streams at most"),
            "{error}"
        );
        assert!(block_on(io.read_exact(&mut [0; 1])).is_err());
    }
}
