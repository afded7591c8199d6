//! What commands print, against recordings of Go Lotus, and how deals and retrievals end.

mod looking;

use serde_json::{Value, json};

use crate::{
    fake::{Ended, Fake, recorded_output},
    lotus::tests::run_lotus,
};

const CLI: &str = "real-chain/cli.json";
const ROOT: &str = "bafk2bzaceaitpcg6oswz4mzpptqdvbsudx6lbzx5czngqkx5yrwao25zrb4pu";
const WALLET: &str =
    "t3smgh6koqhmlpygb2vdbtc7qnyerhhrrc2ieurpeyetjk6uved7wszgluj2wahbcxf4ohk7sp2z7r5wxy52zq";

/// The recorded daemon: one import, one active deal.
fn node() -> Fake {
    Fake::recorded("real-chain/rpc.samples.jsonl")
        .at(193)
        .answer("WalletDefaultAddress", json!(WALLET))
        .answer("ClientHasLocal", json!(true))
        .answer(
            "ClientDealSize",
            json!({ "PayloadSize": 1901, "PieceSize": 2048 }),
        )
        .answer("MarketGetReserved", json!("0"))
        .answer(
            "StateMarketBalance",
            json!({ "Escrow": "259469500000000", "Locked": "259469500000000" }),
        )
        .answer("StateVerifiedClientStatus", json!(null))
        .answer("ClientStartDeal", json!({ "/": ROOT }))
        .answer("ClientExport", json!(null))
        .answer("ClientRetrieve", json!({ "DealID": 7 }))
}

async fn run(node: &Fake, args: &[&str]) -> Ended {
    run_lotus(node.client(), &[&["client"], args].concat()).await
}

#[tokio::test]
async fn commands_print_what_lotus_prints() {
    let node = node();
    for args in [
        &["list-deals"][..],
        &["list-deals", "--show-failed"],
        &["local"],
        &["query-ask", "t01000"],
        &["stat", ROOT],
        &["find", ROOT],
        &["balances"],
        &["list-retrievals"],
    ] {
        let ended = run(&node, args).await;
        assert_eq!(ended.exit, 0, "{args:?}: {}", ended.stderr);
        let whole: Vec<_> = std::iter::once("client")
            .chain(args.iter().copied())
            .collect();
        assert_eq!(ended.stdout, recorded_output(CLI, &whole), "{args:?}");
    }
}

mod importing {
    use super::*;

    #[tokio::test]
    async fn tells_the_daemon_the_whole_path() {
        let node = node().answer(
            "ClientImport",
            json!({ "Root": { "/": ROOT }, "ImportID": 5 }),
        );
        let ended = run(&node, &["import", "/data/../file.bin"]).await;
        assert_eq!(ended.stdout, format!("Import 5, Root {ROOT}\n"));
        let quiet = run(&node, &["import", "-q", "relative.bin"]).await;
        assert_eq!(quiet.stdout, format!("{ROOT}\n"));
        let paths: Vec<_> = node
            .asked("ClientImport")
            .iter()
            .map(|p| p[0]["Path"].clone())
            .collect();
        assert_eq!(paths[0], "/data/../file.bin");
        let path = paths[1].as_str().expect("a path");
        assert!(
            path.starts_with('/') && path.ends_with("/relative.bin"),
            "{path}"
        );
    }
}

mod proposing_a_deal {
    use super::*;

    #[tokio::test]
    async fn tells_what_was_agreed_on() {
        let node = node();
        let ended = run(&node, &["deal", ROOT, "t01000", "0.0000000005", "518400"]).await;
        assert_eq!(ended.stdout, format!("{ROOT}\n"), "{}", ended.stderr);
        let asked = &node.asked("ClientStartDeal")[0][0];
        assert_eq!(asked["EpochPrice"], "500000000");
        assert_eq!(asked["MinBlocksDuration"], 518_400);
        assert_eq!(asked["DealStartEpoch"], -1);
        assert_eq!(asked["FastRetrieval"], true);
        assert_eq!(asked["VerifiedDeal"], false);
        assert_eq!(asked["Wallet"], WALLET);
        assert_eq!(asked["Data"]["Root"]["/"], ROOT);
    }

    #[tokio::test]
    async fn is_verified_when_the_client_has_datacap() {
        let node = node().answer("StateVerifiedClientStatus", json!("1024"));
        run(&node, &["deal", ROOT, "t01000", "0", "518400"]).await;
        let off = [
            "deal",
            "--verified-deal=false",
            ROOT,
            "t01000",
            "0",
            "518400",
        ];
        run(&node, &off).await;
        let asked = node.asked("ClientStartDeal");
        assert_eq!(asked[0][0]["VerifiedDeal"], true);
        assert_eq!(asked[1][0]["VerifiedDeal"], false);
    }

    #[tokio::test]
    async fn is_refused_before_anything_is_sent() {
        let node = node();
        for (args, text) in [
            (
                &["deal", ROOT, "t01000", "0", "1000"][..],
                "minimum deal duration is 518400 blocks, not 1000",
            ),
            (
                &["deal", ROOT, "t01000", "0", "1600000"],
                "maximum deal duration is 1555200 blocks",
            ),
            (
                &["deal", "--verified-deal", ROOT, "t01000", "0", "518400"],
                "does not have verified client status",
            ),
            (&["deal", "nonsense", "t01000", "0", "518400"], "nonsense"),
            (
                &[
                    "deal",
                    "--manual-piece-cid",
                    ROOT,
                    ROOT,
                    "t01000",
                    "0",
                    "518400",
                ],
                "--manual-piece-size",
            ),
        ] {
            let ended = run(&node, args).await;
            assert_eq!(ended.exit, 1, "{args:?}");
            assert!(ended.stderr.contains(text), "{args:?}: {}", ended.stderr);
        }
        assert!(node.asked("ClientStartDeal").is_empty());
    }
}

