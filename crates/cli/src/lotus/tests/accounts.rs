//! `msig`, `paych` and `filplus`, against what Lotus printed while the chain grew and when it stood
//! still. What changed the chain is answered with the messages that are on it.

mod multisigs;
mod payment_channels;
mod the_verified_registry;

use lotus_actors::{
    Map, init::ExecReturn, map::HAMT_BIT_WIDTH, multisig::ProposeReturn, paych::SignedVoucher,
};
use lotus_blockstore::{Blockstore, MemoryBlockstore, car::CarReader};
use lotus_types::{
    ActorId, Address, BigInt, Bytes, Cid, ExitCode, Message, Signature, SignedMessage, TokenAmount,
    wire,
};
use serde_json::Value;

use super::*;

const MSIG: &str = "t2ztslrivfwobmjhuyef7yoxdr4fesbpnwylmwupy";
const CHANNEL: &str = "t2tf2j4bgng4sx6ox3g7344h3jgartey7v4u5pocq";
const PAYEE: &str =
    "t3se3vndtxzmmqir6ihhwr7emgzsfleex5dnnmxg4vqphf3gjo3nbpfkgctpvw5qmiqko6sixcdot567sx7yiq";
const CLIENT: &str =
    "t3sga46vuv4wmnuq7alwhs4a2a2d4avwbhjppdgjbleudbxilui32v3coknlul6k2ngnbalelty4k7c6cghkuq";
const VERIFIER: &str = "t16yneef5nljn5qpfvbhg3lltl5dzyzjbyj52yygi";

/// The recorded commands that begin so.
fn commands(begin: &[&str]) -> Vec<Command> {
    let found: Vec<_> = recorded::commands()
        .into_iter()
        .filter(|command| command.args.iter().zip(begin).all(|(a, b)| a == b))
        .filter(|command| command.args.len() >= begin.len())
        .collect();
    assert!(!found.is_empty(), "{begin:?} is recorded");
    found
}

async fn run_recorded(node: &Recorded, command: &Command) -> Ended {
    let args: Vec<_> = command.args.iter().map(String::as_str).collect();
    run(node, &args).await
}

/// Runs a command that Lotus ran; both must print the same.
async fn prints_the_same(node: &Recorded, command: &Command) {
    let ended = run_recorded(node, command).await;
    assert_eq!(
        (ended.exit, ended.stdout.as_str()),
        (command.exit, command.stdout.as_str()),
        "{:?}: {}",
        command.args,
        ended.stderr
    );
}

/// A message of the chain by the CID under which Lotus sent it.
fn sent(cid: &str) -> SignedMessage {
    let wanted: Cid = cid.parse().expect("a CID");
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/mock-chain/chain.car.zst"
    );
    let mut car = CarReader::open(path.as_ref()).expect("chain");
    while let Some(block) = car.next_block().expect("block") {
        if Cid::from(block.cid) != wanted {
            continue;
        }
        if let Ok(message) = wire::from_cbor::<Message>(&block.data) {
            // With a BLS signature the message is known by its own CID.
            let signature = Signature::new_bls(vec![0; 96]);
            return SignedMessage { message, signature };
        }
        return wire::from_cbor(&block.data).expect("a signed message");
    }
    panic!("{cid} is not on the chain")
}

/// The CID that a recorded command printed.
fn printed_cid(command: &Command) -> &str {
    let first = command.stdout.lines().next().expect("a line");
    first.rsplit(' ').next().expect("a word")
}

/// A node on which a recorded command sends its message, which returns `returned`.
fn sending(command: &Command, returned: &[u8]) -> Recorded {
    let signed = sent(printed_cid(command));
    let prototype = json!({ "Message": signed.message, "ValidNonce": false });
    let landed = json!({
        "Message": signed.cid(), "Height": 20, "TipSet": [], "ReturnDec": null,
        "Receipt": { "ExitCode": 0, "Return": Bytes::from(returned), "GasUsed": 1 },
    });
    let mut node = Recorded::mock_chain()
        .answer("GasEstimateMessageGas", json!(signed.message))
        .answer("MpoolCheckMessages", json!([]))
        .answer("MpoolCheckPendingMessages", json!([]))
        .answer("MpoolPushMessage", json!(signed))
        .answer("StateWaitMsg", landed);
    for method in [
        "MsigCreate",
        "MsigPropose",
        "MsigApprove",
        "MsigCancelTxnHash",
        "MsigAddPropose",
    ] {
        node = node.answer(method, prototype.clone());
    }
    node
}
