//! Fetching, validating, storing: how a chain gets here.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use lotus_chain::{ChainError, ChainStore, messages::lists_root};
use lotus_consensus::BlockError;
use lotus_networks::Network;
use lotus_ports::{
    clock::Clock,
    network::{BlockMessages, ChainExchange, ExchangeError, Fault, FetchFrom},
};
use lotus_types::{BlockHeader, ChainEpoch, Cid, Message, Tipset, TipsetKey, block::FullBlock};
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::{
    BadBlocks, Judge, Stage, SyncStatus,
    segment::{Bounds, Segment, SegmentError, Step},
    targets::Target,
};

/// Tipsets whose messages are fetched at once.
const WINDOW: usize = 16;
const CHECKPOINT_KEY: &str = "/chain/checkpoint";

/// Why a chain or a block did not get in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// A block breaks a rule; it is remembered.
    #[error("invalid block {cid}: {reason}")]
    Invalid {
        /// The block.
        cid: Cid,
        /// The rule and how it is broken.
        reason: String,
    },
    /// A block is, or builds on, one that is remembered as bad.
    #[error("block {cid} is bad: {reason}")]
    Bad {
        /// The block.
        cid: Cid,
        /// Why it is bad.
        reason: Arc<str>,
    },
    /// A block's time has not come.
    #[error("block {cid} is from the future")]
    Future {
        /// The block.
        cid: Cid,
    },
    /// A peer gave messages that the block does not name.
    #[error("messages of block {cid} are not those that its header names")]
    WrongMessages {
        /// The block.
        cid: Cid,
    },
    /// The chain does not hold the checkpoint.
    #[error("chain does not include the checkpoint at epoch {height}")]
    Checkpoint {
        /// Of the checkpoint.
        height: ChainEpoch,
    },
    /// The parents of a block are not here.
    #[error("parents {parents} of the block are not here")]
    UnknownParents {
        /// Its parents.
        parents: TipsetKey,
    },
    /// What a peer sent leads nowhere.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// No peer gave it.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// This node failed.
    #[error("sync fault: {0}")]
    Fault(#[source] Fault),
}

impl From<ChainError> for SyncError {
    fn from(e: ChainError) -> Self {
        Self::Fault(e.into())
    }
}

impl SyncError {
    /// True when this node, not a peer or a block, is to blame.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Fault(_))
    }
}

/// What syncing stands on; shared by the handle and the task.
pub(crate) struct Core {
    pub(crate) chain: ChainStore,
    pub(crate) exchange: Arc<dyn ChainExchange>,
    pub(crate) judge: Arc<dyn Judge>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) network: Arc<Network>,
    pub(crate) bad: BadBlocks,
    pub(crate) checkpoint: RwLock<Option<Tipset>>,
    pub(crate) status: watch::Sender<SyncStatus>,
    pub(crate) works: AtomicU64,
}

/// Runs what blocks off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SyncError> + Send + 'static,
) -> Result<T, SyncError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(SyncError::Fault(e.into())))
}

impl Core {
    /// The checkpoint that was set in an earlier run.
    pub(crate) fn stored_checkpoint(chain: &ChainStore) -> Result<Option<Tipset>, SyncError> {
        let stored = chain.metadata().get(CHECKPOINT_KEY);
        let Some(bytes) = stored.map_err(|e| SyncError::Fault(e.into()))? else {
            return Ok(None);
        };
        let key: TipsetKey =
            serde_json::from_slice(&bytes).map_err(|e| SyncError::Fault(e.into()))?;
        Ok(Some(chain.tipset(&key)?))
    }

    /// Sets the checkpoint, durably, and moves the head to it if the head is on another chain.
    pub(crate) fn set_checkpoint(&self, tipset: &Tipset) -> Result<(), SyncError> {
        let head = self.chain.require_head()?;
        if !self.chain.is_ancestor_of(tipset, &head)? {
            self.chain.set_head(tipset)?;
        }
        let text = serde_json::to_vec(tipset.key()).map_err(|e| SyncError::Fault(e.into()))?;
        let set = self.chain.metadata().set(CHECKPOINT_KEY, &text);
        set.map_err(|e| SyncError::Fault(e.into()))?;
        *self.checkpoint.write() = Some(tipset.clone());
        Ok(())
    }

    /// Follows a peer's claim: fetches what is missing, validates it oldest first, stores it. Every
    /// tipset on the way may become the head.
    pub(crate) async fn catch_up(self: Arc<Self>, target: &Target) -> Result<(), SyncError> {
        let id = self.works.fetch_add(1, Ordering::Relaxed) + 1;
        let (head, now) = (self.chain.head(), self.clock.now());
        self.status.send_modify(|s| s.begin(id, head, now));
        let done = self.catch_up_steps(id, target).await;
        let end = self.clock.now();
        self.progress(id, |work| {
            work.end = Some(end);
            work.stage = if done.is_ok() {
                Stage::SyncComplete
            } else {
                Stage::SyncErrored
            };
            work.message = done
                .as_ref()
                .err()
                .map(ToString::to_string)
                .unwrap_or_default();
        });
        done
    }

