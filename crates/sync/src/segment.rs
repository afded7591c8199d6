//! Linking fetched headers to the chain that is here.
//!
//! Headers come newest first, in batches, until one whose parents are stored. Pure: what is stored is
//! asked through a function.

use lotus_networks::policy::CHAIN_FINALITY;
use lotus_types::{ChainEpoch, Tipset, TipsetKey};

/// Most headers fetched at once.
const BATCH: u64 = 100;
/// Most headers held for one sync: bounds the memory that a long invented chain can take.
const MAX_SEGMENT: usize = 2_000_000;

/// What our chain allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Epoch of our head: a chain that forks off more than finality below it is refused.
    pub head: ChainEpoch,
    /// Epoch of the checkpoint, if there is one: nothing may fork off below it.
    pub checkpoint: Option<ChainEpoch>,
}

impl Bounds {
    /// The lowest epoch at which a chain may leave ours.
    pub fn lowest_fork(&self) -> ChainEpoch {
        let final_below = self.head.saturating_sub(CHAIN_FINALITY);
        self.checkpoint.unwrap_or(0).max(final_below).max(0)
    }
}

/// Why fetched headers lead nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Not the chain that was asked for.
    #[error("peer sent {got}, not {wanted}")]
    NotLinked {
        /// What was asked for.
        wanted: TipsetKey,
        /// What came.
        got: TipsetKey,
    },
    /// A child that is not above its parent.
    #[error("tipset at {height} is not below its child at {child}")]
    Height {
        /// Of the parent.
        height: ChainEpoch,
        /// Of the child.
        child: ChainEpoch,
    },
    /// It leaves our chain below finality or below the checkpoint, or is another network's.
    #[error(
        "fork detected, and it is too long: still unlinked at epoch {at}, lowest allowed is {lowest}"
    )]
    ForkTooLong {
        /// Epoch reached.
        at: ChainEpoch,
        /// Lowest epoch at which it had to meet our chain.
        lowest: ChainEpoch,
    },
    /// More headers than can be held.
    #[error("chain segment is longer than {MAX_SEGMENT} tipsets")]
    TooLong,
}

/// What to fetch next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// So many tipsets ending in this one.
    Fetch(TipsetKey, u64),
    /// Nothing: the oldest one's parents are stored.
    Linked,
}

/// Headers from a target down to our chain.
#[derive(Debug, Clone)]
pub struct Segment {
    target: TipsetKey,
    bounds: Bounds,
    /// Newest first.
    tipsets: Vec<Tipset>,
}

impl Segment {
    /// Nothing fetched yet.
    pub fn new(target: TipsetKey, bounds: Bounds) -> Self {
        Self {
            target,
            bounds,
            tipsets: Vec::new(),
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// [`SegmentError::ForkTooLong`], [`SegmentError::TooLong`].
    pub fn step(&self, is_stored: impl Fn(&TipsetKey) -> bool) -> Result<Step, SegmentError> {
        let Some(oldest) = self.tipsets.last() else {
            return Ok(Step::Fetch(self.target.clone(), 1));
        };
        if is_stored(oldest.parents()) {
            return Ok(Step::Linked);
        }
        // Its parents are below it and not ours: the fork begins lower still.
        let (at, lowest) = (oldest.height(), self.bounds.lowest_fork());
        if at <= lowest.saturating_add(1) {
            return Err(SegmentError::ForkTooLong { at, lowest });
        }
        if self.tipsets.len() >= MAX_SEGMENT {
            return Err(SegmentError::TooLong);
        }
        let above = u64::try_from(at - lowest).unwrap_or(1);
        Ok(Step::Fetch(oldest.parents().clone(), above.clamp(1, BATCH)))
    }

    /// Takes fetched tipsets, newest first, up to the first whose parents are stored.
    ///
    /// # Errors
    /// [`SegmentError::NotLinked`], [`SegmentError::Height`].
    pub fn extend(
        &mut self,
        fetched: impl IntoIterator<Item = Tipset>,
        is_stored: impl Fn(&TipsetKey) -> bool,
    ) -> Result<(), SegmentError> {
        for tipset in fetched {
            let below = self.tipsets.last();
            let wanted = below.map_or(&self.target, |child| child.parents());
            if !same_blocks(tipset.key(), wanted) {
                let (wanted, got) = (wanted.clone(), tipset.key().clone());
                return Err(SegmentError::NotLinked { wanted, got });
            }
            if let Some(child) = below.map(Tipset::height).filter(|c| *c <= tipset.height()) {
                return Err(SegmentError::Height {
                    height: tipset.height(),
                    child,
                });
            }
            let done = is_stored(tipset.parents());
            self.tipsets.push(tipset);
            if done {
                break;
            }
        }
        Ok(())
    }

    /// The newest one, once it is here.
    pub fn target(&self) -> Option<&Tipset> {
        self.tipsets.first()
    }

    /// All tipsets, newest first.
    pub fn into_tipsets(self) -> Vec<Tipset> {
        self.tipsets
    }
}

/// A claim may list a tipset's blocks in any order.
fn same_blocks(a: &TipsetKey, b: &TipsetKey) -> bool {
    a.cids().len() == b.cids().len() && a.cids().iter().all(|cid| b.cids().contains(cid))
}
