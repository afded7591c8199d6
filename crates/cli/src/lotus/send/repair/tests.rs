//! Repairs: what somebody types, and what is sent then.

use lotus_mpool::checks::{Standing, Subject, check};
use lotus_types::{Cid, Signature, SignedMessage};
use serde_json::{Value, json};

use super::*;
use crate::{
    dialogue::scripted::person,
    fake::{Ended, Fake},
    lotus::tests::run_answering,
};

const SENDER: &str =
    "t3smgh6koqhmlpygb2vdbtc7qnyerhhrrc2ieurpeyetjk6uved7wszgluj2wahbcxf4ohk7sp2z7r5wxy52zq";

/// The message that `send` sends, as the estimate leaves it.
fn message(nonce: u64, fee_cap: i64) -> Message {
    let from = SENDER.parse().expect("address");
    Message {
        nonce,
        gas_limit: 2_935_652,
        gas_fee_cap: TokenAmount::from_atto(fee_cap),
        gas_premium: TokenAmount::from_atto(100),
        ..Message::transfer(
            from,
            lotus_types::Address::new_id(1001),
            TokenAmount::from_fil(1),
        )
    }
}

/// What a node answers about a message whose sender's next nonce is 12, at a base fee of 500.
fn checks(message: &Message) -> Value {
    let mut standing = Standing {
        next_nonce: 12,
        required: TokenAmount::zero(),
        balance: TokenAmount::from_fil(5),
    };
    let subject = Subject::fixed(message.clone());
    let base_fee = TokenAmount::from_atto(500);
    json!([check(&subject, Some(&mut standing), &base_fee)])
}

fn prototype(message: &Message) -> Value {
    json!([[{ "Message": message, "ValidNonce": true }]])
}

/// A node that knows these two: what is sent first, and what becomes of it.
fn node(first: &Message, repaired: &Message) -> Fake {
    let signed = SignedMessage {
        message: repaired.clone(),
        signature: Signature::new_bls(vec![7; 96]),
    };
    Fake::default()
        .answer("GasEstimateMessageGas", json!(first))
        .answer("MpoolCheckPendingMessages", json!([]))
        .when("MpoolCheckMessages", &prototype(first), checks(first))
        .when("MpoolCheckMessages", &prototype(repaired), checks(repaired))
        .answer("WalletSignMessage", json!(signed))
        .answer("MpoolPush", json!(signed.cid()))
}

/// `lotus send` with these answers; gives what was shown, too.
async fn send(node: &Fake, nonce: &str, typed: &str) -> (Ended, String) {
    let (somebody, shown) = person(typed);
    let args = ["send", "--from", SENDER, "--nonce", nonce, "t01001", "1"];
    let ended = run_answering(node.client(), &args, Some(&somebody)).await;
    (ended, shown.text())
}

#[tokio::test]
async fn a_wrong_nonce_is_mended_and_the_message_sent() {
    let (first, repaired) = (message(9999, 100_000), message(12, 100_000));
    for typed in ["fix\n\n", "nonce 12\nyes\n"] {
        let node = node(&first, &repaired);
        let (ended, shown) = send(&node, "9999", typed).await;
        assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""), "{shown}");
        let wrong = "current message failed a check MessageNonce: message nonce doesn't match next \
                     nonce (12)";
        assert!(shown.contains(wrong), "{shown}");
        assert!(shown.contains("fix: nonce 12"), "{shown}");
        assert!(shown.contains("All checks pass now."), "{shown}");
        assert_eq!(node.asked("WalletSignMessage")[0][1], json!(repaired));
        let sent: Cid = ended
            .stdout
            .trim()
            .parse()
            .expect("a CID, and nothing else");
        assert_eq!(json!(sent), node.asked("MpoolPush")[0][0]["CID"]);
    }
}

#[tokio::test]
async fn a_fee_cap_below_the_base_fee_is_raised_to_a_safe_one() {
    let (first, repaired) = (message(12, 200), message(12, 5000));
    for typed in [
        "fix\ny\n",
        "feecap x25\ny\n",
        "maxfee 0.00000001467826\ny\n",
    ] {
        let node = node(&first, &repaired);
        let (ended, shown) = send(&node, "12", typed).await;
        assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""), "{shown}");
        assert_eq!(node.asked("WalletSignMessage")[0][1], json!(repaired));
    }
}