    fn progress(&self, id: u64, change: impl FnOnce(&mut crate::Work)) {
        self.status.send_modify(|status| status.change(id, change));
    }

    async fn catch_up_steps(self: &Arc<Self>, id: u64, target: &Target) -> Result<(), SyncError> {
        let from = FetchFrom::Peer(target.peer.clone());
        let newest_first = self.headers(id, &from, &target.claim.key).await?;
        self.progress(id, |work| work.stage = Stage::Messages);
        let oldest_first: Vec<Tipset> = newest_first.into_iter().rev().collect();
        self.refuse_bad(&oldest_first)?;
        if let Some(oldest) = oldest_first.first() {
            self.check_checkpoint(oldest.parents()).await?;
        }
        for (k, window) in oldest_first.chunks(WINDOW).enumerate() {
            let messages = self.messages(&from, window).await?;
            for (n, (tipset, messages)) in window.iter().zip(messages).enumerate() {
                self.progress(id, |work| work.height = tipset.height());
                let taken = self.take_tipset(tipset, messages).await;
                if let Err(SyncError::Invalid { cid, .. }) = &taken {
                    let after = oldest_first.get(k * WINDOW + n + 1..).unwrap_or_default();
                    self.mark_descendants(*cid, after);
                }
                taken?;
            }
        }
        Ok(())
    }

    /// Headers from the target down to a tipset whose parents are here, newest first.
    async fn headers(
        self: &Arc<Self>,
        id: u64,
        from: &FetchFrom,
        target: &TipsetKey,
    ) -> Result<Vec<Tipset>, SyncError> {
        let bounds = Bounds {
            head: self.chain.head().map_or(0, |head| head.height()),
            checkpoint: self.checkpoint.read().as_ref().map(Tipset::height),
        };
        let mut segment = Segment::new(target.clone(), bounds);
        loop {
            let (back, step) = self
                .with_stored(segment, |s, stored| s.step(stored))
                .await?;
            segment = back;
            let Step::Fetch(key, length) = step else {
                break;
            };
            let fetched = self
                .exchange
                .fetch(from.clone(), &key, length, false)
                .await?;
            let tipsets: Vec<Tipset> = fetched.into_iter().map(|f| f.tipset).collect();
            (segment, ()) = self
                .with_stored(segment, |s, stored| s.extend(tipsets, stored))
                .await?;
            let newest = segment.target().cloned();
            self.progress(id, |work| work.target = newest);
        }
        self.progress(id, |work| work.stage = Stage::PersistHeaders);
        Ok(segment.into_tipsets())
    }

