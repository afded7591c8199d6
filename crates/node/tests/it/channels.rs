//! The methods that answer with a channel, on a real node, in the frames that a Go client sends: each
//! is opened, says what it has to say, and is closed by an `xrpc.cancel` without an id.

use std::{collections::BTreeMap, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use lotus_blockstore::car::{CarLimits, CarReader};
use lotus_rpc::{JwtSecret, Server, Verifier};
use lotus_rpc_api::{MethodKind, Permission, full};
use lotus_types::Bytes;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use tokio_util::sync::CancellationToken;

use crate::{recorded_answers::node_of, samples};

const PATIENCE: Duration = Duration::from_secs(30);

struct Peer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Values that came on each channel, and whether it was closed.
    channels: BTreeMap<u64, (Vec<Value>, bool)>,
}

impl Peer {
    async fn send(&mut self, frame: Value) {
        let text = frame.to_string();
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Takes frames until one is an answer or a channel was closed.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let message = timeout(PATIENCE, self.socket.next())
                .await
                .expect("in time");
            let Message::Text(text) = message.expect("a frame").unwrap() else {
                continue;
            };
            let frame: Value = serde_json::from_str(&text).unwrap();
            let number = frame["params"][0].as_u64().unwrap_or_default();
            match frame["method"].as_str() {
                Some("xrpc.ch.val") => {
                    let (values, closed) = self.channels.entry(number).or_default();
                    assert!(!*closed, "a value after the end: {frame}");
                    values.push(frame["params"][1].clone());
                }
                Some("xrpc.ch.close") => {
                    self.channels.entry(number).or_default().1 = true;
                    return None;
                }
                other => {
                    assert_eq!(other, None, "{frame}");
                    return Some(frame);
                }
            }
        }
    }

    /// Opens a channel; gives its number.
    async fn open(&mut self, id: u64, method: &str, params: Vec<Value>) -> u64 {
        let method = format!("Filecoin.{method}");
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await;
        let answer = self.next().await.expect("an answer");
        assert_eq!(answer["id"], id, "{answer}");
        answer["result"]
            .as_u64()
            .unwrap_or_else(|| panic!("{answer}"))
    }

    /// Waits for the end of a channel; gives its values.
    async fn ended(&mut self, number: u64) -> Vec<Value> {
        while !self
            .channels
            .get(&number)
            .is_some_and(|(_, closed)| *closed)
        {
            assert_eq!(self.next().await, None, "a cancel is not answered");
        }
        self.channels.remove(&number).unwrap().0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_opened_and_cancelled() {
    let (node, _supervisor) = node_of("mock-chain").await;
    let secret = JwtSecret::generate();
    let server = Server::new(Verifier::Secret(secret.clone()))
        .endpoint("/rpc/v1", full::dispatcher(&node.api))
        .bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let token = secret.token(&Permission::ALL).unwrap();
    let url = format!("ws://{}/rpc/v1?token={token}", server.address());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(stop.clone()));
    let (socket, _) = connect_async(url).await.unwrap();
    let mut peer = Peer {
        socket,
        channels: BTreeMap::new(),
    };
    let head = node.chain.require_head().unwrap();

    let endless = ["ChainNotify", "MpoolSub", "SyncIncomingBlocks", "Closing"];
    for (id, method) in (10..).zip(endless) {
        let number = peer.open(id, method, Vec::new()).await;
        let cancel = json!({ "jsonrpc": "2.0", "method": "xrpc.cancel", "params": [id] });
        peer.send(cancel).await;
        let values = peer.ended(number).await;
        if method == "ChainNotify" && !values.is_empty() {
            assert_eq!(values[0][0]["Type"], "current");
            assert_eq!(values[0][0]["Val"]["Height"], head.height());
        } else {
            assert_eq!(values, Vec::<Value>::new(), "{method}");
        }
    }

    // This one ends by itself, with the whole file sent.
    let params = vec![json!(1), json!(true), json!(head.key())];
    let number = peer.open(20, "ChainExport", params).await;
    let mut car = Vec::new();
    for piece in peer.ended(number).await {
        let piece: Bytes = serde_json::from_value(piece).unwrap();
        car.extend_from_slice(&piece);
    }
    let reader = CarReader::new(car.as_slice(), CarLimits::default()).unwrap();
    assert_eq!(reader.roots().len(), head.cids().len());

    // A file that nobody reads to its end is given up as well.
    let params = vec![json!(700), json!(false), json!([])];
    let number = peer.open(21, "ChainExport", params).await;
    peer.send(json!({ "method": "xrpc.cancel", "params": [21] }))
        .await;
    peer.ended(number).await;

    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[test]
fn all_have_samples() {
    let channels = full::methods().filter(|info| info.kind == MethodKind::Channel);
    let names: Vec<_> = channels
        .inspect(|info| assert_eq!(samples::params(info).len(), info.params.len()))
        .map(|info| info.short_name())
        .collect();
    for name in [
        "ChainNotify",
        "MpoolSub",
        "SyncIncomingBlocks",
        "ChainExport",
        "Closing",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}
