//! One node follows another over the recorded `mock-chain-two`, judged by the real rules.

use std::sync::Arc;

use lotus_beacon::MockBeacon;
use lotus_blockstore::{MemoryMetadata, SharedBlockstore, car};
use lotus_chain::{ChainStore, ChainStoreOptions, weight::BlockCountWeigher};
use lotus_consensus::BlockValidator;
use lotus_consensus::ExpectedConsensus;
use lotus_networks::{Network, bundles};
use lotus_ports::beacon::BeaconSchedule;
use lotus_proofs::MockVerifier;
use lotus_state::{StateManager, execute::Executor};
use lotus_sync::{NodeJudge, Stage};
use lotus_types::{Cid, Tipset, TipsetKey};
use lotus_vm::{BundleStore, FilecoinVm};

use crate::fakes::{BLOCK_DELAY, Node, Peer};

const CHAIN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/lotus/mock-chain-two/chain.car.zst"
);

/// The exporting node: all headers and messages, no state but genesis'.
fn exporter() -> (ChainStore, Tipset) {
    let blocks = SharedBlockstore::memory();
    let loaded = car::load_file(CHAIN.as_ref(), &blocks).unwrap();
    let head: TipsetKey = loaded.roots.into_iter().map(Cid::from).collect();
    let store = ChainStore::open(
        blocks,
        Arc::new(MemoryMetadata::new()),
        Arc::new(BlockCountWeigher),
        ChainStoreOptions::default(),
    );
    let store = store.unwrap();
    let head = store.tipset(&head).unwrap();
    let genesis = store.walk_back(head.clone()).last().unwrap().unwrap();
    store.set_genesis(genesis.min_ticket_block()).unwrap();
    (store, head)
}

/// A new node: the genesis state and the actors, nothing else.
fn newcomer(exporter: &ChainStore) -> (ChainStore, StateManager) {
    let genesis = Tipset::new(vec![(*exporter.genesis().unwrap()).clone()]).unwrap();
    let blocks = SharedBlockstore::memory();
    let manifest = bundles::testing_fake_proofs();
    let bundle = BundleStore::from_environment()
        .load(&manifest)
        .unwrap_or_else(|e| panic!("{e}"));
    bundle.load_into(&blocks).unwrap();
    // The state of genesis is read through to the export; headers and messages are not, since the
    // store asks for them only once they came by sync.
    let from = exporter.blocks();
    for root in [
        genesis.parent_state_root(),
        genesis.parent_message_receipts(),
    ] {
        copy_dag(from, &blocks, &root);
    }
    copy_dag(from, &blocks, &genesis.min_ticket_block().messages);
    let chain = ChainStore::open(
        blocks.clone(),
        Arc::new(MemoryMetadata::new()),
        Arc::new(ExpectedConsensus),
        ChainStoreOptions::default(),
    );
    let chain = chain.unwrap();
    chain.set_genesis(genesis.min_ticket_block()).unwrap();
    chain.add_tipset(&genesis).unwrap();
    let network = Network {
        block_delay_secs: BLOCK_DELAY,
        ..Network::devnet("test")
    };
    let states = StateManager::new(Executor {
        view: Arc::new(chain.clone()),
        store: blocks,
        vm: Arc::new(FilecoinVm::from_environment()),
        network: Arc::new(network),
        round_of: Arc::new(|epoch| epoch as u64 + 100),
    });
    (chain, states)
}

fn copy_dag(from: &SharedBlockstore, to: &SharedBlockstore, root: &Cid) {
    use lotus_blockstore::{Blockstore as _, dag::links};
    let mut open = vec![*root.inner()];
    while let Some(cid) = open.pop() {
        if to.has(&cid).unwrap() {
            continue;
        }
        // What is not in the export is raw code of the bundle, or of another chain.
        let Some(block) = from.get(&cid).unwrap() else {
            continue;
        };
        open.extend(links(&cid, &block).unwrap());
        to.put_keyed(&cid, &block).unwrap();
    }
}

#[tokio::test]
async fn a_new_node_follows_the_whole_recorded_chain() {
    let (exporter, head) = exporter();
    let (chain, states) = newcomer(&exporter);
    assert!(!chain.has_tipset(head.parents()).unwrap());
    let beacons = BeaconSchedule::new(Arc::new(MockBeacon));
    let validator = BlockValidator::new(states.clone(), beacons, Arc::new(MockVerifier));
    let node = Node::start(chain, Peer::of(exporter), NodeJudge::new(validator, states));
    node.announce("exporter", &head, 0);
    node.wait_for_head(&head).await;
    let status = node.ended(1).await;
    assert_eq!(status.works[0].stage, Stage::SyncComplete);
    assert_eq!(status.messages_applied, 157);
    assert_eq!(node.chain.walk_back(head).count(), 918);
}
