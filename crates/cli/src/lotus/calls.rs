//! What calls of actors say: names of methods, parameters and returned values as JSON.
//!
//! # Invariants
//! - Bytes that cannot be taken apart are shown as they are, in hexadecimal: foreign parameters never
//!   end a command.
//!
//! # Lotus parity
//! `JsonParams` and `JsonReturn`. Methods are those of the actors of version 9.

use std::collections::BTreeMap;

use anyhow::Context as _;
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use lotus_actors::{
    ActorKind,
    schema::{self, Method, Shape},
};
use lotus_rpc_api::full::FullNode;
use lotus_types::{Bytes, Cid, MethodNum, TipsetKey};

/// How bytes are written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Encoding {
    /// With padding.
    #[value(alias = "b64")]
    Base64,
    /// Hexadecimal.
    Hex,
}

impl Encoding {
    /// Reads bytes.
    ///
    /// # Errors
    /// When the text is not of this encoding.
    pub(super) fn decode(self, text: &str) -> anyhow::Result<Bytes> {
        let (name, read) = match self {
            Self::Base64 => ("base64", BASE64.decode(text.as_bytes())),
            Self::Hex => ("hex", HEXLOWER_PERMISSIVE.decode(text.as_bytes())),
        };
        let read = read.with_context(|| format!("decoding {name} value {text:?}"))?;
        Ok(read.into())
    }

    /// Writes bytes.
    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Base64 => BASE64.encode(bytes),
            Self::Hex => HEXLOWER.encode(bytes),
        }
    }
}

/// The builtin actors that a network runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Codes {
    network: u32,
    kinds: BTreeMap<Cid, ActorKind>,
}

impl Codes {
    /// Those as of a tipset.
    ///
    /// # Errors
    /// When the node does not tell.
    pub(super) async fn load(node: &dyn FullNode, key: TipsetKey) -> anyhow::Result<Self> {
        let network = node.state_network_version(key).await?;
        let codes = node.state_actor_code_cids(network).await?;
        Ok(Self::new(network, codes))
    }

    fn new(network: u32, codes: impl IntoIterator<Item = (String, Cid)>) -> Self {
        let known = codes
            .into_iter()
            .filter_map(|(name, code)| Some((code, ActorKind::from_name(&name)?)));
        Self {
            network,
            kinds: known.collect(),
        }
    }

    /// The name of an actor's code: `fil/9/account`.
    pub(super) fn name(&self, code: &Cid) -> Option<String> {
        let kind = self.kinds.get(code)?;
        let version = actors_version(self.network);
        Some(format!("fil/{version}/{}", kind.name()))
    }

    /// The method of an actor with this code.
    pub(super) fn method(&self, code: &Cid, number: MethodNum) -> Option<&'static Method> {
        schema::method(*self.kinds.get(code)?, number)
    }

    /// A method's parameters: indented JSON, or `raw:` and what they are.
    pub(super) fn params(&self, code: &Cid, number: MethodNum, params: &[u8]) -> String {
        match self.method(code, number) {
            None => raw(params),
            Some(method) => json(&method.params, params)
                .unwrap_or_else(|e| format!("{}; DECODE cbor ERR: {e}", raw(params))),
        }
    }

    /// What a method returned: indented JSON, or `raw:` and what it is.
    ///
    /// # Errors
    /// When nothing is known of the method.
    pub(super) fn returned(
        &self,
        code: &Cid,
        number: MethodNum,
        bytes: &[u8],
    ) -> anyhow::Result<String> {
        let method = self
            .method(code, number)
            .with_context(|| format!("method {number} not found on actor {code}"))?;
        let decoded = json(&method.returns, bytes);
        Ok(decoded.unwrap_or_else(|e| format!("{}; DECODE ERR: {e}", raw(bytes))))
    }
}

fn raw(bytes: &[u8]) -> String {
    format!("raw:{}", HEXLOWER.encode(bytes))
}

fn json(shape: &Shape, bytes: &[u8]) -> anyhow::Result<String> {
    let value = shape.decode(bytes)?;
    Ok(serde_json::to_string_pretty(&shape.ordered(&value))?)
}

/// The version of the built-in actors that belongs to a network version.
pub(super) fn actors_version(network: u32) -> u32 {
    match network {
        0..=3 => 0,
        4..=9 => 2,
        10..=11 => 3,
        12 => 4,
        13 => 5,
        14 => 6,
        15 => 7,
        16 => 8,
        17 => 9,
        18 => 10,
        19 | 20 => 11,
        later => later - 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn miner() -> (Codes, Cid) {
        let code = Cid::of_raw(b"the miner's code");
        (Codes::new(17, [("storageminer".to_owned(), code)]), code)
    }

    #[test]
    fn what_cannot_be_taken_apart_is_shown_as_it_is() {
        let (codes, code) = miner();
        assert_eq!(
            codes.params(&code, 4, &[0x80]),
            "raw:80; DECODE cbor ERR: cbor input had wrong number of fields"
        );
        assert_eq!(codes.params(&code, 9999, &[1, 2]), "raw:0102");
        assert_eq!(codes.params(&Cid::of_raw(b"other"), 4, &[]), "raw:");
        assert_eq!(
            codes.returned(&code, 16, &[]).expect("known"),
            "raw:; DECODE ERR: EOF"
        );
    }

    #[test]
    fn values_are_indented_json() {
        let (codes, code) = miner();
        assert_eq!(codes.params(&code, 0, &[]), "{}");
        assert_eq!(
            codes.params(&code, 16, &[0x81, 0x42, 0, 7]),
            "{\n  \"AmountRequested\": \"7\"\n}"
        );
        let unknown = codes.returned(&code, 9999, &[]).expect_err("unknown");
        assert!(unknown.to_string().contains("method 9999"), "{unknown}");
    }

    #[test]
    fn actors_are_called_by_version_and_name() {
        let (codes, code) = miner();
        assert_eq!(codes.name(&code).as_deref(), Some("fil/9/storageminer"));
        assert_eq!(codes.name(&Cid::of_raw(b"other")), None);
    }

    #[test]
    fn bytes_are_read_and_written_in_both_encodings() {
        assert_eq!(&*Encoding::Base64.decode("gA==").expect("base64"), [0x80]);
        assert_eq!(&*Encoding::Hex.decode("80fF").expect("hex"), [0x80, 0xff]);
        assert_eq!(Encoding::Base64.encode(&[0x80]), "gA==");
        assert_eq!(Encoding::Hex.encode(&[0x80]), "80");
        let refused = Encoding::Hex.decode("zz").expect_err("no hex").to_string();
        assert!(refused.contains("\"zz\""), "{refused}");
    }
}
