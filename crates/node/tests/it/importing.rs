//! A chain in a file: every block of it is judged before it becomes the node's chain.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use lotus_beacon::MockBeacon;
use lotus_blockstore::car::{CarLimits, CarReader, CarWriter};
use lotus_chain::{ChainStore, ExportOptions};
use lotus_networks::{Network, bundles};
use lotus_node::{
    FullNodeConfig, Stores,
    genesis::open_chain,
    import::{self, ImportError},
};
use lotus_ports::beacon::BeaconSchedule;
use lotus_proofs::MockVerifier;
use lotus_types::{BlockHeader, Cid, Tipset, TokenAmount, wire};
use lotus_vm::{BundleStore, FilecoinVm};

/// A few epochs of a recorded chain are enough: later ones are judged like them.
const EPOCHS: i64 = 5;

/// The first epochs of the recorded chain.
fn recorded() -> (ChainStore, Tipset) {
    let chain = open_chain(&Stores::memory()).unwrap();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/mock-chain/chain.car.zst"
    );
    let car = CarReader::open(Path::new(path)).unwrap();
    let imported = chain.import(car, |_| ControlFlow::Continue(())).unwrap();
    let head = chain.tipset_by_height(EPOCHS, &imported.head, true);
    (chain, head.unwrap())
}

fn exported(chain: &ChainStore, head: &Tipset) -> Vec<u8> {
    let roots: Vec<_> = head.cids().iter().map(|cid| *cid.inner()).collect();
    let mut out = CarWriter::new(Vec::new(), &roots).unwrap();
    let options = ExportOptions {
        without_code: true,
        ..ExportOptions::default()
    };
    chain
        .export(head, options, &mut out, |_| ControlFlow::Continue(()))
        .unwrap();
    out.finish().unwrap()
}

fn config(network: Network) -> FullNodeConfig {
    let beacons = BeaconSchedule::new(Arc::new(MockBeacon));
    let vm = Arc::new(FilecoinVm::from_environment());
    FullNodeConfig::in_memory(network, vm, Arc::new(MockVerifier), beacons)
}

fn load(config: &FullNodeConfig, file: &[u8]) -> Result<lotus_chain::Imported, ImportError> {
    let car = CarReader::new(file, CarLimits::default()).unwrap();
    import::load(&config.stores, &config.network, car, |_| {
        ControlFlow::Continue(())
    })
}

/// With the actors, which no export of a test network has.
fn with_actors() -> FullNodeConfig {
    let config = config(Network::devnet("test"));
    let bundle = BundleStore::from_environment().load(&bundles::testing_fake_proofs());
    let bundle = bundle.unwrap_or_else(|e| panic!("{e}"));
    bundle.load_into(&config.stores.blocks).unwrap();
    config
}

fn altered(chain: &ChainStore, head: &Tipset, alter: impl Fn(&mut BlockHeader)) -> Tipset {
    let mut header = head.min_ticket_block().clone();
    alter(&mut header);
    let altered = Tipset::new(vec![header]).unwrap();
    chain.put_headers(altered.blocks()).unwrap();
    altered
}

fn head(config: &FullNodeConfig) -> Option<Tipset> {
    open_chain(&config.stores).unwrap().head()
}

#[test]
fn becomes_the_chain_when_all_of_it_is_valid() {
    let (chain, tip) = recorded();
    let config = with_actors();
    let imported = load(&config, &exported(&chain, &tip)).unwrap();
    assert_eq!(head(&config), None);
    let mut epochs = Vec::new();
    import::validate(&config, &imported, |epoch| epochs.push(epoch)).unwrap();
    assert_eq!(epochs, (0..=EPOCHS).collect::<Vec<_>>());
    assert_eq!(head(&config), Some(tip.clone()));
    // The next start does not have to execute it.
    let record = config.stores.metadata.get("/state/executed").unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record.unwrap()).unwrap();
    assert_eq!(
        record["executed"][0]["tipset"],
        serde_json::json!(tip.key())
    );
}

#[test]
fn is_refused_by_the_rule_that_a_block_of_it_breaks() {
    let (chain, tip) = recorded();
    let bad = altered(&chain, &tip, |header| {
        header.parent_base_fee = &header.parent_base_fee + &TokenAmount::from_atto(1);
    });
    let config = with_actors();
    let imported = load(&config, &exported(&chain, &bad)).unwrap();
    let refused = import::validate(&config, &imported, |_| ()).unwrap_err();
    let ImportError::Invalid {
        cid,
        height,
        reason,
    } = &refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((**cid, *height), (bad.cids()[0], EPOCHS));
    assert!(reason.contains("base fee"), "{reason}");
    assert_eq!(head(&config), None);
}

#[test]
fn of_another_network_names_nothing() {
    let (chain, tip) = recorded();
    let elsewhere = Cid::of_block(b"elsewhere");
    let config = config(Network {
        genesis: Some(elsewhere),
        ..Network::devnet("test")
    });
    let refused = load(&config, &exported(&chain, &tip)).unwrap_err();
    let genesis = chain.genesis().unwrap().cid();
    let said = refused.to_string();
    assert!(said.contains(&genesis.to_string()), "{said}");
    assert!(said.contains(&elsewhere.to_string()), "{said}");
    assert!(open_chain(&config.stores).unwrap().genesis().is_none());
}

#[test]
fn that_is_cut_short_names_nothing() {
    let (chain, tip) = recorded();
    let file = exported(&chain, &tip);
    let config = config(Network::devnet("test"));
    let refused = load(&config, &file[..file.len() / 2]).unwrap_err();
    assert!(refused.to_string().contains("truncated"), "{refused}");
    assert!(open_chain(&config.stores).unwrap().genesis().is_none());
}

/// Whole, but for one block in its midst.
#[test]
fn that_lacks_a_block_names_nothing() {
    let (chain, tip) = recorded();
    let orphan = altered(&chain, &tip, |header| {
        header.parents = [Cid::of_block(b"nowhere")].into_iter().collect();
    });
    let roots = [*orphan.cids()[0].inner()];
    let mut out = CarWriter::new(Vec::new(), &roots).unwrap();
    out.write(&roots[0], &wire::to_cbor(orphan.min_ticket_block()))
        .unwrap();
    let config = config(Network::devnet("test"));
    let refused = load(&config, &out.finish().unwrap()).unwrap_err();
    assert!(refused.to_string().contains("not found"), "{refused}");
    assert!(open_chain(&config.stores).unwrap().genesis().is_none());
}
