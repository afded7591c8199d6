//! Circulating supply against what Lotus answered.

use lotus_actors::StateTree;
use lotus_state::{
    ChainView as _,
    replay::replay,
    supply::{CirculatingSupply, circulating},
};
use lotus_types::TipsetKey;
use serde::Deserialize;

use crate::recorded::{fixture, mock_chain};

/// A recorded `StateVMCirculatingSupplyInternal`.
#[derive(Deserialize)]
struct Call {
    params: (TipsetKey,),
    result: CirculatingSupply,
}

#[test]
fn all_six_numbers_are_as_recorded() {
    let (chain, executor) = mock_chain("mock-chain");
    replay(&executor, chain.tipsets(), None, |_| ()).unwrap();
    let text = std::fs::read_to_string(fixture("mock-chain/supply.jsonl")).unwrap();
    let calls: Vec<Call> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(calls.len(), 72);
    for call in calls {
        let tipset = chain.tipset(&call.params.0).unwrap();
        // Lotus answers on the state before the tipset, at the tipset's height.
        let tree = StateTree::load(&executor.store, &tipset.parent_state_root()).unwrap();
        let ours = circulating(&executor.network, &tree, tipset.height()).unwrap();
        assert_eq!(ours, call.result, "at {}", tipset.height());
    }
}
