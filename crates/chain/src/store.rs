//! The chain store: blocks by CID, tipsets by key, genesis and head.

mod head;
mod tracker;

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
};

use lotus_blockstore::{MetadataStore, SharedBlockstore, Store};
use lotus_networks::policy::CHAIN_FINALITY;
use lotus_types::{BigInt, BlockHeader, Cid, Tipset, TipsetKey, wire};
use parking_lot::{Mutex, RwLock};
use quick_cache::sync::Cache;
use serde::de::DeserializeOwned;

use crate::{
    ChainError, HeadStream, Weigher,
    error::OtherGenesis,
    heads::Publisher,
    index::HeightIndex,
    messages::{self, MessageCids},
};
use tracker::Tracker;

const HEAD_KEY: &str = "/chain/head";
const GENESIS_KEY: &str = "/chain/genesis";

/// Sizes of the caches and the rule on forks. Lotus' defaults.
#[derive(Debug, Clone)]
pub struct ChainStoreOptions {
    /// Tipsets kept in memory (`LOTUS_CHAIN_TIPSET_CACHE`). Default: 8192.
    pub tipset_cache: NonZeroUsize,
    /// Message lists kept in memory (`LOTUS_CHAIN_MSGMETA_CACHE`). Default: 2048.
    pub message_list_cache: NonZeroUsize,
    /// Jumps of the height index kept in memory (`LOTUS_CHAIN_INDEX_CACHE`). Default: 32768.
    pub index_cache: NonZeroUsize,
    /// A heavier chain that would revert more tipsets than this is not taken. Default: 900, the
    /// chain's finality.
    pub fork_limit: usize,
}

impl Default for ChainStoreOptions {
    fn default() -> Self {
        let entries = |n| NonZeroUsize::new(n).expect("the defaults are not zero");
        Self {
            tipset_cache: entries(8192),
            message_list_cache: entries(2048),
            index_cache: entries(32_768),
            fork_limit: usize::try_from(CHAIN_FINALITY).expect("finality is positive"),
        }
    }
}

/// The chain store. Cloneable; clones share everything. Calls block on the disk: from async code
/// they belong on a blocking thread, except those that say otherwise.
#[derive(Clone)]
pub struct ChainStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    blocks: SharedBlockstore,
    meta: Arc<dyn MetadataStore>,
    weigher: Arc<dyn Weigher>,
    options: ChainStoreOptions,
    tipsets: Cache<TipsetKey, Tipset>,
    pub(crate) message_cids: Cache<Cid, Arc<MessageCids>>,
    pub(crate) index: HeightIndex,
    genesis: OnceLock<Arc<BlockHeader>>,
    tracker: Mutex<Tracker>,
    head: RwLock<Option<HeadState>>,
    /// Held while a candidate is compared with the head and taken.
    taking: Mutex<()>,
    changes: Publisher,
}

/// The head and, once somebody has asked, its weight.
#[derive(Debug, Clone)]
struct HeadState {
    tipset: Tipset,
    weight: Option<BigInt>,
}

impl fmt::Debug for ChainStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainStore")
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}

impl ChainStore {
    /// Opens the chain that `blocks` and `meta` hold; both are empty at first.
    ///
    /// # Errors
    /// When the stored genesis or head cannot be read.
    pub fn open(
        blocks: SharedBlockstore,
        meta: Arc<dyn MetadataStore>,
        weigher: Arc<dyn Weigher>,
        options: ChainStoreOptions,
    ) -> Result<Self, ChainError> {
        let inner = Inner {
            tipsets: Cache::new(options.tipset_cache.get()),
            message_cids: Cache::new(options.message_list_cache.get()),
            index: HeightIndex::new(options.index_cache.get()),
            genesis: OnceLock::new(),
            tracker: Mutex::default(),
            head: RwLock::new(None),
            taking: Mutex::new(()),
            changes: Publisher::new(),
            blocks,
            meta,
            weigher,
            options,
        };
        let store = Self {
            inner: Arc::new(inner),
        };
        if let Some(cid) = store.stored::<Cid>(GENESIS_KEY)? {
            let header = store.header(&cid)?;
            store.inner.genesis.get_or_init(|| Arc::new(header));
        }
        if let Some(key) = store.stored::<TipsetKey>(HEAD_KEY)? {
            let tipset = store.tipset(&key)?;
            store.track(&tipset);
            *store.inner.head.write() = Some(HeadState {
                tipset,
                weight: None,
            });
        }
        Ok(store)
    }

    /// Where blocks lie. State and messages live there too.
    pub fn blocks(&self) -> &SharedBlockstore {
        &self.inner.blocks
    }

    /// The metadata beside the blocks.
    pub fn metadata(&self) -> &Arc<dyn MetadataStore> {
        &self.inner.meta
    }

    /// A header by CID.
    ///
    /// # Errors
    /// [`ChainError::NotFound`], [`ChainError::Malformed`].
    pub fn header(&self, cid: &Cid) -> Result<BlockHeader, ChainError> {
        messages::read(&self.inner.blocks, "block", cid)
    }

