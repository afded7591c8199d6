//! `lotus-miner info`: the miner at a glance.
//!
//! # Lotus parity
//! Layout of Lotus. The projections count with the network's own block time; Lotus takes an epoch for
//! 30 seconds on every network.

mod money;
mod power;

use std::{io::Write, time::Duration};

use anyhow::Context as _;
use lotus_networks::{policy, singletons::REWARD_ACTOR};
use lotus_rpc_api::{
    full::FullNode,
    miner::StorageMiner,
    types::worker::{TaskType, WorkerStats},
};
use lotus_types::{Address, Tipset, TipsetKey, TokenAmount};
use serde_json::json;

use super::{Context, states};
use crate::{
    common::{health, unix_seconds},
    format::{Form, Paint, go_duration, go_time, list, write_json},
    lotus::block_delay,
};

/// Print miner info
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Info {
    /// hide sectors info
    #[arg(long)]
    hide_sectors_info: bool,
    /// Log of produced <blocks> newest blocks and rewards(Miner Fee excluded)
    #[arg(long, value_name = "COUNT")]
    blocks: Option<usize>,
    #[command(flatten)]
    form: Form,
}

impl Info {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let (miner, node) = (context.miner().await?, context.node().await?);
        let delay = block_delay(node).await?;
        let head = node.chain_head().await?;
        let paint = context.paint;
        let actor = context.actor().await?;
        let power = power::Power::load(node, actor).await?;
        let money = money::Money::load(node, actor).await?;
        if self.form.is_json() {
            let shown = json!({
                "Miner": actor, "Head": head.height(), "HeadTime": head.min_timestamp(),
                "BaseFee": head.parent_base_fee(), "Power": power, "Money": money,
                "Subsystems": miner.runtime_subsystems().await?,
                "StartTime": miner.start_time().await?,
                "Sectors": miner.sectors_summary().await?, "Workers": miner.worker_stats().await?,
            });
            return Ok(write_json(out, &shown)?);
        }
        write_process(miner, out).await?;
        writeln!(out, "Chain: {}", chain_health(&head, delay, paint))?;
        write_alerts(miner, paint, out).await?;
        power.write(actor, delay, paint, out)?;
        writeln!(out)?;
        money.write(paint, out)?;
        writeln!(out)?;
        if !self.hide_sectors_info {
            writeln!(out, "Sectors:")?;
            write_sectors(miner, paint, out).await?;
        }
        if let Some(count) = self.blocks {
            writeln!(out, "Produced newest blocks:")?;
            write_blocks(node, &head, actor, count, out).await?;
        }
        writeln!(out)?;
        write_workers(miner, out).await
    }
}

async fn write_process(miner: &dyn StorageMiner, out: &mut dyn Write) -> anyhow::Result<()> {
    let parts = miner.runtime_subsystems().await?;
    writeln!(out, "Enabled subsystems: {}", list(&parts))?;
    let start = miner.start_time().await?.seconds;
    let now = i64::try_from(unix_seconds()).unwrap_or(i64::MAX);
    let age = u64::try_from(now.saturating_sub(start)).unwrap_or(0);
    writeln!(
        out,
        "StartTime: {} (started at {})",
        go_duration(Duration::from_secs(age)),
        go_time(start)
    )?;
    Ok(())
}

/// How old the head is, and what gas costs: `[sync ok] [basefee 100 aFIL]`.
fn chain_health(head: &Tipset, delay: u64, paint: Paint) -> String {
    let age = unix_seconds().saturating_sub(head.min_timestamp());
    let sync = health::sync(age, delay, paint);
    let fee = health::priced(head.parent_base_fee(), paint);
    format!("[{sync}] [basefee {fee}]")
}

