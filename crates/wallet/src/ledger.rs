//! Keys on a Ledger device: the node knows addresses and derivation paths, the device signs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`app`] | commands of the device's Filecoin app |
//! | [`hid`] | a command in packets of 64 bytes, as it goes over USB |
//! | [`device`] | devices that are plugged into this machine |
//!
//! The protocol is tested against a device that is written in software. No hardware was at hand:
//! [`device`] alone has never spoken to a real one.
//!
//! # Invariants
//! - The device signs chain messages only, and shows them itself; a signature that is not the known
//!   address' is refused, since another device may be plugged in.
//! - One command at a time: calls wait for each other, on blocking threads.
//!
//! # Lotus parity
//! `chain/wallet/ledger`: paths `m/44'/461'/0'/0/i`, the keys' JSON form, `/ledgerkey/<address>` in the
//! node's metadata, and the order new keys are numbered in.

pub mod app;
pub mod device;
pub mod hid;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use lotus_blockstore::MetadataStore;
use lotus_rpc_api::{
    RpcError,
    wallet::{MsgMeta, WalletBackend},
};
use lotus_types::{Address, Bytes, KeyInfo, KeyType, Message, Signature, wire};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::message::is_signing_form;
use app::{AppError, FilecoinApp};

/// Where the keys are listed in the node's metadata.
const PREFIX: &str = "/ledgerkey/";
const HARDENED: u32 = 1 << 31;
/// `m/44'/461'/0'/0`: Filecoin's first account.
const BASE_PATH: [u32; 4] = [HARDENED | 44, HARDENED | 461, HARDENED, 0];
/// Parts of a path.
pub const PATH_LEN: usize = 5;

/// Where a key is on a device.
pub type Path = [u32; PATH_LEN];

/// What carries a command to a device and its answer back. Calls block, and end by themselves.
pub trait Transport: Send + fmt::Debug {
    /// Sends a command (APDU) and gives the answer, status word included.
    ///
    /// # Errors
    /// [`AppError::Device`] when the device cannot be reached or does not answer.
    fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>, AppError>;
}

/// Finds a device. It is asked before every use: devices come and go.
pub trait Devices: Send + Sync + fmt::Debug {
    /// A connection to the first device.
    ///
    /// # Errors
    /// [`AppError::NoDevice`], [`AppError::Device`].
    fn open(&self) -> Result<Box<dyn Transport>, AppError>;
}

/// A key that a device has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LedgerKey {
    /// Its address.
    pub address: Address,
    /// Where it is.
    pub path: Vec<u32>,
}

impl LedgerKey {
    fn path(&self) -> Result<Path, LedgerError> {
        let path = self.path.as_slice().try_into();
        path.map_err(|_| LedgerError::PathLength(self.path.len()))
    }
}

/// Why a Ledger wallet refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Not one of its keys.
    #[error("ledger wallet has no key for address {0}")]
    UnknownAddress(Address),
    /// Devices make one kind of key.
    #[error("unsupported key type: '{0}', only 'secp256k1-ledger' supported")]
    KeyType(KeyType),
    /// The device must be able to show what it signs.
    #[error("ledger can only sign chain messages")]
    NotAMessage,
    /// The bytes are not the message's.
    #[error("cid(meta.Extra).bytes() != toSign")]
    OtherMessage,
    /// The message cannot be read.
    #[error("unmarshalling message: {0}")]
    Message(String),
    /// The key never leaves the device.
    #[error("cannot export keys from ledger wallets")]
    NoExport,
    /// An imported or stored key is none.
    #[error("not a ledger key: {0}")]
    Malformed(String),
    /// A key without an address.
    #[error("no address given in imported key info")]
    NoAddress,
    /// A path of another length.
    #[error("bad hd path len: {0}, expected: {PATH_LEN}")]
    PathLength(usize),
    /// Every path is taken.
    #[error("no path is left for another key")]
    NoPathLeft,
    /// The signature is of another key.
    #[error("the signature is not {0}'s: is another device plugged in?")]
    OtherKey(Address),
    /// The device or its app.
    #[error(transparent)]
    App(#[from] AppError),
    /// The node's metadata cannot be read or written.
    #[error("ledger keys in the node's metadata: {0}")]
    Store(String),
}

/// The keys of Ledger devices.
#[derive(Debug, Clone)]
pub struct LedgerWallet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Arc<dyn MetadataStore>,
    /// Held while a device is spoken to.
    devices: Mutex<Arc<dyn Devices>>,
}

impl LedgerWallet {
    /// A wallet of the keys that are listed in `keys`, on whatever `devices` finds.
    pub fn new(keys: Arc<dyn MetadataStore>, devices: Arc<dyn Devices>) -> Self {
        Self(Arc::new(Inner {
            keys,
            devices: Mutex::new(devices),
        }))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let inner = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(answer) => answer.map_err(|e| RpcError::from_error(&e)),
            Err(died) => Err(RpcError::new(format_args!(
                "the wallet's thread died: {died}"
            ))),
        }
    }
}

