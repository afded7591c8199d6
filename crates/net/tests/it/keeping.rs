//! Whom a host keeps when there are too many, and whom it does not speak to.

use std::time::Duration;

use lotus_net::NetConfig;
use lotus_rpc_api::{node::NetApi as _, types::net::NetBlockList};

use crate::hosts::{Node, config, eventually, full, node, plain};

/// At most two connections, and one of them is left when there are more.
fn crowded() -> NetConfig {
    let mut settings = config();
    settings.connections.low = 1;
    settings.connections.high = 2;
    settings.connections.grace = Duration::ZERO;
    settings
}

fn id(node: &Node) -> String {
    node.net.id().to_string()
}

async fn connected(node: &Node) -> Vec<String> {
    let peers = node.net.peers().await.unwrap();
    peers.iter().map(|p| p.id.to_string()).collect()
}

mod too_many_connections {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn cost_the_last_to_come_unless_they_are_protected() {
        let (a, b, c, last) = (node(crowded(), None), plain(), plain(), plain());
        a.net.net_protect_add(vec![id(&last)]).await.unwrap();
        a.net.connect(&b.address().await).await.unwrap();
        a.net.connect(&c.address().await).await.unwrap();
        assert_eq!(connected(&a).await.len(), 2);
        a.net.connect(&last.address().await).await.unwrap();
        eventually("the trimming", async || connected(&a).await == [id(&last)]).await;
        assert!(a.net.peers().await.unwrap().first().unwrap().protected);
        eventually("the others to notice", async || {
            !b.is_connected(&a).await && !c.is_connected(&a).await
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn never_cost_a_configured_peer() {
        let (kept, b, c) = (plain(), plain(), plain());
        let mut settings = crowded();
        settings.bootstrap = vec![kept.address().await];
        let a = node(settings, None);
        eventually("the connection", async || a.is_connected(&kept).await).await;
        for other in [&b, &c] {
            a.net.connect(&other.address().await).await.unwrap();
        }
        eventually("the trimming", async || connected(&a).await == [id(&kept)]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn are_left_alone_within_their_grace() {
        let mut settings = crowded();
        settings.connections.grace = Duration::from_secs(3600);
        let a = node(settings, None);
        let others = [plain(), plain(), plain(), plain()];
        for other in &others {
            other.net.connect(&a.address().await).await.unwrap();
        }
        eventually("all of them", async || connected(&a).await.len() == 4).await;
        // Longer than the host takes to look again.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(connected(&a).await.len(), 4);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn cost_a_stranger_before_one_that_said_hello() {
        let mut settings = crowded();
        settings.connections.high = 1;
        let chain = crate::hosts::RecordedChain::load();
        let a = node(settings, Some(std::sync::Arc::new(chain)));
        let (stranger, friend) = (plain(), full());
        a.net.connect(&stranger.address().await).await.unwrap();
        a.net.net_protect_add(vec![id(&friend)]).await.unwrap();
        a.net.net_protect_add(vec![id(&stranger)]).await.unwrap();
        a.net.connect(&friend.address().await).await.unwrap();
        eventually("the hello", async || {
            let info = a.net.net_peer_info(id(&friend)).await;
            info.is_ok_and(|i| i.conn_mgr_meta.unwrap().value >= 10)
        })
        .await;
        let both = vec![id(&friend), id(&stranger)];
        a.net.net_protect_remove(both).await.unwrap();
        eventually("the trimming", async || {
            connected(&a).await == [id(&friend)]
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_peers_are_listed_whether_they_are_here_or_not() {
    let (a, b) = (plain(), plain());
    let away = lotus_net::HostKey::generate().peer_id().to_string();
    a.meet(&b).await;
    let both = vec![id(&b), away.clone()];
    a.net.net_protect_add(both.clone()).await.unwrap();
    a.net.net_protect_add(vec![id(&b)]).await.unwrap();
    let mut expected = both;
    expected.sort();
    assert_eq!(a.net.net_protect_list().await.unwrap(), expected);
    a.net.net_protect_remove(vec![id(&b)]).await.unwrap();
    assert_eq!(a.net.net_protect_list().await.unwrap(), [away]);
    let error = a.net.net_protect_add(vec!["nobody".to_owned()]).await;
    assert_eq!(error.unwrap_err().to_string(), "nobody is not a peer id");
}

mod a_blocked {
    use super::*;

    fn ips(list: &[&str]) -> NetBlockList {
        NetBlockList {
            ip_addrs: list.iter().map(ToString::to_string).collect(),
            ..NetBlockList::default()
        }
    }

    fn subnets(list: &[&str]) -> NetBlockList {
        NetBlockList {
            ip_subnets: list.iter().map(ToString::to_string).collect(),
            ..NetBlockList::default()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn network_is_disconnected_and_refused_both_ways_until_it_is_taken_off() {
        let (a, b) = (plain(), plain());
        a.meet(&b).await;
        a.net
            .net_block_add(subnets(&["127.9.9.9/8"]))
            .await
            .unwrap();
        eventually("the end", async || {
            !a.is_connected(&b).await && !b.is_connected(&a).await
        })
        .await;
        let error = a.net.connect(&b.address().await).await.unwrap_err();
        assert!(
            error.to_string().contains("127.0.0.1 is blocked"),
            "{error}"
        );
        assert!(b.net.connect(&a.address().await).await.is_err());
        assert!(!a.is_connected(&b).await);
        let listed = a.net.net_block_list().await.unwrap();
        assert_eq!(listed, subnets(&["127.0.0.0/8"]));
        a.net
            .net_block_remove(subnets(&["127.0.0.0/8"]))
            .await
            .unwrap();
        b.net.connect(&a.address().await).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn address_is_found_behind_a_name() {
        let (a, b) = (plain(), plain());
        let named = b
            .address()
            .await
            .replace("/ip4/127.0.0.1", "/dns4/localhost");
        a.net.connect(&named).await.unwrap();
        a.net.net_block_add(ips(&["127.0.0.1"])).await.unwrap();
        eventually("the end", async || !a.is_connected(&b).await).await;
        let error = a.net.connect(&named).await.unwrap_err();
        assert!(
            error.to_string().contains("127.0.0.1 is blocked"),
            "{error}"
        );
        let other = ips(&["10.9.8.7"]);
        a.net.net_block_remove(ips(&["127.0.0.1"])).await.unwrap();
        a.net.net_block_add(other.clone()).await.unwrap();
        assert_eq!(a.net.net_block_list().await.unwrap(), other);
        a.net.connect(&named).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn address_and_peer_stay_blocked_over_a_restart() {
        let peer = lotus_net::HostKey::generate().peer_id().to_string();
        let mut settings = config();
        let file = std::env::temp_dir().join(format!("lotus-blocked-{peer}"));
        settings.rules = Some(file.clone());
        let first = node(settings.clone(), None);
        let mut list = ips(&["10.9.8.7", "10.9.8.8"]);
        list.peers = vec![peer];
        first.net.net_block_add(list.clone()).await.unwrap();
        let free = ips(&["10.9.8.8"]);
        first.net.net_block_remove(free).await.unwrap();
        drop(first);
        let second = node(settings, None);
        list.ip_addrs.pop();
        assert_eq!(second.net.net_block_list().await.unwrap(), list);
        std::fs::remove_file(file).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn address_is_named_when_none_of_a_peers_addresses_works() {
        let (a, b) = (plain(), plain());
        a.net.net_block_add(ips(&["127.0.0.1"])).await.unwrap();
        // It listens by now.
        b.address().await;
        let mut target = b.net.net_addrs_listen().await.unwrap();
        target.addrs.push("/ip4/127.0.0.1/udp/1/quic-v1".to_owned());
        let error = a.net.net_connect(target.clone()).await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains("127.0.0.1 is blocked"), "{error}");
        assert!(error.contains("/quic-v1"), "{error}");
        a.net.net_block_remove(ips(&["127.0.0.1"])).await.unwrap();
        a.net.net_connect(target).await.unwrap();
        assert!(a.is_connected(&b).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn list_with_a_mistake_changes_nothing() {
        let a = plain();
        let mut list = ips(&["10.0.0.1", "10.0.0"]);
        list.peers = vec![lotus_net::HostKey::generate().peer_id().to_string()];
        let error = a.net.net_block_add(list).await.unwrap_err();
        assert_eq!(error.to_string(), "error parsing IP address 10.0.0");
        let listed = a.net.net_block_list().await.unwrap();
        assert_eq!(listed, NetBlockList::default());
    }
}
