//! What commands print, against recordings of Go Lotus: the same chain, standing still at the same
//! head, asked the same.

mod accounts;
mod listings;
mod recorded;

use std::{path::Path, sync::Arc};

use lotus_rpc_api::ApiClient;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::fake::Ended;
use recorded::Recorded;

const SENDER: &str =
    "t3r4if4bd2awtvlb67mxjspu65kbfnxh7ck4gph5zsdraokpdmzkrnb5bntm6mbu3r75yolc7yrql3r2vxll7a";
const RECEIVER: &str = "t1dqe4sv5p4onllkkkiiyhps7cbtnxwqeslnjvwoa";

/// Runs a command line without a process, against a node that a test has made.
pub(super) async fn run_lotus(node: ApiClient, args: &[&str]) -> Ended {
    run_answering(node, args, None).await
}

/// The same, and somebody is there to be asked.
pub(super) async fn run_answering(
    node: ApiClient,
    args: &[&str],
    person: Option<&Person>,
) -> Ended {
    let all = std::iter::once("lotus").chain(args.iter().copied());
    let lotus = match Lotus::parse(all.map(OsString::from)) {
        Ok(lotus) => lotus,
        Err(error) => {
            return Ended {
                exit: help::exit_code(&error),
                stdout: String::new(),
                stderr: error.to_string(),
            };
        }
    };
    let api: Arc<dyn FullNode> = Arc::new(node);
    let daemon = Connected {
        api,
        address: "/ip4/127.0.0.1/tcp/1234/http".to_owned(),
        info: None,
    };
    let context = Context {
        node: &*daemon.api,
        daemon: &daemon,
        force_send: lotus.force_send,
        paint: crate::format::Paint::default(),
        person,
    };
    let mut out = Vec::new();
    let done = Box::pin(lotus.command.ask(&context, &mut out)).await;
    Ended::new(done, out)
}

async fn run(node: &Recorded, args: &[&str]) -> Ended {
    run_lotus(node.client(), args).await
}

/// A command line and what Lotus did.
#[derive(Deserialize)]
struct Command {
    args: Vec<String>,
    exit: u8,
    stdout: String,
}

/// Begins of commands that this node cannot answer, or that others of these tests type. All of them are
/// typed at a real node, too (`bin/lotus/tests/it/commands.rs`).
const ELSEWHERE: [&str; 18] = [
    "chain decode ",
    "chain disputer ",
    "chain gas-price",
    "chain get ",
    "chain inspect-usage ",
    "client ",
    "evm ",
    "filplus ",
    "info",
    "log list",
    "mpool nonce ",
    "msig ",
    "nonsense",
    "paych ",
    "state --tipset=@355 ",
    "state call ",
    "state exec-trace ",
    "version",
];

/// Recorded in place of a usage text, which goes to stderr here.
const USAGE: &str = "(usage text)";

#[tokio::test]
async fn commands_print_what_lotus_prints() {
    let node = Recorded::mock_chain();
    let commands = recorded::commands().into_iter();
    // What came before changed the chain.
    let standing = commands.skip_while(|command| command.args != ["chain", "head"]);
    let mut compared = 0;
    for command in standing {
        let line = command.args.join(" ");
        if ELSEWHERE.iter().any(|begin| line.starts_with(begin)) {
            continue;
        }
        let args: Vec<_> = command.args.iter().map(String::as_str).collect();
        let expected = command
            .stdout
            .strip_suffix(USAGE)
            .unwrap_or(&command.stdout);
        let ended = run(&node, &args).await;
        assert_eq!(
            (ended.exit, ended.stdout.as_str()),
            (command.exit, expected),
            "lotus {line}: {}",
            ended.stderr
        );
        compared += 1;
    }
    assert!(compared > 60, "{compared} commands are compared");
}

mod refusals {
    use super::*;

