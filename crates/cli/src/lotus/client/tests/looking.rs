//! Looking at deals, retrievals, transfers and offers, for people and for programs.

use super::*;

const DEAL: &str = "bafyreifkcm4mdldbni7czk72tuxwh4ensauod3l5pvydvmcq4cjviwpn4a";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";

fn parsed(ended: &Ended) -> Value {
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("JSON")
}

mod a_deal {
    use super::*;

    /// The node, with the deal's story as it was recorded.
    fn knowing() -> Fake {
        let printed = recorded_output(CLI, &["client", "get-deal", DEAL]);
        let printed: Value = serde_json::from_str(&printed).expect("JSON");
        node().answer("ClientGetDealInfo", printed["DealInfo: "].clone())
    }

    #[tokio::test]
    async fn tells_its_story_as_lotus_tells_it() {
        let expected = recorded_output(CLI, &["client", "inspect-deal", "--deal-id", "2"]);
        for which in [["--deal-id", "2"], ["--proposal-cid", DEAL]] {
            let ended = run(&knowing(), &[&["inspect-deal"], &which[..]].concat()).await;
            assert_eq!(ended.stdout, expected, "{}", ended.stderr);
        }
    }

    #[tokio::test]
    async fn that_is_not_there_is_named() {
        for (args, text) in [
            (&[][..], "you must specify proposal cid or deal id"),
            (
                &["--deal-id", "0"],
                "you must specify proposal cid or deal id",
            ),
            (&["--deal-id", "77"], "cannot find deal with deal id: 77"),
            (
                &["--proposal-cid", ROOT],
                "cannot find deal with proposal cid",
            ),
        ] {
            let ended = run(&knowing(), &[&["inspect-deal"], args].concat()).await;
            assert_eq!(ended.exit, 1, "{args:?}");
            assert!(ended.stderr.contains(text), "{args:?}: {}", ended.stderr);
        }
    }

    #[tokio::test]
    async fn is_listed_in_colours_and_for_programs() {
        let coloured = run(&node(), &["list-deals", "--color"]).await;
        let active = format!("{GREEN}StorageDealActive\x1b[0m");
        assert!(coloured.stdout.contains(&active), "{}", coloured.stdout);
        let plain = run(&node(), &["list-deals"]).await;
        assert_eq!(
            coloured.stdout.replace(GREEN, "").replace("\x1b[0m", ""),
            plain.stdout
        );
        let listed = parsed(&run(&node(), &["list-deals", "--json"]).await);
        assert_eq!(listed[0]["ProposalCid"]["/"], DEAL);
        assert_eq!(listed[0]["DealID"], 2);
    }
}

mod retrievals {
    use super::*;

    #[tokio::test]
    async fn that_are_complete_are_shown_on_request() {
        let ended = run(&node(), &["list-retrievals", "--completed", "--color"]).await;
        let lines: Vec<_> = ended.stdout.lines().collect();
        assert_eq!(
            lines[0],
            "PayloadCID   DealId               Provider     Status               PricePerByte  Received  \
             TotalPaid  "
        );
        let state = format!("{GREEN}DealStatusCompleted\x1b[0m");
        assert!(lines[1].starts_with("...25zrb4pu"), "{}", lines[1]);
        assert!(lines[1].contains(&state), "{}", lines[1]);
        assert!(
            lines[1].contains("0 FIL         1.758KiB  "),
            "{}",
            lines[1]
        );
        let verbose = run(&node(), &["list-retrievals", "--completed", "-v"]).await;
        assert!(
            verbose.stdout.contains("TransferStatus"),
            "{}",
            verbose.stdout
        );
        assert!(verbose.stdout.contains(ROOT), "{}", verbose.stdout);
        let listed = parsed(&run(&node(), &["list-retrievals", "--completed", "--json"]).await);
        assert_eq!(listed[0]["PayloadCID"]["/"], ROOT);
        assert_eq!(listed[0]["Status"], 15);
    }

    #[tokio::test]
    async fn that_failed_are_shown_unless_they_are_not_wanted() {
        let mut failed = node().find_recorded("ClientListRetrievals");
        failed[0]["Status"] = json!(17);
        failed[0]["Message"] = json!("no gateway");
        let node = node().answer("ClientListRetrievals", failed);
        let shown = run(&node, &["list-retrievals", "--color"]).await;
        let state = format!("{RED}DealStatusErrored\x1b[0m");
        assert!(shown.stdout.contains(&state), "{}", shown.stdout);
        assert!(
            shown.stdout.contains("\n  Message: no gateway\n"),
            "{}",
            shown.stdout
        );
        let hidden = run(&node, &["list-retrievals", "--show-failed=false"]).await;
        assert_eq!(hidden.stdout, "\n");
    }

