//! The recorded chains, ready to execute. Shared by the tests of `state` and `consensus`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lotus_blockstore::{SharedBlockstore, car};
use lotus_networks::{Network, bundles};
use lotus_state::{execute::Executor, exported::ExportedChain, randomness::RoundOfEpoch};
use lotus_types::{ChainEpoch, Cid};
use lotus_vm::BundleStore;

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/lotus")
        .join(name)
}

/// A chain of mock proofs and the mock beacon.
pub(crate) fn mock_chain(name: &str) -> (Arc<ExportedChain>, Executor) {
    open(
        name,
        &bundles::testing_fake_proofs(),
        Arc::new(|epoch| epoch as u64 + 100),
    )
}

/// The chain with real proofs and a drand chain of 10 s rounds, like its block time.
pub(crate) fn real_chain() -> (Arc<ExportedChain>, Executor) {
    const GENESIS: i64 = 1_795_354_620;
    const DRAND_GENESIS: i64 = 1_795_354_242;
    let round = |epoch: ChainEpoch| ((GENESIS + 10 * (epoch - 1) - DRAND_GENESIS) / 10 + 1) as u64;
    open("real-chain", &bundles::devnet(), Arc::new(round))
}

fn open(name: &str, manifest: &Cid, round_of: RoundOfEpoch) -> (Arc<ExportedChain>, Executor) {
    let store = SharedBlockstore::memory();
    let bundle = BundleStore::from_environment()
        .load(manifest)
        .unwrap_or_else(|e| panic!("{e}"));
    bundle.load_into(&store).unwrap();
    let loaded = car::load_file(&fixture(name).join("chain.car.zst"), &store).unwrap();
    let head: Vec<Cid> = loaded.roots.into_iter().map(Cid::from).collect();
    let chain = Arc::new(ExportedChain::open(store.clone(), &head).unwrap());
    let executor = Executor {
        view: Arc::clone(&chain) as _,
        store,
        vm: crate::vm() as _,
        network: Arc::new(Network::devnet("test")),
        round_of,
    };
    (chain, executor)
}
