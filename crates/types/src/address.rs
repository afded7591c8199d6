//! Actor addresses.
//!
//! # Lotus parity
//! `filecoin-project/go-address`; text and byte forms of the specification's "Address" appendix,
//! delegated addresses of FIP-0048. Text prints with the process's network prefix.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
};

use data_encoding::{BASE32_NOPAD, Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{ActorId, bytes::ByteReader};

/// Length of the hash in f1 and f2 addresses, in bytes.
pub const PAYLOAD_HASH_LEN: usize = 20;
/// Length of a BLS public key, in bytes.
pub const BLS_PUBLIC_KEY_LEN: usize = 48;
/// Most bytes of a delegated address behind its namespace.
pub const MAX_SUBADDRESS_LEN: usize = 54;
const CHECKSUM_LEN: usize = 4;
/// Longer text cannot be an address; refused before any work.
const MAX_TEXT_LEN: usize = 256;
/// How Lotus prints the address that is none.
const UNDEFINED_TEXT: &str = "<empty>";

/// True: mainnet, addresses print as `f…`. False: any test network, `t…`.
static MAINNET: AtomicBool = AtomicBool::new(false);

/// Chooses the prefix with which this process prints addresses: `f` on mainnet, else `t` (the
/// default, as in Lotus). Reading accepts both.
pub fn set_mainnet_prefix(mainnet: bool) {
    MAINNET.store(mainnet, Ordering::Relaxed);
}

/// The kind of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// f0: the number of an actor.
    Id = 0,
    /// f1: hash of a secp256k1 public key.
    Secp256k1 = 1,
    /// f2: an actor's stable hash.
    Actor = 2,
    /// f3: a BLS public key.
    Bls = 3,
    /// f4: an address that an address manager gave out.
    Delegated = 4,
}

/// What an address holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payload {
    /// f0.
    Id(ActorId),
    /// f1: blake2b-160 of the uncompressed public key.
    Secp256k1([u8; PAYLOAD_HASH_LEN]),
    /// f2: blake2b-160.
    Actor([u8; PAYLOAD_HASH_LEN]),
    /// f3: the compressed public key.
    Bls([u8; BLS_PUBLIC_KEY_LEN]),
    /// f4.
    Delegated {
        /// Actor id of the address manager.
        namespace: ActorId,
        /// Bytes of `subaddress` that count.
        len: u8,
        /// The address in the manager's own form, padded with zeros.
        subaddress: [u8; MAX_SUBADDRESS_LEN],
    },
}

/// An actor's address. JSON: text (`t01000`); CBOR: bytes.
///
/// The default is the undefined address, Lotus' `<empty>`: it exists in JSON only.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Option<Payload>);

