//! A libp2p peer id in a template: text in the file, bytes on chain.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Longer ones are refused by the miner actor.
const MAX_LEN: usize = 128;
/// Identity multihash (36 bytes) of an ed25519 public key in its protobuf envelope.
const ED25519_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// A libp2p peer id. JSON: base58, empty when there is none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PeerId(Vec<u8>);

impl PeerId {
    /// The id of an ed25519 public key.
    pub fn of_ed25519(public_key: &[u8; 32]) -> Self {
        Self([&ED25519_PREFIX[..], public_key].concat())
    }

    /// The bytes that the miner actor stores.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// When it is not base58 or too long.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > 2 * MAX_LEN {
            return Err("a peer id is longer than any can be".to_owned());
        }
        // Big-endian digits of base 256, grown from the right.
        let mut bytes: Vec<u8> = Vec::new();
        for character in text.bytes() {
            let digit = ALPHABET.iter().position(|known| *known == character);
            let mut carry = digit.ok_or_else(|| format!("peer id {text:?} is not base58"))?;
            for byte in bytes.iter_mut().rev() {
                carry += usize::from(*byte) * 58;
                *byte = (carry & 0xff) as u8;
                carry >>= 8;
            }
            while carry > 0 {
                bytes.insert(0, (carry & 0xff) as u8);
                carry >>= 8;
            }
        }
        let zeros = text.bytes().take_while(|c| *c == ALPHABET[0]).count();
        Ok(Self([vec![0; zeros], bytes].concat()))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Big-endian digits of base 58, grown from the right.
        let mut digits: Vec<u8> = Vec::new();
        for byte in &self.0 {
            let mut carry = usize::from(*byte);
            for digit in digits.iter_mut().rev() {
                carry += usize::from(*digit) << 8;
                *digit = (carry % 58) as u8;
                carry /= 58;
            }
            while carry > 0 {
                digits.insert(0, (carry % 58) as u8);
                carry /= 58;
            }
        }
        let zeros = self.0.iter().take_while(|byte| **byte == 0).count();
        let text = vec![0; zeros].into_iter().chain(digits);
        let text: String = text
            .filter_map(|digit| ALPHABET.get(usize::from(digit)).map(|c| char::from(*c)))
            .collect();
        f.pad(&text)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for PeerId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PeerId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_go_round() {
        let text = "12D3KooWJZcWTkEE98Za8uQLZbNyvLnMwi8262fiRAw8nnmPJR1j";
        let id = PeerId::parse(text).expect("reads");
        assert_eq!(id.as_bytes().len(), 38);
        assert_eq!(id.as_bytes()[..6], ED25519_PREFIX);
        assert_eq!(id.to_string(), text);
        assert_eq!(PeerId::parse("").expect("reads"), PeerId::default());
    }

    #[test]
    fn what_is_not_base58_is_refused() {
        assert!(PeerId::parse("12D3KooW0").is_err());
        assert!(PeerId::parse(&"z".repeat(1000)).is_err());
    }
}
