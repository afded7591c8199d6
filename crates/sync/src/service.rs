//! Syncing as a service: a handle for the API and block production, and one task that listens.

use std::sync::{Arc, atomic::AtomicU64};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use lotus_chain::ChainStore;
use lotus_networks::Network;
use lotus_ports::{
    clock::Clock,
    network::{
        BlockMessages, ChainExchange, FetchFrom, Gossip, Inbox, Incoming, PeerHead, PeerHeads,
        PeerId, Verdict,
    },
};
use lotus_types::{
    BlockHeader, BlockMessage, ChainEpoch, Cid, Tipset, TipsetKey, block::FullBlock,
};
use parking_lot::RwLock;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    BadBlocks, Judge, SyncError, SyncStatus,
    gossip::{self, Here},
    syncer::{Core, blocking, full},
    targets::{Claim, Target, Targets},
};

/// Gossiped blocks that are worked on at once.
const BLOCK_JOBS: usize = 32;
/// Incoming blocks that a listener may be behind.
const INCOMING: usize = 256;

/// Settings.
#[derive(Debug, Clone)]
pub struct SyncConfig {
    /// Peers that must have told their heads before the first chain is followed
    /// (`LOTUS_SYNC_BOOTSTRAP_PEERS`). Lotus: 4, on a devnet 1.
    pub bootstrap_peers: usize,
}

/// What syncing stands on.
#[derive(Clone)]
pub struct SyncParts {
    /// The chain; it has a genesis and a head.
    pub chain: ChainStore,
    /// Judges blocks.
    pub judge: Arc<dyn Judge>,
    /// Fetches from peers.
    pub exchange: Arc<dyn ChainExchange>,
    /// Blocks of others, and ours to others.
    pub gossip: Arc<dyn Gossip>,
    /// Heads of peers.
    pub heads: Arc<dyn PeerHeads>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The network's rules.
    pub network: Arc<Network>,
    /// Settings.
    pub config: SyncConfig,
}

impl std::fmt::Debug for SyncParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncParts")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

/// Why our own block was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// A message that it names is not here.
    #[error("failed to load messages of the submitted block: {0}")]
    Messages(#[source] SyncError),
    /// It is not valid, or could not be judged.
    #[error("sync to submitted block failed: {0}")]
    Refused(#[source] SyncError),
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct ChainSync {
    core: Arc<Core>,
    gossip: Arc<dyn Gossip>,
    incoming: broadcast::Sender<BlockHeader>,
}

impl std::fmt::Debug for ChainSync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainSync")
            .field("chain", &self.core.chain)
            .finish_non_exhaustive()
    }
}

impl ChainSync {
    /// Gives the handle and the future that the supervisor runs. Reads the checkpoint from disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn start(
        parts: SyncParts,
        stop: CancellationToken,
    ) -> Result<(Self, impl Future<Output = ()> + Send), SyncError> {
        let checkpoint = Core::stored_checkpoint(&parts.chain)?;
        let core = Arc::new(Core {
            chain: parts.chain,
            exchange: parts.exchange,
            judge: parts.judge,
            clock: parts.clock,
            network: parts.network,
            bad: BadBlocks::default(),
            checkpoint: RwLock::new(checkpoint),
            status: watch::Sender::new(SyncStatus::default()),
            works: AtomicU64::new(0),
        });
        let incoming = broadcast::Sender::new(INCOMING);
        let task = Task {
            core: Arc::clone(&core),
            incoming: incoming.clone(),
            targets: Targets::default(),
            threshold: parts.config.bootstrap_peers,
            jobs: FuturesUnordered::new(),
        };
        let (heads, blocks) = (parts.heads.heads(), parts.gossip.blocks());
        let handle = Self {
            core,
            gossip: parts.gossip,
            incoming,
        };
        Ok((handle, task.run(heads, blocks, stop)))
    }

    /// What is going on, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.core.status.subscribe()
    }

    /// Headers of gossiped blocks that were passed on (`SyncIncomingBlocks`).
    pub fn incoming_blocks(&self) -> broadcast::Receiver<BlockHeader> {
        self.incoming.subscribe()
    }

    /// Takes our own block as any other and gossips it (`SyncSubmitBlock`). Its messages are stored.
    ///
    /// # Errors
    /// [`SubmitError`]. A block that could not be gossiped is no error: it is on our chain.
    pub async fn submit_block(&self, block: BlockMessage) -> Result<(), SubmitError> {
        let stored = self.core.stored_block(block.clone()).await;
        let block_with_messages = stored.map_err(SubmitError::Messages)?;
        self.core
            .take_block(block_with_messages)
            .await
            .map_err(SubmitError::Refused)?;
        if let Err(error) = self.gossip.publish_block(&block).await {
            tracing::error!(cid = %block.header.cid(), %error, "cannot gossip our own block");
        }
        Ok(())
    }

    /// Why a block is known to be bad (`SyncCheckBad`).
    pub fn bad_reason(&self, cid: &Cid) -> Option<Arc<str>> {
        self.core.bad.reason(cid)
    }

    /// Marks a block as bad by hand (`SyncMarkBad`).
    pub fn mark_bad(&self, cid: Cid) {
        self.core.bad.mark(cid, "manually marked bad");
    }

    /// Forgets that a block is bad (`SyncUnmarkBad`).
    pub fn unmark_bad(&self, cid: &Cid) {
        self.core.bad.unmark(cid);
    }

    /// Forgets all bad blocks (`SyncUnmarkAllBad`).
    pub fn unmark_all_bad(&self) {
        self.core.bad.clear();
    }

    /// From now on only chains that hold `tipset`, which is stored, are followed; the head moves to it
    /// when it is on another chain (`SyncCheckpoint`). Survives restarts.
    ///
    /// # Errors
    /// [`SyncError::Fault`], also when the tipset is not here.
    pub async fn set_checkpoint(&self, key: TipsetKey) -> Result<(), SyncError> {
        let core = Arc::clone(&self.core);
        blocking(move || core.set_checkpoint(&core.chain.tipset(&key)?)).await
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> Option<Tipset> {
        self.core.checkpoint.read().clone()
    }

    /// Validates a stored tipset again (`SyncValidateTipset`).
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn validate_tipset(&self, key: TipsetKey) -> Result<(), SyncError> {
        self.core.validate_stored(key).await
    }
}

