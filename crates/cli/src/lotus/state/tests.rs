//! What the recordings do not hold: refusals, reports, and forms for programs.

use serde_json::{Value, json};

use crate::{
    fake::{Ended, Fake, fixture},
    lotus::tests::run_lotus,
};

async fn run(node: &Fake, args: &[&str]) -> Ended {
    run_lotus(node.client(), args).await
}

/// The chain with mock proofs.
fn node() -> Fake {
    Fake::recorded("mock-chain/cli-calls.jsonl").at(193)
}

fn recorded_call(method: &str) -> Value {
    let text = std::fs::read_to_string(fixture("mock-chain/cli-calls.jsonl")).expect("recording");
    let name = format!("\"{method}\"");
    let line = text.lines().find(|line| line.contains(&name)).expect("one");
    let mut call: Value = serde_json::from_str(line).expect("JSON");
    call["result"].take()
}

mod computing_a_state {
    use super::*;

    /// A file with what `compute-state --json` prints of one message.
    fn computed(folder: &std::path::Path) -> String {
        let executed = recorded_call("StateReplay");
        let root = executed["MsgCid"].clone();
        let file = folder.join("computed.json");
        let text = json!({ "Root": root, "Trace": [executed] }).to_string();
        std::fs::write(&file, text).expect("written");
        file.to_str().expect("UTF-8").to_owned()
    }

    fn of_file(file: &str) -> [String; 3] {
        let flag = format!("--compute-state-output={file}");
        ["state".to_owned(), "compute-state".to_owned(), flag]
    }

    async fn run_on(file: &str, more: &[&str]) -> Ended {
        let node = node()
            .refuse("StateGetActor", 3, "actor not found")
            .answer("StateNetworkVersion", json!(17))
            .answer("StateActorCodeCIDs", json!({}));
        let args = of_file(file);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run(&node, &[&args[..], more].concat()).await
    }

    #[tokio::test]
    async fn a_report_is_made_of_a_file_without_computing_again() {
        let folder = tempfile::tempdir().expect("folder");
        let file = computed(folder.path());
        let ended = run_on(&file, &["--html"]).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        assert!(ended.stdout.starts_with("<!doctype html>"));
        assert!(ended.stdout.contains("OnCreateActor"), "gas is listed");
        assert!(ended.stdout.contains("Send (0)"), "the method is named");
        assert!(ended.stdout.contains("2\u{202f}378\u{202f}274"), "gas used");
    }

    #[tokio::test]
    async fn a_trace_is_a_line_for_every_call() {
        let folder = tempfile::tempdir().expect("folder");
        let file = computed(folder.path());
        let ended = run_on(&file, &["--show-trace"]).await;
        let lines: Vec<_> = ended.stdout.lines().collect();
        assert!(
            lines[0].starts_with("computed state cid:  bafy"),
            "{ended:?}"
        );
        assert_eq!(lines[1].split('\t').count(), 7, "{ended:?}");
    }

    #[tokio::test]
    async fn a_file_with_something_else_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("other.json");
        std::fs::write(&file, "[]").expect("written");
        let ended = run_on(file.to_str().expect("UTF-8"), &["--html"]).await;
        assert_eq!(ended.exit, 1);
        assert!(ended.stderr.contains("other.json"), "{}", ended.stderr);
        let ended = run_on("/no/such/file", &["--json"]).await;
        assert!(ended.stderr.contains("/no/such/file"), "{}", ended.stderr);
    }

    #[tokio::test]
    async fn messages_of_the_pool_are_executed_when_that_is_asked_for() {
        let message = recorded_call("StateReplay")["Msg"].take();
        let signed = json!({ "Message": message, "Signature": { "Type": 2, "Data": "AAAA" } });
        let root = recorded_call("StateReplay")["MsgCid"].take();
        let node = node()
            .answer("MpoolSelect", json!([signed]))
            .answer("StateCompute", json!({ "Root": root, "Trace": null }));
        let ended = run(&node, &["state", "compute-state", "--apply-mpool-messages"]).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        let asked = &node.asked("StateCompute")[0];
        assert_eq!(asked[0], json!(193), "the head's height");
        assert_eq!(asked[1].as_array().map(Vec::len), Some(1));
    }
}

mod calling {
    use super::*;

    fn node_answering(exit_code: i64, returned: &str) -> Fake {
        let mut called = recorded_call("StateReplay");
        called["MsgRct"]["ExitCode"] = json!(exit_code);
        called["MsgRct"]["Return"] = json!(returned);
        called["Error"] = json!("no such method");
        node().answer("StateCall", called)
    }

    #[tokio::test]
    async fn returned_bytes_are_printed_as_asked_for() {
        let node = node_answering(0, "aGk=");
        for (ret, printed) in [("hex", "6869"), ("base64", "aGk="), ("raw", "hi")] {
            let ret = format!("--ret={ret}");
            let ended = run(&node, &["state", "call", &ret, "t01000", "2"]).await;
            assert!(
                ended.stdout.ends_with(&format!("Return: \n{printed}\n")),
                "{ended:?}"
            );
        }
    }

    #[tokio::test]
    async fn sender_value_and_parameters_are_passed_on() {
        let node = node_answering(0, "");
        let args = [
            "state",
            "call",
            "--ret=hex",
            "--from=t0100",
            "--value=2",
            "--encoding=hex",
            "t01000",
            "16",
            "81420007",
        ];
        assert_eq!(run(&node, &args).await.exit, 0);
        let asked = &node.asked("StateCall")[0][0];
        assert_eq!(asked["From"], json!("t0100"));
        assert_eq!(asked["Value"], json!("2000000000000000000"));
        assert_eq!(asked["Params"], json!("gUIABw=="));
        assert_eq!(asked["Method"], json!(16));
    }

    #[tokio::test]
    async fn a_failed_call_is_an_error_with_its_code() {
        let node = node_answering(22, "");
        let ended = run(&node, &["state", "call", "t01000", "999"]).await;
        assert_eq!(ended.exit, 1);
        assert_eq!(
            ended.stderr,
            "invocation failed (exit: 22, gasUsed: 2378274): no such method"
        );
    }
}

mod for_programs {
    use super::*;

    async fn told(args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        let ended = run(&node(), &args).await;
        assert_eq!(ended.exit, 0, "{args:?}: {}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}"))
    }

    #[tokio::test]
    async fn answers_have_the_names_of_the_api() {
        let sectors = told(&["state", "sectors", "t01000"]).await;
        assert!(sectors[0]["SealedCID"]["/"].is_string(), "{sectors}");
        let power = told(&["state", "power", "t01000"]).await;
        assert!(
            power["TotalPower"]["QualityAdjPower"].is_string(),
            "{power}"
        );
        let supply = told(&["state", "circulating-supply", "--vm-supply"]).await;
        assert!(supply["FilCirculating"].is_string(), "{supply}");
        let actor = told(&["state", "get-actor", "t01000"]).await;
        assert!(actor["Code"]["/"].is_string(), "{actor}");
        let codes = told(&["state", "actor-cids"]).await;
        assert_eq!(codes["ActorVersion"], json!(9));
        assert!(codes["Actors"]["init"]["/"].is_string(), "{codes}");
    }

    #[tokio::test]
    async fn listings_are_lists() {
        for args in [
            &["state", "list-actors"][..],
            &["state", "list-miners"],
            &["state", "active-sectors", "t01000"],
        ] {
            let list = told(args).await;
            let entries = list.as_array().map_or(0, Vec::len);
            assert!(entries > 0, "{args:?}: {list}");
        }
    }
}
