//! What commands print, against recordings of Go Lotus.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::fake::{Ended, Fake, recorded_output};

/// The recorded worker.
fn worker() -> Fake {
    let types = [
        "seal/v0/finalizeunsealed",
        "seal/v0/finalize",
        "seal/v0/fetch",
        "seal/v0/finalize/replicaupdate",
        "seal/v0/unseal",
        "seal/v0/commit/1",
        "seal/v0/commit/2",
        "seal/v0/precommit/2",
        "seal/v0/precommit/1",
        "seal/v0/provereplicaupdate/1",
        "seal/v0/provereplicaupdate/2",
        "seal/v0/replicaupdate",
        "seal/v0/addpiece",
        "seal/v0/datacid",
        "seal/v0/regensectorkey",
    ];
    let types: serde_json::Map<_, _> = types
        .iter()
        .map(|name| ((*name).to_owned(), json!({})))
        .collect();
    Fake::default()
        .answer("Version", json!(0x01_0700))
        .answer(
            "ProcessSession",
            json!("6df88332-6bf9-4f8d-a01c-96e1fd8536ba"),
        )
        .answer("Enabled", json!(true))
        .answer(
            "Info",
            json!({
                "Hostname": "vm", "IgnoreResources": false,
                "Resources": {
                    "MemPhysical": 25_276_510_208_u64, "MemUsed": 1_627_789_722, "MemSwap": 0,
                    "MemSwapUsed": 0, "CPUs": 2, "GPUs": [], "Resources": {},
                },
            }),
        )
        .answer("TaskTypes", json!(types))
        .answer(
            "Paths",
            json!([{
                "ID": "9cebb8c4-cc09-4f84-974f-6061c9a9fa08", "Weight": 10,
                "LocalPath": "/home/u/worker", "CanSeal": true, "CanStore": false,
            }]),
        )
        .answer("TaskDisable", json!(null))
        .answer("TaskEnable", json!(null))
        .answer("SetEnabled", json!(null))
        .answer("StorageRedeclareLocal", json!(null))
}

async fn run(worker: &Fake, args: &[&str]) -> Ended {
    let all = std::iter::once("lotus-worker").chain(args.iter().copied());
    let parsed = match LotusWorker::parse(all.map(OsString::from)) {
        Ok(parsed) => parsed,
        Err(error) => {
            return Ended {
                exit: help::exit_code(&error),
                stdout: String::new(),
                stderr: error.to_string(),
            };
        }
    };
    let api: Arc<dyn Worker> = Arc::new(worker.client());
    let mut out = Vec::new();
    let done = parsed.command.ask(&*api, &mut out).await;
    Ended::new(done, out)
}

#[tokio::test]
async fn info_is_laid_out_as_lotus_lays_it_out() {
    let ended = run(&worker(), &["info"]).await;
    // The version is that of this program.
    let expected = recorded_output("real-chain/worker-cli.json", &["info"])
        .replace("1.27.0+2k", env!("CARGO_PKG_VERSION"));
    assert_eq!(ended.stdout, expected, "{}", ended.stderr);
}

#[tokio::test]
async fn kinds_of_work_are_given_and_taken_by_their_short_names() {
    let worker = worker();
    assert_eq!(run(&worker, &["tasks", "disable", "PC1"]).await.exit, 0);
    assert_eq!(
        worker.asked("TaskDisable"),
        [json!(["seal/v0/precommit/1"])]
    );
    let refused = run(&worker, &["tasks", "enable", "XX"]).await;
    assert_eq!(refused.exit, 1);
    assert!(
        refused
            .stderr
            .contains("unknown task type 'XX'; one of UNS, C2"),
        "{}",
        refused.stderr
    );
    assert!(worker.asked("TaskEnable").is_empty());
}

#[tokio::test]
async fn a_worker_is_told_to_take_no_more_work() {
    let worker = worker();
    assert_eq!(run(&worker, &["set", "--enabled=false"]).await.exit, 0);
    assert_eq!(worker.asked("SetEnabled"), [json!([false])]);
}

#[tokio::test]
async fn paths_are_redeclared_by_name_or_all_of_them() {
    let worker = worker();
    let all = run(&worker, &["storage", "redeclare", "--all"]).await;
    assert_eq!(all.exit, 0, "{}", all.stderr);
    assert_eq!(
        worker.asked("StorageRedeclareLocal"),
        [json!([null, false])]
    );
    let none = run(&worker, &["storage", "redeclare"]).await;
    assert_eq!(none.stderr, "either --all or --id must be specified");
}

#[tokio::test]
async fn an_unknown_command_ends_with_code_3() {
    assert_eq!(run(&worker(), &["nonsense"]).await.exit, 3);
}

#[tokio::test]
async fn what_a_worker_is_can_be_read_by_programs() {
    let ended = run(&worker(), &["info", "--json"]).await;
    let info: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(info["Info"]["Hostname"], "vm");
    assert_eq!(info["Paths"][0]["Weight"], 10);
    assert_eq!(info["TaskTypes"].as_array().map(Vec::len), Some(15));
}
