//! Keys that sign for an address, and their stored and exported forms.
//!
//! # Lotus parity
//! `wallet/key.NewKey` and `GenerateKey`; `lotus wallet export` prints the hex form of the JSON
//! `KeyInfo`.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use lotus_types::{Address, KeyInfo, KeyType, Signature, SignatureType};
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::{KeyError, bls, delegated, secp256k1};

/// Longest exported key that is looked at, in hex digits. A BLS key has 138.
const MAX_EXPORT_LEN: usize = 4096;

/// A private key that can sign for its address.
#[derive(Debug, Clone)]
pub enum SigningKey {
    /// For an `f3` address.
    Bls(bls::SecretKey),
    /// For an `f1` address.
    Secp256k1(secp256k1::SecretKey),
    /// For an `f410` address.
    Delegated(secp256k1::SecretKey),
}

impl SigningKey {
    /// Draws a new key of the given type.
    ///
    /// # Errors
    /// When keys of this type cannot sign here.
    pub fn generate(
        key_type: &KeyType,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Self, KeyError> {
        match key_type {
            KeyType::Bls => Ok(Self::Bls(bls::SecretKey::generate(rng))),
            KeyType::Secp256k1 => Ok(Self::Secp256k1(secp256k1::SecretKey::generate(rng))),
            KeyType::Delegated => Ok(Self::Delegated(secp256k1::SecretKey::generate(rng))),
            other => Err(KeyError::UnsupportedType(other.clone())),
        }
    }

    /// Reads a stored key.
    ///
    /// # Errors
    /// When its type cannot sign here, or its bytes are not a key of its type.
    pub fn from_key_info(info: &KeyInfo) -> Result<Self, KeyError> {
        match &info.key_type {
            KeyType::Bls => bls::SecretKey::from_bytes(&info.private_key).map(Self::Bls),
            KeyType::Secp256k1 => {
                secp256k1::SecretKey::from_bytes(&info.private_key).map(Self::Secp256k1)
            }
            KeyType::Delegated => {
                secp256k1::SecretKey::from_bytes(&info.private_key).map(Self::Delegated)
            }
            other => Err(KeyError::UnsupportedType(other.clone())),
        }
    }

    /// The stored form.
    pub fn to_key_info(&self) -> KeyInfo {
        match self {
            Self::Bls(key) => KeyInfo::new(KeyType::Bls, key.as_bytes().to_vec()),
            Self::Secp256k1(key) => KeyInfo::new(KeyType::Secp256k1, key.to_bytes().to_vec()),
            Self::Delegated(key) => KeyInfo::new(KeyType::Delegated, key.to_bytes().to_vec()),
        }
    }

    /// The address that the key signs for.
    pub fn address(&self) -> Address {
        match self {
            Self::Bls(key) => Address::new_bls(key.public_key()),
            Self::Secp256k1(key) => Address::new_secp256k1(&key.public_key()),
            Self::Delegated(key) => delegated::address(&key.public_key()),
        }
    }

    /// Signs `message` (for a chain message: the bytes of its unsigned form's CID; for a delegated
    /// key those of the Ethereum transaction that it is).
    pub fn sign(&self, message: &[u8]) -> Signature {
        match self {
            Self::Bls(key) => Signature::new_bls(key.sign(message)),
            Self::Secp256k1(key) => Signature::new_secp256k1(key.sign(message)),
            Self::Delegated(key) => Signature {
                kind: SignatureType::Delegated,
                data: delegated::sign(key, message).into(),
            },
        }
    }
}

/// The text that `lotus wallet export` prints. It holds the secret.
pub fn export_key(info: &KeyInfo) -> Zeroizing<String> {
    let json = Zeroizing::new(serde_json::to_vec(info).expect("a KeyInfo is always JSON"));
    Zeroizing::new(HEXLOWER.encode(&json))
}

/// Reads what [`export_key`] or `lotus wallet export` wrote; white space around it is ignored.
///
/// # Errors
/// When it is not the hex form of a JSON `KeyInfo`. The message never quotes the secret.
pub fn parse_exported_key(text: &str) -> Result<KeyInfo, KeyError> {
    let text = text.trim();
    if text.len() > MAX_EXPORT_LEN {
        return Err(KeyError::MalformedExport(format!(
            "longer than {MAX_EXPORT_LEN} digits"
        )));
    }
    let json = HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .map(Zeroizing::new)
        .map_err(|e| KeyError::MalformedExport(format!("not hex at digit {}", e.position)))?;
    serde_json::from_slice(&json).map_err(|e| {
        KeyError::MalformedExport(format!("not a JSON KeyInfo (column {})", e.column()))
    })
}

#[cfg(test)]
mod tests;
