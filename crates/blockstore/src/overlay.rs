//! Writes kept in memory over a base store, until they are worth keeping.
//!
//! # Lotus parity
//! The buffered blockstore of Lotus' VM, with `vm.Copy` as [`OverlayBlockstore::flush_reachable`]: a
//! tipset's execution leaves many intermediate nodes behind, of which only those under the new state
//! root are written.

use anyhow::{Context, Result};
use cid::Cid;
use fvm_ipld_blockstore::Blockstore;

use crate::{
    dag::{DagError, LinkKind, links},
    memory::MemoryBlockstore,
    shared::Store,
};

/// A store over a base: reads fall through, writes stay in memory.
#[derive(Debug)]
pub struct OverlayBlockstore<B> {
    base: B,
    buffer: MemoryBlockstore,
}

impl<B: Store> OverlayBlockstore<B> {
    /// An overlay with nothing written.
    pub fn new(base: B) -> Self {
        Self {
            base,
            buffer: MemoryBlockstore::new(),
        }
    }

    /// The store below.
    pub fn base(&self) -> &B {
        &self.base
    }

    /// Blocks written and not yet flushed.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Forgets everything written.
    pub fn discard(&self) {
        self.buffer.drain();
    }

    /// Moves everything written to the base; returns the number of blocks.
    ///
    /// # Errors
    /// When the base fails; nothing is forgotten then.
    pub fn flush_to_base(&self) -> Result<usize> {
        let written = self.buffer.with_blocks(|blocks| {
            let batch: Vec<_> = blocks.iter().map(|(cid, data)| (*cid, &data[..])).collect();
            self.base.put_batch(&batch).map(|()| batch.len())
        })?;
        self.buffer.drain();
        Ok(written)
    }

    /// Writes the buffered part of the DAG under `root` to the base and forgets the rest; returns the
    /// number of blocks written.
    ///
    /// The walk stops at blocks that are not in the buffer: they, and all under them, are in the base
    /// already, since a block is only ever written after its children. Children go before parents, so
    /// that this also holds for a base without transactions.
    ///
    /// # Errors
    /// When a buffered block is not valid DAG-CBOR or the base fails; nothing is forgotten then.
    pub fn flush_reachable(&self, root: &Cid) -> Result<usize> {
        let written = self.buffer.with_blocks(|blocks| {
            let order = children_first(root, |cid| blocks.get(cid).map(|data| &data[..]))
                .with_context(|| format!("collecting the blocks under {root}"))?;
            self.base.put_batch(&order).map(|()| order.len())
        })?;
        self.buffer.drain();
        Ok(written)
    }
}

/// The blocks under `root` that `find` knows, each after all that it links to.
fn children_first<'a>(
    root: &Cid,
    find: impl Fn(&Cid) -> Option<&'a [u8]>,
) -> Result<Vec<(Cid, &'a [u8])>, DagError> {
    struct Open<'a> {
        block: Option<(Cid, &'a [u8])>,
        children: std::vec::IntoIter<Cid>,
    }

    let mut done = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut open = vec![Open {
        block: None,
        children: vec![*root].into_iter(),
    }];
    while let Some(top) = open.last_mut() {
        let Some(cid) = top.children.next() else {
            done.extend(open.pop().and_then(|closed| closed.block));
            continue;
        };
        if !seen.insert(cid) {
            continue;
        }
        match LinkKind::of(&cid) {
            LinkKind::Inline => {
                let children = links(&cid, cid.hash().digest())?.into_iter();
                open.push(Open {
                    block: None,
                    children,
                });
            }
            LinkKind::Node | LinkKind::Leaf => {
                let Some(data) = find(&cid) else { continue };
                let children = links(&cid, data)?.into_iter();
                open.push(Open {
                    block: Some((cid, data)),
                    children,
                });
            }
            LinkKind::External => {}
        }
    }
    Ok(done)
}

impl<B: Store> Blockstore for OverlayBlockstore<B> {
    fn get(&self, k: &Cid) -> Result<Option<Vec<u8>>> {
        match self.buffer.get(k)? {
            Some(data) => Ok(Some(data)),
            None => self.base.get(k),
        }
    }

    fn put_keyed(&self, k: &Cid, block: &[u8]) -> Result<()> {
        self.buffer.put_keyed(k, block)
    }

    fn has(&self, k: &Cid) -> Result<bool> {
        Ok(self.buffer.has(k)? || self.base.has(k)?)
    }

    fn put_many_keyed<D, I>(&self, blocks: I) -> Result<()>
    where
        Self: Sized,
        D: AsRef<[u8]>,
        I: IntoIterator<Item = (Cid, D)>,
    {
        self.buffer.put_many_keyed(blocks)
    }
}

impl<B: Store> Store for OverlayBlockstore<B> {
    fn put_batch(&self, blocks: &[(Cid, &[u8])]) -> Result<()> {
        self.buffer.put_batch(blocks)
    }

    /// Moves everything written to the base and makes it durable there.
    fn flush(&self) -> Result<()> {
        self.flush_to_base()?;
        self.base.flush()
    }

    /// From both: what the base has would be seen through the overlay.
    fn delete(&self, k: &Cid) -> Result<()> {
        self.buffer.delete(k)?;
        self.base.delete(k)
    }
}

#[cfg(test)]
mod tests;
