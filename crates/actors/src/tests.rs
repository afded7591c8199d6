//! The views against what a Go Lotus answered about the genesis states of two recorded chains, and
//! against recorded message parameters.
#![allow(clippy::unwrap_used, reason = "tests")]

mod broken;
mod params;
mod recorded;

use std::{ops::ControlFlow, path::PathBuf};

use lotus_blockstore::{
    MemoryBlockstore,
    car::{CarReader, LoadOptions, load},
};
use lotus_types::Cid;
use serde_json::Value;

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus")).join(path)
}

fn json_lines(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(fixture(path)).expect(path);
    text.lines()
        .map(|line| serde_json::from_str(line).expect("json"))
        .collect()
}

/// The blocks of a recorded chain, and the root of its genesis state.
fn genesis_of(chain: &str) -> (MemoryBlockstore, Cid) {
    let store = MemoryBlockstore::new();
    let car = CarReader::open(&fixture(chain).join("chain.car.zst")).expect("opens");
    let loaded = load(car, &store, LoadOptions::default(), |_| {
        ControlFlow::Continue(())
    });
    let mut header: lotus_types::BlockHeader =
        crate::load(&store, &loaded.expect("loads").roots[0].into(), "head").expect("head");
    while header.height > 0 {
        let parent = header.parents.cids()[0];
        header = crate::load(&store, &parent, "block header").expect("parent");
    }
    (store, header.parent_state_root)
}
