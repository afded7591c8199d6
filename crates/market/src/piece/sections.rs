//! Header and sections of a CAR v1, as bytes come and go.
//!
//! A push parser: whoever has bytes, from a file or from a peer, hands them in and takes complete
//! sections out. It differs from [`lotus_blockstore::car`] in that it never waits for input and reads
//! identity CIDs of any length that Lotus writes.
//!
//! # Invariants
//! - Memory is bounded by the largest section allowed plus what is pushed at once.
//! - Blocks come out unchecked: whoever takes them compares them with their CID.

use cid::CidGeneric;
use lotus_types::address::{read_uvarint, write_uvarint};
use serde::{Deserialize, Serialize};

use super::MAX_BLOCK;
use crate::dag_pb::{Link, MAX_INLINE};

/// Longest header: several thousand roots.
const MAX_HEADER: usize = 1 << 18;
/// Longest CID that a section may have.
const MAX_CID: usize = MAX_INLINE + 32;
/// Bytes of the longest varint that is read.
const MAX_VARINT: usize = 10;

/// Why bytes are no CAR v1. Offsets count from its start, blocks from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SectionError {
    /// It does not start like one.
    #[error("not a CAR: {0}")]
    NotACar(String),
    /// A length that is no varint in its shortest form.
    #[error("the length of block {block} at byte {offset} is not a minimal varint")]
    BadLength {
        /// Number of the block.
        block: u64,
        /// Where it starts.
        offset: u64,
    },
    /// A block that is too large.
    #[error("block {block} at byte {offset} has {len} bytes, more than the allowed {max}")]
    TooLarge {
        /// Number of the block.
        block: u64,
        /// Where it starts.
        offset: u64,
        /// Bytes announced, CID included.
        len: u64,
        /// The cap.
        max: u64,
    },
    /// A section that does not begin with a CID.
    #[error("block {block} at byte {offset}: {reason}")]
    BadCid {
        /// Number of the block.
        block: u64,
        /// Where it starts.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// The end came inside the header or a block.
    #[error("truncated: it ends at byte {offset}, inside {inside}")]
    Truncated {
        /// Where it ends.
        offset: u64,
        /// What it ends inside of.
        inside: String,
    },
}

/// A block of a CAR, not checked against its CID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its CID.
    pub link: Link,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Where `data` starts in the CAR.
    pub offset: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    roots: Vec<CidGeneric<MAX_INLINE>>,
    version: u64,
}

/// The parser.
#[derive(Debug)]
pub struct Sections {
    max_block: usize,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are used up.
    used: usize,
    /// Where `buffer` starts in the CAR.
    base: u64,
    roots: Option<Vec<Link>>,
    blocks: u64,
    ended: bool,
}

impl Default for Sections {
    fn default() -> Self {
        Self::new(MAX_BLOCK)
    }
}

impl Sections {
    /// A parser that takes blocks of at most `max_block` bytes.
    pub fn new(max_block: usize) -> Self {
        Self {
            max_block,
            buffer: Vec::new(),
            used: 0,
            base: 0,
            roots: None,
            blocks: 0,
            ended: false,
        }
    }

    /// The roots, once the header is complete (after the first call of [`Self::section`] that had it).
    pub fn roots(&self) -> Option<&[Link]> {
        self.roots.as_deref()
    }

    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.ended {
            return;
        }
        self.base += self.used as u64;
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next section; `None` when more bytes are needed for one.
    ///
    /// A section of length zero ends the CAR: what follows is the padding of a piece.
    ///
    /// # Errors
    /// [`SectionError`]. The parser must not be used after that.
    pub fn section(&mut self) -> Result<Option<Section>, SectionError> {
        if self.ended {
            return Ok(None);
        }
        if self.roots.is_none() && !self.take_header()? {
            return Ok(None);
        }
        let offset = self.offset();
        let Some((len, head)) = self.peek_len()? else {
            return Ok(None);
        };
        if len == 0 {
            self.ended = true;
            return Ok(None);
        }
        let max = (self.max_block + MAX_CID) as u64;
        let too_large = SectionError::TooLarge {
            block: self.blocks,
            offset,
            len,
            max,
        };
        let len = usize::try_from(len).ok().filter(|len| *len as u64 <= max);
        let len = len.ok_or(too_large)?;
        let Some(section) = self.rest().get(head..head + len) else {
            return Ok(None);
        };
        let (link, data) = Link::read(section).map_err(|e| SectionError::BadCid {
            block: self.blocks,
            offset,
            reason: e.to_string(),
        })?;
        let (data, head) = (data.to_vec(), head + len - data.len());
        self.used += head + data.len();
        self.blocks += 1;
        Ok(Some(Section {
            link,
            data,
            offset: offset + head as u64,
        }))
    }

