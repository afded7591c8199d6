//! A chain export as a chain: every tipset from genesis to the exported head, in memory.
//!
//! For tools that execute or validate a whole export; a node uses the chain store.

use std::{collections::HashMap, sync::Arc};

use lotus_blockstore::{MemoryMetadata, SharedBlockstore};
use lotus_chain::{ChainStore, ChainStoreOptions, weight::BlockCountWeigher};
use lotus_ports::network::{BlockMessages, Fault};
use lotus_types::{BlockHeader, ChainEpoch, Cid, Tipset, TipsetKey};

use crate::ChainView;

/// All tipsets of an export, oldest first.
#[derive(Debug)]
pub struct ExportedChain {
    store: SharedBlockstore,
    chain: ChainStore,
    tipsets: Vec<Tipset>,
    index: HashMap<TipsetKey, usize>,
}

impl ExportedChain {
    /// Walks the headers in `store` from `head` down to genesis.
    ///
    /// # Errors
    /// When a header is missing or malformed, or heights do not fall from child to parent.
    pub fn open(store: SharedBlockstore, head: &[Cid]) -> Result<Self, Fault> {
        // Nothing is weighed here: the export names its head.
        let chain = ChainStore::open(
            store.clone(),
            Arc::new(MemoryMetadata::new()),
            Arc::new(BlockCountWeigher),
            ChainStoreOptions::default(),
        )?;
        let mut tipsets = vec![chain.tipset(&TipsetKey::new(head.to_vec()))?];
        while let Some(last) = tipsets.last()
            && last.height() > 0
        {
            let parent = chain.tipset(last.parents())?;
            if parent.height() >= last.height() {
                let (child, parent) = (last.height(), parent.height());
                return Err(format!("a tipset at {child} has a parent at {parent}").into());
            }
            tipsets.push(parent);
        }
        tipsets.reverse();
        let index = tipsets
            .iter()
            .enumerate()
            .map(|(k, t)| (t.key().clone(), k))
            .collect();
        Ok(Self {
            store,
            chain,
            tipsets,
            index,
        })
    }

    /// All tipsets, genesis first.
    pub fn tipsets(&self) -> &[Tipset] {
        &self.tipsets
    }

    /// The genesis tipset.
    pub fn genesis(&self) -> &Tipset {
        self.tipsets
            .first()
            .expect("an opened chain has at least its head")
    }

    /// Where its blocks lie.
    pub fn store(&self) -> &SharedBlockstore {
        &self.store
    }
}

impl ChainView for ExportedChain {
    fn tipset(&self, key: &TipsetKey) -> Result<Tipset, Fault> {
        let at = self.index.get(key).and_then(|k| self.tipsets.get(*k));
        at.cloned()
            .ok_or_else(|| format!("tipset {key} is not in the export").into())
    }

    fn block_messages(&self, header: &BlockHeader) -> Result<BlockMessages, Fault> {
        Ok(self.chain.block_messages(header)?)
    }

    fn tipset_at(&self, height: ChainEpoch, from: &Tipset, before: bool) -> Result<Tipset, Fault> {
        let end = *self
            .index
            .get(from.key())
            .ok_or_else(|| format!("tipset {} is not in the export", from.key()))?;
        if height < 0 || height > from.height() {
            return Err(format!("no tipset at {height} below {}", from.height()).into());
        }
        let chain = self.tipsets.get(..=end).unwrap_or_default();
        let after = chain.partition_point(|t| t.height() < height);
        let found = match chain.get(after) {
            Some(t) if before && t.height() > height => after.checked_sub(1),
            Some(_) => Some(after),
            None => None,
        };
        let found = found.and_then(|k| chain.get(k)).cloned();
        found.ok_or_else(|| format!("no tipset at {height}").into())
    }
}
