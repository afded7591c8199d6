//! `lotus filplus`.

use super::*;

/// A node whose state holds this one block.
fn holding(store: &MemoryBlockstore, root: &Cid) -> Recorded {
    let block = store.get(root.inner()).expect("memory").expect("written");
    Recorded::mock_chain().answer("ChainReadObj", json!(Bytes::from(block)))
}

#[tokio::test]
async fn lists_notaries_in_the_order_of_its_state() {
    let store = MemoryBlockstore::new();
    let mut verifiers: Map<'_, _, Address, BigInt> =
        Map::empty(&store, HAMT_BIT_WIDTH, "verifiers");
    for (id, left) in [(81, 0), (100, 1_098_437_885_952_u64)] {
        let set = verifiers.set(&Address::new_id(id), BigInt::from(left));
        set.expect("memory");
    }
    // The same block as on the recorded chain.
    let root = verifiers.flush().expect("memory");
    let node = holding(&store, &root);
    let read = node.find("StateReadState", &json!(["t06", []]));
    assert_eq!(read.expect("recorded")["State"]["Verifiers"], json!(root));
    let all = commands(&["filplus", "list-notaries"]);
    prints_the_same(&node, all.last().expect("at the head")).await;
}

#[tokio::test]
async fn lists_clients_in_the_order_of_the_tokens_state() {
    let store = MemoryBlockstore::new();
    let mut balances: Map<'_, _, ActorId, TokenAmount> = Map::empty(&store, 3, "balances");
    for (id, bytes) in [(6, 768_i64), (102, 1_073_741_056)] {
        let set = balances.set(&id, TokenAmount::from_fil(bytes));
        set.expect("memory");
    }
    let root = balances.flush().expect("memory");
    let node = holding(&store, &root);
    let read = node.find("StateReadState", &json!(["t07", []]));
    let token = &read.expect("recorded")["State"]["Token"];
    assert_eq!(token["Balances"], json!(root));
    let all = commands(&["filplus", "list-clients"]);
    prints_the_same(&node, all.last().expect("at the head")).await;
}