fn store_failed(error: impl fmt::Display) -> LedgerError {
    LedgerError::Store(error.to_string())
}

fn name(address: Address) -> String {
    format!("{PREFIX}{address}")
}

impl Inner {
    /// All keys, sorted by the text of their address.
    fn list(&self) -> Result<Vec<LedgerKey>, LedgerError> {
        let entries = self.keys.list(PREFIX).map_err(store_failed)?;
        let read = |(_, json): &(String, Vec<u8>)| serde_json::from_slice(json);
        let keys: Result<_, _> = entries.iter().map(read).collect();
        keys.map_err(store_failed)
    }

    fn get(&self, address: Address) -> Result<LedgerKey, LedgerError> {
        let json = self.keys.get(&name(address)).map_err(store_failed)?;
        let json = json.ok_or(LedgerError::UnknownAddress(address))?;
        serde_json::from_slice(&json).map_err(store_failed)
    }

    fn import(&self, key: &LedgerKey) -> Result<Address, LedgerError> {
        if key.address.is_undefined() {
            return Err(LedgerError::NoAddress);
        }
        key.path()?;
        let json = serde_json::to_vec(key).map_err(store_failed)?;
        let stored = self.keys.set(&name(key.address), &json);
        stored.map_err(store_failed)?;
        Ok(key.address)
    }

    fn new_key(&self, kind: &KeyType) -> Result<Address, LedgerError> {
        if *kind != KeyType::Secp256k1Ledger {
            return Err(LedgerError::KeyType(kind.clone()));
        }
        let highest = self
            .list()?
            .iter()
            .filter_map(|k| k.path.last().copied())
            .max();
        let index = match highest {
            Some(index) => index.checked_add(1).ok_or(LedgerError::NoPathLeft)?,
            None => 0,
        };
        let [a, b, c, d] = BASE_PATH;
        let path = [a, b, c, d, index];
        let devices = self.devices.lock();
        let mut transport = devices.open()?;
        let mut app = FilecoinApp::open(&mut *transport)?;
        let address = app.address(&path, false)?;
        tracing::warn!(%address, "creating a key: accept its address on the Ledger device");
        let shown = app.address(&path, true)?;
        if shown != address {
            return Err(LedgerError::OtherKey(address));
        }
        self.import(&LedgerKey {
            address,
            path: path.to_vec(),
        })
    }

    fn sign(
        &self,
        signer: Address,
        to_sign: &[u8],
        meta: &MsgMeta,
    ) -> Result<Signature, LedgerError> {
        let key = self.get(signer)?;
        if meta.r#type != MsgMeta::CHAIN_MESSAGE {
            return Err(LedgerError::NotAMessage);
        }
        let message: Message =
            wire::from_cbor(&meta.extra).map_err(|e| LedgerError::Message(e.to_string()))?;
        if !is_signing_form(&message, &meta.extra, &signer, to_sign) {
            return Err(LedgerError::OtherMessage);
        }
        let devices = self.devices.lock();
        let mut transport = devices.open()?;
        let mut app = FilecoinApp::open(&mut *transport)?;
        let signature = Signature::new_secp256k1(app.sign(&key.path()?, &meta.extra)?);
        lotus_crypto::verify(&signature, &signer, to_sign)
            .map_err(|_| LedgerError::OtherKey(signer))?;
        Ok(signature)
    }
}

#[async_trait]
impl WalletBackend for LedgerWallet {
    async fn new_key(&self, kind: KeyType) -> Result<Address, RpcError> {
        self.run(move |w| w.new_key(&kind)).await
    }

    async fn has(&self, address: Address) -> Result<bool, RpcError> {
        self.run(move |w| match w.get(address) {
            Ok(_) => Ok(true),
            Err(LedgerError::UnknownAddress(_)) => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }

    async fn list(&self) -> Result<Vec<Address>, RpcError> {
        self.run(|w| Ok(w.list()?.into_iter().map(|key| key.address).collect()))
            .await
    }

    async fn sign(
        &self,
        signer: Address,
        to_sign: Bytes,
        meta: MsgMeta,
    ) -> Result<Signature, RpcError> {
        self.run(move |w| w.sign(signer, &to_sign, &meta)).await
    }

    async fn export(&self, _address: Address) -> Result<KeyInfo, RpcError> {
        Err(RpcError::from_error(&LedgerError::NoExport))
    }

    async fn import(&self, key: KeyInfo) -> Result<Address, RpcError> {
        self.run(move |w| {
            let key = serde_json::from_slice(&key.private_key);
            w.import(&key.map_err(|e| LedgerError::Malformed(e.to_string()))?)
        })
        .await
    }

    async fn delete(&self, address: Address) -> Result<(), RpcError> {
        self.run(move |w| w.keys.remove(&name(address)).map_err(store_failed))
            .await
    }
}

#[cfg(test)]
mod tests;
