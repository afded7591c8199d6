//! HAMTs with typed keys.

use std::marker::PhantomData;

use fvm_ipld_blockstore::Blockstore;
use fvm_ipld_hamt::{BytesKey, Hamt};
use lotus_types::{
    Address, Cid,
    address::{read_uvarint, write_uvarint},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::StateError;

/// Bits per level of most HAMTs in the state.
pub const HAMT_BIT_WIDTH: u32 = 5;

/// How a key is written in a HAMT.
pub trait MapKey: Sized {
    /// Its bytes.
    fn to_key(&self) -> Vec<u8>;
    /// Reads them; `None` when they are no such key.
    fn from_key(bytes: &[u8]) -> Option<Self>;
}

/// The address' binary form.
impl MapKey for Address {
    fn to_key(&self) -> Vec<u8> {
        self.to_bytes()
    }
    fn from_key(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes).ok()
    }
}

/// LEB128: actor ids, sector numbers, deal, allocation and claim ids.
impl MapKey for u64 {
    fn to_key(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(10);
        write_uvarint(&mut out, *self);
        out
    }
    fn from_key(bytes: &[u8]) -> Option<Self> {
        read_uvarint(bytes).and_then(|(n, rest)| rest.is_empty().then_some(n))
    }
}

/// LEB128 of the zigzag form: epochs and transaction ids.
impl MapKey for i64 {
    fn to_key(&self) -> Vec<u8> {
        (((*self << 1) ^ (*self >> 63)) as u64).to_key()
    }
    fn from_key(bytes: &[u8]) -> Option<Self> {
        u64::from_key(bytes).map(|z| ((z >> 1) as i64) ^ -((z & 1) as i64))
    }
}

/// The bytes themselves.
impl MapKey for Vec<u8> {
    fn to_key(&self) -> Vec<u8> {
        self.clone()
    }
    fn from_key(bytes: &[u8]) -> Option<Self> {
        Some(bytes.to_vec())
    }
}

/// The CID's binary form.
impl MapKey for Cid {
    fn to_key(&self) -> Vec<u8> {
        self.to_bytes()
    }
    fn from_key(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes).ok()
    }
}

/// A map in the state, from `K` to `V`.
pub struct Map<'s, S, K, V> {
    hamt: Hamt<&'s S, V, BytesKey>,
    what: &'static str,
    key: PhantomData<fn() -> K>,
}

impl<S, K, V> std::fmt::Debug for Map<'_, S, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Map({})", self.what)
    }
}

impl<'s, S, K, V> Map<'s, S, K, V>
where
    S: Blockstore,
    K: MapKey,
    V: Serialize + DeserializeOwned,
{
    /// Opens the map under `root`; reads its root node only.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn load(
        store: &'s S,
        root: &Cid,
        bit_width: u32,
        what: &'static str,
    ) -> Result<Self, StateError> {
        let hamt = Hamt::load_with_bit_width(root.inner(), store, bit_width)
            .map_err(|e| StateError::from_hamt(what, e))?;
        Ok(Self {
            hamt,
            what,
            key: PhantomData,
        })
    }

    /// A map without entries.
    pub fn empty(store: &'s S, bit_width: u32, what: &'static str) -> Self {
        Self {
            hamt: Hamt::new_with_bit_width(store, bit_width),
            what,
            key: PhantomData,
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn get(&self, key: &K) -> Result<Option<&V>, StateError> {
        let key = BytesKey(key.to_key());
        self.hamt
            .get(&key)
            .map_err(|e| StateError::from_hamt(self.what, e))
    }

    /// Visits all entries, in the order of their keys' hashes, without keeping nodes in memory.
    ///
    /// # Errors
    /// [`StateError`]; the first one of `visit` ends the walk.
    pub fn for_each(
        &self,
        mut visit: impl FnMut(K, &V) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let walk = self.hamt.for_each_cacheless(|key, value| {
            let key = K::from_key(key)
                .ok_or_else(|| StateError::malformed(self.what, format!("key {key:?}")))?;
            Ok(visit(key, value)?)
        });
        walk.map_err(|e| StateError::from_hamt(self.what, e))
    }

    /// All entries.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn entries(&self) -> Result<Vec<(K, V)>, StateError>
    where
        V: Clone,
    {
        let mut out = Vec::new();
        self.for_each(|key, value| {
            out.push((key, value.clone()));
            Ok(())
        })?;
        Ok(out)
    }

    /// Sets a value; it is written by [`Map::flush`].
    ///
    /// # Errors
    /// [`StateError`] when a node cannot be read.
    pub fn set(&mut self, key: &K, value: V) -> Result<(), StateError>
    where
        V: PartialEq,
    {
        let set = self.hamt.set(BytesKey(key.to_key()), value);
        set.map(drop)
            .map_err(|e| StateError::from_hamt(self.what, e))
    }

    /// Writes what was set and gives the new root.
    ///
    /// # Errors
    /// [`StateError::Fault`] when the store fails.
    pub fn flush(&mut self) -> Result<Cid, StateError> {
        self.hamt
            .flush()
            .map(Cid::from)
            .map_err(|e| StateError::from_hamt(self.what, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_as_written() {
        for n in [0_i64, 1, -1, 63, 64, -65, i64::MAX, i64::MIN] {
            assert_eq!(i64::from_key(&n.to_key()), Some(n));
        }
        for n in [0_u64, 127, 128, u64::MAX] {
            assert_eq!(u64::from_key(&n.to_key()), Some(n));
        }
        assert_eq!((-1_i64).to_key(), [1]);
        assert_eq!(300_u64.to_key(), [0xac, 2]);
        assert_eq!(u64::from_key(&[1, 0]), None);
    }
}
