//! Reads CBOR item heads from a slice, without building values.
//!
//! Just enough for link scanning and CAR headers: bytes come from outside, so every length is
//! checked against what is left before it is used, and nothing recurses.

/// Major type 0: unsigned integer.
pub(crate) const UINT: u8 = 0;
/// Major type 2: byte string.
pub(crate) const BYTES: u8 = 2;
/// Major type 3: text string.
pub(crate) const TEXT: u8 = 3;
/// Major type 4: array.
pub(crate) const ARRAY: u8 = 4;
/// Major type 5: map.
pub(crate) const MAP: u8 = 5;
/// Major type 6: tag.
pub(crate) const TAG: u8 = 6;
/// The tag that marks a link in DAG-CBOR.
pub(crate) const LINK_TAG: u64 = 42;
/// `null`: major type 7, value 22.
pub(crate) const NULL: (u8, u64) = (7, 22);

/// Why an item could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// The data ends inside an item.
    #[error("data ends inside an item at byte {0}")]
    Truncated(usize),
    /// An indefinite length or a reserved head, neither of which DAG-CBOR has.
    #[error("head that DAG-CBOR does not have at byte {0}")]
    BadHead(usize),
    /// A link that is no byte string with the multibase prefix 0, or no CID behind it.
    #[error("malformed link at byte {0}")]
    BadLink(usize),
}

/// A position in a slice of CBOR.
pub(crate) struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// Byte offset of the next item.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Bytes that are left.
    pub(crate) fn left(&self) -> usize {
        self.data.len().saturating_sub(self.at)
    }

    /// Major type and argument of the next item. For floats the argument is the bit pattern.
    pub(crate) fn head(&mut self) -> Result<(u8, u64), CborError> {
        let start = self.at;
        let first = *self.take(1)?.first().ok_or(CborError::Truncated(start))?;
        let argument = match first & 0x1f {
            low @ 0..=23 => u64::from(low),
            low @ 24..=27 => {
                let mut wide = [0u8; 8];
                let bytes = self.take(1 << (low - 24))?;
                if let Some(tail) = wide.get_mut(8 - bytes.len()..) {
                    tail.copy_from_slice(bytes);
                }
                u64::from_be_bytes(wide)
            }
            _ => return Err(CborError::BadHead(start)),
        };
        Ok((first >> 5, argument))
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], CborError> {
        let end = self.at.checked_add(len);
        let bytes = end.and_then(|end| self.data.get(self.at..end));
        let bytes = bytes.ok_or(CborError::Truncated(self.data.len()))?;
        self.at += len;
        Ok(bytes)
    }

    /// The body of a string whose head announced `len`.
    pub(crate) fn body(&mut self, len: u64) -> Result<&'a [u8], CborError> {
        let len = usize::try_from(len).map_err(|_| CborError::Truncated(self.data.len()))?;
        self.take(len)
    }

    /// The link behind a tag 42 that was just read.
    pub(crate) fn link(&mut self) -> Result<cid::Cid, CborError> {
        let start = self.at;
        let (major, len) = self.head()?;
        if major != BYTES {
            return Err(CborError::BadLink(start));
        }
        match self.body(len)?.split_first() {
            Some((0, cid)) => cid::Cid::try_from(cid).map_err(|_| CborError::BadLink(start)),
            _ => Err(CborError::BadLink(start)),
        }
    }
}

/// Calls `found` with every link of one DAG-CBOR item, in order of appearance.
///
/// Counts the items that are still due instead of recursing, so nesting costs nothing; a count that
/// exceeds the bytes left is refused at once, since every item takes at least one byte. Bytes after
/// the item are ignored, as the FVM and Lotus do when they scan.
pub(crate) fn scan_links(data: &[u8], mut found: impl FnMut(cid::Cid)) -> Result<(), CborError> {
    let mut cursor = Cursor::new(data);
    let mut due = 1u64;
    while due > 0 {
        due -= 1;
        let (major, argument) = cursor.head()?;
        let more = match major {
            BYTES | TEXT => {
                cursor.body(argument)?;
                0
            }
            ARRAY => argument,
            MAP => argument.saturating_mul(2),
            TAG if argument == LINK_TAG => {
                found(cursor.link()?);
                0
            }
            TAG => 1,
            _ => 0,
        };
        due = due.saturating_add(more);
        if due > cursor.left() as u64 {
            return Err(CborError::Truncated(data.len()));
        }
    }
    Ok(())
}
