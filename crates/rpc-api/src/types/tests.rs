//! Every recorded call goes through the types in both directions.
//!
//! A server is bound to a client whose transport plays the recording: parameters are read by the
//! server, written by the client and compared; the result is read by the client, written by the
//! server and compared. So each sample tests parameter order, types and shapes at once.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    ApiClient, CallStyle, Dispatcher, MethodInfo, Outcome, Permission, RawJson, RpcError,
    Subscription, Transport, full, miner, worker,
};

macro_rules! fixture {
    ($path:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus/", $path)
    };
}

#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    to: String,
    method: String,
    params: Box<RawValue>,
    /// Absent: the method has no result. `null` is one.
    #[serde(default, deserialize_with = "present")]
    result: Option<Box<RawValue>>,
    /// A value of a channel, in place of a result.
    value: Option<Box<RawValue>>,
}

fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Deserialize::deserialize(d).map(Some)
}

fn samples(path: &str) -> Vec<Sample> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a sample"))
        .collect()
}

/// Plays one sample.
#[derive(Debug)]
struct Player {
    params: Value,
    result: Option<RawJson>,
    value: Option<RawJson>,
}

#[async_trait]
impl Transport for Player {
    async fn call(
        &self,
        _: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Option<RawJson>, RpcError> {
        self.compare(&params)?;
        Ok(self.result.clone())
    }
    async fn subscribe(
        &self,
        _: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Subscription<RawJson>, RpcError> {
        self.compare(&params)?;
        Ok(futures::stream::iter(self.value.clone()).boxed())
    }
}

impl Player {
    fn compare(&self, params: &RawJson) -> Result<(), RpcError> {
        let written = tidy(parse(params.get()));
        if written == self.params {
            return Ok(());
        }
        Err(RpcError::new(format_args!(
            "parameters {} became {written}",
            self.params
        )))
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// What Go reads alike: `null` and an empty list. Applied to parameters only.
fn tidy(value: Value) -> Value {
    match value {
        Value::Array(list) if list.is_empty() => Value::Null,
        Value::Array(list) => list.into_iter().map(tidy).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, tidy(v))).collect(),
        // Go prints floats with fewer digits where they are whole.
        other => other,
    }
}

async fn play(sample: Sample, bind: fn(Arc<ApiClient>) -> Dispatcher) -> Result<(), String> {
    let expected = sample
        .value
        .as_ref()
        .or(sample.result.as_ref())
        .map(|r| parse(r.get()));
    let params = sample.params;
    let player = Player {
        params: tidy(parse(params.get())),
        result: sample.result,
        value: sample.value,
    };
    let server = bind(Arc::new(ApiClient::new(Arc::new(player))));
    let name = format!("Filecoin.{}", sample.method);
    let all = Permission::ALL;
    let outcome = server
        .call(&name, Some(&params), &all, CallStyle::Channels)
        .await
        .map_err(|e| format!("{name}: {e}"))?;
    let written = match outcome {
        // The recorder wrote `null` also where the answer had no result.
        Outcome::Empty => expected.clone().filter(Value::is_null),
        Outcome::Value(value) => Some(parse(value.get())),
        Outcome::Channel(mut values) => values.next().await.map(|v| parse(v.get())),
    };
    if written == expected {
        return Ok(());
    }
    let show = |v: &Option<Value>| v.as_ref().map_or("nothing".to_owned(), Value::to_string);
    Err(format!(
        "{name}: {}\n  became {}",
        show(&expected),
        show(&written)
    ))
}

async fn play_all(
    path: &str,
    left_out: &[&str],
    bind: impl Fn(&Sample) -> fn(Arc<ApiClient>) -> Dispatcher,
) {
    let (mut played, mut failures) = (0, Vec::new());
    for sample in samples(path) {
        if left_out.contains(&sample.method.as_str()) {
            continue;
        }
        let binding = bind(&sample);
        match play(sample, binding).await {
            Ok(()) => played += 1,
            Err(e) => failures.push(e),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(played > 5, "only {played} samples in {path}");
}

fn full_node(node: Arc<ApiClient>) -> Dispatcher {
    full::dispatcher(&node)
}

fn storage_miner(node: Arc<ApiClient>) -> Dispatcher {
    miner::dispatcher(&node)
}

/// Methods that this API does not describe (yet).
const NOT_DESCRIBED: &[&str] = &["PaychList", "DagstoreListShards"];

mod recorded_calls {
    use super::*;

    #[tokio::test]
    async fn of_the_mock_chain_go_round() {
        let full: fn(_) -> _ = full_node;
        play_all(
            fixture!("mock-chain/rpc-v1.samples.jsonl"),
            NOT_DESCRIBED,
            |_| full,
        )
        .await;
        play_all(
            fixture!("mock-chain-two/rpc-v1.samples.jsonl"),
            NOT_DESCRIBED,
            |_| full,
        )
        .await;
    }

    #[tokio::test]
    async fn of_a_running_node_go_round() {
        let full: fn(_) -> _ = full_node;
        play_all(
            fixture!("real-chain/rpc.samples.jsonl"),
            NOT_DESCRIBED,
            |_| full,
        )
        .await;
    }

    #[tokio::test]
    async fn of_a_running_miner_go_round() {
        let miner: fn(_) -> _ = storage_miner;
        play_all(
            fixture!("real-chain/miner-rpc.samples.jsonl"),
            NOT_DESCRIBED,
            |_| miner,
        )
        .await;
    }

    #[tokio::test]
    async fn between_miner_and_daemon_go_round() {
        let full: fn(_) -> _ = full_node;
        play_all(
            fixture!("wire/daemon-websocket.samples.jsonl"),
            NOT_DESCRIBED,
            |_| full,
        )
        .await;
    }

    #[tokio::test]
    async fn between_miner_and_worker_go_round() {
        play_all(
            fixture!("worker/traffic.samples.jsonl"),
            NOT_DESCRIBED,
            |sample| {
                if sample.to == "worker" {
                    worker::dispatcher
                } else {
                    storage_miner
                }
            },
        )
        .await;
    }
}

mod the_described_methods {
    use super::*;

    /// A line of Lotus' list: name, number of parameters, result, permission.
    fn listed(path: &str) -> Vec<(String, usize, String, String)> {
        let text = std::fs::read_to_string(path).expect("the list of methods");
        let methods = text.lines().filter(|l| l.starts_with("Filecoin."));
        methods
            .map(|line| {
                let (name, rest) = line.split_once('(').expect("parameters");
                let (params, rest) = rest.split_once(") -> ").expect("a result");
                let mut parts = rest.split(" | ");
                let result = parts.next().expect("a result").trim().to_owned();
                let permission = parts.next().expect("a permission").trim();
                let count = if params.is_empty() {
                    0
                } else {
                    params.split(", ").count()
                };
                let permission = permission.trim_start_matches("perm=").to_owned();
                (name.to_owned(), count, result, permission)
            })
            .collect()
    }

    fn compare(path: &str, methods: impl Iterator<Item = &'static MethodInfo>) {
        let listed = listed(path);
        let mut names = std::collections::BTreeSet::new();
        for info in methods {
            assert!(names.insert(info.name), "{} is described twice", info.name);
            let found = listed.iter().find(|(name, ..)| name == info.name);
            let (_, count, result, permission) =
                found.unwrap_or_else(|| panic!("Lotus has no {}", info.name));
            assert_eq!(
                info.permission.name(),
                permission,
                "permission of {}",
                info.name
            );
            let required = info.required_params();
            assert!(
                (required..=info.params.len()).contains(count),
                "{}: {count} parameters",
                info.name
            );
            assert_eq!(
                info.result.is_none(),
                result == "()",
                "result of {}",
                info.name
            );
            let channel = info.kind == crate::MethodKind::Channel;
            assert_eq!(
                channel,
                result.starts_with("<-chan"),
                "channel of {}",
                info.name
            );
            assert!(
                !info.summary().is_empty(),
                "{} has no description",
                info.name
            );
        }
    }

    #[test]
    fn of_the_full_node_are_lotus() {
        compare(fixture!("facts/rpc-full.txt"), full::methods());
    }

    #[test]
    fn of_the_miner_are_lotus() {
        compare(fixture!("facts/rpc-miner.txt"), miner::methods());
    }

    #[test]
    fn of_the_worker_are_lotus_and_complete() {
        let path = fixture!("facts/rpc-worker.txt");
        compare(path, worker::methods());
        assert_eq!(worker::methods().count(), listed(path).len());
    }
}

mod times {
    use crate::types::go::Time;

    #[test]
    fn are_printed_as_go_prints_them() {
        for (seconds, nanos, text) in [
            (Time::ZERO.seconds, 0, "0001-01-01T00:00:00Z"),
            (0, 0, "1970-01-01T00:00:00Z"),
            (-1, 500_000_000, "1969-12-31T23:59:59.5Z"),
            (951_782_400, 0, "2000-02-29T00:00:00Z"),
            (1_795_355_805, 262_670_804, "2026-11-22T13:56:45.262670804Z"),
            (1_598_306_400, 0, "2020-08-24T22:00:00Z"),
        ] {
            let time = Time { seconds, nanos };
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse(), Ok(time));
        }
    }

    #[test]
    fn with_an_offset_are_read() {
        let utc: Time = "2026-11-22T13:56:45Z".parse().expect("a time");
        assert_eq!("2026-11-22T15:56:45+02:00".parse(), Ok(utc));
        assert_eq!("2026-11-22T10:26:45-03:30".parse(), Ok(utc));
    }

    #[test]
    fn that_are_nonsense_are_refused() {
        for text in [
            "",
            "now",
            "2026-13-01T00:00:00Z",
            "2026-01-01T25:00:00Z",
            "2026-01-01",
            "2026-01-01T00:00:00.5",
            "2026-01-01T00:00:00+é1:0",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }
}

mod results_beside_an_error {
    use lotus_types::PieceInfo;

    use crate::types::go::Lenient;

    #[test]
    fn need_not_be_results() {
        let empty = r#"{"Size":0,"PieceCID":null}"#;
        let read: Lenient<PieceInfo> = serde_json::from_str(empty).expect("whatever it is");
        assert_eq!(read.0, None);
        let good = r#"{"Size":2048,"PieceCID":{"/":"baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"}}"#;
        let read: Lenient<PieceInfo> = serde_json::from_str(good).expect("a piece");
        assert_eq!(serde_json::to_string(&read).expect("prints"), good);
    }
}
