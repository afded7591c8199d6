//! Giving a new store its genesis, or checking that an old one has the right one.
//!
//! # Lotus parity
//! `modules.SetGenesis` and `DoSetGenesis`: a repo belongs to the network it was first started with,
//! and starting it with another genesis is refused before anything is written.

use std::{io::Read, ops::ControlFlow, sync::Arc};

use lotus_blockstore::{
    SharedBlockstore,
    car::{self, CarError, CarLimits, CarReader, LoadOptions},
};
use lotus_chain::{ChainError, ChainStore, ChainStoreOptions, error::OtherGenesis};
use lotus_consensus::ExpectedConsensus;
use lotus_networks::Network;
use lotus_types::{BlockHeader, Cid, Tipset, TipsetError};

use crate::Stores;

/// Why a store has no genesis to start from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// A new repo, and no genesis was given.
    #[error("this repo has no chain yet: give the network's genesis with --genesis FILE")]
    Missing,
    /// The file is not a genesis.
    #[error("not a genesis file: {0}")]
    NotAGenesis(String),
    /// The chain in the repo, or the file, is of another network.
    #[error("genesis block is {have}, but the network description says {expected}")]
    WrongNetwork {
        /// The one that is there.
        have: Box<Cid>,
        /// The network's.
        expected: Box<Cid>,
    },
    /// The file cannot be read.
    #[error("reading the genesis file")]
    Car(#[from] CarError),
    /// The chain store refused, among others because the repo belongs to another genesis.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The genesis block makes no tipset.
    #[error("genesis makes no tipset")]
    Tipset(#[from] TipsetError),
}

/// Opens the chain store and makes sure that it has a genesis, which is the network's and the file's.
///
/// # Errors
/// [`GenesisError`]; nothing is changed when the store belongs to another genesis.
pub fn ensure_genesis<R: Read>(
    stores: &Stores,
    network: &Network,
    file: Option<R>,
) -> Result<(ChainStore, Arc<BlockHeader>), GenesisError> {
    let chain = open_chain(stores)?;
    if let Some(file) = file {
        // Into memory first, so that a wrong file leaves no trace.
        let scratch = SharedBlockstore::memory();
        let header = load(file, &scratch)?;
        if let Some(have) = chain.genesis()
            && have.cid() != header.cid()
        {
            let other = OtherGenesis {
                have: have.cid(),
                given: header.cid(),
            };
            return Err(ChainError::OtherGenesis(Box::new(other)).into());
        }
        check(network, &header)?;
        if chain.genesis().is_none() {
            copy(&scratch, &header, &stores.blocks)?;
            chain.set_genesis(&header)?;
        }
    }
    let genesis = chain.genesis().ok_or(GenesisError::Missing)?;
    check(network, &genesis)?;
    if chain.head().is_none() {
        chain.set_head(&Tipset::new(vec![(*genesis).clone()])?)?;
    }
    Ok((chain, genesis))
}

/// The chain store over `stores`, weighing chains as the network does.
///
/// # Errors
/// When the store cannot be read.
pub fn open_chain(stores: &Stores) -> Result<ChainStore, ChainError> {
    ChainStore::open(
        stores.blocks.clone(),
        Arc::clone(&stores.metadata),
        Arc::new(ExpectedConsensus),
        ChainStoreOptions::default(),
    )
}

/// Is it the genesis that the network's description names, if it names one?
pub(crate) fn check(network: &Network, header: &BlockHeader) -> Result<(), GenesisError> {
    match network.genesis {
        Some(expected) if expected != header.cid() => Err(GenesisError::WrongNetwork {
            have: Box::new(header.cid()),
            expected: Box::new(expected),
        }),
        _ => Ok(()),
    }
}

fn load<R: Read>(file: R, store: &SharedBlockstore) -> Result<BlockHeader, GenesisError> {
    let reader = CarReader::new(file, CarLimits::default())?;
    let loaded = car::load(reader, store, LoadOptions::default(), |_| {
        ControlFlow::Continue(())
    })?;
    let [root] = *loaded.roots else {
        let reason = format!("it has {} roots, not one", loaded.roots.len());
        return Err(GenesisError::NotAGenesis(reason));
    };
    let header: BlockHeader = lotus_actors::load(store, &Cid::from(root), "genesis block")
        .map_err(|e| GenesisError::NotAGenesis(e.to_string()))?;
    if header.height != 0 {
        return Err(GenesisError::NotAGenesis(format!(
            "its block is of height {}",
            header.height
        )));
    }
    Ok(header)
}

/// Copies everything under the header.
fn copy(
    from: &SharedBlockstore,
    header: &BlockHeader,
    to: &SharedBlockstore,
) -> Result<(), GenesisError> {
    use lotus_blockstore::{Blockstore as _, dag};
    let mut walked = std::collections::HashSet::new();
    let roots = [
        header.parent_state_root,
        header.messages,
        header.parent_message_receipts,
    ];
    // The parent that genesis names is no block of the chain, but every export holds it.
    let parents = header.parents.cids().iter().copied();
    let parents = parents.filter(|cid| from.has(cid.inner()).unwrap_or(true));
    for root in roots.into_iter().chain(parents) {
        // Code is not in a genesis file when everyone has the bundle; what is there is copied.
        let copied = dag::walk(
            root.inner(),
            from,
            &mut walked,
            |cid| cid.codec() == dag::RAW && !from.has(cid).unwrap_or(true),
            |cid, data| to.put_keyed(cid, data),
        );
        copied.map_err(|e| GenesisError::Chain(ChainError::Store(Box::new(e))))?;
    }
    Ok(())
}