async fn write_alerts(
    miner: &dyn StorageMiner,
    paint: Paint,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    // What an operator should know is told when there is something to tell it.
    match miner.log_alerts().await {
        Ok(alerts) => {
            let active = alerts.iter().filter(|alert| alert.active).count();
            if active > 0 {
                let told = paint.red(format!("⚠ {active} Active alerts"));
                let command = paint.yellow("lotus-miner log alerts");
                writeln!(out, "{told} (check {command})")?;
            }
        }
        Err(error) if error.is_not_supported() => {}
        Err(error) => writeln!(out, "ERROR: getting alerts: {error}")?,
    }
    Ok(())
}

async fn write_sectors(
    miner: &dyn StorageMiner,
    paint: Paint,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let summary = miner.sectors_summary().await?;
    let total: i64 = summary.values().sum();
    writeln!(out, "\tTotal: {total}")?;
    for state in states::in_order(summary.keys()) {
        let count = summary.get(state).copied().unwrap_or(0);
        let text = format!("{state}: {count}");
        writeln!(out, "\t{}", states::shown_as(&text, state, paint))?;
    }
    Ok(())
}

/// Tipsets that are searched for the miner's own blocks at most: a day.
const BLOCKS_LOOKBACK: i64 = policy::EPOCHS_IN_DAY;

async fn write_blocks(
    node: &dyn FullNode,
    head: &Tipset,
    actor: Address,
    count: usize,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    writeln!(
        out,
        " Epoch   | Block ID                                                       | Reward"
    )?;
    let mut left = count;
    let mut tipset = head.clone();
    let last = head.height().saturating_sub(BLOCKS_LOOKBACK).max(0);
    while left > 0 && tipset.height() > last {
        for block in tipset.blocks().iter().filter(|block| block.miner == actor) {
            let reward = block_reward(node, tipset.key().clone()).await?;
            let wins = block.election_proof.as_ref().map_or(1, |p| p.win_count);
            let earned = &reward * wins;
            writeln!(out, "{:8} | {} | {earned}", block.height, block.cid())?;
            left = left.saturating_sub(1);
            if left == 0 {
                return Ok(());
            }
        }
        tipset = node.chain_get_tipset(tipset.parents().clone()).await?;
    }
    if left > 0 {
        writeln!(
            out,
            "(no more of them in the last {BLOCKS_LOOKBACK} epochs)"
        )?;
    }
    Ok(())
}

/// What a block with one win earns, without its messages' fees.
async fn block_reward(node: &dyn FullNode, key: TipsetKey) -> anyhow::Result<TokenAmount> {
    let actor = REWARD_ACTOR;
    let state = node.state_read_state(actor, key).await?.state;
    let reward = state.get("ThisEpochReward").cloned();
    let reward = reward.context("the reward actor's state has no ThisEpochReward")?;
    let reward: TokenAmount = serde_json::from_value(reward).context("reading ThisEpochReward")?;
    Ok(TokenAmount::from_atto(
        reward.atto() / policy::BLOCKS_PER_EPOCH,
    ))
}

/// What a worker is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkerType {
    Sealing,
    WindowPoSt,
    WinningPoSt,
}

/// A worker is for what its first task that is not sealing is for.
pub(super) fn worker_type(worker: &WorkerStats) -> WorkerType {
    let of = |task: &TaskType| match task {
        task if *task == TaskType::GENERATE_WINDOW_POST => Some(WorkerType::WindowPoSt),
        task if *task == TaskType::GENERATE_WINNING_POST => Some(WorkerType::WinningPoSt),
        _ => None,
    };
    let mut found = worker.tasks.iter().filter_map(of);
    found.next().unwrap_or(WorkerType::Sealing)
}

async fn write_workers(miner: &dyn StorageMiner, out: &mut dyn Write) -> anyhow::Result<()> {
    let workers = miner.worker_stats().await?;
    let count = |kind| {
        let enabled = workers.values().filter(|worker| worker.enabled);
        enabled.filter(|worker| worker_type(worker) == kind).count()
    };
    writeln!(
        out,
        "Workers: Seal({}) WdPoSt({}) WinPoSt({})",
        count(WorkerType::Sealing),
        count(WorkerType::WindowPoSt),
        count(WorkerType::WinningPoSt)
    )?;
    Ok(())
}
