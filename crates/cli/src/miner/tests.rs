//! What commands print, against recordings of Go Lotus.

mod listings;
mod sealing;
mod storage;
mod the_actor;

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::fake::{Ended, Fake, recorded_output};

const MINER_CLI: &str = "real-chain/miner-cli.json";
const OPERATOR_CLI: &str = "real-chain/operator-cli.json";

/// The recorded miner: two sectors of genesis, one without data, one with a deal.
fn miner() -> Fake {
    let of_genesis = |number: u64| {
        json!({
            "SectorID": number, "State": "Proving", "CommD": null, "CommR": null, "Proof": null,
            "Deals": [0], "Pieces": null, "Ticket": { "Value": null, "Epoch": 0 },
            "Seed": { "Value": null, "Epoch": 0 }, "PreCommitMsg": null, "CommitMsg": null,
            "Retries": 0, "ToUpgrade": false, "ReplicaUpdateMessage": null, "LastErr": "",
            "Log": null, "SealProof": 5, "Activation": 0, "Expiration": 1_550_097,
            "DealWeight": "0", "VerifiedDealWeight": "3174598656", "InitialPledge": "1",
            "OnTime": 1_550_097, "Early": 0,
        })
    };
    Fake::recorded("real-chain/miner-sectors.jsonl")
        .and_recorded("real-chain/miner-rpc.samples.jsonl")
        .when("SectorsStatus", &json!([0, true]), of_genesis(0))
        .when("SectorsStatus", &json!([1, true]), of_genesis(1))
        .when("SectorsStatus", &json!([0, false]), of_genesis(0))
        .when("SectorsStatus", &json!([1, false]), of_genesis(1))
        .answer("AuthNew", json!("PHRva2VuPg=="))
}

/// The recorded daemon, its head at a height.
fn node(height: i64) -> Fake {
    let node = Fake::recorded("real-chain/rpc.samples.jsonl").at(height);
    let mut sectors = node
        .find_recorded("StateMinerSectors")
        .as_array()
        .expect("sectors")
        .clone();
    sectors.truncate(2);
    let mut deadline = node.find_recorded("StateMinerProvingDeadline");
    deadline["CurrentEpoch"] = json!(height);
    let empty = json!([]);
    let mut node = node
        .answer("StateMinerActiveSectors", json!(sectors))
        .answer("StateMinerProvingDeadline", deadline);
    // The two sectors that are not proven lie in the second deadline.
    let partition = json!([{
        "AllSectors": [2, 2], "FaultySectors": [0], "RecoveringSectors": [0],
        "LiveSectors": [2, 2], "ActiveSectors": [0],
    }]);
    node = node.when("StateMinerPartitions", &json!(["t01000", 1]), partition);
    for index in 2..48 {
        node = node.when(
            "StateMinerPartitions",
            &json!(["t01000", index]),
            empty.clone(),
        );
    }
    node
}

/// Runs a command line without a process, a miner or a node.
async fn run(miner: &Fake, node: &Fake, args: &[&str]) -> Ended {
    let all = std::iter::once("lotus-miner").chain(args.iter().copied());
    let parsed = match LotusMiner::parse(all.map(OsString::from)) {
        Ok(parsed) => parsed,
        Err(error) => {
            return Ended {
                exit: help::exit_code(&error),
                stdout: String::new(),
                stderr: error.to_string(),
            };
        }
    };
    let miner: Arc<dyn StorageMiner> = Arc::new(miner.client());
    let node: Arc<dyn FullNode> = Arc::new(node.client());
    let context = Context {
        paint: parsed.globals.colour.paint(Paint::default()),
        globals: parsed.globals,
        miner: OnceCell::new_with(Some(Connected {
            api: miner,
            address: "/ip4/127.0.0.1/tcp/2345/http".to_owned(),
            info: None,
        })),
        node: OnceCell::new_with(Some(Connected {
            api: node,
            address: "/ip4/127.0.0.1/tcp/1234/http".to_owned(),
            info: None,
        })),
    };
    let mut out = Vec::new();
    let done = Box::pin(parsed.command.ask(&context, &mut out)).await;
    Ended::new(done, out)
}

