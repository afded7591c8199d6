//! `lotus-miner sectors batching`: sectors whose message waits for others to share it.

use std::{collections::BTreeMap, io::Write};

use anyhow::{Context as _, ensure};
use lotus_rpc_api::miner::StorageMiner;
use lotus_types::{Cid, SectorId, SectorNumber};

use crate::format::Form;

#[derive(Debug, clap::Subcommand)]
pub(in crate::miner) enum Batching {
    /// list sectors waiting in commit batch queue
    Commit {
        /// send a batch now
        #[arg(long)]
        publish_now: bool,
        #[command(flatten)]
        form: Form,
    },
    /// list sectors waiting in precommit batch queue
    Precommit {
        /// send a batch now
        #[arg(long)]
        publish_now: bool,
        #[command(flatten)]
        form: Form,
    },
}

/// What became of sectors that were sent together.
struct Sent {
    sectors: Vec<SectorNumber>,
    failed: BTreeMap<SectorNumber, String>,
    message: Option<Cid>,
    error: String,
}

impl Batching {
    pub(super) async fn run(
        self,
        miner: &dyn StorageMiner,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let (waiting, form) = match self {
            Self::Commit {
                publish_now: true,
                form,
            } => {
                let batches = miner.sector_commit_flush().await.context("flush")?;
                if form.wrote(out, &batches)? {
                    return Ok(());
                }
                let batches = batches.into_iter().map(|batch| Sent {
                    sectors: batch.sectors,
                    failed: batch.failed_sectors,
                    message: batch.msg,
                    error: batch.error,
                });
                return write_sent(batches.collect(), out);
            }
            Self::Precommit {
                publish_now: true,
                form,
            } => {
                let batches = miner.sector_pre_commit_flush().await.context("flush")?;
                if form.wrote(out, &batches)? {
                    return Ok(());
                }
                let batches = batches.into_iter().map(|batch| Sent {
                    sectors: batch.sectors,
                    failed: BTreeMap::new(),
                    message: batch.msg,
                    error: batch.error,
                });
                return write_sent(batches.collect(), out);
            }
            Self::Commit { form, .. } => (miner.sector_commit_pending().await?, form),
            Self::Precommit { form, .. } => (miner.sector_pre_commit_pending().await?, form),
        };
        if form.wrote(out, &waiting)? {
            return Ok(());
        }
        write_waiting(&waiting, out)
    }
}

fn write_waiting(sectors: &[SectorId], out: &mut dyn Write) -> anyhow::Result<()> {
    if sectors.is_empty() {
        writeln!(out, "No sectors queued to be committed")?;
    }
    for sector in sectors {
        writeln!(out, "{}", sector.number)?;
    }
    Ok(())
}

fn write_sent(batches: Vec<Sent>, out: &mut dyn Write) -> anyhow::Result<()> {
    ensure!(!batches.is_empty(), "no sectors to publish");
    for (number, batch) in batches.iter().enumerate() {
        writeln!(out, "Batch {number}:")?;
        match &batch.message {
            _ if !batch.error.is_empty() => writeln!(out, "\tError: {}", batch.error)?,
            Some(message) => writeln!(out, "\tMessage: {message}")?,
            None => writeln!(out, "\tMessage: <nil>")?,
        }
        writeln!(out, "\tSectors:")?;
        for sector in &batch.sectors {
            match batch.failed.get(sector) {
                Some(error) => writeln!(out, "\t\t{sector}\tERROR {error}")?,
                None => writeln!(out, "\t\t{sector}\tOK")?,
            }
        }
    }
    Ok(())
}
