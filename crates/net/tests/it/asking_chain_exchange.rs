//! The asking side of chain exchange: good answers, and peers that answer badly or not at all.

use std::time::{Duration, Instant};

use lotus_net::{
    CompactedMessages, EXCHANGE_PROTOCOL, ReadLimits, Request, Response, Status, WireTipset,
};
use lotus_ports::network::{
    BlockMessages, ChainExchange as _, ExchangeError, FetchFrom, FetchedTipset,
};
use lotus_types::{BlockHeader, Message, SignedMessage, Tipset, TipsetKey, wire};

use crate::{
    hosts::{Node, RecordedChain, SOON, config, full, node, plain},
    recordings,
};

type Fetched = Result<Vec<FetchedTipset>, ExchangeError>;

/// A host that answers the one request it gets with these bytes.
async fn answering(bytes: Vec<u8>) -> Node {
    let peer = plain();
    let mut requests = peer.net.register(EXCHANGE_PROTOCOL).unwrap();
    tokio::spawn(async move {
        while let Some(mut stream) = requests.next().await {
            let limits = ReadLimits::new(1 << 20, SOON);
            if stream.read::<Request>(limits).await.is_ok() {
                drop(stream.write(&bytes, SOON).await);
                drop(stream.finish(SOON).await);
            }
        }
    });
    peer
}

/// Asks a host that answers with these bytes for `length` recorded tipsets.
async fn fetch_from(bytes: Vec<u8>, length: u64, with_messages: bool) -> Fetched {
    let (us, peer) = (plain(), answering(bytes).await);
    us.meet(&peer).await;
    let head = RecordedChain::load().head.key;
    us.net
        .fetch(
            FetchFrom::Peer(peer.net.id().clone()),
            &head,
            length,
            with_messages,
        )
        .await
}

fn recorded(note: &str) -> Response {
    wire::from_cbor(&recordings::find(note).received).unwrap()
}

