//! A miner that makes blocks in a test network, and what the network watches of it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use lotus_ports::{
    clock::ManualClock,
    proofs::{Prover, Randomness, Replica, WindowPoSt},
};
use lotus_proofs::presealing::sector_paths;
use lotus_proving::{
    window::{WindowConfig, WindowDeps, WindowPoStScheduler},
    winning::{
        BaseInfo, BlockTemplate, MinedBlock, Miner, MinerConfig, MinerDeps, MinerStatus,
        MiningChain, SlashFilter, plan::Timing,
    },
};
use lotus_rpc_api::full::FullNode;
use lotus_runtime::supervisor::Tasks;
use lotus_sealer::{PoStProver, SealError};
use lotus_sealing::ChainError;
use lotus_storage_node::NodeChain;
use lotus_types::{
    ActorId, Address, BeaconEntry, ChainEpoch, Cid, ExtendedSectorInfo, PoStProof,
    RegisteredPoStProof, SectorId, SectorInfo, SectorNumber, SignedMessage, Tipset, TipsetKey,
};
use parking_lot::Mutex;

use crate::Proofs;

/// A block producer of a test network.
#[derive(Debug)]
pub struct TestMiner {
    /// Its actor.
    pub id: ActorId,
    /// Key address of its owner and worker; the node has the key.
    pub worker: Address,
    /// Which node it works with.
    pub node: usize,
    prover: Arc<LocalProver>,
    producing: Option<Producing>,
}

#[derive(Debug)]
struct Producing {
    miner: Miner,
    watched: Arc<Watched>,
}

impl TestMiner {
    pub(crate) fn new(
        (id, worker): (ActorId, Address),
        node: usize,
        prover: Arc<LocalProver>,
    ) -> Self {
        Self {
            id,
            worker,
            node,
            prover,
            producing: None,
        }
    }

    /// Its ID address.
    pub fn address(&self) -> Address {
        Address::new_id(self.id)
    }

    /// Proves its sectors.
    pub fn prover(&self) -> Arc<dyn PoStProver> {
        Arc::clone(&self.prover) as _
    }

    /// What block production is doing; nothing when it was never started.
    pub fn status(&self) -> MinerStatus {
        self.producing
            .as_ref()
            .map(|p| p.miner.status())
            .unwrap_or_default()
    }

    pub(crate) fn is_producing(&self) -> bool {
        self.producing.is_some()
    }

    /// Starts to make blocks.
    pub(crate) fn produce(
        &mut self,
        node: Arc<dyn FullNode>,
        clock: ManualClock,
        timing: Timing,
        tasks: &Tasks,
    ) {
        let watched = Arc::new(Watched {
            chain: NodeChain::new(node),
            block: Mutex::new(None),
            published: Mutex::new(Vec::new()),
        });
        let deps = MinerDeps {
            miner: self.id,
            chain: Arc::clone(&watched) as _,
            prover: self.prover(),
            clock: Arc::new(clock),
            slash_filter: SlashFilter::in_memory().expect("a record in memory can be made"),
            config: MinerConfig {
                timing,
                retry: Duration::ZERO,
            },
        };
        let (miner, work) = Miner::start(deps, tasks.stop_token());
        tasks.background(format!("miner {}", self.id), async move {
            work.await;
            Ok::<_, std::io::Error>(())
        });
        self.producing = Some(Producing { miner, watched });
    }

    /// Has it tried to make a block of this epoch, and is the block, if it won, ready?
    pub(crate) fn has_tried(&self, epoch: ChainEpoch) -> bool {
        !self.is_producing() || self.status().epoch >= epoch
    }

    /// Is a block waiting to be published?
    pub(crate) fn holds_block(&self) -> bool {
        let block = self.producing.as_ref().map(|p| p.watched.block.lock());
        block.is_some_and(|block| block.is_some())
    }

    /// Blocks published since this was asked last.
    pub(crate) fn take_published(&self) -> Vec<Cid> {
        let published = self.producing.as_ref().map(|p| p.watched.published.lock());
        published
            .map(|mut cids| std::mem::take(&mut *cids))
            .unwrap_or_default()
    }

    /// A scheduler of its WindowPoSts, and the work that follows the chain with it.
    pub(crate) fn window_post(
        &self,
        node: Arc<dyn FullNode>,
        clock: ManualClock,
        tasks: &Tasks,
    ) -> (WindowPoStScheduler, impl Future<Output = ()> + Send + use<>) {
        let deps = WindowDeps {
            miner: self.id,
            chain: Arc::new(NodeChain::new(node)),
            prover: self.prover(),
            clock: Arc::new(clock),
            config: WindowConfig {
                // It looks at the head in both moments of a round.
                head_poll: Duration::from_secs(1),
                ..WindowConfig::default()
            },
        };
        WindowPoStScheduler::start(deps, tasks.stop_token())
    }
}

