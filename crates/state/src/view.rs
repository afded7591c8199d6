//! What execution needs of the chain.

use lotus_chain::ChainStore;
use lotus_ports::network::{BlockMessages, Fault};
use lotus_types::{BlockHeader, ChainEpoch, Tipset, TipsetKey};

use crate::StateFault;

/// The chain as execution sees it: synchronous, complete, content-addressed.
///
/// The chain store implements it; tests and tools may bring a chain of their own.
pub trait ChainView: Send + Sync {
    /// The tipset of a key.
    ///
    /// # Errors
    /// When it is not there, or the store failed.
    fn tipset(&self, key: &TipsetKey) -> Result<Tipset, Fault>;

    /// The messages of a block, in the order of its own lists.
    ///
    /// # Errors
    /// When any is not there, or the store failed.
    fn block_messages(&self, header: &BlockHeader) -> Result<BlockMessages, Fault>;

    /// The tipset at `height` on the chain that ends in `from`. At a null round: the one before
    /// (`before`) or the one after.
    ///
    /// # Errors
    /// When `height` is above `from` or below 0, or the store failed.
    fn tipset_at(&self, height: ChainEpoch, from: &Tipset, before: bool) -> Result<Tipset, Fault>;
}

impl ChainView for ChainStore {
    fn tipset(&self, key: &TipsetKey) -> Result<Tipset, Fault> {
        Ok(self.tipset(key)?)
    }

    fn block_messages(&self, header: &BlockHeader) -> Result<BlockMessages, Fault> {
        Ok(self.block_messages(header)?)
    }

    fn tipset_at(&self, height: ChainEpoch, from: &Tipset, before: bool) -> Result<Tipset, Fault> {
        Ok(self.tipset_by_height(height, from, before)?)
    }
}

/// [`ChainView::tipset`] with this crate's error.
pub(crate) fn load(view: &dyn ChainView, key: &TipsetKey) -> Result<Tipset, StateFault> {
    view.tipset(key).map_err(StateFault::Chain)
}