/// Commands that were recorded, and at which height.
const RECORDED: [(i64, &[&str]); 25] = [
    (193, &["sectors", "list"]),
    (193, &["sectors", "list", "--seal-time"]),
    (193, &["sectors", "list", "--events"]),
    (193, &["sectors", "status", "2"]),
    (193, &["sectors", "status", "--log", "2"]),
    (193, &["sectors", "status", "--log", "--on-chain-info", "3"]),
    (193, &["sectors", "refs"]),
    (193, &["sectors", "batching", "precommit"]),
    (193, &["sectors", "batching", "commit"]),
    (194, &["proving", "info"]),
    (194, &["proving", "deadlines"]),
    (194, &["proving", "deadline", "0"]),
    (194, &["proving", "faults"]),
    (194, &["sealing", "jobs"]),
    (194, &["sealing", "sched-diag"]),
    (194, &["storage", "locks"]),
    (195, &["storage-deals", "list"]),
    (195, &["storage-deals", "list", "-v"]),
    (195, &["storage-deals", "get-ask"]),
    (195, &["storage-deals", "pending-publish"]),
    (195, &["retrieval-deals", "get-ask"]),
    (195, &["data-transfers", "list"]),
    (195, &["pieces", "list-pieces"]),
    (195, &["pieces", "list-cids"]),
    (195, &["auth", "api-info", "--perm", "admin"]),
];

