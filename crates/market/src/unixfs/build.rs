//! Lays a file out in blocks.
//!
//! The file is read once. What stays in memory is the tree: some 100 bytes for each MiB of the file,
//! never its content.

use std::io::{self, Read};

use lotus_types::{Cid, cid::RAW};
use multihash_codetable::{Code, MultihashDigest as _};

use super::{CHUNK, INLINE_LIMIT, LINKS_PER_NODE, Node};
use crate::dag_pb::{DAG_PB, Link, PbLink, PbNode};

/// The shape of a DAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of a leaf.
    pub chunk: usize,
    /// Links of a node.
    pub links: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            chunk: CHUNK,
            links: LINKS_PER_NODE,
        }
    }
}

/// Where the bytes of a block are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A part of the file.
    Leaf {
        /// Where it starts.
        offset: u64,
        /// Its bytes.
        len: usize,
    },
    /// A node, as encoded.
    Node(Vec<u8>),
}

#[derive(Debug)]
struct Tree {
    link: Link,
    content: Content,
    /// Bytes of the file at this block and below.
    file_size: u64,
    /// Bytes of this block and of all below.
    total_size: u64,
    children: Vec<Tree>,
}

/// A file's DAG: every node, and where each leaf's bytes are in the file.
#[derive(Debug)]
pub struct Layout {
    root: Cid,
    tree: Tree,
}

impl Layout {
    /// Reads a file to its end.
    ///
    /// A root that Lotus would carry in a CID of more than 64 bytes (files of 65 to 126 bytes, and
    /// nodes of two links) is hashed instead: no other part of this node could hold such a CID.
    ///
    /// # Errors
    /// When reading fails.
    pub fn of(file: impl Read, shape: Shape) -> io::Result<Self> {
        let mut builder = Builder {
            file,
            shape,
            offset: 0,
            next: Vec::new(),
        };
        builder.read_chunk()?;
        let mut tree = builder.leaf()?;
        let mut depth = 1;
        while !builder.next.is_empty() {
            tree = builder.fill(vec![tree], depth)?;
            depth += 1;
        }
        let root = match (tree.link.cid(), tree.link.inlined()) {
            (Some(root), _) => root,
            (None, block) => hashed(tree.link.codec(), block.unwrap_or_default()),
        };
        tree.link = root.into();
        Ok(Self { root, tree })
    }

    /// The root of the DAG.
    pub fn root(&self) -> &Cid {
        &self.root
    }

    /// Bytes of the file.
    pub fn file_size(&self) -> u64 {
        self.tree.file_size
    }

    /// All blocks from the root on, depth first, repetitions included.
    pub fn blocks(&self) -> impl Iterator<Item = (&Link, &Content)> {
        let mut stack = vec![&self.tree];
        std::iter::from_fn(move || {
            let tree = stack.pop()?;
            stack.extend(tree.children.iter().rev());
            Some((&tree.link, &tree.content))
        })
    }
}

struct Builder<R> {
    file: R,
    shape: Shape,
    /// Where `next` starts.
    offset: u64,
    /// The leaf that comes next; empty at the end of the file.
    next: Vec<u8>,
}

impl<R: Read> Builder<R> {
    fn read_chunk(&mut self) -> io::Result<()> {
        self.next.clear();
        let mut chunk = (&mut self.file).take(self.shape.chunk as u64);
        chunk.read_to_end(&mut self.next)?;
        Ok(())
    }

    fn leaf(&mut self) -> io::Result<Tree> {
        let (offset, len) = (self.offset, self.next.len());
        let link = link(RAW, &self.next);
        self.offset += len as u64;
        self.read_chunk()?;
        Ok(Tree {
            link,
            content: Content::Leaf { offset, len },
            file_size: len as u64,
            total_size: len as u64,
            children: Vec::new(),
        })
    }

    /// A node of this height over `children` and as many more as it takes and the file has.
    fn fill(&mut self, mut children: Vec<Tree>, height: u32) -> io::Result<Tree> {
        while children.len() < self.shape.links && !self.next.is_empty() {
            children.push(match height {
                1 => self.leaf()?,
                _ => self.fill(Vec::new(), height - 1)?,
            });
        }
        Ok(node(children))
    }
}

fn node(children: Vec<Tree>) -> Tree {
    let sizes = children.iter().map(|child| child.file_size).collect();
    let links = children.iter().map(|child| PbLink {
        target: child.link.clone(),
        name: Some(String::new()),
        size: Some(child.total_size),
    });
    let block = PbNode {
        links: links.collect(),
        data: Some(Node::file(sizes).encode()),
    }
    .encode();
    Tree {
        link: link(DAG_PB, &block),
        file_size: children.iter().map(|child| child.file_size).sum(),
        total_size: block.len() as u64 + children.iter().map(|c| c.total_size).sum::<u64>(),
        content: Content::Node(block),
        children,
    }
}

fn link(codec: u64, block: &[u8]) -> Link {
    if block.len() <= INLINE_LIMIT {
        Link::inline(codec, block)
    } else {
        hashed(codec, block).into()
    }
}

fn hashed(codec: u64, block: &[u8]) -> Cid {
    cid::Cid::new_v1(codec, Code::Blake2b256.digest(block)).into()
}
