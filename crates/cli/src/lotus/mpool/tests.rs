//! The pool's commands against a node that says what a test lets it say.

mod json;
mod manage;

use lotus_types::{Bytes, Cid, Signature};
use serde_json::{Value, json};

use super::*;
use crate::{
    fake::{Ended, Fake, recorded_output},
    lotus::tests::run_lotus,
};

const OPERATOR: &str = "real-chain/operator-cli.json";
const SENDER: &str =
    "t3smgh6koqhmlpygb2vdbtc7qnyerhhrrc2ieurpeyetjk6uved7wszgluj2wahbcxf4ohk7sp2z7r5wxy52zq";

async fn run(node: &Fake, args: &[&str]) -> Ended {
    run_lotus(node.client(), &[&["mpool"], args].concat()).await
}

fn message(nonce: u64, fee_cap: i64, premium: i64) -> SignedMessage {
    use lotus_types::{Message, TokenAmount};
    let from: Address = SENDER.parse().expect("address");
    let to = Address::new_id(1001);
    SignedMessage {
        message: Message {
            nonce,
            gas_limit: 2_935_652,
            gas_fee_cap: TokenAmount::from_atto(fee_cap),
            gas_premium: TokenAmount::from_atto(premium),
            ..Message::transfer(from, to, TokenAmount::from_fil(1))
        },
        signature: Signature::new_bls(Bytes::from(vec![7; 96])),
    }
}

/// A node whose pool holds these; the chain expects nonce 11 and its base fee is 100.
fn node(pending: &[SignedMessage]) -> Fake {
    let actor = json!({
        "Code": Cid::of_block(b"account"), "Head": Cid::of_block(b"state"), "Nonce": 11,
        "Balance": "1000000000000000000", "Address": null,
    });
    let check = |code: u64, hint: Value| json!({ "Cid": Cid::of_block(b"m"), "Code": code, "OK": true, "Err": "", "Hint": hint });
    Fake::default()
        .at(160)
        .answer("ChainGetTipSet", fake_head())
        .answer("MpoolPending", json!(pending))
        .answer("StateGetActor", actor)
        .answer("WalletList", json!([SENDER]))
        .answer(
            "MpoolGetConfig",
            json!(lotus_rpc_api::types::mpool::MpoolConfig::default()),
        )
        .answer("MpoolSelect", json!(null))
        .answer(
            "MpoolCheckPendingMessages",
            json!([[
                check(9, json!({ "nonce": 11 })),
                check(11, json!({ "balance": "1000000000000000000" })),
            ]]),
        )
}

/// Another tipset of the same chain.
fn fake_head() -> Value {
    let node = Fake::default().at(159).client();
    let head = futures::executor::block_on(lotus_rpc_api::full::ChainApi::chain_head(&node));
    json!(head.expect("a head"))
}

mod stat {
    use super::*;

    #[tokio::test]
    async fn prints_what_lotus_printed() {
        let ended = run(&node(&[message(11, 100_000, 100)]), &["stat"]).await;
        assert_eq!(ended.stdout, recorded_output(OPERATOR, &["mpool", "stat"]));
    }

    #[tokio::test]
    async fn counts_used_nonces_gaps_and_low_fee_caps() {
        let pending = [
            message(10, 1000, 1),
            message(11, 1000, 1),
            message(13, 99, 1),
        ];
        let ended = run(&node(&pending), &["stat", "--basefee-lookback", "1"]).await;
        assert_eq!(
            ended.stdout.lines().next(),
            Some(
                format!(
                    "{SENDER}: Nonce past: 1, cur: 1, future: 1; FeeCap cur: 1, min-1: 1, gasLimit: \
                     8806956"
                )
                .as_str()
            )
        );
    }
}

mod replace {
    use super::*;

    #[tokio::test]
    async fn signs_the_same_call_with_other_fees() {
        let old = message(11, 1000, 100);
        let new = message(11, 5000, 500);
        let node = node(std::slice::from_ref(&old))
            .answer("WalletSignMessage", json!(new))
            .answer("MpoolPush", json!(new.cid()));
        let flags = ["--gas-premium=500", "--gas-feecap=5000"];
        let ended = run(&node, &["replace", flags[0], flags[1], SENDER, "11"]).await;
        assert_eq!(ended.stdout, format!("new message cid:  {}\n", new.cid()));
        let asked = &node.asked("WalletSignMessage")[0];
        assert_eq!(asked[1], json!(new.message));
    }

    #[tokio::test]
    async fn finds_a_message_by_its_cid_and_its_price_by_itself() {
        let old = message(11, 1_000_000, 100_000);
        let estimated = message(11, 500_000, 100_100);
        let node = node(std::slice::from_ref(&old))
            .answer("ChainGetMessage", json!(old.message))
            .answer("GasEstimateMessageGas", json!(estimated.message))
            .answer("WalletSignMessage", json!(old))
            .answer("MpoolPush", json!(old.cid()));
        let ended = run(&node, &["replace", "--auto", &old.cid().to_string()]).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        // A quarter more than before is needed, though less was estimated.
        let asked = &node.asked("WalletSignMessage")[0][1];
        assert_eq!(asked["GasPremium"], "125001");
        assert_eq!(asked["GasFeeCap"], "500000");
        let free = &node.asked("GasEstimateMessageGas")[0][0];
        assert_eq!(
            (&free["GasPremium"], &free["GasFeeCap"]),
            (&json!("0"), &json!("0"))
        );
    }