    #[tokio::test]
    async fn are_followed_until_the_daemon_stops() {
        let mut update = node().find_recorded("ClientListRetrievals")[0].clone();
        update["ID"] = json!(7);
        update["Status"] = json!(13);
        let node = node()
            .answer("ClientListRetrievals", json!([]))
            .channel("ClientGetRetrievalUpdates", vec![update]);
        let ended = run(&node, &["list-retrievals", "--watch"]).await;
        assert!(
            ended.stdout.contains("DealStatusOngoing"),
            "{}",
            ended.stdout
        );
        assert!(ended.stderr.contains("tells no more"), "{}", ended.stderr);
    }
}

mod transfers {
    use super::*;

    #[tokio::test]
    async fn are_listed_by_direction() {
        let listed = parsed(&run(&node(), &["list-transfers", "--completed", "--json"]).await);
        assert_eq!(listed.as_array().map(Vec::len), Some(2));
        let ended = run(&node(), &["list-transfers", "--completed", "--color"]).await;
        let (sending, receiving) = ended.stdout.split_once("Receiving Channels").expect("both");
        let state = format!("{GREEN}Completed\x1b[0m");
        for part in [sending, receiving] {
            assert!(part.contains(&state), "{part}");
        }
        let none = run(&node(), &["list-transfers"]).await;
        assert_eq!(
            none.stdout,
            "Sending Channels\n\n\n\nReceiving Channels\n\n\n"
        );
    }

    #[tokio::test]
    async fn are_followed() {
        let update = node().find_recorded("ClientListDataTransfers")[0].clone();
        let node = node()
            .answer("ClientListDataTransfers", json!([]))
            .channel("ClientDataTransferUpdates", vec![update]);
        let ended = run(&node, &["list-transfers", "--watch", "--completed"]).await;
        assert!(
            ended.stdout.contains("1795354629144420149"),
            "{}",
            ended.stdout
        );
        assert!(ended.stderr.contains("no more is told"), "{}", ended.stderr);
    }
}

mod offers {
    use super::*;

    #[tokio::test]
    async fn of_providers_with_power_are_compared() {
        let power = json!({ "RawBytePower": "1", "QualityAdjPower": "1" });
        let told = |enough: bool| json!({ "MinerPower": power, "TotalPower": power, "HasMinPower": enough });
        let node = node()
            .answer("StateListMiners", json!(["t01000", "t01001"]))
            .when("StateMinerPower", &json!(["t01000", null]), told(true))
            .when("StateMinerPower", &json!(["t01001", null]), told(false));
        let text = run(&node, &["list-asks"]).await.stdout;
        let start = "t01000: min:256 B max:2 KiB price:0.0000000005 FIL/GiB/Epoch \
                     verifiedPrice:0.00000000005 FIL/GiB/Epoch ping:";
        assert!(text.starts_with(start), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        let csv = run(&node, &["list-asks", "--output-format", "csv", "--by-ping"])
            .await
            .stdout;
        assert!(
            csv.starts_with("Miner,Min,Max,Price,VerifiedPrice,Ping\nt01000,256 B,2 KiB,"),
            "{csv}"
        );
        let listed = parsed(&run(&node, &["list-asks", "--json"]).await);
        assert_eq!(listed[0]["Ask"]["Miner"], "t01000");
    }

    #[tokio::test]
    async fn for_a_retrieval_are_counted() {
        let mut offer = node().find_recorded("ClientFindData")[0].clone();
        offer["PricePerByte"] = json!("2");
        offer["UnsealPrice"] = json!("10");
        let node = node().answer("ClientMinerQueryOffer", offer.clone());
        let ended = run(&node, &["retrieval-ask", "t01000", ROOT]).await;
        assert_eq!(
            ended.stdout,
            "Ask: t01000\nUnseal price: 0.00000000000000001 FIL\n\
             Price per byte: 0.000000000000000002 FIL\nPayment interval: 1 MiB\n\
             Payment interval increase: 1 MiB\nSize: 1.984 KiB\n\
             Total price for 2032 bytes: 0.000000000000004074 FIL\n"
        );
        let ended = run(&node, &["retrieval-ask", "--size", "5", "t01000", ROOT]).await;
        assert!(
            ended
                .stdout
                .ends_with("Total price for 5 bytes: 0.00000000000000002 FIL\n")
        );
        offer["Err"] = json!("not found");
        let node = node.answer("ClientMinerQueryOffer", offer);
        let ended = run(&node, &["retrieval-ask", "t01000", ROOT]).await;
        assert_eq!((ended.exit, ended.stdout.as_str()), (1, ""));
        assert!(ended.stderr.ends_with("not found"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn imports_are_listed_for_programs_too() {
    let listed = parsed(&run(&node(), &["local", "--json"]).await);
    assert_eq!(listed[0]["Root"]["/"], ROOT);
    assert_eq!(listed[0]["Source"], "import");
}