#[tokio::test]
async fn commands_print_what_lotus_prints() {
    for (height, args) in RECORDED.iter().copied() {
        let ended = run(&miner(), &node(height), args).await;
        assert_eq!(ended.exit, 0, "{args:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, recorded_output(MINER_CLI, args), "{args:?}");
    }
}

mod info {
    use super::*;

    /// The recorded chain's balances, on a network with blocks every 30 seconds: Lotus takes every
    /// network for one.
    pub(super) fn rich() -> (Fake, Fake) {
        let state = json!({
            "Balance": "6658425008487284099562",
            "Code": { "/": "bafk2bzacedtszm5cemeqi5o2jumtr72inufq7kla3vuitrcbepmzo6h7lzlj2" },
            "State": {
                "PreCommitDeposits": "0", "LockedFunds": "4993811900000000000000",
                "FeeDebt": "0", "InitialPledge": "119209289280",
            },
        });
        let version = json!({ "Version": "1.27.0+2k", "APIVersion": 0x02_0300, "BlockDelay": 30 });
        let node = node(193)
            .answer("Version", version)
            .answer("StateReadState", state)
            .answer(
                "StateMinerSectorCount",
                json!({ "Live": 4, "Active": 2, "Faulty": 0 }),
            )
            .answer("WalletBalance", json!("49999999240412947123140620"));
        let miner = miner()
            .answer("StartTime", json!("2026-11-22T13:59:52Z"))
            .answer("LogAlerts", json!([]));
        (miner, node)
    }

    /// What is below the lines that tell of the process.
    pub(super) fn below(text: &str) -> &str {
        let start = text.find("Miner: ").expect("the miner is named");
        text.get(start..).expect("at a character")
    }

    #[tokio::test]
    async fn tells_power_money_sectors_and_workers() {
        let (miner, node) = rich();
        let ended = run(&miner, &node, &["info"]).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        let recorded = recorded_output(MINER_CLI, &["info"]);
        assert_eq!(below(&ended.stdout), below(&recorded));
        let parts = "Enabled subsystems: [Mining Sealing SectorStorage Markets]\n";
        assert!(ended.stdout.starts_with(parts), "{}", ended.stdout);
    }

    #[tokio::test]
    async fn leaves_sectors_out_when_asked() {
        let (miner, node) = rich();
        let ended = run(&miner, &node, &["info", "--hide-sectors-info"]).await;
        assert!(!ended.stdout.contains("Sectors:"), "{}", ended.stdout);
        assert!(
            ended
                .stdout
                .ends_with("Beneficiary:\tt0100\n\n\nWorkers: Seal(2) WdPoSt(0) WinPoSt(0)\n")
        );
    }
}

mod proving {
    use super::*;

    fn ready() -> (Fake, Fake) {
        let node = node(195);
        let mut sectors = node.find_recorded("StateMinerSectors");
        sectors.as_array_mut().expect("sectors").truncate(2);
        let node = node.when("StateMinerSectors", &json!(["t01000", [0, 2]]), sectors);
        (miner().answer("CheckProvable", json!({})), node)
    }

    #[tokio::test]
    async fn checks_sectors_of_a_deadline() {
        let (miner, node) = ready();
        let args = ["proving", "check", "0"];
        let ended = run(&miner, &node, &args).await;
        assert_eq!(
            ended.stdout,
            recorded_output(MINER_CLI, &args),
            "{}",
            ended.stderr
        );
        let asked = &miner.asked("CheckProvable")[0];
        assert_eq!(
            asked[1][1],
            json!({ "ID": { "Miner": 1000, "Number": 1 }, "ProofType": 5 })
        );
        let miner = miner.answer("CheckProvable", json!({ "1": "no cache" }));
        let bad = run(&miner, &node, &["proving", "check", "--only-bad", "0"]).await;
        assert_eq!(bad.stdout.lines().count(), 2);
        assert!(
            bad.stdout
                .ends_with("0         0          1       bad (no cache)\n")
        );
    }

    #[tokio::test]
    async fn computes_a_proof_and_says_how_long_it_took() {
        let args = ["proving", "compute", "windowed-post", "0"];
        let recorded = recorded_output(MINER_CLI, &args);
        let (_, proof) = recorded.split_once('\n').expect("two parts");
        let answer: Value = serde_json::from_str(proof).expect("JSON");
        let (miner, node) = (miner().answer("ComputeWindowPoSt", answer), node(195));
        for name in ["windowed-post", "window-post"] {
            let ended = run(&miner, &node, &["proving", "compute", name, "0"]).await;
            let (took, printed) = ended.stdout.split_once('\n').expect("two parts");
            assert!(took.starts_with("Took "), "{took}");
            // An empty set has two forms in JSON: Lotus prints the one, the API has the other.
            let printed = printed.replace("[\n          0\n        ]", "[]");
            assert_eq!(printed, proof);
        }
    }
}

mod deals {
    use super::*;

    #[tokio::test]
    async fn an_ask_is_set_within_the_sectors_size() {
        let miner = miner().answer("MarketSetAsk", json!(null));
        let ask = |max: &'static str| {
            let price = ["--price", "0.0000001", "--verified-price", "0.0000001"];
            let head = ["storage-deals", "set-ask"].into_iter().chain(price);
            head.chain(["--min-piece-size", "256B", "--max-piece-size", max])
                .collect::<Vec<_>>()
        };
        let ended = run(&miner, &node(195), &ask("2KiB")).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        assert_eq!(
            miner.asked("MarketSetAsk"),
            [json!(["100000000000", "100000000000", 259_200, 256, 2048])]
        );
        let large = run(&miner, &node(195), &ask("4KiB")).await;
        assert_eq!(
            large.stderr,
            "max piece size (w/bit-padding) 4 KiB cannot exceed miner sector size 2 KiB"
        );
        let wrong = run(&miner, &node(195), &ask("much")).await;
        assert!(
            wrong.stderr.contains("is not a size such as"),
            "{}",
            wrong.stderr
        );
    }

    #[tokio::test]
    async fn prices_of_retrievals_change_alone() {
        let miner = miner().answer("MarketSetRetrievalAsk", json!(null));
        let args = ["retrieval-deals", "set-ask", "--price", "0.0000001"];
        let ended = run(&miner, &node(195), &args).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        let set = &miner.asked("MarketSetRetrievalAsk")[0][0];
        assert_eq!(set["PricePerByte"], "93");
        assert_eq!(set["PaymentInterval"], 1_048_576);
    }

    #[tokio::test]
    async fn are_published_at_once_when_asked() {
        let miner = miner().answer("MarketPublishPendingDeals", json!(null));
        let args = ["storage-deals", "pending-publish", "--publish-now"];
        let ended = run(&miner, &node(195), &args).await;
        assert_eq!(ended.stdout, "triggered deal publishing\n");
    }
}

mod sectors {
    use super::*;

