//! The way from one tipset to another.

use lotus_types::Tipset;

use crate::{ChainError, ChainStore, HeadChange};

/// What leads from one tipset to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// Leaves the chain: newest first, the start included, the common ancestor not.
    pub reverted: Vec<Tipset>,
    /// Enters the chain: oldest first, the end included.
    pub applied: Vec<Tipset>,
}

impl Path {
    /// As the steps of `ChainGetPath`.
    pub fn into_changes(self) -> Vec<HeadChange> {
        let reverts = self.reverted.into_iter().map(HeadChange::Revert);
        reverts
            .chain(self.applied.into_iter().map(HeadChange::Apply))
            .collect()
    }
}

impl ChainStore {
    /// The way from `from` to `to` over their common ancestor.
    ///
    /// # Errors
    /// [`ChainError::NotOneChain`] when they have none; what loading a tipset gives.
    pub fn path(&self, from: &Tipset, to: &Tipset) -> Result<Path, ChainError> {
        // A path this long does not exist: every step lowers one of two heights that begin at 0.
        self.path_within(from, to, usize::MAX)
            .map(Option::unwrap_or_default)
    }

    /// As [`ChainStore::path`], but `None` once more than `limit` tipsets would be reverted.
    pub(crate) fn path_within(
        &self,
        from: &Tipset,
        to: &Tipset,
        limit: usize,
    ) -> Result<Option<Path>, ChainError> {
        let (mut left, mut right) = (from.clone(), to.clone());
        let mut path = Path::default();
        while left != right {
            if left.height() > right.height() {
                if path.reverted.len() >= limit {
                    return Ok(None);
                }
                let parent = self.parent_below(&left, from, to)?;
                path.reverted.push(std::mem::replace(&mut left, parent));
            } else {
                let parent = self.parent_below(&right, from, to)?;
                path.applied.push(std::mem::replace(&mut right, parent));
            }
        }
        path.applied.reverse();
        Ok(Some(path))
    }

    /// The last tipset that both chains have.
    ///
    /// # Errors
    /// As [`ChainStore::path`].
    pub fn common_ancestor(&self, a: &Tipset, b: &Tipset) -> Result<Tipset, ChainError> {
        let (mut left, mut right) = (a.clone(), b.clone());
        while left != right {
            if left.height() > right.height() {
                left = self.parent_below(&left, a, b)?;
            } else {
                right = self.parent_below(&right, a, b)?;
            }
        }
        Ok(left)
    }

    /// True when `ancestor` is `descendant` or lies on its chain.
    ///
    /// # Errors
    /// What loading a tipset gives.
    pub fn is_ancestor_of(
        &self,
        ancestor: &Tipset,
        descendant: &Tipset,
    ) -> Result<bool, ChainError> {
        if ancestor.height() > descendant.height() {
            return Ok(false);
        }
        Ok(self.tipset_by_height(ancestor.height(), descendant, false)? == *ancestor)
    }

    /// The parent of a tipset on the way between `a` and `b`.
    fn parent_below(&self, tipset: &Tipset, a: &Tipset, b: &Tipset) -> Result<Tipset, ChainError> {
        if tipset.height() <= 0 {
            return Err(ChainError::NotOneChain {
                a: a.key().clone(),
                b: b.key().clone(),
            });
        }
        self.parent(tipset)
    }
}
