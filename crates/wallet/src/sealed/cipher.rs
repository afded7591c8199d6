//! From a passphrase to the data key, and from the data key to sealed entries.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce, aead::AeadInPlace as _};
use lotus_ports::keystore::{KeyStore, KeyStoreError};
use lotus_types::{Bytes, KeyInfo, KeyType};
use rand::{RngCore as _, rngs::OsRng};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::{HEADER, SealError, damaged};

const KEY_LEN: usize = 32;
const SALT_LEN: usize = 16;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
/// Type of the header in the keystore.
const HEADER_TYPE: &str = "argon2id-xchacha20poly1305";
const HEADER_VERSION: u32 = 1;
/// What a header may ask for at most, so that a foreign file cannot take the machine's memory.
const MAX_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 16;

/// How much work it is to compute a key from a passphrase (Argon2id).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KdfCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for KdfCost {
    /// The second choice of RFC 9106: 64 MiB, three passes, four lanes.
    fn default() -> Self {
        Self {
            memory_kib: 64 << 10,
            passes: 3,
            lanes: 4,
        }
    }
}

impl KdfCost {
    fn is_bearable(self) -> bool {
        self.memory_kib <= MAX_MEMORY_KIB && self.passes <= MAX_PASSES && self.lanes <= MAX_LANES
    }
}

/// Encrypts and decrypts entries. Wiped from memory when it goes.
pub(super) struct DataKey(Zeroizing<[u8; KEY_LEN]>);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

impl DataKey {
    pub(super) fn generate() -> Self {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        OsRng.fill_bytes(key.as_mut_slice());
        Self(key)
    }

    /// `nonce ‖ ciphertext ‖ tag`, bound to `name`.
    pub(super) fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        OsRng.fill_bytes(&mut nonce);
        let mut text = Zeroizing::new(plain.to_vec());
        let cipher = XChaCha20Poly1305::new(self.0.as_slice().into());
        let tag = cipher
            .encrypt_in_place_detached(&XNonce::from(nonce), name.as_bytes(), &mut text)
            .map_err(|_| damaged(name, "too long to be encrypted"))?;
        Ok([nonce.as_slice(), &text, &tag].concat())
    }

    /// What [`Self::seal`] sealed under this name; `None` when it did not.
    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let (text, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let cipher = XChaCha20Poly1305::new(self.0.as_slice().into());
        cipher
            .decrypt_in_place_detached(
                &XNonce::from(*nonce),
                name.as_bytes(),
                &mut text,
                &Tag::from(*tag),
            )
            .ok()?;
        Some(text)
    }
}

/// The entry that marks a keystore as encrypted.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    version: u32,
    #[serde(flatten)]
    cost: KdfCost,
    salt: Bytes,
    /// The data key, sealed with the passphrase's key.
    data_key: Bytes,
}

impl Header {
    /// A header that lets `passphrase` open `key`.
    pub(super) fn new(key: &DataKey, passphrase: &str, cost: KdfCost) -> Result<Self, SealError> {
        if passphrase.is_empty() {
            return Err(SealError::EmptyPassphrase);
        }
        let mut salt = [0; SALT_LEN];
        OsRng.fill_bytes(&mut salt);
        let outer = derive(passphrase, &salt, cost)?;
        Ok(Self {
            version: HEADER_VERSION,
            cost,
            salt: salt.into(),
            data_key: outer.seal(HEADER, key.0.as_slice())?.into(),
        })
    }

    /// The data key.
    pub(super) fn open(&self, passphrase: &str) -> Result<DataKey, SealError> {
        let outer = derive(passphrase, &self.salt, self.cost)?;
        let key = outer.open(HEADER, &self.data_key);
        let key = key.ok_or(SealError::WrongPassphrase)?;
        let mut bytes: [u8; KEY_LEN] = key
            .as_slice()
            .try_into()
            .map_err(|_| damaged(HEADER, "the data key has a wrong length"))?;
        let key = DataKey(Zeroizing::new(bytes));
        bytes.zeroize();
        Ok(key)
    }

    pub(super) fn cost(&self) -> KdfCost {
        self.cost
    }

    pub(super) fn entry(&self) -> Result<KeyInfo, SealError> {
        let json = serde_json::to_vec(self);
        let json = json.map_err(|_| damaged(HEADER, "it has no JSON form"))?;
        Ok(KeyInfo::new(KeyType::from(HEADER_TYPE), json))
    }

    pub(super) fn read(keys: &dyn KeyStore) -> Result<Self, SealError> {
        let info = match keys.get(HEADER) {
            Err(KeyStoreError::NotFound { .. }) => return Err(SealError::NotSealed),
            answer => answer?,
        };
        let header: Self = serde_json::from_slice(&info.private_key)
            .map_err(|_| damaged(HEADER, "it is not a header"))?;
        if header.version != HEADER_VERSION {
            return Err(damaged(HEADER, "its version is not known"));
        }
        if !header.cost.is_bearable() {
            return Err(damaged(
                HEADER,
                "its Argon2 parameters are beyond all measure",
            ));
        }
        Ok(header)
    }
}

fn derive(passphrase: &str, salt: &[u8], cost: KdfCost) -> Result<DataKey, SealError> {
    let failed = |e: argon2::Error| SealError::Kdf(e.to_string());
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(KEY_LEN));
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(failed)?);
    let mut key = Zeroizing::new([0; KEY_LEN]);
    argon2
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(failed)?;
    Ok(DataKey(key))
}
