//! What a network is made of.

use std::{sync::Arc, time::Duration};

use lotus_networks::Network;
use lotus_node::Wallets;
use lotus_ports::clock::ManualClock;
use lotus_proving::winning::plan::Timing;
use lotus_runtime::supervisor::Supervisor;
use lotus_types::Address;
use tempfile::TempDir;

use crate::{
    Proofs, TestMiner, TestNet,
    genesis::{self, Born},
    miner::LocalProver,
    node::Common,
};

/// When test networks begin, Unix seconds.
const GENESIS_TIME: u64 = 1_700_000_000;

/// What a network is made of. Default: one node, one miner with one sector, mock proofs.
#[derive(Debug, Clone)]
pub struct Ensemble {
    nodes: usize,
    /// Sectors of each miner.
    sectors: Vec<u64>,
    block_time: Duration,
    proofs: Proofs,
    idle: Vec<usize>,
    wallets: Wallets,
}

impl Default for Ensemble {
    fn default() -> Self {
        Self {
            nodes: 1,
            sectors: vec![1],
            block_time: Duration::from_secs(4),
            proofs: Proofs::Mock,
            idle: Vec::new(),
            wallets: Wallets::default(),
        }
    }
}

impl Ensemble {
    /// One node and one miner.
    pub fn new() -> Self {
        Self::default()
    }

    /// So many full nodes, each connected with each.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// So many miners with one sector each, in turn on the nodes: their power is equal.
    #[must_use]
    pub fn miners(self, miners: usize) -> Self {
        self.sectors(vec![1; miners])
    }

    /// A miner for each number, with so many sectors. One without sectors makes no blocks.
    #[must_use]
    pub fn sectors(mut self, sectors: impl Into<Vec<u64>>) -> Self {
        self.sectors = sectors.into();
        self
    }

    /// These miners make no blocks, whatever sectors they have.
    #[must_use]
    pub fn idle(mut self, miners: impl Into<Vec<usize>>) -> Self {
        self.idle = miners.into();
        self
    }

    /// Seconds of an epoch, on the network's clock. Default: 4. Real time is what rounds need.
    #[must_use]
    pub fn block_time(mut self, seconds: u64) -> Self {
        self.block_time = Duration::from_secs(seconds);
        self
    }

    /// Wallets that every node has beside the one of its own keys.
    #[must_use]
    pub fn wallets(mut self, wallets: Wallets) -> Self {
        self.wallets = wallets;
        self
    }

    /// Which proofs are real. Default: none.
    #[must_use]
    pub fn proofs(mut self, proofs: Proofs) -> Self {
        self.proofs = proofs;
        self
    }

    /// Makes the genesis, starts the nodes, connects them, and starts the miners. No block is made
    /// before the first [`TestNet::mine`].
    pub async fn start(self) -> TestNet {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let root = genesis::root_key();
        let (common, born) = self.prepare(&dir, root.address()).await;
        let timing = Timing {
            block_time: self.block_time,
            propagation_delay: Duration::from_secs(common.network.propagation_delay_secs),
        };
        let prover = Arc::new(LocalProver::new(self.proofs, dir.path()));
        let mut net = TestNet::new(common, timing, root.address(), dir);
        for _ in 0..self.nodes {
            net.add_node().await;
        }
        net.node(0).import_key(&root.to_key_info());
        for (k, born) in born.into_iter().enumerate() {
            let node = k % self.nodes;
            net.node(node).import_key(&born.key);
            net.add_miner(TestMiner::new(
                (born.id, born.address),
                node,
                Arc::clone(&prover),
            ));
            if self.sectors[k] > 0 && !self.idle.contains(&k) {
                net.start_mining(k);
            }
        }
        net
    }

    /// Seals and executes on a blocking thread.
    async fn prepare(&self, dir: &TempDir, registry_root: Address) -> (Common, Vec<Born>) {
        let (ensemble, root) = (self.clone(), dir.path().to_owned());
        let made = tokio::task::spawn_blocking(move || {
            let born: Vec<Born> = (0..)
                .zip(&ensemble.sectors)
                .map(|(k, sectors)| genesis::born(ensemble.proofs, k, *sectors, &root))
                .collect();
            let network = Network {
                block_delay_secs: ensemble.block_time.as_secs(),
                ..Network::devnet("ensemble")
            };
            let bundle = ensemble.proofs.bundle();
            let (network, genesis) =
                genesis::make(network, &bundle, &born, registry_root, GENESIS_TIME);
            (network, bundle, genesis, born)
        });
        let (network, bundle, genesis, born) = made
            .await
            .unwrap_or_else(|died| panic!("no genesis: {died}"));
        // Tasks end with the test's runtime: nothing is wound down.
        let tasks = Supervisor::new(Duration::ZERO).tasks();
        let common = Common {
            network,
            proofs: self.proofs,
            wallets: self.wallets.clone(),
            bundle,
            genesis,
            genesis_time: GENESIS_TIME,
            clock: ManualClock::at(Duration::from_secs(GENESIS_TIME)),
            tasks,
        };
        (common, born)
    }
}