    #[tokio::test]
    async fn batches_tell_what_became_of_each() {
        let message = "bafy2bzacecaxj2io4dyeo23yi4hmg63qiqe7mdkf3u7q6awgygt2zahzbd2hg";
        let miner = miner()
            .answer(
                "SectorCommitFlush",
                json!([{ "Sectors": [4, 5], "FailedSectors": { "5": "no seed" },
                         "Msg": { "/": message }, "Error": "" }]),
            )
            .answer("SectorPreCommitFlush", json!([]));
        let args = ["sectors", "batching", "commit", "--publish-now"];
        let ended = run(&miner, &node(195), &args).await;
        assert_eq!(
            ended.stdout,
            format!(
                "Batch 0:\n\tMessage: {message}\n\tSectors:\n\t\t4\tOK\n\t\t5\tERROR no seed\n"
            )
        );
        let args = ["sectors", "batching", "precommit", "--publish-now"];
        let none = run(&miner, &node(195), &args).await;
        assert_eq!(none.stderr, "no sectors to publish");
    }

    #[tokio::test]
    async fn are_pledged_and_told_by_number() {
        let miner = miner().answer("PledgeSector", json!({ "Miner": 1000, "Number": 4 }));
        let ended = run(&miner, &node(195), &["sectors", "pledge"]).await;
        assert_eq!(ended.stdout, "Created CC sector:  4\n");
    }

    #[tokio::test]
    async fn of_some_states_are_asked_for_by_them() {
        let args = ["sectors", "list", "--states", "Proving"];
        let ended = run(&miner(), &node(193), &args).await;
        let whole = recorded_output(MINER_CLI, &["sectors", "list"]);
        assert_eq!(ended.stdout, whole, "{}", ended.stderr);
        let wrong = run(
            &miner(),
            &node(193),
            &["sectors", "list", "--states", "Done"],
        )
        .await;
        assert!(
            wrong.stderr.contains("there is no state \"Done\""),
            "{}",
            wrong.stderr
        );
    }
}

mod refusals {
    use super::*;

    #[tokio::test]
    async fn say_what_was_wrong_and_with_what() {
        let miner = miner().refuse(
            "SectorsStatus",
            1,
            "No state for /77: datastore: key not found",
        );
        for (args, exit, text) in [
            (&["sectors", "status", "77"][..], 1, "No state for /77"),
            (&["sectors", "status", "abc"], 1, "abc"),
            (
                &["sectors", "terminate", "2"],
                1,
                "pass --really-do-it to confirm this action",
            ),
            (
                &["sectors", "remove", "2"],
                1,
                "this is a command for advanced users",
            ),
            (
                &["sectors", "update-state", "--really-do-it", "2", "nonsense"],
                1,
                "\"nonsense\" is not a valid state",
            ),
            (&["storage", "find", "abc"], 1, "abc"),
            (&["proving", "deadline", "48"], 1, "there is no deadline 48"),
            (&["pieces", "piece-info", "nonsense"], 1, "nonsense"),
            (&["auth", "create-token"], 1, "--perm flag not set"),
            (&["retrieval-deals", "list"], 3, "list"),
            (&["nonsense"], 3, "nonsense"),
        ] {
            let ended = run(&miner, &node(195), args).await;
            assert_eq!(ended.exit, exit, "{args:?}: {}", ended.stderr);
            assert!(ended.stderr.contains(text), "{args:?}: {}", ended.stderr);
        }
    }

    #[test]
    fn without_a_miner_name_the_command_that_starts_it() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().to_str().expect("UTF-8");
        let all = ["lotus-miner", "--miner-repo", path, "sectors", "list"];
        let parsed = LotusMiner::parse(all.map(OsString::from)).expect("taken");
        if std::env::var_os("MINER_API_INFO").is_some() {
            return;
        }
        let error = parsed.run(&mut Vec::new()).expect_err("no miner");
        assert!(
            format!("{error:#}").contains("`lotus-miner run` starts it"),
            "{error:#}"
        );
    }
}

#[test]
fn help_pages_list_the_commands_in_groups() {
    let error = LotusMiner::parse(["lotus-miner", "--help"].map(OsString::from)).expect_err("help");
    assert_eq!(help::exit_code(&error), 0);
    let page = error.to_string();
    let places: Vec<_> = [
        "  run ",
        "CHAIN:",
        "  info ",
        "MARKET:",
        "STORAGE:",
        "  sectors ",
    ]
    .map(|text| {
        page.find(text)
            .unwrap_or_else(|| panic!("{text:?} in {page}"))
    })
    .to_vec();
    assert!(places.is_sorted(), "{page}");
}