impl Core {
    /// A block with its messages out of our own store.
    async fn stored_block(self: &Arc<Self>, block: BlockMessage) -> Result<FullBlock, SyncError> {
        let chain = self.chain.clone();
        blocking(move || {
            let bls = block.bls_messages.iter().map(|cid| chain.message(cid));
            let secpk = block
                .secpk_messages
                .iter()
                .map(|cid| chain.signed_message(cid));
            Ok(FullBlock {
                bls_messages: bls.collect::<Result<_, _>>()?,
                secpk_messages: secpk.collect::<Result<_, _>>()?,
                header: block.header,
            })
        })
        .await
    }

    async fn validate_stored(self: &Arc<Self>, key: TipsetKey) -> Result<(), SyncError> {
        let chain = self.chain.clone();
        let blocks = blocking(move || {
            let tipset = chain.tipset(&key)?;
            let with_messages = |header| Ok(full(header, &chain.block_messages(header)?));
            tipset
                .blocks()
                .iter()
                .map(with_messages)
                .collect::<Result<Vec<_>, SyncError>>()
        });
        for block in blocks.await? {
            self.validate(block).await?;
        }
        Ok(())
    }

    /// The present epoch by the clock.
    fn epoch(&self) -> ChainEpoch {
        let genesis = self.chain.genesis().map_or(0, |genesis| genesis.timestamp);
        let since = self.clock.unix_seconds().saturating_sub(genesis);
        ChainEpoch::try_from(since / self.network.block_delay_secs.max(1))
            .unwrap_or(ChainEpoch::MAX)
    }

    /// The cheap checks; gives the block back when it is to be passed on.
    async fn examine(
        self: Arc<Self>,
        incoming: Incoming<BlockMessage>,
    ) -> Option<(PeerId, BlockMessage)> {
        let Incoming {
            from,
            value,
            ticket,
        } = incoming;
        let examined = blocking(move || {
            let head = self.chain.require_head()?;
            let here = Here {
                head: &head,
                epoch: self.epoch(),
                now: self.clock.unix_seconds(),
                drift: self.network.allowable_clock_drift_secs,
                bad: &self.bad,
                judge: &*self.judge,
            };
            Ok(gossip::examine(&value, &here).map(|()| value))
        });
        // A fault drops the ticket, which ignores the block.
        match examined.await.ok()? {
            Ok(block) => {
                ticket.judge(Verdict::Accept);
                Some((from, block))
            }
            Err(stopped) => {
                tracing::debug!(%from, reason = stopped.reason, "gossiped block not passed on");
                ticket.judge(stopped.verdict);
                None
            }
        }
    }

    /// Works on a gossiped block. Gives a claim to follow up when its parents or messages are not here.
    async fn on_block(
        self: Arc<Self>,
        incoming: Incoming<BlockMessage>,
        heard: broadcast::Sender<BlockHeader>,
    ) -> Option<(PeerId, Claim)> {
        let (from, block) = Arc::clone(&self).examine(incoming).await?;
        let header = block.header.clone();
        // Nobody may be listening.
        let _ = heard.send(header.clone());
        let claim = Claim {
            key: TipsetKey::new(vec![header.cid()]),
            height: header.height,
            weight: header.parent_weight.clone(),
        };
        if self.has(&claim.key).await {
            return None;
        }
        if !self.has(&header.parents).await {
            return Some((from, claim));
        }
        let block = match self.stored_block(block).await {
            Ok(block) => block,
            Err(_) => match self.fetch_block(&from, &header, &claim.key).await {
                Some(block) => block,
                None => return Some((from, claim)),
            },
        };
        if let Err(error) = self.take_block(block).await {
            tracing::warn!(cid = %header.cid(), %from, %error, "gossiped block not taken");
        }
        None
    }

