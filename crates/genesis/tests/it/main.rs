//! The genesis that a Go Lotus made of a template, made again.
//!
//! Needs the devnet's actor bundle, which `make bundle` builds.

mod options;
mod recorded;

use std::path::PathBuf;

use lotus_blockstore::SharedBlockstore;
use lotus_genesis::{Drawn, Template};
use lotus_networks::bundles;
use lotus_types::Cid;
use lotus_vm::{BundleStore, FilecoinVm};

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus")).join(path)
}

fn localnet() -> Template {
    let json = std::fs::read(fixture("real-chain/localnet.json")).expect("fixture");
    Template::parse(&json).expect("reads")
}

fn recorded_values() -> Drawn {
    Drawn::like(&fixture("real-chain/genesis.car"))
        .expect("a genesis")
        .0
}

/// A store with the devnet's actors.
fn store_with_actors() -> (SharedBlockstore, Cid) {
    let manifest = bundles::devnet();
    let bundle = BundleStore::from_environment()
        .load(&manifest)
        .expect("run `make bundle` first");
    let store = SharedBlockstore::memory();
    bundle.load_into(&store).expect("loads");
    (store, manifest)
}

/// One VM for all tests: the actors are compiled once.
fn vm() -> &'static FilecoinVm {
    static VM: std::sync::OnceLock<FilecoinVm> = std::sync::OnceLock::new();
    VM.get_or_init(FilecoinVm::from_environment)
}