    /// A tipset by key. Does not block when it is in the cache.
    ///
    /// The order of the CIDs in `key` does not matter, as in Lotus. The empty key, which stands for
    /// the head in the API, is an error here.
    ///
    /// # Errors
    /// [`ChainError::NotFound`] names the first block that is missing; [`ChainError::BadTipset`].
    pub fn tipset(&self, key: &TipsetKey) -> Result<Tipset, ChainError> {
        if let Some(known) = self.inner.tipsets.get(key) {
            return Ok(known);
        }
        let headers = key
            .cids()
            .iter()
            .map(|cid| self.header(cid))
            .collect::<Result<_, _>>()?;
        let tipset = Tipset::new(headers).map_err(|error| ChainError::BadTipset {
            key: key.clone(),
            source: Box::new(error),
        })?;
        self.inner
            .tipsets
            .insert(tipset.key().clone(), tipset.clone());
        Ok(tipset)
    }

    /// The parent of a tipset.
    ///
    /// # Errors
    /// What [`ChainStore::tipset`] gives; [`ChainError::NotOneChain`] for genesis and when the parent
    /// is not lower than its child, so that every walk ends.
    pub fn parent(&self, tipset: &Tipset) -> Result<Tipset, ChainError> {
        let broken = || ChainError::NotOneChain {
            a: tipset.key().clone(),
            b: tipset.parents().clone(),
        };
        // The parent that genesis names is no block.
        if tipset.height() <= 0 {
            return Err(broken());
        }
        let parent = self.tipset(tipset.parents())?;
        if parent.height() < tipset.height() {
            Ok(parent)
        } else {
            Err(broken())
        }
    }

    /// The tipsets from `from` to genesis, newest first. Ends after the first error.
    pub fn walk_back(&self, from: Tipset) -> impl Iterator<Item = Result<Tipset, ChainError>> + '_ {
        std::iter::successors(Some(Ok(from)), |last| match last {
            Ok(tipset) if tipset.height() > 0 => Some(self.parent(tipset)),
            _ => None,
        })
    }

    /// True when all blocks of `key` are stored.
    ///
    /// # Errors
    /// When the store fails.
    pub fn has_tipset(&self, key: &TipsetKey) -> Result<bool, ChainError> {
        use lotus_blockstore::Blockstore as _;
        for cid in key.cids() {
            if !self.inner.blocks.has(cid).map_err(ChainError::store)? {
                return Ok(false);
            }
        }
        Ok(!key.is_empty())
    }

    /// Stores headers, validated or not: fetched ones wait here for their validation. They do not
    /// become part of any tipset by this; see [`ChainStore::add_block`].
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_headers(&self, headers: &[BlockHeader]) -> Result<(), ChainError> {
        let encoded: Vec<_> = headers.iter().map(wire::to_cbor).collect();
        let batch: Vec<_> = encoded
            .iter()
            .map(|bytes| (*Cid::of_block(bytes).inner(), bytes.as_slice()))
            .collect();
        self.inner
            .blocks
            .put_batch(&batch)
            .map_err(ChainError::store)
    }

    /// The genesis block; `None` in a store that has none yet. Does not block.
    pub fn genesis(&self) -> Option<Arc<BlockHeader>> {
        self.inner.genesis.get().cloned()
    }

    /// Stores the genesis block, durably. Again with the same one does nothing.
    ///
    /// # Errors
    /// [`ChainError::OtherGenesis`] when the store has another one.
    pub fn set_genesis(&self, header: &BlockHeader) -> Result<(), ChainError> {
        self.check_genesis(header)?;
        if self.genesis().is_some() {
            return Ok(());
        }
        self.put_headers(std::slice::from_ref(header))?;
        self.inner.blocks.flush().map_err(ChainError::store)?;
        self.store_meta(GENESIS_KEY, &header.cid())?;
        self.inner.genesis.get_or_init(|| Arc::new(header.clone()));
        Ok(())
    }

    /// Could `header` be this store's genesis? A store that has none takes any.
    pub(crate) fn check_genesis(&self, header: &BlockHeader) -> Result<(), ChainError> {
        let given = header.cid();
        match self.genesis().map(|have| have.cid()) {
            Some(have) if have != given => {
                let other = OtherGenesis { have, given };
                Err(ChainError::OtherGenesis(Box::new(other)))
            }
            _ => Ok(()),
        }
    }

    /// Head changes from now on, the present head first. Does not block.
    pub fn subscribe(&self) -> HeadStream {
        // The lock keeps a change from slipping in between reading the head and subscribing.
        let head = self.inner.head.read();
        self.inner
            .changes
            .subscribe(head.as_ref().map(|head| head.tipset.clone()))
    }

    fn stored<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ChainError> {
        let Some(bytes) = self.inner.meta.get(key).map_err(ChainError::store)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(ChainError::store)
    }

    fn store_meta(&self, key: &str, value: &impl serde::Serialize) -> Result<(), ChainError> {
        let bytes = serde_json::to_vec(value).map_err(ChainError::store)?;
        self.inner.meta.set(key, &bytes).map_err(ChainError::store)
    }
}

#[cfg(test)]
mod tests;
