//! Where private keys are kept, as a port.
//!
//! # Lotus parity
//! `types.KeyStore`. Names: `wallet-<address>`, `trash-<address>` (deleted wallet keys), `default`
//! (a copy of the default wallet key), and secrets that are no wallet keys.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lotus_types::KeyInfo;

/// Why a keystore refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// There is no such key.
    #[error("key {name:?} not found")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// There is such a key already; keys are never overwritten.
    #[error("key {name:?} already exists")]
    Exists {
        /// Its name.
        name: String,
    },
    /// The store itself failed, or what it holds is damaged.
    #[error("keystore cannot access {name:?}: {source}")]
    Failed {
        /// The key's name, or what else was accessed.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Keeps private keys by name. Calls may block on a disk.
pub trait KeyStore: fmt::Debug + Send + Sync {
    /// Names of all keys, sorted.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn list(&self) -> Result<Vec<String>, KeyStoreError>;

    /// The key called `name`.
    ///
    /// # Errors
    /// [`KeyStoreError::NotFound`] or [`KeyStoreError::Failed`].
    fn get(&self, name: &str) -> Result<KeyInfo, KeyStoreError>;

    /// Stores a key durably under a free name.
    ///
    /// # Errors
    /// [`KeyStoreError::Exists`] or [`KeyStoreError::Failed`].
    fn put(&self, name: &str, key: &KeyInfo) -> Result<(), KeyStoreError>;

    /// Removes a key durably.
    ///
    /// # Errors
    /// [`KeyStoreError::NotFound`] or [`KeyStoreError::Failed`].
    fn delete(&self, name: &str) -> Result<(), KeyStoreError>;
}

/// Keys in memory, for tests and short-lived tools.
#[derive(Debug, Default)]
pub struct MemoryKeyStore(Mutex<BTreeMap<String, KeyInfo>>);

impl MemoryKeyStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<String, KeyInfo>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore for MemoryKeyStore {
    fn list(&self) -> Result<Vec<String>, KeyStoreError> {
        Ok(self.keys().keys().cloned().collect())
    }

    fn get(&self, name: &str) -> Result<KeyInfo, KeyStoreError> {
        let key = self.keys().get(name).cloned();
        key.ok_or_else(|| KeyStoreError::NotFound {
            name: name.to_owned(),
        })
    }

    fn put(&self, name: &str, key: &KeyInfo) -> Result<(), KeyStoreError> {
        let mut keys = self.keys();
        if keys.contains_key(name) {
            return Err(KeyStoreError::Exists {
                name: name.to_owned(),
            });
        }
        keys.insert(name.to_owned(), key.clone());
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreError> {
        let removed = self.keys().remove(name);
        removed.map(drop).ok_or_else(|| KeyStoreError::NotFound {
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use lotus_types::KeyType;

    use super::*;

    #[test]
    fn a_key_is_kept_until_it_is_deleted_and_never_overwritten() {
        let store = MemoryKeyStore::new();
        let key = |byte| KeyInfo::new(KeyType::Bls, vec![byte; 32]);
        store.put("b", &key(1)).expect("free");
        store.put("a", &key(2)).expect("free");
        assert_eq!(store.list().expect("in memory"), ["a", "b"]);
        assert!(matches!(
            store.put("b", &key(3)),
            Err(KeyStoreError::Exists { .. })
        ));
        assert_eq!(store.get("b").expect("is there"), key(1));
        store.delete("b").expect("is there");
        assert!(matches!(store.get("b"), Err(KeyStoreError::NotFound { name }) if name == "b"));
        assert!(matches!(
            store.delete("b"),
            Err(KeyStoreError::NotFound { .. })
        ));
    }
}
