//! Blocks known to be invalid, with the reason.
//!
//! # Lotus parity
//! `BadBlockCache`, 32768 entries. Kept in memory: a restart asks again.

use std::sync::Arc;

use lotus_types::Cid;
use quick_cache::sync::Cache;

/// Blocks remembered.
const CAPACITY: usize = 32_768;

/// The cache. Shared by whoever validates.
#[derive(Debug)]
pub struct BadBlocks(Cache<Cid, Arc<str>>);

impl Default for BadBlocks {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl BadBlocks {
    /// Remembers a block as bad.
    pub fn mark(&self, cid: Cid, reason: impl Into<Arc<str>>) {
        self.0.insert(cid, reason.into());
    }

    /// Forgets what is known about a block; false when nothing was.
    pub fn unmark(&self, cid: &Cid) -> bool {
        self.0.remove(cid).is_some()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// Why a block is bad; `None` when it is not known to be.
    pub fn reason(&self, cid: &Cid) -> Option<Arc<str>> {
        self.0.get(cid)
    }
}
