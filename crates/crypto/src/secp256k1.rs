//! secp256k1 signatures: ECDSA with public key recovery over the blake2b-256 digest of the message.
//!
//! A signature has 65 bytes: r (32, big-endian), s (32, big-endian), recovery id (0 to 3). Signing
//! is deterministic (RFC 6979) and always gives a low s.
//!
//! # Lotus parity
//! Lotus recovers the public key and compares addresses. Its recovery accepts a high s, so
//! (r, n − s, id ^ 1) is as good as (r, s, id): refusing it here would split the chain.

use std::fmt;

use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::{KeyError, SignatureError, hash::blake2b_256};

/// Bytes of a secret key.
pub const SECRET_KEY_LEN: usize = 32;
/// Bytes of an uncompressed public key.
pub const PUBLIC_KEY_LEN: usize = 65;
/// Bytes of a signature.
pub const SIGNATURE_LEN: usize = 65;

/// A secp256k1 secret key; wiped from memory when dropped.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Reads a big-endian scalar.
    ///
    /// # Errors
    /// When it has not 32 bytes, is zero, or is not below the group order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != SECRET_KEY_LEN {
            return Err(KeyError::WrongLength {
                kind: "secp256k1",
                expected: SECRET_KEY_LEN,
                got: bytes.len(),
            });
        }
        SigningKey::from_slice(bytes)
            .map(Self)
            .map_err(|_| KeyError::OutOfRange("secp256k1"))
    }

    /// Draws a new key.
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self(SigningKey::random(rng))
    }

    /// The big-endian scalar.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SECRET_KEY_LEN]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// The uncompressed public key (`04 ‖ x ‖ y`).
    pub fn public_key(&self) -> [u8; PUBLIC_KEY_LEN] {
        uncompressed(self.0.verifying_key())
    }

    /// Signs the blake2b-256 digest of `message`; the same message always gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.sign_digest(&blake2b_256(message))
    }

    /// Signs a digest as it is.
    pub(crate) fn sign_digest(&self, digest: &[u8; 32]) -> [u8; SIGNATURE_LEN] {
        let (signature, id) = self
            .0
            .sign_prehash_recoverable(digest)
            .expect("RFC 6979 finds a nonce for every 32-byte digest");
        let mut out = [0; SIGNATURE_LEN];
        out[..64].copy_from_slice(&signature.to_bytes());
        out[64] = id.to_byte();
        out
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("secp256k1::SecretKey(…)")
    }
}

/// Recovers the uncompressed public key that signed `message`.
///
/// # Errors
/// When the signature is malformed or no key fits. Every well-formed signature fits *some* key: the
/// caller must compare it with the one that was expected.
pub fn recover(signature: &[u8], message: &[u8]) -> Result<[u8; PUBLIC_KEY_LEN], SignatureError> {
    recover_digest(signature, &blake2b_256(message))
}

/// As [`recover`], of a signature over a digest as it is.
pub(crate) fn recover_digest(
    signature: &[u8],
    digest: &[u8; 32],
) -> Result<[u8; PUBLIC_KEY_LEN], SignatureError> {
    let Some((&id, rs)) = signature
        .split_last()
        .filter(|_| signature.len() == SIGNATURE_LEN)
    else {
        return Err(SignatureError::WrongLength {
            part: "secp256k1 signature",
            expected: SIGNATURE_LEN,
            got: signature.len(),
        });
    };
    let mut id = RecoveryId::from_byte(id).ok_or(SignatureError::BadRecoveryId(id))?;
    let mut rs = Signature::from_slice(rs).map_err(|_| SignatureError::ScalarOutOfRange)?;
    if let Some(low) = rs.normalize_s() {
        // Negating s negates the nonce point: the same key comes out with the other parity of y.
        rs = low;
        id = RecoveryId::new(!id.is_y_odd(), id.is_x_reduced());
    }
    VerifyingKey::recover_from_prehash(digest, &rs, id)
        .map(|key| uncompressed(&key))
        .map_err(|_| SignatureError::Unrecoverable)
}

fn uncompressed(key: &VerifyingKey) -> [u8; PUBLIC_KEY_LEN] {
    key.to_encoded_point(false)
        .as_bytes()
        .try_into()
        .expect("an uncompressed point has 65 bytes")
}

#[cfg(test)]
mod tests;
