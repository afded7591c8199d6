//! Sets of small numbers: sectors, partitions.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Most runs of a set read from JSON.
const MAX_RUNS: usize = 1 << 16;

/// A set of numbers. CBOR: RLE+ bytes; JSON: run lengths, beginning with numbers not in the set
/// (`[1,2]` is {1, 2}), `[0]` when empty, as Lotus prints it.
#[derive(Clone, Default, PartialEq)]
pub struct BitField(fvm_ipld_bitfield::BitField);

impl BitField {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A set of these numbers.
    ///
    /// # Errors
    /// When a number is u64::MAX, which RLE+ cannot hold.
    pub fn try_from_numbers(numbers: impl IntoIterator<Item = u64>) -> Result<Self, String> {
        fvm_ipld_bitfield::BitField::try_from_bits(numbers)
            .map(Self)
            .map_err(|e| e.to_string())
    }

    /// The numbers in order; at most `max` of them, an error when there are more.
    ///
    /// # Errors
    /// When the set is larger than `max`: foreign bit fields can name 2⁶⁴ numbers in 10 bytes.
    pub fn numbers(&self, max: u64) -> Result<Vec<u64>, String> {
        match self.0.bounded_iter(max) {
            Some(it) => Ok(it.collect()),
            None => Err(format!(
                "set of {} numbers is larger than {max}",
                self.0.len()
            )),
        }
    }

    /// How many numbers.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// True when it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when `number` is in it.
    pub fn contains(&self, number: u64) -> bool {
        self.0.get(number)
    }

    /// The same set in the type of the IPLD library.
    pub const fn inner(&self) -> &fvm_ipld_bitfield::BitField {
        &self.0
    }
}

impl From<fvm_ipld_bitfield::BitField> for BitField {
    fn from(b: fvm_ipld_bitfield::BitField) -> Self {
        Self(b)
    }
}

impl fmt::Debug for BitField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.ranges()).finish()
    }
}

impl Serialize for BitField {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if !s.is_human_readable() {
            return self.0.serialize(s);
        }
        let mut runs = Vec::new();
        let mut end = 0;
        for range in self.0.ranges() {
            runs.extend([range.start - end, range.end - range.start]);
            end = range.end;
        }
        if runs.is_empty() {
            runs.push(0);
        }
        runs.serialize(s)
    }
}

impl<'de> Deserialize<'de> for BitField {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if !d.is_human_readable() {
            return fvm_ipld_bitfield::BitField::deserialize(d).map(Self);
        }
        let runs = Option::<Vec<u64>>::deserialize(d)?.unwrap_or_default();
        if runs.len() > MAX_RUNS {
            return Err(de::Error::custom("bit field of too many runs"));
        }
        let mut ranges = Vec::new();
        let mut at = 0_u64;
        for (k, run) in runs.into_iter().enumerate() {
            let end = at
                .checked_add(run)
                .ok_or_else(|| de::Error::custom("bit field reaches beyond 2^64"))?;
            if k % 2 == 1 && run > 0 {
                ranges.push(at..end);
            }
            at = end;
        }
        Ok(Self(fvm_ipld_bitfield::BitField::from_ranges(
            fvm_ipld_bitfield::iter::Ranges::new(ranges),
        )))
    }
}
