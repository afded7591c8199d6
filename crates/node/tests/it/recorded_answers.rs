//! A chain that a Go Lotus made is loaded into a node, executed again, and the node is asked what the
//! Go Lotus was asked. The answers must be equal as JSON.

use std::{
    collections::BTreeMap,
    fs::File,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lotus_beacon::MockBeacon;
use lotus_blockstore::car::{CarLimits, CarReader};
use lotus_networks::Network;
use lotus_node::{FullNodeConfig, start_full_node};
use lotus_ports::beacon::BeaconSchedule;
use lotus_proofs::MockVerifier;
use lotus_rpc_api::{CallStyle, Dispatcher, Outcome, Permission, full};
use lotus_runtime::{metrics::Metrics, supervisor::Supervisor};
use lotus_types::{Cid, KeyInfo};
use lotus_vm::{BundleStore, FilecoinVm};
use serde_json::{Value, value::RawValue};

const FAKE_PROOFS_MANIFEST: &str = "bafy2bzaceas7ozlvrnt7hjwccu5vlgioqltszouymtbacntg44g5mgvaqvypw";

/// Methods whose answers are known to differ, or that are not served yet.
const NOT_YET: &[&str] = &[
    "ChainGetNode",
    "ChainStatObj",
    "MsigAddPropose",
    "MsigApprove",
    "MsigCancel",
    "MsigCreate",
    "MsigGetAvailableBalance",
    "MsigGetPending",
    "MsigGetVested",
    "MsigGetVestingSchedule",
    "MsigPropose",
    "MsigRemoveSigner",
    "MsigSwapPropose",
    "StateCall",
    "StateCirculatingSupply",
    "StateDecodeParams",
    "StateEncodeParams",
    "StateReplay",
];

#[derive(serde::Deserialize)]
struct Call {
    method: String,
    params: Box<RawValue>,
    #[serde(default)]
    result: Value,
    error: Option<RecordedError>,
}

#[derive(serde::Deserialize)]
struct RecordedError {
    code: i64,
}

/// Equal and different answers of a method, and one difference.
#[derive(Default)]
struct Count {
    equal: usize,
    different: usize,
    example: String,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/lotus")
        .join(name)
}

/// Takes out what depends on the machine: how long things took.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for timing in ["Duration", "tt"] {
                fields.remove(timing);
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

async fn dispatcher(name: &str) -> (Dispatcher, Supervisor) {
    let network = Network {
        actors_manifest: None,
        ..Network::devnet("test")
    };
    let beacons = BeaconSchedule::new(Arc::new(MockBeacon));
    let manifest: Cid = FAKE_PROOFS_MANIFEST.parse().unwrap();
    let mut config = FullNodeConfig::in_memory(
        network,
        Arc::new(FilecoinVm::new()),
        Arc::new(MockVerifier),
        beacons,
    );
    config.actors_manifest = Some(manifest);
    let bundle = BundleStore::from_environment()
        .load(&manifest)
        .unwrap_or_else(|e| panic!("{e}"));
    bundle.load_into(&config.stores.blocks).unwrap();
    let chain = lotus_node::genesis::open_chain(&config.stores).unwrap();
    let file = File::open(fixture(name).join("chain.car.zst")).unwrap();
    let car = CarReader::new(file, CarLimits::default()).unwrap();
    let imported = chain.import(car, |_| ControlFlow::Continue(())).unwrap();
    chain.set_head(&imported.head).unwrap();
    let wallet = lotus_wallet::Wallet::new(Arc::clone(&config.keys));
    for key in keys(name) {
        wallet.import(&key).unwrap();
    }
    let supervisor = Supervisor::new(Duration::from_secs(5));
    // The chain was exported with the genesis state only: execute it from there.
    let states = lotus_node::start::states(&config, &chain);
    let mut tipsets: Vec<_> = chain
        .walk_back(imported.head)
        .collect::<Result<_, _>>()
        .unwrap();
    tipsets.reverse();
    tokio::task::spawn_blocking(move || {
        for pair in tipsets.windows(2) {
            let state = states.tipset_state(&pair[0]).unwrap();
            assert_eq!(state.state_root, pair[1].parent_state_root());
            assert_eq!(state.receipts_root, pair[1].parent_message_receipts());
        }
    })
    .await
    .unwrap();
    let node = start_full_node(config, &supervisor.tasks(), &Metrics::new("test"))
        .await
        .unwrap();
    (full::dispatcher(&node.api), supervisor)
}

fn keys(name: &str) -> Vec<KeyInfo> {
    let text = std::fs::read_to_string(fixture(name).join("meta.json")).unwrap();
    let meta: Value = serde_json::from_str(&text).unwrap();
    let hex = |k: &Value| k["key_info_hex"].as_str().unwrap().to_owned();
    let decode = |text: String| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap())
            .collect()
    };
    let keys = meta["keys"].as_object().unwrap().values();
    keys.map(|k| serde_json::from_slice(&decode(hex(k))).unwrap())
        .collect()
}

/// `None` when the answer is as recorded.
async fn difference(node: &Dispatcher, call: &Call) -> Option<String> {
    let method = format!("Filecoin.{}", call.method);
    let style = CallStyle::RequestResponse;
    let answer = node
        .call(&method, Some(&call.params), &Permission::ALL, style)
        .await;
    match (answer, &call.error) {
        (Ok(outcome), None) => {
            let mut ours = match outcome {
                Outcome::Value(json) => serde_json::from_str(json.get()).unwrap(),
                _ => Value::Null,
            };
            let mut theirs = call.result.clone();
            strip(&mut ours);
            strip(&mut theirs);
            (ours != theirs).then(|| format!("ours {ours}\n  theirs {theirs}"))
        }
        (Err(ours), Some(theirs)) => (ours.code() != Some(theirs.code)).then(|| {
            format!(
                "our code {:?} ({ours}), theirs {}",
                ours.code(),
                theirs.code
            )
        }),
        (Ok(_), Some(theirs)) => Some(format!("we answered, they refused with {}", theirs.code)),
        (Err(ours), None) => Some(format!("we refused: {ours}")),
    }
}

async fn compare(name: &str) {
    let (node, _supervisor) = dispatcher(name).await;
    let path = std::env::var_os("LOTUS_RECORDED_CALLS").map_or_else(
        || fixture(name).join("rpc-v1.read.jsonl"),
        |d| PathBuf::from(d).join(name).join("rpc-v1.jsonl"),
    );
    let text = std::fs::read_to_string(path).unwrap();
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for line in text.lines() {
        let call: Call = serde_json::from_str(line).unwrap();
        let found = difference(&node, &call).await;
        let count = counts.entry(call.method.clone()).or_default();
        match found {
            None => count.equal += 1,
            Some(difference) => {
                count.different += 1;
                let short: String = difference.chars().take(1500).collect();
                count.example = format!("{} → {short}", call.params.get());
            }
        }
    }
    println!("{:<42} equal different", "method");
    for (method, count) in &counts {
        println!("{method:<42} {:>5} {:>9}", count.equal, count.different);
    }
    let wrong = counts
        .iter()
        .filter(|(method, count)| count.different > 0 && !NOT_YET.contains(&method.as_str()));
    let wrong: Vec<_> = wrong.map(|(m, c)| format!("{m} {}", c.example)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let equal: usize = counts.values().map(|c| c.equal).sum();
    assert!(equal > 100, "only {equal} answers were compared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_mock_chain_are_given_again() {
    compare("mock-chain").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_chain_of_two_miners_are_given_again() {
    compare("mock-chain-two").await;
}
