//! Chain exchange (`/fil/chain/xchg/0.0.1`): segments of the chain on request, newest tipset first.
//!
//! # Lotus parity
//! Types, status codes and refusals are Lotus'. A request names the newest tipset, a length of 1 to
//! 900, and whether headers, messages or both are wanted; the messages of a tipset come once, with
//! the positions of each block's messages in that list.
//!
//! # Invariants
//! - Decoding is strict and bounded ([`Capped`]); positions are checked as `u64` before use (a
//!   conversion that wrapped once let a peer crash Lotus).
//! - What [`Client`](client::Client) returns is linked: the first tipset is the one asked for, each
//!   next one its parent.

use lotus_ports::network::{BlockMessages, MAX_TIPSETS_PER_REQUEST};
use lotus_types::{BlockHeader, Cid, Message, SignedMessage, tipset::MAX_BLOCKS, wire_tuple};

use crate::capped::Capped;

pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod server;

/// The protocol id.
pub const EXCHANGE_PROTOCOL: &str = "/fil/chain/xchg/0.0.1";
/// Largest request, in bytes.
pub(crate) const MAX_REQUEST: usize = 32 << 10;
/// Most messages in a tipset: the length limit of Lotus' decoders.
pub(crate) const MAX_MESSAGES: usize = 8192;
/// Most tipsets in a response.
#[expect(clippy::cast_possible_truncation, reason = "a constant of 900")]
pub(crate) const MAX_TIPSETS: usize = MAX_TIPSETS_PER_REQUEST as usize;

/// Bit of [`Request::options`]: headers are wanted.
pub const HEADERS: u64 = 1;
/// Bit of [`Request::options`]: messages are wanted.
pub const MESSAGES: u64 = 2;

/// A request for tipsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Key of the newest tipset.
    pub head: Capped<Cid, MAX_BLOCKS>,
    /// How many tipsets.
    pub length: u64,
    /// [`HEADERS`], [`MESSAGES`] or both.
    pub options: u64,
}
wire_tuple!(Request {
    head: "Head",
    length: "Length",
    options: "Options"
});

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// A [`Status`] code.
    pub status: u64,
    /// Why, when it is a refusal.
    pub message: String,
    /// The tipsets, newest first.
    pub chain: Capped<WireTipset, MAX_TIPSETS>,
}
wire_tuple!(Response {
    status: "Status",
    message: "ErrorMessage",
    chain: "Chain"
});

/// How a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Everything asked for.
    Ok,
    /// The newest part of it.
    Partial,
    /// The tipset is unknown.
    NotFound,
    /// Too busy for this peer.
    GoAway,
    /// The answering side failed.
    InternalError,
    /// The request makes no sense.
    BadRequest,
    /// A code that this node does not know.
    Other(u64),
}

impl Status {
    /// The code on the wire.
    pub const fn code(self) -> u64 {
        match self {
            Self::Ok => 0,
            Self::Partial => 101,
            Self::NotFound => 201,
            Self::GoAway => 202,
            Self::InternalError => 203,
            Self::BadRequest => 204,
            Self::Other(code) => code,
        }
    }

    /// The status of a code.
    pub const fn of(code: u64) -> Self {
        match code {
            0 => Self::Ok,
            101 => Self::Partial,
            201 => Self::NotFound,
            202 => Self::GoAway,
            203 => Self::InternalError,
            204 => Self::BadRequest,
            other => Self::Other(other),
        }
    }
}

/// A tipset in a response: headers or messages, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireTipset {
    /// Headers in the tipset's order; empty when not asked for.
    pub blocks: Capped<BlockHeader, MAX_BLOCKS>,
    /// Messages, when asked for.
    pub messages: Option<CompactedMessages>,
}
wire_tuple!(WireTipset { blocks: "Blocks", messages: "Messages" default });

/// Positions of each block's messages in the tipset's list, one list per block.
pub type Includes = Capped<Capped<u64, MAX_MESSAGES>, MAX_BLOCKS>;

/// The messages of a tipset, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactedMessages {
    /// BLS messages of all blocks.
    pub bls: Capped<Message, MAX_MESSAGES>,
    /// Which of them each block has.
    pub bls_includes: Includes,
    /// secp256k1 messages of all blocks.
    pub secpk: Capped<SignedMessage, MAX_MESSAGES>,
    /// Which of them each block has.
    pub secpk_includes: Includes,
}
wire_tuple!(CompactedMessages {
    bls: "Bls",
    bls_includes: "BlsIncludes",
    secpk: "Secpk",
    secpk_includes: "SecpkIncludes",
});

impl CompactedMessages {
    /// Compacts the messages of a tipset's blocks.
    pub fn of(blocks: &[BlockMessages]) -> Self {
        let (bls, bls_includes) = compact(blocks.iter().map(|b| &b.bls), Message::cid);
        let (secpk, secpk_includes) = compact(blocks.iter().map(|b| &b.secpk), SignedMessage::cid);
        Self {
            bls,
            bls_includes,
            secpk,
            secpk_includes,
        }
    }
}

/// Lists every item once, in the order of first appearance, and where each block's items are.
fn compact<'a, T: Clone + 'a>(
    blocks: impl Iterator<Item = &'a Vec<T>>,
    cid: impl Fn(&T) -> Cid,
) -> (Capped<T, MAX_MESSAGES>, Includes) {
    let mut items = Vec::new();
    let mut positions = std::collections::HashMap::new();
    let includes: Vec<_> = blocks
        .map(|block| {
            let places: Vec<u64> = block
                .iter()
                .map(|item| {
                    *positions.entry(cid(item)).or_insert_with(|| {
                        items.push(item.clone());
                        items.len() as u64 - 1
                    })
                })
                .collect();
            places.into()
        })
        .collect();
    (items.into(), includes.into())
}