    #[tokio::test]
    async fn say_what_was_wrong_and_with_what() {
        let node = Recorded::mock_chain();
        for (args, exit, text) in [
            (
                &["state", "get-actor", "nonsense"][..],
                1,
                "it must begin with f or t",
            ),
            (&["state", "get-actor", "nonsense"], 1, "\"nonsense\""),
            (
                &["state", "sector", "t01000", "0"],
                1,
                "sector 0 for miner t01000 not found",
            ),
            (
                &["state", "--tipset=@99999", "power"],
                1,
                "the head is at 700",
            ),
            (&["state", "list-miners", "--sort-by", "age"], 1, "\"age\""),
            (
                &["wallet", "new", "nonsense"],
                1,
                "unknown sig type: nonsense",
            ),
            (&["wallet", "sign", SENDER, "zz"], 1, "not hexadecimal"),
            (&["wallet", "import", "/no/such/file"], 1, "/no/such/file"),
            (&["auth", "create-token"], 1, "--perm flag not set"),
            (
                &["auth", "create-token", "--perm=root"],
                1,
                "[read write sign admin], not \"root\"",
            ),
            (&["send", "nonsense", "1"], 1, "it must begin with f or t"),
            (&["send", RECEIVER, "notanumber"], 1, "notanumber"),
            (
                &["net", "connect", "/ip4/127.0.0.1/tcp/1"],
                1,
                "found no ipfs peers at",
            ),
            (&["net", "connect", "12D3Koo"], 1, "must begin with /"),
            (
                &["chain", "export", "--recent-stateroots=10", "x.car"],
                1,
                "greater than 900",
            ),
            (&["nonsense"], 3, "nonsense"),
            (&["chain", "head", "--height"], 1, "--height"),
        ] {
            let ended = run(&node, args).await;
            assert_eq!(ended.exit, exit, "{args:?}: {}", ended.stderr);
            assert!(ended.stderr.contains(text), "{args:?}: {}", ended.stderr);
        }
    }

    #[tokio::test]
    async fn what_the_node_answers_is_passed_on() {
        let node = Recorded::mock_chain();
        let ended = run(&node, &["state", "lookup", "-r", "t01000"]).await;
        assert_eq!(ended.exit, 1);
        assert_eq!(
            ended.stderr,
            "failed to get account actor state for t01000: actor code is not account: storageminer"
        );
    }
}

mod help_pages {
    use super::*;

    #[test]
    fn list_the_commands_in_groups() {
        let error = Lotus::parse(["lotus", "--help"].map(OsString::from)).expect_err("help");
        assert_eq!(help::exit_code(&error), 0);
        let page = error.to_string();
        let places: Vec<_> = [
            "BASIC:",
            "  send ",
            "  wallet ",
            "DEVELOPER:",
            "  state ",
            "NETWORK:",
            "  sync ",
        ]
        .map(|text| {
            page.find(text)
                .unwrap_or_else(|| panic!("{text:?} in {page}"))
        })
        .to_vec();
        assert!(places.is_sorted(), "{page}");
    }

    #[test]
    fn belong_to_groups_too() {
        let error = Lotus::parse(["lotus", "chain"].map(OsString::from)).expect_err("help");
        assert_eq!(help::exit_code(&error), 0);
        assert!(error.to_string().contains("getblock"), "{error}");
    }
}

#[tokio::test]
async fn a_tipset_by_height_is_what_is_asked_about() {
    let node = Recorded::mock_chain();
    let ended = run(&node, &["state", "--tipset=@672", "power", "t01000"]).await;
    assert_eq!(ended.stdout, "81916(80 KiB) / 81916(80 KiB) ~= 100.0000%\n");
    let asked = node.asked("StateMinerPower");
    assert_ne!(
        asked[0][1],
        json!(node.head()),
        "the tipset at 672 is not the head"
    );
}

