//! Odd requests of the recording whose answer needs a chain or the decoders of real types; the others
//! are asked in `crates/rpc/tests/it/recorded.rs`.

use lotus_rpc_api::{CallStyle, Permission, full};
use serde_json::{Value, value::RawValue};

use crate::recorded_answers::node_of;

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/lotus/wire/http-edge.json"
);

/// Answered with Lotus' code and text.
const EQUAL: &[&str] = &[
    "negative epoch",
    "huge epoch",
    "float epoch",
    "string epoch",
    "future epoch",
    "empty address",
    "params object",
];

/// Answered with Lotus' code and in our own words: the texts of Go's decoders of these types.
const OWN_WORDS: &[&str] = &[
    "wrong type",
    "bad cid",
    "bad address",
    "bad base64",
    "bad bigint",
];

#[derive(serde::Deserialize)]
struct Request {
    method: String,
    /// As it was written: a number may be too large for any type.
    params: Box<RawValue>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn about_a_chain_are_answered_like_lotus() {
    let (node, _supervisor) = node_of("mock-chain").await;
    let methods = full::dispatcher(&node.api);
    let text = std::fs::read_to_string(FIXTURE).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut asked, mut wrong) = (0, Vec::new());
    for exchange in &all {
        let note = exchange["note"].as_str().unwrap();
        if !EQUAL.contains(&note) && !OWN_WORDS.contains(&note) {
            continue;
        }
        asked += 1;
        let request: Request = serde_json::from_str(exchange["body"].as_str().unwrap()).unwrap();
        let (method, params) = (request.method.as_str(), &request.params);
        let all = Permission::ALL;
        let style = CallStyle::RequestResponse;
        let ours = methods.call(method, Some(params), &all, style).await;
        let ours = ours.expect_err(note).into_object();
        let theirs: Value = serde_json::from_str(exchange["answer"].as_str().unwrap()).unwrap();
        let theirs = &theirs["error"];
        assert_eq!(theirs["code"], ours.code, "{note}: {ours:?}");
        if EQUAL.contains(&note) && theirs["message"] != ours.message.as_str() {
            wrong.push(format!(
                "{note}: {}\n  theirs {}",
                ours.message, theirs["message"]
            ));
        }
    }
    assert_eq!(asked, EQUAL.len() + OWN_WORDS.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
