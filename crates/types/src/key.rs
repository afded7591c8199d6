//! Private keys as they are stored and exported.
//!
//! # Lotus parity
//! `types.KeyInfo`: the JSON in keystore files and, hex-encoded, what `lotus wallet export` prints.

use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeStruct as _};
use zeroize::{Zeroize as _, Zeroizing};

/// What a private key is for. JSON: its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Signs for an `f3` address: 32 bytes, little-endian.
    Bls,
    /// Signs for an `f1` address: 32 bytes, big-endian.
    Secp256k1,
    /// Signs for an `f410` address (network version 18 and later).
    Delegated,
    /// Names a key that a Ledger device holds.
    Secp256k1Ledger,
    /// Anything else that lives in a keystore (`libp2p-host`, `jwt-hmac-secret`).
    Other(String),
}

impl KeyType {
    /// The name in JSON and on the command line.
    pub fn name(&self) -> &str {
        match self {
            Self::Bls => "bls",
            Self::Secp256k1 => "secp256k1",
            Self::Delegated => "delegated",
            Self::Secp256k1Ledger => "secp256k1-ledger",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for KeyType {
    fn from(name: &str) -> Self {
        [
            Self::Bls,
            Self::Secp256k1,
            Self::Delegated,
            Self::Secp256k1Ledger,
        ]
        .into_iter()
        .find(|known| known.name() == name)
        .unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for KeyType {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for KeyType {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Reader;
        impl de::Visitor<'_> for Reader {
            type Value = KeyType;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a key type")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<KeyType, E> {
                Ok(KeyType::from(name))
            }
            // Exports of 2020 hold the number of the signature type.
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<KeyType, E> {
                match number {
                    1 => Ok(KeyType::Secp256k1),
                    2 => Ok(KeyType::Bls),
                    3 => Ok(KeyType::Delegated),
                    _ => Err(E::custom(format!("unknown key type number {number}"))),
                }
            }
        }
        d.deserialize_any(Reader)
    }
}

/// A private key and what it is for. JSON: `{"Type": "bls", "PrivateKey": base64}`.
///
/// The key is wiped from memory when dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// What it is for.
    pub key_type: KeyType,
    /// The secret.
    pub private_key: Zeroizing<Vec<u8>>,
}

impl KeyInfo {
    /// Takes the secret over.
    pub fn new(key_type: KeyType, private_key: Vec<u8>) -> Self {
        Self {
            key_type,
            private_key: Zeroizing::new(private_key),
        }
    }
}

impl fmt::Debug for KeyInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyInfo({}, …)", self.key_type)
    }
}

impl Serialize for KeyInfo {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = s.serialize_struct("KeyInfo", 2)?;
        out.serialize_field("Type", &self.key_type)?;
        let text = Zeroizing::new(BASE64.encode(&self.private_key));
        out.serialize_field("PrivateKey", text.as_str())?;
        out.end()
    }
}

impl<'de> Deserialize<'de> for KeyInfo {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Json {
            #[serde(rename = "Type", alias = "type")]
            key_type: KeyType,
            #[serde(rename = "PrivateKey", alias = "privateKey")]
            private_key: String,
        }
        let mut json = Json::deserialize(d)?;
        let decoded = BASE64.decode(json.private_key.as_bytes());
        json.private_key.zeroize();
        let private_key = decoded
            .map_err(|e| de::Error::custom(format!("PrivateKey is not base64: {:?}", e.kind)))?;
        Ok(Self::new(json.key_type, private_key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORTED: &str =
        r#"{"Type":"bls","PrivateKey":"SrKgbN7dBA06Yn1VPM6qhTWws445aK2NGrNmF4iKMjQ="}"#;

    #[test]
    fn json_of_lotus_goes_round() {
        let key: KeyInfo = serde_json::from_str(EXPORTED).expect("reads");
        assert_eq!(key.key_type, KeyType::Bls);
        assert_eq!(key.private_key.len(), 32);
        assert_eq!(serde_json::to_string(&key).expect("prints"), EXPORTED);
    }

    #[test]
    fn numbers_of_2020_are_read_as_types() {
        for (number, expected) in [(1, KeyType::Secp256k1), (2, KeyType::Bls)] {
            let text = format!(r#"{{"Type":{number},"PrivateKey":"AA=="}}"#);
            let key: KeyInfo = serde_json::from_str(&text).expect("reads");
            assert_eq!(key.key_type, expected);
        }
        assert!(serde_json::from_str::<KeyType>("7").is_err());
    }

    #[test]
    fn keystore_secrets_keep_their_type() {
        let key: KeyType = serde_json::from_str("\"libp2p-host\"").expect("reads");
        assert_eq!(key, KeyType::Other("libp2p-host".to_owned()));
        assert_eq!(
            serde_json::to_string(&key).expect("prints"),
            "\"libp2p-host\""
        );
    }

    #[test]
    fn the_secret_is_never_printed() {
        let key: KeyInfo = serde_json::from_str(EXPORTED).expect("reads");
        assert_eq!(format!("{key:?}"), "KeyInfo(bls, …)");
        let bad = r#"{"Type":"bls","PrivateKey":"SrKgbN7dBA06?"}"#;
        let error = serde_json::from_str::<KeyInfo>(bad)
            .expect_err("not base64")
            .to_string();
        assert!(!error.contains("SrKg"), "{error}");
    }
}
