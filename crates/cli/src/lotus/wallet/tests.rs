//! The wallet's commands against a node that says what a test lets it say.

use lotus_types::{Bytes, Cid, TipsetKey, TokenAmount, wire};
use serde_json::{Value, json};

use crate::{
    fake::{Ended, Fake, recorded_output},
    lotus::tests::run_lotus,
};

async fn run(node: &Fake, args: &[&str]) -> Ended {
    run_lotus(node.client(), &[&["wallet"], args].concat()).await
}

mod market {
    use super::*;

    const ONE: &str = "mock-chain/cli.json";
    const TWO: &str = "mock-chain-two/cli.json";
    const WALLET_ONE: &str =
        "t3r4if4bd2awtvlb67mxjspu65kbfnxh7ck4gph5zsdraokpdmzkrnb5bntm6mbu3r75yolc7yrql3r2vxll7a";
    const WALLET_TWO: &str =
        "t3v6ooelefvnrfwsib55tzopr37k6hetobqg62jyoj5qapyuqhb3lnr6xhxu7liurydllryuv63lbs3kanuo7a";

    fn fil(fil: i64) -> Value {
        json!(TokenAmount::from_fil(fil))
    }

    /// A node with this escrow, of which something is locked and reserved.
    fn node(escrow: i64, locked: i64, reserved: i64) -> Fake {
        let balance = json!({ "Escrow": fil(escrow), "Locked": fil(locked) });
        Fake::default()
            .answer("WalletDefaultAddress", json!(WALLET_TWO))
            .answer("StateMarketBalance", balance)
            .answer("MarketGetReserved", fil(reserved))
    }

    /// As [`node`], where a withdrawal is executed and gives back `withdrawn`.
    fn withdrawing(escrow: i64, exit: i64, withdrawn: i64, cid: &str) -> Fake {
        let amount = Bytes::from(wire::to_cbor(&TokenAmount::from_fil(withdrawn)));
        let receipt = json!({ "ExitCode": exit, "Return": amount, "GasUsed": 1 });
        let found = json!({
            "Message": { "/": cid }, "Receipt": receipt, "ReturnDec": null,
            "TipSet": json!(TipsetKey::default()), "Height": 5,
        });
        node(escrow, 0, 0)
            .answer("MarketWithdraw", json!({ "/": cid }))
            .answer("StateWaitMsg", found)
    }

    /// The CID that Lotus printed.
    fn printed_cid(output: &str) -> String {
        let line = output.lines().find(|line| line.contains("message cid: "));
        let (_, cid) = line.and_then(|l| l.split_once("cid: ")).expect("printed");
        cid.to_owned()
    }

    #[tokio::test]
    async fn add_prints_what_lotus_prints() {
        for (file, wallet) in [(ONE, WALLET_ONE), (TWO, WALLET_TWO)] {
            let from = format!("--from={wallet}");
            let args = ["market", "add", &from, "20"];
            let expected = recorded_output(file, &[&["wallet"], &args[..]].concat());
            let cid = json!({ "/": printed_cid(&expected) });
            let node = node(0, 0, 0).answer("MarketAddBalance", cid);
            let ended = run(&node, &args).await;
            assert_eq!(ended.stdout, expected);
            let asked = node.asked("MarketAddBalance");
            assert_eq!(asked, [json!([wallet, wallet, fil(20)])]);
        }
    }

    #[tokio::test]
    async fn withdraw_prints_what_lotus_prints() {
        let wallet = format!("--wallet={WALLET_TWO}");
        let args = ["market", "withdraw", &wallet, "1"];
        let expected = recorded_output(TWO, &[&["wallet"], &args[..]].concat());
        let node = withdrawing(20, 0, 1, &printed_cid(&expected));
        let ended = run(&node, &args).await;
        assert_eq!(ended.stdout, expected, "{}", ended.stderr);
        let asked = node.asked("MarketWithdraw");
        assert_eq!(asked, [json!([WALLET_TWO, WALLET_TWO, fil(1)])]);
    }

