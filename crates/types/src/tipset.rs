//! Tipsets: the blocks of one epoch with the same parents.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{BigInt, BlockHeader, ChainEpoch, Cid, TokenAmount, wire::NullIfEmpty, wire_tuple};

/// Most blocks that one tipset may have here: a bound on foreign input far above any real tipset.
pub const MAX_BLOCKS: usize = 400;

/// The CIDs of a tipset's blocks, in the tipset's order. JSON: a list; `null` reads as empty.
///
/// Empty stands for "the head" in Lotus' API.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TipsetKey(Vec<Cid>);

impl TipsetKey {
    /// A key of these CIDs, in this order.
    pub const fn new(cids: Vec<Cid>) -> Self {
        Self(cids)
    }

    /// The CIDs in order.
    pub fn cids(&self) -> &[Cid] {
        &self.0
    }

    /// True for the key that stands for the head.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for TipsetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (k, cid) in self.0.iter().enumerate() {
            write!(f, "{}{cid}", if k == 0 { "" } else { "," })?;
        }
        f.write_str("}")
    }
}

impl From<Vec<Cid>> for TipsetKey {
    fn from(cids: Vec<Cid>) -> Self {
        Self(cids)
    }
}

impl FromIterator<Cid> for TipsetKey {
    fn from_iter<I: IntoIterator<Item = Cid>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl Serialize for TipsetKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de> Deserialize<'de> for TipsetKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            Ok(Self(
                Option::<Vec<Cid>>::deserialize(d)?.unwrap_or_default(),
            ))
        } else {
            Vec::deserialize(d).map(Self)
        }
    }
}

/// Why blocks do not make a tipset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TipsetError {
    /// No block at all.
    #[error("a tipset has at least one block")]
    Empty,
    /// More blocks than anyone makes.
    #[error("{0} blocks are too many for a tipset")]
    TooMany(usize),
    /// Two blocks disagree.
    #[error("block {cid} has another {what} than the first block of its tipset")]
    Mismatch {
        /// The one that differs.
        cid: Cid,
        /// "height" or "parents".
        what: &'static str,
    },
    /// The same block twice, or two of one miner.
    #[error("block {0} comes twice, or its miner has two blocks in the tipset")]
    Duplicate(Cid),
    /// No ticket to order by.
    #[error("block {0} has no ticket")]
    NoTicket(Cid),
}

/// A tipset: at least one block; all of one height and with the same parents; ordered by ticket.
/// Cheap to clone.
#[derive(Clone)]
pub struct Tipset(Arc<Inner>);

struct Inner {
    blocks: Vec<BlockHeader>,
    key: TipsetKey,
}

impl Tipset {
    /// Makes a tipset of headers in any order: sorts them by blake2b-256 of the ticket, then CID.
    ///
    /// # Errors
    /// [`TipsetError`] when they do not belong together.
    pub fn new(headers: Vec<BlockHeader>) -> Result<Self, TipsetError> {
        if headers.len() > MAX_BLOCKS {
            return Err(TipsetError::TooMany(headers.len()));
        }
        let mut sorted = headers
            .into_iter()
            .map(|header| {
                let cid = header.cid();
                let digest = header
                    .ticket
                    .as_ref()
                    .ok_or(TipsetError::NoTicket(cid))?
                    .digest();
                Ok(((digest, cid.to_bytes()), cid, header))
            })
            .collect::<Result<Vec<_>, TipsetError>>()?;
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let (cids, blocks): (Vec<_>, Vec<_>) = sorted.into_iter().map(|(_, c, h)| (c, h)).unzip();
        let first = blocks.first().ok_or(TipsetError::Empty)?;
        for (k, (block, &cid)) in blocks.iter().zip(&cids).enumerate() {
            if block.height != first.height {
                return Err(TipsetError::Mismatch {
                    cid,
                    what: "height",
                });
            }
            if block.parents != first.parents {
                return Err(TipsetError::Mismatch {
                    cid,
                    what: "parents",
                });
            }
            if cids.iter().take(k).any(|c| *c == cid) {
                return Err(TipsetError::Duplicate(cid));
            }
        }
        Ok(Self(Arc::new(Inner {
            blocks,
            key: TipsetKey(cids),
        })))
    }

    /// The blocks in order.
    pub fn blocks(&self) -> &[BlockHeader] {
        &self.0.blocks
    }

    /// The block with the smallest ticket; first in order.
    pub fn min_ticket_block(&self) -> &BlockHeader {
        self.0
            .blocks
            .first()
            .expect("a tipset has at least one block")
    }

    /// The CIDs of the blocks, in order.
    pub fn key(&self) -> &TipsetKey {
        &self.0.key
    }

    /// The blocks' CIDs, in order.
    pub fn cids(&self) -> &[Cid] {
        self.0.key.cids()
    }

    /// Epoch.
    pub fn height(&self) -> ChainEpoch {
        self.min_ticket_block().height
    }

    /// Key of the parent tipset.
    pub fn parents(&self) -> &TipsetKey {
        &self.min_ticket_block().parents
    }

    /// State after executing the parents.
    pub fn parent_state_root(&self) -> Cid {
        self.min_ticket_block().parent_state_root
    }

    /// Receipts of the parents' messages.
    pub fn parent_message_receipts(&self) -> Cid {
        self.min_ticket_block().parent_message_receipts
    }

    /// Weight of the parents' chain.
    pub fn parent_weight(&self) -> &BigInt {
        &self.min_ticket_block().parent_weight
    }

    /// Base fee with which this tipset's messages are executed.
    pub fn parent_base_fee(&self) -> &TokenAmount {
        &self.min_ticket_block().parent_base_fee
    }

    /// The earliest timestamp of its blocks, in Unix seconds.
    pub fn min_timestamp(&self) -> u64 {
        self.blocks()
            .iter()
            .map(|b| b.timestamp)
            .min()
            .unwrap_or_default()
    }
}

impl PartialEq for Tipset {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Tipset {}

impl fmt::Debug for Tipset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tipset({}, {})", self.height(), self.0.key)
    }
}

/// Lotus' JSON of a tipset, for the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TipsetJson {
    /// CIDs in order.
    pub cids: TipsetKey,
    /// Headers in order.
    pub blocks: Vec<BlockHeader>,
    /// Epoch.
    pub height: ChainEpoch,
}
wire_tuple!(TipsetJson { cids: "Cids" default, blocks: "Blocks" list, height: "Height" });

impl Serialize for Tipset {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut out = s.serialize_struct("Tipset", 3)?;
        out.serialize_field("Cids", self.key())?;
        out.serialize_field("Blocks", &NullIfEmpty(self.blocks()))?;
        out.serialize_field("Height", &self.height())?;
        out.end()
    }
}

impl<'de> Deserialize<'de> for Tipset {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let json = TipsetJson::deserialize(d)?;
        let tipset = Self::new(json.blocks).map_err(serde::de::Error::custom)?;
        if !json.cids.is_empty() && tipset.key() != &json.cids {
            return Err(serde::de::Error::custom(
                "the CIDs are not those of the blocks",
            ));
        }
        Ok(tipset)
    }
}
