//! What the recordings do not hold: refusals, what is sent, and forms for programs.

use serde_json::{Value, json};

use crate::{
    fake::{Ended, Fake},
    lotus::tests::run_lotus,
};

const CID: &str = "bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2";

async fn run(node: &Fake, args: &[&str]) -> Ended {
    run_lotus(node.client(), args).await
}

/// A node whose head is the tipset of height 193 of the chain with real proofs.
fn node() -> Fake {
    Fake::default().at(193)
}

/// What the node says of its head.
async fn head(node: &Fake) -> Value {
    let ended = run(node, &["chain", "list", "--count=1", "--json"]).await;
    let list: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    list[0].clone()
}

mod changing_the_store {
    use super::*;

    #[tokio::test]
    async fn nothing_is_deleted_without_a_yes() {
        let node = node().answer("ChainDeleteObj", json!(null));
        let ended = run(&node, &["chain", "delete-obj", CID]).await;
        assert_eq!(ended.exit, 1);
        assert!(ended.stderr.starts_with("pass the --really-do-it flag"));
        assert!(node.asked("ChainDeleteObj").is_empty());
        let ended = run(&node, &["chain", "delete-obj", "--really-do-it", CID]).await;
        assert_eq!(ended.stdout, format!("Obj {CID} deleted\n"));
        assert_eq!(node.asked("ChainDeleteObj"), [json!([{ "/": CID }])]);
    }

    #[tokio::test]
    async fn the_head_is_set_by_genesis_height_or_key() {
        let node = node().answer("ChainSetHead", json!(null));
        let head = head(&node).await;
        let node = node
            .answer("ChainGetGenesis", head.clone())
            .answer("ChainGetTipSetByHeight", head.clone())
            .answer("ChainGetTipSet", head.clone());
        let cid = head["Cids"][0]["/"].as_str().expect("a CID");
        for args in [
            &["chain", "sethead", "--genesis"][..],
            &["chain", "set-head", "--epoch", "10"],
            &["chain", "sethead", cid],
            &["chain", "sethead", "@head"],
        ] {
            let ended = run(&node, args).await;
            assert_eq!(ended.exit, 0, "{args:?}: {}", ended.stderr);
        }
        assert_eq!(
            node.asked("ChainSetHead"),
            vec![json!([head["Cids"].clone()]); 4]
        );
        assert_eq!(node.asked("ChainGetTipSetByHeight")[0][0], json!(10));
    }

    #[tokio::test]
    async fn a_head_has_to_be_named() {
        let ended = run(&node(), &["chain", "sethead"]).await;
        assert_eq!(ended.exit, 1);
        assert!(ended.stderr.contains("name a tipset"), "{}", ended.stderr);
    }

    #[tokio::test]
    async fn pruning_says_what_stays() {
        let node = node().answer("ChainPrune", json!(null));
        for (args, moving, retained) in [
            (&["chain", "prune"][..], false, -1),
            (&["chain", "prune", "--moving-gc"], true, -1),
            (
                &["chain", "prune", "--online-gc", "--retention=10"],
                false,
                10,
            ),
        ] {
            assert_eq!(run(&node, args).await.exit, 0);
            let asked = node.asked("ChainPrune");
            let options = json!([{ "MovingGC": moving, "RetainState": retained }]);
            assert_eq!(asked.last(), Some(&options));
        }
    }
}

mod bisecting {
    use super::*;

    /// A node on whose chain the state at any path is this.
    async fn holding(object: Value) -> Fake {
        let node = node();
        let head = head(&node).await;
        node.answer("ChainGetTipSetByHeight", head).answer(
            "ChainGetNode",
            json!({ "Cid": { "/": CID }, "Obj": object }),
        )
    }

    #[tokio::test]
    async fn asks_a_command_and_prints_the_height() {
        let node = holding(json!([7])).await;
        let check = ["sh", "-c", "grep -q 7"];
        let args = [&["chain", "bisect", "1", "4", "1/2"], &check[..]].concat();
        let ended = run(&node, &args).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        let lines: Vec<_> = ended.stdout.lines().collect();
        assert_eq!(lines.len(), 3, "{}", ended.stdout);
        assert!(lines[0].starts_with("* Testing 2 (1 - 4) (/ipld/"));
        assert!(lines[0].ends_with("/1/2): true"), "{}", lines[0]);
        assert_eq!(lines[2], "193", "the height of the tipset");
    }

