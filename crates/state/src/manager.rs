//! The state manager: one handle over execution and lookups, keeping what was computed.
//!
//! # Invariants
//! - A tipset is executed once, however many ask for it at the same time.
//! - Execution runs on the caller's thread in the synchronous methods, on a blocking thread in the
//!   asynchronous ones.

use std::sync::Arc;

use lotus_actors::StateTree;
use lotus_blockstore::SharedBlockstore;
use lotus_networks::Network;
use lotus_ports::Blockstore as _;
use lotus_types::{Address, Cid, Tipset, TipsetKey};
use quick_cache::sync::Cache;

use crate::{
    ChainView, ExecutedTipset, StateFault,
    execute::Executor,
    lookback::{self, Lookback},
    randomness::ChainRandomness,
};

/// Tipsets whose results are kept.
const CACHED_TIPSETS: usize = 8192;

/// What executing a tipset led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TipsetState {
    /// State after it.
    pub state_root: Cid,
    /// Root of its receipts.
    pub receipts_root: Cid,
}

/// Executes tipsets and reads states. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StateManager(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    executor: Executor,
    computed: Cache<TipsetKey, TipsetState>,
}

impl StateManager {
    /// A manager over a chain and a store.
    pub fn new(executor: Executor) -> Self {
        Self(Arc::new(Inner {
            executor,
            computed: Cache::new(CACHED_TIPSETS),
        }))
    }

    /// The parts that execution stands on.
    pub fn executor(&self) -> &Executor {
        &self.0.executor
    }

    /// The chain.
    pub fn view(&self) -> &dyn ChainView {
        &*self.0.executor.view
    }

    /// Where state lies.
    pub fn store(&self) -> &SharedBlockstore {
        &self.0.executor.store
    }

    /// The network's rules.
    pub fn network(&self) -> &Network {
        &self.0.executor.network
    }

    /// State and receipts after a tipset; executes it unless that was done before.
    ///
    /// # Errors
    /// [`StateFault`].
    pub fn tipset_state(&self, tipset: &Tipset) -> Result<TipsetState, StateFault> {
        self.0.computed.get_or_insert_with(tipset.key(), || {
            let executed = self.0.executor.execute(tipset, false)?;
            Ok(TipsetState {
                state_root: executed.state_root,
                receipts_root: executed.receipts_root,
            })
        })
    }

    /// [`StateManager::tipset_state`] on a blocking thread.
    ///
    /// # Errors
    /// [`StateFault`].
    pub async fn tipset_state_async(&self, tipset: &Tipset) -> Result<TipsetState, StateFault> {
        if let Some(known) = self.0.computed.get(tipset.key()) {
            return Ok(known);
        }
        let (manager, tipset) = (self.clone(), tipset.clone());
        blocking(move || manager.tipset_state(&tipset)).await
    }

    /// Remembers what a later tipset says about its parents, once that tipset was validated: saves
    /// executing them again. Kept only while the state is in the store.
    ///
    /// # Errors
    /// [`StateFault::Store`].
    pub fn remember_parent_state(&self, child: &Tipset) -> Result<(), StateFault> {
        let state = TipsetState {
            state_root: child.parent_state_root(),
            receipts_root: child.parent_message_receipts(),
        };
        if self.has(&state.state_root)? {
            self.0.computed.insert(child.parents().clone(), state);
        }
        Ok(())
    }

    /// Remembers what executing a tipset gave in an earlier run of this node; true when it does. Kept
    /// only while both roots are in the store.
    ///
    /// # Errors
    /// [`StateFault::Store`].
    pub fn remember(&self, executed: TipsetKey, state: TipsetState) -> Result<bool, StateFault> {
        let there = self.has(&state.state_root)? && self.has(&state.receipts_root)?;
        if there {
            self.0.computed.insert(executed, state);
        }
        Ok(there)
    }

    fn has(&self, root: &Cid) -> Result<bool, StateFault> {
        self.store().has(root).map_err(StateFault::store)
    }

    /// Executes a tipset again, with everything that happened in it.
    ///
    /// # Errors
    /// [`StateFault`].
    pub fn trace(&self, tipset: &Tipset) -> Result<ExecutedTipset, StateFault> {
        self.0.executor.execute(tipset, true)
    }

    /// A state's tree.
    ///
    /// # Errors
    /// [`StateFault::State`].
    pub fn tree(&self, root: &Cid) -> Result<StateTree<'_, SharedBlockstore>, StateFault> {
        Ok(StateTree::load(self.store(), root)?)
    }

    /// The state that elections at `epoch` on top of `base` look back to, with its tipset.
    ///
    /// # Errors
    /// [`StateFault`].
    pub fn lookback_state(&self, base: &Tipset, epoch: i64) -> Result<(Tipset, Cid), StateFault> {
        match lookback::for_epoch(self.view(), base, epoch)? {
            Lookback::Known { tipset, state_root } => Ok((tipset, state_root)),
            Lookback::Base => Ok((base.clone(), self.tipset_state(base)?.state_root)),
        }
    }

    /// Randomness on the chain that ends in `tipset`.
    pub fn randomness<'a>(&'a self, tipset: &'a Tipset) -> ChainRandomness<'a> {
        ChainRandomness::new(self.view(), tipset, &self.0.executor.round_of)
    }

    /// The key address behind an account, on the state before `tipset` and, if it is not there yet,
    /// on the state after it.
    ///
    /// # Errors
    /// [`StateFault::Refused`] when there is no such account.
    pub fn key_address(&self, address: &Address, tipset: &Tipset) -> Result<Address, StateFault> {
        if address.is_key() {
            return Ok(*address);
        }
        if let Some(key) = self
            .tree(&tipset.parent_state_root())?
            .account_key(address)?
        {
            return Ok(key);
        }
        let after = self.tipset_state(tipset)?.state_root;
        self.tree(&after)?
            .account_key(address)?
            .ok_or_else(|| StateFault::Refused(format!("{address} is not an account actor")))
    }
}

/// Runs CPU work off the async threads.
///
/// # Errors
/// What the work gave; [`StateFault::Store`] when it panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StateFault> + Send + 'static,
) -> Result<T, StateFault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => Err(StateFault::Store(format!("a worker thread died: {e}"))),
    }
}
