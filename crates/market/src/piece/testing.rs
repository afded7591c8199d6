//! What tests of this crate share: the recorded imports, files, CARs.

use lotus_types::{Cid, cid::RAW};
use multihash_codetable::{Code, MultihashDigest as _};
use serde::Deserialize;

use super::sections;
use crate::dag_pb::{DAG_PB, Link};

/// What Lotus made of a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) bytes: usize,
    pub(crate) root: String,
    pub(crate) car_bytes: i64,
    pub(crate) piece_cid: String,
    pub(crate) piece_size_unpadded: u64,
    pub(crate) car_blocks: Vec<RecordedBlock>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RecordedBlock {
    pub(crate) cid: String,
    pub(crate) bytes: usize,
}

/// The recorded imports: a file of one block, and one of five.
pub(crate) fn recorded() -> Vec<Recorded> {
    #[derive(Deserialize)]
    struct Recording {
        files: Vec<Recorded>,
    }
    let text = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/wire/import.json"
    ));
    let recording: Recording = serde_json::from_str(text).expect("the recording is JSON");
    recording.files
}

/// The content of the recorded files.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| ((i * i + 7 * i) % 251) as u8).collect()
}

pub(crate) fn link(codec: u64, block: &[u8]) -> Link {
    Cid::from(cid::Cid::new_v1(codec, Code::Blake2b256.digest(block))).into()
}

pub(crate) fn raw(block: &[u8]) -> (Link, Vec<u8>) {
    (link(RAW, block), block.to_vec())
}

pub(crate) fn pb(block: &[u8]) -> (Link, Vec<u8>) {
    (link(DAG_PB, block), block.to_vec())
}

/// A CAR with these blocks in this order.
pub(crate) fn car(root: &Link, blocks: &[(Link, Vec<u8>)]) -> Vec<u8> {
    let mut car = sections::header(root);
    for (link, block) in blocks {
        car.extend(sections::section_head(link, block.len()));
        car.extend(block);
    }
    car
}
