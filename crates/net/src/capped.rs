//! Lists with a bound on their length when they come from outside.
//!
//! A byte on the wire can become a hundred in memory (an empty list is one byte), so a limit on the
//! size of a message does not bound what decoding it takes. Lotus' decoders have the same kind of
//! limit: 8192 items for every list.

use std::{fmt, marker::PhantomData, ops::Deref};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
};

/// A list of at most `MAX` items. Longer ones are not decoded; making one here is not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capped<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Capped<T, MAX> {
    /// The list.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for Capped<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> From<Vec<T>> for Capped<T, MAX> {
    fn from(items: Vec<T>) -> Self {
        Self(items)
    }
}

impl<T, const MAX: usize> Deref for Capped<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Serialize, const MAX: usize> Serialize for Capped<T, MAX> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Capped<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_seq(Reader(PhantomData))
    }
}

struct Reader<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Reader<T, MAX> {
    type Value = Capped<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let declared = seq.size_hint().unwrap_or_default();
        if declared > MAX {
            return Err(A::Error::invalid_length(declared, &self));
        }
        let mut items = Vec::with_capacity(declared.min(64));
        while let Some(item) = seq.next_element()? {
            if items.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            items.push(item);
        }
        Ok(Capped(items))
    }
}

#[cfg(test)]
mod tests {
    use lotus_types::wire::{from_cbor, to_cbor};

    use super::*;

    #[test]
    fn a_list_at_the_bound_is_read_and_a_longer_one_is_not() {
        let three = to_cbor(&vec![1_u64, 2, 3]);
        let read: Capped<u64, 3> = from_cbor(&three).expect("three items fit");
        assert_eq!(read.into_inner(), [1, 2, 3]);
        let error = from_cbor::<Capped<u64, 2>>(&three).expect_err("three items are too many");
        assert!(error.to_string().contains("at most 2 items"), "{error}");
    }
}
