//! Hello between hosts, and with peers that are not well-behaved.

use std::{sync::Arc, time::Duration};

use lotus_net::{HELLO_PROTOCOL, HelloMessage, LatencyMessage, ReadLimits};
use lotus_ports::network::PeerHeads as _;
use lotus_types::Cid;

use crate::{
    hosts::{RecordedChain, SOON, config, eventually, full, node, plain},
    recordings,
};

const LIMITS: ReadLimits = ReadLimits::new(1 << 20, SOON);

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_tell_each_other_their_heads() {
    let (a, b) = (full(), full());
    let (mut from_b, mut from_a) = (a.net.heads(), b.net.heads());
    a.net.connect(&b.address().await).await.unwrap();
    let expected = RecordedChain::load().head;
    for (inbox, sender) in [(&mut from_b, &b), (&mut from_a, &a)] {
        let told = tokio::time::timeout(SOON, inbox.next())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&told.peer, sender.net.id());
        assert_eq!(told.head, expected);
    }
    assert_eq!((a.metrics.hellos.get(), b.metrics.hellos.get()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_said_are_those_that_lotus_says() {
    let (us, peer) = (full(), plain());
    let mut hellos = peer.net.register(HELLO_PROTOCOL).unwrap();
    us.net.connect(&peer.address().await).await.unwrap();
    let mut stream = tokio::time::timeout(SOON, hellos.next())
        .await
        .unwrap()
        .unwrap();
    let said = stream.read_cbor(LIMITS).await.unwrap();
    assert_eq!(
        said,
        recordings::find("what the daemon sends when we connect").received
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_hello_is_answered_with_clock_readings() {
    let (us, peer) = (full(), plain());
    let mut heads = us.net.heads();
    peer.meet(&us).await;
    let recorded =
        recordings::find("hello with the genesis as our head; the answer is a LatencyMessage");
    let mut stream = peer.net.open(us.net.id(), HELLO_PROTOCOL).await.unwrap();
    // The sender keeps its side open, as Lotus does.
    stream.write(&recorded.sent, SOON).await.unwrap();
    let answer: LatencyMessage = stream.read(LIMITS).await.unwrap();
    assert!(answer.arrived > 1_600_000_000_000_000_000 && answer.sent >= answer.arrived);
    let told = tokio::time::timeout(SOON, heads.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((told.head.height, told.head.key.cids().len()), (0, 1));
    assert_eq!(
        told.head.key.cids().first(),
        Some(&RecordedChain::load().genesis)
    );
}

mod a_peer_of_another_network {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn is_disconnected() {
        let us = full();
        let mut other_chain = RecordedChain::load();
        other_chain.genesis = Cid::of_block(b"another genesis");
        let other = node(config(), Some(Arc::new(other_chain)));
        let mut heads = us.net.heads();
        us.net.connect(&other.address().await).await.unwrap();
        eventually("the connection to end", async || {
            !us.is_connected(&other).await && !other.is_connected(&us).await
        })
        .await;
        assert!(us.metrics.wrong_genesis.get() + other.metrics.wrong_genesis.get() >= 1);
        // Its head was not believed.
        let told = tokio::time::timeout(Duration::from_millis(100), heads.next()).await;
        assert!(told.is_err());
    }
}

mod a_bad_hello {
    use super::*;

    async fn ends_without_answer(bytes: &[u8]) {
        let (us, peer) = (full(), plain());
        peer.meet(&us).await;
        let mut stream = peer.net.open(us.net.id(), HELLO_PROTOCOL).await.unwrap();
        stream.write(bytes, SOON).await.unwrap();
        let answer = stream.read_cbor(LIMITS).await;
        assert!(answer.is_err(), "{answer:?}");
        assert_eq!(us.metrics.hellos.get(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_is_no_hello_is_not_answered() {
        ends_without_answer(&[0x83, 0x01, 0x02, 0x03]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_declares_a_huge_list_is_not_waited_for() {
        ends_without_answer(&[0x84, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_more_blocks_than_a_tipset_has_is_refused() {
        let hello = HelloMessage {
            heaviest_tipset: vec![RecordedChain::load().genesis; 500].into(),
            ..recorded()
        };
        ends_without_answer(&lotus_types::wire::to_cbor(&hello)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_never_comes_is_not_waited_for_long() {
        let mut settings = config();
        settings.hello_timeout = Duration::from_millis(300);
        let us = node(settings, Some(Arc::new(RecordedChain::load())));
        let peer = plain();
        peer.meet(&us).await;
        let mut stream = peer.net.open(us.net.id(), HELLO_PROTOCOL).await.unwrap();
        stream.write(&[0x84, 0x81], SOON).await.unwrap();
        assert!(stream.read_cbor(LIMITS).await.is_err());
    }

    fn recorded() -> HelloMessage {
        let bytes = recordings::find("what the daemon sends when we connect").received;
        lotus_types::wire::from_cbor(&bytes).unwrap()
    }
}
