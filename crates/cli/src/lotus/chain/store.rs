//! Commands that change the chain's store by hand: another head, an object less, old state less.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::full::FullNode;
use lotus_types::Cid;
use serde_json::json;

use crate::lotus::tipset::Named;

/// manually set the local nodes head tipset (Caution: normally only used for recovery)
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct SetHead {
    /// reset head to genesis
    #[arg(long)]
    genesis: bool,
    #[command(flatten)]
    named: Named,
}

impl SetHead {
    pub(super) async fn run(self, node: &dyn FullNode) -> anyhow::Result<()> {
        let key = if self.genesis {
            node.chain_get_genesis().await?.key().clone()
        } else {
            self.named.key(node).await?
        };
        Ok(node.chain_set_head(key).await?)
    }
}

/// Delete an object from the chain blockstore. WARNING: Removing wrong objects from the chain
/// blockstore may lead to sync issues
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct DeleteObj {
    /// Which object
    #[arg(value_name = "objectCid")]
    cid: Cid,
    /// Yes, delete it
    #[arg(long)]
    really_do_it: bool,
}

impl DeleteObj {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.really_do_it,
            "pass the --really-do-it flag to proceed: what is deleted has to be fetched from peers again"
        );
        let cid = self.cid;
        let deleted = node.chain_delete_obj(cid).await;
        deleted.with_context(|| format!("deleting {cid}"))?;
        Ok(writeln!(out, "Obj {cid} deleted")?)
    }
}

/// prune the stored chain state and perform garbage collection
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Prune {
    /// use online gc for garbage collecting the coldstore, as without a flag
    #[arg(long)]
    online_gc: bool,
    /// use moving gc for garbage collecting the coldstore
    #[arg(long)]
    moving_gc: bool,
    /// specify state retention policy: epochs whose state stays besides the newest; -1 for all
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    retention: i64,
}

impl Prune {
    pub(super) async fn run(self, node: &dyn FullNode) -> anyhow::Result<()> {
        let options = json!({ "MovingGC": self.moving_gc, "RetainState": self.retention });
        Ok(node.chain_prune(options).await?)
    }
}
