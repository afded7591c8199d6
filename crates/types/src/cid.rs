//! Content identifiers.

use std::{fmt, ops::Deref, str::FromStr};

use multihash_codetable::{Code, MultihashDigest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::wire;

/// Multicodec of DAG-CBOR blocks.
pub const DAG_CBOR: u64 = 0x71;
/// Multicodec of raw blocks (WASM code, leaves of files).
pub const RAW: u64 = 0x55;

/// A content identifier. JSON: `{"/": "bafy…"}`; CBOR: tag 42.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid(cid::Cid);

/// A text or byte string that is not a CID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid CID {input:?}: {reason}")]
pub struct CidError {
    /// What was given.
    pub input: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Cid {
    /// The CID of a DAG-CBOR block: version 1, blake2b-256, as every chain object has it.
    pub fn of_block(block: &[u8]) -> Self {
        Self(cid::Cid::new_v1(DAG_CBOR, Code::Blake2b256.digest(block)))
    }

    /// The CID of a raw block, blake2b-256 (actor code).
    pub fn of_raw(block: &[u8]) -> Self {
        Self(cid::Cid::new_v1(RAW, Code::Blake2b256.digest(block)))
    }

    /// The CID of a noun's canonical DAG-CBOR form.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Self::of_block(&wire::to_cbor(value))
    }

    /// Reads the binary form, all of it.
    ///
    /// # Errors
    /// When the bytes are not one CID.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        cid::Cid::try_from(bytes).map(Self).map_err(|e| CidError {
            input: data_encoding::HEXLOWER.encode(bytes.get(..64).unwrap_or(bytes)),
            reason: e.to_string(),
        })
    }

    /// The same value in the type of the `cid` crate.
    pub const fn inner(&self) -> &cid::Cid {
        &self.0
    }
}

impl Deref for Cid {
    type Target = cid::Cid;
    fn deref(&self) -> &cid::Cid {
        &self.0
    }
}

impl From<cid::Cid> for Cid {
    fn from(c: cid::Cid) -> Self {
        Self(c)
    }
}

impl From<Cid> for cid::Cid {
    fn from(c: Cid) -> Self {
        c.0
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// No CID that fits here is written with more. Reading base 58 or base 36 takes time that grows with the
/// square of the length.
const MAX_TEXT: usize = 512;

impl FromStr for Cid {
    type Err = CidError;
    fn from_str(s: &str) -> Result<Self, CidError> {
        let error = |reason: String| CidError {
            input: s.chars().take(200).collect(),
            reason,
        };
        if s.len() > MAX_TEXT {
            return Err(error(format!("it is longer than {MAX_TEXT} characters")));
        }
        cid::Cid::from_str(s)
            .map(Self)
            .map_err(|e| error(e.to_string()))
    }
}

#[derive(Serialize, Deserialize)]
struct Json {
    #[serde(rename = "/")]
    text: String,
}

impl Serialize for Cid {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            Json {
                text: self.0.to_string(),
            }
            .serialize(s)
        } else {
            self.0.serialize(s)
        }
    }
}

impl<'de> Deserialize<'de> for Cid {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            Json::deserialize(d)?
                .text
                .parse()
                .map_err(de::Error::custom)
        } else {
            cid::Cid::deserialize(d).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_text_is_refused_without_being_read() {
        // Read as base 58, a text of this length would take hours.
        let text = "z".repeat(50_000_000);
        let error = text.parse::<Cid>().expect_err("no CID is that long");
        assert!(error.reason.contains("longer than 512"), "{error}");
        assert_eq!(error.input.len(), 200);
    }
}
