//! The repo's keystore as the wallet sees it.

use std::sync::Arc;

use lotus_ports::keystore::{KeyStore, KeyStoreError};
use lotus_runtime::repo::{LockedRepo, keystore::KeystoreError};
use lotus_types::KeyInfo;

/// Keys in the keystore of a repo that this process has locked.
#[derive(Debug, Clone)]
pub struct RepoKeys(Arc<LockedRepo>);

impl RepoKeys {
    /// Keys of a repo; the lock is held as long as they are.
    pub fn new(repo: Arc<LockedRepo>) -> Self {
        Self(repo)
    }
}

/// The same refusal in the port's words.
fn refusal(name: &str, error: KeystoreError) -> KeyStoreError {
    match error {
        KeystoreError::NotFound { name } => KeyStoreError::NotFound { name },
        KeystoreError::Exists { name } => KeyStoreError::Exists { name },
        other => KeyStoreError::Failed {
            name: name.to_owned(),
            source: other.into(),
        },
    }
}

impl KeyStore for RepoKeys {
    fn list(&self) -> Result<Vec<String>, KeyStoreError> {
        self.0.keystore().list().map_err(|e| refusal("keystore", e))
    }

    fn get(&self, name: &str) -> Result<KeyInfo, KeyStoreError> {
        self.0.keystore().get(name).map_err(|e| refusal(name, e))
    }

    fn put(&self, name: &str, key: &KeyInfo) -> Result<(), KeyStoreError> {
        self.0
            .keystore()
            .put(name, key)
            .map_err(|e| refusal(name, e))
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreError> {
        self.0.keystore().delete(name).map_err(|e| refusal(name, e))
    }
}
