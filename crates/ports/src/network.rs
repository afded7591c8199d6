//! What the chain side of a node needs from the peer-to-peer network, and the other way round.
//!
//! The `net` crate implements [`ChainExchange`], [`Gossip`] and [`PeerHeads`] on libp2p; `chain`
//! implements [`ChainSource`], from which peers are served. Sync, the message pool and block
//! production see only these traits, so they are tested without sockets.
//!
//! # Invariants
//! - A value handed over by the network is well-formed (strict CBOR, indices in range, tipsets linked
//!   to each other), but **not** valid: signatures, state and consensus rules are the consumer's job.
//! - Every call ends: each implementation has a deadline for everything that depends on a peer.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use lotus_types::{
    BigInt, BlockHeader, BlockMessage, ChainEpoch, Cid, Message, SignedMessage, Tipset, TipsetKey,
};

/// The most tipsets one chain exchange request may ask for (Lotus: chain finality, 900).
pub const MAX_TIPSETS_PER_REQUEST: u64 = 900;

/// A failure of this node (disk, task gone), never of the peer or of the data.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A peer's identity in its usual text form (base58 multihash, `12D3Koo…` or `Qm…`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(Arc<str>);

impl PeerId {
    /// Wraps a text form without checking it; the network refuses a wrong one where it is used.
    pub fn from_text(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A chain head as peers tell it to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Blocks of the heaviest tipset.
    pub key: TipsetKey,
    /// Its epoch.
    pub height: ChainEpoch,
    /// Its weight, by the rule of the network version in force.
    pub weight: BigInt,
}

/// The messages of one block, in the order of the block's own lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockMessages {
    /// Messages whose BLS signatures are aggregated in the header.
    pub bls: Vec<Message>,
    /// Messages that carry their own signature.
    pub secpk: Vec<SignedMessage>,
}

/// What this node can give to its peers. Implemented by the chain store.
#[async_trait]
pub trait ChainSource: Send + Sync + 'static {
    /// The genesis block; peers with another one are not talked to.
    fn genesis(&self) -> Cid;

    /// The heaviest tipset now. Cheap: called for every new peer.
    fn head(&self) -> Head;

    /// Headers of a tipset in the order of the key; `None` when any of them is unknown.
    ///
    /// # Errors
    /// When the store failed.
    async fn headers(&self, key: &TipsetKey) -> Result<Option<Vec<BlockHeader>>, Fault>;

    /// Messages of a block; `None` when any of them is unknown.
    ///
    /// # Errors
    /// When the store failed.
    async fn messages(&self, header: &BlockHeader) -> Result<Option<BlockMessages>, Fault>;
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchFrom {
    /// This peer only.
    Peer(PeerId),
    /// The peers that answered best so far, one after another until one gives a good answer.
    Best,
}

/// A tipset as received: linked to its neighbours, not validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedTipset {
    /// The tipset.
    pub tipset: Tipset,
    /// Messages of each block in block order, when they were asked for.
    pub messages: Option<Vec<BlockMessages>>,
}

/// Why a chain segment could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The caller asked for something no peer may answer.
    #[error("invalid chain exchange request: {0}")]
    InvalidRequest(String),
    /// No connected peer speaks the protocol.
    #[error("no connected peer serves chain exchange")]
    NoPeers,
    /// Every peer that was asked failed.
    #[error("no peer gave the chain segment: {}", list(.0))]
    AllFailed(
        /// Who was asked, and what was wrong with the answer.
        Vec<(PeerId, String)>,
    ),
    /// The network service is stopping.
    #[error("the network service has stopped")]
    Stopped,
}

fn list(failures: &[(PeerId, String)]) -> String {
    let parts: Vec<_> = failures
        .iter()
        .map(|(peer, why)| format!("{peer}: {why}"))
        .collect();
    parts.join("; ")
}

