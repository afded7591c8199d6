//! `actor`: messages that change the miner.

use super::*;

const OWNER: &str =
    "t3smgh6koqhmlpygb2vdbtc7qnyerhhrrc2ieurpeyetjk6uved7wszgluj2wahbcxf4ohk7sp2z7r5wxy52zq";
const CONTROL: &str =
    "t3qxfnv7es6k3e6bo7bct6usrzwnsmf3x7tujmjz3kvw3xb3uzxbxkaxn5qwqnmeek6iqdufaaq53un56vwmja";

pub(super) fn rich() -> Fake {
    let actor = |balance: &str| {
        json!({
            "Code": { "/": "bafk2bzacean5ka3rftg3as4ycjsxs3t2xlzpy3mcpaj3k273fj24wighcd2ze" },
            "Head": { "/": "bafk2bzacean5ka3rftg3as4ycjsxs3t2xlzpy3mcpaj3k273fj24wighcd2ze" },
            "Nonce": 1, "Balance": balance, "Address": null,
        })
    };
    let message = json!({
        "Version": 0, "To": "t01000", "From": "t0100", "Nonce": 3, "Value": "0",
        "GasLimit": 1, "GasFeeCap": "1", "GasPremium": "1", "Method": 3, "Params": null,
    });
    let signed = json!({ "Message": message, "Signature": { "Type": 2, "Data": "AAAA" } });
    node(195)
        .answer("StateGetActor", actor("49999999240412947123140620"))
        .when("StateAccountKey", &json!(["t0100"]), json!(OWNER))
        .when("StateAccountKey", &json!([CONTROL]), json!(CONTROL))
        .when("StateLookupID", &json!([CONTROL]), json!("t01001"))
        .when("StateLookupID", &json!(["t0100"]), json!("t0100"))
        .answer("MpoolPushMessage", signed)
}

#[tokio::test]
async fn shows_who_signs_for_it() {
    let args = ["actor", "control", "list"];
    let ended = run(&miner(), &rich(), &args).await;
    assert_eq!(
        ended.stdout,
        recorded_output(MINER_CLI, &args),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn gets_control_addresses_only_when_it_is_meant() {
    let node = rich();
    let args = ["actor", "control", "set", CONTROL];
    let ended = run(&miner(), &node, &args).await;
    assert_eq!(
        ended.stdout,
        recorded_output(OPERATOR_CLI, &args),
        "{}",
        ended.stderr
    );
    assert!(node.asked("MpoolPushMessage").is_empty());
    let args = ["actor", "control", "set", "--really-do-it", CONTROL];
    let ended = run(&miner(), &node, &args).await;
    assert!(
        ended.stdout.contains("Message CID: bafy"),
        "{}",
        ended.stderr
    );
    let sent = &node.asked("MpoolPushMessage")[0][0];
    assert_eq!(
        (&sent["From"], &sent["To"]),
        (&json!("t0100"), &json!("t01000"))
    );
    assert_eq!(sent["Method"], 3);
}

#[tokio::test]
async fn is_told_where_its_peer_is() {
    let node = rich();
    let address =
        "/ip4/127.0.0.1/tcp/24001/p2p/12D3KooWC2EZ8jhkWZAbKJwE62U3Spy3eJZ9o8fkMdr5xtSuGjeh";
    let ended = run(&miner(), &node, &["actor", "set-addrs", address]).await;
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    let sent = &node.asked("MpoolPushMessage")[0][0];
    assert_eq!(sent["Method"], 18);
    // [[h'047f000001065dc1']]
    assert_eq!(sent["Params"], "gYFIBH8AAAEGXcE=");
    let wrong = run(&miner(), &node, &["actor", "set-addrs", "127.0.0.1"]).await;
    assert!(
        wrong.stderr.contains("must begin with /"),
        "{}",
        wrong.stderr
    );
    let peer = run(&miner(), &node, &["actor", "set-peer-id", "12D3Koo"]).await;
    assert!(
        peer.stderr.contains("is not a libp2p peer id"),
        "{}",
        peer.stderr
    );
}

#[tokio::test]
async fn pays_out_what_it_can() {
    let lookup = json!({
        "Message": { "/": "bafy2bzaceclrpylc66jn7oiz52frsmk3x3isj67pur7gp6kk56moqktsrgw4c" },
        "Receipt": { "ExitCode": 0, "Return": "SQAN4Lazp2QAAA==", "GasUsed": 1 },
        "ReturnDec": null, "TipSet": [], "Height": 190,
    });
    let node = rich().answer("StateWaitMsg", lookup.clone());
    let cid = lookup["Message"].clone();
    let miner = miner().answer("ActorWithdrawBalance", cid);
    let args = ["actor", "withdraw", "1"];
    let ended = run(&miner, &node, &args).await;
    assert_eq!(
        ended.stdout,
        recorded_output(OPERATOR_CLI, &args),
        "{}",
        ended.stderr
    );
    assert_eq!(
        miner.asked("ActorWithdrawBalance"),
        [json!(["1000000000000000000"])]
    );
    let mut failed = lookup;
    failed["Receipt"]["ExitCode"] = json!(19);
    let node = node.answer("StateWaitMsg", failed);
    let ended = run(&miner, &node, &args).await;
    assert!(ended.stderr.contains("exit code 19"), "{}", ended.stderr);
}
