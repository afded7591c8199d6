//! A full node of a test network.

use std::sync::Arc;

use lotus_networks::Network;
use lotus_node::{
    FullNodeApi, FullNodeConfig, RunningNode, Wallets, ensure_genesis, start_full_node,
};
use lotus_ports::{clock::ManualClock, network::PeerId};
use lotus_rpc_api::full::FullNode;
use lotus_runtime::{metrics::Metrics, supervisor::Tasks};
use lotus_types::{Address, KeyInfo, Message, SignedMessage, Tipset};
use lotus_vm::Bundle;
use lotus_wallet::Wallet;

use crate::{PATIENCE, Proofs, eventually, genesis};

/// A full node with everything in memory, listening on this machine.
#[derive(Debug)]
pub struct TestNode {
    running: RunningNode,
    wallet: Wallet,
    address: String,
}

/// What every node of a network shares.
pub(crate) struct Common {
    pub(crate) network: Network,
    pub(crate) proofs: Proofs,
    pub(crate) wallets: Wallets,
    pub(crate) bundle: Bundle,
    pub(crate) genesis: Vec<u8>,
    /// Unix seconds.
    pub(crate) genesis_time: u64,
    pub(crate) clock: ManualClock,
    pub(crate) tasks: Tasks,
}

impl TestNode {
    pub(crate) async fn start(common: &Common) -> Self {
        let mut config = FullNodeConfig::in_memory(
            common.network.clone(),
            genesis::vm(),
            common.proofs.verifier(),
            genesis::beacons(),
        );
        config.clock = Arc::new(common.clock.clone());
        config.wallets = common.wallets.clone();
        config.actors_manifest = common.network.actors_manifest;
        // Two hosts that lost each other are brought together again within moments.
        config.net.gossip.heartbeat = std::time::Duration::from_millis(200);
        let stores = config.stores.clone();
        common
            .bundle
            .load_into(&stores.blocks)
            .expect("memory takes everything");
        ensure_genesis(&stores, &common.network, Some(&common.genesis[..]))
            .unwrap_or_else(|error| panic!("{error}"));
        let wallet = Wallet::new(Arc::clone(&config.keys));
        let running = start_full_node(config, &common.tasks, &Metrics::new("test"))
            .await
            .unwrap_or_else(|error| panic!("starting a node: {error}"));
        let addresses = running.net.dial_addresses(PATIENCE).await;
        let addresses = addresses.expect("a host listens within moments");
        Self {
            address: addresses.into_iter().next().expect("it listens somewhere"),
            running,
            wallet,
        }
    }

    /// Its API, as clients see it.
    pub fn api(&self) -> Arc<dyn FullNode> {
        Arc::clone(&self.running.api) as Arc<FullNodeApi> as _
    }

    /// What it is made of.
    pub fn parts(&self) -> &RunningNode {
        &self.running
    }

    /// Its multiaddress, with its peer id.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its peer id.
    pub fn peer(&self) -> &PeerId {
        self.running.net.id()
    }

    /// The head that it follows.
    pub fn head(&self) -> Tipset {
        self.running.chain.head().expect("a node has a head")
    }

    /// Gives its wallet a key.
    pub fn import_key(&self, key: &KeyInfo) -> Address {
        let imported = self.wallet.import(key);
        imported.unwrap_or_else(|error| panic!("importing a key: {error}"))
    }

    /// Sends a message from a key of its wallet: nonce and gas are the node's.
    pub async fn send(&self, message: Message) -> SignedMessage {
        let sent = self.api().mpool_push_message(message, None).await;
        sent.unwrap_or_else(|error| panic!("sending: {error}"))
    }

    /// Connects two nodes, and waits until each knows what the other listens to.
    pub async fn connect(&self, other: &Self) {
        let connected = self.running.net.connect(other.address()).await;
        connected.unwrap_or_else(|error| panic!("connecting: {error}"));
        for (one, two) in [(self, other), (other, self)] {
            eventually(
                "gossip between two nodes",
                || one.hears(two),
                || "they are connected".to_owned(),
            )
            .await;
        }
    }

    /// Does `other` listen to blocks and messages, as far as this node knows?
    async fn hears(&self, other: &Self) -> bool {
        let peer = self.running.net.peer(other.peer()).await;
        let topics = peer.ok().flatten().map(|peer| peer.topics.len());
        topics.is_some_and(|topics| topics >= 2)
    }

    /// Ends the connection with `other`, and refuses a new one.
    pub async fn cut(&self, other: &Self) {
        let net = &self.running.net;
        net.block(other.peer()).await.expect("the host runs");
        eventually(
            "a connection to end",
            || async { matches!(net.peer(other.peer()).await, Ok(None)) },
            || "the peer is still there".to_owned(),
        )
        .await;
    }

    /// Takes connections with `other` again.
    pub async fn allow(&self, other: &Self) {
        let unblocked = self.running.net.unblock(other.peer()).await;
        unblocked.expect("the host runs");
    }
}
