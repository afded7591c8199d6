//! DAG-PB: the blocks that tie a file's chunks together.
//!
//! A node is a protobuf message of links and opaque data (for files, [`crate::unixfs`]).
//!
//! # Invariants
//! - One encoding per node: links, then data, fields of a link in the order of their numbers. Decoding
//!   also takes data before links, since old blocks have it so; every other order, unknown or repeated
//!   fields and overlong integers are refused.
//! - Nothing is allocated for a length that is not there.
//!
//! # Lotus parity
//! go-merkledag's nodes as `lotus client import` writes them: a link always has a name (empty in a
//! file) and a size.

mod link;
pub(crate) mod proto;

pub use link::{BadBlock, Link, LinkError, MAX_INLINE};
use proto::{Field, Malformed, Reader};

/// Multicodec of DAG-PB blocks.
pub const DAG_PB: u64 = 0x70;

/// Why bytes are no DAG-PB node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DagPbError {
    /// Not protobuf, or not in its shortest form.
    #[error("malformed DAG-PB: {0}")]
    Malformed(#[from] Malformed),
    /// A field that DAG-PB does not have here, twice, or out of order.
    #[error("DAG-PB {message} has an unexpected field {number}")]
    UnexpectedField {
        /// `node` or `link`.
        message: &'static str,
        /// The field's number.
        number: u64,
    },
    /// A link without a CID.
    #[error("DAG-PB link without a CID")]
    NoTarget,
    /// A link whose CID cannot be read.
    #[error("DAG-PB link: {0}")]
    BadTarget(#[from] LinkError),
    /// A link's name is not UTF-8.
    #[error("the name of a DAG-PB link is not UTF-8")]
    BadName,
}

/// A link to another block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbLink {
    /// The block.
    pub target: Link,
    /// Name of an entry in a directory; empty in a file.
    pub name: Option<String>,
    /// Bytes of the target's block and of everything below it, as its maker says.
    pub size: Option<u64>,
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PbNode {
    /// In order.
    pub links: Vec<PbLink>,
    /// Absent is not the same as empty.
    pub data: Option<Vec<u8>>,
}

impl PbNode {
    /// Reads a whole block.
    ///
    /// # Errors
    /// [`DagPbError`].
    pub fn decode(block: &[u8]) -> Result<Self, DagPbError> {
        let mut node = Self::default();
        let mut reader = Reader::new(block);
        let mut last = 0;
        while let Some((number, field)) = reader.field()? {
            let unexpected = DagPbError::UnexpectedField {
                message: "node",
                number,
            };
            match (number, field) {
                // All links stand together.
                (2, Field::Bytes(link)) if last == 2 || node.links.is_empty() => {
                    node.links.push(PbLink::decode(link)?);
                }
                (1, Field::Bytes(data)) if node.data.is_none() => node.data = Some(data.to_vec()),
                _ => return Err(unexpected),
            }
            last = number;
        }
        Ok(node)
    }

    /// The block.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for link in &self.links {
            proto::put_bytes(&mut out, 2, &link.encode());
        }
        if let Some(data) = &self.data {
            proto::put_bytes(&mut out, 1, data);
        }
        out
    }
}

impl PbLink {
    fn decode(message: &[u8]) -> Result<Self, DagPbError> {
        let (mut target, mut name, mut size) = (None, None, None);
        let mut reader = Reader::new(message);
        let mut last = 0;
        while let Some((number, field)) = reader.field()? {
            if number <= last {
                return Err(DagPbError::UnexpectedField {
                    message: "link",
                    number,
                });
            }
            match (number, field) {
                (1, Field::Bytes(cid)) => target = Some(Link::from_bytes(cid)?),
                (2, Field::Bytes(text)) => {
                    let text = std::str::from_utf8(text).map_err(|_| DagPbError::BadName)?;
                    name = Some(text.to_owned());
                }
                (3, Field::Varint(bytes)) => size = Some(bytes),
                _ => {
                    return Err(DagPbError::UnexpectedField {
                        message: "link",
                        number,
                    });
                }
            }
            last = number;
        }
        Ok(Self {
            target: target.ok_or(DagPbError::NoTarget)?,
            name,
            size,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        proto::put_bytes(&mut out, 1, &self.target.to_bytes());
        if let Some(name) = &self.name {
            proto::put_bytes(&mut out, 2, name.as_bytes());
        }
        if let Some(size) = self.size {
            proto::put_varint(&mut out, 3, size);
        }
        out
    }
}

#[cfg(test)]
mod tests;