    /// Says that no more bytes will come.
    ///
    /// # Errors
    /// [`SectionError::Truncated`] when something is incomplete.
    pub fn finish(&self) -> Result<(), SectionError> {
        if self.ended || (self.roots.is_some() && self.rest().is_empty()) {
            return Ok(());
        }
        Err(SectionError::Truncated {
            offset: self.base + self.buffer.len() as u64,
            inside: match self.roots {
                None => "the header".to_owned(),
                Some(_) => format!("block {}", self.blocks),
            },
        })
    }

    fn offset(&self) -> u64 {
        self.base + self.used as u64
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// The length that comes next and how many bytes it takes itself.
    fn peek_len(&self) -> Result<Option<(u64, usize)>, SectionError> {
        let rest = self.rest();
        let complete = rest.iter().take(MAX_VARINT).any(|byte| byte & 0x80 == 0);
        if !complete && rest.len() < MAX_VARINT {
            return Ok(None);
        }
        let (len, after) = read_uvarint(rest).ok_or_else(|| SectionError::BadLength {
            block: self.blocks,
            offset: self.offset(),
        })?;
        Ok(Some((len, rest.len() - after.len())))
    }

    /// False when the header is not complete yet.
    fn take_header(&mut self) -> Result<bool, SectionError> {
        let no_car = |reason: &str| SectionError::NotACar(reason.to_owned());
        let Some((len, head)) = self
            .peek_len()
            .map_err(|_| no_car("it does not start with the length of a header"))?
        else {
            return Ok(false);
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len == 0 || len > MAX_HEADER {
            return Err(no_car("its header has an impossible length"));
        }
        // A map of two fields. Said early, so that other files are not taken for cut ones.
        if self.rest().get(head).is_some_and(|byte| *byte != 0xa2) {
            return Err(no_car("it does not start with the header of version 1"));
        }
        let Some(bytes) = self.rest().get(head..head + len) else {
            return Ok(false);
        };
        let header: Header = fvm_ipld_encoding::from_slice(bytes)
            .map_err(|e| SectionError::NotACar(format!("its header cannot be read: {e}")))?;
        if header.version != 1 {
            let reason = format!("version {} is not supported here", header.version);
            return Err(SectionError::NotACar(reason));
        }
        let roots = header.roots.iter().map(|root| {
            Link::from_bytes(&root.to_bytes()).map_err(|e| SectionError::NotACar(e.to_string()))
        });
        self.roots = Some(roots.collect::<Result<_, _>>()?);
        self.used += head + len;
        Ok(true)
    }
}

/// The header of a CAR with one root.
pub fn header(root: &Link) -> Vec<u8> {
    let root = CidGeneric::try_from(root.to_bytes().as_slice());
    let header = Header {
        roots: vec![root.expect("a link has the form of a CID")],
        version: 1,
    };
    let map = fvm_ipld_encoding::to_vec(&header).expect("roots and a number can be encoded");
    let mut out = Vec::with_capacity(map.len() + 2);
    write_uvarint(&mut out, map.len() as u64);
    out.extend_from_slice(&map);
    out
}

/// What stands before a block of `len` bytes: the length of the section, and the CID.
pub fn section_head(link: &Link, len: usize) -> Vec<u8> {
    let cid = link.to_bytes();
    let mut out = Vec::with_capacity(cid.len() + 4);
    write_uvarint(&mut out, (cid.len() + len) as u64);
    out.extend_from_slice(&cid);
    out
}

#[cfg(test)]
mod tests;