/// The node as the miner sees it, which notes what becomes of a block.
#[derive(Debug)]
struct Watched {
    chain: NodeChain,
    /// Made and not yet published.
    block: Mutex<Option<Cid>>,
    published: Mutex<Vec<Cid>>,
}

#[async_trait]
impl MiningChain for Watched {
    async fn head(&self) -> Result<Tipset, ChainError> {
        // Whoever looks for the next head has given up on a block that was held back.
        *self.block.lock() = None;
        MiningChain::head(&self.chain).await
    }

    async fn beacon_entry(&self, epoch: ChainEpoch) -> Result<BeaconEntry, ChainError> {
        self.chain.beacon_entry(epoch).await
    }

    async fn base_info(
        &self,
        miner: ActorId,
        epoch: ChainEpoch,
        parents: &TipsetKey,
    ) -> Result<Option<BaseInfo>, ChainError> {
        self.chain.base_info(miner, epoch, parents).await
    }

    async fn vrf(&self, worker: &Address, input: &[u8; 32]) -> Result<Vec<u8>, ChainError> {
        self.chain.vrf(worker, input).await
    }

    async fn select_messages(
        &self,
        parents: &TipsetKey,
        ticket_quality: f64,
    ) -> Result<Vec<SignedMessage>, ChainError> {
        self.chain.select_messages(parents, ticket_quality).await
    }

    async fn create_block(&self, template: BlockTemplate) -> Result<MinedBlock, ChainError> {
        let block = self.chain.create_block(template).await?;
        *self.block.lock() = Some(block.header.cid());
        Ok(block)
    }

    async fn submit_block(&self, block: MinedBlock) -> Result<(), ChainError> {
        let cid = block.header.cid();
        let taken = self.chain.submit_block(block).await;
        if taken.is_ok() {
            self.published.lock().push(cid);
        }
        *self.block.lock() = None;
        taken
    }
}

/// Proves sectors whose files lie below one directory.
#[derive(Debug)]
pub struct LocalProver {
    prover: Arc<dyn Prover>,
    winning: Arc<dyn Prover>,
    root: PathBuf,
}

impl LocalProver {
    /// A prover of the sectors below `root`, laid out as storage paths are.
    pub fn new(proofs: Proofs, root: &Path) -> Self {
        Self {
            prover: proofs.prover(),
            winning: proofs.winning_prover(),
            root: root.to_owned(),
        }
    }

    async fn prove<T: Send + 'static>(
        &self,
        prover: &Arc<dyn Prover>,
        (miner, sectors): (ActorId, Vec<ExtendedSectorInfo>),
        work: impl FnOnce(&dyn Prover, &[Replica]) -> Result<T, SealError> + Send + 'static,
    ) -> Result<T, SealError> {
        let replica = |info: &ExtendedSectorInfo| {
            let number = info.sector_number;
            let paths = sector_paths(&self.root, SectorId { miner, number });
            Replica {
                info: SectorInfo::from(info),
                sealed: paths.sealed,
                cache: paths.cache,
            }
        };
        let replicas: Vec<_> = sectors.iter().map(replica).collect();
        let prover = Arc::clone(prover);
        tokio::task::spawn_blocking(move || work(&*prover, &replicas))
            .await
            .unwrap_or_else(|died| Err(SealError::Failed(died.to_string())))
    }
}

#[async_trait]
impl PoStProver for LocalProver {
    async fn winning_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
        randomness: Randomness,
    ) -> Result<Vec<PoStProof>, SealError> {
        let work = (miner, sectors);
        self.prove(&self.winning, work, move |prover, replicas| {
            Ok(prover.generate_winning_post(proof, miner, replicas, &randomness)?)
        })
        .await
    }

    async fn window_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
        randomness: Randomness,
    ) -> Result<WindowPoSt, SealError> {
        let work = (miner, sectors);
        self.prove(&self.prover, work, move |prover, replicas| {
            Ok(prover.generate_window_post(proof, miner, replicas, &randomness)?)
        })
        .await
    }

    async fn check_provable(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
    ) -> Result<std::collections::BTreeMap<SectorNumber, String>, SealError> {
        let work = (miner, sectors);
        self.prove(&self.prover, work, move |prover, replicas| {
            let all: Vec<_> = replicas.iter().collect();
            let (_, failed) = prover.vanilla_posts(proof, miner, &all, &[7; 32])?;
            let reasons = failed
                .into_iter()
                .map(|(number, error)| (number, error.to_string()));
            Ok(reasons.collect())
        })
        .await
    }
}