/// Why something is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid address {input:?}: {reason}")]
pub struct AddressError {
    /// What was given, shortened.
    pub input: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Address {
    /// The undefined address.
    pub const UNDEFINED: Self = Self(None);

    /// f0.
    pub const fn new_id(id: ActorId) -> Self {
        Self(Some(Payload::Id(id)))
    }

    /// f1 of an uncompressed public key (65 bytes).
    pub fn new_secp256k1(public_key: &[u8; 65]) -> Self {
        Self(Some(Payload::Secp256k1(blake2b(public_key))))
    }

    /// f2 of the bytes that the init actor hashes.
    pub fn new_actor(data: &[u8]) -> Self {
        Self(Some(Payload::Actor(blake2b(data))))
    }

    /// f3.
    pub const fn new_bls(public_key: [u8; BLS_PUBLIC_KEY_LEN]) -> Self {
        Self(Some(Payload::Bls(public_key)))
    }

    /// f4.
    ///
    /// # Errors
    /// When `subaddress` is longer than [`MAX_SUBADDRESS_LEN`].
    pub fn new_delegated(namespace: ActorId, subaddress: &[u8]) -> Result<Self, AddressError> {
        let refuse = || AddressError {
            input: data_encoding::HEXLOWER.encode(subaddress.get(..64).unwrap_or(subaddress)),
            reason: "a subaddress has at most 54 bytes",
        };
        let mut padded = [0; MAX_SUBADDRESS_LEN];
        padded
            .get_mut(..subaddress.len())
            .ok_or_else(refuse)?
            .copy_from_slice(subaddress);
        let len = u8::try_from(subaddress.len()).map_err(|_| refuse())?;
        Ok(Self(Some(Payload::Delegated {
            namespace,
            len,
            subaddress: padded,
        })))
    }

    /// What it holds; `None` for the undefined address.
    pub const fn payload(&self) -> Option<&Payload> {
        self.0.as_ref()
    }

    /// Its kind; `None` for the undefined address.
    pub fn protocol(&self) -> Option<Protocol> {
        self.0.map(|p| match p {
            Payload::Id(_) => Protocol::Id,
            Payload::Secp256k1(_) => Protocol::Secp256k1,
            Payload::Actor(_) => Protocol::Actor,
            Payload::Bls(_) => Protocol::Bls,
            Payload::Delegated { .. } => Protocol::Delegated,
        })
    }

    /// The actor's number, for an f0.
    pub const fn id(&self) -> Option<ActorId> {
        match self.0 {
            Some(Payload::Id(id)) => Some(id),
            _ => None,
        }
    }

    /// True for `<empty>`.
    pub const fn is_undefined(&self) -> bool {
        self.0.is_none()
    }

    /// True when a key stands behind it: f1 and f3.
    pub const fn is_key(&self) -> bool {
        matches!(self.0, Some(Payload::Secp256k1(_) | Payload::Bls(_)))
    }

    /// The binary form: protocol byte and payload; empty for the undefined address.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (Some(protocol), Some(payload)) = (self.protocol(), self.0) else {
            return Vec::new();
        };
        let mut out = vec![protocol as u8];
        match payload {
            Payload::Id(id) => write_uvarint(&mut out, id),
            Payload::Secp256k1(hash) | Payload::Actor(hash) => out.extend(hash),
            Payload::Bls(key) => out.extend(key),
            Payload::Delegated {
                namespace,
                len,
                subaddress,
            } => {
                write_uvarint(&mut out, namespace);
                out.extend(subaddress.iter().take(usize::from(len)));
            }
        }
        out
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// When the bytes are not exactly one address.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AddressError> {
        Self::parse_bytes(bytes).map_err(|reason| AddressError {
            input: data_encoding::HEXLOWER.encode(bytes.get(..64).unwrap_or(bytes)),
            reason,
        })
    }

    fn parse_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        const WRONG_LENGTH: &str = "the payload has a wrong length";
        let (&protocol, rest) = bytes.split_first().ok_or("no bytes")?;
        let hash = || rest.try_into().map_err(|_| WRONG_LENGTH);
        Ok(Self(Some(match protocol {
            0 => match read_uvarint(rest).ok_or("the actor id is not a shortest varint")? {
                (id, []) if i64::try_from(id).is_ok() => Payload::Id(id),
                _ => return Err("the actor id has trailing bytes or is above 2^63"),
            },
            1 => Payload::Secp256k1(hash()?),
            2 => Payload::Actor(hash()?),
            3 => Payload::Bls(rest.try_into().map_err(|_| WRONG_LENGTH)?),
            4 => {
                let (namespace, sub) =
                    read_uvarint(rest).ok_or("the namespace is not a shortest varint")?;
                return Self::new_delegated(namespace, sub).map_err(|e| e.reason);
            }
            _ => return Err("unknown protocol"),
        })))
    }

    fn parse_text(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text == UNDEFINED_TEXT {
            return Ok(Self::UNDEFINED);
        }
        if text.len() > MAX_TEXT_LEN || !text.is_ascii() {
            return Err("too long, or not ASCII");
        }
        let rest = text
            .strip_prefix(['t', 'f'])
            .ok_or("it must begin with f or t")?;
        let (protocol, rest) = rest.split_at_checked(1).ok_or("too short")?;
        match protocol {
            "0" => {
                if rest.len() > 20 || !rest.bytes().all(|b| b.is_ascii_digit()) {
                    return Err("the actor id is not a number");
                }
                let id: u64 = rest.parse().map_err(|_| "the actor id is not a number")?;
                i64::try_from(id).map_err(|_| "the actor id is above 2^63")?;
                Ok(Self::new_id(id))
            }
            "1" => Self::parse_checked(1, &[], rest),
            "2" => Self::parse_checked(2, &[], rest),
            "3" => Self::parse_checked(3, &[], rest),
            "4" => {
                let (namespace, rest) = rest.split_once('f').ok_or("f4 without a namespace")?;
                let id: u64 = namespace
                    .parse()
                    .map_err(|_| "the namespace is not a number")?;
                let mut prefix = Vec::new();
                write_uvarint(&mut prefix, id);
                Self::parse_checked(4, &prefix, rest)
            }
            _ => Err("unknown protocol"),
        }
    }

    fn parse_checked(protocol: u8, prefix: &[u8], text: &str) -> Result<Self, &'static str> {
        let decoded = base32().decode(text.as_bytes()).map_err(|_| "not base32")?;
        let split = decoded.len().checked_sub(CHECKSUM_LEN).ok_or("too short")?;
        let (payload, checksum) = decoded.split_at(split);
        let bytes = [&[protocol], prefix, payload].concat();
        if blake2b::<CHECKSUM_LEN>(&bytes) != checksum {
            return Err("the checksum does not match");
        }
        Self::parse_bytes(&bytes)
    }
}

fn base32() -> &'static Encoding {
    static ENCODING: std::sync::OnceLock<Encoding> = std::sync::OnceLock::new();
    ENCODING.get_or_init(|| {
        let mut spec: Specification = BASE32_NOPAD.specification();
        spec.symbols = spec.symbols.to_ascii_lowercase();
        spec.encoding()
            .expect("lower case base32 is a valid encoding")
    })
}

