//! Circulating supply against what Lotus answered.

use lotus_actors::{StateTree, StateTreeWriter, address};
use lotus_state::{
    ChainView as _,
    replay::replay,
    supply::{CirculatingSupply, circulating, exact},
};
use lotus_types::{TipsetKey, TokenAmount};
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

/// Lotus knows no place for FIL that someone sent to the DataCap actor, and refuses to count.
#[test]
fn what_the_datacap_actor_holds_is_not_expected() {
    let (chain, executor) = mock_chain("mock-chain");
    let (store, root) = (&executor.store, chain.genesis().parent_state_root());
    let tree = StateTree::load(store, &root).unwrap();
    exact(&tree, 0).unwrap();
    let mut changed = StateTreeWriter::load(store, &root).unwrap();
    let id = address::DATACAP.id().unwrap();
    let mut actor = tree.actor_by_id(id).unwrap().unwrap();
    actor.balance = TokenAmount::from_atto(1);
    changed.set_actor(id, actor).unwrap();
    let root = changed.flush().unwrap();
    let refused = exact(&StateTree::load(store, &root).unwrap(), 0).unwrap_err();
    let text = format!("unexpected actor: {}", address::DATACAP);
    assert_eq!(refused.to_string(), text);
}
