//! The host key: the libp2p identity of a node.
//!
//! # Lotus parity
//! Lotus keeps an ed25519 key under the name [`KEYSTORE_NAME`], as the bytes of libp2p's private key
//! protobuf. A repo made by Lotus therefore keeps its peer id, and the other way round.

use std::fmt;

use libp2p::identity::{KeyType, Keypair};
use lotus_ports::network::PeerId;
use lotus_runtime::repo::keystore::{Keystore, KeystoreError};
use lotus_types::KeyInfo;

/// Name and type of the host key in Lotus' keystore.
pub const KEYSTORE_NAME: &str = "libp2p-host";

/// Why a repo gave no host key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptKeyError {
    /// The keystore cannot be read or written.
    #[error("the host key in the keystore")]
    Keystore(#[from] KeystoreError),
    /// What it holds is no host key.
    #[error(transparent)]
    Key(#[from] HostKeyError),
}

/// A private key that identifies this host. Its `Debug` shows the peer id only.
#[derive(Clone)]
pub struct HostKey(Keypair);

/// Bytes that are not a host key.
#[derive(Debug, thiserror::Error)]
#[error("not a libp2p host key: {0}")]
pub struct HostKeyError(String);

impl HostKey {
    /// Makes a new ed25519 key from the system's randomness.
    pub fn generate() -> Self {
        Self(Keypair::generate_ed25519())
    }

    /// The key that a repo keeps, which is made at the first call: the peer id stays the same from
    /// then on.
    ///
    /// # Errors
    /// [`KeptKeyError`].
    pub fn kept_in(keystore: &Keystore) -> Result<Self, KeptKeyError> {
        match keystore.get(KEYSTORE_NAME) {
            Ok(info) => Ok(Self::from_keystore_bytes(&info.private_key)?),
            Err(KeystoreError::NotFound { .. }) => {
                let key = Self::generate();
                key.keep_in(keystore)?;
                Ok(key)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the key into a keystore that has none yet.
    ///
    /// # Errors
    /// [`KeptKeyError`].
    pub fn keep_in(&self, keystore: &Keystore) -> Result<(), KeptKeyError> {
        let info = KeyInfo::new(KEYSTORE_NAME.into(), self.to_keystore_bytes()?);
        Ok(keystore.put(KEYSTORE_NAME, &info)?)
    }

    /// Reads the private key bytes of Lotus' keystore entry.
    ///
    /// # Errors
    /// When they are no private key protobuf, or of a type other than ed25519 and secp256k1.
    pub fn from_keystore_bytes(bytes: &[u8]) -> Result<Self, HostKeyError> {
        let pair =
            Keypair::from_protobuf_encoding(bytes).map_err(|e| HostKeyError(e.to_string()))?;
        match pair.key_type() {
            KeyType::Ed25519 | KeyType::Secp256k1 => Ok(Self(pair)),
            other => Err(HostKeyError(format!(
                "keys of type {other:?} are not supported"
            ))),
        }
    }

    /// The private key bytes as Lotus' keystore holds them. Secret.
    ///
    /// # Errors
    /// When the key type has no private encoding (not for keys this type can hold).
    pub fn to_keystore_bytes(&self) -> Result<Vec<u8>, HostKeyError> {
        self.0
            .to_protobuf_encoding()
            .map_err(|e| HostKeyError(e.to_string()))
    }

    /// The identity that peers know this host by.
    pub fn peer_id(&self) -> PeerId {
        PeerId::from_text(self.0.public().to_peer_id().to_base58())
    }

    /// The same identity in libp2p's binary form, as miner actors keep it.
    pub fn peer_id_bytes(&self) -> Vec<u8> {
        self.0.public().to_peer_id().to_bytes()
    }

    pub(crate) const fn pair(&self) -> &Keypair {
        &self.0
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({})", self.peer_id())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_keystore_entry_gives_the_same_peer_id_again() {
        let key = HostKey::generate();
        let bytes = key.to_keystore_bytes().unwrap();
        assert_eq!(
            HostKey::from_keystore_bytes(&bytes).unwrap().peer_id(),
            key.peer_id()
        );
    }

    #[test]
    fn the_entry_is_the_protobuf_that_lotus_writes() {
        // Field 1 (type) = 1 (ed25519), field 2 (data) of 64 bytes: seed and public key.
        let bytes = HostKey::generate().to_keystore_bytes().unwrap();
        assert_eq!(bytes.len(), 68);
        assert_eq!(bytes.get(..4), Some(&[0x08, 0x01, 0x12, 0x40][..]));
    }

    #[test]
    fn the_peer_id_is_derived_from_the_seed() {
        // RFC 8032, test 1: the public key of this seed is known.
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let mut bytes = vec![0x08, 0x01, 0x12, 0x40];
        bytes.extend_from_slice(&seed);
        bytes.extend_from_slice(&public);
        let key = HostKey::from_keystore_bytes(&bytes).unwrap();
        // An identity multihash of the public key protobuf.
        let mut id = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
        id.extend_from_slice(&public);
        let expected = libp2p::PeerId::from_bytes(&id).unwrap().to_base58();
        assert_eq!(key.peer_id().as_str(), expected);
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(HostKey::from_keystore_bytes(b"").is_err());
        assert!(HostKey::from_keystore_bytes(&[0x08, 0x01, 0x12, 0x02, 1, 2]).is_err());
    }

    #[test]
    fn printing_a_key_shows_no_secret() {
        let key = HostKey::generate();
        assert_eq!(format!("{key:?}"), format!("HostKey({})", key.peer_id()));
    }

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }
}
