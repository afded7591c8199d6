//! `lotus msig`.

use super::*;

#[tokio::test]
async fn are_made() {
    let made = ExecReturn {
        id_address: Address::new_id(1008),
        robust_address: MSIG.parse().expect("an address"),
    };
    let [command] = &commands(&["msig", "create"])[..] else {
        panic!("one")
    };
    let node = sending(command, &wire::to_cbor(&made));
    prints_the_same(&node, command).await;
    let asked = &node.asked("MsigCreate")[0];
    let value = "10000000000000000000";
    assert_eq!(
        *asked,
        json!([2, [SENDER, RECEIVER, PAYEE], 50, value, SENDER, "1"])
    );
}

#[tokio::test]
async fn propose_approve_and_cancel() {
    let returned = |txn_id| {
        wire::to_cbor(&ProposeReturn {
            txn_id,
            applied: false,
            code: ExitCode(0),
            ret: Bytes::new(),
        })
    };
    let proposals = commands(&["msig", "propose"]);
    for (id, command) in (0..).zip(&proposals[..2]) {
        let node = sending(command, &returned(id));
        prints_the_same(&node, command).await;
        let asked = &node.asked("MsigPropose")[0];
        assert_eq!(asked[1], CLIENT);
        let value = TokenAmount::from_fil(id + 1);
        assert_eq!(*asked, json!([MSIG, CLIENT, value, SENDER, 0, null]));
    }
    for (command, id) in commands(&["msig", "approve"]).iter().zip([0, 2]) {
        let node = sending(command, &[]);
        prints_the_same(&node, command).await;
        assert_eq!(node.asked("MsigApprove")[0][1], id);
    }
    for command in commands(&["msig", "cancel"]) {
        let node = sending(&command, &[]);
        prints_the_same(&node, &command).await;
        let asked = &node.asked("MsigCancelTxnHash")[0];
        let value = "2000000000000000000";
        assert_eq!(*asked, json!([MSIG, 1, CLIENT, value, SENDER, 0, null]));
    }
}

#[tokio::test]
async fn change_their_own_threshold_and_signers() {
    for command in commands(&["msig", "propose-threshold"]) {
        let node = sending(&command, &[]);
        prints_the_same(&node, &command).await;
        // What is proposed is what Lotus proposed: the parameters of the message on chain.
        let asked = &node.asked("MsigPropose")[0];
        assert_eq!(
            (&asked[0], &asked[1], &asked[4]),
            (&json!(MSIG), &json!(MSIG), &json!(8))
        );
        let on_chain: lotus_actors::multisig::ProposeParams =
            wire::from_cbor(&sent(printed_cid(&command)).message.params).expect("params");
        assert_eq!(asked[5], json!(on_chain.params));
    }
    for command in commands(&["msig", "add-propose"]) {
        let node = sending(&command, &[]).answer("StateLookupID", json!("t0999"));
        prints_the_same(&node, &command).await;
        // Who signs already is not proposed again.
        let node = sending(&command, &[]);
        let refused = run_recorded(&node, &command).await;
        assert_eq!(refused.stderr, format!("{VERIFIER} is already a signer"));
        assert!(node.asked("MpoolPushMessage").is_empty());
    }
}

#[tokio::test]
async fn pass_on_why_a_message_would_fail() {
    let proposals = commands(&["msig", "propose"]);
    let command = proposals.last().expect("the third");
    let node = sending(&proposals[0], &[]).fail("GasEstimateMessageGas", "no such funds");
    let ended = run_recorded(&node, command).await;
    assert_eq!((ended.exit, ended.stdout), (command.exit, String::new()));
    assert_eq!(
        ended.stderr,
        "publishing message: estimating gas: no such funds"
    );
}

#[tokio::test]
async fn are_inspected_at_the_head() {
    let node = Recorded::mock_chain();
    for flag in ["--vesting", "--decode-params"] {
        for command in commands(&["msig", "inspect", flag]) {
            prints_the_same(&node, &command).await;
        }
    }
}

/// The wallet as it was while its first proposals came.
fn young(pending: &Value) -> Recorded {
    let mut node = Recorded::mock_chain();
    let read = node.find("StateReadState", &json!([MSIG, []]));
    let mut read = read.expect("recorded");
    read["Balance"] = json!("10000000000000000000");
    read["State"]["NumApprovalsThreshold"] = json!(2);
    read["State"]["Signers"] = json!(["t0103", "t0101", "t01001"]);
    node = node.answer("StateReadState", read);
    node.answer("MsigGetPending", pending.clone())
}

#[tokio::test]
async fn show_what_waits_for_approval() {
    let all = commands(&["msig", "inspect"]);
    let [empty, one, ..] = &all[..] else {
        panic!("two of them")
    };
    prints_the_same(&young(&json!([])), empty).await;
    let pending = json!([{
        "ID": 0, "To": CLIENT, "Value": "1000000000000000000", "Method": 0, "Params": null,
        "Approved": ["t0103"],
    }]);
    prints_the_same(&young(&pending), one).await;
}

#[tokio::test]
async fn decode_what_is_proposed() {
    // Adding the verifier, as it was proposed on the chain.
    let params = "glUB9hpCF61aW9g8tQnNta5r6POMpDj0";
    let pending = json!([{
        "ID": 3, "To": "t01008", "Value": "0", "Method": 5, "Params": params,
        "Approved": ["t0103"],
    }]);
    let decoded = json!({ "Signer": VERIFIER, "Increase": false });
    let actor = Recorded::mock_chain().find("StateGetActor", &json!([MSIG, []]));
    let node = young(&pending)
        .answer("StateGetActor", actor.expect("recorded"))
        .answer("StateDecodeParams", decoded);
    let plain = run(&node, &["msig", "inspect", MSIG]).await;
    let row = plain.stdout.lines().last().expect("a row");
    assert!(
        row.starts_with("3       pending  1          t01008 (self)  0 FIL   AddSigner(5)  8255")
    );
    let decoded = run(&node, &["msig", "inspect", "--decode-params", MSIG]).await;
    let row = decoded.stdout.lines().last().expect("a row");
    let shown = format!(r#"{{"Increase":false,"Signer":"{VERIFIER}"}}"#);
    assert!(row.ends_with(&shown), "{row}");
}

#[tokio::test]
async fn are_told_from_other_actors() {
    let node = Recorded::mock_chain();
    let ended = run(&node, &["msig", "inspect", "t01000"]).await;
    assert_eq!(ended.stderr, "actor t01000 is not a multisig actor");
    let ended = run(&node, &["msig", "propose", "t01000", RECEIVER, "1"]).await;
    assert_eq!(ended.stderr, "actor t01000 is not a multisig actor");
}

#[tokio::test]
async fn take_a_proposal_whole_or_not_at_all() {
    let node = Recorded::mock_chain();
    for args in [
        &["msig", "approve", MSIG, "0", SENDER][..],
        &["msig", "approve", MSIG, "0", SENDER, CLIENT],
        &["msig", "approve", MSIG, "0", SENDER, CLIENT, "1", "2"],
        &["msig", "cancel", MSIG, "0", CLIENT],
        &["msig", "propose", MSIG, CLIENT, "1", "2"],
        &["msig", "create"],
    ] {
        let ended = run(&node, args).await;
        assert_eq!(ended.exit, 1, "{args:?}: {}", ended.stderr);
    }
}
