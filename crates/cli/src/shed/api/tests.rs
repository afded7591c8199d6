use super::difference::{Refusal, differences};

fn refusal(code: i64, message: &str) -> Refusal {
    Refusal {
        code,
        message: message.to_owned(),
    }
}

mod two_answers {
    use serde_json::json;

    use super::*;

    fn paths(expected: serde_json::Value, got: serde_json::Value) -> Vec<String> {
        let found = differences(&Ok(expected), &Ok(got), false, 9);
        found.into_iter().map(|d| d.path).collect()
    }

    #[test]
    fn that_differ_in_times_only_are_equal() {
        let of = |took: u64| json!({"Duration": took, "GasCharges": [{"cg": 1, "tt": took}]});
        assert!(paths(of(1), of(2)).is_empty());
    }

    #[test]
    fn are_compared_place_by_place() {
        let expected = json!({"a": [1, {"b": "x"}], "c": null, "d": 1});
        let got = json!({"a": [1, {"b": "y"}], "c": [], "e": 1});
        assert_eq!(paths(expected, got), ["$.a[1].b", "$.c", "$.d", "$.e"]);
        assert_eq!(paths(json!([1, 2]), json!([1])), ["$"]);
    }

    #[test]
    fn may_have_other_backtraces_but_not_other_exit_codes() {
        let failed = |trace: &str, code: i64| {
            let text = format!("message failed with backtrace:\n{trace}\n (RetCode={code})");
            json!({ "Error": text })
        };
        assert!(paths(failed("00: f01", 22), failed("00: t01", 22)).is_empty());
        assert_eq!(paths(failed("x", 22), failed("x", 21)), ["$.Error"]);
    }
}

mod two_refusals {
    use super::*;

    fn differ(expected: (i64, &str), got: (i64, &str), texts: bool) -> bool {
        let expected = Err(refusal(expected.0, expected.1));
        let got = Err(refusal(got.0, got.1));
        !differences(&expected, &got, texts, 9).is_empty()
    }

    #[test]
    fn are_compared_by_code_and_by_texts_that_clients_test_for() {
        assert!(!differ(
            (1, "height -1 is negative"),
            (1, "below zero"),
            false
        ));
        assert!(differ(
            (1, "height -1 is negative"),
            (1, "below zero"),
            true
        ));
        assert!(differ((1, "x"), (2, "x"), false));
        assert!(differ((3, "actor not found"), (3, "no such actor"), false));
        let unknown = "method 'Filecoin.X' not found";
        assert!(differ((-32601, unknown), (-32601, "?"), false));
    }
}

mod a_served_export {
    use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

    use clap::Parser as _;
    use lotus_runtime::supervisor::Supervisor;
    use lotus_types::KeyInfo;
    use serde_json::Value;

    use super::super::{compare::Compare, serve};
    use crate::shed::chain_file::ChainFile;

    fn fixture(name: &str) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus")).join(name)
    }

    #[derive(clap::Parser)]
    struct Args {
        #[command(flatten)]
        chain: ChainFile,
    }

    fn keys(chain: &str) -> Vec<KeyInfo> {
        let text = std::fs::read_to_string(fixture(chain).join("meta.json")).unwrap();
        let meta: Value = serde_json::from_str(&text).unwrap();
        let keys = meta["keys"].as_object().unwrap().values();
        let hex = keys.map(|k| k["key_info_hex"].as_str().unwrap());
        hex.map(|text| lotus_crypto::parse_exported_key(text).unwrap())
            .collect()
    }

    /// Serves a recorded chain and asks it what the Go Lotus was asked.
    async fn answers_as_recorded(chain: &str) {
        let path = fixture(chain).join("chain.car.zst");
        let args = Args::try_parse_from(["serve".as_ref(), path.as_os_str()]).unwrap();
        let open = args.chain.load(None).unwrap();
        let supervisor = Supervisor::new(Duration::from_secs(5));
        let free = (Ipv4Addr::LOCALHOST, 0).into();
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().to_owned();
        let tasks = supervisor.tasks();
        let started = serve::start(open, keys(chain), folder, free, &tasks);
        let (_node, address) = Box::pin(started).await.unwrap();
        for (file, v0) in [("rpc-v1.jsonl.zst", false), ("rpc-v0.jsonl", true)] {
            let compare = Compare::new(fixture(chain).join(file), format!("http://{address}"), v0);
            let compared = compare.compare().await.unwrap();
            assert!(
                compared.different.is_empty(),
                "{file}: {:#?}",
                compared.different
            );
            assert_eq!(compared.equal, compared.calls);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_the_mock_chain_answers_as_lotus_did() {
        answers_as_recorded("mock-chain").await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_the_chain_of_two_miners_answers_as_lotus_did() {
        answers_as_recorded("mock-chain-two").await;
    }
}
