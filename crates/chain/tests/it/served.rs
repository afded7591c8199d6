//! What peers get to see.

use lotus_chain::{ChainError, ServedChain};
use lotus_ports::network::ChainSource;
use lotus_types::{Cid, TipsetKey};

use crate::recording::imported;

#[tokio::test]
async fn a_peer_gets_head_headers_and_messages() {
    let (store, imported) = imported("mock-chain-two");
    let error = ServedChain::new(store.clone()).expect_err("no head yet");
    assert!(matches!(error, ChainError::NoHead));
    store.set_head(&imported.head).expect("set");
    let served = ServedChain::new(store).expect("ready");
    assert_eq!(served.genesis(), imported.genesis.cid());
    let head = served.head();
    assert_eq!((&head.key, head.height), (imported.head.key(), 1000));
    assert!(head.weight > *imported.head.parent_weight());
    let headers = served
        .headers(&head.key)
        .await
        .expect("store works")
        .expect("known");
    assert_eq!(headers, imported.head.blocks());
    let messages = served.messages(&headers[0]).await.expect("store works");
    assert!(messages.is_some());
}

#[tokio::test]
async fn a_peer_that_asks_for_something_unknown_gets_nothing() {
    let (store, imported) = imported("real-chain");
    store.set_head(&imported.head).expect("set");
    let served = ServedChain::new(store).expect("ready");
    for key in [
        TipsetKey::default(),
        TipsetKey::new(vec![Cid::of_block(b"x")]),
    ] {
        assert!(served.headers(&key).await.expect("store works").is_none());
    }
    let mut header = imported.head.blocks()[0].clone();
    header.messages = header.parent_state_root;
    assert!(
        served
            .messages(&header)
            .await
            .expect("store works")
            .is_none()
    );
}
