//! Why a key or a signature is refused. Every variant blames the input: this crate does no I/O, so
//! nothing here can fail for a reason of its own.

use lotus_types::{Address, KeyType, SignatureType};

/// Why a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A part has the wrong number of bytes.
    #[error("{part} must have {expected} bytes, got {got}")]
    WrongLength {
        /// Which part.
        part: &'static str,
        /// Bytes it must have.
        expected: usize,
        /// Bytes it has.
        got: usize,
    },
    /// A part does not encode a point of the prime-order subgroup.
    #[error("{0} is not a valid curve point")]
    MalformedPoint(&'static str),
    /// A public key is the point at infinity, for which every signature could be forged.
    #[error("public key is the point at infinity")]
    InfinityKey,
    /// The r or s of a secp256k1 signature is zero or not below the group order.
    #[error("secp256k1 signature has an r or s outside of its range")]
    ScalarOutOfRange,
    /// The recovery id of a secp256k1 signature is not 0 to 3.
    #[error("secp256k1 recovery id must be 0 to 3, got {0}")]
    BadRecoveryId(u8),
    /// No public key can be recovered from the secp256k1 signature.
    #[error("no public key can be recovered from the secp256k1 signature")]
    Unrecoverable,
    /// Well-formed, but made by another key or over another message.
    #[error("signature does not match the key and the message")]
    Mismatch,
    /// An aggregate does not match its keys and messages.
    #[error("aggregate signature does not match its {pairs} keys and messages")]
    AggregateMismatch {
        /// Number of (public key, message) pairs.
        pairs: usize,
    },
    /// An aggregate covers the same message twice, which Filecoin's ciphersuite forbids.
    #[error("aggregate signature covers the same message more than once")]
    RepeatedMessage,
    /// The address cannot have made a signature of this type.
    #[error("a {signature} signature cannot be checked against address {signer}")]
    WrongAddress {
        /// The signature's type.
        signature: SignatureType,
        /// The address.
        signer: Address,
    },
    /// Only BLS signatures can be aggregated.
    #[error("a {0} signature cannot be part of an aggregate")]
    NotBls(SignatureType),
    /// The signature's type is not one that this node can check.
    #[error("{0} signatures are not supported")]
    UnsupportedType(SignatureType),
}

/// Why bytes are not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The wrong number of bytes.
    #[error("a {kind} private key must have {expected} bytes, got {got}")]
    WrongLength {
        /// Kind of the key.
        kind: &'static str,
        /// Bytes it must have.
        expected: usize,
        /// Bytes it has.
        got: usize,
    },
    /// Zero, or not below the group order.
    #[error("{0} private key is outside of its range")]
    OutOfRange(&'static str),
    /// Not a kind of key that can sign for an address.
    #[error("keys of type \"{0}\" cannot sign")]
    UnsupportedType(KeyType),
    /// An exported key is not the hex form of a JSON KeyInfo.
    #[error("not an exported key: {0}")]
    MalformedExport(String),
}
