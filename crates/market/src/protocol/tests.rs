use lotus_types::{Bytes, Signature};

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn recorded(protocol: &str) -> (Vec<u8>, Vec<u8>) {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/wire/libp2p.json"
    );
    let all: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let entries = all.as_array().unwrap();
    let entry = entries.iter().find(|e| e["protocol"] == protocol).unwrap();
    let bytes = |key: &str| hex(entry[key].as_str().unwrap());
    (bytes("sent_hex"), bytes("received_hex"))
}

fn proposal() -> ClientDealProposal {
    let recorded = r#"{"Proposal": {"PieceCID": {"/":
        "baga6ea4seaqmtmqw34ne657ke2flqq6iytoq34aeglypovrpwms7q5oy5bic6kq"}, "PieceSize": 2048,
        "VerifiedDeal": false, "Client":
        "t3smgh6koqhmlpygb2vdbtc7qnyerhhrrc2ieurpeyetjk6uved7wszgluj2wahbcxf4ohk7sp2z7r5wxy52zq",
        "Provider": "t01000", "Label": "mAVWg5AIgETeI3nStnjMvfOA6hlQd/LDm/RZaaCr9xGwHa7mIePo",
        "StartEpoch": 69238, "EndEpoch": 588177, "StoragePricePerEpoch": "500000000",
        "ProviderCollateral": "0", "ClientCollateral": "0"}, "ClientSignature": {"Type": 2, "Data":
        "gbpbioCVmdizgmeL66O3cp+Dz9l/84zeFReMGXQbbhp6+xxnvk4R/ZTesuCcnMp2EM37Fr+gAcf76pUIKh2VLxakPXmitCAk3E5yqeZIBBSSYAQAZ6L/1tEOYxTaCJ+3"}}"#;
    serde_json::from_str(recorded).unwrap()
}

fn params() -> DealParams {
    DealParams {
        deal_uuid: Uuid::from_bytes([7; 16]),
        transfer: Transfer {
            size: 1901,
            kind: "http".to_owned(),
            params: Bytes::from(b"{}".to_vec()),
            client_id: "me".to_owned(),
        },
        is_offline: false,
        deal_data_root: "bafk2bzaceaitpcg6oswz4mzpptqdvbsudx6lbzx5czngqkx5yrwao25zrb4pu"
            .parse()
            .unwrap(),
        skip_ipni_announce: None,
        client_deal_proposal: proposal(),
        remove_unsealed_copy: None,
    }
}

/// The keys of a CBOR map whose text keys are shorter than 24 bytes, where they are found.
fn position(bytes: &[u8], key: &str) -> usize {
    let mut needle = vec![0x60 | u8::try_from(key.len()).unwrap()];
    needle.extend_from_slice(key.as_bytes());
    let found = bytes.windows(needle.len()).position(|w| w == needle);
    found.unwrap_or_else(|| panic!("no key {key}"))
}

mod the_ask_protocol {
    use super::*;

    #[test]
    fn has_the_recorded_bytes() {
        let (sent, received) = recorded(ASK_PROTOCOL);
        let request: AskRequest = wire::from_cbor(&sent).unwrap();
        assert_eq!(request.miner, Address::new_id(1000));
        assert_eq!(wire::to_cbor(&request), sent);
        let answer: AskResponse = wire::from_cbor(&received).unwrap();
        assert_eq!(wire::to_cbor(&answer), received);
        let ask = answer.ask.unwrap().ask.unwrap();
        assert_eq!(ask.price, TokenAmount::from_atto(500_000_000));
        assert_eq!((ask.timestamp, ask.expiry), (137, 1_000_137));
        assert_eq!(ask.max_piece_size, PaddedPieceSize(2048));
    }
}

mod a_deal {
    use super::*;

    #[test]
    fn is_named_as_recorded() {
        let expected = "bafyreifkcm4mdldbni7czk72tuxwh4ensauod3l5pvydvmcq4cjviwpn4a";
        assert_eq!(proposal_cid(&proposal()).to_string(), expected);
    }

