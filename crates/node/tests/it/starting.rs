//! A node that is started on a chain whose head nobody has executed yet: nothing in it may wait for
//! the VM, which would first have to compile the actors.

use std::{
    fs::File,
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use lotus_beacon::MockBeacon;
use lotus_blockstore::car::CarReader;
use lotus_networks::{Network, singletons::REWARD_ACTOR};
use lotus_node::{FullNodeConfig, RunningNode, Stores, config::version, start_full_node};
use lotus_ports::{
    beacon::BeaconSchedule,
    vm::{Externs, Machine, MachineContext, StateStore, Vm, VmError},
};
use lotus_proofs::MockVerifier;
use lotus_rpc_api::full::ChainApi as _;
use lotus_runtime::{metrics::Metrics, supervisor::Supervisor};
use lotus_types::{BlockHeader, Cid, Message, Signature, SignedMessage, Tipset, TokenAmount, wire};
use serde_json::json;
use tokio::sync::Semaphore;

const PATIENCE: Duration = Duration::from_secs(120);

/// Machines are not to be had before the gate opens, and not after it.
#[derive(Debug)]
struct Gate {
    asked: AtomicU32,
    open: Semaphore,
}

impl Gate {
    fn closed() -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicU32::new(0),
            open: Semaphore::new(0),
        })
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Vm for Gate {
    fn machine(
        &self,
        _: &MachineContext,
        _: StateStore,
        _: Arc<dyn Externs>,
    ) -> Result<Box<dyn Machine>, VmError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        while self.open.available_permits() == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(VmError::new("there is no VM".to_owned()))
    }
}

/// Stores with the first epoch of the recorded chain, the last that begins from a state in its export;
/// its genesis and its head.
fn recorded() -> (Stores, Arc<BlockHeader>, Tipset) {
    let stores = Stores::memory();
    let chain = lotus_node::genesis::open_chain(&stores).unwrap();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/mock-chain/chain.car.zst"
    );
    let car = CarReader::open(Path::new(path)).unwrap();
    let imported = chain.import(car, |_| ControlFlow::Continue(())).unwrap();
    let head = chain.tipset_by_height(1, &imported.head, true).unwrap();
    chain.set_head(&head).unwrap();
    (stores, imported.genesis, head)
}

fn config(stores: &Stores, vm: &Arc<Gate>) -> FullNodeConfig {
    let beacons = BeaconSchedule::new(Arc::new(MockBeacon));
    let network = Network::devnet("test");
    let vm = Arc::clone(vm) as _;
    FullNodeConfig {
        stores: stores.clone(),
        ..FullNodeConfig::in_memory(network, vm, Arc::new(MockVerifier), beacons)
    }
}

async fn start(stores: &Stores, vm: &Arc<Gate>) -> (RunningNode, Supervisor) {
    let supervisor = Supervisor::new(Duration::from_secs(5));
    let (tasks, metrics) = (supervisor.tasks(), Metrics::new("test"));
    let starting = start_full_node(config(stores, vm), &tasks, &metrics);
    let node = tokio::time::timeout(PATIENCE, starting).await;
    (
        node.expect("a start that waits for nothing").unwrap(),
        supervisor,
    )
}

/// Writes down, as an earlier run of the node would have, that executing `head` gave `state`.
fn note(stores: &Stores, head: &Tipset, state: Cid, genesis: &BlockHeader) {
    let executed = json!([{
        "tipset": head.key(),
        "state": state,
        "receipts": genesis.parent_message_receipts,
    }]);
    let record = json!({"version": version(), "executed": executed});
    let record = record.to_string();
    let noted = stores.metadata.set("/state/executed", record.as_bytes());
    noted.unwrap();
}

/// Waits until `condition` holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.expect(what);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_while_its_pool_waits_for_the_vm() {
    let (stores, _, head) = recorded();
    let message = SignedMessage {
        message: Message::transfer(REWARD_ACTOR, REWARD_ACTOR, TokenAmount::zero()),
        signature: Signature::new_secp256k1(vec![0; 65]),
    };
    let kept = wire::to_cbor(&message);
    let name = format!("/mpool/local/{}", message.cid());
    stores.metadata.set(&name, &kept).unwrap();
    let vm = Gate::closed();
    let (node, _supervisor) = start(&stores, &vm).await;
    until("the pool to ask for a machine", || vm.asked() > 0).await;
    assert_eq!(node.api.chain_head().await.unwrap(), head);
    vm.open.add_permits(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_not_execute_a_head_that_an_earlier_run_has_executed() {
    let (stores, genesis, head) = recorded();
    // Any state that is in the store will do; the chain's own are not in its export.
    note(&stores, &head, genesis.parent_state_root, &genesis);
    let vm = Gate::closed();
    let (node, _supervisor) = start(&stores, &vm).await;
    let nonce = node.mpool.next_nonce(REWARD_ACTOR).await;
    assert_eq!(nonce.unwrap(), Some(0));
    let state = node.states.tipset_state_async(&head).await.unwrap();
    assert_eq!(state.state_root, genesis.parent_state_root);
    assert_eq!(vm.asked(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_not_believe_a_record_of_a_state_that_is_not_there() {
    let (stores, genesis, head) = recorded();
    note(&stores, &head, Cid::of_block(b"nowhere"), &genesis);
    let vm = Gate::closed();
    vm.open.add_permits(1);
    let (node, _supervisor) = start(&stores, &vm).await;
    let state = node.states.tipset_state_async(&head).await;
    assert!(state.is_err(), "{state:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_down_what_executing_its_head_gave() {
    let stores = Stores::memory();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/real-chain/genesis.car"
    );
    // Genesis stands for itself: it takes no VM.
    let file = File::open(path).unwrap();
    lotus_node::ensure_genesis(&stores, &Network::devnet("test"), Some(file)).unwrap();
    let vm = Gate::closed();
    let (node, _supervisor) = start(&stores, &vm).await;
    let genesis = node.chain.head().unwrap();
    let record = || stores.metadata.get("/state/executed").unwrap();
    until("the record", || record().is_some()).await;
    let record: serde_json::Value = serde_json::from_slice(&record().unwrap()).unwrap();
    assert_eq!(record["executed"][0]["tipset"], json!(genesis.key()));
    assert_eq!(
        record["executed"][0]["state"],
        json!(genesis.parent_state_root())
    );
    assert_eq!(vm.asked(), 0);
}
