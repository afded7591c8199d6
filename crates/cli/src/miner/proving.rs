//! `lotus-miner proving`: deadlines, faults and proofs of the miner's sectors.

mod check;
mod deadlines;

use std::{io::Write, time::Instant};

use anyhow::Context as _;
use lotus_rpc_api::{full::FullNode, types::state::Partition};
use lotus_types::{Address, SectorNumber, TipsetKey};
use serde_json::json;

use super::{Context, sealing};
use crate::{
    format::{Colour, Form, MOST_NUMBERS, Table, epoch_date, epoch_time, go_duration, write_json},
    lotus::block_delay,
};

/// Confirmations that a message is waited for.
pub(super) const CONFIDENCE: u64 = 5;
/// Epochs that a message is looked for backwards: no limit.
pub(super) const NO_LIMIT: i64 = -1;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Proving {
    /// View current state information
    Info(Form),
    /// View the current proving period deadlines information
    Deadlines {
        /// Count all sectors (only live sectors are counted by default)
        #[arg(short, long)]
        all: bool,
        #[command(flatten)]
        form: Form,
    },
    Deadline(deadlines::Deadline),
    /// View the currently known proving faulty sectors information
    Faults(Form),
    Check(check::Check),
    /// list workers
    Workers {
        #[command(flatten)]
        colour: Colour,
        #[command(flatten)]
        form: Form,
    },
    /// Compute simulated proving tasks
    #[command(subcommand)]
    Compute(Compute),
    /// Manually recovers faulty sectors on chain
    RecoverFaults {
        /// number of block confirmations to wait for
        #[arg(long, default_value_t = CONFIDENCE)]
        confidence: u64,
        /// Which
        #[arg(value_name = "faulty sectors", required = true)]
        sectors: Vec<SectorNumber>,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Compute {
    /// Compute WindowPoSt for a specific deadline; sends nothing to the chain
    #[command(visible_alias = "window-post")]
    WindowedPost {
        /// Which
        #[arg(value_name = "deadline index")]
        deadline: u64,
    },
}

impl Proving {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::Info(form) => Box::pin(info(context, form, out)).await,
            Self::Deadlines { all, form } => deadlines::list(context, all, form, out).await,
            Self::Deadline(command) => command.run(context, out).await,
            Self::Faults(form) => faults(context, form, out).await,
            Self::Check(command) => Box::pin(command.run(context, out)).await,
            Self::Workers { colour, form } => {
                let paint = colour.paint(context.paint);
                sealing::workers(context.miner().await?, false, paint, form, out).await
            }
            Self::Compute(Compute::WindowedPost { deadline }) => {
                let miner = context.miner().await?;
                let start = Instant::now();
                let proofs = miner
                    .compute_window_post(deadline, TipsetKey::default())
                    .await;
                writeln!(out, "Took {}", go_duration(start.elapsed()))?;
                Ok(write_json(out, &proofs?)?)
            }
            Self::RecoverFaults {
                confidence,
                sectors,
            } => recover(context, sectors, confidence, out).await,
        }
    }
}

/// The partitions of all deadlines, by deadline.
pub(super) async fn all_partitions(
    node: &dyn FullNode,
    actor: Address,
    key: &TipsetKey,
) -> anyhow::Result<Vec<Vec<Partition>>> {
    let deadlines = node.state_miner_deadlines(actor, key.clone()).await;
    let mut all = Vec::new();
    for index in (0..).take(deadlines.context("getting deadlines")?.len()) {
        all.push(partitions(node, actor, index, key).await?);
    }
    Ok(all)
}

/// The partitions of one deadline.
async fn partitions(
    node: &dyn FullNode,
    actor: Address,
    deadline: u64,
    key: &TipsetKey,
) -> anyhow::Result<Vec<Partition>> {
    let partitions = node
        .state_miner_partitions(actor, deadline, key.clone())
        .await;
    Ok(partitions
        .with_context(|| format!("getting partitions for deadline {deadline}"))?
        .0)
}

