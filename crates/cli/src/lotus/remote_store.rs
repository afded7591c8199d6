//! A part of the state, fetched from a node block by block.
//!
//! # Invariants
//! - What a node sends for a CID is hashed before it is used: a node that lies is found out.
//! - A DAG of more than [`MOST_BLOCKS`] blocks is refused, so that no node fills this process' memory.

use std::collections::HashSet;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use lotus_blockstore::{Blockstore as _, MemoryBlockstore, dag, verify::verify};
use lotus_rpc_api::full::FullNode;
use lotus_types::Cid;

/// Blocks of a DAG at most. Mainnet's list of clients has a few thousand.
const MOST_BLOCKS: usize = 200_000;
/// Blocks that are asked for at the same time.
const AT_ONCE: usize = 32;

/// All blocks under `root`.
pub(super) async fn fetch(node: &dyn FullNode, root: &Cid) -> anyhow::Result<MemoryBlockstore> {
    let store = MemoryBlockstore::new();
    let mut seen = HashSet::from([*root.inner()]);
    let mut wanted = vec![*root];
    while !wanted.is_empty() {
        let asked = wanted.drain(..).map(|cid| async move {
            let block = node.chain_read_obj(cid).await;
            let block = block.with_context(|| format!("reading the object {cid}"))?;
            verify(cid.inner(), &block)
                .with_context(|| format!("what the node sent is not the object {cid}"))?;
            anyhow::Ok((cid, block))
        });
        let level: Vec<_> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        for (cid, block) in level {
            store.put_keyed(cid.inner(), &block)?;
            for link in dag::links(cid.inner(), &block)? {
                if dag::LinkKind::of(&link) == dag::LinkKind::Node && seen.insert(link) {
                    wanted.push(link.into());
                }
            }
        }
        anyhow::ensure!(
            seen.len() <= MOST_BLOCKS,
            "the list under {root} has more than {MOST_BLOCKS} objects"
        );
    }
    Ok(store)
}
