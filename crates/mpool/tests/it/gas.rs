//! Dry runs and estimates on the head of `mock-chain`.

use std::sync::Arc;

use lotus_blockstore::{SharedBlockstore, car};
use lotus_mpool::gas;
use lotus_networks::{Network, bundles};
use lotus_state::{StateFault, StateManager, execute::Executor, exported::ExportedChain};
use lotus_types::{Cid, Message, Receipt, Tipset, TokenAmount};
use lotus_vm::{BundleStore, FilecoinVm};
use serde::Deserialize;
use serde_json::Value;

const FIXTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/lotus/mock-chain"
);

struct Recorded {
    states: StateManager,
    head: Tipset,
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    method: String,
    params: Vec<Value>,
    result: Option<Value>,
    error: Option<Value>,
}

impl Call {
    fn message(&self) -> Message {
        serde_json::from_value(self.params[0].clone()).unwrap()
    }
}

fn recorded() -> Recorded {
    let store = SharedBlockstore::memory();
    let manifest = bundles::testing_fake_proofs();
    let bundle = BundleStore::from_environment()
        .load(&manifest)
        .unwrap_or_else(|e| panic!("{e}"));
    bundle.load_into(&store).unwrap();
    let file = format!("{FIXTURES}/chain.car.zst");
    let loaded = car::load_file(file.as_ref(), &store).unwrap();
    let head: Vec<Cid> = loaded.roots.into_iter().map(Cid::from).collect();
    let chain = Arc::new(ExportedChain::open(store.clone(), &head).unwrap());
    // Only the genesis state is in the export; the head's is made by executing the chain.
    let head = chain.tipsets().last().unwrap().clone();
    let tipsets = chain.tipsets().to_vec();
    let states = StateManager::new(Executor {
        view: chain,
        store,
        vm: Arc::new(FilecoinVm::from_environment()),
        network: Arc::new(Network::devnet("test")),
        round_of: Arc::new(|epoch| epoch as u64 + 100),
    });
    for tipset in &tipsets {
        states.tipset_state(tipset).unwrap();
    }
    let text = std::fs::read_to_string(format!("{FIXTURES}/gas-calls.jsonl")).unwrap();
    let calls = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    Recorded {
        states,
        head,
        calls,
    }
}

/// One walk over all recorded calls, since opening the chain takes most of the time.
#[test]
fn dry_runs_and_estimates_are_those_of_lotus() {
    let Recorded {
        states,
        head,
        calls,
    } = recorded();
    let mut compared = 0;
    for call in &calls {
        match (call.method.as_str(), &call.result) {
            ("StateCall", Some(result)) => {
                let called = states.call(&call.message(), &head).unwrap();
                let receipt: Receipt = serde_json::from_value(result["MsgRct"].clone()).unwrap();
                assert_eq!(called.applied.receipt, receipt, "{:?}", call.message());
                let applied: Message = serde_json::from_value(result["Msg"].clone()).unwrap();
                assert_eq!(called.message, applied);
            }
            ("StateCall", None) => {
                assert!(call.error.is_some());
                let refused = states.call(&call.message(), &head);
                assert!(
                    matches!(refused, Err(StateFault::Refused(_))),
                    "{refused:?}"
                );
            }
            ("GasEstimateGasLimit", Some(result)) => {
                let estimated = gas::gas_limit(&states, &call.message(), &[], &head).unwrap();
                assert_eq!(Some(estimated), result.as_i64());
            }
            ("GasEstimateFeeCap", Some(result)) => {
                let blocks = u32::try_from(call.params[1].as_u64().unwrap()).unwrap();
                let premium = call.message().gas_premium;
                let cap = gas::fee_cap(head.parent_base_fee(), &premium, blocks);
                let recorded: TokenAmount = serde_json::from_value(result.clone()).unwrap();
                assert_eq!(cap, recorded);
            }
            other => panic!("no comparison for {other:?}"),
        }
        compared += 1;
    }
    assert_eq!(compared, 7);
    no_estimate_for_a_message_that_fails(&states, &head, &calls);
    the_premium_of_an_idle_chain_is_the_least_one(&states, &head);
}

fn no_estimate_for_a_message_that_fails(states: &StateManager, head: &Tipset, calls: &[Call]) {
    let good = calls
        .iter()
        .find(|c| c.method == "GasEstimateGasLimit")
        .unwrap()
        .message();
    let bad = Message { method: 99, ..good };
    let failed = gas::gas_limit(states, &bad, &[], head);
    assert!(
        matches!(failed, Err(gas::EstimateError::Failed { .. })),
        "{failed:?}"
    );
}

fn the_premium_of_an_idle_chain_is_the_least_one(states: &StateManager, head: &Tipset) {
    let known = gas::PriceCache::default();
    let premium = |blocks| gas::premium(states.view(), &known, head, blocks, 1.0).unwrap();
    assert_eq!(premium(1), TokenAmount::from_atto(2 * gas::MIN_GAS_PREMIUM));
    assert_eq!(
        premium(2),
        TokenAmount::from_atto(gas::MIN_GAS_PREMIUM * 3 / 2)
    );
    assert_eq!(premium(10), TokenAmount::from_atto(gas::MIN_GAS_PREMIUM));
}
