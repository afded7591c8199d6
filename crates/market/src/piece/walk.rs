//! Goes through a DAG in the order of a payload: depth first, every block once.
//!
//! The walk reads nothing itself: it names the next block, and whoever has it shows it. So one walk
//! serves files on disk, stored pieces and blocks that arrive from a peer.

use std::collections::HashSet;

use lotus_blockstore::dag::{self, DAG_CBOR};
use lotus_types::{Cid, cid::RAW};

use crate::dag_pb::{DAG_PB, DagPbError, Link, PbNode};

/// Multicodec of CBOR without links.
const CBOR: u64 = 0x51;

/// How large a DAG may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// Blocks. Default: 16 Mi.
    pub blocks: usize,
    /// Blocks from the root to the deepest. Default: 65,536.
    pub depth: usize,
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self {
            blocks: 1 << 24,
            depth: 1 << 16,
        }
    }
}

/// Why a DAG cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// The block is not DAG-PB, though its CID says so.
    #[error("block {link}: {source}")]
    BadNode {
        /// The block.
        link: Box<Link>,
        /// What is wrong with it.
        #[source]
        source: DagPbError,
    },
    /// The block is not DAG-CBOR, though its CID says so.
    #[error("block {link} is not DAG-CBOR: {reason}")]
    BadCbor {
        /// The block.
        link: Box<Link>,
        /// What is wrong with it.
        reason: String,
    },
    /// Blocks whose links are not understood.
    #[error("block {link} has codec {codec:#x}, which is not supported")]
    UnknownCodec {
        /// The block.
        link: Box<Link>,
        /// Its multicodec.
        codec: u64,
    },
    /// Too many blocks.
    #[error("the DAG has more than {0} blocks")]
    TooManyBlocks(usize),
    /// Too deep.
    #[error("the DAG is more than {0} blocks deep")]
    TooDeep(usize),
}

/// The links of a block, in their order, repetitions included.
///
/// # Errors
/// [`WalkError`].
pub fn links(link: &Link, data: &[u8]) -> Result<Vec<Link>, WalkError> {
    match link.codec() {
        RAW | CBOR => Ok(Vec::new()),
        DAG_PB => {
            let node = PbNode::decode(data).map_err(|source| WalkError::BadNode {
                link: Box::new(link.clone()),
                source,
            })?;
            Ok(node.links.into_iter().map(|link| link.target).collect())
        }
        DAG_CBOR => {
            let cid = link.cid().unwrap_or_else(|| Cid::of_block(data));
            let links = dag::links(&cid, data).map_err(|source| WalkError::BadCbor {
                link: Box::new(link.clone()),
                reason: cause(&source),
            })?;
            Ok(links.into_iter().map(|cid| Cid::from(cid).into()).collect())
        }
        codec => Err(WalkError::UnknownCodec {
            link: Box::new(link.clone()),
            codec,
        }),
    }
}

/// An error's last cause: the first ones only repeat the CID.
fn cause(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// A walk under way.
#[derive(Debug)]
pub struct DagWalk {
    limits: WalkLimits,
    stack: Vec<std::vec::IntoIter<Link>>,
    seen: HashSet<Link>,
}

impl DagWalk {
    /// Starts before `root`.
    pub fn new(root: Link, limits: WalkLimits) -> Self {
        Self {
            limits,
            stack: vec![vec![root].into_iter()],
            seen: HashSet::new(),
        }
    }

    /// Goes on to the next block that was not met before; `None` at the end. Its links follow only
    /// when it is shown to [`Self::enter`].
    ///
    /// # Errors
    /// [`WalkError::TooManyBlocks`].
    pub fn step(&mut self) -> Result<Option<Link>, WalkError> {
        while let Some(level) = self.stack.last_mut() {
            let Some(link) = level.next() else {
                self.stack.pop();
                continue;
            };
            if self.seen.insert(link.clone()) {
                if self.seen.len() > self.limits.blocks {
                    return Err(WalkError::TooManyBlocks(self.limits.blocks));
                }
                return Ok(Some(link));
            }
        }
        Ok(None)
    }

    /// Puts the links of the block that [`Self::step`] named before everything that is left.
    ///
    /// # Errors
    /// [`WalkError`].
    pub fn enter(&mut self, link: &Link, data: &[u8]) -> Result<(), WalkError> {
        let below = links(link, data)?;
        self.enter_links(below)
    }

    /// The same for links that the caller has chosen.
    ///
    /// # Errors
    /// [`WalkError::TooDeep`].
    pub(crate) fn enter_links(&mut self, below: Vec<Link>) -> Result<(), WalkError> {
        if below.is_empty() {
            return Ok(());
        }
        if self.stack.len() >= self.limits.depth {
            return Err(WalkError::TooDeep(self.limits.depth));
        }
        self.stack.push(below.into_iter());
        Ok(())
    }

    /// Was this block met?
    pub fn has_seen(&self, link: &Link) -> bool {
        self.seen.contains(link)
    }

    /// Blocks met.
    pub fn blocks(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests;
