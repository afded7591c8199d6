//! `lotus-miner proving deadlines` and `deadline`.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::{full::FullNode, types::state::Deadline as OnChain};
use lotus_types::{Address, BitField, ChainEpoch, Tipset};
use serde::Serialize;
use serde_json::json;

use super::partitions;
use crate::{
    format::{Form, MOST_NUMBERS, Table, list as brackets, size, time_of_day, write_json},
    lotus::block_delay,
    miner::Context,
};

/// The deadlines of a miner and where it is among them.
struct Period {
    deadlines: Vec<OnChain>,
    current: u64,
    start: ChainEpoch,
    window: ChainEpoch,
    head: Tipset,
    delay: u64,
}

impl Period {
    async fn load(node: &dyn FullNode, actor: Address) -> anyhow::Result<Self> {
        let head = node.chain_head().await.context("getting chain head")?;
        let key = || head.key().clone();
        let deadlines = node.state_miner_deadlines(actor, key()).await;
        let now = node.state_miner_proving_deadline(actor, key()).await;
        let now = now.context("getting deadlines")?;
        Ok(Self {
            deadlines: deadlines.context("getting deadlines")?,
            current: now.index,
            start: now.period_start,
            window: now.challenge_window,
            delay: block_delay(node).await?,
            head,
        })
    }

    /// The time of day at which a deadline opens in this period.
    fn opens(&self, index: u64) -> String {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        let epoch = self.start.saturating_add(self.window.saturating_mul(index));
        let now = (self.head.height(), self.head.min_timestamp());
        time_of_day(now, epoch, self.delay)
    }
}

/// A deadline and what is to be proven in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Due {
    deadline: u64,
    /// Time of day, UTC.
    open: String,
    partitions: usize,
    sectors: u64,
    faults: u64,
    proven_partitions: u64,
    current: bool,
}

pub(super) async fn list(
    context: &Context,
    all: bool,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (actor, node) = (context.actor().await?, context.node().await?);
    let period = Period::load(node, actor).await?;
    let mut listed = Vec::new();
    for (index, deadline) in (0..).zip(&period.deadlines) {
        let partitions = partitions(node, actor, index, period.head.key()).await?;
        let (mut count, mut sectors, mut faults) = (0_usize, 0, 0);
        for partition in &partitions {
            let counted = if all {
                &partition.all_sectors
            } else {
                &partition.live_sectors
            };
            count += usize::from(all || !counted.is_empty());
            sectors += counted.len();
            faults += partition.faulty_sectors.len();
        }
        listed.push(Due {
            deadline: index,
            open: period.opens(index),
            partitions: count,
            sectors,
            faults,
            proven_partitions: deadline.post_submissions.len(),
            current: index == period.current,
        });
    }
    if form.wrote(out, &listed)? {
        return Ok(());
    }
    writeln!(out, "Miner: {}", context.paint.blue(actor))?;
    let mut table = Table::open(&[
        "deadline",
        "open",
        "partitions",
        "sectors (faults)",
        "proven partitions",
    ]);
    for due in listed {
        let (sectors, faults, proven) = (due.sectors, due.faults, due.proven_partitions);
        let current = if due.current { "  (current)" } else { "" };
        table.row([
            due.deadline.to_string(),
            due.open,
            due.partitions.to_string(),
            format!("{sectors} ({faults})"),
            format!("{proven}{current}"),
        ]);
    }
    Ok(table.write(out)?)
}

/// View the current proving period deadline information by its index
#[derive(Debug, clap::Args)]
pub(in crate::miner) struct Deadline {
    /// Print sector/fault numbers belonging to this deadline
    #[arg(short = 'n', long)]
    sector_nums: bool,
    /// Print partition bitfield stats
    #[arg(short, long)]
    bitfield: bool,
    #[command(flatten)]
    form: Form,
    /// Which
    #[arg(value_name = "deadlineIdx")]
    index: u64,
}

impl Deadline {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let (actor, node) = (context.actor().await?, context.node().await?);
        let period = Period::load(node, actor).await?;
        let index = usize::try_from(self.index).ok();
        let deadline = index.and_then(|index| period.deadlines.get(index));
        let deadline = deadline.with_context(|| {
            format!(
                "there is no deadline {}: a proving period has {} of them, from 0 on",
                self.index,
                period.deadlines.len()
            )
        })?;
        let partitions = partitions(node, actor, self.index, period.head.key()).await?;
        if self.form.is_json() {
            let shown = json!({
                "Deadline": self.index, "Open": period.opens(self.index),
                "ProvenPartitions": deadline.post_submissions.len(),
                "Current": period.current == self.index, "Partitions": partitions,
            });
            return Ok(write_json(out, &shown)?);
        }
        writeln!(out, "Deadline Index:           {}", self.index)?;
        writeln!(
            out,
            "Deadline Open:            {}",
            period.opens(self.index)
        )?;
        writeln!(out, "Partitions:               {}", partitions.len())?;
        let proven = deadline.post_submissions.len();
        writeln!(out, "Proven Partitions:        {proven}")?;
        let current = period.current == self.index;
        writeln!(out, "Current:                  {current}")?;
        writeln!(out)?;
        for (number, partition) in partitions.iter().enumerate() {
            writeln!(out, "Partition Index:          {number}")?;
            for (name, set) in [
                ("All", &partition.all_sectors),
                ("Live", &partition.live_sectors),
                ("Active", &partition.active_sectors),
                ("Faulty", &partition.faulty_sectors),
                ("Recovering", &partition.recovering_sectors),
            ] {
                self.write_set(name, set, out)?;
            }
        }
        Ok(())
    }

    fn write_set(&self, name: &str, set: &BitField, out: &mut dyn Write) -> anyhow::Result<()> {
        let heading = format!("{name} Sectors:");
        write!(out, "\t{heading:<27}{}", set.len())?;
        if self.bitfield {
            write!(out, " ({})", runs(set)?)?;
        }
        writeln!(out)?;
        if self.sector_nums {
            let heading = format!("{name} Sector Numbers:");
            let numbers = set.numbers(MOST_NUMBERS).map_err(anyhow::Error::msg)?;
            writeln!(out, "\t{heading:<28}{}", brackets(&numbers))?;
        }
        Ok(())
    }
}

/// How a set is made up: `bitfield - runs 1+1=2 - 2 0s 4 1s - 0 inv - 4 B 4B`.
fn runs(set: &BitField) -> anyhow::Result<String> {
    let (mut zeros, mut ones, mut zero_runs, mut one_runs) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut last = 0;
    for range in set.inner().ranges() {
        if range.start > last {
            zeros += range.start - last;
            zero_runs += 1;
        }
        ones += range.end - range.start;
        one_runs += 1;
        last = range.end;
    }
    let bytes = lotus_types::wire::to_cbor(set).len();
    Ok(format!(
        "bitfield - runs {zero_runs}+{one_runs}={} - {zeros} 0s {ones} 1s - 0 inv - {} {bytes}B",
        zero_runs + one_runs,
        size(&bytes)
    ))
}
