//! Finds the tipset of a height without loading every tipset on the way.
//!
//! For each tipset that a search passes, the first ancestor at or below the next multiple of
//! [`SKIP`] under it is remembered, together with that ancestor's height. Tipsets never change, so an
//! entry is right for good, on every fork.
//!
//! # Lotus parity
//! Lotus' chain index, same step width. Searches that end at a null round find the tipset after it;
//! [`ChainStore::tipset_by_height`] goes one back where that is wanted.

use lotus_types::{ChainEpoch, Tipset, TipsetKey};
use quick_cache::sync::Cache;

use crate::{ChainError, ChainStore};

/// Epochs per jump.
const SKIP: ChainEpoch = 20;

/// Where a jump from a tipset leads.
#[derive(Debug, Clone)]
struct Jump {
    to: TipsetKey,
    height: ChainEpoch,
}

/// Remembered jumps.
#[derive(Debug)]
pub(crate) struct HeightIndex {
    jumps: Cache<TipsetKey, Jump>,
}

impl HeightIndex {
    pub(crate) fn new(entries: usize) -> Self {
        Self {
            jumps: Cache::new(entries),
        }
    }
}

impl ChainStore {
    /// The tipset at `height` on the chain that ends in `from`. At a null round: the one before it
    /// (`before`), as `ChainGetTipSetByHeight` answers, or the one after it, as
    /// `ChainGetTipSetAfterHeight` answers.
    ///
    /// # Errors
    /// [`ChainError::NegativeHeight`], [`ChainError::HeightAboveStart`], and what loading gives.
    pub fn tipset_by_height(
        &self,
        height: ChainEpoch,
        from: &Tipset,
        before: bool,
    ) -> Result<Tipset, ChainError> {
        if height < 0 {
            return Err(ChainError::NegativeHeight(height));
        }
        if height > from.height() {
            return Err(ChainError::HeightAboveStart {
                height,
                start: from.height(),
            });
        }
        let found = self.lowest_not_below(height, from)?;
        if before && found.height() > height {
            return self.tipset(found.parents());
        }
        Ok(found)
    }

    /// The lowest tipset whose height is at least `height`; `height` is not above `from`.
    fn lowest_not_below(&self, height: ChainEpoch, from: &Tipset) -> Result<Tipset, ChainError> {
        let mut at = from.clone();
        while at.height() > height {
            let jump = self.jump_from(&at)?;
            if jump.height >= height {
                at = self.tipset(&jump.to)?;
                continue;
            }
            // The target lies within this stride; genesis is reached by a jump at the latest.
            let parent = self.parent(&at)?;
            if parent.height() < height {
                break;
            }
            at = parent;
        }
        Ok(at)
    }

    /// Where the jump from a tipset above height 0 leads.
    fn jump_from(&self, tipset: &Tipset) -> Result<Jump, ChainError> {
        if let Some(jump) = self.inner.index.jumps.get(tipset.key()) {
            return Ok(jump);
        }
        let boundary = (tipset.height() - 1) / SKIP * SKIP;
        let mut at = self.parent(tipset)?;
        while at.height() > boundary {
            at = self.parent(&at)?;
        }
        let jump = Jump {
            to: at.key().clone(),
            height: at.height(),
        };
        self.inner
            .index
            .jumps
            .insert(tipset.key().clone(), jump.clone());
        Ok(jump)
    }
}