mod asking_a_provider {
    use super::*;

    #[tokio::test]
    async fn counts_the_price_of_a_deal() {
        let args = [
            "query-ask",
            "--size",
            "2048",
            "--duration",
            "518400",
            "t01000",
        ];
        let ended = run(&node(), &args).await;
        let lines: Vec<_> = ended.stdout.lines().skip(5).collect();
        assert_eq!(
            lines,
            [
                "Price per Block: 0.000000000000000953 FIL",
                "Total Price: 0.0000000004940352 FIL"
            ]
        );
    }

    #[tokio::test]
    async fn without_a_peer_says_so() {
        let mut info = node().find_recorded("StateMinerInfo");
        info["PeerId"] = Value::Null;
        let ended = run(
            &node().answer("StateMinerInfo", info),
            &["query-ask", "t01000"],
        )
        .await;
        assert!(
            ended.stderr.contains("t01000 has no peer id on chain"),
            "{}",
            ended.stderr
        );
    }
}

mod retrieving {
    use super::*;

    fn update(id: u64, status: u64, message: &str) -> Value {
        json!({
            "PayloadCID": { "/": ROOT }, "ID": id, "PieceCID": null, "PricePerByte": "0",
            "UnsealPrice": "0", "Status": status, "Message": message, "Provider": "12D3Koo",
            "BytesReceived": 1800, "BytesPaidFor": 0, "TotalPaid": "0",
            "TransferChannelID": null, "DataTransfer": null, "Event": null,
        })
    }

    fn with_updates(updates: &[(u64, u64, &str)]) -> Fake {
        let updates = updates
            .iter()
            .map(|(id, status, text)| update(*id, *status, text));
        node().channel("ClientGetRetrievalUpdates", updates.collect())
    }

    #[tokio::test]
    async fn writes_the_file_when_it_is_complete() {
        let node = with_updates(&[(6, 17, "another one"), (7, 13, ""), (7, 15, "")]);
        let ended = run(&node, &["retrieve", "--car", ROOT, "/tmp/out.car"]).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        let lines: Vec<_> = ended.stdout.lines().collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(
            lines[0].starts_with("Recv 1.758 KiB, Paid 0 FIL, Ongoing, "),
            "{}",
            lines[0]
        );
        assert!(lines[1].contains("Completed"), "{}", lines[1]);
        assert_eq!(lines[2], "Success");
        let export = &node.asked("ClientExport")[0];
        assert_eq!(export[0]["DealID"], 7);
        assert_eq!(export[1], json!({ "Path": "/tmp/out.car", "IsCAR": true }));
    }

    #[tokio::test]
    async fn that_failed_writes_nothing() {
        let node = with_updates(&[(7, 17, "a block does not hash to its CID")]);
        let ended = run(&node, &["retrieve", ROOT, "/tmp/out"]).await;
        assert_eq!(
            ended.stderr,
            "Retrieval Error: a block does not hash to its CID"
        );
        assert!(node.asked("ClientExport").is_empty());
    }

    #[tokio::test]
    async fn of_which_nothing_more_is_heard_ends() {
        let node = with_updates(&[(7, 13, "")]);
        let ended = run(&node, &["retrieve", ROOT, "/tmp/out"]).await;
        assert!(
            ended.stderr.contains("tells no more of the retrieval"),
            "{}",
            ended.stderr
        );
    }

    #[tokio::test]
    async fn is_waited_for_where_there_are_no_updates() {
        let node = node().answer("ClientRetrieveWait", json!(null));
        let ended = run(&node, &["retrieve", ROOT, "/tmp/out"]).await;
        assert_eq!(ended.stdout, "Success\n", "{}", ended.stderr);
        assert_eq!(node.asked("ClientRetrieveWait"), [json!([7])]);
    }

    #[tokio::test]
    async fn costs_no_more_than_was_allowed() {
        let mut offers = node().find_recorded("ClientFindData");
        offers[0]["MinPrice"] = json!("5");
        let node = node().answer("ClientFindData", offers);
        let ended = run(&node, &["retrieve", ROOT, "/tmp/out"]).await;
        assert!(
            ended
                .stderr
                .contains("wants 0.000000000000000005 FIL. Try increasing maxPrice"),
            "{}",
            ended.stderr
        );
        assert!(node.asked("ClientRetrieve").is_empty());
    }

    #[tokio::test]
    async fn without_a_provider_says_so() {
        let node = node().answer("ClientFindData", json!([]));
        let ended = run(&node, &["retrieve", ROOT, "/tmp/out"]).await;
        assert!(
            ended.stderr.contains("--provider names one"),
            "{}",
            ended.stderr
        );
    }

    #[tokio::test]
    async fn takes_an_import_when_that_is_allowed() {
        let node = node();
        let ended = run(&node, &["retrieve", "--allow-local", ROOT, "/tmp/out"]).await;
        assert_eq!(ended.stdout, "Success\n", "{}", ended.stderr);
        let car = "/home/u/lotus/imports/1795354629144920003.car";
        assert_eq!(node.asked("ClientExport")[0][0]["FromLocalCAR"], car);
        assert!(node.asked("ClientRetrieve").is_empty());
    }
}
