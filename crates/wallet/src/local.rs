//! The keystore's wallet: keys in a keystore that sign for their addresses.
//!
//! # Invariants
//! - Only key addresses (f1, f3, f410) are known here; the caller resolves ID addresses on the chain.
//! - Keys are wiped from memory when the wallet goes; errors name the address, never the key.
//! - A deleted key is moved to the trash, not destroyed.
//! - [`Wallet`]'s calls are synchronous: a disk access and up to 1 ms of signing. [`LocalWallet`] is
//!   the same for async callers, on blocking threads.
//!
//! # Lotus parity
//! `chain/wallet.LocalWallet`, with the same names in the keystore. A key stored under the other
//! network prefix (`f…`, `t…`) is found, too.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use lotus_crypto::{KeyError, SigningKey};
use lotus_ports::keystore::{KeyStore, KeyStoreError};
use lotus_rpc_api::{
    RpcError,
    wallet::{MsgMeta, WalletBackend},
};
use lotus_types::{Address, Bytes, KeyInfo, KeyType, Protocol, Signature};
use parking_lot::Mutex;
use rand::rngs::OsRng;

pub(crate) const WALLET_PREFIX: &str = "wallet-";
pub(crate) const TRASH_PREFIX: &str = "trash-";
pub(crate) const DEFAULT: &str = "default";

/// Why the wallet refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// The wallet has no key for this address.
    #[error("wallet has no key for address {0}")]
    UnknownAddress(Address),
    /// The wallet has a key for this address already.
    #[error("wallet already has the key of address {0}")]
    Exists(Address),
    /// No default address was chosen.
    #[error("wallet has no default address")]
    NoDefault,
    /// The keystore holds a wallet key under a name that is no address.
    #[error("keystore holds {name:?}, which names no address")]
    BadName {
        /// The name in the keystore.
        name: String,
    },
    /// What the keystore holds for an address is the key of another.
    #[error("keystore holds the key of {actual} under the name of {expected}")]
    Misnamed {
        /// The address that the name says.
        expected: Address,
        /// The address that the key has.
        actual: Box<Address>,
    },
    /// No key of this type can be made.
    #[error("unknown sig type: {0}")]
    UnknownKeyType(KeyType),
    /// Bytes that are no key, or of a type that cannot sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A stored key that is unusable.
    #[error("stored key {name:?}: {source}")]
    Stored {
        /// Its name in the keystore.
        name: String,
        /// What is wrong.
        source: KeyError,
    },
    /// The keystore failed.
    #[error(transparent)]
    Keystore(#[from] KeyStoreError),
}

impl WalletError {
    /// True when what was asked for cannot be, rather than that the keystore failed.
    pub fn is_bad_request(&self) -> bool {
        matches!(
            self,
            Self::UnknownAddress(_)
                | Self::Exists(_)
                | Self::NoDefault
                | Self::UnknownKeyType(_)
                | Self::Key(_)
        )
    }
}

/// A wallet over a keystore. Keys that were used stay in memory.
#[derive(Debug)]
pub struct Wallet {
    keystore: Arc<dyn KeyStore>,
    /// Locked while the keystore is changed, so that changes come one after the other.
    keys: Mutex<HashMap<Address, SigningKey>>,
}

impl Wallet {
    /// A wallet of the keys in `keystore`.
    pub fn new(keystore: Arc<dyn KeyStore>) -> Self {
        Self {
            keystore,
            keys: Mutex::new(HashMap::new()),
        }
    }

    /// Makes a key. The first one becomes the default address.
    ///
    /// # Errors
    /// When keys of this type cannot sign, or the keystore fails.
    pub fn new_key(&self, key_type: &KeyType) -> Result<Address, WalletError> {
        let key = SigningKey::generate(key_type, &mut OsRng).map_err(|error| match error {
            KeyError::UnsupportedType(kind) => WalletError::UnknownKeyType(kind),
            other => other.into(),
        })?;
        let (address, info) = (key.address(), key.to_key_info());
        let mut keys = self.keys.lock();
        self.keystore.put(&wallet_name(address), &info)?;
        keys.insert(address, key);
        match self.keystore.get(DEFAULT) {
            Err(KeyStoreError::NotFound { .. }) => self.keystore.put(DEFAULT, &info)?,
            answer => drop(answer?),
        }
        Ok(address)
    }

