//! The server, asked by raw WebSocket frames as a Go client sends them.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use lotus_rpc::Limits;
use lotus_rpc_api::Permission;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::toy::{Running, eventually, start};

struct Peer(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Peer {
    async fn new(server: &Running) -> Self {
        let url = format!("{}?token={}", server.ws(), server.token(Permission::Admin));
        Self(connect_async(url).await.unwrap().0)
    }
    async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }
    /// The next frame; `None` when the connection ends.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let message = timeout(Duration::from_secs(5), self.0.next())
                .await
                .expect("in time")?;
            match message.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }
    async fn frame(&mut self) -> Value {
        self.next().await.expect("a frame")
    }
    async fn ask(&mut self, text: &str) -> Value {
        self.send(text).await;
        self.frame().await
    }
    async fn counting(&mut self) -> u64 {
        self.send(r#"{"id":"counting","method":"Filecoin.ToyCounting"}"#)
            .await;
        loop {
            let frame = self.frame().await;
            if frame["id"] == "counting" {
                return frame["result"].as_u64().unwrap();
            }
        }
    }
}

mod calls {
    use super::*;

    #[tokio::test]
    async fn are_answered_while_others_wait() {
        let server = start(Limits::default()).await;
        let mut peer = Peer::new(&server).await;
        peer.send(r#"{"id":1,"method":"Filecoin.ToyNever","params":[]}"#)
            .await;
        let answer = peer
            .ask(r#"{"id":2,"method":"Filecoin.ToyAdd","params":[1,2]}"#)
            .await;
        assert_eq!(answer, json!({"jsonrpc": "2.0", "result": 3, "id": 2}));
    }

    #[tokio::test]
    async fn without_id_are_not_answered() {
        let server = start(Limits::default()).await;
        let mut peer = Peer::new(&server).await;
        peer.send(r#"{"method":"Filecoin.ToyAdd","params":[1,2]}"#)
            .await;
        peer.send(r#"{"method":"Filecoin.Nope","params":[1,2]}"#)
            .await;
        peer.send(r#"{"id":null,"method":"Filecoin.ToyAdd","params":[1,2]}"#)
            .await;
        let answer = peer
            .ask(r#"{"id":7,"method":"Filecoin.ToyAdd","params":[2,2]}"#)
            .await;
        assert_eq!(answer["id"], 7);
    }

    #[tokio::test]
    async fn that_are_malformed_leave_the_connection_alive() {
        let server = start(Limits::default()).await;
        let mut peer = Peer::new(&server).await;
        for bad in ["{", "42", "", "[]", "[1]", &"[".repeat(1000)] {
            let answer = peer.ask(bad).await;
            assert_eq!(answer["error"]["code"], -32700, "{bad}");
            assert_eq!(answer["id"], Value::Null);
        }
        let answer = peer
            .ask(r#"{"id":{},"method":"Filecoin.ToyAdd","params":[2,2]}"#)
            .await;
        assert_eq!(answer["error"]["code"], -32700);
        let answer = peer
            .ask(r#"{"id":1,"method":"Filecoin.ToyAdd","params":[2]}"#)
            .await;
        assert_eq!(answer["error"]["code"], -32602);
        let answer = peer.ask(r#"{"id":1,"method":"Filecoin.Nope"}"#).await;
        assert_eq!(answer["error"]["code"], -32601);
        let answer = peer.ask(r#"{"id":1,"method":"Filecoin.ToyPanic"}"#).await;
        assert_eq!(answer["error"]["code"], 0);
        let answer = peer
            .ask(r#"{"id":1,"method":"Filecoin.ToyAdd","params":[2,2]}"#)
            .await;
        assert_eq!(answer["result"], 4);
    }

    #[tokio::test]
    async fn may_come_as_a_batch() {
        let server = start(Limits::default()).await;
        let mut peer = Peer::new(&server).await;
        let one = |id| format!(r#"{{"id":{id},"method":"Filecoin.ToyAdd","params":[{id},0]}}"#);
        peer.send(&format!("[{},{}]", one(1), one(2))).await;
        let (a, b) = (peer.frame().await, peer.frame().await);
        let mut results = [a["result"].as_u64(), b["result"].as_u64()];
        results.sort_unstable();
        assert_eq!(results, [Some(1), Some(2)]);
    }

    #[tokio::test]
    async fn are_limited_in_number() {
        let server = start(Limits {
            calls_per_connection: 2,
            ..Limits::default()
        })
        .await;
        let mut peer = Peer::new(&server).await;
        for id in 1..=2 {
            peer.send(&format!(r#"{{"id":{id},"method":"Filecoin.ToyNever"}}"#))
                .await;
        }
        let answer = peer
            .ask(r#"{"id":3,"method":"Filecoin.ToyAdd","params":[2,2]}"#)
            .await;
        assert_eq!(answer["error"]["message"], "too many calls in flight");
    }

    #[tokio::test]
    async fn that_are_too_large_end_the_connection_and_nothing_else() {
        let server = start(Limits {
            body: 1000,
            ..Limits::default()
        })
        .await;
        let mut peer = Peer::new(&server).await;
        let _ = peer.0.send(Message::text(" ".repeat(5000))).await;
        assert_eq!(peer.next().await, None);
        let mut other = Peer::new(&server).await;
        let answer = other
            .ask(r#"{"id":1,"method":"Filecoin.ToyAdd","params":[2,2]}"#)
            .await;
        assert_eq!(answer["result"], 4);
    }
}

mod a_cancel {
    use super::*;

    #[tokio::test]
    async fn with_or_without_id_stops_a_call_and_is_not_answered() {
        let server = start(Limits::default()).await;
        let mut peer = Peer::new(&server).await;
        for cancel in [
            r#"{"jsonrpc":"2.0","method":"xrpc.cancel","params":[1]}"#,
            r#"{"jsonrpc":"2.0","id":9,"method":"xrpc.cancel","params":[1]}"#,
        ] {
            peer.send(r#"{"id":1,"method":"Filecoin.ToyNever"}"#).await;
            peer.send(cancel).await;
            let answer = peer.frame().await;
            assert_eq!(
                (&answer["id"], &answer["error"]["message"]),
                (&json!(1), &json!("context canceled"))
            );
        }
        let answer = peer
            .ask(r#"{"id":2,"method":"Filecoin.ToyAdd","params":[2,2]}"#)
            .await;
        assert_eq!(answer["id"], 2, "the cancels themselves were not answered");
    }

    #[tokio::test]
    async fn of_nothing_does_nothing() {
        let server = start(Limits::default()).await;
        let mut peer = Peer::new(&server).await;
        for params in ["[77]", "[]", "null", "{}", "[{}]", "[\"x\"]"] {
            peer.send(&format!(r#"{{"method":"xrpc.cancel","params":{params}}}"#))
                .await;
        }
        let answer = peer
            .ask(r#"{"id":2,"method":"Filecoin.ToyAdd","params":[2,2]}"#)
            .await;
        assert_eq!(answer["result"], 4);
    }
}

mod a_channel {
    use super::*;

    #[tokio::test]
    async fn carries_values_and_is_closed() {
        let server = start(Limits::default()).await;
        let mut peer = Peer::new(&server).await;
        let answer = peer
            .ask(r#"{"id":4,"method":"Filecoin.ToyCount","params":[1,2]}"#)
            .await;
        assert_eq!(answer, json!({"jsonrpc": "2.0", "result": 1, "id": 4}));
        let value = |v| json!({"jsonrpc": "2.0", "method": "xrpc.ch.val", "params": [1, v]});
        assert_eq!(peer.frame().await, value(0));
        assert_eq!(peer.frame().await, value(1));
        let close = json!({"jsonrpc": "2.0", "method": "xrpc.ch.close", "params": [1]});
        assert_eq!(peer.frame().await, close);
        let answer = peer
            .ask(r#"{"id":4,"method":"Filecoin.ToyCount","params":[1,0]}"#)
            .await;
        assert_eq!(answer["result"], 2, "channels have their own numbers");
    }

    #[tokio::test]
    async fn ends_by_a_cancel_of_its_request() {
        let server = start(Limits::default()).await;
        let mut peer = Peer::new(&server).await;
        peer.ask(r#"{"id":"abc","method":"Filecoin.ToyCount","params":[1]}"#)
            .await;
        assert_eq!(peer.counting().await, 1);
        peer.send(r#"{"method":"xrpc.cancel","params":["abc"]}"#)
            .await;
        loop {
            let frame = peer.frame().await;
            if frame["method"] == "xrpc.ch.close" {
                break;
            }
            assert_eq!(frame["method"], "xrpc.ch.val");
        }
        assert_eq!(peer.counting().await, 0);
    }

    #[tokio::test]
    async fn ends_with_the_connection() {
        let server = start(Limits::default()).await;
        let mut peer = Peer::new(&server).await;
        peer.ask(r#"{"id":1,"method":"Filecoin.ToyCount","params":[1]}"#)
            .await;
        drop(peer);
        let mut other = Peer::new(&server).await;
        eventually("the end of the count", async || other.counting().await == 0).await;
    }

    #[tokio::test]
    async fn is_limited_in_number() {
        let server = start(Limits {
            channels_per_connection: 1,
            ..Limits::default()
        })
        .await;
        let mut peer = Peer::new(&server).await;
        peer.ask(r#"{"id":1,"method":"Filecoin.ToyCount","params":[60000]}"#)
            .await;
        let answer = peer
            .ask(r#"{"id":2,"method":"Filecoin.ToyCount","params":[60000]}"#)
            .await;
        assert_eq!(answer["error"]["message"], "too many channels are open");
    }
}

#[tokio::test]
async fn a_silent_peer_is_dropped() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let server = start(limits).await;
    // A raw connection that never answers a ping.
    let mut peer = Peer::new(&server).await;
    peer.ask(r#"{"id":1,"method":"Filecoin.ToyCount","params":[60000]}"#)
        .await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn a_forged_token_opens_no_connection() {
    let server = start(Limits::default()).await;
    let url = format!("{}?token=e30.e30.AAAA", server.ws());
    let error = connect_async(url).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
}