    #[tokio::test]
    async fn a_condition_that_is_never_met_is_an_error() {
        let node = holding(json!([7])).await;
        let ended = run(&node, &["chain", "bisect", "1", "2", "1", "false"]).await;
        assert_eq!(ended.exit, 1);
        assert!(ended.stdout.ends_with(": false\n"), "{}", ended.stdout);
        assert!(ended.stderr.contains("height 2"), "{}", ended.stderr);
    }

    #[tokio::test]
    async fn what_a_command_complains_of_is_told_with_its_input() {
        let node = holding(json!([7])).await;
        let check = ["sh", "-c", "echo no such field >&2; exit 5"];
        let args = [&["chain", "bisect", "1", "2", "1"], &check[..]].concat();
        let ended = run(&node, &args).await;
        assert_eq!(ended.exit, 1);
        assert_eq!(ended.stderr, "error running bisect check: no such field");
        assert!(
            ended.stdout.contains("---->\n[\n\t7\n]\n<----\n"),
            "{}",
            ended.stdout
        );
    }

    #[tokio::test]
    async fn a_command_that_is_not_there_is_named() {
        let node = holding(json!([7])).await;
        let ended = run(&node, &["chain", "bisect", "1", "2", "1", "no-such-tool"]).await;
        assert!(
            ended.stderr.contains("\"no-such-tool\""),
            "{}",
            ended.stderr
        );
    }
}

mod parameters {
    use super::*;

    fn with_actor() -> Fake {
        node()
            .answer(
                "StateGetActor",
                json!({
                    "Code": { "/": CID }, "Head": { "/": CID }, "Nonce": 0, "Balance": "0",
                    "Address": null,
                }),
            )
            .answer("StateNetworkVersion", json!(17))
            .answer(
                "StateActorCodeCIDs",
                json!({ "storageminer": { "/": CID } }),
            )
            .answer("StateEncodeParams", json!("gUIABw=="))
    }

    #[tokio::test]
    async fn are_taken_apart_from_both_encodings() {
        let node = with_actor();
        for params in [&["gUIABw=="][..], &["--encoding=hex", "81420007"]] {
            let args = [&["chain", "decode", "params", "t01000", "16"], params];
            let flags_first: Vec<_> = match params {
                [flag, params] => vec!["chain", "decode", "params", flag, "t01000", "16", params],
                _ => args.concat(),
            };
            let ended = run(&node, &flags_first).await;
            assert_eq!(
                ended.stdout, "{\n  \"AmountRequested\": \"7\"\n}\n",
                "{}",
                ended.stderr
            );
        }
    }

    #[tokio::test]
    async fn are_put_together_for_an_address_or_a_code() {
        let node = with_actor();
        let json = r#"{"AmountRequested":"7"}"#;
        for (args, printed) in [
            (&["t01000", "16", json][..], "gUIABw==\n"),
            (&["--encoding=b64", "t01000", "16", json], "gUIABw==\n"),
            (
                &["--encoding=hex", "--to-code", CID, "16", json],
                "81420007\n",
            ),
        ] {
            let args = [&["chain", "encode", "params"], args].concat();
            let ended = run(&node, &args).await;
            assert_eq!(ended.stdout, printed, "{}", ended.stderr);
        }
        let asked = node.asked("StateEncodeParams");
        assert_eq!(
            asked[2],
            json!([{ "/": CID }, 16, { "AmountRequested": "7" }])
        );
    }

    #[tokio::test]
    async fn that_are_none_are_refused() {
        let node = with_actor();
        for (args, text) in [
            (
                &["decode", "params", "t01000", "16", "%"][..],
                "base64 value \"%\"",
            ),
            (
                &["decode", "params", "--encoding=rot13", "t01000", "16", "x"],
                "rot13",
            ),
            (
                &["encode", "params", "t01000", "16", "{"],
                "\"{\" is not JSON",
            ),
            (
                &["encode", "params", "--to-code", "t01000", "16", "{}"],
                "--to-code takes a code's CID",
            ),
        ] {
            let args = [&["chain"], args].concat();
            let ended = run(&node, &args).await;
            assert_eq!(ended.exit, 1, "{args:?}");
            assert!(ended.stderr.contains(text), "{args:?}: {}", ended.stderr);
        }
    }
}

