//! Every block of the recorded chains is valid.

use crate::chains::{Recorded, mock, real};

fn every_block_is_valid(recorded: &Recorded, blocks: usize) {
    let mut validated = 0;
    for tipset in recorded.chain.tipsets().iter().filter(|t| t.height() > 0) {
        for header in tipset.blocks() {
            let block = recorded.full_block(header);
            let judged = recorded.validator.validate(&block, recorded.now());
            judged.unwrap_or_else(|e| panic!("block {} at {}: {e}", header.cid(), header.height));
            validated += 1;
        }
    }
    assert_eq!(validated, blocks);
}

#[test]
fn on_the_mock_chain() {
    every_block_is_valid(&mock("mock-chain"), 678);
}

#[test]
fn on_the_mock_chain_of_two_miners() {
    every_block_is_valid(&mock("mock-chain-two"), 987);
}

#[test]
fn on_the_chain_with_real_proofs() {
    every_block_is_valid(&real(), 192);
}
