//! Resources in use and the limits on them.

use futures::AsyncReadExt as _;
use lotus_net::OpenError;
use lotus_rpc_api::{
    node::NetApi as _,
    types::net::{NetLimit, NetStat, ScopeStat},
};

use crate::hosts::{Node, SOON, eventually, plain};

async fn limit(node: &Node, scope: &str, change: impl FnOnce(&mut NetLimit)) {
    let mut limit = node.net.net_limit(scope.to_owned()).await.unwrap();
    change(&mut limit);
    let set = node
        .net
        .net_set_limit(scope.to_owned(), limit.clone())
        .await;
    set.unwrap();
    assert_eq!(node.net.net_limit(scope.to_owned()).await.unwrap(), limit);
}

async fn stat(node: &Node, scope: &str) -> NetStat {
    node.net.net_stat(scope.to_owned()).await.unwrap()
}

async fn system(node: &Node) -> ScopeStat {
    stat(node, "system").await.system.unwrap()
}

mod a_limit {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn of_one_inbound_connection_refuses_the_second() {
        let (a, b, c) = (plain(), plain(), plain());
        limit(&a, "system", |l| l.conns_inbound = 1).await;
        b.meet(&a).await;
        assert!(c.net.connect(&a.address().await).await.is_err());
        assert!(!a.is_connected(&c).await && a.is_connected(&b).await);
        // The other way is not limited.
        a.net.connect(&c.address().await).await.unwrap();
        b.net.disconnect(a.net.id()).await.unwrap();
        eventually("room", async || system(&a).await.num_conns_inbound == 0).await;
        b.net.connect(&a.address().await).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_outbound_connections_is_named_to_the_caller_and_binds_no_configured_peer() {
        let (a, b, c) = (plain(), plain(), plain());
        limit(&a, "system", |l| l.conns_outbound = 1).await;
        a.meet(&b).await;
        let error = a.net.connect(&c.address().await).await.unwrap_err();
        let text = "scope system has 1 outbound connections at most";
        assert!(error.to_string().contains(text), "{error}");
        a.net.keep(&c.address().await).await.unwrap();
        eventually("the configured peer", async || a.is_connected(&c).await).await;
        assert!(a.is_connected(&b).await);
        assert_eq!(system(&a).await.num_conns_outbound, 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_a_peers_connections_leaves_other_peers_alone() {
        let (a, b, c) = (plain(), plain(), plain());
        limit(&a, &format!("peer:{}", b.net.id()), |l| l.conns = 0).await;
        let error = a.net.connect(&b.address().await).await.unwrap_err();
        assert!(
            error.to_string().contains("0 connections at most"),
            "{error}"
        );
        a.net.connect(&c.address().await).await.unwrap();
        eventually("nothing left over", async || {
            system(&a).await.num_conns_outbound == 1
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_a_peers_streams_is_told_to_whoever_opens_one() {
        let (a, b) = (plain(), plain());
        let _incoming = b.net.register("/test/1").unwrap();
        a.meet(&b).await;
        let scope = format!("peer:{}", b.net.id());
        limit(&a, &scope, |l| l.streams_outbound = 0).await;
        let error = a.net.open(b.net.id(), "/test/1").await.unwrap_err();
        assert!(
            matches!(&error, OpenError::Failed(why) if why.contains("0 outbound streams at most")),
            "{error}"
        );
        limit(&a, &scope, |l| l.streams_outbound = 512).await;
        a.net.open(b.net.id(), "/test/1").await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_a_protocols_inbound_streams_resets_the_second() {
        let (a, b) = (plain(), plain());
        let mut incoming = b.net.register("/test/1").unwrap();
        a.meet(&b).await;
        limit(&b, "proto:/test/1", |l| l.streams_inbound = 1).await;
        let first = a.net.open(b.net.id(), "/test/1").await.unwrap();
        let taken = incoming.next().await.unwrap();
        // The peer hears of the protocol, and then that it is over.
        if let Ok(mut second) = a.net.open(b.net.id(), "/test/1").await {
            let read = second.read_to_end(&mut Vec::new()).await;
            assert!(!read.is_ok_and(|bytes| bytes > 0));
        }
        assert_eq!(
            stat(&b, "proto:/test/1").await.protocols.values().next(),
            Some(&ScopeStat {
                num_streams_inbound: 1,
                ..ScopeStat::default()
            })
        );
        drop((first, taken));
        eventually("room", async || {
            let stat = stat(&b, "proto:/test/1").await.protocols;
            stat.values().all(|used| used.num_streams_inbound == 0)
        })
        .await;
        let mut third = a.net.open(b.net.id(), "/test/1").await.unwrap();
        third.finish(SOON).await.unwrap();
        assert!(incoming.next().await.is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_cannot_be_kept_is_refused_and_changes_nothing() {
        let a = plain();
        let before = a.net.net_limit("system".to_owned()).await.unwrap();
        let memory = NetLimit {
            memory: 1 << 30,
            conns: 5,
            ..before.clone()
        };
        let error = a.net.net_set_limit("system".to_owned(), memory).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("cannot limit the memory of scope system"),
            "{error}"
        );
        assert_eq!(a.net.net_limit("system".to_owned()).await.unwrap(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_hosts_use_of_each_other_is_the_same() {
    let (a, b) = (plain(), plain());
    let mut incoming = b.net.register("/test/1").unwrap();
    a.meet(&b).await;
    let held = a.net.open(b.net.id(), "/test/1").await.unwrap();
    let taken = incoming.next().await.unwrap();
    let (of_b, of_a) = (b.net.id().to_string(), a.net.id().to_string());
    eventually("all streams to be known on both sides", async || {
        let here = stat(&a, "all")
            .await
            .peers
            .remove(&of_b)
            .unwrap_or_default();
        let there = stat(&b, "all")
            .await
            .peers
            .remove(&of_a)
            .unwrap_or_default();
        here.num_streams_outbound == there.num_streams_inbound
            && here.num_streams_inbound == there.num_streams_outbound
            && (here.num_conns_outbound, there.num_conns_inbound) == (1, 1)
            && (here.num_fd, there.num_fd) == (1, 1)
            && here.num_streams_outbound >= 1
    })
    .await;
    let all = stat(&a, "all").await;
    assert!(all.protocols.contains_key("/test/1"), "{all:?}");
    assert!(
        all.protocols.keys().any(|p| p.starts_with("/meshsub/")),
        "{all:?}"
    );
    drop((held, taken));
    a.net.disconnect(b.net.id()).await.unwrap();
    for node in [&a, &b] {
        eventually("everything to be given back", async || {
            let all = stat(node, "all").await;
            let nothing = Some(ScopeStat::default());
            all.system == nothing && all.transient == nothing && all.peers.is_empty()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_scope_is_refused_by_name() {
    let a = plain();
    for (scope, expected) in [
        ("nonsense", "invalid scope nonsense: "),
        ("peer:nobody", "invalid peer ID: nobody"),
    ] {
        let error = a.net.net_stat(scope.to_owned()).await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        let error = a.net.net_limit(scope.to_owned()).await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    assert!(a.net.net_limit("all".to_owned()).await.is_err());
}
