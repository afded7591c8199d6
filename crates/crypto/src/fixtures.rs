//! Reads the recordings that the tests of this crate compare with.

use std::{collections::HashMap, path::PathBuf};

use lotus_types::{BlockHeader, Bytes, Cid, Message, MessageMeta, address::read_uvarint, wire};
use serde_json::Value;

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus")).join(name)
}

/// A recorded JSON file.
pub(crate) fn json(name: &str) -> Value {
    let text = std::fs::read_to_string(path(name)).expect("fixture is there");
    serde_json::from_str(&text).expect("fixture is JSON")
}

/// Recorded API calls of the given method: parameters, and result (`None` for an error).
pub(crate) fn calls(name: &str, method: &str) -> Vec<(Value, Option<Value>)> {
    let text = std::fs::read_to_string(path(name)).expect("fixture is there");
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a call"))
        .filter(|call| call["method"] == method)
        .map(|call| (call["params"].clone(), call.get("result").cloned()))
        .collect()
}

/// A recorded chain.
pub(crate) struct Chain {
    objects: HashMap<Cid, Vec<u8>>,
    /// All blocks, lowest first.
    pub(crate) blocks: Vec<BlockHeader>,
}

impl Chain {
    /// Loads `fixtures/lotus/<name>/chain.car.zst`.
    pub(crate) fn load(name: &str) -> Self {
        let packed = std::fs::read(path(name).join("chain.car.zst")).expect("fixture is there");
        let car = zstd::decode_all(packed.as_slice()).expect("zstd");
        let mut sections = Sections(&car);
        sections.next().expect("CAR header");
        let objects: HashMap<Cid, Vec<u8>> = sections.map(split_section).collect();
        let mut blocks: Vec<BlockHeader> = objects
            .values()
            .filter_map(|data| wire::from_cbor(data).ok())
            .collect();
        blocks.sort_by_key(|block| block.height);
        assert!(blocks.len() > 100, "a recorded chain has more blocks");
        Self { objects, blocks }
    }

    /// The parents of a block, in their tipset's order; empty for the genesis block.
    pub(crate) fn parents(&self, block: &BlockHeader) -> Vec<BlockHeader> {
        block
            .parents
            .cids()
            .iter()
            .filter_map(|cid| self.header(cid))
            .collect()
    }

    pub(crate) fn header(&self, cid: &Cid) -> Option<BlockHeader> {
        wire::from_cbor(self.objects.get(cid)?).ok()
    }

    /// The BLS messages of a block; `None` when there are so many that their list has inner nodes.
    pub(crate) fn bls_messages(&self, block: &BlockHeader) -> Option<Vec<Message>> {
        type Amt = (u64, u64, (Bytes, Vec<Cid>, Vec<Cid>));
        let meta: MessageMeta = wire::from_cbor(&self.objects[&block.messages]).expect("meta");
        let (height, _, (_, _, cids)): Amt =
            wire::from_cbor(&self.objects[&meta.bls_messages]).expect("list");
        let message = |cid| wire::from_cbor(&self.objects[cid]).expect("message");
        (height == 0).then(|| cids.iter().map(message).collect())
    }
}

/// Iterates over the length-prefixed sections of a CAR file.
struct Sections<'a>(&'a [u8]);

impl<'a> Iterator for Sections<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = read_uvarint(self.0)?;
        let (section, rest) = rest.split_at(usize::try_from(len).expect("length"));
        self.0 = rest;
        Some(section)
    }
}

fn split_section(section: &[u8]) -> (Cid, Vec<u8>) {
    let field = |bytes| read_uvarint(bytes).expect("varint");
    let (_version, rest) = field(section);
    let (_codec, rest) = field(rest);
    let (_hash, rest) = field(rest);
    let (len, rest) = field(rest);
    let data = &rest[usize::try_from(len).expect("length")..];
    let cid = Cid::from_bytes(&section[..section.len() - data.len()]).expect("CID");
    (cid, data.to_vec())
}
