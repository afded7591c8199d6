//! Every method of every API, asked with every kind of token over HTTP and over a WebSocket: who is
//! not allowed is refused in Lotus' words, who is allowed gets further.

use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use lotus_rpc::{Limits, PushStreams};
use lotus_rpc_api::{Dispatcher, MethodInfo, MethodKind, Permission, full, miner, node, worker};
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::toy::{Running, serve};

/// Has every method and answers none.
struct Nothing;

macro_rules! nothing {
    ($($group:path),* $(,)?) => { $(impl $group for Nothing {})* };
}
nothing!(
    node::CommonApi,
    node::NetApi,
    full::ChainApi,
    full::StateApi,
    full::StateMinerApi,
    full::StateMarketApi,
    full::MinerApi,
    full::MpoolApi,
    full::GasApi,
    full::WalletApi,
    full::SyncApi,
    full::MarketApi,
    full::ClientApi,
    full::MsigApi,
    full::PaychApi,
    full::FevmApi,
    miner::ActorApi,
    miner::SealingApi,
    miner::WorkersApi,
    miner::SectorsApi,
    miner::StorageIndexApi,
    miner::WorkerReturnApi,
    miner::MinerMarketApi,
    miner::DealsApi,
    miner::PiecesApi,
    worker::WorkerApi,
    worker::WorkerCallsApi,
);

/// A token and what it allows; `None`: no token at all.
struct Who {
    name: &'static str,
    token: Option<String>,
    allowed: Vec<Permission>,
}

fn everyone(server: &Running) -> Vec<Who> {
    let mut all = vec![Who {
        name: "nobody",
        token: None,
        allowed: vec![Permission::Read],
    }];
    for permission in Permission::ALL {
        all.push(Who {
            name: permission.name(),
            token: Some(server.token(permission)),
            allowed: permission.up_to(),
        });
    }
    // Lotus looks whether the permission is in the token, not how high it ranks.
    let alone = [Permission::Admin];
    all.push(Who {
        name: "admin alone",
        token: Some(server.secret.token(&alone).unwrap()),
        allowed: alone.to_vec(),
    });
    all.push(Who {
        name: "a token for nothing",
        token: Some(server.secret.token(&[]).unwrap()),
        allowed: Vec::new(),
    });
    all
}

fn request(info: &MethodInfo, id: usize) -> String {
    let params = vec![Value::Null; info.required_params()];
    json!({ "jsonrpc": "2.0", "id": id, "method": info.name, "params": params }).to_string()
}

/// Checks an answer; no parameters are good, so that nobody gets a result.
fn check(info: &MethodInfo, who: &Who, answer: &Value, way: &str) {
    let text = answer["error"]["message"].as_str().unwrap_or_default();
    let refusal = format!(
        "missing permission to invoke '{}' (need '{}')",
        info.short_name(),
        info.permission
    );
    let what = format!("{} asks {} over {way}: {answer}", who.name, info.name);
    if who.allowed.contains(&info.permission) {
        assert!(!text.contains("missing permission"), "{what}");
        let further = text.contains("not supported") || text.contains("unmarshaling params");
        assert!(further, "{what}");
    } else {
        assert_eq!(text, refusal, "{what}");
        assert_eq!(answer["error"]["code"], 1, "{what}");
    }
}

async fn over_http(server: &Running, who: &Who, methods: &[&'static MethodInfo]) {
    let client = reqwest::Client::new();
    for (id, info) in methods.iter().enumerate() {
        if info.kind == MethodKind::Channel {
            continue;
        }
        let mut post = client.post(server.http()).body(request(info, id));
        if let Some(token) = &who.token {
            post = post.bearer_auth(token);
        }
        let response = post.send().await.unwrap();
        assert_ne!(response.status(), 401, "{} {}", who.name, info.name);
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        check(info, who, &answer, "HTTP");
    }
}

async fn over_websocket(server: &Running, who: &Who, methods: &[&'static MethodInfo]) {
    let url = match &who.token {
        Some(token) => format!("{}?token={token}", server.ws()),
        None => server.ws(),
    };
    let (mut socket, _) = connect_async(url).await.unwrap();
    for (id, info) in methods.iter().enumerate() {
        let text = request(info, id);
        socket.send(Message::text(text)).await.unwrap();
        let answer: Value = loop {
            if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
                break serde_json::from_str(&text).unwrap();
            }
        };
        assert_eq!(answer["id"], id, "{answer}");
        check(info, who, &answer, "WebSocket");
    }
}

async fn walk(dispatcher: Dispatcher, least: usize) {
    let methods = dispatcher.methods();
    assert!(methods.len() >= least, "{} methods", methods.len());
    let address = "127.0.0.1:0".parse().unwrap();
    let streams = PushStreams::default();
    let server = serve(Limits::default(), address, dispatcher, streams).await;
    for who in everyone(&server) {
        over_http(&server, &who, &methods).await;
        over_websocket(&server, &who, &methods).await;
    }
}

#[tokio::test]
async fn of_the_full_node_hold_on_every_transport() {
    walk(full::dispatcher(&Arc::new(Nothing)), 230).await;
}

#[tokio::test]
async fn of_the_full_nodes_v0_hold_on_every_transport() {
    walk(full::v0::dispatcher(&Arc::new(Nothing)), 230).await;
}

#[tokio::test]
async fn of_the_miner_hold_on_every_transport() {
    walk(miner::dispatcher(&Arc::new(Nothing)), 150).await;
}

#[tokio::test]
async fn of_the_worker_hold_on_every_transport() {
    walk(worker::dispatcher(Arc::new(Nothing)), 37).await;
}

#[tokio::test]
async fn do_not_come_with_a_token_of_someone_else() {
    let address = "127.0.0.1:0".parse().unwrap();
    let methods = full::dispatcher(&Arc::new(Nothing));
    let server = serve(Limits::default(), address, methods, PushStreams::default()).await;
    let stranger = lotus_rpc::JwtSecret::generate();
    let token = stranger.token(&Permission::ALL).unwrap();
    let client = reqwest::Client::new();
    let info = full::methods().next().unwrap();
    let post = client.post(server.http()).body(request(info, 1));
    let response = post.bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.text().await.unwrap(), "");
    let refused = connect_async(format!("{}?token={token}", server.ws())).await;
    assert!(refused.unwrap_err().to_string().contains("401"));
}
