//! Gossip between hosts: what is accepted travels on, what is not does not.

use std::time::Duration;

use lotus_ports::network::{Gossip as _, Inbox, Incoming, PublishError, Verdict};
use lotus_types::{BlockMessage, Bytes, SignedMessage, wire};

use crate::{
    hosts::{Node, SOON, eventually, plain},
    recordings,
};

/// Three hosts in a row: the first and the last know only the middle one.
async fn row() -> [Node; 3] {
    let nodes = [plain(), plain(), plain()];
    nodes[0].meet(&nodes[1]).await;
    nodes[1].meet(&nodes[2]).await;
    nodes
}

async fn next<T>(inbox: &mut Box<dyn Inbox<Incoming<T>>>) -> Incoming<T> {
    tokio::time::timeout(SOON, inbox.next())
        .await
        .expect("something arrives")
        .unwrap()
}

/// Whether something arrives within a second, ten heartbeats.
async fn silent<T>(inbox: &mut Box<dyn Inbox<Incoming<T>>>) -> bool {
    tokio::time::timeout(Duration::from_secs(1), inbox.next())
        .await
        .is_err()
}

fn message(nonce: u64) -> SignedMessage {
    let mut message = recorded::<SignedMessage>("/fil/msgs/");
    message.message.nonce = nonce;
    message
}

fn recorded<T: serde::Serialize + serde::de::DeserializeOwned>(topic: &str) -> T {
    let all = recordings::all();
    let found = all.iter().find(|r| r.protocol.starts_with(topic)).unwrap();
    wire::from_cbor(&found.received).unwrap()
}

/// Waits until each host knows that the next one listens to the topic.
async fn tuned(nodes: &[&Node], topic: &str) {
    for pair in nodes.windows(2) {
        for (me, you) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            eventually("the subscription", async || {
                let peer = me.net.peer(you.net.id()).await.unwrap().unwrap();
                peer.topics.contains(&format!("/fil/{topic}/testnet"))
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_message_travels_on_and_keeps_its_bytes() {
    let [a, b, c] = row().await;
    let (_own, mut at_b, mut at_c) = (a.net.messages(), b.net.messages(), c.net.messages());
    tuned(&[&a, &b, &c], "msgs").await;
    let sent = message(7);
    a.net.publish_message(&sent).await.unwrap();
    let at_middle = next(&mut at_b).await;
    assert_eq!((&at_middle.value, &at_middle.from), (&sent, a.net.id()));
    at_middle.ticket.judge(Verdict::Accept);
    let at_end = next(&mut at_c).await;
    assert_eq!((&at_end.value, &at_end.from), (&sent, b.net.id()));
    eventually("the count", async || b.metrics.gossip_accepted.get() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_delivers_first_and_stays_in_the_mesh_earns_a_score() {
    use lotus_rpc_api::{node::NetApi as _, types::net::TopicScore};

    let (a, b) = (plain(), plain());
    a.meet(&b).await;
    let (_own, mut at_b) = (a.net.messages(), b.net.messages());
    tuned(&[&a, &b], "msgs").await;
    for nonce in 0..3 {
        a.net.publish_message(&message(nonce)).await.unwrap();
        next(&mut at_b).await.ticket.judge(Verdict::Accept);
    }
    let seen = async |what: &dyn Fn(f64, &TopicScore) -> bool| {
        let scores = b.net.net_pubsub_scores().await.unwrap();
        scores.iter().any(|s| {
            assert_eq!(s.id, a.net.id().as_str());
            let topic = s.score.topics.get("/fil/msgs/testnet");
            topic.is_some_and(|topic| what(s.score.score, topic))
        })
    };
    eventually("the score", async || {
        seen(&|score, topic| {
            let first = topic.first_message_deliveries;
            score > 0.0 && first > 2.5 && first <= 3.0 && topic.time_in_mesh.0 > 0
        })
        .await
    })
    .await;
    a.net.publish_message(&message(3)).await.unwrap();
    next(&mut at_b).await.ticket.judge(Verdict::Reject);
    eventually("the fall", async || {
        seen(&|score, topic| {
            let invalid = topic.invalid_message_deliveries;
            score < 0.0 && invalid > 0.9 && invalid <= 1.0
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_travels_as_a_message_does() {
    let [a, b, c] = row().await;
    let (_own, mut at_b, mut at_c) = (a.net.blocks(), b.net.blocks(), c.net.blocks());
    tuned(&[&a, &b, &c], "blocks").await;
    let block: BlockMessage = recorded("/fil/blocks/");
    a.net.publish_block(&block).await.unwrap();
    let at_middle = next(&mut at_b).await;
    assert_eq!(at_middle.value, block);
    at_middle.ticket.judge(Verdict::Accept);
    assert_eq!(next(&mut at_c).await.value, block);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rejected_ignored_or_dropped_does_not_travel_on() {
    let [a, b, c] = row().await;
    let (_own, mut at_b, mut at_c) = (a.net.messages(), b.net.messages(), c.net.messages());
    tuned(&[&a, &b, &c], "msgs").await;
    for (nonce, verdict) in [
        (1, Some(Verdict::Reject)),
        (2, Some(Verdict::Ignore)),
        (3, None),
    ] {
        a.net.publish_message(&message(nonce)).await.unwrap();
        let incoming = next(&mut at_b).await;
        assert_eq!(incoming.value.message.nonce, nonce);
        match verdict {
            Some(verdict) => incoming.ticket.judge(verdict),
            None => drop(incoming),
        }
    }
    assert!(silent(&mut at_c).await);
    assert_eq!(b.metrics.gossip_rejected.get(), 1);
    assert_eq!(b.metrics.gossip_ignored.get(), 2);
    // The first host has lost trust, the line still works.
    let score = b.net.peer(a.net.id()).await.unwrap().unwrap().score;
    assert!(score.is_some_and(|s| s < 0.0), "{score:?}");
    a.net.publish_message(&message(4)).await.unwrap();
    next(&mut at_b).await.ticket.judge(Verdict::Accept);
    assert_eq!(next(&mut at_c).await.value.message.nonce, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_inbox_ignores_what_comes_next() {
    let mut small = crate::hosts::config();
    small.gossip.message_inbox = 2;
    let (a, b) = (plain(), crate::hosts::node(small, None));
    a.meet(&b).await;
    let (_own, mut at_b) = (a.net.messages(), b.net.messages());
    tuned(&[&a, &b], "msgs").await;
    for nonce in 0..5 {
        a.net.publish_message(&message(nonce)).await.unwrap();
    }
    eventually("the overflow", async || b.metrics.gossip_ignored.get() == 3).await;
    for _ in 0..2 {
        drop(next(&mut at_b).await);
    }
    assert!(silent(&mut at_b).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_too_large_for_gossip_is_not_published() {
    let a = plain();
    let mut large = message(1);
    large.message.params = Bytes::from(vec![0; lotus_net::MAX_GOSSIP_SIZE]);
    let error = a.net.publish_message(&large).await.unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { .. }), "{error}");
    // The largest that fits arrives.
    let b = plain();
    a.meet(&b).await;
    let (_own, mut at_b) = (a.net.messages(), b.net.messages());
    tuned(&[&a, &b], "msgs").await;
    let room = lotus_net::MAX_GOSSIP_SIZE - 512 - 300;
    large.message.params = Bytes::from(vec![0; room]);
    a.net.publish_message(&large).await.unwrap();
    assert_eq!(next(&mut at_b).await.value, large);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_peers_publishing_is_no_error() {
    plain().net.publish_message(&message(1)).await.unwrap();
}
