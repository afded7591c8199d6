//! The node at a glance, as recorded.

use serde_json::json;

use crate::{
    fake::{Fake, recorded_output},
    lotus::tests::run_lotus,
};

/// The node of the chain with real proofs, as it was when `info` was recorded.
fn node() -> Fake {
    let address = recorded_output("real-chain/cli.json", &["info"]);
    let address = address
        .split_whitespace()
        .find(|word| word.starts_with("t3"));
    Fake::recorded("real-chain/rpc.samples.jsonl")
        .at(193)
        .answer("StartTime", json!("2026-11-22T13:37:00Z"))
        .answer("WalletDefaultAddress", json!(address))
        .answer("WalletBalance", json!("49999999240000000000000000"))
        .answer(
            "StateMarketBalance",
            json!({ "Escrow": "259470000000000", "Locked": "259470000000000" }),
        )
        .answer(
            "NetBandwidthStats",
            json!({ "TotalIn": 72_000, "TotalOut": 82_000, "RateIn": 0.0, "RateOut": 0.0 }),
        )
}

/// A text without what the clock tells.
fn without_times(text: &str) -> String {
    let kept = text
        .lines()
        .filter(|line| !line.starts_with("StartTime: ") && !line.starts_with("Chain: "));
    kept.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn is_told_as_lotus_tells_it() {
    let ended = run_lotus(node().client(), &["info"]).await;
    let recorded = recorded_output("real-chain/cli.json", &["info"]);
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    assert_eq!(without_times(&ended.stdout), without_times(&recorded));
}

#[tokio::test]
async fn is_json_for_programs() {
    let ended = run_lotus(node().client(), &["info", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(told["Head"], json!(193));
    assert_eq!(told["Money"]["Addresses"], json!(1));
}