async fn info(context: &Context, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let (actor, node) = (context.actor().await?, context.node().await?);
    let delay = block_delay(node).await?;
    let head = node.chain_head().await.context("getting chain head")?;
    let deadline = node
        .state_miner_proving_deadline(actor, head.key().clone())
        .await
        .context("getting miner info")?;
    let all = all_partitions(node, actor, head.key()).await?;

    let count = |of: fn(&Partition) -> u64| all.iter().flatten().map(of).sum::<u64>();
    let live = count(|partition| partition.live_sectors.len());
    let faults = count(|partition| partition.faulty_sectors.len());
    let recovering = count(|partition| partition.recovering_sectors.len());
    let current = usize::try_from(deadline.index)
        .ok()
        .and_then(|index| all.get(index));
    let current: u64 = current.map_or(0, |partitions| {
        partitions.iter().map(|p| p.live_sectors.len()).sum()
    });
    if form.is_json() {
        let shown = json!({
            "Miner": actor, "Deadline": deadline, "LiveSectors": live, "Faults": faults,
            "Recovering": recovering, "DeadlineSectors": current,
        });
        return Ok(write_json(out, &shown)?);
    }
    // Whole per cents, as Lotus counts them.
    let share = faults.saturating_mul(100).checked_div(live).unwrap_or(0);

    let now = deadline.current_epoch;
    let at = (now, head.min_timestamp());
    let boundary = deadline
        .period_start
        .checked_rem(deadline.proving_period)
        .unwrap_or(0);
    let next = deadline
        .period_start
        .saturating_add(deadline.proving_period);
    writeln!(out, "Miner: {}", context.paint.blue(actor))?;
    writeln!(out, "Current Epoch:           {now}")?;
    writeln!(out, "Proving Period Boundary: {boundary}")?;
    writeln!(
        out,
        "Proving Period Start:    {}",
        epoch_date(at, deadline.period_start, delay)
    )?;
    writeln!(
        out,
        "Next Period Start:       {}",
        epoch_date(at, next, delay)
    )?;
    writeln!(out)?;
    writeln!(out, "Faults:      {faults} ({share}.00%)")?;
    writeln!(out, "Recovering:  {recovering}")?;
    writeln!(out, "Deadline Index:       {}", deadline.index)?;
    writeln!(out, "Deadline Sectors:     {current}")?;
    for (name, epoch) in [
        ("Deadline Open:        ", deadline.open),
        ("Deadline Close:       ", deadline.close),
        ("Deadline Challenge:   ", deadline.challenge),
        ("Deadline FaultCutoff: ", deadline.fault_cutoff),
    ] {
        writeln!(out, "{name}{}", epoch_time(now, epoch, delay))?;
    }
    Ok(())
}

async fn faults(context: &Context, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let (actor, node) = (context.actor().await?, context.node().await?);
    let all = all_partitions(node, actor, &TipsetKey::default()).await?;
    let mut found = Vec::new();
    for (deadline, partitions) in all.iter().enumerate() {
        for (index, partition) in partitions.iter().enumerate() {
            let faulty = partition.faulty_sectors.numbers(MOST_NUMBERS);
            for sector in faulty.map_err(anyhow::Error::msg)? {
                found.push((deadline, index, sector));
            }
        }
    }
    if form.is_json() {
        let listed = found.iter().map(|(deadline, partition, sector)| {
            json!({ "Deadline": deadline, "Partition": partition, "SectorNumber": sector })
        });
        return Ok(write_json(out, &listed.collect::<Vec<_>>())?);
    }
    writeln!(out, "Miner: {}", context.paint.blue(actor))?;
    let mut table = Table::open(&["deadline", "partition", "sectors"]);
    for (deadline, index, sector) in found {
        table.row([deadline.to_string(), index.to_string(), sector.to_string()]);
    }
    Ok(table.write(out)?)
}

async fn recover(
    context: &Context,
    sectors: Vec<SectorNumber>,
    confidence: u64,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let messages = context.miner().await?.recover_fault(sectors).await?;
    let node = context.node().await?;
    let mut failed = 0_usize;
    for message in messages {
        let waited = node
            .state_wait_msg(message, confidence, NO_LIMIT, true)
            .await;
        let found = waited.with_context(|| format!("waiting for message {message}"))?;
        let code = found.receipt.exit_code;
        if code.is_success() {
            continue;
        }
        failed += 1;
        let (message, code) = (found.message, code.0);
        writeln!(out, "Failed to execute message {message}: exit code {code}")?;
    }
    anyhow::ensure!(failed == 0, "{failed} of the messages failed");
    Ok(())
}
