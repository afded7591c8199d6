//! Every tipset gives the state and receipts that the next header names.

use lotus_state::replay::{Replayed, replay};

use crate::recorded::{mock_chain, real_chain};

fn assert_clean(replayed: &Replayed, tipsets: u64) {
    assert_eq!(replayed.mismatches, []);
    assert_eq!(replayed.tipsets, tipsets);
}

#[test]
fn of_the_mock_chain_comes_out_equal() {
    let (chain, executor) = mock_chain("mock-chain");
    assert_clean(
        &replay(&executor, chain.tipsets(), None, |_| ()).unwrap(),
        678,
    );
}

#[test]
fn of_the_mock_chain_of_two_miners_comes_out_equal() {
    let (chain, executor) = mock_chain("mock-chain-two");
    assert_clean(
        &replay(&executor, chain.tipsets(), None, |_| ()).unwrap(),
        917,
    );
}

#[test]
fn of_the_chain_with_real_proofs_comes_out_equal() {
    let (chain, executor) = real_chain();
    assert_clean(
        &replay(&executor, chain.tipsets(), None, |_| ()).unwrap(),
        192,
    );
}
