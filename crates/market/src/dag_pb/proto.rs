//! The little of protobuf that DAG-PB and UnixFS need: varints and byte strings.

use lotus_types::address::{read_uvarint, write_uvarint};

/// Not protobuf, or not in its shortest form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no valid field at byte {at}")]
pub struct Malformed {
    /// Where, from the start of the message.
    pub at: usize,
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
}

/// Goes through a message field by field.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self {
            rest: message,
            len: message.len(),
        }
    }

    /// Number and value of the next field; `None` at the end of the message.
    pub(crate) fn field(&mut self) -> Result<Option<(u64, Field<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.len - self.rest.len();
        let (number, field, rest) = take(self.rest).ok_or(Malformed { at })?;
        self.rest = rest;
        Ok(Some((number, field)))
    }
}

fn take(bytes: &[u8]) -> Option<(u64, Field<'_>, &[u8])> {
    let (key, rest) = read_uvarint(bytes)?;
    let (value, rest) = read_uvarint(rest)?;
    match (key >> 3, key & 7) {
        (0, _) => None,
        (number, 0) => Some((number, Field::Varint(value), rest)),
        (number, 2) => {
            let (bytes, rest) = rest.split_at_checked(usize::try_from(value).ok()?)?;
            Some((number, Field::Bytes(bytes), rest))
        }
        _ => None,
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, number: u64, value: u64) {
    write_uvarint(out, number << 3);
    write_uvarint(out, value);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    write_uvarint(out, number << 3 | 2);
    write_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
