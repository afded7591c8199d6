//! Big integers.

use std::{fmt, ops::Deref, str::FromStr};

use num_bigint::Sign;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::bytes::ByteReader;

/// Most bytes of a big integer on the wire: sign and 128 bytes of magnitude, as Lotus allows.
pub const MAX_BYTES: usize = 129;

/// An integer of any size. JSON: a decimal string; CBOR: sign byte (0 or 1) and magnitude,
/// big endian without leading zeros; zero is the empty string.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BigInt(pub num_bigint::BigInt);

impl Deref for BigInt {
    type Target = num_bigint::BigInt;
    fn deref(&self) -> &num_bigint::BigInt {
        &self.0
    }
}

impl<T: Into<num_bigint::BigInt>> From<T> for BigInt {
    fn from(v: T) -> Self {
        Self(v.into())
    }
}

impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for BigInt {
    type Err = num_bigint::ParseBigIntError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        num_bigint::BigInt::from_str(s).map(Self)
    }
}

/// The binary form: see [`BigInt`].
pub(crate) fn to_wire_bytes(v: &num_bigint::BigInt) -> Vec<u8> {
    let (sign, magnitude) = v.to_bytes_be();
    match sign {
        Sign::NoSign => Vec::new(),
        Sign::Plus => [&[0], magnitude.as_slice()].concat(),
        Sign::Minus => [&[1], magnitude.as_slice()].concat(),
    }
}

fn from_wire_bytes(bytes: &[u8]) -> Result<num_bigint::BigInt, String> {
    let Some((&sign, magnitude)) = bytes.split_first() else {
        return Ok(num_bigint::BigInt::default());
    };
    if bytes.len() > MAX_BYTES {
        return Err(format!(
            "big integer of {} bytes is longer than {MAX_BYTES}",
            bytes.len()
        ));
    }
    if magnitude.first().is_none_or(|b| *b == 0) {
        return Err("big integer is not in its shortest form".to_owned());
    }
    let sign = match sign {
        0 => Sign::Plus,
        1 => Sign::Minus,
        other => return Err(format!("big integer sign byte is {other}, not 0 or 1")),
    };
    Ok(num_bigint::BigInt::from_bytes_be(sign, magnitude))
}

impl Serialize for BigInt {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(&self.0)
        } else {
            s.serialize_bytes(&to_wire_bytes(&self.0))
        }
    }
}

impl<'de> Deserialize<'de> for BigInt {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let text = String::deserialize(d)?;
            // Bounded before parsing: decimal parsing is quadratic.
            if text.len() > 320 {
                return Err(de::Error::custom("integer has more than 320 digits"));
            }
            text.parse()
                .map_err(|_| de::Error::custom(format!("invalid integer {text:?}")))
        } else {
            let bytes = d.deserialize_byte_buf(ByteReader)?;
            from_wire_bytes(&bytes).map(Self).map_err(de::Error::custom)
        }
    }
}
