//! The pool's listings for programs.

use super::*;

async fn shown(node: &Fake, args: &[&str]) -> Value {
    let ended = run(node, &[args, &["--json"]].concat()).await;
    assert_eq!(ended.exit, 0, "{args:?}: {}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}"))
}

#[tokio::test]
async fn is_a_list_even_of_nothing() {
    let empty = node(&[]);
    for args in [&["pending"][..], &["find"], &["stat"], &["gas-perf"]] {
        assert_eq!(shown(&empty, args).await, json!([]), "{args:?}");
    }
}

#[tokio::test]
async fn has_the_names_of_the_api() {
    let one = message(11, 1000, 5);
    let pool = node(std::slice::from_ref(&one));
    assert_eq!(shown(&pool, &["pending"]).await, json!([one]));
    assert_eq!(
        shown(&pool, &["pending", "--cids"]).await,
        json!([one.cid()])
    );
    assert_eq!(shown(&pool, &["pending", "--to", "t05"]).await, json!([]));
    assert_eq!(
        shown(&pool, &["stat"]).await,
        json!([{
            "Address": SENDER, "NoncePast": 0, "NonceCurrent": 1, "NonceFuture": 0,
            "FeeCapBelowBaseFee": 0, "FeeCapBelowMinBaseFee": 0, "GasLimit": 2_935_652,
        }])
    );
    assert_eq!(
        shown(&pool, &["gas-perf"]).await,
        json!([{ "From": SENDER, "Nonce": 11, "Reward": "14678260", "Performance": 5e10 }])
    );
}

#[tokio::test]
async fn tells_why_in_fields() {
    let low = message(11, 99, 1);
    let cid = low.cid().to_string();
    let pool = node(&[low]).answer("ChainGetMessage", json!(null));
    let why = shown(&pool, &["why", &cid]).await;
    assert_eq!(
        (&why["Waits"], &why["BaseFee"]),
        (&json!(true), &json!("100"))
    );
    let help = why["Findings"][0]["Help"].as_str().expect("help");
    assert!(help.contains("mpool replace --auto"), "{why}");
    let pool = node(&[]).refuse("ChainGetMessage", 1, "not found");
    let why = shown(&pool, &["why", &cid]).await;
    assert_eq!(why["Waits"], false);
    assert!(why["Status"].as_str().expect("text").contains("never seen"));
}
