//! `lotus sync` and `lotus status`: how far the node is.

use std::{io::Write, time::Duration};

use lotus_rpc_api::{
    full::FullNode,
    types::{
        chain::{ActiveSync, SyncStage, SyncState},
        go::Time,
    },
};
use lotus_types::{Cid, Tipset};

use super::{Context, tipset::Named, unix_seconds};
use crate::format::{Form, Paint, list};

/// Pause between two looks at the node.
const TICK: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Sync {
    /// check sync status
    Status(Form),
    /// Wait for sync to be complete
    Wait {
        /// don't exit after node is synced
        #[arg(long)]
        watch: bool,
    },
    /// Mark the given block as bad, will prevent syncing to a chain that contains it
    MarkBad {
        /// Which block
        #[arg(value_name = "blockCid")]
        cid: Cid,
    },
    /// Unmark the given block as bad, makes it possible to sync to a chain containing it
    UnmarkBad {
        /// Which block
        #[arg(value_name = "blockCid", required_unless_present = "all")]
        cid: Option<Cid>,
        /// drop the entire bad block cache
        #[arg(long)]
        all: bool,
    },
    /// check if the given block was marked bad, and for what reason
    CheckBad {
        /// Which block
        #[arg(value_name = "blockCid")]
        cid: Cid,
    },
    /// mark a certain tipset as checkpointed; the node will never fork away from this tipset
    Checkpoint(Named),
}

/// Check node status
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// include chain health status
    #[arg(long)]
    chain: bool,
    #[command(flatten)]
    form: Form,
}

impl Sync {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        match self {
            Self::Status(form) => {
                let state = node.sync_state().await?;
                if !form.wrote(out, &state)? {
                    status(&state, context.paint, out)?;
                }
            }
            Self::Wait { watch } => wait(node, watch, out).await?,
            Self::MarkBad { cid } => node.sync_mark_bad(cid).await?,
            Self::UnmarkBad { all: true, .. } => node.sync_unmark_all_bad().await?,
            Self::UnmarkBad { cid, .. } => {
                if let Some(cid) = cid {
                    node.sync_unmark_bad(cid).await?;
                }
            }
            Self::Checkpoint(named) => node.sync_checkpoint(named.key(node).await?).await?,
            Self::CheckBad { cid } => {
                let reason = node.sync_check_bad(cid).await?;
                if reason.is_empty() {
                    writeln!(out, "block was not marked as bad")?;
                } else {
                    writeln!(out, "{reason}")?;
                }
            }
        }
        Ok(())
    }
}

fn cids(tipset: Option<&Tipset>) -> String {
    list(tipset.map_or(&[], Tipset::cids))
}

/// Heights of where the work begins and ends, and how far it is from one to the other.
fn heights(sync: &ActiveSync) -> (i64, i64, i64) {
    let base = sync.base.as_ref().map_or(0, Tipset::height);
    let target = sync.target.as_ref().map(Tipset::height);
    (
        base,
        target.unwrap_or(0),
        target.map_or(0, |target| target - base),
    )
}

fn status(state: &SyncState, paint: Paint, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "sync status:")?;
    for sync in &state.active_syncs {
        let (_, target, apart) = heights(sync);
        writeln!(out, "worker {}:", sync.worker_id)?;
        writeln!(out, "\tBase:\t{}", cids(sync.base.as_ref()))?;
        writeln!(out, "\tTarget:\t{} ({target})", cids(sync.target.as_ref()))?;
        writeln!(out, "\tHeight diff:\t{apart}")?;
        writeln!(out, "\tStage: {}", sync.stage)?;
        writeln!(out, "\tHeight: {}", sync.height)?;
        if !sync.start.is_zero() {
            let now = Time::from(std::time::SystemTime::now());
            let end = if sync.end.is_zero() { now } else { sync.end };
            writeln!(out, "\tElapsed: {:?}", sync.start.until(end))?;
        }
        if sync.stage == SyncStage::SyncErrored {
            writeln!(out, "\tError: {}", paint.red(&sync.message))?;
        }
    }
    Ok(())
}

/// The work to tell of: one that goes on, or else the last.
fn at_work(state: &SyncState) -> Option<&ActiveSync> {
    let idle = [SyncStage::SyncComplete, SyncStage::Idle];
    let working = state
        .active_syncs
        .iter()
        .rfind(|sync| !idle.contains(&sync.stage));
    working.or(state.active_syncs.last())
}

/// Tells what the node does until its head is younger than a block time. Every call has a time
/// limit; the whole has none, since a chain may take days.
async fn wait(node: &dyn FullNode, watch: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let delay = super::block_delay(node).await?;
    let mut told = String::new();
    let first = node.sync_state().await?.vm_applied;
    loop {
        let state = node.sync_state().await?;
        let head = node.chain_head().await?;
        let mut report = match at_work(&state) {
            Some(sync) => {
                let (base, target, apart) = heights(sync);
                format!(
                    "Worker: {}; Base: {base}; Target: {target} (diff: {apart})\n\
                     State: {}; Current Epoch: {}; Todo: {}, ETA: \n",
                    sync.worker_id,
                    sync.stage,
                    sync.height,
                    target.saturating_sub(sync.height),
                )
            }
            None => format!("No sync at work; head at {}\n", head.height()),
        };
        let validated = state.vm_applied.saturating_sub(first);
        if validated > 0 {
            report.push_str(&format!("Validated {validated} messages\n"));
        }
        // Written again only when something changed: a log stays readable.
        if report != told {
            out.write_all(report.as_bytes())?;
            out.flush()?;
            told = report;
        }
        if !watch && unix_seconds().saturating_sub(head.min_timestamp()) < delay {
            writeln!(out, "\nDone!")?;
            return Ok(());
        }
        tokio::time::sleep(TICK).await;
    }
}

impl Status {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let status = context.node.node_status(self.chain).await?;
        if self.form.wrote(out, &status)? {
            return Ok(());
        }
        writeln!(out, "Sync Epoch: {}", status.sync_status.epoch)?;
        writeln!(out, "Epochs Behind: {}", status.sync_status.behind)?;
        writeln!(
            out,
            "Peers to Publish Messages: {}",
            status.peer_status.peers_to_publish_msgs
        )?;
        writeln!(
            out,
            "Peers to Publish Blocks: {}",
            status.peer_status.peers_to_publish_blocks
        )?;
        if self.chain && status.sync_status.epoch > 900 {
            let chain = &status.chain_status;
            let blocks = chain.blocks_per_tipset_last100;
            writeln!(out, "Blocks per TipSet in last 100 epochs: {blocks:.6}")?;
            let blocks = chain.blocks_per_tipset_last_finality;
            writeln!(out, "Blocks per TipSet in last finality: {blocks:.6}")?;
        }
        Ok(())
    }
}
