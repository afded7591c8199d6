//! AMTs: sparse arrays in the state. Their bit width is written in their root.

use fvm_ipld_amt::Amt;
use fvm_ipld_blockstore::Blockstore;
use lotus_types::Cid;
use serde::{Serialize, de::DeserializeOwned};

use crate::StateError;

/// A sparse array in the state.
pub struct Array<'s, S, V> {
    amt: Amt<V, &'s S>,
    what: &'static str,
}

impl<S, V> std::fmt::Debug for Array<'_, S, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Array({})", self.what)
    }
}

impl<'s, S, V> Array<'s, S, V>
where
    S: Blockstore,
    V: Serialize + DeserializeOwned,
{
    /// Opens the array under `root`; reads its root node only.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn load(store: &'s S, root: &Cid, what: &'static str) -> Result<Self, StateError> {
        let amt = Amt::load(root.inner(), store).map_err(|e| StateError::from_amt(what, e))?;
        Ok(Self { amt, what })
    }

    /// An array without elements.
    pub fn empty(store: &'s S, bit_width: u32, what: &'static str) -> Self {
        Self {
            amt: Amt::new_with_bit_width(store, bit_width),
            what,
        }
    }

    /// Sets an element; it is written by [`Array::flush`].
    ///
    /// # Errors
    /// [`StateError`] when a node cannot be read or the index is out of range.
    pub fn set(&mut self, index: u64, value: V) -> Result<(), StateError> {
        self.amt
            .set(index, value)
            .map_err(|e| StateError::from_amt(self.what, e))
    }

    /// Writes what was set and gives the new root.
    ///
    /// # Errors
    /// [`StateError::Fault`] when the store fails.
    pub fn flush(&mut self) -> Result<Cid, StateError> {
        self.amt
            .flush()
            .map(Cid::from)
            .map_err(|e| StateError::from_amt(self.what, e))
    }

    /// How many elements it has.
    pub fn count(&self) -> u64 {
        self.amt.count()
    }

    /// The element at an index; `None` when there is none, or the index is out of range.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn get(&self, index: u64) -> Result<Option<&V>, StateError> {
        match self.amt.get(index) {
            Err(fvm_ipld_amt::Error::OutOfRange(_)) => Ok(None),
            other => other.map_err(|e| StateError::from_amt(self.what, e)),
        }
    }

    /// Visits all elements in the order of their indices, without keeping nodes in memory.
    ///
    /// # Errors
    /// [`StateError`]; the first one of `visit` ends the walk.
    pub fn for_each(
        &self,
        mut visit: impl FnMut(u64, &V) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let walk = self
            .amt
            .for_each_cacheless(|index, value| Ok(visit(index, value)?));
        walk.map_err(|e| StateError::from_amt(self.what, e))
    }

    /// All elements with their indices, in order.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn entries(&self) -> Result<Vec<(u64, V)>, StateError>
    where
        V: Clone,
    {
        let mut out = Vec::new();
        self.for_each(|index, value| {
            out.push((index, value.clone()));
            Ok(())
        })?;
        Ok(out)
    }
}
