//! Hosts on loopback, and a chain made of the recorded tipsets.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use lotus_net::{HelloMessage, HostKey, Metrics, NetConfig, NetService, Response};
use lotus_ports::network::{BlockMessages, ChainSource, Fault, Head};
use lotus_types::{BlockHeader, Cid, TipsetKey, wire};
use tokio_util::sync::CancellationToken;

use crate::recordings;

/// Long enough for anything that should happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A running host; stops when dropped.
pub(crate) struct Node {
    pub(crate) net: NetService,
    pub(crate) metrics: Metrics,
    pub(crate) stop: CancellationToken,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn config() -> NetConfig {
    let mut config = NetConfig::new("testnet", "lotus-test");
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    config.gossip.heartbeat = Duration::from_millis(100);
    config
}

/// A host without a chain.
pub(crate) fn plain() -> Node {
    node(config(), None)
}

/// A host with the recorded chain.
pub(crate) fn full() -> Node {
    node(config(), Some(Arc::new(RecordedChain::load())))
}

pub(crate) fn node(config: NetConfig, chain: Option<Arc<dyn ChainSource>>) -> Node {
    let (stop, metrics) = (CancellationToken::new(), Metrics::default());
    let key = HostKey::generate();
    let (net, task) =
        NetService::start(config, &key, chain, metrics.clone(), stop.clone()).unwrap();
    tokio::spawn(task);
    Node { net, metrics, stop }
}

impl Node {
    pub(crate) async fn address(&self) -> String {
        self.net
            .dial_addresses(SOON)
            .await
            .unwrap()
            .first()
            .unwrap()
            .clone()
    }

    /// Connects, and waits until both have told each other what they speak.
    pub(crate) async fn meet(&self, other: &Self) {
        self.net.connect(&other.address().await).await.unwrap();
        for (me, you) in [(self, other), (other, self)] {
            eventually("identify", async || {
                let peer = me.net.peer(you.net.id()).await.unwrap();
                peer.is_some_and(|p| !p.agent.is_empty())
            })
            .await;
        }
    }

    pub(crate) async fn is_connected(&self, other: &Self) -> bool {
        self.net.peer(other.net.id()).await.unwrap().is_some()
    }
}

/// Waits for a condition; fails the test when it does not come soon.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = std::time::Instant::now() + SOON;
    while !condition().await {
        assert!(
            std::time::Instant::now() < deadline,
            "timed out waiting for {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The recorded 20 newest tipsets and the genesis.
pub(crate) struct RecordedChain {
    pub(crate) genesis: Cid,
    pub(crate) head: Head,
    tipsets: HashMap<TipsetKey, Vec<BlockHeader>>,
    messages: HashMap<Cid, BlockMessages>,
}

impl RecordedChain {
    pub(crate) fn load() -> Self {
        let mut tipsets = HashMap::new();
        let mut messages = HashMap::new();
        for note in [
            "20 tipsets, headers and messages",
            "900 tipsets, more than there are",
        ] {
            let bytes = recordings::find(note).received;
            let response: Response = wire::from_cbor(&bytes).unwrap();
            for tipset in response.chain.iter() {
                let key = tipset.blocks.iter().map(BlockHeader::cid).collect();
                for block in tipset.blocks.iter() {
                    // The recorded chain has no messages in these tipsets.
                    messages.insert(block.cid(), BlockMessages::default());
                }
                tipsets.insert(key, tipset.blocks.to_vec());
            }
        }
        let hello: HelloMessage =
            wire::from_cbor(&recordings::find("what the daemon sends when we connect").received)
                .unwrap();
        Self {
            genesis: hello.genesis,
            head: hello.head(),
            tipsets,
            messages,
        }
    }
}

#[async_trait]
impl ChainSource for RecordedChain {
    fn genesis(&self) -> Cid {
        self.genesis
    }

    fn head(&self) -> Head {
        self.head.clone()
    }

    async fn headers(&self, key: &TipsetKey) -> Result<Option<Vec<BlockHeader>>, Fault> {
        Ok(self.tipsets.get(key).cloned())
    }

    async fn messages(&self, header: &BlockHeader) -> Result<Option<BlockMessages>, Fault> {
        Ok(self.messages.get(&header.cid()).cloned())
    }
}
