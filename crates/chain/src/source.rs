//! The chain as peers may ask for it.

use async_trait::async_trait;
use lotus_ports::network::{BlockMessages, ChainSource, Fault, Head};
use lotus_types::{BlockHeader, Cid, TipsetKey};

use crate::{ChainError, ChainStore};

/// A chain store with a genesis and a head, behind the network's [`ChainSource`] port.
#[derive(Debug, Clone)]
pub struct ServedChain {
    store: ChainStore,
    genesis: Cid,
}

impl ServedChain {
    /// Serves `store`.
    ///
    /// # Errors
    /// [`ChainError::NoGenesis`] or [`ChainError::NoHead`] when the store is still empty.
    pub fn new(store: ChainStore) -> Result<Self, ChainError> {
        let genesis = store.genesis().ok_or(ChainError::NoGenesis)?.cid();
        store.require_head()?;
        Ok(Self { store, genesis })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ChainStore) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<Option<T>, Fault> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || read(&store)).await? {
            Ok(found) => Ok(Some(found)),
            Err(ChainError::Store(fault)) => Err(fault),
            // Not there, or not of that kind: nothing to give to a peer.
            Err(_) => Ok(None),
        }
    }
}

#[async_trait]
impl ChainSource for ServedChain {
    fn genesis(&self) -> Cid {
        self.genesis
    }

    fn head(&self) -> Head {
        let head = self
            .store
            .head()
            .expect("a store that had a head keeps one");
        let weight = match self.store.head_and_weight() {
            Ok((tipset, weight)) if tipset == head => weight,
            // After an import the state may not be there yet; the parents' weight is in the header.
            _ => head.parent_weight().clone(),
        };
        Head {
            key: head.key().clone(),
            height: head.height(),
            weight,
        }
    }

    async fn headers(&self, key: &TipsetKey) -> Result<Option<Vec<BlockHeader>>, Fault> {
        if key.is_empty() {
            return Ok(None);
        }
        let key = key.clone();
        self.read(move |store| key.cids().iter().map(|cid| store.header(cid)).collect())
            .await
    }

    async fn messages(&self, header: &BlockHeader) -> Result<Option<BlockMessages>, Fault> {
        let header = header.clone();
        self.read(move |store| store.block_messages(&header)).await
    }
}