#[tokio::test]
async fn is_not_believed_when_its_blocks_are_others() {
    let node = Recorded::mock_chain().answer("ChainReadObj", json!("gIA="));
    let ended = run(&node, &["filplus", "list-notaries"]).await;
    assert!(
        ended.stderr.contains("what the node sent is not"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn tells_what_is_left() {
    let node = Recorded::mock_chain();
    let all = commands(&["filplus", "check-client-datacap"]);
    prints_the_same(&node, all.last().expect("at the head")).await;
    for command in commands(&["filplus", "check-notary-datacap"]) {
        prints_the_same(&node, &command).await;
    }
    let node = node.answer("StateVerifiedClientStatus", json!(null));
    let ended = run(&node, &["filplus", "check-client-datacap", CLIENT]).await;
    let text = format!("client {CLIENT} is not a verified client");
    assert_eq!(ended.stderr, text);
}

#[tokio::test]
async fn lists_allocations_and_claims() {
    let node = Recorded::mock_chain();
    for list in ["list-allocations", "list-claims"] {
        for command in commands(&["filplus", list]) {
            let ended = run_recorded(&node, &command).await;
            // Lotus prints them in a random order; here they come by number.
            let sorted = |text: &str| {
                let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
                lines.sort_unstable();
                lines
            };
            assert_eq!(sorted(&ended.stdout), sorted(&command.stdout));
            assert!(ended.stdout.lines().skip(1).is_sorted());
            let mut expired = command.args.clone();
            expired.push("--expired".to_owned());
            let args: Vec<_> = expired.iter().map(String::as_str).collect();
            let ended = run(&node, &args).await;
            assert_eq!((ended.exit, ended.stdout.lines().count()), (0, 1));
        }
    }
}

#[tokio::test]
async fn grants_what_a_notary_has_left_only() {
    let signed = sent("bafy2bzacebzghs6e4eqf3kqdbylnv66unwtdxdxfm3af43qdla6mfcllsu6rs");
    let landed = json!({
        "Message": signed.cid(), "Height": 20, "TipSet": [], "ReturnDec": null,
        "Receipt": { "ExitCode": 0, "Return": null, "GasUsed": 1 },
    });
    let node = Recorded::mock_chain()
        .answer("MpoolPushMessage", json!(signed))
        .answer("StateWaitMsg", landed);
    let from = format!("--from={VERIFIER}");
    let grant = |bytes| ["filplus", "grant-datacap", CLIENT, bytes, &from];
    let ended = run(&node, &grant("2048")).await;
    assert_eq!(
        ended.stdout,
        format!("message sent, now waiting on cid: {}\n", signed.cid())
    );
    let asked = &node.asked("MpoolPushMessage")[0][0];
    assert_eq!((&asked["To"], &asked["Method"]), (&json!("t06"), &json!(4)));
    let ended = run(&node, &grant("1098437885953")).await;
    assert_eq!(
        ended.stderr,
        "cannot allot more allowance than notary data cap: 1098437885952 < 1098437885953"
    );
    let node = node.answer("StateVerifierStatus", json!(null));
    let ended = run(&node, &grant("1")).await;
    assert_eq!(ended.stderr, "sender address must be a notary");
}

mod putting_datacap_aside {
    use lotus_actors::{datacap, verifreg::AllocationRequests};

    use super::*;

    const PIECE: &str = "baga6ea4seaqlhznlutptgfwhffupyer6txswamerq5fc2jlwf2lys2mm5jtiaeq=2KiB";

    /// A node that takes any message, and where it was executed.
    fn taking() -> Recorded {
        let receipt = json!({ "ExitCode": 0, "Return": null, "GasUsed": 1 });
        let any = "bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2";
        let landed = json!({
            "Message": { "/": any }, "Height": 20, "TipSet": [], "ReturnDec": null, "Receipt": receipt,
        });
        let list = commands(&["msig", "propose"]);
        let signed = sent(printed_cid(list.first().expect("recorded")));
        Recorded::mock_chain()
            .answer("MpoolPushMessage", json!(signed))
            .answer("StateWaitMsg", landed)
    }

    #[tokio::test]
    async fn sends_it_to_the_registry_with_what_is_wished() {
        let node = taking();
        let args = [
            "filplus",
            "allocate",
            "--from",
            CLIENT,
            "--expiration=100",
            "t01000",
            PIECE,
        ];
        let ended = run(&node, &args).await;
        assert_eq!(ended.exit, 0, "{}", ended.stderr);
        let pushed = &node.asked("MpoolPushMessage")[0][0];
        assert_eq!(
            (&pushed["To"], &pushed["From"]),
            (&json!("t07"), &json!(CLIENT))
        );
        let params: Bytes = serde_json::from_value(pushed["Params"].clone()).expect("bytes");
        let transfer: datacap::TransferParams = wire::from_cbor(&params).expect("a transfer");
        assert_eq!(transfer.to, Address::new_id(6));
        assert_eq!(transfer.amount, TokenAmount::from_fil(2048));
        let wished: AllocationRequests = wire::from_cbor(&transfer.operator_data).expect("wishes");
        let [wish] = &wished.allocations[..] else {
            panic!("{wished:?}")
        };
        assert_eq!((wish.provider, wish.size.0), (Address::new_id(1000), 2048));
        assert_eq!(wish.expiration, 700 + 100);
    }

    #[tokio::test]
    async fn needs_a_provider_enough_of_it_and_a_piece() {
        let too_large = PIECE.replace("2KiB", "1PiB");
        let odd = PIECE.replace("2KiB", "2000");
        let poor = || taking().answer("StateVerifiedClientStatus", json!(null));
        for (node, args, text) in [
            (
                poor(),
                [SENDER, "t01000", PIECE],
                "is not a verified client",
            ),
            (
                taking().fail("StateMinerInfo", "actor code is not miner: account"),
                [CLIENT, "t01000", PIECE],
                "t01000 is no provider",
            ),
            (
                taking(),
                [CLIENT, "t01000", &too_large],
                "bytes of datacap, and",
            ),
            (taking(), [CLIENT, "t01000", &odd], "no padded piece size"),
        ] {
            let [from, provider, piece] = args;
            let all = ["filplus", "allocate", "--from", from, provider, piece];
            let ended = run(&node, &all).await;
            assert_eq!(ended.exit, 1, "{args:?}");
            assert!(ended.stderr.contains(text), "{args:?}: {}", ended.stderr);
            assert!(node.asked("MpoolPushMessage").is_empty());
        }
    }
}