fn blake2b<const N: usize>(data: &[u8]) -> [u8; N] {
    let hash = blake2b_simd::Params::new().hash_length(N).hash(data);
    hash.as_bytes()
        .try_into()
        .expect("the hash has the asked length")
}

/// Appends `n` as an unsigned LEB128 integer.
pub fn write_uvarint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Reads a shortest unsigned LEB128 integer; gives it and the rest.
pub fn read_uvarint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut n = 0_u64;
    for (k, &b) in bytes.iter().enumerate().take(10) {
        let part = u64::from(b & 0x7f);
        if k == 9 && part > 1 {
            return None;
        }
        n |= part << (7 * k);
        if b & 0x80 == 0 {
            return if b == 0 && k > 0 {
                None
            } else {
                Some((n, bytes.get(k + 1..)?))
            };
        }
    }
    None
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(payload), Some(protocol)) = (self.0, self.protocol()) else {
            return f.pad(UNDEFINED_TEXT);
        };
        let network = if MAINNET.load(Ordering::Relaxed) {
            'f'
        } else {
            't'
        };
        let bytes = self.to_bytes();
        let checksum = blake2b::<CHECKSUM_LEN>(&bytes);
        let checked = |data: &[u8]| base32().encode(&[data, &checksum].concat());
        let rest = match payload {
            Payload::Id(id) => id.to_string(),
            Payload::Secp256k1(hash) | Payload::Actor(hash) => checked(&hash),
            Payload::Bls(key) => checked(&key),
            Payload::Delegated {
                namespace,
                len,
                subaddress,
            } => {
                let sub = subaddress.get(..usize::from(len)).unwrap_or(&subaddress);
                format!("{namespace}f{}", checked(sub))
            }
        };
        f.pad(&format!("{network}{}{rest}", protocol as u8))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Address(Some(*self)), f)
    }
}

impl From<Payload> for Address {
    fn from(p: Payload) -> Self {
        Self(Some(p))
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(s: &str) -> Result<Self, AddressError> {
        Self::parse_text(s).map_err(|reason| AddressError {
            input: s.chars().take(100).collect(),
            reason,
        })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(self)
        } else if self.is_undefined() {
            Err(serde::ser::Error::custom(
                "the undefined address has no binary form",
            ))
        } else {
            s.serialize_bytes(&self.to_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(de::Error::custom)
        } else {
            let bytes = d.deserialize_byte_buf(ByteReader)?;
            Self::from_bytes(&bytes).map_err(de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = [
        "t01000",
        "t1ceb34gnsc6qk5dt6n7xg6ycwzasjhbxm3iylkiy",
        "t2ztslrivfwobmjhuyef7yoxdr4fesbpnwylmwupy",
        "t3smgh6koqhmlpygb2vdbtc7qnyerhhrrc2ieurpeyetjk6uved7wszgluj2wahbcxf4ohk7sp2z7r5wxy52zq",
    ];

    #[test]
    fn text_and_bytes_go_round() {
        for text in &KNOWN {
            let a: Address = text.parse().expect(text);
            assert_eq!(a.to_string(), *text);
            assert_eq!(Address::from_bytes(&a.to_bytes()), Ok(a));
        }
        let f4 = Address::new_delegated(10, &[0xff; 20]).expect("20 bytes fit");
        assert_eq!(f4.to_string().parse(), Ok(f4));
        assert_eq!(Address::from_bytes(&f4.to_bytes()), Ok(f4));
    }

    #[test]
    fn both_network_prefixes_are_read() {
        assert_eq!("f01000".parse::<Address>(), "t01000".parse());
    }

    #[test]
    fn the_undefined_address_exists_in_json_only() {
        let a: Address = serde_json::from_str("\"<empty>\"").expect("reads");
        assert!(a.is_undefined());
        assert_eq!(serde_json::to_string(&a).expect("prints"), "\"<empty>\"");
        assert!(crate::wire::try_to_cbor(&a).is_err());
    }

    #[test]
    fn altered_text_is_refused_with_its_input() {
        for text in &KNOWN[1..] {
            let mut altered = (*text).to_owned();
            let last = altered.pop().expect("not empty");
            altered.push(if last == 'a' { 'b' } else { 'a' });
            let err = altered.parse::<Address>().expect_err("altered");
            assert!(err.to_string().contains(&altered[..20]), "{err}");
        }
        for bad in [
            "x01000",
            "t0",
            "t0-1",
            "t0+1",
            "t5abc",
            "t",
            "t09223372036854775808",
            "t4f",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn malformed_bytes_are_refused() {
        for bad in [
            &[][..],
            &[0],
            &[0, 0x80],
            &[0, 0x80, 0],
            &[0, 1, 2],
            &[1, 2, 3],
            &[3; 48],
            &[9, 1],
        ] {
            assert!(Address::from_bytes(bad).is_err(), "{bad:?}");
        }
        assert!(Address::from_bytes(&[&[4, 10][..], &[7; 55]].concat()).is_err());
    }
}
