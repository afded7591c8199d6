//! A keystore whose wallet keys are encrypted with a passphrase.
//!
//! ```text
//! keystore-encryption   Argon2id parameters and salt; the data key, encrypted with the passphrase's key
//! wallet-…, trash-…,    nonce ‖ XChaCha20-Poly1305(data key, KeyInfo as JSON), bound to the entry's name
//! default
//! ```
//!
//! Folder, file names and file modes stay those of a plain keystore; only wallet keys are sealed, so
//! that a node's peer id and token secret need no passphrase.
//!
//! # Invariants
//! - A key is never on disk half-written, and never missing: before an entry is replaced its new form
//!   is stored beside it, and whatever a crash left is finished when the keystore is opened.
//! - Once the keystore is marked as encrypted, wallet keys that are still plain are sealed when it is
//!   opened; the mark goes last when it is decrypted.
//! - A wrong passphrase and damage are told apart, and neither changes anything.
//!
//! # Lotus parity
//! Lotus has no encrypted keystore and cannot read this one; [`unseal`] gives its layout back.

mod cipher;
mod convert;

use std::sync::Arc;

use lotus_ports::keystore::{KeyStore, KeyStoreError};
use lotus_types::{KeyInfo, KeyType};
use zeroize::Zeroizing;

use crate::local::{DEFAULT, TRASH_PREFIX, WALLET_PREFIX};
pub use cipher::KdfCost;
use cipher::{DataKey, Header};
pub use convert::{change_passphrase, seal, unseal};

/// Name of the entry that marks a keystore as encrypted.
pub const HEADER: &str = "keystore-encryption";
/// Type of a sealed entry in the keystore.
pub const SEALED_TYPE: &str = "sealed-xchacha20poly1305";
/// Prefix of an entry's new form while it is replaced.
const PENDING: &str = "pending-";

/// Why an encrypted keystore cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The passphrase is not this keystore's.
    #[error("wrong passphrase for the encrypted keystore")]
    WrongPassphrase,
    /// An empty passphrase protects nothing.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// There is nothing to decrypt.
    #[error("the keystore is not encrypted")]
    NotSealed,
    /// It is encrypted already.
    #[error("the keystore is encrypted already")]
    AlreadySealed,
    /// An entry is not what it should be, or was moved here from another name.
    #[error("entry {name:?} of the encrypted keystore is damaged: {reason}")]
    Damaged {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The passphrase's key cannot be computed.
    #[error("computing the key of the passphrase: {0}")]
    Kdf(String),
    /// The keystore below failed.
    #[error(transparent)]
    Keystore(#[from] KeyStoreError),
}

/// True when this keystore's wallet keys are encrypted.
///
/// # Errors
/// When the keystore fails.
pub fn is_sealed(keys: &dyn KeyStore) -> Result<bool, SealError> {
    for name in [HEADER.to_owned(), format!("{PENDING}{HEADER}")] {
        match keys.get(&name) {
            Ok(_) => return Ok(true),
            Err(KeyStoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// An encrypted keystore that is open: entries are sealed as they are written and opened as they are
/// read. The data key is wiped from memory when it goes.
#[derive(Debug)]
pub struct SealedKeyStore {
    under: Arc<dyn KeyStore>,
    key: DataKey,
}

impl SealedKeyStore {
    /// Opens the encrypted keystore `under`, and finishes what a crash left.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(under: Arc<dyn KeyStore>, passphrase: &str) -> Result<Self, SealError> {
        if !is_sealed(&*under)? {
            return Err(SealError::NotSealed);
        }
        convert::finish_replacing(&*under)?;
        let key = Header::read(&*under)?.open(passphrase)?;
        convert::seal_plain_entries(&*under, &key)?;
        Ok(Self { under, key })
    }
}

/// True for entries that hold a wallet's private key.
fn is_secret(name: &str) -> bool {
    name == DEFAULT || name.starts_with(WALLET_PREFIX) || name.starts_with(TRASH_PREFIX)
}

fn is_sealed_entry(info: &KeyInfo) -> bool {
    info.key_type.name() == SEALED_TYPE
}

fn sealed_entry(key: &DataKey, name: &str, info: &KeyInfo) -> Result<KeyInfo, SealError> {
    let json = serde_json::to_vec(info).map(Zeroizing::new);
    let json = json.map_err(|_| damaged(name, "the key has no JSON form"))?;
    let sealed = key.seal(name, &json)?;
    Ok(KeyInfo::new(KeyType::from(SEALED_TYPE), sealed))
}

fn opened_entry(key: &DataKey, name: &str, sealed: &KeyInfo) -> Result<KeyInfo, SealError> {
    let json = key
        .open(name, &sealed.private_key)
        .ok_or_else(|| damaged(name, "it does not belong to this key and name"))?;
    serde_json::from_slice(&json).map_err(|_| damaged(name, "it holds no key"))
}

fn damaged(name: &str, reason: &'static str) -> SealError {
    SealError::Damaged {
        name: name.to_owned(),
        reason,
    }
}

/// The same in the port's words.
fn refusal(name: &str, error: SealError) -> KeyStoreError {
    match error {
        SealError::Keystore(error) => error,
        other => KeyStoreError::Failed {
            name: name.to_owned(),
            source: other.into(),
        },
    }
}

impl KeyStore for SealedKeyStore {
    fn list(&self) -> Result<Vec<String>, KeyStoreError> {
        let mut names = self.under.list()?;
        names.retain(|name| name != HEADER);
        Ok(names)
    }

    fn get(&self, name: &str) -> Result<KeyInfo, KeyStoreError> {
        let info = self.under.get(name)?;
        if is_secret(name) && is_sealed_entry(&info) {
            return opened_entry(&self.key, name, &info).map_err(|e| refusal(name, e));
        }
        Ok(info)
    }

    fn put(&self, name: &str, key: &KeyInfo) -> Result<(), KeyStoreError> {
        if !is_secret(name) {
            return self.under.put(name, key);
        }
        let sealed = sealed_entry(&self.key, name, key).map_err(|e| refusal(name, e))?;
        self.under.put(name, &sealed)
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreError> {
        self.under.delete(name)
    }
}

#[cfg(test)]
mod tests;
