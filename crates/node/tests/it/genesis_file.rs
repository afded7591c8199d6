//! A store that was given its genesis from a file.

use std::{fs::File, ops::ControlFlow, path::Path};

use lotus_blockstore::{
    SharedBlockstore,
    car::{self, CarLimits, CarReader, CarWriter, LoadOptions},
};
use lotus_chain::ExportOptions;
use lotus_networks::Network;
use lotus_node::{Stores, ensure_genesis};
use lotus_types::Cid;

/// The parent that every genesis names is no block, but Lotus' exports hold it.
#[test]
fn exports_all_that_the_file_had() {
    let recorded = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/real-chain/genesis.car"
    );
    let stores = Stores::memory();
    let network = Network::devnet("localnet");
    let file = File::open(Path::new(recorded)).unwrap();
    let (chain, genesis) = ensure_genesis(&stores, &network, Some(file)).unwrap();

    let options = ExportOptions {
        without_code: true,
        ..ExportOptions::default()
    };
    let head = chain.head().unwrap();
    let mut out = CarWriter::new(Vec::new(), &[*genesis.cid().inner()]).unwrap();
    let exported = chain.export(&head, options, &mut out, |_| ControlFlow::Continue(()));
    exported.unwrap();

    let file = out.finish().unwrap();
    let reader = CarReader::new(&file[..], CarLimits::default()).unwrap();
    let store = SharedBlockstore::memory();
    car::load(reader, &store, LoadOptions::default(), |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    let has = |cid: &Cid| lotus_blockstore::Blockstore::has(&store, cid.inner()).unwrap();
    assert!(genesis.parents.cids().iter().all(has));
    assert!(has(&genesis.parent_state_root));
}