    #[tokio::test]
    async fn says_what_is_missing() {
        let node = node(&[message(11, 1000, 100)]);
        let ended = run(&node, &["replace", SENDER, "12"]).await;
        let expected = format!("no pending message found from {SENDER} with nonce 12");
        assert_eq!((ended.exit, ended.stderr), (1, expected));
        let ended = run(&node, &["replace", SENDER, "11"]).await;
        assert!(ended.stderr.contains("--auto"), "{}", ended.stderr);
    }
}

mod why {
    use super::*;

    async fn why(pending: &[SignedMessage], about: usize) -> String {
        let cid = pending[about].cid().to_string();
        let ended = run(&node(pending), &["why", &cid]).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        ended.stdout
    }

    #[tokio::test]
    async fn names_the_nonce_that_is_missing() {
        let told = why(&[message(11, 1000, 1), message(13, 1000, 1)], 1).await;
        assert!(told.contains("nonce 12"), "{told}");
        assert!(told.contains("lotus send --from"), "{told}");
    }

    #[tokio::test]
    async fn names_the_earlier_message_whose_fee_cap_is_too_low() {
        let told = why(&[message(11, 99, 1), message(12, 1000, 1)], 1).await;
        assert!(told.contains("the one with nonce 11 before it"), "{told}");
        assert!(told.contains("base fee of 100"), "{told}");
        assert!(
            told.contains(&format!("replace --auto {SENDER} 11")),
            "{told}"
        );
    }

    #[tokio::test]
    async fn tells_who_cannot_pay() {
        let told = why(&[message(11, 1_000_000_000_000, 1)], 0).await;
        assert!(told.contains("its sender has 1 FIL"), "{told}");
    }

    #[tokio::test]
    async fn tells_that_others_pay_more_or_that_it_is_next() {
        let own = message(11, 1000, 5);
        let dear = message(0, 1000, 80);
        let cid = own.cid().to_string();
        let pool = node(std::slice::from_ref(&own));
        let outbid = pool.clone().answer("MpoolSelect", json!([dear]));
        let told = run(&outbid, &["why", &cid]).await.stdout;
        assert!(
            told.contains("it pays the miner 5") && told.contains("pays 80"),
            "{told}"
        );
        let next = pool.answer("MpoolSelect", json!([own]));
        let told = run(&next, &["why", &cid]).await.stdout;
        assert!(told.contains("Nothing holds it back"), "{told}");
    }

    #[tokio::test]
    async fn knows_what_became_of_a_message_that_does_not_wait() {
        let gone = message(9, 1000, 5);
        let cid = gone.cid().to_string();
        let unknown = node(&[]).refuse("ChainGetMessage", 1, "not found");
        let told = run(&unknown, &["why", &cid]).await.stdout;
        assert!(told.contains("never seen"), "{told}");

        let known = node(&[])
            .answer("ChainGetMessage", json!(gone.message))
            .answer("ChainGetMessagesInTipset", json!(null))
            .answer("StateSearchMsg", json!(null))
            .answer("MpoolGetNonce", json!(11));
        let told = run(&known, &["why", &cid]).await.stdout;
        assert!(told.contains("taken its nonce 9"), "{told}");
        let free = known.answer("MpoolGetNonce", json!(9));
        let told = run(&free, &["why", &cid]).await.stdout;
        assert!(told.contains("does not hold it any more"), "{told}");
    }
}

mod the_pool {
    use super::*;

    #[tokio::test]
    async fn is_searched_by_sender_receiver_and_method() {
        let pool = node(&[message(11, 1000, 5)]);
        let found = run(&pool, &["find", "--from", SENDER, "--method", "0"]).await;
        let found: Value = serde_json::from_str(&found.stdout).expect("JSON");
        assert_eq!(found[0]["Message"]["Nonce"], 11);
        let none = run(&pool, &["find", "--method", "5"]).await;
        assert_eq!(none.stdout, "null\n");
    }

    #[tokio::test]
    async fn tells_what_its_messages_are_worth() {
        let pool = node(&[message(11, 1000, 5), message(12, 102, 5)]);
        let told = run(&pool, &["gas-perf"]).await.stdout;
        assert_eq!(
            told,
            format!(
                "{SENDER}\t11\t14678260\t50000000000.000000\n\
                 {SENDER}\t12\t5871304\t20000000000.000000\n"
            )
        );
    }

    #[tokio::test]
    async fn is_emptied_only_when_that_is_really_meant() {
        let pool = node(&[]).answer("MpoolClear", Value::Null);
        let ended = run(&pool, &["clear"]).await;
        assert_eq!(ended.exit, 1);
        assert!(ended.stdout.starts_with("DEPRECATED: "), "{}", ended.stdout);
        assert!(pool.asked("MpoolClear").is_empty());
        let ended = run(&pool, &["clear", "--local", "--really-do-it"]).await;
        assert_eq!(
            (ended.exit, pool.asked("MpoolClear")),
            (0, vec![json!([true])])
        );
    }

    #[tokio::test]
    async fn tells_what_comes_and_goes() {
        let update = json!({ "Type": 0, "Message": message(11, 1000, 5) });
        let pool = node(&[]).channel("MpoolSub", vec![update.clone()]);
        let told = run(&pool, &["sub"]).await.stdout;
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(told["Type"], 0);
        assert_eq!(told["Message"]["Message"]["Nonce"], 11);
    }
}
