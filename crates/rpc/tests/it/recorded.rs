//! What Go Lotus answered to odd requests, asked again of this server.
//!
//! The methods are bound to fixed answers where the recording needs no chain; requests whose answer
//! depends on one are left out and counted.

use std::sync::Arc;

use async_trait::async_trait;
use lotus_rpc::{Limits, PushStreams};
use lotus_rpc_api::{Dispatcher, Permission, RpcError, Subscription, rpc_api};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::toy::{Running, serve};

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/lotus/wire/http-edge.json"
);

rpc_api! {
    /// The recorded methods, with as many parameters and the permissions that they have.
    pub(crate) trait RecordedApi {
        /// Recorded.
        #[method("Version", Read)]
        fn version() -> Value;
        /// Recorded.
        #[method("MpoolGetNonce", Read)]
        fn mpool_get_nonce(address: String) -> u64;
        /// Recorded.
        #[method("WalletBalance", Read)]
        fn wallet_balance(address: String) -> String;
        /// Recorded.
        #[method("MpoolPushMessage", Sign)]
        fn mpool_push_message(message: Value, spec: Value) -> Value;
        /// Recorded.
        #[method("WalletSign", Sign)]
        fn wallet_sign(address: String, data: String) -> Value;
        /// Recorded.
        #[method("WalletList", Write)]
        fn wallet_list() -> Vec<String>;
        /// Recorded.
        #[method("AuthNew", Admin)]
        fn auth_new(allow: Vec<Permission>) -> String;
        /// Recorded.
        #[method("NetConnect", Write)]
        fn net_connect(peer: Value);
        /// Recorded.
        #[method("SyncSubmitBlock", Write)]
        fn sync_submit_block(block: Value);
        /// Recorded.
        #[method("LogSetLevel", Write)]
        fn log_set_level(system: String, level: String);
        /// Recorded.
        #[method("WalletNew", Write)]
        fn wallet_new(kind: String) -> String;
        /// Recorded.
        #[method("StateGetActor", Read)]
        fn state_get_actor(address: String, tipset: Option<Value>) -> Value;
        /// Recorded.
        #[method("AuthVerify", Read)]
        fn auth_verify(token: String) -> Vec<Permission>;
        /// Recorded.
        #[method("ChainHead", Read)]
        fn chain_head() -> Value;
        /// Recorded.
        #[method("ChainGetBlock", Read)]
        fn chain_get_block(cid: Value) -> Value;
        /// Recorded.
        #[method("ChainNotify", Read, Channel)]
        fn chain_notify() => Value;
    }
}

struct Recorded;

#[async_trait]
impl RecordedApi for Recorded {
    async fn version(&self) -> Result<Value, RpcError> {
        // As a value its fields are sorted; the comparison does not look at their order.
        Ok(json!({"Version": "1.27.0+2k", "APIVersion": 131_840, "BlockDelay": 10}))
    }
    async fn wallet_list(&self) -> Result<Vec<String>, RpcError> {
        Ok(vec!["t3smgh6koqhmlpygb2vdbtc7qnyerhhrrc2ieurpeyetjk6uved7wszgluj2wahbcxf4ohk7sp2z7r5wxy52zq".into()])
    }
    async fn chain_notify(&self) -> Result<Subscription<Value>, RpcError> {
        Ok(Box::pin(futures::stream::empty()))
    }
}

#[derive(Deserialize)]
struct Exchange {
    note: String,
    http: String,
    token: String,
    body: Option<String>,
    status: u16,
    content_type: Option<String>,
    answer: String,
}

/// Requests whose recorded answer needs a chain, other routes or Go's own wording.
const LEFT_OUT: &[&str] = &[
    // Answers of a chain.
    "batch of two",
    "batch with a bad one",
    "null cid",
    "negative epoch",
    "huge epoch",
    "float epoch",
    "string epoch",
    "future epoch",
    "empty address",
    "mainnet prefix",
    "alias",
    "rpc.discover",
    // Texts of the types' own decoders.
    "wrong type",
    "bad cid",
    "bad address",
    "bad base64",
    "bad bigint",
    // Cut in the recording.
    "deep nesting",
    // Another endpoint and other routes.
    "v0 root",
];
const OTHER_ROUTES: &[&str] = &["/health", "/debug", "/rest/v0/import"];

async fn ask(server: &Running, exchange: &Exchange) -> (u16, Option<String>, String) {
    let (method, path) = exchange.http.split_once(' ').unwrap();
    let mut request = reqwest::Client::new().request(
        method.parse().unwrap(),
        format!("http://{}{path}", server.address),
    );
    request = match exchange.token.as_str() {
        "none" => request,
        "forged" => request.bearer_auth("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.AAAA"),
        name => request.bearer_auth(server.token(name.parse().unwrap())),
    };
    if let Some(body) = &exchange.body {
        request = request.body(body.clone());
    }
    let response = request.send().await.unwrap();
    let kind = response
        .headers()
        .get("content-type")
        .map(|v| v.to_str().unwrap().to_owned());
    (
        response.status().as_u16(),
        kind,
        response.text().await.unwrap(),
    )
}

#[tokio::test]
async fn odd_requests_are_answered_like_lotus() {
    let methods = Dispatcher::new().with(<dyn RecordedApi>::handlers(Arc::new(Recorded)));
    let any_port = "127.0.0.1:0".parse().unwrap();
    let server = serve(Limits::default(), any_port, methods, PushStreams::default()).await;
    let all: Vec<Exchange> =
        serde_json::from_str(&std::fs::read_to_string(FIXTURE).unwrap()).unwrap();
    let mut asked = 0;
    for exchange in &all {
        let other = OTHER_ROUTES.iter().any(|r| exchange.http.contains(r));
        let chain_head = exchange.answer.contains("Blocks");
        if LEFT_OUT.contains(&exchange.note.as_str()) || other || chain_head {
            continue;
        }
        let (status, kind, answer) = ask(&server, exchange).await;
        let what = format!("{}: {} {:?}", exchange.note, exchange.http, exchange.body);
        assert_eq!(status, exchange.status, "{what}: {answer}");
        assert_eq!(kind, exchange.content_type, "{what}");
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(json!(text));
        assert_eq!(parse(&answer), parse(&exchange.answer), "{what}");
        if answer.contains("error") {
            assert_eq!(answer, exchange.answer, "to the byte: {what}");
        }
        asked += 1;
    }
    assert!(
        asked >= 100,
        "only {asked} of {} exchanges were asked",
        all.len()
    );
}
