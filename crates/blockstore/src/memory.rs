//! A store in memory, for tests, for short-lived work and as the buffer of an overlay.

use std::collections::HashMap;

use anyhow::Result;
use cid::Cid;
use fvm_ipld_blockstore::Blockstore;
use parking_lot::RwLock;

use crate::{shared::Store, verify::inlined};

/// Blocks in a map behind a lock; any number of threads may read and write.
#[derive(Debug, Default)]
pub struct MemoryBlockstore {
    blocks: RwLock<HashMap<Cid, Box<[u8]>>>,
}

impl MemoryBlockstore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Blocks held (identity CIDs are never held).
    pub fn len(&self) -> usize {
        self.blocks.read().len()
    }

    /// True when nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops a block; true when it was there.
    pub fn remove(&self, cid: &Cid) -> bool {
        self.blocks.write().remove(cid).is_some()
    }

    /// Every CID held, in no particular order.
    pub fn cids(&self) -> Vec<Cid> {
        self.blocks.read().keys().copied().collect()
    }

    /// Takes all blocks out and leaves the store empty.
    pub(crate) fn drain(&self) -> HashMap<Cid, Box<[u8]>> {
        std::mem::take(&mut *self.blocks.write())
    }

    /// Looks at the whole map under the read lock.
    pub(crate) fn with_blocks<T>(&self, look: impl FnOnce(&HashMap<Cid, Box<[u8]>>) -> T) -> T {
        look(&self.blocks.read())
    }
}

impl Blockstore for MemoryBlockstore {
    fn get(&self, k: &Cid) -> Result<Option<Vec<u8>>> {
        if let Some(data) = inlined(k) {
            return Ok(Some(data.to_vec()));
        }
        Ok(self.blocks.read().get(k).map(|data| data.to_vec()))
    }

    fn put_keyed(&self, k: &Cid, block: &[u8]) -> Result<()> {
        if inlined(k).is_none() {
            self.blocks.write().insert(*k, block.into());
        }
        Ok(())
    }

    fn has(&self, k: &Cid) -> Result<bool> {
        Ok(inlined(k).is_some() || self.blocks.read().contains_key(k))
    }

    fn put_many_keyed<D, I>(&self, blocks: I) -> Result<()>
    where
        Self: Sized,
        D: AsRef<[u8]>,
        I: IntoIterator<Item = (Cid, D)>,
    {
        let mut held = self.blocks.write();
        for (cid, data) in blocks {
            if inlined(&cid).is_none() {
                held.insert(cid, data.as_ref().into());
            }
        }
        Ok(())
    }
}

impl Store for MemoryBlockstore {
    fn put_batch(&self, blocks: &[(Cid, &[u8])]) -> Result<()> {
        self.put_many_keyed(blocks.iter().copied())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn delete(&self, k: &Cid) -> Result<()> {
        self.remove(k);
        Ok(())
    }
}