    /// Asks the pure part a question that needs to know what is stored.
    async fn with_stored<T: Send + 'static>(
        self: &Arc<Self>,
        mut segment: Segment,
        ask: impl FnOnce(&mut Segment, &dyn Fn(&TipsetKey) -> bool) -> Result<T, SegmentError>
        + Send
        + 'static,
    ) -> Result<(Segment, T), SyncError> {
        let chain = self.chain.clone();
        blocking(move || {
            let fault = std::cell::RefCell::new(None);
            let stored = |key: &TipsetKey| match chain.has_tipset(key) {
                Ok(has) => has,
                Err(error) => {
                    fault.replace(Some(error));
                    false
                }
            };
            let answer = ask(&mut segment, &stored);
            if let Some(error) = fault.take() {
                return Err(error.into());
            }
            Ok((segment, answer?))
        })
        .await
    }

    /// The messages of tipsets that are given and returned oldest first.
    async fn messages(
        &self,
        from: &FetchFrom,
        tipsets: &[Tipset],
    ) -> Result<Vec<Vec<BlockMessages>>, SyncError> {
        let newest_first: Vec<Tipset> = tipsets.iter().rev().cloned().collect();
        let mut got: Vec<Vec<BlockMessages>> = Vec::new();
        while let Some(missing) = newest_first
            .get(got.len()..)
            .filter(|rest| !rest.is_empty())
        {
            let more = self.exchange.fetch_messages(from.clone(), missing).await?;
            if more.is_empty() || more.len() > missing.len() {
                let reason = format!("{} answers to {} questions", more.len(), missing.len());
                return Err(ExchangeError::InvalidRequest(reason).into());
            }
            got.extend(more);
        }
        got.reverse();
        Ok(got)
    }

    fn refuse_bad(&self, oldest_first: &[Tipset]) -> Result<(), SyncError> {
        for (k, tipset) in oldest_first.iter().enumerate() {
            for cid in tipset.cids() {
                if let Some(reason) = self.bad.reason(cid) {
                    self.mark_descendants(*cid, oldest_first.get(k + 1..).unwrap_or_default());
                    return Err(SyncError::Bad { cid: *cid, reason });
                }
            }
        }
        Ok(())
    }

    fn mark_descendants(&self, bad: Cid, after: &[Tipset]) {
        let cids = after.iter().flat_map(Tipset::cids);
        cids.for_each(|cid| self.bad.mark(*cid, format!("linked to bad block {bad}")));
    }

    /// The chain that ends in `parents` must hold the checkpoint.
    async fn check_checkpoint(self: &Arc<Self>, parents: &TipsetKey) -> Result<(), SyncError> {
        let Some(checkpoint) = self.checkpoint.read().clone() else {
            return Ok(());
        };
        let (chain, parents) = (self.chain.clone(), parents.clone());
        blocking(move || {
            let parents = chain.tipset(&parents)?;
            if chain.is_ancestor_of(&checkpoint, &parents)? {
                return Ok(());
            }
            Err(SyncError::Checkpoint {
                height: checkpoint.height(),
            })
        })
        .await
    }

    /// Validates all blocks of a tipset whose parents are here, and stores it.
    async fn take_tipset(
        self: &Arc<Self>,
        tipset: &Tipset,
        messages: Vec<BlockMessages>,
    ) -> Result<(), SyncError> {
        if messages.len() != tipset.blocks().len() {
            return Err(SyncError::WrongMessages {
                cid: tipset.min_ticket_block().cid(),
            });
        }
        for (header, messages) in tipset.blocks().iter().zip(&messages) {
            self.validate(full(header, messages)).await?;
        }
        let (chain, tipset) = (self.chain.clone(), tipset.clone());
        let applied = messages
            .iter()
            .map(|m| (m.bls.len() + m.secpk.len()) as u64)
            .sum::<u64>();
        blocking(move || {
            for messages in &messages {
                chain.put_messages(messages)?;
            }
            chain.add_tipset(&tipset)?;
            Ok(())
        })
        .await?;
        self.status
            .send_modify(|status| status.messages_applied += applied);
        Ok(())
    }

    /// Takes a single block whose parents are here: gossiped, or our own.
    pub(crate) async fn take_block(self: &Arc<Self>, block: FullBlock) -> Result<(), SyncError> {
        let header = block.header.clone();
        if let Some(reason) = self.bad.reason(&header.cid()) {
            return Err(SyncError::Bad {
                cid: header.cid(),
                reason,
            });
        }
        self.check_checkpoint(&header.parents).await?;
        let messages = BlockMessages {
            bls: block.bls_messages.clone(),
            secpk: block.secpk_messages.clone(),
        };
        self.validate(block).await?;
        let applied = (messages.bls.len() + messages.secpk.len()) as u64;
        let chain = self.chain.clone();
        blocking(move || {
            chain.put_messages(&messages)?;
            chain.add_block(&header)?;
            Ok(())
        })
        .await?;
        self.status
            .send_modify(|status| status.messages_applied += applied);
        Ok(())
    }

    /// Only a broken rule is remembered. That the messages are the header's own is seen to first: a
    /// peer that sends others must not make a good block bad.
    pub(crate) fn validate(
        self: &Arc<Self>,
        block: FullBlock,
    ) -> impl Future<Output = Result<(), SyncError>> + Send + use<> {
        let core = Arc::clone(self);
        blocking(move || {
            let cid = block.header.cid();
            if !has_own_messages(&block)? {
                return Err(SyncError::WrongMessages { cid });
            }
            match core.judge.validate(&block, core.clock.unix_seconds()) {
                Ok(()) => Ok(()),
                Err(BlockError::Invalid(violation)) => {
                    let reason = violation.to_string();
                    core.bad.mark(cid, reason.as_str());
                    Err(SyncError::Invalid { cid, reason })
                }
                Err(BlockError::Future { .. }) => Err(SyncError::Future { cid }),
                Err(error) => Err(SyncError::Fault(error.into())),
            }
        })
    }
}

/// A header with its messages.
pub(crate) fn full(header: &BlockHeader, messages: &BlockMessages) -> FullBlock {
    FullBlock {
        header: header.clone(),
        bls_messages: messages.bls.clone(),
        secpk_messages: messages.secpk.clone(),
    }
}

fn has_own_messages(block: &FullBlock) -> Result<bool, SyncError> {
    let bls: Vec<Cid> = block.bls_messages.iter().map(Message::cid).collect();
    // The list of signed messages names their signed forms, whatever their signature's kind.
    let secpk: Vec<Cid> = block.secpk_messages.iter().map(Cid::of).collect();
    Ok(lists_root(&bls, &secpk)? == block.header.messages)
}
