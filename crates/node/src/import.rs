//! A chain out of a file.
//!
//! # Invariants
//! - What the file holds is named, as genesis or as head, after it was found to be whole, of this
//!   network and, unless it is trusted, valid. Until then it is nothing but blocks in a store.
//! - An imported block is judged by the same code as one that a peer sends.
//!
//! # Lotus parity
//! `--import-chain` and `--import-snapshot`. Lotus executes an imported chain and compares the states
//! (`ValidateChain`); here every block is validated in full, as when it comes from the network.

use std::{io::Read, ops::ControlFlow};

use lotus_blockstore::car::{CarReader, LoadProgress};
use lotus_chain::{ChainError, ChainStore, Imported};
use lotus_consensus::{BlockError, BlockValidator};
use lotus_networks::Network;
use lotus_state::{StateFault, StateManager};
use lotus_types::{BlockHeader, ChainEpoch, Cid, Tipset, TipsetKey, block::FullBlock};

use crate::{FullNodeConfig, GenesisError, Stores, genesis, heads, start};

/// Why a chain is not imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file is damaged or incomplete, is of another chain than the store's, or cannot be stored.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// It is another network's.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A block of it is not valid.
    #[error("block {cid} at epoch {height} is not valid: {reason}")]
    Invalid {
        /// The block.
        cid: Box<Cid>,
        /// Its epoch.
        height: ChainEpoch,
        /// The rule that it breaks.
        reason: String,
    },
    /// A block of it could not be judged.
    #[error("block {cid} at epoch {height} could not be judged")]
    Fault {
        /// The block.
        cid: Box<Cid>,
        /// Its epoch.
        height: ChainEpoch,
        /// What failed.
        #[source]
        source: StateFault,
    },
    /// The head could not be executed.
    #[error("executing the head of the imported chain")]
    Head(#[source] StateFault),
}

/// Stores a chain and takes its genesis for the store's, if that has none. It does not become the
/// chain's head: see [`take`] and [`validate`].
///
/// # Errors
/// [`ImportError::Chain`], [`ImportError::Genesis`]; neither genesis nor head change then, though
/// blocks of the file may stay.
pub fn load<R: Read>(
    stores: &Stores,
    network: &Network,
    car: CarReader<R>,
    progress: impl FnMut(LoadProgress) -> ControlFlow<()>,
) -> Result<Imported, ImportError> {
    let chain = genesis::open_chain(stores)?;
    let imported = chain.load(car, progress)?;
    genesis::check(network, &imported.genesis)?;
    chain.set_genesis(&imported.genesis)?;
    Ok(imported)
}

/// Makes what was [loaded](load) the head, whatever is the head now, for a file whose states are
/// trusted.
///
/// # Errors
/// When the chain cannot be read or written.
pub fn take(stores: &Stores, imported: &Imported) -> Result<(), ImportError> {
    Ok(genesis::open_chain(stores)?.set_head(&imported.head)?)
}

/// Validates every block of what was [loaded](load), from genesis on, executes its head, and makes it
/// the head. Takes as long as the node took to follow that chain; `progress` hears of each epoch.
///
/// # Errors
/// [`ImportError`]; the head does not change then.
pub fn validate(
    config: &FullNodeConfig,
    imported: &Imported,
    mut progress: impl FnMut(ChainEpoch),
) -> Result<(), ImportError> {
    let chain = genesis::open_chain(&config.stores)?;
    let states = start::states(config, &chain);
    let validator = start::validator(config, &states);
    let now = config.clock.unix_seconds();
    for key in oldest_first(&chain, &imported.head)? {
        let tipset = chain.tipset(&key)?;
        for header in tipset.blocks().iter().filter(|header| header.height > 0) {
            judge(&chain, &validator, header, now)?;
        }
        progress(tipset.height());
    }
    execute(config, &states, &imported.head).map_err(ImportError::Head)?;
    chain.set_head(&imported.head)?;
    Ok(())
}

/// The next start does not have to do it.
fn execute(
    config: &FullNodeConfig,
    states: &StateManager,
    head: &Tipset,
) -> Result<(), StateFault> {
    let state = states.tipset_state(head)?;
    let noted = heads::note(&*config.stores.metadata, head.key(), state);
    noted.map_err(|error| StateFault::Store(error.to_string()))
}

/// Keys only: headers of a long chain would not fit into memory.
fn oldest_first(chain: &ChainStore, head: &Tipset) -> Result<Vec<TipsetKey>, ChainError> {
    let newest_first = chain.walk_back(head.clone());
    let keys = newest_first.map(|tipset| Ok(tipset?.key().clone()));
    let mut keys = keys.collect::<Result<Vec<_>, ChainError>>()?;
    keys.reverse();
    Ok(keys)
}

fn judge(
    chain: &ChainStore,
    validator: &BlockValidator,
    header: &BlockHeader,
    now: u64,
) -> Result<(), ImportError> {
    let (cid, height) = (Box::new(header.cid()), header.height);
    let messages = chain.block_messages(header)?;
    let block = FullBlock {
        header: header.clone(),
        bls_messages: messages.bls,
        secpk_messages: messages.secpk,
    };
    match validator.validate(&block, now) {
        Ok(()) => Ok(()),
        Err(BlockError::Fault(source)) => Err(ImportError::Fault {
            cid,
            height,
            source,
        }),
        Err(refused) => Err(ImportError::Invalid {
            cid,
            height,
            reason: refused.to_string(),
        }),
    }
}
