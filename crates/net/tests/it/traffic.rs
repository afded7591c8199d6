//! Bytes counted on both sides of a connection, and gossip's scores.

use std::collections::BTreeMap;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use lotus_rpc_api::{node::NetApi as _, types::net::BandwidthStats};

use crate::hosts::{Node, SOON, eventually, full, plain};

async fn protocols(node: &Node) -> BTreeMap<String, BandwidthStats> {
    let net = &node.net;
    net.net_bandwidth_stats_by_protocol().await.unwrap()
}

async fn with(node: &Node, peer: &Node) -> BandwidthStats {
    let mut all = node.net.net_bandwidth_stats_by_peer().await.unwrap();
    all.remove(peer.net.id().as_str()).unwrap_or_default()
}

fn mirrored(here: &BandwidthStats, there: &BandwidthStats) -> bool {
    (here.total_in, here.total_out) == (there.total_out, there.total_in)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_count_the_same_bytes() {
    let (a, b) = (plain(), plain());
    let mut incoming = b.net.register("/test/1").unwrap();
    a.meet(&b).await;
    let mut stream = a.net.open(b.net.id(), "/test/1").await.unwrap();
    stream.write_all(&[7; 100_000]).await.unwrap();
    stream.finish(SOON).await.unwrap();
    let mut got = incoming.next().await.unwrap();
    let mut bytes = Vec::new();
    got.read_to_end(&mut bytes).await.unwrap();
    got.write_all(&bytes[..5000]).await.unwrap();
    got.finish(SOON).await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();

    eventually("the same count by protocol", async || {
        let (here, there) = (protocols(&a).await, protocols(&b).await);
        here.len() == there.len()
            && here
                .iter()
                .all(|(name, stats)| there.get(name).is_some_and(|there| mirrored(stats, there)))
    })
    .await;
    let all = protocols(&a).await;
    let test = all.get("/test/1").unwrap();
    // The bytes themselves and the negotiation: a header and a name from each side.
    assert_eq!((test.total_out, test.total_in), (100_000 + 29, 5000 + 29));
    for spoken in ["/ipfs/id/1.0.0", "/meshsub/1.1.0"] {
        let begin = spoken.trim_end_matches("1.1.0");
        assert!(
            all.keys().any(|p| p.starts_with(begin)),
            "{spoken} in {all:?}"
        );
    }
    eventually("the same count by peer and in all", async || {
        let (here, there) = (with(&a, &b).await, with(&b, &a).await);
        let total = a.net.net_bandwidth_stats().await.unwrap();
        mirrored(&here, &there)
            && (total.total_in, total.total_out) == (here.total_in, here.total_out)
    })
    .await;
    let sum: i64 = protocols(&a).await.values().map(|p| p.total_out).sum();
    let total = a.net.net_bandwidth_stats().await.unwrap();
    assert!(sum <= total.total_out, "{sum} of {total:?}");
    assert!(sum > 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_told_while_bytes_flow() {
    let (a, b) = (plain(), plain());
    let mut incoming = b.net.register("/test/1").unwrap();
    a.meet(&b).await;
    let mut stream = a.net.open(b.net.id(), "/test/1").await.unwrap();
    stream.write_all(&[7; 200_000]).await.unwrap();
    stream.finish(SOON).await.unwrap();
    let mut got = incoming.next().await.unwrap();
    got.read_to_end(&mut Vec::new()).await.unwrap();
    eventually("a rate", async || with(&b, &a).await.rate_in > 10_000.0).await;
    assert!(a.net.net_bandwidth_stats().await.unwrap().rate_out > 10_000.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connected_peers_have_a_score_the_last_id_first() {
    let (a, b, c) = (full(), full(), full());
    a.meet(&b).await;
    a.meet(&c).await;
    let mut ids = [b.net.id().to_string(), c.net.id().to_string()];
    ids.sort_by(|x, y| y.cmp(x));
    eventually("the scores", async || {
        let scores = a.net.net_pubsub_scores().await.unwrap();
        scores.iter().map(|s| s.id.clone()).eq(ids.clone())
    })
    .await;
    for score in a.net.net_pubsub_scores().await.unwrap() {
        assert!(score.score.score >= 0.0, "{score:?}");
        assert!(score.score.ip_colocation_factor == 0.0, "this machine");
    }
}
