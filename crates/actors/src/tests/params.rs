//! Message parameters, as `StateDecodeParams` printed those of the recorded chains.

use lotus_types::{Address, wire};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::json_lines;
use crate::{init, market, miner, multisig, power, verifreg};

/// A label of bytes, as JSON shows it.
const NO_LABEL: &str = r#""Label":"","#;

/// Decodes, compares the JSON, reads that JSON again and compares the bytes.
fn check<T: Serialize + DeserializeOwned>(bytes: &[u8], expected: &Value) {
    let decoded: T = wire::from_cbor(bytes).expect("decodes");
    assert_eq!(&serde_json::to_value(&decoded).expect("prints"), expected);
    if expected.to_string().contains(NO_LABEL) {
        return; // Bytes as a label are not in the JSON, so there is no way back.
    }
    let read: T = serde_json::from_value(expected.clone()).expect("reads");
    assert_eq!(wire::to_cbor(&read), bytes);
}

fn check_call(to: &str, method: u64, bytes: &[u8], expected: &Value) {
    use miner::{method as m, params as p};
    match (to, method) {
        ("t01", init::method::EXEC) => check::<init::ExecParams>(bytes, expected),
        ("t04", power::method::CREATE_MINER) => check::<power::CreateMinerParams>(bytes, expected),
        ("t05", market::method::ADD_BALANCE) => check::<Address>(bytes, expected),
        ("t05", market::method::WITHDRAW_BALANCE) => {
            check::<market::WithdrawBalanceParams>(bytes, expected);
        }
        ("t05", market::method::PUBLISH_STORAGE_DEALS) => {
            check::<market::PublishStorageDealsParams>(bytes, expected);
        }
        ("t06", verifreg::method::ADD_VERIFIER | verifreg::method::ADD_VERIFIED_CLIENT) => {
            check::<verifreg::VerifierParams>(bytes, expected);
        }
        (msig, multisig::method::PROPOSE) if msig.starts_with("t2") => {
            check::<multisig::ProposeParams>(bytes, expected);
        }
        (msig, multisig::method::APPROVE | multisig::method::CANCEL) if msig.starts_with("t2") => {
            check::<multisig::TxnIdParams>(bytes, expected);
        }
        (_, m::CHANGE_WORKER_ADDRESS) => check::<p::ChangeWorkerAddressParams>(bytes, expected),
        (_, m::CHANGE_PEER_ID) => check::<p::ChangePeerIdParams>(bytes, expected),
        (_, m::CHANGE_MULTIADDRS) => check::<p::ChangeMultiaddrsParams>(bytes, expected),
        (_, m::SUBMIT_WINDOWED_POST) => check::<p::SubmitWindowedPoStParams>(bytes, expected),
        (_, m::PRE_COMMIT_SECTOR_BATCH2) => {
            check::<p::PreCommitSectorBatchParams2>(bytes, expected);
        }
        (_, m::PROVE_COMMIT_SECTOR) => check::<p::ProveCommitSectorParams>(bytes, expected),
        (_, m::DECLARE_FAULTS) => check::<p::DeclareFaultsParams>(bytes, expected),
        (_, m::TERMINATE_SECTORS) => check::<p::TerminateSectorsParams>(bytes, expected),
        (_, m::WITHDRAW_BALANCE) => check::<p::WithdrawBalanceParams>(bytes, expected),
        (_, m::CHANGE_BENEFICIARY) => check::<p::ChangeBeneficiaryParams>(bytes, expected),
        other => panic!("no test for {other:?}"),
    }
}

#[test]
fn of_recorded_messages_decode_print_and_encode_as_go_lotus_does() {
    let mut compared = 0;
    for chain in ["mock-chain", "mock-chain-two"] {
        for line in json_lines(&format!("{chain}/params.jsonl")) {
            if line["method"] != "StateDecodeParams" || line.get("result").is_none() {
                continue;
            }
            let call = &line["params"];
            let bytes = data_encoding::BASE64
                .decode(call[2].as_str().expect("base64").as_bytes())
                .expect("base64");
            let to = call[0].as_str().expect("address");
            check_call(
                to,
                call[1].as_u64().expect("method"),
                &bytes,
                &line["result"],
            );
            compared += 1;
        }
    }
    assert!(compared >= 35, "{compared}");
}

#[test]
fn an_approval_names_what_is_approved() {
    // Transaction 1 of the multisig in mock-chain-two, by signer t0103, as its approval names it.
    let recorded = json_lines("mock-chain-two/params.jsonl");
    let named = recorded
        .iter()
        .find_map(|line| line["result"]["ProposalHash"].as_str());
    assert_eq!(named, Some("hVKqtSNhJ0CM13gVNzBAT1us2kA8jEoQXkKwuQwDgok="));
    let chain = super::genesis_of("mock-chain-two").0;
    let proposals = chain.cids().into_iter().filter_map(|cid| {
        let block = fvm_ipld_blockstore::Blockstore::get(&chain, &cid).ok()??;
        let message: lotus_types::Message = wire::from_cbor(&block)
            .or_else(|_| wire::from_cbor(&block).map(|s: lotus_types::SignedMessage| s.message))
            .ok()?;
        let is_proposal = message.method == multisig::method::PROPOSE;
        is_proposal.then(|| wire::from_cbor::<multisig::ProposeParams>(&message.params).ok())?
    });
    let hashes = proposals.flat_map(|p| {
        (100..110).map(move |proposer| {
            let transaction = multisig::Transaction {
                to: p.to,
                value: p.value.clone(),
                method: p.method,
                params: p.params.clone(),
                approved: vec![Address::new_id(proposer)],
            };
            let hash = multisig::proposal_hash(&transaction).expect("hashes");
            data_encoding::BASE64.encode(&hash)
        })
    });
    assert_eq!(
        hashes.filter(|hash| Some(hash.as_str()) == named).count(),
        1
    );
}
