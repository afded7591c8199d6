//! The serving side of chain exchange, asked with the recorded requests and with bad ones.

use std::sync::Arc;

use lotus_net::{EXCHANGE_PROTOCOL, ReadLimits, Request, Response, Status};
use lotus_types::wire;

use crate::{
    hosts::{Node, RecordedChain, SOON, config, full, node, plain},
    recordings,
};

const LIMITS: ReadLimits = ReadLimits::new(16 << 20, SOON);

async fn ask(peer: &Node, us: &Node, request: &[u8]) -> Vec<u8> {
    let mut stream = peer.net.open(us.net.id(), EXCHANGE_PROTOCOL).await.unwrap();
    stream.write(request, SOON).await.unwrap();
    stream.read_cbor(LIMITS).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_request_gets_the_recorded_answer() {
    let (us, peer) = (full(), plain());
    peer.meet(&us).await;
    let mut asked = 0;
    for r in recordings::all()
        .iter()
        .filter(|r| r.protocol == EXCHANGE_PROTOCOL)
    {
        let answer = ask(&peer, &us, &r.sent).await;
        if r.note == "unknown head" {
            // The words differ, the code does not.
            let [ours, lotus] =
                [&answer, &r.received].map(|b| wire::from_cbor::<Response>(b).unwrap());
            assert_eq!((ours.status, ours.chain.len()), (lotus.status, 0));
            assert!(
                ours.message.starts_with("failed loading tipset {bafy"),
                "{}",
                ours.message
            );
        } else {
            assert!(answer == r.received, "{}", r.note);
        }
        asked += 1;
    }
    assert_eq!(asked, 9);
    assert_eq!(
        (
            us.metrics.exchange_served.get(),
            us.metrics.exchange_refused.get()
        ),
        (5, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_leaves_the_known_chain_ends_there_and_says_so() {
    let (us, peer) = (full(), plain());
    peer.meet(&us).await;
    let head = RecordedChain::load().head.key.cids().to_vec().into();
    let request = wire::to_cbor(&Request {
        head,
        length: 900,
        options: 1,
    });
    let answer: Response = wire::from_cbor(&ask(&peer, &us, &request).await).unwrap();
    assert_eq!(
        (Status::of(answer.status), answer.chain.len()),
        (Status::Partial, 20)
    );
}

mod a_bad_request {
    use super::*;

    async fn status(request: &Request) -> (Status, String) {
        let (us, peer) = (full(), plain());
        peer.meet(&us).await;
        let answer = ask(&peer, &us, &wire::to_cbor(request)).await;
        let answer: Response = wire::from_cbor(&answer).unwrap();
        assert!(answer.chain.is_empty());
        (Status::of(answer.status), answer.message)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn for_a_chain_of_any_length_is_refused() {
        let head = RecordedChain::load().head.key.cids().to_vec();
        for length in [901, u64::MAX / 2 + 1, u64::MAX] {
            let request = Request {
                head: head.clone().into(),
                length,
                options: 3,
            };
            let (status, why) = status(&request).await;
            assert_eq!(status, Status::BadRequest);
            assert_eq!(why, "request length over maximum allowed (900)");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn for_no_tipset_is_refused() {
        let request = Request {
            head: vec![].into(),
            length: 1,
            options: 1,
        };
        let (status, why) = status(&request).await;
        assert_eq!(
            (status, why.as_str()),
            (Status::BadRequest, "no cids in request")
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_megabytes_ends_the_stream() {
        let (us, peer) = (full(), plain());
        peer.meet(&us).await;
        let genesis = RecordedChain::load().genesis;
        let huge = Request {
            head: vec![genesis; 20_000].into(),
            length: 1,
            options: 1,
        };
        let mut stream = peer.net.open(us.net.id(), EXCHANGE_PROTOCOL).await.unwrap();
        // The other side may hang up before everything is sent.
        let sent = stream.write(&wire::to_cbor(&huge), SOON).await;
        let answer = stream.read_cbor(LIMITS).await;
        assert!(answer.is_err(), "{sent:?} {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_gets_only_so_many_requests_at_once() {
    let mut settings = config();
    settings.exchange.serving_per_peer = 2;
    let us = node(settings, Some(Arc::new(RecordedChain::load())));
    let (greedy, modest) = (plain(), plain());
    greedy.meet(&us).await;
    modest.meet(&us).await;
    let request = recordings::find("1 tipset, headers");
    // Two requests that stay incomplete take the two places.
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = greedy
            .net
            .open(us.net.id(), EXCHANGE_PROTOCOL)
            .await
            .unwrap();
        stream.write(&request.sent[..1], SOON).await.unwrap();
        held.push(stream);
    }
    crate::hosts::eventually("the third request to be refused", async || {
        let mut third = greedy
            .net
            .open(us.net.id(), EXCHANGE_PROTOCOL)
            .await
            .unwrap();
        drop(third.write(&request.sent, SOON).await);
        third.read_cbor(LIMITS).await.is_err()
    })
    .await;
    assert!(us.metrics.streams_dropped.get() >= 1);
    assert_eq!(ask(&modest, &us, &request.sent).await, request.received);
    // The held ones go on.
    for mut stream in held {
        stream.write(&request.sent[1..], SOON).await.unwrap();
        assert_eq!(stream.read_cbor(LIMITS).await.unwrap(), request.received);
    }
}
