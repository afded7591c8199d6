//! A chain that a Go Lotus made is loaded into a node, executed again, and the node is asked what the
//! Go Lotus was asked. The answers must be equal as JSON.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lotus_blockstore::{SharedBlockstore, car};
use lotus_networks::{Network, bundles};
use lotus_node::{RunningNode, offline::OfflineChain};
use lotus_proofs::MockVerifier;
use lotus_rpc_api::{CallStyle, Dispatcher, Outcome, Permission, full};
use lotus_runtime::{metrics::Metrics, supervisor::Supervisor};
use lotus_types::{Cid, KeyInfo, TipsetKey};
use lotus_vm::{BundleStore, FilecoinVm};
use serde_json::{Value, value::RawValue};

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
    message: String,
}

/// Begins the Rust backtrace that a Go Lotus adds to a failure inside the VM: of its build alone.
const STACK_BACKTRACE: &str = "\n\nStack backtrace:";

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

/// The recorded chain as an offline node.
pub(crate) async fn node_of(name: &str) -> (RunningNode, Supervisor) {
    let blocks = SharedBlockstore::memory();
    let manifest = bundles::testing_fake_proofs();
    let bundle = BundleStore::from_environment()
        .load(&manifest)
        .unwrap_or_else(|e| panic!("{e}"));
    bundle.load_into(&blocks).unwrap();
    let loaded = car::load_file(&fixture(name).join("chain.car.zst"), &blocks).unwrap();
    let head = loaded.roots.into_iter().map(Cid::from).collect();
    let chain = OfflineChain {
        keys: keys(name),
        ..OfflineChain::mock(
            blocks,
            TipsetKey::new(head),
            Network::devnet("an offline node"),
            Arc::new(FilecoinVm::from_environment()),
            Arc::new(MockVerifier),
        )
    };
    let supervisor = Supervisor::new(Duration::from_secs(5));
    let node = chain
        .start(&supervisor.tasks(), &Metrics::new("test"), |_| {})
        .await
        .unwrap();
    (node, supervisor)
}

/// What is known of a recorded chain beside it.
pub(crate) fn meta(name: &str) -> Value {
    let text = std::fs::read_to_string(fixture(name).join("meta.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn keys(name: &str) -> Vec<KeyInfo> {
    let meta = meta(name);
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
        (Err(ours), Some(theirs)) => {
            let text = theirs.message.split(STACK_BACKTRACE).next();
            let ours = ours.into_object();
            let same = ours.code == theirs.code && Some(ours.message.as_str()) == text;
            (!same).then(|| {
                let (code, message) = (theirs.code, &theirs.message);
                format!(
                    "ours {} {:?}\n  theirs {code} {message:?}",
                    ours.code, ours.message
                )
            })
        }
        (Ok(_), Some(theirs)) => Some(format!("we answered, they refused with {}", theirs.code)),
        (Err(ours), None) => Some(format!("we refused: {ours}")),
    }
}

fn recorded(name: &str, version: &str) -> String {
    if let Some(folder) = std::env::var_os("LOTUS_RECORDED_CALLS") {
        let file = format!("{name}/rpc-{version}.jsonl");
        return std::fs::read_to_string(PathBuf::from(folder).join(file)).unwrap();
    }
    if version == "v0" {
        return std::fs::read_to_string(fixture(name).join("rpc-v0.jsonl")).unwrap();
    }
    let packed = std::fs::read(fixture(name).join("rpc-v1.jsonl.zst")).unwrap();
    String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap()
}

async fn compare(name: &str) {
    let (node, _supervisor) = node_of(name).await;
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let versions = [
        ("v1", full::dispatcher(&node.api)),
        ("v0", full::v0::dispatcher(&node.api)),
    ];
    for (version, node) in versions {
        for line in recorded(name, version).lines() {
            let call: Call = serde_json::from_str(line).unwrap();
            let found = difference(&node, &call).await;
            let count = counts.entry(call.method.clone()).or_default();
            match found {
                None => count.equal += 1,
                Some(difference) => {
                    count.different += 1;
                    let short: String = difference.chars().take(1500).collect();
                    count.example = format!("{version} {} → {short}", call.params.get());
                }
            }
        }
    }
    println!("{:<42} equal different", "method");
    for (method, count) in &counts {
        println!("{method:<42} {:>5} {:>9}", count.equal, count.different);
    }
    let wrong = counts.iter().filter(|(_, count)| count.different > 0);
    let wrong: Vec<_> = wrong.map(|(m, c)| format!("{m} {}", c.example)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let equal: usize = counts.values().map(|c| c.equal).sum();
    assert!(equal > 2500, "only {equal} answers were compared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_mock_chain_are_given_again() {
    compare("mock-chain").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_chain_of_two_miners_are_given_again() {
    compare("mock-chain-two").await;
}
