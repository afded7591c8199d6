//! UnixFS: files as DAGs of blocks.
//!
//! | module | what it does |
//! |---|---|
//! | [`mod@build`] | lays a file out in blocks |
//! | [`export`] | makes files and directories of blocks again |
//!
//! # Lotus parity
//! [`build`] makes the blocks of `lotus client import` in Lotus: raw leaves of 1 MiB, at most 1,024
//! links per node, balanced, blake2b-256, and blocks of at most 126 bytes inside the CID that names
//! them.

pub mod build;
pub mod export;

use crate::dag_pb::proto::{self, Field, Malformed, Reader};

/// Bytes of a leaf.
pub const CHUNK: usize = 1 << 20;
/// Links of a node.
pub const LINKS_PER_NODE: usize = 1024;
/// Blocks up to this many bytes are not stored but carried by the CIDs that name them.
pub const INLINE_LIMIT: usize = 126;

/// Why the data of a DAG-PB node is not UnixFS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnixfsError {
    /// Not protobuf, or not in its shortest form.
    #[error("malformed UnixFS: {0}")]
    Malformed(#[from] Malformed),
    /// A field of another kind than UnixFS has under this number, or twice.
    #[error("UnixFS node has an unexpected field {0}")]
    UnexpectedField(u64),
    /// The node does not say what it is.
    #[error("UnixFS node without a type")]
    NoType,
    /// A number that stands for no type of node.
    #[error("UnixFS has no node type {0}")]
    UnknownType(u64),
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeType {
    /// A part of a file, in the oldest layout.
    Raw,
    /// A directory with its entries as links.
    Directory,
    /// A file or a part of one.
    File,
    /// Nothing that has bytes.
    Metadata,
    /// A symbolic link; the data is the target.
    Symlink,
    /// A directory whose entries are spread over a trie.
    HamtShard,
}

/// The data of a DAG-PB node, as far as it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeType,
    /// Bytes of the file that are here, before those under the links.
    pub data: Option<Vec<u8>>,
    /// Bytes of the file at this node and below.
    pub file_size: Option<u64>,
    /// Bytes of the file below each link.
    pub block_sizes: Vec<u64>,
    /// Children of a trie node.
    pub fanout: Option<u64>,
}

impl Node {
    /// A node of a file that only has links.
    pub(crate) fn file(block_sizes: Vec<u64>) -> Self {
        Self {
            kind: NodeType::File,
            data: None,
            file_size: Some(block_sizes.iter().sum()),
            block_sizes,
            fanout: None,
        }
    }

    /// Reads the data of a node. Hash type, mode and modification time are passed over.
    ///
    /// # Errors
    /// [`UnixfsError`].
    pub fn decode(message: &[u8]) -> Result<Self, UnixfsError> {
        let (mut kind, mut data, mut file_size, mut fanout) = (None, None, None, None);
        let mut block_sizes = Vec::new();
        let mut reader = Reader::new(message);
        while let Some((number, field)) = reader.field()? {
            match (number, field) {
                (1, Field::Varint(number)) if kind.is_none() => kind = Some(node_type(number)?),
                (2, Field::Bytes(bytes)) if data.is_none() => data = Some(bytes.to_vec()),
                (3, Field::Varint(size)) if file_size.is_none() => file_size = Some(size),
                (4, Field::Varint(size)) => block_sizes.push(size),
                (4, Field::Bytes(packed)) => unpack(packed, &mut block_sizes)?,
                (6, Field::Varint(width)) if fanout.is_none() => fanout = Some(width),
                (5 | 7, Field::Varint(_)) | (8, Field::Bytes(_)) => {}
                _ => return Err(UnixfsError::UnexpectedField(number)),
            }
        }
        Ok(Self {
            kind: kind.ok_or(UnixfsError::NoType)?,
            data,
            file_size,
            block_sizes,
            fanout,
        })
    }

    /// The data of a DAG-PB node.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        proto::put_varint(&mut out, 1, self.kind as u64);
        if let Some(data) = &self.data {
            proto::put_bytes(&mut out, 2, data);
        }
        if let Some(size) = self.file_size {
            proto::put_varint(&mut out, 3, size);
        }
        for size in &self.block_sizes {
            proto::put_varint(&mut out, 4, *size);
        }
        if let Some(fanout) = self.fanout {
            proto::put_varint(&mut out, 6, fanout);
        }
        out
    }
}

fn node_type(number: u64) -> Result<NodeType, UnixfsError> {
    Ok(match number {
        0 => NodeType::Raw,
        1 => NodeType::Directory,
        2 => NodeType::File,
        3 => NodeType::Metadata,
        4 => NodeType::Symlink,
        5 => NodeType::HamtShard,
        other => return Err(UnixfsError::UnknownType(other)),
    })
}

/// Block sizes in the packed form, which some encoders choose.
fn unpack(mut packed: &[u8], sizes: &mut Vec<u64>) -> Result<(), UnixfsError> {
    let len = packed.len();
    while !packed.is_empty() {
        let at = len - packed.len();
        let (size, rest) = lotus_types::address::read_uvarint(packed).ok_or(Malformed { at })?;
        sizes.push(size);
        packed = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
