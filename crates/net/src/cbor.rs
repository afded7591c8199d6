//! Finding the end of a CBOR value in a stream of untrusted bytes, without building it.
//!
//! Request streams carry one value without a length in front, and the sender may keep the stream
//! open for the answer. [`Scanner`] walks the value's structure as bytes arrive and says when it is
//! complete, so that reading stops at the right byte and never waits for more.
//!
//! # Invariants
//! - Constant memory, time linear in the bytes seen: nothing is allocated for declared lengths, and
//!   nesting needs no stack.
//! - Refuses what DAG-CBOR has not: indefinite lengths, integers longer than necessary, tags other
//!   than 42, simple values other than booleans, null and 64-bit floats.
//! - Refuses a value as soon as its declared lengths exceed the limit, before the bytes arrive.

/// Why bytes are not an acceptable CBOR value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Not DAG-CBOR.
    #[error("not DAG-CBOR at byte {at}")]
    Malformed {
        /// Offset of the offending item.
        at: usize,
    },
    /// The value is, or says that it is, larger than allowed.
    #[error("the value is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// A resumable walk over one CBOR value.
#[derive(Debug)]
pub(crate) struct Scanner {
    limit: usize,
    /// Items that must still begin, this being the outermost at first.
    pending: u64,
    /// Offset of the next item; may lie beyond the bytes seen so far (inside a string).
    next: usize,
}

impl Scanner {
    /// A walk over a value of at most `limit` bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            limit,
            pending: 1,
            next: 0,
        }
    }

    /// Goes on with all bytes received so far. `Some(length)` when the value is complete; bytes after
    /// it belong to something else.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, ScanError> {
        while self.pending > 0 {
            let Some(rest) = bytes.get(self.next..).filter(|r| !r.is_empty()) else {
                return Ok(None);
            };
            let Some(item) = Item::read(rest, self.next)? else {
                return Ok(None);
            };
            let children = u64::try_from(self.room()).unwrap_or(u64::MAX);
            // Each pending item takes a byte at least.
            let pending = (self.pending - 1).saturating_add(item.children);
            if pending > children {
                return Err(self.too_large());
            }
            self.pending = pending;
            let payload = usize::try_from(item.payload).map_err(|_| self.too_large())?;
            self.next = (self.next + item.head)
                .checked_add(payload)
                .filter(|end| *end <= self.limit)
                .ok_or_else(|| self.too_large())?;
        }
        Ok((bytes.len() >= self.next).then_some(self.next))
    }

    const fn room(&self) -> usize {
        self.limit.saturating_sub(self.next)
    }

    const fn too_large(&self) -> ScanError {
        ScanError::TooLarge { limit: self.limit }
    }
}

/// The head of a data item.
struct Item {
    /// Bytes of the head.
    head: usize,
    /// Bytes of string content that follow.
    payload: u64,
    /// Items that follow inside.
    children: u64,
}

impl Item {
    /// Reads the head at the start of `rest` (not empty); `None` when it is incomplete.
    fn read(rest: &[u8], at: usize) -> Result<Option<Self>, ScanError> {
        let malformed = ScanError::Malformed { at };
        let Some((first, tail)) = rest.split_first() else {
            return Ok(None);
        };
        let (major, info) = (first >> 5, first & 0x1f);
        let extra = match info {
            0..=23 => 0,
            24..=27 => 1_usize << (info - 24),
            _ => return Err(malformed),
        };
        if major == 7 {
            return match info {
                20..=22 => Ok(Some(Self {
                    head: 1,
                    payload: 0,
                    children: 0,
                })),
                27 => Ok(Some(Self {
                    head: 1,
                    payload: 8,
                    children: 0,
                })),
                _ => Err(malformed),
            };
        }
        let Some(digits) = tail.get(..extra) else {
            return Ok(None);
        };
        let value = if extra == 0 {
            u64::from(info)
        } else {
            digits.iter().fold(0_u64, |n, d| (n << 8) | u64::from(*d))
        };
        let shortest = match extra {
            0 => true,
            1 => value >= 24,
            2 => value > 0xff,
            4 => value > 0xffff,
            _ => value > 0xffff_ffff,
        };
        if !shortest {
            return Err(malformed);
        }
        let (payload, children) = match major {
            0 | 1 => (0, 0),
            2 | 3 => (value, 0),
            4 => (0, value),
            5 => (0, value.checked_mul(2).ok_or(malformed)?),
            _ if value == 42 => (0, 1),
            _ => return Err(malformed),
        };
        Ok(Some(Self {
            head: 1 + extra,
            payload,
            children,
        }))
    }
}

#[cfg(test)]
mod tests;
