//! `lotus paych`.

use super::*;

fn funds() -> Value {
    json!({
        "Channel": CHANNEL, "From": SENDER, "To": PAYEE,
        "ConfirmedAmt": "1000000000000000000", "PendingAmt": "0", "NonReservedAmt": "0",
        "PendingAvailableAmt": "0", "PendingWaitSentinel": null, "QueuedAmt": "0",
        "VoucherReedeemedAmt": "250000000000000000",
    })
}

fn voucher(lane: u64, nonce: u64, atto: i64) -> SignedVoucher {
    SignedVoucher {
        channel_addr: CHANNEL.parse().expect("an address"),
        time_lock_min: 0,
        time_lock_max: 0,
        secret_hash: Bytes::new(),
        extra: None,
        lane,
        nonce,
        amount: TokenAmount::from_atto(atto),
        min_settle_height: 0,
        merges: Vec::new(),
        signature: Some(Signature::new_bls(vec![7; 96])),
    }
}

fn node() -> Recorded {
    let mut none = funds();
    none["Channel"] = json!(null);
    Recorded::mock_chain()
        .answer("PaychList", json!([CHANNEL]))
        .answer("PaychAvailableFunds", funds())
        .answer("PaychAvailableFundsByFromTo", none)
        .answer(
            "PaychVoucherList",
            json!([voucher(0, 1, 250_000_000_000_000_000)]),
        )
}

#[tokio::test]
async fn are_told_as_lotus_tells_them() {
    let node = node();
    let commands = commands(&["paych"]);
    assert_eq!(commands.len(), 4);
    for command in &commands {
        prints_the_same(&node, command).await;
    }
}

#[tokio::test]
async fn that_are_under_way_name_what_to_wait_for() {
    let message = "bafy2bzacebzghs6e4eqf3kqdbylnv66unwtdxdxfm3af43qdla6mfcllsu6rs";
    let mut adding = funds();
    adding["PendingWaitSentinel"] = json!({ "/": message });
    adding["PendingAmt"] = json!("2000000000000000000");
    let mut creating = adding.clone();
    creating["Channel"] = json!(null);
    let node = node()
        .answer("PaychAvailableFunds", adding)
        .answer("PaychAvailableFundsByFromTo", creating);
    let ended = run(&node, &["paych", "status", CHANNEL]).await;
    assert!(
        ended
            .stdout
            .starts_with("Adding Funds to channel\n  Channel:                 t2")
    );
    let last = format!("  Add Funds Wait Sentinel: {message}\n");
    assert!(ended.stdout.ends_with(&last), "{}", ended.stdout);
    let ended = run(&node, &["paych", "status-by-from-to", SENDER, PAYEE]).await;
    assert_eq!(
        ended.stdout,
        format!(
            "Creating channel\n  From:          {SENDER}\n  To:            {PAYEE}\n  Pending \
             Amt:   2 FIL\n  Wait Sentinel: {message}\n"
        )
    );
}

#[tokio::test]
async fn are_funded_and_waited_for() {
    let message = "bafy2bzacebzghs6e4eqf3kqdbylnv66unwtdxdxfm3af43qdla6mfcllsu6rs";
    let info = json!({ "Channel": "<empty>", "WaitSentinel": { "/": message } });
    let at_once = json!({ "Channel": CHANNEL, "WaitSentinel": null });
    let node = node()
        .answer("PaychFund", info)
        .answer("PaychGet", at_once)
        .answer("PaychGetWaitReady", json!(CHANNEL));
    let add = ["paych", "add-funds", SENDER, PAYEE, "1.5"];
    let ended = run(&node, &add).await;
    assert_eq!(
        ended.stdout,
        format!("waiting for confirmation..\n{CHANNEL}\n")
    );
    assert_eq!(node.asked("PaychGetWaitReady"), [json!([{ "/": message }])]);
    let reserve = [&add[..], &["--reserve", "--restart-retrievals=false"]].concat();
    let ended = run(&node, &reserve).await;
    assert_eq!(ended.stdout, format!("{CHANNEL}\n"));
    assert_eq!(
        node.asked("PaychGet"),
        [json!([SENDER, PAYEE, "1500000000000000000", { "OffChain": false }])]
    );
}

