//! Hello (`/fil/hello/1.0.0`): who connects tells its head and genesis, the other its clock.
//!
//! # Lotus parity
//! Both sides say hello as soon as identify shows that the other speaks it. The answer carries two
//! clock readings, in nanoseconds since 1970. A peer with another genesis is disconnected.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lotus_ports::network::{ChainSource, Head, PeerHead, PeerId};
use lotus_types::{BigInt, ChainEpoch, Cid, TipsetKey, wire_tuple};
use tokio::sync::mpsc;

use crate::{
    capped::Capped,
    metrics::Metrics,
    service::NetService,
    streams::{OpenError, ReadLimits, RequestStream, StreamError},
};

/// The protocol id.
pub const HELLO_PROTOCOL: &str = "/fil/hello/1.0.0";
/// Largest message either way: the CIDs of a huge tipset fit well.
const MAX_MESSAGE: usize = 32 << 10;
/// Heads that may wait for the consumer.
const INBOX: usize = 64;

/// What the connecting side says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloMessage {
    /// Blocks of its heaviest tipset.
    pub heaviest_tipset: Capped<Cid, { lotus_types::tipset::MAX_BLOCKS }>,
    /// Height of that tipset.
    pub heaviest_height: ChainEpoch,
    /// Weight of that tipset.
    pub heaviest_weight: BigInt,
    /// Its genesis block.
    pub genesis: Cid,
}
wire_tuple!(HelloMessage {
    heaviest_tipset: "HeaviestTipSet",
    heaviest_height: "HeaviestTipSetHeight",
    heaviest_weight: "HeaviestTipSetWeight",
    genesis: "GenesisHash",
});

/// The answer: clock readings in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyMessage {
    /// When the hello arrived.
    pub arrived: i64,
    /// When the answer was sent.
    pub sent: i64,
}
wire_tuple!(LatencyMessage {
    arrived: "TArrival",
    sent: "TSent"
});

impl HelloMessage {
    /// What a node with this chain says.
    pub fn of(chain: &dyn ChainSource) -> Self {
        let head = chain.head();
        Self {
            heaviest_tipset: head.key.cids().to_vec().into(),
            heaviest_height: head.height,
            heaviest_weight: head.weight,
            genesis: chain.genesis(),
        }
    }

    /// The head in it.
    pub fn head(self) -> Head {
        Head {
            key: TipsetKey::new(self.heaviest_tipset.into_inner()),
            height: self.heaviest_height,
            weight: self.heaviest_weight,
        }
    }
}

/// Why a hello failed. The peer is to blame, or the connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelloError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("its genesis is {theirs}, ours is {ours}")]
    WrongGenesis { theirs: Cid, ours: Cid },
}

/// Both sides of hello. Clones share the subscriber.
#[derive(Clone)]
pub(crate) struct Hello {
    chain: Arc<dyn ChainSource>,
    limit: Duration,
    metrics: Metrics,
    subscriber: Arc<Mutex<Option<mpsc::Sender<PeerHead>>>>,
}

impl Hello {
    pub(crate) fn new(chain: Arc<dyn ChainSource>, limit: Duration, metrics: Metrics) -> Self {
        Self {
            chain,
            limit,
            metrics,
            subscriber: Arc::default(),
        }
    }

    /// Begins to pass announced heads on, in place of an earlier subscriber.
    pub(crate) fn subscribe(&self) -> mpsc::Receiver<PeerHead> {
        let (sender, receiver) = mpsc::channel(INBOX);
        *self
            .subscriber
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Tells a peer our head. Returns its answer and the time that took.
    pub(crate) async fn say(
        &self,
        net: &NetService,
        peer: &PeerId,
    ) -> Result<(LatencyMessage, Duration), HelloError> {
        let started = std::time::Instant::now();
        let mut stream = net.open(peer, HELLO_PROTOCOL).await?;
        stream
            .write_value(&HelloMessage::of(self.chain.as_ref()), self.limit)
            .await?;
        let answer = stream
            .read(ReadLimits::new(MAX_MESSAGE, self.limit))
            .await?;
        let took = started.elapsed();
        // The exchange is complete; how the stream ends does not matter.
        drop(stream.finish(self.limit).await);
        Ok((answer, took))
    }

    /// Answers a hello; disconnects a peer of another network.
    pub(crate) async fn answer(self, net: NetService, stream: RequestStream) {
        let peer = stream.peer().clone();
        match self.hear(stream).await {
            Ok(head) => {
                self.metrics.hellos.inc();
                net.greeted(&peer).await;
                let subscriber = self
                    .subscriber
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                if let Some(to) = subscriber {
                    // A full inbox loses the announcement: the next block tells the head anyway.
                    drop(to.try_send(PeerHead { peer, head }));
                }
            }
            Err(error @ HelloError::WrongGenesis { .. }) => {
                tracing::warn!(%peer, "disconnecting a peer of another network: {error}");
                self.metrics.wrong_genesis.inc();
                drop(net.disconnect(&peer).await);
            }
            Err(error) => tracing::debug!(%peer, %error, "hello failed"),
        }
    }

    async fn hear(&self, mut stream: RequestStream) -> Result<Head, HelloError> {
        let hello: HelloMessage = stream
            .read(ReadLimits::new(MAX_MESSAGE, self.limit))
            .await?;
        let arrived = nanoseconds();
        let ours = self.chain.genesis();
        if hello.genesis != ours {
            return Err(HelloError::WrongGenesis {
                theirs: hello.genesis,
                ours,
            });
        }
        let answer = LatencyMessage {
            arrived,
            sent: nanoseconds(),
        };
        // A head is news even when its sender does not wait for the answer.
        if let Err(error) = stream.write_value(&answer, self.limit).await {
            tracing::debug!(peer = %stream.peer(), %error, "cannot answer a hello");
        } else {
            drop(stream.finish(self.limit).await);
        }
        Ok(hello.head())
    }
}

fn nanoseconds() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
