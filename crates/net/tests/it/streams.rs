//! Request streams for other crates' protocols, with the recorded market exchanges.

use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use lotus_net::{OpenError, ReadLimits, StreamError};
use lotus_ports::network::PeerId;

use crate::{
    hosts::{SOON, plain},
    recordings,
};

const LIMITS: ReadLimits = ReadLimits::new(64 << 10, SOON);

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_market_exchanges_pass_unchanged() {
    let (client, provider) = (plain(), plain());
    client.meet(&provider).await;
    for note in ["storage ask", "retrieval query"] {
        let r = recordings::find(note);
        let mut incoming = provider.net.register(&r.protocol).unwrap();
        let serve = async {
            let mut stream = incoming.next().await.unwrap();
            assert_eq!(
                (stream.peer(), stream.protocol()),
                (client.net.id(), &*r.protocol)
            );
            assert_eq!(stream.read_cbor(LIMITS).await.unwrap(), r.sent);
            stream.write(&r.received, SOON).await.unwrap();
            stream.finish(SOON).await.unwrap();
        };
        let ask = async {
            let mut stream = client
                .net
                .open(provider.net.id(), &r.protocol)
                .await
                .unwrap();
            stream.write(&r.sent, SOON).await.unwrap();
            assert_eq!(stream.read_cbor(LIMITS).await.unwrap(), r.received);
        };
        tokio::join!(serve, ask);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_values_follow_each_other_on_one_stream() {
    let (a, b) = (plain(), plain());
    a.meet(&b).await;
    let mut incoming = b.net.register("/test/1").unwrap();
    let mut stream = a.net.open(b.net.id(), "/test/1").await.unwrap();
    stream
        .write(
            &[0x01, 0x82, 0x02, 0x03, 0x61, b'x', b'r', b'a', b'w'],
            SOON,
        )
        .await
        .unwrap();
    stream.finish(SOON).await.unwrap();
    let mut got = incoming.next().await.unwrap();
    for expected in [&[0x01][..], &[0x82, 0x02, 0x03], &[0x61, b'x']] {
        assert_eq!(got.read_cbor(LIMITS).await.unwrap(), expected);
    }
    // What comes after the values can be read as plain bytes.
    let mut rest = Vec::new();
    got.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"raw");
    got.write_all(b"bye").await.unwrap();
    got.close().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"bye");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_arrive_together_are_all_served() {
    let (a, b) = (plain(), plain());
    a.meet(&b).await;
    let mut incoming = b.net.register("/test/1").unwrap();
    let opens = (0..40_u8).map(|k| {
        let net = a.net.clone();
        let to = b.net.id().clone();
        async move {
            let mut stream = net.open(&to, "/test/1").await.unwrap();
            stream.write(&[0x18, k + 24], SOON).await.unwrap();
            stream.finish(SOON).await.unwrap();
            stream
        }
    });
    let streams = futures::future::join_all(opens).await;
    let mut seen = Vec::new();
    for _ in 0..streams.len() {
        let mut stream = tokio::time::timeout(SOON, incoming.next())
            .await
            .unwrap()
            .unwrap();
        seen.push(stream.read::<u8>(LIMITS).await.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (24..64).collect::<Vec<_>>());
}

mod a_stream {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn to_a_stranger_is_not_opened() {
        let (a, b) = (plain(), plain());
        let error = a.net.open(b.net.id(), "/test/1").await.unwrap_err();
        assert_eq!(error, OpenError::NotConnected(b.net.id().clone()));
        let nobody = PeerId::from_text("nobody");
        let error = a.net.open(&nobody, "/test/1").await.unwrap_err();
        assert_eq!(error, OpenError::InvalidPeer(nobody));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_an_unknown_protocol_is_refused() {
        let (a, b) = (plain(), plain());
        a.meet(&b).await;
        let error = a.net.open(b.net.id(), "/test/1").await.unwrap_err();
        assert_eq!(error, OpenError::Unsupported("/test/1".to_owned()));
        let error = a.net.open(b.net.id(), "no slash").await.unwrap_err();
        assert_eq!(error, OpenError::InvalidProtocol("no slash".to_owned()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_brings_too_much_or_nothing_fails() {
        let (a, b) = (plain(), plain());
        a.meet(&b).await;
        let mut incoming = b.net.register("/test/1").unwrap();
        for (bytes, expected) in [
            (
                &[0x59, 0x01, 0x00][..],
                "the value is larger than 100 bytes",
            ),
            (
                &[0x82, 0x01],
                "the next part of a value took longer than 200ms",
            ),
            (&[0xff], "not DAG-CBOR at byte 0"),
        ] {
            let mut stream = a.net.open(b.net.id(), "/test/1").await.unwrap();
            stream.write(bytes, SOON).await.unwrap();
            let mut got = incoming.next().await.unwrap();
            let limits = ReadLimits {
                bytes: 100,
                total: SOON,
                stall: Duration::from_millis(200),
            };
            let error = got.read_cbor(limits).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        let mut stream = a.net.open(b.net.id(), "/test/1").await.unwrap();
        stream.finish(SOON).await.unwrap();
        let mut got = incoming.next().await.unwrap();
        assert!(matches!(
            got.read_cbor(LIMITS).await,
            Err(StreamError::Closed(0))
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protocol_has_one_handler_and_is_free_again_when_that_is_gone() {
    let (a, b) = (plain(), plain());
    a.meet(&b).await;
    let first = b.net.register("/test/1").unwrap();
    let error = b.net.register("/test/1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot register protocol \"/test/1\": it has a handler already"
    );
    assert!(b.net.register("no slash").is_err());
    drop(first);
    let _second = b.net.register("/test/1").unwrap();
    a.net.open(b.net.id(), "/test/1").await.unwrap();
}