    /// All addresses with a key, sorted by their text.
    ///
    /// # Errors
    /// When the keystore fails or holds a wallet key whose name is no address.
    pub fn list(&self) -> Result<Vec<Address>, WalletError> {
        let mut addresses = Vec::new();
        for name in self.keystore.list()? {
            let Some(text) = name.strip_prefix(WALLET_PREFIX) else {
                continue;
            };
            match text.parse::<Address>() {
                Ok(address) if may_have_key(&address) => addresses.push(address),
                _ => return Err(WalletError::BadName { name }),
            }
        }
        addresses.sort_by_cached_key(ToString::to_string);
        addresses.dedup();
        Ok(addresses)
    }

    /// True when there is a key for this address.
    ///
    /// # Errors
    /// When the keystore fails.
    pub fn has(&self, address: Address) -> Result<bool, WalletError> {
        match self.key(address) {
            Ok(_) => Ok(true),
            Err(WalletError::UnknownAddress(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The default address.
    ///
    /// # Errors
    /// [`WalletError::NoDefault`], or the keystore fails.
    pub fn default_address(&self) -> Result<Address, WalletError> {
        match self.keystore.get(DEFAULT) {
            Ok(info) => Ok(stored(DEFAULT, &info)?.address()),
            Err(KeyStoreError::NotFound { .. }) => Err(WalletError::NoDefault),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes `address` the default.
    ///
    /// # Errors
    /// When the wallet has no key for it, or the keystore fails.
    pub fn set_default(&self, address: Address) -> Result<(), WalletError> {
        let info = self.key(address)?.to_key_info();
        let _changing = self.keys.lock();
        self.remove_if_there(DEFAULT)?;
        Ok(self.keystore.put(DEFAULT, &info)?)
    }

    /// Signs bytes.
    ///
    /// # Errors
    /// When the wallet has no key for the address, or the keystore fails.
    pub fn sign(&self, address: Address, bytes: &[u8]) -> Result<Signature, WalletError> {
        Ok(self.key(address)?.sign(bytes))
    }

    /// The private key of an address.
    ///
    /// # Errors
    /// As [`Wallet::sign`].
    pub fn export(&self, address: Address) -> Result<KeyInfo, WalletError> {
        Ok(self.key(address)?.to_key_info())
    }

    /// Takes a key in, and gives its address. It does not become the default.
    ///
    /// # Errors
    /// When it is no key that can sign, the wallet has it already, or the keystore fails.
    pub fn import(&self, info: &KeyInfo) -> Result<Address, WalletError> {
        let key = SigningKey::from_key_info(info)?;
        let address = key.address();
        let mut keys = self.keys.lock();
        match self.keystore.put(&wallet_name(address), info) {
            Ok(()) => {}
            Err(KeyStoreError::Exists { .. }) => return Err(WalletError::Exists(address)),
            Err(error) => return Err(error.into()),
        }
        keys.insert(address, key);
        Ok(address)
    }

    /// Moves the key of an address to the trash; if it was the default, there is none afterwards.
    /// An address without a key is none of the wallet's business: nothing happens.
    ///
    /// # Errors
    /// When the keystore fails.
    pub fn delete(&self, address: Address) -> Result<(), WalletError> {
        let info = match self.key(address) {
            Ok(key) => key.to_key_info(),
            Err(WalletError::UnknownAddress(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let was_default = matches!(self.default_address(), Ok(default) if default == address);
        let mut keys = self.keys.lock();
        let trash = format!("{TRASH_PREFIX}{address}");
        self.remove_if_there(&trash)?;
        self.keystore.put(&trash, &info)?;
        for name in wallet_names(address) {
            self.remove_if_there(&name)?;
        }
        if was_default {
            self.remove_if_there(DEFAULT)?;
        }
        keys.remove(&address);
        Ok(())
    }

    fn remove_if_there(&self, name: &str) -> Result<(), WalletError> {
        match self.keystore.delete(name) {
            Ok(()) | Err(KeyStoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn key(&self, address: Address) -> Result<SigningKey, WalletError> {
        if !may_have_key(&address) {
            return Err(WalletError::UnknownAddress(address));
        }
        let mut keys = self.keys.lock();
        if let Some(key) = keys.get(&address) {
            return Ok(key.clone());
        }
        for name in wallet_names(address) {
            let info = match self.keystore.get(&name) {
                Err(KeyStoreError::NotFound { .. }) => continue,
                answer => answer?,
            };
            let key = stored(&name, &info)?;
            let actual = key.address();
            if actual != address {
                return Err(WalletError::Misnamed {
                    expected: address,
                    actual: Box::new(actual),
                });
            }
            keys.insert(address, key.clone());
            return Ok(key);
        }
        Err(WalletError::UnknownAddress(address))
    }
}

/// True for the kinds of address that a key can stand behind: f1, f3, f4.
pub(crate) fn may_have_key(address: &Address) -> bool {
    address.is_key() || address.protocol() == Some(Protocol::Delegated)
}

/// A [`Wallet`] for async callers: every call runs on a blocking thread.
#[derive(Debug, Clone)]
pub struct LocalWallet(Arc<Wallet>);

impl LocalWallet {
    /// The same wallet.
    pub fn new(wallet: Arc<Wallet>) -> Self {
        Self(wallet)
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Wallet) -> Result<T, WalletError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let wallet = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&wallet)).await;
        match done {
            Ok(answer) => answer.map_err(|e| RpcError::from_error(&e)),
            Err(died) => Err(RpcError::new(format_args!(
                "the wallet's thread died: {died}"
            ))),
        }
    }
}

#[async_trait]
impl WalletBackend for LocalWallet {
    async fn new_key(&self, kind: KeyType) -> Result<Address, RpcError> {
        self.run(move |w| w.new_key(&kind)).await
    }

    async fn has(&self, address: Address) -> Result<bool, RpcError> {
        self.run(move |w| w.has(address)).await
    }

    async fn list(&self) -> Result<Vec<Address>, RpcError> {
        self.run(Wallet::list).await
    }

    async fn sign(
        &self,
        signer: Address,
        to_sign: Bytes,
        _meta: MsgMeta,
    ) -> Result<Signature, RpcError> {
        self.run(move |w| w.sign(signer, &to_sign)).await
    }

    async fn export(&self, address: Address) -> Result<KeyInfo, RpcError> {
        self.run(move |w| w.export(address)).await
    }

    async fn import(&self, key: KeyInfo) -> Result<Address, RpcError> {
        self.run(move |w| w.import(&key)).await
    }

    async fn delete(&self, address: Address) -> Result<(), RpcError> {
        self.run(move |w| w.delete(address)).await
    }
}

fn stored(name: &str, info: &KeyInfo) -> Result<SigningKey, WalletError> {
    SigningKey::from_key_info(info).map_err(|source| WalletError::Stored {
        name: name.to_owned(),
        source,
    })
}

fn wallet_name(address: Address) -> String {
    format!("{WALLET_PREFIX}{address}")
}

/// The name of an address' key with this network's prefix first, then with the others.
fn wallet_names(address: Address) -> Vec<String> {
    let text = address.to_string();
    let (own, rest) = text.split_at(1);
    let others = ["f", "t"].into_iter().filter(|prefix| *prefix != own);
    std::iter::once(own)
        .chain(others)
        .map(|p| format!("{WALLET_PREFIX}{p}{rest}"))
        .collect()
}

#[cfg(test)]
mod tests;
