//! What the miner stores, and the blocks that it can expect for it.

use std::{io::Write, time::Duration};

use lotus_networks::policy;
use lotus_rpc_api::{full::FullNode, types::state::MinerPower};
use lotus_types::{Address, TipsetKey};

use crate::format::{binary, go_duration, percent, size};

const SECONDS_IN_WEEK: f64 = 7.0 * 24.0 * 3600.0;

pub(super) async fn write(
    node: &dyn FullNode,
    actor: Address,
    delay: u64,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let head = TipsetKey::default;
    let sector_size = node.state_miner_info(actor, head()).await?.sector_size;
    writeln!(out, "Miner: {actor} ({} sectors)", size(&sector_size))?;
    let power = node.state_miner_power(actor, head()).await?;
    let (own, total) = (&power.miner_power, &power.total_power);
    let (weighed, all) = (&own.quality_adj_power, &total.quality_adj_power);
    writeln!(
        out,
        "Power: {} / {} ({}%)",
        binary(weighed),
        binary(all),
        percent(weighed, all)
    )?;
    let (raw, all) = (&own.raw_byte_power, &total.raw_byte_power);
    writeln!(
        out,
        "\tRaw: {} / {} ({}%)",
        size(raw),
        size(all),
        percent(raw, all)
    )?;

    let count = node.state_miner_sector_count(actor, head()).await?;
    let bytes = |sectors: u64| size(&(u128::from(sectors) * u128::from(sector_size)));
    writeln!(out, "\tCommitted: {}", bytes(count.live))?;
    let proving = bytes(count.active.saturating_add(count.faulty));
    if count.faulty == 0 {
        writeln!(out, "\tProving: {proving}")?;
    } else {
        let share = 100.0 * count.faulty as f64 / count.live.max(1) as f64;
        let faulty = bytes(count.faulty);
        writeln!(out, "\tProving: {proving} ({faulty} Faulty, {share:.2}%)")?;
    }
    write_projection(&power, delay, out)
}

/// How often the miner will win, if nothing changes.
fn write_projection(power: &MinerPower, delay: u64, out: &mut dyn Write) -> anyhow::Result<()> {
    if !power.has_min_power {
        writeln!(out, "Below minimum power threshold, no blocks will be won")?;
        return Ok(());
    }
    let number = |text: String| text.parse::<f64>().unwrap_or(0.0);
    let own = number(power.miner_power.quality_adj_power.to_string());
    let all = number(power.total_power.quality_adj_power.to_string());
    let expected = own / all * policy::BLOCKS_PER_EPOCH as f64;
    // A miner with much power wins several times in one epoch and makes one block of it.
    let rate = -(-expected).exp_m1();
    if !(rate > 0.0 && rate < 1.0) {
        return Ok(());
    }
    let delay = delay as f64;
    let told = |seconds: f64| {
        // Longer than a Duration: never, for all practical purposes.
        let time = Duration::try_from_secs_f64(seconds.trunc()).unwrap_or(Duration::MAX);
        go_duration(time)
    };
    writeln!(
        out,
        "Projected average block win rate: {:.2}/week (every {})",
        rate * SECONDS_IN_WEEK / delay,
        told(delay / rate)
    )?;
    // The number of epochs before a win is distributed geometrically.
    let epochs = (1.0_f64 - 0.999).ln() / (-rate).ln_1p();
    writeln!(
        out,
        "Projected block win with 99.9% probability every {}",
        told(delay * epochs)
    )?;
    writeln!(
        out,
        "(projections DO NOT account for future network and miner growth)"
    )?;
    Ok(())
}