#[tokio::test]
async fn a_checkpoint_is_set_by_height_or_key() {
    let node = Recorded::mock_chain().answer("SyncCheckpoint", json!(null));
    let head = json!(node.head());
    let cid = head[0]["/"].as_str().expect("a CID");
    for args in [
        ["sync", "checkpoint", cid],
        ["sync", "checkpoint", "--epoch=700"],
    ] {
        let ended = run(&node, &args).await;
        assert_eq!(ended.exit, 0, "{args:?}: {}", ended.stderr);
    }
    assert_eq!(node.asked("SyncCheckpoint"), [json!([head]), json!([head])]);
    let ended = run(&node, &["sync", "checkpoint"]).await;
    assert!(ended.stderr.contains("name a tipset"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_daemons_version_and_the_own_one_are_told() {
    let ended = run(&Recorded::mock_chain(), &["version"]).await;
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(
        ended.stdout,
        format!("Daemon:  1.27.0+2k+api1.5.0\nLocal: lotus version {own}\n")
    );
}

mod tokens {
    use super::*;

    #[tokio::test]
    async fn allow_what_is_asked_for_and_less() {
        let node = Recorded::mock_chain().answer("AuthNew", json!("dG9rZW4="));
        let ended = run(&node, &["auth", "api-info", "--perm", "sign"]).await;
        assert_eq!(
            ended.stdout,
            "FULLNODE_API_INFO=token:/ip4/127.0.0.1/tcp/1234/http\n"
        );
        assert_eq!(node.asked("AuthNew"), [json!([["read", "write", "sign"]])]);
    }
}

mod sending {
    use super::*;

    fn node(checks: serde_json::Value) -> Recorded {
        let message = recorded::lines("cli-calls.jsonl")
            .into_iter()
            .find(|line| line.contains("\"ChainGetMessage\""))
            .expect("a recorded message");
        let message: serde_json::Value = serde_json::from_str(&message).expect("JSON");
        let signed = json!({
            "Message": message["result"],
            "Signature": { "Type": 2, "Data": "AAAA" },
        });
        Recorded::mock_chain()
            .answer("GasEstimateMessageGas", message["result"].clone())
            .answer("MpoolCheckMessages", checks)
            .answer("MpoolCheckPendingMessages", json!([]))
            .answer("MpoolPushMessage", signed)
    }

    #[tokio::test]
    async fn prints_the_messages_cid() {
        let node = node(json!([]));
        let ended = run(&node, &["send", RECEIVER, "1.5"]).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        let sent = &node.asked("MpoolPushMessage")[0][0];
        assert_eq!(ended.stdout.trim(), sent["CID"]["/"]);
        // What is estimated is what was typed.
        let asked = &node.asked("GasEstimateMessageGas")[0][0];
        assert_eq!(asked["To"], RECEIVER);
        assert_eq!(asked["From"], SENDER);
        assert_eq!(asked["Value"], "1500000000000000000");
    }

    fn failing_check() -> serde_json::Value {
        json!([[{
            "Cid": { "/": "bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2" },
            "Code": 10, "OK": false, "Hint": {},
            "Err": "message nonce doesn't match next nonce (12)",
        }]])
    }

    #[tokio::test]
    async fn a_failed_check_sends_nothing() {
        let node = node(failing_check());
        let ended = run(&node, &["send", RECEIVER, "1"]).await;
        assert_eq!(ended.exit, 1);
        assert_eq!(ended.stderr, "publishing message: check has failed");
        assert_eq!(
            ended.stdout,
            "Following checks have failed:\n\
             bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2 message failed a check \
             MessageNonce: message nonce doesn't match next nonce (12)\n"
        );
        assert!(node.asked("MpoolPushMessage").is_empty());
    }

    #[tokio::test]
    async fn force_skips_the_checks() {
        let node = node(failing_check());
        let ended = run(&node, &["--force-send", "send", RECEIVER, "1"]).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        assert!(node.asked("MpoolCheckMessages").is_empty());
    }
}

mod exporting_the_chain {
    use super::*;

    async fn export(pieces: &[&str], to: &Path) -> Ended {
        let node = Recorded::mock_chain().pieces(pieces);
        run(&node, &["chain", "export", to.to_str().expect("UTF-8")]).await
    }

    #[tokio::test]
    async fn writes_the_pieces_in_order() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("chain.car");
        let ended = export(&["aGVsbG8g", "bG90dXM=", ""], &file).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        assert_eq!(std::fs::read_to_string(&file).expect("file"), "hello lotus");
    }

    #[tokio::test]
    async fn a_broken_connection_leaves_no_file() {
        let folder = tempfile::tempdir().expect("folder");
        let ended = export(&["aGVsbG8g"], &folder.path().join("chain.car")).await;
        assert_eq!(ended.exit, 1);
        assert!(
            ended.stderr.contains("incomplete export"),
            "{}",
            ended.stderr
        );
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0);
    }
}

mod importing_a_key {
    use super::*;

    /// What `wallet export` printed; the key is that of a test network.
    const EXPORTED: &str = "7b2254797065223a22736563703235366b31222c22507269766174654b6579223a223659333451435554734c4c446362434a6f61564b534d6575414475476237547555717538733131685451633d227d";

    #[tokio::test]
    async fn takes_what_export_prints() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("key");
        std::fs::write(&file, format!("{EXPORTED}\n")).expect("file");
        let node = Recorded::mock_chain()
            .answer("WalletImport", json!(RECEIVER))
            .answer("WalletSetDefault", json!(null));
        let path = file.to_str().expect("UTF-8");
        let ended = run(&node, &["wallet", "import", "--as-default", path]).await;
        assert_eq!(
            ended.stdout,
            format!("imported key {RECEIVER} successfully!\n")
        );
        assert_eq!(node.asked("WalletImport")[0][0]["Type"], "secp256k1");
        assert_eq!(node.asked("WalletSetDefault"), [json!([RECEIVER])]);
    }
}
