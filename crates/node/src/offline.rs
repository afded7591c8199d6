//! A node over a chain export, without a network: executes the chain once, then answers the whole API
//! as if that chain's head were the head.
//!
//! # Invariants
//! - Nothing outlives the process: all stores are in memory, but for what the market client is given.
//! - Time stands still at the head's timestamp, and the host listens nowhere, so that the same export
//!   gives the same answers at any time and on any machine.
//! - A chain whose execution does not give what its headers say is refused.

use std::sync::Arc;

use lotus_actors::StateError;
use lotus_beacon::MockBeacon;
use lotus_blockstore::SharedBlockstore;
use lotus_chain::{ChainError, ChainStore};
use lotus_networks::Network;
use lotus_ports::{
    Blockstore as _,
    beacon::BeaconSchedule,
    clock::{ManualClock, UnixTime},
    proofs::Verifier,
    vm::Vm,
};
use lotus_runtime::{metrics::Metrics, supervisor::Tasks};
use lotus_state::{StateFault, StateManager};
use lotus_types::{Cid, KeyInfo, Tipset, TipsetKey};
use lotus_wallet::{Wallet, WalletError};

use crate::{
    ClientPlace, FullNodeConfig, RunningNode, StartError, Stores, genesis,
    start::{start_full_node, states},
};

/// Why an export cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// The export is no whole chain.
    #[error("the export is not a whole chain: {0}")]
    Chain(#[from] ChainError),
    /// The state names no network.
    #[error("the export's state cannot be read")]
    State(#[from] StateError),
    /// A tipset gave another state or other receipts than the next header says.
    #[error("executing tipset {tipset} at height {height} did not give what its child says")]
    Mismatch {
        /// Which.
        tipset: TipsetKey,
        /// Its epoch.
        height: i64,
    },
    /// Execution failed on our side.
    #[error("executing the chain")]
    Fault(#[from] StateFault),
    /// A key is none, or there twice.
    #[error("importing a key")]
    Key(#[from] Box<WalletError>),
    /// The node did not start.
    #[error(transparent)]
    Start(#[from] Box<StartError>),
    /// A worker thread panicked.
    #[error("the thread that executed the chain died: {0}")]
    Died(String),
}

/// What an offline node is made of.
pub struct OfflineChain {
    /// All blocks of the export, and the actors' code.
    pub blocks: SharedBlockstore,
    /// The tipset that is taken for the head.
    pub head: TipsetKey,
    /// The network's rules; the name is taken from the chain.
    pub network: Network,
    /// The VM of this process.
    pub vm: Arc<dyn Vm>,
    /// Checks proofs.
    pub verifier: Arc<dyn Verifier>,
    /// Public randomness.
    pub beacons: BeaconSchedule,
    /// The wallet's keys, the default address' first.
    pub keys: Vec<KeyInfo>,
    /// Where the market client works, which knows of no deal at the start; `None`: without one.
    pub client: Option<ClientPlace>,
}

impl std::fmt::Debug for OfflineChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfflineChain")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

impl OfflineChain {
    /// A chain of a network with mock proofs and a mock beacon.
    pub fn mock(
        blocks: SharedBlockstore,
        head: TipsetKey,
        network: Network,
        vm: Arc<dyn Vm>,
        verifier: Arc<dyn Verifier>,
    ) -> Self {
        Self {
            blocks,
            head,
            network,
            vm,
            verifier,
            beacons: BeaconSchedule::new(Arc::new(MockBeacon)),
            keys: Vec::new(),
            client: None,
        }
    }

    /// Executes the chain and starts the node. `progress` is told each tipset before it is executed.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub async fn start(
        self,
        tasks: &Tasks,
        metrics: &Metrics,
        progress: impl FnMut(&Tipset) + Send + 'static,
    ) -> Result<RunningNode, OfflineError> {
        let stores = Stores {
            blocks: self.blocks,
            ..Stores::memory()
        };
        let chain = genesis::open_chain(&stores)?;
        let head = chain.tipset(&self.head)?;
        let tipsets = oldest_first(&chain, &head)?;
        if let Some(first) = tipsets.first() {
            chain.set_genesis(first.min_ticket_block())?;
        }
        chain.set_head(&head)?;
        let name = network_name(&stores.blocks, &tipsets)?;
        let network = Network {
            name: name.unwrap_or(self.network.name),
            actors_manifest: None,
            genesis: None,
            ..self.network
        };
        let mut config = FullNodeConfig::in_memory(network, self.vm, self.verifier, self.beacons);
        config.stores = stores;
        config.client = self.client;
        config.net.listen.clear();
        config.read_only = true;
        let now = UnixTime::from_secs(head.min_timestamp());
        config.clock = Arc::new(ManualClock::at(now));
        let wallet = Wallet::new(Arc::clone(&config.keys));
        for (place, key) in self.keys.iter().enumerate() {
            let address = wallet.import(key).map_err(Box::new)?;
            if place == 0 {
                wallet.set_default(address).map_err(Box::new)?;
            }
        }
        let states = states(&config, &chain);
        let executed = tokio::task::spawn_blocking(move || execute(&states, &tipsets, progress));
        executed
            .await
            .map_err(|died| OfflineError::Died(died.to_string()))??;
        let started = Box::pin(start_full_node(config, tasks, metrics)).await;
        Ok(started.map_err(Box::new)?)
    }
}

fn oldest_first(chain: &ChainStore, head: &Tipset) -> Result<Vec<Tipset>, ChainError> {
    let mut tipsets: Vec<_> = chain.walk_back(head.clone()).collect::<Result<_, _>>()?;
    tipsets.reverse();
    Ok(tipsets)
}

/// The name that the init actor holds, in the oldest state that the export has.
fn network_name(
    store: &SharedBlockstore,
    tipsets: &[Tipset],
) -> Result<Option<String>, OfflineError> {
    for tipset in tipsets {
        let root = tipset.parent_state_root();
        if has(store, &root)? {
            let tree = lotus_actors::StateTree::load(store, &root)?;
            return Ok(Some(tree.init_state()?.network_name));
        }
    }
    Ok(None)
}

fn has(store: &SharedBlockstore, root: &Cid) -> Result<bool, OfflineError> {
    store
        .has(root)
        .map_err(|e| OfflineError::Fault(StateFault::Store(e.to_string())))
}

/// Executes every tipset whose begin the export has; older ones of a snapshot stay without state.
fn execute(
    states: &StateManager,
    tipsets: &[Tipset],
    mut progress: impl FnMut(&Tipset),
) -> Result<(), OfflineError> {
    for pair in tipsets.windows(2) {
        let [tipset, child] = pair else { continue };
        if !has(states.store(), &tipset.parent_state_root())? {
            continue;
        }
        progress(tipset);
        let state = states.tipset_state(tipset)?;
        if state.state_root != child.parent_state_root()
            || state.receipts_root != child.parent_message_receipts()
        {
            return Err(OfflineError::Mismatch {
                tipset: tipset.key().clone(),
                height: tipset.height(),
            });
        }
    }
    Ok(())
}