mod disputing {
    use super::*;

    /// A node on which a call ends so.
    fn node_calling(exit_code: i64) -> Fake {
        let text = std::fs::read_to_string(crate::fake::fixture("mock-chain/cli-calls.jsonl"));
        let text = text.expect("a recording");
        let mut lines = text.lines();
        let replay = lines
            .find(|line| line.contains("\"StateReplay\""))
            .expect("one");
        let mut called: Value = serde_json::from_str(replay).expect("JSON");
        called["result"]["MsgRct"]["ExitCode"] = json!(exit_code);
        let signed = json!({
            "Message": called["result"]["Msg"], "Signature": { "Type": 2, "Data": "AAAA" },
        });
        node()
            .answer("StateCall", called["result"].take())
            .answer("WalletDefaultAddress", json!("t0100"))
            .answer("WalletHas", json!(false))
            .answer("MpoolPushMessage", signed)
    }

    #[tokio::test]
    async fn sends_what_would_succeed_for_at_most_the_fee() {
        let node = node_calling(0);
        let ended = run(
            &node,
            &[
                "chain",
                "disputer",
                "--max-fee=0.5",
                "dispute",
                "t01000",
                "3",
                "1",
            ],
        )
        .await;
        assert!(
            ended.stdout.starts_with("dispute message  bafy"),
            "{ended:?}"
        );
        let sent = &node.asked("MpoolPushMessage")[0];
        assert_eq!(sent[0]["Method"], json!(24));
        assert_eq!(sent[0]["Params"], json!("ggMB"));
        assert_eq!(sent[1]["MaxFee"], json!("500000000000000000"));
    }

    #[tokio::test]
    async fn sends_nothing_that_would_fail() {
        let node = node_calling(16);
        let ended = run(&node, &["chain", "disputer", "dispute", "t01000", "3", "1"]).await;
        assert_eq!(ended.stdout, "dispute is unsuccessful\n");
        assert!(node.asked("MpoolPushMessage").is_empty());
    }

    #[tokio::test]
    async fn needs_a_key_of_the_sender() {
        let node = node_calling(0);
        let args = [
            "chain",
            "disputer",
            "--from=t0101",
            "dispute",
            "t01000",
            "3",
            "1",
        ];
        let ended = run(&node, &args).await;
        assert!(
            ended.stderr.contains("wallet doesn't contain: "),
            "{ended:?}"
        );
    }

    #[tokio::test]
    async fn a_deadline_is_looked_at_ten_epochs_after_its_end() {
        let node = node_calling(0);
        let head = head(&node).await;
        let change = |kind: &str| json!([{ "Type": kind, "Val": head }]);
        let deadline = json!({
            "CurrentEpoch": 180, "PeriodStart": 0, "Index": 0, "Open": 120, "Close": 183,
            "Challenge": 100, "FaultCutoff": 50, "WPoStPeriodDeadlines": 48,
            "WPoStProvingPeriod": 2880, "WPoStChallengeWindow": 60, "WPoStChallengeLookback": 20,
            "FaultDeclarationCutoff": 70,
        });
        let node = node
            .answer(
                "Version",
                json!({ "Version": "", "APIVersion": 0, "BlockDelay": 1_000_000_000 }),
            )
            .answer("SyncState", json!({ "ActiveSyncs": null, "VMApplied": 0 }))
            .answer("StateListMiners", json!(["t01000"]))
            .answer("StateMinerProvingDeadline", deadline)
            .answer("WalletBalance", json!("1"))
            .answer(
                "StateMinerDeadlines",
                json!([{ "PostSubmissions": [0], "DisputableProofCount": 2 }]),
            )
            .channel("ChainNotify", vec![change("current"), change("apply")]);
        let ended = run(&node, &["chain", "disputer", "start"]).await;
        // The recorded channel ends; a real one does not.
        assert_eq!(ended.exit, 1);
        assert!(ended.stderr.contains("the connection broke"), "{ended:?}");
        let told: Vec<_> = ended
            .stdout
            .lines()
            .filter(|l| l.starts_with("disputed"))
            .collect();
        assert_eq!(told.len(), 4, "two proofs at each of both heads: {ended:?}");
        assert!(told[0].starts_with("disputed proof 0 of deadline 0 of t01000: bafy"));
    }
}
