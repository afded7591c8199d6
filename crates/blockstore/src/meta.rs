//! The small key-value port beside the blocks.
//!
//! Holds what is not content-addressed: the head, the genesis CID, the message pool's settings, the
//! next nonce of a local sender. Keys are paths as in Lotus' metadata datastore (`/mpool/config`).

use std::collections::BTreeMap;

use anyhow::Result;
use parking_lot::RwLock;

/// Few, small, durable values under text keys.
pub trait MetadataStore: Send + Sync + std::fmt::Debug {
    /// The value of `key`.
    ///
    /// # Errors
    /// When the store fails.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>>;

    /// Sets `key`. Once this returns, the value and every block that was put before it into the same
    /// database survive a crash.
    ///
    /// # Errors
    /// When the store fails.
    fn set(&self, key: &str, value: &[u8]) -> Result<()>;

    /// Removes `key`, durably. Nothing happens when it is not there.
    ///
    /// # Errors
    /// When the store fails.
    fn remove(&self, key: &str) -> Result<()>;

    /// All pairs whose key starts with `prefix`, in order of their keys.
    ///
    /// # Errors
    /// When the store fails.
    fn list(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>>;
}

/// A [`MetadataStore`] in memory.
#[derive(Debug, Default)]
pub struct MemoryMetadata(RwLock<BTreeMap<String, Vec<u8>>>);

impl MemoryMetadata {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }
}

impl MetadataStore for MemoryMetadata {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.read().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        self.0.write().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn remove(&self, key: &str) -> Result<()> {
        self.0.write().remove(key);
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let held = self.0.read();
        let from = held.range(prefix.to_owned()..);
        Ok(from
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }
}