#[tokio::test]
async fn who_aborts_or_goes_away_sends_nothing() {
    let (first, repaired) = (message(9999, 100_000), message(12, 100_000));
    for typed in ["abort\n", "", "fix\nno\n", "fix\n", "limit\n"] {
        let node = node(&first, &repaired);
        let (ended, shown) = send(&node, "9999", typed).await;
        assert_eq!(
            (ended.exit, ended.stdout.as_str(), ended.stderr.as_str()),
            (1, "", "publishing message: aborted by user"),
            "{typed:?}: {shown}"
        );
        assert!(node.asked("MpoolPush").is_empty(), "{typed:?}");
    }
}

#[tokio::test]
async fn a_message_may_be_sent_as_it_is_and_words_are_explained() {
    let first = message(9999, 100_000);
    let node = node(&first, &first);
    let (ended, shown) = send(&node, "9999", "?\nnonce twelve\nsend\n").await;
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    assert!(shown.contains("premium PRICE"), "{shown}");
    assert!(shown.contains("\"twelve\" is no nonce"), "{shown}");
    assert_eq!(node.asked("WalletSignMessage")[0][1], json!(first));
}

#[tokio::test]
async fn a_gas_limit_of_too_little_is_estimated_anew() {
    let mut first = message(12, 100_000);
    first.gas_limit = 1000;
    let repaired = message(12, 100_000);
    // The second estimate is asked with nothing given.
    let open = Message {
        gas_limit: 0,
        ..first.clone()
    };
    let node = node(&first, &repaired).when(
        "GasEstimateMessageGas",
        &json!([open, null, []]),
        json!(repaired),
    );
    let (ended, shown) = send(&node, "12", "fix\ny\n").await;
    assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""), "{shown}");
    assert!(shown.contains("fix: gas limit as estimated"), "{shown}");
    assert_eq!(node.asked("WalletSignMessage")[0][1], json!(repaired));
}

#[tokio::test]
async fn a_sender_with_too_little_is_told_both_amounts() {
    let node = Fake::default()
        .refuse(
            "GasEstimateMessageGas",
            1,
            "exit SysErrInsufficientFunds(6)",
        )
        .answer("WalletBalance", json!("500000000000000000"));
    let (ended, _) = send(&node, "12", "").await;
    assert_eq!(
        ended.stderr,
        format!(
            "publishing message: {SENDER} has 0.5 FIL, which is less than the 1 FIL to be sent: \
             estimating gas: exit SysErrInsufficientFunds(6)"
        )
    );
}

#[tokio::test]
async fn messages_of_other_commands_are_mended_too() {
    let (first, repaired) = (message(0, 200), message(0, 5000));
    let open = |message: &Message| json!([[{ "Message": message, "ValidNonce": false }]]);
    let passed = |message: &Message| {
        let mut standing = Standing {
            next_nonce: 12,
            required: TokenAmount::zero(),
            balance: TokenAmount::from_fil(5),
        };
        let subject = Subject {
            message: message.clone(),
            fixed_nonce: false,
        };
        json!([check(
            &subject,
            Some(&mut standing),
            &TokenAmount::from_atto(500)
        )])
    };
    let signed = SignedMessage {
        message: repaired.clone(),
        signature: Signature::new_bls(vec![7; 96]),
    };
    let landed = json!({
        "Message": signed.cid(), "Height": 20, "TipSet": [], "ReturnDec": null,
        "Receipt": { "ExitCode": 0, "Return": null, "GasUsed": 1 },
    });
    let node = Fake::default()
        .answer(
            "MsigApprove",
            json!({ "Message": first, "ValidNonce": false }),
        )
        .answer("GasEstimateMessageGas", json!(first))
        .answer("MpoolCheckPendingMessages", json!([]))
        .when("MpoolCheckMessages", &open(&first), passed(&first))
        .when("MpoolCheckMessages", &open(&repaired), passed(&repaired))
        .answer("MpoolPushMessage", json!(signed))
        .answer("StateWaitMsg", landed);
    let (somebody, shown) = person("fix\ny\n");
    let args = ["msig", "approve", "--from", SENDER, "t01001", "0"];
    let ended = run_answering(node.client(), &args, Some(&somebody)).await;
    assert_eq!(
        (ended.exit, ended.stderr.as_str()),
        (0, ""),
        "{}",
        shown.text()
    );
    assert!(shown.text().contains("nonce the next"), "{}", shown.text());
    assert_eq!(node.asked("MpoolPushMessage")[0][0], json!(repaired));
    let told = format!("sent approval in message:  {}\n", signed.cid());
    assert_eq!(ended.stdout, told);
}
