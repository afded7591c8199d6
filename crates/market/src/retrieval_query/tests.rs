#![allow(clippy::unwrap_used, reason = "tests")]

use lotus_types::wire;
use serde_json::Value;

use super::*;
use crate::piece::testing::{car, pattern, raw};

/// Request and answer as a Go client and a Go provider exchanged them.
fn recorded() -> (Vec<u8>, Vec<u8>) {
    let text = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/wire/libp2p.json"
    ));
    let streams: Vec<Value> = serde_json::from_str(text).unwrap();
    let query = streams.iter().find(|s| s["protocol"] == QUERY_PROTOCOL);
    let query = query.unwrap();
    let bytes = |field: &str| {
        let hex = query[field].as_str().unwrap();
        let digits: Vec<_> = hex.chars().map(|c| c.to_digit(16).unwrap()).collect();
        let pairs = digits.chunks(2);
        pairs
            .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
            .collect()
    };
    (bytes("sent_hex"), bytes("received_hex"))
}

fn index() -> (tempfile::TempDir, PieceIndex) {
    let folder = tempfile::tempdir().unwrap();
    let index = PieceIndex::open(&folder.path().join("index")).unwrap();
    (folder, index)
}

fn request(root: Cid, piece_cid: Option<Cid>) -> QueryRequest {
    QueryRequest {
        payload_cid: root,
        query_params: QueryParams { piece_cid },
    }
}

#[test]
fn both_messages_are_those_of_lotus() {
    let (sent, received) = recorded();
    let request: QueryRequest = wire::from_cbor(&sent).unwrap();
    assert_eq!(request.query_params, QueryParams::default());
    assert_eq!(wire::to_cbor(&request), sent);
    let response: QueryResponse = wire::from_cbor(&received).unwrap();
    assert_eq!(response.size, 2032);
    assert_eq!(response.payment_address, Address::new_id(100));
    assert_eq!(wire::to_cbor(&response), received);
}

#[test]
fn the_answer_about_a_stored_file_is_that_of_lotus() {
    let (folder, index) = index();
    // The recorded file had as many bytes; its CID is another one.
    let block = raw(&pattern(1800));
    let root = block.0.cid().unwrap();
    let data = car(&block.0, std::slice::from_ref(&block));
    index.index(&Cid::of_raw(b"piece"), &data[..]).unwrap();
    let given = answer(&index, Address::new_id(100), &request(root, None));
    assert_eq!(wire::to_cbor(&given), recorded().1);
    drop(folder);
}

#[test]
fn data_are_looked_for_in_the_piece_that_is_named() {
    let (_folder, index) = index();
    let block = raw(b"block");
    let root = block.0.cid().unwrap();
    let data = car(&block.0, std::slice::from_ref(&block));
    let piece = Cid::of_raw(b"piece");
    index.index(&piece, &data[..]).unwrap();
    let status = |piece| answer(&index, Address::new_id(100), &request(root, piece)).status;
    assert_eq!(status(Some(piece)), QueryResponse::AVAILABLE);
    assert_eq!(status(Some(root)), QueryResponse::UNAVAILABLE);
}

#[test]
fn an_offer_says_what_the_provider_said() {
    let (_, received) = recorded();
    let response: QueryResponse = wire::from_cbor(&received).unwrap();
    let (miner, root) = (Address::new_id(1000), Cid::of_raw(b"root"));
    let made = offer(response.clone(), miner, PeerId::default(), root, None);
    assert_eq!(
        (made.err.as_str(), made.size, made.miner),
        ("", 2032, Address::new_id(100))
    );
    assert_eq!(made.min_price, TokenAmount::default());
    assert_eq!(made.miner_peer.address, miner);
    let gone = QueryResponse {
        status: QueryResponse::UNAVAILABLE,
        message: "gone".to_owned(),
        ..response.clone()
    };
    let made = offer(gone, miner, PeerId::default(), root, None);
    assert_eq!(made.err, "retrieval query offer was unavailable: gone");
    let dear = QueryResponse {
        min_price_per_byte: TokenAmount::from_atto(3),
        ..response
    };
    let made = offer(dear, miner, PeerId::default(), root, None);
    assert_eq!(made.min_price, TokenAmount::from_atto(6096));
}
