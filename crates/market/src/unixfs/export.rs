//! Makes files and directories of blocks again.
//!
//! # Invariants
//! - Nothing appears under the wanted name before all of it is there; after an error nothing is left.
//! - Sizes that nodes announce must come out; names cannot lead out of the target; the number of
//!   bytes and the depth are limited, since a small DAG can stand for a huge tree.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use lotus_types::cid::RAW;

use super::{Node, NodeType, UnixfsError};
use crate::{
    dag_pb::{DAG_PB, DagPbError, Link, PbLink, PbNode},
    piece::source::{CarFile, CarFileError},
};

/// How much a DAG may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportLimits {
    /// Bytes of all files. Default: 64 TiB, more than any sector holds.
    pub bytes: u64,
    /// Files and directories. Default: 16 Mi.
    pub entries: u64,
    /// Blocks of file content, repetitions included. Default: 256 Mi.
    pub blocks: u64,
    /// Directories in directories, and about as many nodes of a file's tree. Default: 256.
    pub depth: usize,
}

impl Default for ExportLimits {
    fn default() -> Self {
        Self {
            bytes: 64 << 40,
            entries: 1 << 24,
            blocks: 1 << 28,
            depth: 256,
        }
    }
}

/// Why a DAG did not become a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A block cannot be had.
    #[error(transparent)]
    Source(#[from] CarFileError),
    /// The block is not DAG-PB, though its CID says so.
    #[error("block {link}: {source}")]
    BadNode {
        /// The block.
        link: Box<Link>,
        /// What is wrong with it.
        #[source]
        source: DagPbError,
    },
    /// The block is DAG-PB, but not UnixFS.
    #[error("block {link}: {source}")]
    BadUnixfs {
        /// The block.
        link: Box<Link>,
        /// What is wrong with it.
        #[source]
        source: UnixfsError,
    },
    /// It is a good block, but none of which a file could be made.
    #[error("block {link} cannot be written as a file: {reason}")]
    NoFile {
        /// The block.
        link: Box<Link>,
        /// Why not.
        reason: String,
    },
    /// It would be too much.
    #[error("the DAG of {link} is larger than allowed: {what}")]
    TooLarge {
        /// Its root.
        link: Box<Link>,
        /// What is too much of.
        what: &'static str,
    },
    /// Writing failed.
    #[error("writing {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

fn no_file(link: &Link, reason: impl Into<String>) -> ExportError {
    ExportError::NoFile {
        link: Box::new(link.clone()),
        reason: reason.into(),
    }
}

/// Writes the DAG of `root` to `to`, which must not exist.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    source: &mut CarFile,
    root: &Link,
    to: &Path,
    limits: ExportLimits,
) -> Result<(), ExportError> {
    let failed = |source| ExportError::Io {
        path: to.to_path_buf(),
        source,
    };
    if fs::symlink_metadata(to).is_ok() {
        return Err(failed(io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    let name = to.file_name();
    let name = name.ok_or_else(|| failed(io::Error::from(io::ErrorKind::InvalidInput)))?;
    let mut partial = std::ffi::OsString::from(".");
    partial.push(name);
    partial.push(format!(".{}.part", std::process::id()));
    let partial = to.with_file_name(partial);
    let mut export = Export {
        source,
        root: root.clone(),
        limits,
        bytes: 0,
        entries: 0,
        blocks: 0,
    };
    let outcome = export
        .entry(root, &partial, 0)
        .and_then(|()| fs::rename(&partial, to).map_err(failed));
    if outcome.is_err() {
        // The first error matters more than one of the clean-up.
        let _ = fs::remove_file(&partial);
        let _ = fs::remove_dir_all(&partial);
    }
    outcome
}

struct Export<'a> {
    source: &'a mut CarFile,
    root: Link,
    limits: ExportLimits,
    bytes: u64,
    entries: u64,
    blocks: u64,
}

/// A block, taken apart.
enum Block {
    Leaf(Vec<u8>),
    Node(Node, Vec<PbLink>),
}

impl Export<'_> {
    fn block(&mut self, link: &Link) -> Result<Block, ExportError> {
        let data = self.source.block(link)?;
        match link.codec() {
            RAW => Ok(Block::Leaf(data)),
            DAG_PB => {
                let node = PbNode::decode(&data).map_err(|source| ExportError::BadNode {
                    link: Box::new(link.clone()),
                    source,
                })?;
                let message = node.data.unwrap_or_default();
                let unixfs = Node::decode(&message).map_err(|source| ExportError::BadUnixfs {
                    link: Box::new(link.clone()),
                    source,
                })?;
                Ok(Block::Node(unixfs, node.links))
            }
            codec => Err(no_file(
                link,
                format!("its codec {codec:#x} is not that of files"),
            )),
        }
    }

    fn too_large(&self, what: &'static str) -> ExportError {
        ExportError::TooLarge {
            link: Box::new(self.root.clone()),
            what,
        }
    }

    /// Writes whatever `link` is to `to`.
    fn entry(&mut self, link: &Link, to: &Path, depth: usize) -> Result<(), ExportError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.too_large("entries"));
        }
        if depth > self.limits.depth {
            return Err(self.too_large("depth"));
        }
        let failed = |source| ExportError::Io {
            path: to.to_path_buf(),
            source,
        };
        match self.block(link)? {
            Block::Node(node, links) => match node.kind {
                NodeType::Directory | NodeType::HamtShard => {
                    fs::create_dir(to).map_err(failed)?;
                    self.directory(link, &node, &links, to, depth)
                }
                NodeType::Symlink => {
                    let target = String::from_utf8(node.data.unwrap_or_default())
                        .map_err(|_| no_file(link, "the symbolic link's target is not UTF-8"))?;
                    std::os::unix::fs::symlink(target, to).map_err(failed)
                }
                NodeType::Metadata => Err(no_file(link, "it is metadata only")),
                NodeType::File | NodeType::Raw => self.file(link, to),
            },
            Block::Leaf(_) => self.file(link, to),
        }
    }

    fn directory(
        &mut self,
        link: &Link,
        node: &Node,
        links: &[PbLink],
        to: &Path,
        depth: usize,
    ) -> Result<(), ExportError> {
        // In a trie, names begin with the child's place in hexadecimal; a name that is only that
        // leads on to the next node of the trie.
        let prefix = match (node.kind, node.fanout) {
            (NodeType::HamtShard, Some(fanout)) if (1..=1 << 16).contains(&fanout) => {
                format!("{:x}", fanout - 1).len()
            }
            (NodeType::HamtShard, _) => return Err(no_file(link, "it is a trie without a width")),
            _ => 0,
        };
        for entry in links {
            let name = entry.name.as_deref().unwrap_or_default();
            let name = name
                .get(prefix..)
                .ok_or_else(|| no_file(link, format!("{name:?} is no name in a trie")))?;
            if prefix > 0 && name.is_empty() {
                self.shard(&entry.target, to, depth + 1)?;
                continue;
            }
            if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
                return Err(no_file(link, format!("{name:?} is no name for a file")));
            }
            self.entry(&entry.target, &to.join(name), depth + 1)?;
        }
        Ok(())
    }

    /// The entries of a further node of a trie, into the same directory.
    fn shard(&mut self, link: &Link, to: &Path, depth: usize) -> Result<(), ExportError> {
        if depth > self.limits.depth {
            return Err(self.too_large("depth"));
        }
        match self.block(link)? {
            Block::Node(node, links) if node.kind == NodeType::HamtShard => {
                self.directory(link, &node, &links, to, depth)
            }
            _ => Err(no_file(link, "it is no part of a directory's trie")),
        }
    }

    fn file(&mut self, root: &Link, to: &Path) -> Result<(), ExportError> {
        let failed = |source| ExportError::Io {
            path: to.to_path_buf(),
            source,
        };
        let file = File::create_new(to).map_err(failed)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        // What is still to come, the next at the end; `None` is the end of a node that began when
        // so many bytes were written and announced so many.
        let mut stack = vec![Step::Visit(root.clone(), None)];
        let start = self.bytes;
        while let Some(step) = stack.pop() {
            if stack.len() > self.limits.depth * super::LINKS_PER_NODE {
                return Err(self.too_large("depth"));
            }
            let (link, announced) = match step {
                Step::Visit(link, announced) => (link, announced),
                Step::End(link, from, announced) => {
                    check_size(&link, self.bytes - from, announced)?;
                    continue;
                }
            };
            self.blocks += 1;
            if self.blocks > self.limits.blocks {
                return Err(self.too_large("blocks"));
            }
            let (data, children, size) = self.part(&link)?;
            let from = self.bytes;
            self.bytes = self.bytes.saturating_add(data.len() as u64);
            if self.bytes > self.limits.bytes {
                return Err(self.too_large("bytes"));
            }
            out.write_all(&data).map_err(failed)?;
            for expected in [size, announced].into_iter().flatten() {
                stack.push(Step::End(link.clone(), from, expected));
            }
            stack.extend(children.into_iter().rev());
        }
        tracing::debug!(bytes = self.bytes - start, "wrote a file");
        out.into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .map_err(failed)
    }

    /// Reads a block of a file.
    fn part(&mut self, link: &Link) -> Result<Part, ExportError> {
        let (node, links) = match self.block(link)? {
            Block::Leaf(data) => return Ok((data, Vec::new(), None)),
            Block::Node(node, links) => (node, links),
        };
        if !matches!(node.kind, NodeType::File | NodeType::Raw) {
            return Err(no_file(link, "it is no part of a file"));
        }
        if node.block_sizes.len() != links.len() {
            let (sizes, links) = (node.block_sizes.len(), links.len());
            return Err(no_file(
                link,
                format!("it has {links} links and {sizes} sizes"),
            ));
        }
        let children = links.into_iter().zip(node.block_sizes);
        let children = children.map(|(child, size)| Step::Visit(child.target, Some(size)));
        Ok((
            node.data.unwrap_or_default(),
            children.collect(),
            node.file_size,
        ))
    }
}

/// Bytes of a file at one block, what is below it, and the size that it announces for both.
type Part = (Vec<u8>, Vec<Step>, Option<u64>);

/// A file is written by a stack of these.
enum Step {
    /// Write this block and what is below; its parent announced so many bytes.
    Visit(Link, Option<u64>),
    /// A block that began when so many bytes were written, and what was announced for it, is over.
    End(Link, u64, u64),
}

fn check_size(link: &Link, got: u64, announced: u64) -> Result<(), ExportError> {
    if got == announced {
        return Ok(());
    }
    Err(no_file(
        link,
        format!("it announces {announced} bytes and has {got}"),
    ))
}

#[cfg(test)]
mod tests;
