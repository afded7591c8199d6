#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use axum::{Router, body::Bytes, http::header, routing::get};
use lotus_types::Address;

use super::*;
use crate::{
    dag_pb::Link,
    gateway::CAR_CONTENT,
    piece::testing::{car, raw},
};

fn order(root: Cid) -> RetrievalOrder {
    RetrievalOrder {
        root,
        piece: None,
        data_selector: None,
        size: 0,
        total: TokenAmount::zero(),
        unseal_price: TokenAmount::zero(),
        payment_interval: 0,
        payment_interval_increase: 0,
        client: Address::new_id(100),
        miner: Address::new_id(1000),
        miner_peer: None,
        remote_store: None,
    }
}

/// A gateway that answers every question with these bytes.
async fn gateway(answer: Vec<u8>) -> String {
    let answer = Bytes::from(answer);
    let serve = move || {
        let answer = answer.clone();
        async move { ([(header::CONTENT_TYPE, CAR_CONTENT)], answer) }
    };
    let app = Router::new().route("/ipfs/{cid}", get(serve));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

struct Client {
    retrievals: Retrievals,
    folder: tempfile::TempDir,
}

fn client() -> Client {
    let folder = tempfile::tempdir().unwrap();
    let limits = RetrieveLimits {
        attempts: 1,
        pause: Duration::from_millis(1),
        ..RetrieveLimits::default()
    };
    let place = folder.path().join("retrievals");
    let (retrievals, task) = Retrievals::start(&place, limits, CancellationToken::new()).unwrap();
    tokio::spawn(task);
    Client { retrievals, folder }
}

fn root_of(block: &[u8]) -> (Cid, Vec<u8>) {
    let (link, data) = raw(block);
    let Link::Block(root) = link.clone() else {
        panic!("a raw block has a CID of its own");
    };
    (root, car(&link, &[(link.clone(), data)]))
}

#[tokio::test]
async fn what_was_retrieved_is_exported_as_the_file_that_it_was() {
    let client = client();
    let (root, car) = root_of(b"good day");
    let url = gateway(car).await;
    let id = client
        .retrievals
        .begin(order(root), "peer".into(), vec![url])
        .unwrap();
    client.retrievals.wait(id).await.unwrap();

    let out = client.folder.path().join("out");
    client.retrievals.export(id, &root, &out, false).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), b"good day");
    let listed = client.retrievals.list();
    assert_eq!(listed[0].status, RetrievalStatus::Completed as u64);
    assert!(listed[0].bytes_received > 8);
    let again = client.retrievals.export(id, &root, &out, false);
    assert!(again.is_err(), "a file that is there is not overwritten");
}

#[tokio::test]
async fn a_second_gateway_is_asked_when_the_first_lies() {
    let client = client();
    let (root, good) = root_of(b"good day");
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    let urls = vec![gateway(bad.clone()).await, gateway(good).await];
    let id = client
        .retrievals
        .begin(order(root), "peer".into(), urls)
        .unwrap();
    client.retrievals.wait(id).await.unwrap();

    let only_bad = vec![gateway(bad).await];
    let id = client
        .retrievals
        .begin(order(root), "peer".into(), only_bad)
        .unwrap();
    let error = client.retrievals.wait(id).await.unwrap_err().to_string();
    assert!(
        error.contains("wrong block") && error.contains(&root.to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn a_retrieval_from_a_gateway_that_never_answers_can_be_given_up() {
    let client = client();
    // Connections are taken by the system; nobody answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (root, _) = root_of(b"good day");
    let id = client
        .retrievals
        .begin(order(root), "peer".into(), vec![url])
        .unwrap();
    assert!(matches!(
        client
            .retrievals
            .export(id, &root, &client.folder.path().join("out"), false),
        Err(RetrievalError::Ongoing(_))
    ));
    client.retrievals.cancel(id).unwrap();
    let error = client.retrievals.wait(id).await.unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
}

#[tokio::test]
async fn providers_without_gateway_and_unknown_numbers_are_named() {
    let client = client();
    let (root, _) = root_of(b"good day");
    let error = client
        .retrievals
        .begin(order(root), "peer".into(), vec![])
        .unwrap_err();
    assert!(error.to_string().contains("01000"), "{error}");
    let error = client.retrievals.wait(77).await.unwrap_err();
    assert!(error.to_string().contains("77"), "{error}");
}