    #[test]
    fn needs_the_recorded_escrow() {
        let needed = client_requirement(&proposal().proposal);
        assert_eq!(needed, TokenAmount::from_atto(259_469_500_000_000_u64));
    }

    #[test]
    fn is_proposed_as_a_map_of_five_or_seven_keys_in_canonical_order() {
        let old = wire::to_cbor(&params());
        assert_eq!(old[0], 0xa5);
        let new = wire::to_cbor(&DealParams {
            skip_ipni_announce: Some(false),
            remove_unsealed_copy: Some(true),
            ..params()
        });
        assert_eq!(new[0], 0xa7);
        let keys = [
            "DealUUID",
            "Transfer",
            "IsOffline",
            "DealDataRoot",
            "SkipIPNIAnnounce",
            "ClientDealProposal",
            "RemoveUnsealedCopy",
        ];
        let places: Vec<_> = keys.iter().map(|key| position(&new, key)).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert!(new.starts_with(&[&hex("a7684465616c5555494450")[..], &[7; 16]].concat()));
        for bytes in [old, new] {
            let read: DealParams = wire::from_cbor(&bytes).unwrap();
            assert_eq!(wire::to_cbor(&read), bytes);
        }
    }

    #[test]
    fn is_answered_with_a_map_of_two() {
        let answer = DealResponse {
            message: String::new(),
            accepted: true,
        };
        let expected = hex("a2674d65737361676560684163636570746564f5");
        assert_eq!(wire::to_cbor(&answer), expected);
    }
}

mod the_status_protocol {
    use super::*;

    #[test]
    fn has_its_maps() {
        let request = DealStatusRequest {
            deal_uuid: Uuid::from_bytes([1; 16]),
            signature: Signature::new_bls(vec![9; 2]),
        };
        let bytes = wire::to_cbor(&request);
        assert!(bytes.starts_with(&hex("a2684465616c5555494450")));
        assert!(bytes.ends_with(&hex("695369676e617475726543020909")));
        assert_eq!(
            wire::from_cbor::<DealStatusRequest>(&bytes).unwrap(),
            request
        );

        let answer = DealStatusResponse {
            error: String::new(),
            deal_uuid: request.deal_uuid,
            is_offline: false,
            deal_status: Some(DealStatus {
                error: String::new(),
                status: Checkpoint::Published.name().to_owned(),
                proposal: proposal().proposal,
                publish_cid: None,
                chain_deal_id: 0,
                sealing_status: "WaitDeals".to_owned(),
                signed_proposal_cid: proposal_cid(&proposal()),
            }),
            transfer_size: 1901,
            bytes_received: 1901,
        };
        let bytes = wire::to_cbor(&answer);
        assert_eq!(bytes[0], 0xa6);
        let keys = [
            "Error",
            "DealUUID",
            "IsOffline",
            "DealStatus",
            "TransferSize",
            "NBytesReceived",
        ];
        assert!(keys.iter().map(|key| position(&bytes, key)).is_sorted());
        assert_eq!(
            wire::from_cbor::<DealStatusResponse>(&bytes).unwrap(),
            answer
        );
    }

    #[test]
    fn knows_its_checkpoints_by_name() {
        for checkpoint in Checkpoint::ALL {
            assert_eq!(Checkpoint::from_name(checkpoint.name()), Some(checkpoint));
        }
        assert_eq!(Checkpoint::from_name("accepted"), None);
    }
}

mod states {
    use super::*;

    #[test]
    fn have_lotus_numbers() {
        let known = [
            (0, "StorageDealUnknown"),
            (7, "StorageDealActive"),
            (13, "StorageDealCheckForAcceptance"),
            (26, "StorageDealError"),
            (29, "StorageDealAwaitingPreCommit"),
            (30, "StorageDealTransferQueued"),
        ];
        for (number, name) in known {
            let state = StorageDealStatus::from_number(number).unwrap();
            assert_eq!((state.number(), state.name()), (number, name));
        }
        assert_eq!(StorageDealStatus::ALL.len(), 31);
        assert_eq!(StorageDealStatus::from_number(31), None);
    }
}