    async fn has(&self, key: &TipsetKey) -> bool {
        let (chain, key) = (self.chain.clone(), key.clone());
        blocking(move || Ok(chain.has_tipset(&key)?))
            .await
            .unwrap_or(false)
    }

    /// Our own copy of a gossiped block's messages, from the peer that sent it.
    async fn fetch_block(
        &self,
        from: &PeerId,
        header: &BlockHeader,
        key: &TipsetKey,
    ) -> Option<FullBlock> {
        let peer = FetchFrom::Peer(from.clone());
        let fetched = self.exchange.fetch(peer, key, 1, true).await.ok()?;
        let tipset = fetched.into_iter().find(|f| f.tipset.key() == key)?;
        let messages: BlockMessages = tipset.messages?.into_iter().next()?;
        Some(full(header, &messages))
    }
}

type Settled = (Target, Result<(), SyncError>);

struct Task {
    core: Arc<Core>,
    incoming: broadcast::Sender<BlockHeader>,
    targets: Targets,
    threshold: usize,
    jobs: FuturesUnordered<BoxFuture<'static, Option<(PeerId, Claim)>>>,
}

impl Task {
    async fn run(
        mut self,
        mut heads: Box<dyn Inbox<PeerHead>>,
        mut blocks: Box<dyn Inbox<Incoming<BlockMessage>>>,
        stop: CancellationToken,
    ) {
        let (mut hearing, mut gossiping) = (true, true);
        let mut current: Option<BoxFuture<'static, Settled>> = None;
        loop {
            if current.is_none() {
                current = self.next_target().await.map(|target| self.follow(target));
            }
            let room = gossiping && self.jobs.len() < BLOCK_JOBS;
            tokio::select! {
                () = stop.cancelled() => return,
                head = heads.next(), if hearing => match head {
                    Some(PeerHead { peer, head }) => {
                        let claim = Claim { key: head.key, height: head.height, weight: head.weight };
                        self.hear(peer, claim);
                    }
                    None => hearing = false,
                },
                block = blocks.next(), if room => match block {
                    Some(block) => {
                        let core = Arc::clone(&self.core);
                        self.jobs.push(core.on_block(block, self.incoming.clone()).boxed());
                    }
                    None => gossiping = false,
                },
                Some(claim) = self.jobs.next(), if !self.jobs.is_empty() => {
                    if let Some((peer, claim)) = claim {
                        self.hear(peer, claim);
                    }
                }
                Some((target, done)) = wait(&mut current) => {
                    current = None;
                    self.settle(&target, &done);
                }
            }
        }
    }

    fn hear(&mut self, peer: PeerId, claim: Claim) {
        self.targets.hear(peer, claim);
        let heard = self.targets.peers_heard();
        self.core.status.send_if_modified(|status| {
            let changed = status.peers_heard != heard;
            status.peers_heard = heard;
            changed
        });
    }

    /// The next claim worth following. Looks into the store, so it runs on a blocking thread.
    async fn next_target(&mut self) -> Option<Target> {
        let mut targets = std::mem::take(&mut self.targets);
        let (chain, threshold) = (self.core.chain.clone(), self.threshold);
        let chosen = blocking(move || {
            let next = targets.next(threshold, |key| chain.has_tipset(key).unwrap_or(false));
            Ok((targets, next))
        });
        match chosen.await {
            Ok((targets, next)) => {
                self.targets = targets;
                next
            }
            // The thread died with the claims; peers announce themselves again.
            Err(_) => None,
        }
    }

    fn follow(&self, target: Target) -> BoxFuture<'static, Settled> {
        let core = Arc::clone(&self.core);
        async move {
            let done = core.catch_up(&target).await;
            (target, done)
        }
        .boxed()
    }

    fn settle(&mut self, target: &Target, done: &Result<(), SyncError>) {
        let Target { peer, claim } = target;
        match done {
            Ok(()) => tracing::info!(%peer, height = claim.height, "followed a peer's chain"),
            Err(error) => tracing::warn!(%peer, height = claim.height, %error, "sync failed"),
        }
        // Our own failures say nothing about the peer.
        let held = done.as_ref().map_or_else(SyncError::is_fault, |()| true);
        self.targets.settle(peer, held);
    }
}

/// The sync at work, if there is one.
async fn wait(current: &mut Option<BoxFuture<'static, Settled>>) -> Option<Settled> {
    match current {
        Some(sync) => Some(sync.await),
        None => None,
    }
}
