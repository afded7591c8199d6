//! A block that is altered in one place and signed again is refused for just that.

use lotus_consensus::{BlockError, Rule};
use lotus_crypto::SigningKey;
use lotus_types::{
    BeaconEntry, BigInt, BlockHeader, Cid, Signature, TokenAmount, block::FullBlock, key::KeyInfo,
};

use crate::{
    chains::{Recorded, real},
    recorded::fixture,
};

/// The miner's worker key, which the recording gives away.
fn worker() -> SigningKey {
    let text = std::fs::read_to_string(fixture("real-chain/localnet.json")).unwrap();
    let template: serde_json::Value = serde_json::from_str(&text).unwrap();
    let key = &template["Miners"][0]["Sectors"][0]["DealClientKey"];
    let info: KeyInfo = serde_json::from_value(key.clone()).unwrap();
    SigningKey::from_key_info(&info).unwrap()
}

/// A block that has messages, so that all of its parts mean something.
fn block_with_messages(recorded: &Recorded) -> FullBlock {
    let mut blocks = recorded.chain.tipsets().iter().flat_map(|t| t.blocks());
    let found = blocks.find_map(|h| {
        let block = recorded.full_block(h);
        (h.height > 20 && !block.bls_messages.is_empty()).then_some(block)
    });
    found.expect("the chain has messages after height 20")
}

fn other_cid() -> Cid {
    Cid::of_block(b"something else")
}

#[test]
fn and_the_rule_is_named() {
    type Alter = fn(&mut BlockHeader, &SigningKey);
    let alterations: [(Rule, Alter); 13] = [
        (Rule::Ticket, |h, key| {
            h.ticket.as_mut().unwrap().vrf_proof = key.sign(b"another draw").data;
        }),
        (Rule::ElectionProof, |h, key| {
            h.election_proof.as_mut().unwrap().vrf_proof = key.sign(b"another draw").data;
        }),
        (Rule::WinCount, |h, _| {
            h.election_proof.as_mut().unwrap().win_count += 1
        }),
        (Rule::WinningPoSt, |h, _| {
            let proof = &mut h.winning_post_proof[0].proof_bytes;
            let mut bytes = proof.to_vec();
            bytes.swap(0, 48);
            *proof = bytes.into();
        }),
        (Rule::BeaconEntries, |h, _| {
            let entry = h.beacon_entries.last_mut().unwrap();
            *entry = BeaconEntry {
                data: vec![7; 96].into(),
                ..entry.clone()
            };
        }),
        (Rule::Timestamp, |h, _| h.timestamp += 1),
        (Rule::Weight, |h, _| {
            h.parent_weight = BigInt::from(&h.parent_weight.0 + 1)
        }),
        (Rule::BaseFee, |h, _| {
            h.parent_base_fee = TokenAmount::from_atto(h.parent_base_fee.atto() + 1);
        }),
        (Rule::MessageRoot, |h, _| h.messages = other_cid()),
        (Rule::Aggregate, |h, key| {
            h.bls_aggregate = Some(key.sign(b"another message"))
        }),
        (Rule::ParentState, |h, _| h.parent_state_root = other_cid()),
        (Rule::ParentReceipts, |h, _| {
            h.parent_message_receipts = other_cid()
        }),
        (Rule::Miner, |h, _| {
            h.miner = lotus_types::Address::new_id(1)
        }),
    ];
    let (recorded, key) = (real().executed(), worker());
    let block = block_with_messages(&recorded);
    recorded
        .validator
        .validate(&block, recorded.now())
        .expect("unaltered it is valid");
    for (rule, alter) in alterations {
        let mut altered = block.clone();
        alter(&mut altered.header, &key);
        let signature = key.sign(&altered.header.signing_bytes());
        altered.header.block_signature = Some(signature);
        assert_refused(&recorded, &altered, rule);
    }
}

#[test]
fn and_a_foreign_signature_is_refused_as_such() {
    let recorded = real().executed();
    let mut block = block_with_messages(&recorded);
    let foreign =
        SigningKey::generate(&lotus_types::KeyType::Bls, &mut rand::thread_rng()).unwrap();
    let signature: Signature = foreign.sign(&block.header.signing_bytes());
    block.header.block_signature = Some(signature);
    assert_refused(&recorded, &block, Rule::BlockSignature);
}

#[test]
fn and_a_left_out_message_changes_the_root() {
    let recorded = real().executed();
    let mut block = block_with_messages(&recorded);
    block.bls_messages.pop();
    assert_refused(&recorded, &block, Rule::MessageRoot);
}

#[test]
fn and_a_block_from_the_future_is_not_marked_invalid() {
    let recorded = real().executed();
    let block = block_with_messages(&recorded);
    let judged = recorded
        .validator
        .validate(&block, block.header.timestamp - 2);
    assert!(
        matches!(judged, Err(BlockError::Future { .. })),
        "{judged:?}"
    );
}

fn assert_refused(recorded: &Recorded, block: &FullBlock, rule: Rule) {
    match recorded.validator.validate(block, recorded.now()) {
        Err(BlockError::Invalid(violation)) => {
            assert_eq!(violation.rule, rule, "{violation}");
            assert!(violation.to_string().starts_with(&rule.to_string()));
        }
        other => panic!("{rule}: {other:?}"),
    }
}
