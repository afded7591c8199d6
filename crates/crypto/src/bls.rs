//! BLS signatures over BLS12-381 in Filecoin's ciphersuite: 48-byte public keys in G1, 96-byte
//! signatures in G2, domain `BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_`.
//!
//! # Invariants
//! - Points are decoded with curve and subgroup checks; a public key at infinity never verifies.
//! - All messages under one aggregate are distinct (the NUL scheme's defence against rogue keys).
//!   Filecoin signs message CIDs, so equal messages would be the same message twice.
//!
//! # Lotus parity
//! Secret keys are 32 bytes **little-endian**, as filecoin-ffi writes them into `KeyInfo`.

use std::fmt;

use bls_signatures::{PrivateKey, PublicKey, Serialize as _, Signature};
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::{KeyError, SignatureError};

/// Bytes of a secret key.
pub const SECRET_KEY_LEN: usize = 32;
/// Bytes of a public key, which is also the payload of an `f3` address.
pub const PUBLIC_KEY_LEN: usize = 48;
/// Bytes of a signature or an aggregate.
pub const SIGNATURE_LEN: usize = 96;

/// The aggregate of no signatures: the compressed point at infinity, `c0 00 … 00`.
pub const EMPTY_AGGREGATE: [u8; SIGNATURE_LEN] = {
    let mut point = [0; SIGNATURE_LEN];
    point[0] = 0xc0;
    point
};

/// A BLS secret key; wiped from memory when dropped.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; SECRET_KEY_LEN]>);

impl SecretKey {
    /// Reads a little-endian scalar.
    ///
    /// # Errors
    /// When it has not 32 bytes, is zero, or is not below the group order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; SECRET_KEY_LEN] = bytes.try_into().map_err(|_| KeyError::WrongLength {
            kind: "bls",
            expected: SECRET_KEY_LEN,
            got: bytes.len(),
        })?;
        let bytes = Zeroizing::new(bytes);
        if bytes.iter().all(|b| *b == 0) || PrivateKey::from_bytes(bytes.as_slice()).is_err() {
            return Err(KeyError::OutOfRange("bls"));
        }
        Ok(Self(bytes))
    }

    /// Draws a new key.
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_key_material(&seed)
    }

    /// Derives a key from 32 secret random bytes (IETF `KeyGen`); the same bytes give the same key.
    pub fn from_key_material(material: &[u8; 32]) -> Self {
        let encoded = Zeroizing::new(PrivateKey::new(material).as_bytes());
        let mut bytes = Zeroizing::new([0; SECRET_KEY_LEN]);
        bytes.copy_from_slice(&encoded);
        Self(bytes)
    }

    /// The little-endian scalar.
    pub fn as_bytes(&self) -> &[u8; SECRET_KEY_LEN] {
        &self.0
    }

    /// The public key.
    pub fn public_key(&self) -> [u8; PUBLIC_KEY_LEN] {
        self.scalar()
            .public_key()
            .as_bytes()
            .try_into()
            .expect("a G1 point has 48 bytes")
    }

    /// Signs `message`; the same message always gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        encode(&self.scalar().sign(message))
    }

    fn scalar(&self) -> PrivateKey {
        PrivateKey::from_bytes(self.0.as_slice()).expect("checked when the key was made")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bls::SecretKey(…)")
    }
}

/// Checks `signature` by `public_key` over `message`.
///
/// # Errors
/// Says which part is malformed, or [`SignatureError::Mismatch`].
pub fn verify(signature: &[u8], public_key: &[u8], message: &[u8]) -> Result<(), SignatureError> {
    let signature = decode_signature(signature)?;
    let key = decode_public_key(public_key)?;
    if bls_signatures::verify_messages(&signature, &[message], &[key]) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

/// Adds signatures up; no signatures give [`EMPTY_AGGREGATE`].
///
/// # Errors
/// When one of them is malformed.
pub fn aggregate<S: AsRef<[u8]> + Sync>(
    signatures: &[S],
) -> Result<[u8; SIGNATURE_LEN], SignatureError> {
    if signatures.is_empty() {
        return Ok(EMPTY_AGGREGATE);
    }
    let points = signatures
        .par_iter()
        .map(|s| decode_signature(s.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    let sum = bls_signatures::aggregate(&points).expect("there is at least one signature");
    Ok(encode(&sum))
}

/// Checks an aggregate over (public key, message) pairs in one product of pairings.
///
/// # Errors
/// Says which part is malformed, that a message occurs twice, or that the product is not one.
///
/// # Lotus parity
/// Without pairs every well-formed aggregate passes in Lotus (its value is then not looked at, not
/// even for being a point). Here too, so that no block is refused that the network accepts; only
/// the length is checked. Block producers write [`EMPTY_AGGREGATE`].
pub fn verify_aggregate<K, M>(signature: &[u8], pairs: &[(K, M)]) -> Result<(), SignatureError>
where
    K: AsRef<[u8]> + Sync,
    M: AsRef<[u8]> + Sync,
{
    if pairs.is_empty() {
        return check_length("bls signature", SIGNATURE_LEN, signature);
    }
    let signature = decode_signature(signature)?;
    let keys = pairs
        .par_iter()
        .map(|(key, _)| decode_public_key(key.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    let messages: Vec<&[u8]> = pairs.iter().map(|(_, message)| message.as_ref()).collect();
    if !all_distinct(&messages) {
        return Err(SignatureError::RepeatedMessage);
    }
    if bls_signatures::verify_messages(&signature, &messages, &keys) {
        Ok(())
    } else {
        Err(SignatureError::AggregateMismatch { pairs: pairs.len() })
    }
}

/// True when `public_key` is a point that can verify signatures.
pub fn is_valid_public_key(public_key: &[u8]) -> bool {
    decode_public_key(public_key).is_ok()
}

fn all_distinct(messages: &[&[u8]]) -> bool {
    let mut seen = std::collections::HashSet::with_capacity(messages.len());
    messages.iter().all(|message| seen.insert(message))
}

fn check_length(part: &'static str, expected: usize, bytes: &[u8]) -> Result<(), SignatureError> {
    if bytes.len() == expected {
        Ok(())
    } else {
        Err(SignatureError::WrongLength {
            part,
            expected,
            got: bytes.len(),
        })
    }
}

fn decode_signature(bytes: &[u8]) -> Result<Signature, SignatureError> {
    check_length("bls signature", SIGNATURE_LEN, bytes)?;
    Signature::from_bytes(bytes).map_err(|_| SignatureError::MalformedPoint("bls signature"))
}

fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, SignatureError> {
    check_length("bls public key", PUBLIC_KEY_LEN, bytes)?;
    let key = PublicKey::from_bytes(bytes)
        .map_err(|_| SignatureError::MalformedPoint("bls public key"))?;
    // The compressed encoding is unique: this is the only form of the point at infinity.
    if bytes[0] == 0xc0 && bytes[1..].iter().all(|b| *b == 0) {
        return Err(SignatureError::InfinityKey);
    }
    Ok(key)
}

fn encode(signature: &Signature) -> [u8; SIGNATURE_LEN] {
    signature
        .as_bytes()
        .try_into()
        .expect("a G2 point has 96 bytes")
}

#[cfg(test)]
mod tests;
