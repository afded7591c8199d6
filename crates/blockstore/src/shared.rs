//! One handle over any store, so that services need no type parameter for where blocks lie.

use std::sync::Arc;

use anyhow::Result;
use cid::Cid;
use fvm_ipld_blockstore::Blockstore;

/// A [`Blockstore`] that can be used through a pointer: batches and durability without generics.
pub trait Store: Blockstore + Send + Sync + std::fmt::Debug {
    /// Puts all blocks, or none of them if the store keeps transactions.
    ///
    /// # Errors
    /// When the store fails; never because of the blocks.
    fn put_batch(&self, blocks: &[(Cid, &[u8])]) -> Result<()>;

    /// Returns once everything put before is durable.
    ///
    /// # Errors
    /// When the disk refuses; nothing may then be assumed about writes since the last flush.
    fn flush(&self) -> Result<()>;

    /// Takes a block out; nothing happens when it is not there. Whoever has read it keeps what was read.
    ///
    /// # Errors
    /// When the store fails.
    fn delete(&self, k: &Cid) -> Result<()>;
}

/// A cloneable handle over a [`Store`]; itself a [`Blockstore`] and a [`Store`].
#[derive(Debug, Clone)]
pub struct SharedBlockstore(Arc<dyn Store>);

impl SharedBlockstore {
    /// Takes a store.
    pub fn new(store: impl Store + 'static) -> Self {
        Self(Arc::new(store))
    }

    /// A store in memory, for tests and tools.
    pub fn memory() -> Self {
        Self::new(crate::MemoryBlockstore::new())
    }
}

impl From<Arc<dyn Store>> for SharedBlockstore {
    fn from(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

impl Blockstore for SharedBlockstore {
    fn get(&self, k: &Cid) -> Result<Option<Vec<u8>>> {
        self.0.get(k)
    }

    fn put_keyed(&self, k: &Cid, block: &[u8]) -> Result<()> {
        self.0.put_keyed(k, block)
    }

    fn has(&self, k: &Cid) -> Result<bool> {
        self.0.has(k)
    }

    fn put_many_keyed<D, I>(&self, blocks: I) -> Result<()>
    where
        Self: Sized,
        D: AsRef<[u8]>,
        I: IntoIterator<Item = (Cid, D)>,
    {
        let blocks: Vec<(Cid, D)> = blocks.into_iter().collect();
        let borrowed: Vec<_> = blocks
            .iter()
            .map(|(cid, data)| (*cid, data.as_ref()))
            .collect();
        self.0.put_batch(&borrowed)
    }
}

impl Store for SharedBlockstore {
    fn put_batch(&self, blocks: &[(Cid, &[u8])]) -> Result<()> {
        self.0.put_batch(blocks)
    }

    fn flush(&self) -> Result<()> {
        self.0.flush()
    }

    fn delete(&self, k: &Cid) -> Result<()> {
        self.0.delete(k)
    }
}
