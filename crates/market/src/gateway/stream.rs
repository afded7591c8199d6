//! Blocks out of stored pieces, and CARs made of them as they are sent.

use std::sync::Arc;

use axum::body::Bytes;
use futures::{Stream, stream};
use lotus_types::Cid;
use tokio::sync::OwnedSemaphorePermit;

use super::request::Scope;
use crate::{
    dag_pb::{BadBlock, DAG_PB, Link, PbNode},
    piece::{
        MAX_BLOCK, PieceBytes, PieceError, sections,
        walk::{DagWalk, WalkError, WalkLimits, links},
    },
    piece_index::{BlockPlace, PieceIndex, PieceIndexError},
    unixfs::{Node, NodeType},
};

/// Why a block, or what follows it, cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("block {0} is not stored here")]
    NotFound(Box<Link>),
    #[error(transparent)]
    Piece(#[from] PieceError),
    #[error(transparent)]
    Index(#[from] PieceIndexError),
    #[error(transparent)]
    Corrupt(#[from] BadBlock),
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("the gateway is stopping")]
    Stopping,
}

/// Where blocks come from.
#[derive(Clone)]
pub(super) struct Blocks {
    pub(super) index: Arc<PieceIndex>,
    pub(super) bytes: Arc<dyn PieceBytes>,
}

impl Blocks {
    /// A block out of the first piece that gives it, checked against its CID.
    pub(super) async fn get(&self, link: &Link) -> Result<Bytes, SendError> {
        let cid = match link {
            Link::Inline { data, .. } => return Ok(Bytes::copy_from_slice(data)),
            Link::Block(cid) => *cid,
        };
        let places = self.places(cid).await?;
        let mut failure = SendError::NotFound(Box::new(link.clone()));
        for place in places {
            match self.read(link, &place).await {
                Ok(block) => return Ok(block),
                Err(error) => {
                    tracing::warn!(block = %link, piece = %place.piece, %error, "unreadable block");
                    failure = error;
                }
            }
        }
        Err(failure)
    }

    async fn places(&self, cid: Cid) -> Result<Vec<BlockPlace>, SendError> {
        let index = self.index.clone();
        let places = tokio::task::spawn_blocking(move || index.find(&cid)).await;
        Ok(places.map_err(|_| SendError::Stopping)??)
    }

    /// Is there such a block? Nothing is read, so nothing is unsealed.
    pub(super) async fn has(&self, link: &Link) -> Result<(), SendError> {
        match link {
            Link::Block(cid) if self.places(*cid).await?.is_empty() => {
                Err(SendError::NotFound(Box::new(link.clone())))
            }
            _ => Ok(()),
        }
    }

    async fn read(&self, link: &Link, place: &BlockPlace) -> Result<Bytes, SendError> {
        if place.len > MAX_BLOCK as u64 {
            return Err(SendError::NotFound(Box::new(link.clone())));
        }
        let block = self
            .bytes
            .read(&place.piece, place.offset, place.len)
            .await?;
        link.verify(&block)?;
        Ok(block)
    }
}

/// A CAR that is being sent.
struct Sending {
    blocks: Blocks,
    walk: DagWalk,
    scope: Scope,
    /// Frees the place of this answer when it ends.
    _permit: OwnedSemaphorePermit,
}

/// The CAR of `root`, of which the first block is there already. An error in the middle breaks the
/// answer off, so that nobody takes it for complete.
pub(super) fn car(
    blocks: Blocks,
    (root, first): (Link, Bytes),
    scope: Scope,
    limits: WalkLimits,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Bytes, SendError>> + Send + 'static {
    let sending = Sending {
        walk: DagWalk::new(root.clone(), limits),
        blocks,
        scope,
        _permit: permit,
    };
    let header = sections::header(&root);
    let start = Some((sending, Some((header, first))));
    stream::unfold(start, |state| async {
        let (mut sending, first) = state?;
        match sending.step(first).await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some((sending, None)))),
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "a CAR that was being sent is broken off");
                Some((Err(error), None))
            }
        }
    })
}

impl Sending {
    /// The next section, with what stands before it at the start.
    async fn step(
        &mut self,
        mut first: Option<(Vec<u8>, Bytes)>,
    ) -> Result<Option<Bytes>, SendError> {
        while let Some(link) = self.walk.step()? {
            let (mut out, block) = match first.take() {
                Some(first) => first,
                None => (Vec::new(), self.blocks.get(&link).await?),
            };
            let below = self.below(&link, &block)?;
            self.walk.enter_links(below)?;
            // Everyone has what a CID itself carries.
            if link.inlined().is_none() {
                out.extend_from_slice(&sections::section_head(&link, block.len()));
                out.extend_from_slice(&block);
            }
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
        }
        Ok(None)
    }

    fn below(&self, link: &Link, block: &[u8]) -> Result<Vec<Link>, SendError> {
        match self.scope {
            Scope::All => Ok(links(link, block)?),
            Scope::Block => Ok(Vec::new()),
            Scope::Entity => Ok(entity(link, block)),
        }
    }
}

/// The links that belong to a file, or to the list of a directory's entries.
fn entity(link: &Link, block: &[u8]) -> Vec<Link> {
    let node = (link.codec() == DAG_PB).then(|| PbNode::decode(block).ok());
    let Some(node) = node.flatten() else {
        return Vec::new();
    };
    let Ok(unixfs) = Node::decode(node.data.as_deref().unwrap_or_default()) else {
        return Vec::new();
    };
    let trie_name = unixfs.fanout.unwrap_or(256).saturating_sub(1);
    let trie_name = format!("{trie_name:x}").len();
    let belongs = |name: Option<&str>| match unixfs.kind {
        NodeType::File | NodeType::Raw => true,
        // In a trie, a name of that length leads to a further node of the trie.
        NodeType::HamtShard => name.is_some_and(|name| name.len() == trie_name),
        NodeType::Directory | NodeType::Symlink | NodeType::Metadata => false,
    };
    let links = node.links.into_iter();
    let links = links.filter(|link| belongs(link.name.as_deref()));
    links.map(|link| link.target).collect()
}
