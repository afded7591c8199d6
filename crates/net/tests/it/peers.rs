//! Connecting, disconnecting, blocking, listing: what `lotus net` does.

use std::time::Duration;

use lotus_net::{ConnectError, HostKey, Metrics, NetConfig, NetService, StartError};
use lotus_ports::network::PeerId;
use tokio_util::sync::CancellationToken;

use crate::{
    hosts::{SOON, config, eventually, full, node, plain},
    recordings,
};

#[tokio::test(flavor = "multi_thread")]
async fn connected_peers_know_about_each_other() {
    let (a, b) = (plain(), full());
    a.meet(&b).await;
    let seen = a.net.peers().await.unwrap();
    let [peer] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!((&peer.id, peer.agent.as_str()), (b.net.id(), "lotus-test"));
    assert!(peer.outgoing && !peer.protected);
    assert_eq!(peer.addresses, b.net.listening());
    assert_eq!(
        a.net.find_peer(b.net.id()).await.unwrap(),
        b.net.listening()
    );
    let seen = b.net.peers().await.unwrap();
    assert!(!seen.first().unwrap().outgoing);
    assert_eq!((a.metrics.peers.get(), b.metrics.peers.get()), (1, 1));
    let trip = a.net.ping(b.net.id(), SOON).await.unwrap();
    assert!(trip > Duration::ZERO && trip < SOON);
    eventually("the regular ping", async || {
        a.net
            .peer(b.net.id())
            .await
            .unwrap()
            .is_some_and(|p| p.latency.is_some())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_host_speaks_what_a_recorded_daemon_speaks() {
    let missing = [
        "/floodsub/1.0.0",
        "/chain/ipfs/bitswap",
        "/chain/ipfs/bitswap/1.0.0",
        "/chain/ipfs/bitswap/1.1.0",
        "/chain/ipfs/bitswap/1.2.0",
        "/fil/datatransfer/1.2.0",
        "/ipfs/graphsync/2.0.0",
        "/libp2p/autonat/1.0.0",
    ];
    let (a, b) = (plain(), full());
    a.meet(&b).await;
    let ours = a.net.peer(b.net.id()).await.unwrap().unwrap().protocols;
    let all = recordings::all();
    let note = &all
        .iter()
        .find(|r| r.note.starts_with("daemon speaks"))
        .unwrap()
        .note;
    let theirs: Vec<String> =
        serde_json::from_str(note.trim_start_matches("daemon speaks ")).unwrap();
    let lacking: Vec<_> = theirs.iter().filter(|p| !ours.contains(p)).collect();
    assert!(
        lacking.iter().all(|p| missing.contains(&p.as_str())),
        "{lacking:?} of {ours:?}"
    );
    assert_eq!(
        lacking.len(),
        missing.len(),
        "the list of missing protocols is out of date"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_is_looked_up() {
    let (a, b) = (plain(), plain());
    let address = b
        .address()
        .await
        .replace("/ip4/127.0.0.1", "/dns4/localhost");
    a.net.connect(&address).await.unwrap();
    assert!(a.is_connected(&b).await);
}

mod a_connection_that_cannot_be {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn over_an_unsupported_transport_says_so() {
        let a = plain();
        let error = a
            .net
            .connect(&format!("/ip4/127.0.0.1/udp/1/quic-v1/p2p/{}", key()))
            .await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("/udp/1/quic-v1") && error.contains("not supported"),
            "{error}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn says_which_address_failed_and_why() {
        let (a, b) = (plain(), plain());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let address = format!("/ip4/127.0.0.1/tcp/{port}/p2p/{}", b.net.id());
        let error = a.net.connect(&address).await.unwrap_err();
        let ConnectError::Unreachable(attempts) = &error else {
            panic!("{error:?}")
        };
        let (failed, why) = attempts.first().unwrap();
        assert!(failed.contains(&format!("/tcp/{port}")), "{failed}");
        assert!(why.contains("refused"), "{why}");
        assert_eq!(a.metrics.dial_failures.get(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn to_somebody_else_is_refused() {
        let (a, b) = (plain(), plain());
        let other = HostKey::generate().peer_id();
        let address = b
            .address()
            .await
            .replace(b.net.id().as_str(), other.as_str());
        let error = a.net.connect(&address).await.unwrap_err();
        let ConnectError::WrongPeer { obtained, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(obtained, b.net.id());
        assert!(!a.is_connected(&b).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn is_given_up_in_time() {
        let mut settings = config();
        settings.connections.dial_timeout = Duration::from_millis(300);
        let a = node(settings, None);
        // A listener that never says anything.
        let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!(
            "/ip4/127.0.0.1/tcp/{}/p2p/{}",
            mute.local_addr().unwrap().port(),
            key()
        );
        let error = tokio::time::timeout(SOON, a.net.connect(&address))
            .await
            .unwrap()
            .unwrap_err();
        assert!(
            error.to_string().to_lowercase().contains("timeout"),
            "{error}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn to_oneself_or_nowhere_is_refused() {
        let a = plain();
        let error = a.net.connect(&a.address().await).await.unwrap_err();
        assert!(matches!(error, ConnectError::Myself(_)), "{error}");
        let stranger = key();
        let error = a.net.connect(stranger.as_str()).await.unwrap_err();
        assert_eq!(error, ConnectError::NoAddress(stranger));
        let error = a.net.connect("/ip4/1.2.3.4/tcp/1").await.unwrap_err();
        assert!(
            matches!(error, ConnectError::InvalidAddress { .. }),
            "{error}"
        );
    }

    fn key() -> PeerId {
        HostKey::generate().peer_id()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_peer_can_be_reached_again_by_its_id() {
    let (a, b) = (plain(), plain());
    a.meet(&b).await;
    assert!(a.net.disconnect(b.net.id()).await.unwrap());
    eventually("the end", async || {
        !a.is_connected(&b).await && !b.is_connected(&a).await
    })
    .await;
    assert!(!a.net.disconnect(b.net.id()).await.unwrap());
    a.net.connect(b.net.id().as_str()).await.unwrap();
    assert!(a.is_connected(&b).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_peer_is_refused_until_it_is_unblocked() {
    let (a, b) = (plain(), plain());
    a.meet(&b).await;
    assert!(a.net.block(b.net.id()).await.unwrap());
    assert!(!a.net.block(b.net.id()).await.unwrap());
    assert_eq!(a.net.blocked().await.unwrap(), [b.net.id().clone()]);
    eventually("the end", async || !b.is_connected(&a).await).await;
    let error = a.net.connect(&b.address().await).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused(_)), "{error:?}");
    // From the other side the connection is made, and closed at once.
    drop(b.net.connect(&a.address().await).await);
    eventually("the end", async || !b.is_connected(&a).await).await;
    assert!(!a.is_connected(&b).await);
    assert!(a.net.unblock(b.net.id()).await.unwrap());
    a.net.connect(&b.address().await).await.unwrap();
}

mod a_configured_peer {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn is_connected_without_being_asked_and_again_when_it_was_lost() {
        let b = plain();
        let mut settings = config();
        settings.bootstrap = vec![b.address().await];
        settings.connections.redial_min = Duration::from_millis(50);
        let a = node(settings, None);
        eventually("the connection", async || a.is_connected(&b).await).await;
        assert!(a.net.peers().await.unwrap().first().unwrap().protected);
        assert!(b.net.disconnect(a.net.id()).await.unwrap());
        eventually("the end", async || !b.is_connected(&a).await).await;
        eventually("the connection", async || {
            a.is_connected(&b).await && b.is_connected(&a).await
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_comes_up_later_is_found() {
        let key = HostKey::generate();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut settings = config();
        settings.bootstrap = vec![format!("/ip4/127.0.0.1/tcp/{port}/p2p/{}", key.peer_id())];
        settings.connections.redial_min = Duration::from_millis(50);
        let a = node(settings, None);
        eventually("a failure", async || a.metrics.dial_failures.get() >= 2).await;
        let mut settings = config();
        settings.listen = vec![format!("/ip4/127.0.0.1/tcp/{port}")];
        let stop = CancellationToken::new();
        let (_late, task) =
            NetService::start(settings, &key, None, Metrics::default(), stop.clone()).unwrap();
        tokio::spawn(task);
        eventually("the connection", async || {
            !a.net.peers().await.unwrap().is_empty()
        })
        .await;
        stop.cancel();
    }
}

mod starting {
    use super::*;

    fn start(config: NetConfig) -> Result<(), StartError> {
        let key = HostKey::generate();
        let stop = CancellationToken::new();
        NetService::start(config, &key, None, Metrics::default(), stop).map(|_| ())
    }

    #[tokio::test]
    async fn on_a_taken_port_fails_and_names_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut settings = config();
        settings.listen = vec![format!("/ip4/127.0.0.1/tcp/{port}")];
        let error = start(settings).unwrap_err();
        assert!(
            error.to_string().contains(&format!("/tcp/{port}")),
            "{error}"
        );
        assert!(error.to_string().contains("in use"), "{error}");
    }

    #[tokio::test]
    async fn with_an_unusable_address_fails() {
        let mut settings = config();
        settings.listen = vec!["nonsense".to_owned()];
        assert!(matches!(start(settings), Err(StartError::Listen { .. })));
        let mut settings = config();
        settings.bootstrap = vec!["/ip4/127.0.0.1/tcp/1".to_owned()];
        assert!(matches!(start(settings), Err(StartError::Address(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_service_says_so_and_frees_its_peers() {
    let (a, b) = (plain(), plain());
    a.meet(&b).await;
    a.stop.cancel();
    eventually("the other side to notice", async || {
        !b.is_connected(&a).await
    })
    .await;
    eventually("the task to end", async || a.net.peers().await.is_err()).await;
    let error = a.net.connect(&b.address().await).await.unwrap_err();
    assert_eq!(error, ConnectError::Stopped);
    let error = a.net.open(b.net.id(), "/test/1").await.unwrap_err();
    assert_eq!(error, lotus_net::OpenError::Stopped);
}