#[tokio::test]
async fn are_settled_and_collected() {
    let landed = |code| {
        json!({
            "Message": { "/": "bafy2bzacebzghs6e4eqf3kqdbylnv66unwtdxdxfm3af43qdla6mfcllsu6rs" },
            "Height": 20, "TipSet": [], "ReturnDec": null,
            "Receipt": { "ExitCode": code, "Return": null, "GasUsed": 1 },
        })
    };
    let message = landed(0)["Message"].clone();
    let node = node()
        .answer("PaychSettle", message.clone())
        .answer("PaychCollect", message)
        .answer("StateWaitMsg", landed(0));
    let settled = run(&node, &["paych", "settle", CHANNEL]).await;
    assert_eq!(settled.stdout, format!("Settled channel {CHANNEL}\n"));
    let node = node.answer("StateWaitMsg", landed(18));
    let refused = run(&node, &["paych", "collect", CHANNEL]).await;
    assert_eq!(
        refused.stderr,
        "collect message execution failed (exit code 18)"
    );
}

#[tokio::test]
async fn have_vouchers_that_are_passed_on_as_text() {
    let made = json!({ "Voucher": voucher(3, 1, 5), "Shortfall": "0" });
    let node = node()
        .answer("PaychVoucherCreate", made)
        .answer("PaychVoucherCheckValid", json!(null))
        .answer("PaychVoucherAdd", json!("5"));
    let create = ["paych", "voucher", "create", CHANNEL, "1", "--lane=3"];
    let text = run(&node, &create).await.stdout;
    let text = text.trim();
    assert_eq!(node.asked("PaychVoucherCreate")[0][2], 3);
    let ended = run(&node, &["paych", "voucher", "check", CHANNEL, text]).await;
    assert_eq!(ended.stdout, "voucher is valid\n");
    let ended = run(&node, &["paych", "voucher", "add", CHANNEL, text]).await;
    assert_eq!((ended.exit, ended.stdout.as_str()), (0, ""));
    let asked = &node.asked("PaychVoucherAdd")[0];
    assert_eq!(asked[1], json!(voucher(3, 1, 5)));
    for wrong in ["", "!", "AAAA"] {
        let ended = run(&node, &["paych", "voucher", "check", CHANNEL, wrong]).await;
        assert_eq!(ended.exit, 1, "{wrong:?}");
    }
}

#[tokio::test]
async fn that_hold_too_little_make_no_voucher() {
    let node = node().answer(
        "PaychVoucherCreate",
        json!({ "Voucher": null, "Shortfall": "42" }),
    );
    let ended = run(&node, &["paych", "voucher", "create", CHANNEL, "1"]).await;
    assert_eq!(
        ended.stderr,
        "could not create voucher: insufficient funds in channel, shortfall: 42"
    );
}

#[tokio::test]
async fn show_the_best_voucher_of_each_lane() {
    let vouchers = json!([voucher(1, 1, 5), voucher(0, 1, 3), voucher(0, 2, 4)]);
    let node = node()
        .answer("PaychVoucherList", vouchers)
        .answer("PaychVoucherCheckSpendable", json!(true));
    let ended = run(&node, &["paych", "voucher", "best-spendable", CHANNEL]).await;
    assert_eq!(
        ended.stdout,
        "Lane 0, Nonce 2: 0.000000000000000004 FIL\nLane 1, Nonce 1: 0.000000000000000005 FIL\n"
    );
    let export = ["paych", "voucher", "list", "--export", CHANNEL];
    let ended = run(&node, &export).await;
    assert_eq!(ended.stdout.lines().count(), 3);
    assert!(
        ended
            .stdout
            .starts_with("Lane 0, Nonce 1: 0.000000000000000003 FIL; i1UC")
    );
}