/// Fetches chain segments from peers (`/fil/chain/xchg/0.0.1`).
#[async_trait]
pub trait ChainExchange: Send + Sync + 'static {
    /// `length` tipsets (1 to [`MAX_TIPSETS_PER_REQUEST`]) ending in `head`, newest first, each with
    /// the messages of its blocks when `with_messages`. Fewer come back when the peer has no more,
    /// never zero.
    ///
    /// # Errors
    /// [`ExchangeError`].
    async fn fetch(
        &self,
        from: FetchFrom,
        head: &TipsetKey,
        length: u64,
        with_messages: bool,
    ) -> Result<Vec<FetchedTipset>, ExchangeError>;

    /// The messages of tipsets whose headers are known: `tipsets` newest first, each the parent of
    /// the one before. One entry per tipset (a prefix when the peer has no more), one per block in it.
    ///
    /// # Errors
    /// [`ExchangeError`].
    async fn fetch_messages(
        &self,
        from: FetchFrom,
        tipsets: &[Tipset],
    ) -> Result<Vec<Vec<BlockMessages>>, ExchangeError>;
}

/// What becomes of a gossiped value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Valid: pass it on to other peers.
    Accept,
    /// Neither passed on nor held against the sender (old, duplicate, cannot tell).
    Ignore,
    /// Invalid: not passed on, and the sender's score drops.
    Reject,
}

/// Takes the [`Verdict`] on one gossiped value. Dropping it without one is [`Verdict::Ignore`].
pub struct Ticket(Option<Box<dyn FnOnce(Verdict) + Send>>);

impl Ticket {
    /// A ticket that calls `answer` exactly once.
    pub fn new(answer: impl FnOnce(Verdict) + Send + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    /// Gives the verdict.
    pub fn judge(mut self, verdict: Verdict) {
        if let Some(answer) = self.0.take() {
            answer(verdict);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer(Verdict::Ignore);
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}

/// A gossiped value that waits for its [`Verdict`].
#[derive(Debug)]
pub struct Incoming<T> {
    /// The peer that forwarded it (not necessarily the one that made it).
    pub from: PeerId,
    /// The decoded value.
    pub value: T,
    /// Where the verdict goes.
    pub ticket: Ticket,
}

/// A bounded queue of things that come from the network.
#[async_trait]
pub trait Inbox<T>: Send {
    /// The next one; `None` when the network has stopped or another subscriber took over.
    async fn next(&mut self) -> Option<T>;
}

/// Why a value could not be gossiped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Larger than any peer would take.
    #[error("{size} bytes exceed the gossip limit of {limit} bytes")]
    TooLarge {
        /// Encoded size.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The value has no binary form.
    #[error("cannot encode: {0}")]
    Unencodable(String),
    /// The queues to all peers are full, or signing failed.
    #[error("cannot publish: {0}")]
    Failed(String),
    /// The network service is stopping.
    #[error("the network service has stopped")]
    Stopped,
}

/// Gossip of new blocks (`/fil/blocks/<network>`) and messages (`/fil/msgs/<network>`).
#[async_trait]
pub trait Gossip: Send + Sync + 'static {
    /// Publishes a block. Having no peers is not an error.
    ///
    /// # Errors
    /// [`PublishError`].
    async fn publish_block(&self, block: &BlockMessage) -> Result<(), PublishError>;

    /// Publishes a message. Having no peers is not an error.
    ///
    /// # Errors
    /// [`PublishError`].
    async fn publish_message(&self, message: &SignedMessage) -> Result<(), PublishError>;

    /// Starts receiving blocks of others; replaces an earlier subscriber.
    fn blocks(&self) -> Box<dyn Inbox<Incoming<BlockMessage>>>;

    /// Starts receiving messages of others; replaces an earlier subscriber.
    fn messages(&self) -> Box<dyn Inbox<Incoming<SignedMessage>>>;
}

/// A peer told its head when the connection was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerHead {
    /// Who.
    pub peer: PeerId,
    /// Its claim: nothing of it is verified.
    pub head: Head,
}

/// Heads that peers announce in hello (`/fil/hello/1.0.0`).
pub trait PeerHeads: Send + Sync + 'static {
    /// Starts receiving announcements; replaces an earlier subscriber.
    fn heads(&self) -> Box<dyn Inbox<PeerHead>>;
}
