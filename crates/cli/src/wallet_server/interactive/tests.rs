use lotus_types::{Cid, KeyType, TokenAmount};
use serde_json::json;

use super::*;
use crate::fake::Fake;

fn answered(input: &str) -> (io::Result<Result<(), Refusal>>, String) {
    let mut out = Vec::new();
    let done = ask("QUESTION\n", "Confirm", &mut input.as_bytes(), &mut out);
    (done, String::from_utf8(out).expect("text"))
}

mod asking {
    use super::*;

    #[test]
    fn goes_on_until_the_word_or_no_is_typed() {
        let (done, shown) = answered("yes\nconfirm\n\nConfirm\n");
        assert_eq!(done.expect("answered"), Ok(()));
        assert!(
            shown.starts_with("QUESTION\n\nAccept the above? (Confirm/No): "),
            "{shown}"
        );
        assert_eq!(shown.matches("Type EXACTLY 'Confirm' or 'No'").count(), 3);
        assert!(shown.ends_with("approved\n"), "{shown}");
        let (done, _) = answered("No\n");
        assert_eq!(done.expect("answered"), Err(Refusal::Rejected));
    }

    #[test]
    fn without_anybody_there_approves_nothing() {
        let (done, _) = answered("yes\n");
        assert_eq!(done.expect_err("closed").to_string(), "stdin is closed");
    }
}

mod the_question {
    use super::*;

    fn message(to: Address, method: MethodNum, params: Vec<u8>) -> Message {
        Message {
            gas_limit: 1_000_000,
            gas_fee_cap: TokenAmount::from_atto(1_000_000_000),
            method,
            params: params.into(),
            ..Message::transfer(Address::new_id(100), to, TokenAmount::from_fil(2))
        }
    }

    fn signing(message: Message) -> Action {
        Action::Sign {
            signer: Address::new_id(100),
            kind: "message".to_owned(),
            message: Some(Box::new(message)),
        }
    }

    fn code(name: &str) -> Cid {
        Cid::of_block(name.as_bytes())
    }

    /// A chain on which t01000 is a multisig wallet and t01001 a miner.
    fn chain() -> Fake {
        let actor = |name: &str| {
            json!({
                "Code": code(name), "Head": code("state"), "Nonce": 0, "Balance": "0",
                "Address": null,
            })
        };
        Fake::default()
            .refuse("StateGetActor", 3, "actor not found")
            .when("StateGetActor", &json!(["t01000", []]), actor("multisig"))
            .when(
                "StateGetActor",
                &json!(["t01001", []]),
                actor("storageminer"),
            )
            .answer("StateNetworkVersion", json!(17))
            .answer(
                "StateActorCodeCIDs",
                json!({ "multisig": code("multisig"), "storageminer": code("storageminer") }),
            )
            .answer("StateDecodeParams", json!({ "AmountRequested": "1" }))
    }

    async fn text(action: &Action, node: Option<&Fake>) -> String {
        let client = node.map(Fake::client);
        let node = client.as_ref().map(|client| client as &dyn FullNode);
        describe(action, node).await.expect("a question")
    }

    #[tokio::test]
    async fn shows_a_message_and_its_cost() {
        let action = signing(message(Address::new_id(1001), 0, Vec::new()));
        let shown = text(&action, None).await;
        for line in [
            "ACTION: WalletSign - Sign a message/deal",
            "ADDRESS: t0100",
            "TYPE: message",
            "  \"To\": \"t01001\",",
            "Value: 2 FIL",
            "Max Fees: 0.001 FIL",
            "Max Total Cost: 2.001 FIL",
            "Params: No chain node connection, can't decode params",
        ] {
            assert!(
                shown.lines().any(|l| l == line),
                "{line} is not in\n{shown}"
            );
        }
    }

    #[tokio::test]
    async fn names_the_method_and_takes_a_multisig_proposal_apart() {
        let proposed = ProposeParams {
            to: Address::new_id(1001),
            value: TokenAmount::from_fil(3),
            method: 16,
            params: vec![1, 2].into(),
        };
        let call = message(Address::new_id(1000), 2, wire::to_cbor(&proposed));
        let shown = text(&signing(call), Some(&chain())).await;
        for line in [
            "Method: Propose",
            "\tMultiSig Proposal Value: 3 FIL",
            "\tMultiSig Proposal Hex Params: 0102",
            "\tMultiSig Proposal Method: WithdrawBalance",
            "\tMultiSig Proposal Params: {",
            "\t  \"AmountRequested\": \"1\"",
        ] {
            assert!(
                shown.lines().any(|l| l == line),
                "{line} is not in\n{shown}"
            );
        }
    }

    #[tokio::test]
    async fn says_when_a_receiver_or_a_method_is_not_known() {
        let new = message(Address::new_bls([7; 48]), 0, Vec::new());
        let shown = text(&signing(new), Some(&chain())).await;
        assert!(shown.contains("is not on chain yet"), "{shown}");
        let odd = message(Address::new_id(1001), 4711, vec![1]);
        let shown = text(&signing(odd), Some(&chain())).await;
        assert!(shown.contains("Method: 4711 (unknown)"), "{shown}");
    }

    #[tokio::test]
    async fn lets_no_caller_write_lines_of_its_own() {
        let action = Action::Sign {
            signer: Address::new_id(100),
            kind: "block\nValue: 0 FIL\u{1b}[2K".to_owned(),
            message: None,
        };
        let shown = text(&action, None).await;
        assert!(!shown.lines().any(|line| line == "Value: 0 FIL"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }

    #[tokio::test]
    async fn tells_what_else_is_done_with_a_key() {
        let address = Address::new_id(100);
        for (action, words) in [
            (
                Action::NewKey(KeyType::Bls),
                "WalletNew - Creating new wallet\nTYPE: bls",
            ),
            (
                Action::Export(address),
                "WalletExport - Export private key\nADDRESS: t0100",
            ),
            (
                Action::Import(KeyType::Bls),
                "WalletImport - Import private key\nTYPE: bls",
            ),
            (
                Action::Delete(address),
                "WalletDelete - Delete a private key\nADDRESS: t0100",
            ),
        ] {
            let shown = text(&action, None).await;
            assert!(shown.contains(words), "{shown}");
        }
    }
}