    #[tokio::test]
    async fn withdraw_takes_all_that_is_free_and_names_what_was_missing() {
        let cid = Cid::of_block(b"m").to_string();
        let node = withdrawing(20, 0, 12, &cid);
        let ended = run(&node, &["market", "withdraw", "-a", "t01000"]).await;
        assert_eq!(
            node.asked("MarketWithdraw"),
            [json!([WALLET_TWO, "t01000", fil(20)])]
        );
        assert!(
            ended.stdout.ends_with(
                "Successfully withdrew 12 FIL \nNote that this is less than the requested amount of \
                 20 FIL \n"
            ),
            "{}",
            ended.stdout
        );
        let failing = withdrawing(20, 18, 0, &cid);
        let ended = run(&failing, &["market", "withdraw"]).await;
        assert_eq!(ended.exit, 1);
        let failed = format!("withdrawal failed! {cid} ended with exit code 18");
        assert_eq!(ended.stderr, failed);
    }

    #[tokio::test]
    async fn withdraw_refuses_what_is_not_there_in_lotus_words() {
        for (escrow, locked, reserved, amount, text) in [
            (
                0,
                0,
                0,
                "1",
                "no funds available to withdraw; available (0 FIL) = escrow (0 FIL) - locked (0 FIL) - \
                 reserved (0 FIL)",
            ),
            (
                10,
                4,
                7,
                "1",
                "no funds available to withdraw; available (0 FIL) = escrow (10 FIL) - locked (4 FIL) - \
                 reserved (7 FIL)",
            ),
            (
                10,
                4,
                1,
                "6",
                "can't withdraw more funds than available; requested: 6 FIL; available (5 FIL) = escrow \
                 (10 FIL) - locked (4 FIL) - reserved (1 FIL)",
            ),
            (10, 0, 0, "0", "amount must be > 0"),
        ] {
            let node = node(escrow, locked, reserved);
            let ended = run(&node, &["market", "withdraw", amount]).await;
            assert_eq!((ended.exit, ended.stderr.as_str()), (1, text));
            assert!(node.asked("MarketWithdraw").is_empty());
        }
    }
}

mod keys {
    use super::*;

    const OPERATOR: &str = "real-chain/operator-cli.json";

    #[tokio::test]
    async fn of_every_type_are_made_and_listed_as_lotus_lists_them() {
        for kind in ["bls", "secp256k1", "delegated"] {
            let expected = recorded_output(OPERATOR, &["wallet", "new", kind]);
            let node = Fake::default().answer("WalletNew", json!(expected.trim()));
            let ended = run(&node, &["new", kind]).await;
            assert_eq!(ended.stdout, expected);
            assert_eq!(node.asked("WalletNew"), [json!([kind])]);
        }
        let ledger =
            Fake::default().refuse("WalletNew", 1, "no wallet backends supporting key type");
        let ended = run(&ledger, &["new", "secp256k1-ledger"]).await;
        assert_eq!(ended.stderr, "no wallet backends supporting key type");

        let expected = recorded_output(OPERATOR, &["wallet", "list"]);
        let rows: Vec<Vec<&str>> = expected
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().collect())
            .collect();
        let addresses: Vec<&str> = rows.iter().map(|row| row[0]).collect();
        assert!(addresses.last().is_some_and(|a| a.starts_with("t410f")));
        let default = rows
            .iter()
            .find(|row| row.last() == Some(&"X"))
            .expect("one");
        let mut node = Fake::default()
            .answer("WalletList", json!(addresses))
            .answer("WalletDefaultAddress", json!(default[0]))
            .refuse("StateGetActor", 3, "actor not found");
        for row in rows.iter().filter(|row| row[1] != "0") {
            let balance: TokenAmount = row[1].parse().expect("FIL");
            let nonce: u64 = row[3].parse().expect("a number");
            let actor = json!({
                "Code": Cid::of_block(b"account"), "Head": Cid::of_block(b"state"),
                "Nonce": nonce, "Balance": balance, "Address": null,
            });
            node = node.when("StateGetActor", &json!([row[0], []]), actor);
        }
        assert_eq!(run(&node, &["list"]).await.stdout, expected);
    }

    #[tokio::test]
    async fn are_deleted_and_chosen_as_lotus_says() {
        let address = "t1hbdrcbacq3wrht6omcdxaybten3rfp4cq5wewwy";
        let node = Fake::default()
            .answer("WalletDelete", Value::Null)
            .answer("WalletSetDefault", Value::Null);
        for command in ["delete", "set-default"] {
            let expected = recorded_output(OPERATOR, &["wallet", command, address]);
            assert_eq!(run(&node, &[command, address]).await.stdout, expected);
        }
    }
}
