//! The chain store as execution and consensus see it.

use lotus_blockstore::SharedBlockstore;
use lotus_chain::{ChainStore, Weigher};
use lotus_ports::network::{BlockMessages, Fault};
use lotus_state::ChainView;
use lotus_types::{BigInt, BlockHeader, ChainEpoch, Tipset, TipsetKey};

/// A chain store as the state manager's [`ChainView`].
#[derive(Debug, Clone)]
pub struct StoredChain(pub ChainStore);

impl ChainView for StoredChain {
    fn tipset(&self, key: &TipsetKey) -> Result<Tipset, Fault> {
        Ok(self.0.tipset(key)?)
    }

    fn block_messages(&self, header: &BlockHeader) -> Result<BlockMessages, Fault> {
        Ok(self.0.block_messages(header)?)
    }

    fn tipset_at(&self, height: ChainEpoch, from: &Tipset, before: bool) -> Result<Tipset, Fault> {
        Ok(self.0.tipset_by_height(height, from, before)?)
    }
}

/// The weight of Expected Consensus, for the chain store.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExpectedConsensus;

impl Weigher for ExpectedConsensus {
    fn weight(&self, blocks: &SharedBlockstore, tipset: &Tipset) -> Result<BigInt, Fault> {
        Ok(lotus_consensus::weight::weight(blocks, tipset)?)
    }
}
