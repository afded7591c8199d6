//! What the miner stores, and the blocks that it can expect for it.

use std::{io::Write, time::Duration};

use lotus_networks::policy;
use lotus_rpc_api::{
    full::FullNode,
    types::state::{MinerPower, MinerSectors},
};
use lotus_types::{Address, TipsetKey};
use serde::Serialize;

use crate::format::{Paint, binary, go_duration, percent, size};

const SECONDS_IN_WEEK: f64 = 7.0 * 24.0 * 3600.0;

/// What the miner stores.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Power {
    sector_size: u64,
    #[serde(flatten)]
    power: MinerPower,
    sectors: MinerSectors,
}

impl Power {
    pub(super) async fn load(node: &dyn FullNode, actor: Address) -> anyhow::Result<Self> {
        let head = TipsetKey::default;
        Ok(Self {
            sector_size: node.state_miner_info(actor, head()).await?.sector_size,
            power: node.state_miner_power(actor, head()).await?,
            sectors: node.state_miner_sector_count(actor, head()).await?,
        })
    }

    pub(super) fn write(
        &self,
        actor: Address,
        delay: u64,
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let (sector_size, power, count) = (self.sector_size, &self.power, &self.sectors);
        let name = paint.blue(actor);
        writeln!(out, "Miner: {name} ({} sectors)", size(&sector_size))?;
        let (own, total) = (&power.miner_power, &power.total_power);
        let (weighed, all) = (&own.quality_adj_power, &total.quality_adj_power);
        writeln!(
            out,
            "Power: {} / {} ({}%)",
            paint.green(binary(weighed)),
            binary(all),
            percent(weighed, all)
        )?;
        let (raw, all) = (&own.raw_byte_power, &total.raw_byte_power);
        writeln!(
            out,
            "\tRaw: {} / {} ({}%)",
            paint.blue(size(raw)),
            size(all),
            percent(raw, all)
        )?;

        let bytes = |sectors: u64| size(&(u128::from(sectors) * u128::from(sector_size)));
        writeln!(out, "\tCommitted: {}", bytes(count.live))?;
        let proving = bytes(count.active.saturating_add(count.faulty));
        if count.faulty == 0 {
            writeln!(out, "\tProving: {proving}")?;
        } else {
            let share = 100.0 * count.faulty as f64 / count.live.max(1) as f64;
            let faulty = paint.red(bytes(count.faulty));
            writeln!(out, "\tProving: {proving} ({faulty} Faulty, {share:.2}%)")?;
        }
        write_projection(power, delay, paint, out)
    }
}

/// How often the miner will win, if nothing changes.
fn write_projection(
    power: &MinerPower,
    delay: u64,
    paint: Paint,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
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
    let often = format!(
        "{:.2}/week (every {})",
        rate * SECONDS_IN_WEEK / delay,
        told(delay / rate)
    );
    let often = paint.blue(often);
    writeln!(out, "Projected average block win rate: {often}")?;
    // The number of epochs before a win is distributed geometrically.
    let epochs = (1.0_f64 - 0.999).ln() / (-rate).ln_1p();
    let surely = format!("99.9% probability every {}", told(delay * epochs));
    writeln!(out, "Projected block win with {}", paint.green(surely))?;
    writeln!(
        out,
        "(projections DO NOT account for future network and miner growth)"
    )?;
    Ok(())
}
