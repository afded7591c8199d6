//! `mpool manage`: what somebody types, and what is sent then.

use super::*;
use crate::{dialogue::scripted::person, lotus::tests::run_answering};

/// A pool with two messages of the wallet, and what is signed and sent of it.
fn pool(sent: &SignedMessage) -> Fake {
    node(&[message(12, 1000, 100), message(11, 1_000_000, 100_000)])
        .answer("WalletSignMessage", json!(sent))
        .answer("MpoolPush", json!(sent.cid()))
        .answer(
            "GasEstimateMessageGas",
            json!(message(11, 500_000, 100_100).message),
        )
}

/// The dialogue with these answers; gives what was shown, too.
async fn manage(node: &Fake, typed: &str) -> (Ended, String) {
    let (somebody, shown) = person(typed);
    let ended = run_answering(node.client(), &["mpool", "manage"], Some(&somebody)).await;
    (ended, shown.text())
}

#[tokio::test]
async fn needs_somebody_to_talk_to() {
    let ended = run(&node(&[]), &["manage"]).await;
    assert_eq!(ended.exit, 1);
    assert!(
        ended.stderr.contains("`lotus mpool replace`"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn lists_the_wallets_messages_by_nonce_and_says_why_one_waits() {
    let new = message(11, 500_000, 125_001);
    let (ended, shown) = manage(&pool(&new), "1\nb\nq\n").await;
    assert_eq!(
        (ended.exit, ended.stdout.as_str()),
        (0, ""),
        "{}",
        ended.stderr
    );
    let rows: Vec<_> = shown.lines().take(3).collect();
    assert!(rows[0].starts_with("#  Message"), "{shown}");
    assert!(
        rows[1].starts_with("1  ...") && rows[1].contains(" 11 "),
        "{shown}"
    );
    assert!(
        rows[2].starts_with("2  ...") && rows[2].contains(" 12 "),
        "{shown}"
    );
    assert!(shown.contains("GasPremium: 100 fFIL"), "{shown}");
    assert!(shown.contains("the chain expects nonce 11"), "{shown}");
}

#[tokio::test]
async fn reprices_a_message_after_a_yes() {
    let new = message(11, 500_000, 125_001);
    let node = pool(&new);
    let (ended, shown) = manage(&node, "1\na\nyes\nq\n").await;
    assert_eq!(ended.stdout, format!("new message cid:  {}\n", new.cid()));
    assert!(shown.contains("premium 100000 -> 125001"), "{shown}");
    assert_eq!(node.asked("WalletSignMessage")[0][1], json!(new.message));
}

#[tokio::test]
async fn takes_fees_as_prices_multiples_or_the_least() {
    for (typed, fee_cap, premium) in [
        ("2000000\n200000\n", 2_000_000, 200_000),
        ("x2\nmuch\nx1.5\n", 2_000_000, 150_000),
        ("\n\n", 1_000_000, 125_001),
        ("1\n\n", 125_001, 125_001),
    ] {
        let new = message(11, fee_cap, premium);
        let node = pool(&new);
        let (ended, shown) = manage(&node, &format!("1\nf\n{typed}y\nq\n")).await;
        assert_eq!(ended.exit, 0, "{typed:?}: {shown}");
        let asked = &node.asked("WalletSignMessage")[0][1];
        assert_eq!(*asked, json!(new.message), "{typed:?}: {shown}");
    }
}

#[tokio::test]
async fn puts_a_message_that_does_nothing_in_ones_place() {
    let new = message(11, 500_000, 125_001);
    let node = pool(&new);
    let (ended, shown) = manage(&node, "1\nn\ny\nq\n").await;
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    let empty = &node.asked("GasEstimateMessageGas")[0][0];
    assert_eq!(
        (&empty["To"], &empty["Value"], &empty["Nonce"]),
        (&json!("t099"), &json!("0"), &json!(11))
    );
    assert_eq!(empty["GasPremium"], "125001");
    assert!(shown.contains("at most"), "{shown}");
    assert_eq!(node.asked("MpoolPush").len(), 1);
}

#[tokio::test]
async fn sends_nothing_without_a_yes() {
    let new = message(11, 500_000, 125_001);
    for (typed, exit) in [
        ("1\na\n\nq\n", 0),
        ("1\na\nno\nb\nq\n", 0),
        ("7\nq\n", 0),
        ("1\na\n", 1),
        ("1\nf\n", 1),
        ("", 1),
    ] {
        let node = pool(&new);
        let (ended, shown) = manage(&node, typed).await;
        assert_eq!(
            (ended.exit, ended.stdout.as_str()),
            (exit, ""),
            "{typed:?}: {shown}"
        );
        assert!(node.asked("MpoolPush").is_empty(), "{typed:?}");
    }
}

#[tokio::test]
async fn goes_on_after_what_the_node_refuses() {
    let new = message(11, 500_000, 125_001);
    let node = pool(&new).refuse("MpoolPush", 1, "too low");
    let (ended, shown) = manage(&node, "1\na\ny\nq\n").await;
    assert_eq!((ended.exit, ended.stdout.as_str()), (0, ""));
    assert!(
        shown.contains("failed to push new message to mempool: too low"),
        "{shown}"
    );
}
