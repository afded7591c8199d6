//! Signatures.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Bytes, bytes::ByteReader};

/// The scheme of a signature. JSON: its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SignatureType {
    /// ECDSA over blake2b-256 with recovery id, 65 bytes.
    Secp256k1 = 1,
    /// BLS12-381, signatures in G2, 96 bytes.
    Bls = 2,
    /// Ethereum-style, from network version 18 on (FIP-0055).
    Delegated = 3,
}

impl TryFrom<u8> for SignatureType {
    type Error = u8;
    fn try_from(n: u8) -> Result<Self, u8> {
        match n {
            1 => Ok(Self::Secp256k1),
            2 => Ok(Self::Bls),
            3 => Ok(Self::Delegated),
            other => Err(other),
        }
    }
}

impl fmt::Display for SignatureType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Secp256k1 => "secp256k1",
            Self::Bls => "bls",
            Self::Delegated => "delegated",
        })
    }
}

/// Most bytes of a signature that is read, type byte included.
const MAX_LEN: usize = 200;

/// A signature. JSON: `{"Type": 2, "Data": base64}`; CBOR: one byte string, type byte first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The scheme.
    pub kind: SignatureType,
    /// The signature's own bytes.
    pub data: Bytes,
}

impl Signature {
    /// A BLS signature of 96 bytes.
    pub fn new_bls(data: impl Into<Bytes>) -> Self {
        Self {
            kind: SignatureType::Bls,
            data: data.into(),
        }
    }

    /// A secp256k1 signature of 65 bytes.
    pub fn new_secp256k1(data: impl Into<Bytes>) -> Self {
        Self {
            kind: SignatureType::Secp256k1,
            data: data.into(),
        }
    }

    /// Type byte and data, as on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[self.kind as u8], &*self.data].concat()
    }

    /// Reads type byte and data.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_LEN {
            return Err(format!(
                "signature of {} bytes is longer than {MAX_LEN}",
                bytes.len()
            ));
        }
        let (&kind, data) = bytes.split_first().ok_or("signature without a type byte")?;
        let kind = kind
            .try_into()
            .map_err(|n| format!("unknown signature type {n}"))?;
        Ok(Self {
            kind,
            data: data.into(),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Json {
    r#type: u8,
    data: Bytes,
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            Json {
                r#type: self.kind as u8,
                data: self.data.clone(),
            }
            .serialize(s)
        } else {
            s.serialize_bytes(&self.to_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let json = Json::deserialize(d)?;
            let kind = json
                .r#type
                .try_into()
                .map_err(|n| de::Error::custom(format!("unknown signature type {n}")))?;
            Ok(Self {
                kind,
                data: json.data,
            })
        } else {
            let bytes = d.deserialize_byte_buf(ByteReader)?;
            Self::from_bytes(&bytes).map_err(de::Error::custom)
        }
    }
}
