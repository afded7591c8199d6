//! The heaviest tipset.
//!
//! # Lotus parity
//! `PutTipSet`, `MaybeTakeHeavierTipSet`, `SetHead` of Lotus' chain store. A candidate of equal weight
//! wins by its tickets; one that would revert more than finality is refused with an error in the log.

use lotus_blockstore::Store;
use lotus_networks::policy::CHAIN_FINALITY;
use lotus_types::{BigInt, BlockHeader, Tipset};

use super::{ChainStore, HEAD_KEY, HeadState};
use crate::{ChainError, path::Path, weight::wins_tie};

impl ChainStore {
    /// The head; `None` in a store that has none yet. Does not block.
    pub fn head(&self) -> Option<Tipset> {
        self.inner
            .head
            .read()
            .as_ref()
            .map(|head| head.tipset.clone())
    }

    /// The head, or an error that says that there is none.
    ///
    /// # Errors
    /// [`ChainError::NoHead`].
    pub fn require_head(&self) -> Result<Tipset, ChainError> {
        self.head().ok_or(ChainError::NoHead)
    }

    /// The weight of the chain that ends in `tipset`.
    ///
    /// # Errors
    /// [`ChainError::Weight`] when the state of its parents cannot be read.
    pub fn weight(&self, tipset: &Tipset) -> Result<BigInt, ChainError> {
        let weight = self.inner.weigher.weight(&self.inner.blocks, tipset);
        weight.map_err(|source| ChainError::Weight {
            key: tipset.key().clone(),
            source,
        })
    }

    /// The head and its weight, which is worked out once per head.
    ///
    /// # Errors
    /// [`ChainError::NoHead`], [`ChainError::Weight`].
    pub fn head_and_weight(&self) -> Result<(Tipset, BigInt), ChainError> {
        let head = self.inner.head.read().clone().ok_or(ChainError::NoHead)?;
        if let Some(weight) = head.weight {
            return Ok((head.tipset, weight));
        }
        let weight = self.weight(&head.tipset)?;
        if let Some(now) = self.inner.head.write().as_mut()
            && now.tipset == head.tipset
        {
            now.weight = Some(weight.clone());
        }
        Ok((head.tipset, weight))
    }

    /// Takes a **valid** block whose messages are stored: it joins the other valid blocks of its
    /// epoch with the same parents, and the tipset they make becomes the head if it is the heaviest.
    /// Returns that tipset and whether it is the head now.
    ///
    /// # Errors
    /// What storing and weighing give.
    pub fn add_block(&self, header: &BlockHeader) -> Result<(Tipset, bool), ChainError> {
        self.put_headers(std::slice::from_ref(header))?;
        let expanded = {
            let mut tracker = self.inner.tracker.lock();
            tracker.add(header);
            tracker.expand(header)
        };
        let taken = self.take_if_heavier(&expanded)?;
        Ok((expanded, taken))
    }

    /// Takes a **valid** tipset; as [`ChainStore::add_block`] for all its blocks at once.
    ///
    /// # Errors
    /// What storing and weighing give.
    pub fn add_tipset(&self, tipset: &Tipset) -> Result<(Tipset, bool), ChainError> {
        self.put_headers(tipset.blocks())?;
        let expanded = {
            let mut tracker = self.inner.tracker.lock();
            tipset
                .blocks()
                .iter()
                .for_each(|header| tracker.add(header));
            tracker.expand(tipset.min_ticket_block())
        };
        // With a miner that made two blocks the expansion may lack one of the tipset's own.
        let whole = tipset
            .cids()
            .iter()
            .all(|cid| expanded.cids().contains(cid));
        let candidate = if whole { expanded } else { tipset.clone() };
        let taken = self.take_if_heavier(&candidate)?;
        Ok((candidate, taken))
    }

    /// The tipset that `header` makes with the valid blocks known so far.
    pub fn expand(&self, header: &BlockHeader) -> Tipset {
        self.inner.tracker.lock().expand(header)
    }

    /// Makes `tipset` the head if it is heavier than the head; true when it was taken.
    ///
    /// # Errors
    /// What weighing, walking the fork and storing give.
    pub fn take_if_heavier(&self, tipset: &Tipset) -> Result<bool, ChainError> {
        let _taking = self.inner.taking.lock();
        let weight = self.weight(tipset)?;
        let path = match self.head() {
            None => Path {
                reverted: Vec::new(),
                applied: vec![tipset.clone()],
            },
            Some(head) if head == *tipset => return Ok(false),
            Some(_) => {
                let (head, present) = self.head_and_weight()?;
                if weight < present || (weight == present && !wins_tie(tipset, &head)) {
                    return Ok(false);
                }
                let limit = self.inner.options.fork_limit;
                let Some(path) = self.path_within(&head, tipset, limit)? else {
                    tracing::error!(?head, candidate = ?tipset, limit, "heavier chain forks off too far back");
                    return Ok(false);
                };
                path
            }
        };
        self.take(tipset, Some(weight), path)?;
        Ok(true)
    }

    /// Makes `tipset` the head whatever its weight: after an import, or when an operator asks for it.
    ///
    /// # Errors
    /// What walking from the present head and storing give.
    pub fn set_head(&self, tipset: &Tipset) -> Result<(), ChainError> {
        let _taking = self.inner.taking.lock();
        let path = match self.head() {
            Some(head) => self.path(&head, tipset)?,
            None => Path {
                reverted: Vec::new(),
                applied: vec![tipset.clone()],
            },
        };
        self.put_headers(tipset.blocks())?;
        self.track(tipset);
        self.take(tipset, None, path)
    }

    pub(super) fn track(&self, tipset: &Tipset) {
        let mut tracker = self.inner.tracker.lock();
        tipset
            .blocks()
            .iter()
            .for_each(|header| tracker.add(header));
    }

    /// Called with `taking` held. Durable first, then visible.
    fn take(&self, tipset: &Tipset, weight: Option<BigInt>, path: Path) -> Result<(), ChainError> {
        self.inner.blocks.flush().map_err(ChainError::store)?;
        self.store_meta(HEAD_KEY, tipset.key())?;
        self.inner
            .tipsets
            .insert(tipset.key().clone(), tipset.clone());
        self.inner
            .tracker
            .lock()
            .forget_below(tipset.height() - CHAIN_FINALITY);
        // Published under the lock, so that a subscriber's first event fits what follows.
        let mut head = self.inner.head.write();
        *head = Some(HeadState {
            tipset: tipset.clone(),
            weight,
        });
        self.inner.changes.publish(path.reverted, path.applied);
        Ok(())
    }
}
