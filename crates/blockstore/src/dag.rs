//! Links of a block, and walks over a DAG of blocks.
//!
//! Nothing here recurses and no tree is built: links are found by scanning a block's bytes, and a walk
//! keeps its own stack. A hostile block can neither overflow the stack nor claim more items than it
//! has bytes.
//!
//! # Lotus parity
//! [`links`] finds what cbor-gen's link scan finds. A walk visits in the order of Lotus' snapshot
//! walk: depth first, a block before its links, links in order of appearance, each block once.

use std::collections::HashSet;

use cid::Cid;
use fvm_ipld_blockstore::Blockstore;

pub use crate::cbor::CborError;
use crate::{cbor::scan_links, shared::Store};

/// Codec of DAG-CBOR blocks, the only ones with links on chain.
pub const DAG_CBOR: u64 = 0x71;
/// Codec of raw blocks: actor code.
pub const RAW: u64 = 0x55;
/// Codec of CBOR blocks whose links the FVM does not follow.
pub const CBOR: u64 = 0x51;

const COMMITMENT_UNSEALED: u64 = 0xf101;
const COMMITMENT_SEALED: u64 = 0xf102;

/// What a CID found in a block stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// A block in a store that may link to others.
    Node,
    /// A block in a store without links of its own.
    Leaf,
    /// A block that the CID itself carries.
    Inline,
    /// Not a block at all: a sector or piece commitment, or a codec unknown to the chain.
    External,
}

impl LinkKind {
    /// Classifies by hash function and codec.
    pub fn of(cid: &Cid) -> Self {
        match (cid.hash().code(), cid.codec()) {
            (_, COMMITMENT_SEALED | COMMITMENT_UNSEALED) => Self::External,
            (crate::verify::IDENTITY, _) => Self::Inline,
            (_, DAG_CBOR) => Self::Node,
            (_, RAW | CBOR) => Self::Leaf,
            _ => Self::External,
        }
    }
}

/// Why a walk stopped.
#[derive(Debug, thiserror::Error)]
pub enum DagError {
    /// A block of the DAG is not in the store.
    #[error("block {cid} is missing")]
    Missing {
        /// The block.
        cid: Cid,
    },
    /// A block says DAG-CBOR and is not.
    #[error("block {cid} is not DAG-CBOR")]
    Malformed {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        #[source]
        source: CborError,
    },
    /// The store or the visitor failed.
    #[error("walking over block {cid}")]
    Fault {
        /// The block that was being handled.
        cid: Cid,
        /// What failed.
        #[source]
        source: anyhow::Error,
    },
}

/// The links of a block, in order of appearance, repetitions included. Empty for every codec but
/// DAG-CBOR.
///
/// # Errors
/// [`DagError::Malformed`] when the bytes are not one DAG-CBOR item.
pub fn links(cid: &Cid, data: &[u8]) -> Result<Vec<Cid>, DagError> {
    let mut found = Vec::new();
    if cid.codec() == DAG_CBOR {
        scan_links(data, |link| found.push(link))
            .map_err(|source| DagError::Malformed { cid: *cid, source })?;
    }
    Ok(found)
}

/// Visits every block under `root` that is not in `seen`, and adds it to `seen`.
///
/// `skip` is asked about each link before it is read; a skipped block is neither read nor visited and
/// nothing under it is. Commitments and CIDs that carry their block are not visited either (links
/// inside the latter are followed).
///
/// # Errors
/// [`DagError`]; an error of `visit` comes back as [`DagError::Fault`].
pub fn walk(
    root: &Cid,
    store: &impl Blockstore,
    seen: &mut HashSet<Cid>,
    mut skip: impl FnMut(&Cid) -> bool,
    mut visit: impl FnMut(&Cid, &[u8]) -> anyhow::Result<()>,
) -> Result<(), DagError> {
    let mut stack = vec![vec![*root].into_iter()];
    while let Some(level) = stack.last_mut() {
        let Some(cid) = level.next() else {
            stack.pop();
            continue;
        };
        let kind = LinkKind::of(&cid);
        if kind == LinkKind::External || !seen.insert(cid) || skip(&cid) {
            continue;
        }
        let below = if kind == LinkKind::Inline {
            links(&cid, cid.hash().digest())?
        } else {
            let data = store
                .get(&cid)
                .map_err(|source| DagError::Fault { cid, source })?;
            let data = data.ok_or(DagError::Missing { cid })?;
            visit(&cid, &data).map_err(|source| DagError::Fault { cid, source })?;
            links(&cid, &data)?
        };
        if !below.is_empty() {
            stack.push(below.into_iter());
        }
    }
    Ok(())
}

/// What a copy moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyStats {
    /// Blocks written.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Copies the DAG under `root` from one store to another, except what `skip` names and what lies only
/// under that. `skip = |cid| to.has(cid)` copies what is new.
///
/// # Errors
/// [`DagError`]. What was copied until then stays.
pub fn copy_dag(
    root: &Cid,
    from: &impl Blockstore,
    to: &impl Store,
    skip: impl FnMut(&Cid) -> bool,
) -> Result<CopyStats, DagError> {
    const BATCH_BYTES: usize = 4 << 20;

    let mut stats = CopyStats::default();
    let mut batch: Vec<(Cid, Vec<u8>)> = Vec::new();
    let mut batch_bytes = 0;
    walk(root, from, &mut HashSet::new(), skip, |cid, data| {
        stats.blocks += 1;
        stats.bytes += data.len() as u64;
        batch_bytes += data.len();
        batch.push((*cid, data.to_vec()));
        if batch_bytes >= BATCH_BYTES {
            batch_bytes = 0;
            put(to, &mut batch)?;
        }
        Ok(())
    })?;
    put(to, &mut batch).map_err(|source| DagError::Fault { cid: *root, source })?;
    Ok(stats)
}

fn put(to: &impl Store, batch: &mut Vec<(Cid, Vec<u8>)>) -> anyhow::Result<()> {
    let borrowed: Vec<_> = batch.iter().map(|(cid, data)| (*cid, &data[..])).collect();
    to.put_batch(&borrowed)?;
    batch.clear();
    Ok(())
}

#[cfg(test)]
mod tests;
