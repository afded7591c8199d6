//! Valid blocks of recent epochs, so that blocks that arrive one by one form one tipset.

use std::collections::BTreeMap;

use lotus_types::{BlockHeader, ChainEpoch, Tipset};

/// Blocks remembered per epoch: far more than an honest network makes.
const MAX_PER_EPOCH: usize = 100;

/// Known valid blocks by height.
#[derive(Debug, Default)]
pub(super) struct Tracker(BTreeMap<ChainEpoch, Vec<BlockHeader>>);

impl Tracker {
    pub(super) fn add(&mut self, header: &BlockHeader) {
        let known = self.0.entry(header.height).or_default();
        if known.len() < MAX_PER_EPOCH && !known.contains(header) {
            known.push(header.clone());
        }
    }

    /// Forgets epochs below `height`.
    pub(super) fn forget_below(&mut self, height: ChainEpoch) {
        self.0 = self.0.split_off(&height);
    }

    /// The largest tipset that `header` belongs to: with all known blocks of its height and parents,
    /// one per miner. When a miner made several, `header` itself counts, then the one known first.
    pub(super) fn expand(&self, header: &BlockHeader) -> Tipset {
        let mut members = vec![header.clone()];
        for other in self.0.get(&header.height).into_iter().flatten() {
            let fits = other.parents == header.parents && other.ticket.is_some();
            if fits && members.iter().all(|member| member.miner != other.miner) {
                members.push(other.clone());
            }
        }
        // The only way to fail left is a block without a ticket, and `header` is valid.
        Tipset::new(members).unwrap_or_else(|_| {
            Tipset::new(vec![header.clone()]).expect("a valid block makes a tipset")
        })
    }
}