fn reason(fetched: Fetched) -> String {
    match fetched {
        Err(ExchangeError::AllFailed(tried)) => {
            assert_eq!(tried.len(), 1);
            tried.into_iter().map(|(_, why)| why).collect()
        }
        other => panic!("expected a failure of the peer, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_answers_are_linked_tipsets() {
    for (note, length, with_messages) in [
        ("1 tipset, headers", 1, false),
        ("20 tipsets, headers and messages", 20, true),
    ] {
        let bytes = recordings::find(note).received;
        let fetched = fetch_from(bytes, length, with_messages).await.unwrap();
        assert_eq!(fetched.len() as u64, length);
        let mut expected = RecordedChain::load().head.key;
        for tipset in fetched {
            assert_eq!(tipset.tipset.key(), &expected);
            assert_eq!(
                tipset.messages,
                with_messages.then(|| vec![BlockMessages::default()])
            );
            expected = tipset.tipset.parents().clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_fetches_from_another_one() {
    let (us, peer) = (full(), full());
    us.meet(&peer).await;
    let head = RecordedChain::load().head.key;
    let fetched = us
        .net
        .fetch(FetchFrom::Best, &head, 900, true)
        .await
        .unwrap();
    assert_eq!(fetched.len(), 20);
    let tipsets: Vec<Tipset> = fetched.into_iter().map(|t| t.tipset).collect();
    let messages = us
        .net
        .fetch_messages(FetchFrom::Best, &tipsets)
        .await
        .unwrap();
    assert_eq!(messages, vec![vec![BlockMessages::default()]; 20]);
    assert_eq!(us.metrics.exchange_fetched.get(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_each_block_come_out_as_they_went_in() {
    let mut response = recorded("1 tipset, headers");
    let (bls, secpk) = (some_messages(), recorded_message());
    let blocks = vec![BlockMessages {
        bls: bls.clone(),
        secpk: vec![secpk.clone(), secpk],
    }];
    let compacted = CompactedMessages::of(&blocks);
    assert_eq!((compacted.bls.len(), compacted.secpk.len()), (3, 1));
    set_messages(&mut response, Some(compacted));
    let fetched = fetch_from(wire::to_cbor(&response), 1, true).await.unwrap();
    assert_eq!(fetched.first().unwrap().messages, Some(blocks));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_peer_fails_another_is_asked() {
    let us = plain();
    let bad = answering(wire::to_cbor(&Request {
        head: vec![].into(),
        length: 0,
        options: 0,
    }));
    let (bad, good) = (bad.await, full());
    us.meet(&bad).await;
    us.meet(&good).await;
    let head = RecordedChain::load().head.key;
    for _ in 0..4 {
        assert_eq!(
            us.net
                .fetch(FetchFrom::Best, &head, 5, false)
                .await
                .unwrap()
                .len(),
            5
        );
    }
    // The bad one is not asked again once it has failed.
    assert!(us.metrics.exchange_failed.get() <= 1);
}

mod an_impossible_question {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn is_not_sent() {
        let us = plain();
        let head = RecordedChain::load().head.key;
        for length in [0, 901, u64::MAX] {
            let error = us
                .net
                .fetch(FetchFrom::Best, &head, length, false)
                .await
                .unwrap_err();
            assert!(matches!(error, ExchangeError::InvalidRequest(_)), "{error}");
        }
        let nothing = TipsetKey::default();
        let error = us
            .net
            .fetch(FetchFrom::Best, &nothing, 1, false)
            .await
            .unwrap_err();
        assert!(matches!(error, ExchangeError::InvalidRequest(_)), "{error}");
        let error = us
            .net
            .fetch_messages(FetchFrom::Best, &[])
            .await
            .unwrap_err();
        assert!(matches!(error, ExchangeError::InvalidRequest(_)), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_peers_says_so() {
        let (us, speechless) = (plain(), plain());
        us.meet(&speechless).await;
        let head = RecordedChain::load().head.key;
        let error = us
            .net
            .fetch(FetchFrom::Best, &head, 1, false)
            .await
            .unwrap_err();
        assert!(matches!(error, ExchangeError::NoPeers), "{error}");
        let asked = FetchFrom::Peer(speechless.net.id().clone());
        let why = reason(us.net.fetch(asked, &head, 1, false).await);
        assert_eq!(why, "the peer does not speak /fil/chain/xchg/0.0.1");
    }
}

mod a_bad_answer {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn with_message_indices_out_of_range_is_refused() {
        // 2^63 becomes negative as a signed integer: that crashed Lotus (Trail of Bits, 2024).
        for index in [3, 1 << 63, u64::MAX, u64::from(u32::MAX) + 1] {
            for in_bls in [true, false] {
                let mut response = recorded("1 tipset, headers");
                let mut compacted = CompactedMessages::of(&[BlockMessages {
                    bls: some_messages(),
                    secpk: vec![recorded_message()],
                }]);
                let wild = vec![vec![0, index].into()].into();
                if in_bls {
                    compacted.bls_includes = wild;
                } else {
                    compacted.secpk_includes = wild;
                }
                set_messages(&mut response, Some(compacted));
                let why = reason(fetch_from(wire::to_cbor(&response), 1, true).await);
                assert!(
                    why.contains(&format!("message index {index} is out of range")),
                    "{why}"
                );
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn with_messages_of_other_blocks_is_refused() {
        let mut response = recorded("1 tipset, headers");
        let two = CompactedMessages::of(&[BlockMessages::default(), BlockMessages::default()]);
        set_messages(&mut response, Some(two));
        let why = reason(fetch_from(wire::to_cbor(&response), 1, true).await);
        assert!(
            why.contains("lists messages of 2 blocks, it has 1"),
            "{why}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_the_messages_is_refused() {
        let bytes = recordings::find("5 tipsets, headers").received;
        let why = reason(fetch_from(bytes, 5, true).await);
        assert!(why.contains("without messages"), "{why}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_another_chain_is_refused() {
        let mut response = recorded("5 tipsets, headers");
        let mut chain = response.chain.to_vec();
        chain.swap(2, 3);
        response.chain = chain.into();
        let why = reason(fetch_from(wire::to_cbor(&response), 5, false).await);
        assert!(why.contains("tipset 2 of the answer is {"), "{why}");

        let genesis = recordings::find("900 tipsets, more than there are").received;
        let why = reason(fetch_from(genesis, 5, false).await);
        assert!(why.contains("tipset 0 of the answer is {"), "{why}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn with_one_altered_header_is_refused() {
        let mut response = recorded("5 tipsets, headers");
        let mut chain = response.chain.to_vec();
        let mut blocks = chain[1].blocks.to_vec();
        blocks[0].timestamp += 1;
        chain[1].blocks = blocks.into();
        response.chain = chain.into();
        let why = reason(fetch_from(wire::to_cbor(&response), 5, false).await);
        assert!(why.contains("tipset 1 of the answer is {"), "{why}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn with_the_wrong_number_of_tipsets_is_refused() {
        let bytes = recordings::find("5 tipsets, headers").received;
        let why = reason(fetch_from(bytes.clone(), 4, false).await);
        assert!(why.contains("5 tipsets for a request of 4"), "{why}");
        // Fewer are fine only with the status that says so.
        let why = reason(fetch_from(bytes, 6, false).await);
        assert!(why.contains("5 tipsets for a request of 6"), "{why}");
        let partial = Response {
            status: 101,
            ..recorded("5 tipsets, headers")
        };
        assert_eq!(
            fetch_from(wire::to_cbor(&partial), 6, false)
                .await
                .unwrap()
                .len(),
            5
        );
        let empty = Response {
            chain: vec![].into(),
            ..partial
        };
        let why = reason(fetch_from(wire::to_cbor(&empty), 6, false).await);
        assert!(why.contains("no tipset"), "{why}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_is_a_refusal_is_passed_on_as_one() {
        let bytes = recordings::find("length 901").received;
        let why = reason(fetch_from(bytes, 5, false).await);
        assert!(
            why.contains("status 204: request length over maximum allowed (900)"),
            "{why}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_is_no_tipset_is_refused() {
        let mut response = recorded("1 tipset, headers");
        let block = response
            .chain
            .first()
            .unwrap()
            .blocks
            .first()
            .unwrap()
            .clone();
        let cases: [(Vec<BlockHeader>, &str); 3] = [
            (vec![], "at least one block"),
            (vec![block.clone(), block.clone()], "comes twice"),
            (
                vec![BlockHeader {
                    ticket: None,
                    ..block
                }],
                "has no ticket",
            ),
        ];
        for (blocks, expected) in cases {
            let tipset = WireTipset {
                blocks: blocks.into(),
                messages: None,
            };
            response.chain = vec![tipset].into();
            let why = reason(fetch_from(wire::to_cbor(&response), 1, false).await);
            assert!(why.contains(expected), "{why}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn cut_short_is_refused() {
        let mut bytes = recordings::find("5 tipsets, headers").received;
        bytes.truncate(bytes.len() - 1);
        let why = reason(fetch_from(bytes, 5, false).await);
        assert!(why.contains("closed the stream"), "{why}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn in_another_encoding_is_refused() {
        // The status 0 in two bytes.
        let mut bytes = recordings::find("1 tipset, headers").received;
        assert_eq!(bytes.remove(1), 0);
        bytes.splice(1..1, [0x18, 0x00]);
        let why = reason(fetch_from(bytes, 1, false).await);
        assert!(why.contains("not DAG-CBOR at byte 1"), "{why}");
    }
}

mod an_answer_too_large {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn by_its_own_words_is_refused_at_once() {
        // A refusal whose text has 4 GiB.
        let started = Instant::now();
        let why = reason(fetch_from(vec![0x83, 0, 0x7a, 0xff, 0xff, 0xff, 0xff], 1, false).await);
        assert!(why.contains("larger than"), "{why}");
        assert!(started.elapsed() < SOON);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn for_the_configured_limit_is_refused() {
        let bytes = recordings::find("20 tipsets, headers and messages").received;
        let mut settings = config();
        settings.exchange.max_response = bytes.len() - 1;
        let limit = settings.exchange.max_response;
        let (us, peer) = (node(settings, None), answering(bytes).await);
        us.meet(&peer).await;
        let from = FetchFrom::Peer(peer.net.id().clone());
        let head = RecordedChain::load().head.key;
        let why = reason(us.net.fetch(from, &head, 20, true).await);
        assert_eq!(why, format!("the value is larger than {limit} bytes"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn in_the_number_of_its_parts_is_refused() {
        // A thousand empty tipsets: three bytes each on the wire.
        let mut bytes = vec![0x83, 0x00, 0x60, 0x99, 0x03, 0xe8];
        bytes.extend([0x82, 0x80, 0xf6].repeat(1000));
        let why = reason(fetch_from(bytes, 900, false).await);
        assert!(why.contains("at most 900 items"), "{why}");
    }
}

mod a_peer_that_does_not_answer {
    use super::*;

    async fn asked(settings: lotus_net::NetConfig, bytes: Option<u8>) -> (String, Duration) {
        let (us, peer) = (node(settings, None), plain());
        let mut requests = peer.net.register(EXCHANGE_PROTOCOL).unwrap();
        tokio::spawn(async move {
            let mut stream = requests.next().await.unwrap();
            while let Some(byte) = bytes {
                if stream.write(&[byte], SOON).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            std::future::pending::<()>().await;
        });
        us.meet(&peer).await;
        let head = RecordedChain::load().head.key;
        let started = Instant::now();
        let from = FetchFrom::Peer(peer.net.id().clone());
        let why = reason(us.net.fetch(from, &head, 1, false).await);
        (why, started.elapsed())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn is_given_up_after_the_longest_silence() {
        let mut settings = config();
        settings.exchange.stall_timeout = Duration::from_millis(300);
        let (why, took) = asked(settings, None).await;
        assert!(why.contains("took longer than 300ms"), "{why}");
        assert!(took < SOON);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn but_drips_bytes_is_given_up_after_the_longest_request() {
        let mut settings = config();
        settings.exchange.request_timeout = Duration::from_millis(700);
        // A list in a list in a list…
        let (why, took) = asked(settings, Some(0x81)).await;
        assert!(why.contains("took longer than 700ms"), "{why}");
        assert!(took < SOON);
    }
}

fn set_messages(response: &mut Response, messages: Option<CompactedMessages>) {
    assert_eq!(Status::of(response.status), Status::Ok);
    let mut chain = response.chain.to_vec();
    chain[0].messages = messages;
    response.chain = chain.into();
}

fn recorded_message() -> SignedMessage {
    let all = recordings::all();
    let message = all
        .iter()
        .find(|r| r.protocol.starts_with("/fil/msgs/"))
        .unwrap();
    wire::from_cbor(&message.received).unwrap()
}

fn some_messages() -> Vec<Message> {
    let message = recorded_message().message;
    (0..3)
        .map(|nonce| Message {
            nonce,
            ..message.clone()
        })
        .collect()
}
