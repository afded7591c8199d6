//! Miners, their power and their sectors.

use std::{collections::BTreeMap, io::Write};

use anyhow::Context as _;
use lotus_actors::miner::SectorOnChainInfo;
use lotus_rpc_api::{full::FullNode, types::state::MinerInfo};
use lotus_types::{Address, SectorNumber, Tipset, TipsetKey};
use serde::Serialize;

use crate::{
    common::beneficiary::write_beneficiary,
    format::{Form, binary, epoch_date, epoch_time, list as brackets, percent, size},
    lotus::block_delay,
    multiaddr,
};

/// Miners that are shown when they are sorted.
const SORTED_MINERS: usize = 50;

pub(super) async fn power(
    node: &dyn FullNode,
    miner: Option<Address>,
    key: TipsetKey,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let power = node
        .state_miner_power(miner.unwrap_or_default(), key)
        .await?;
    if form.wrote(out, &power)? {
        return Ok(());
    }
    let total = &power.total_power.quality_adj_power;
    if miner.is_none() {
        writeln!(out, "{total}({})", size(total))?;
        return Ok(());
    }
    let own = &power.miner_power.quality_adj_power;
    let share = if total.to_string() == "0" {
        "0.0000".to_owned()
    } else {
        percent(own, total)
    };
    writeln!(
        out,
        "{own}({}) / {total}({}) ~= {share}%",
        size(own),
        size(total)
    )?;
    Ok(())
}

pub(super) fn write_sectors(
    sectors: &[SectorOnChainInfo],
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if form.wrote(out, sectors)? {
        return Ok(());
    }
    for sector in sectors {
        writeln!(out, "{}: {}", sector.sector_number, sector.sealed_cid)?;
    }
    Ok(())
}

/// A miner and how many deals it has.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WithDeals {
    miner: Address,
    deals: u64,
}

pub(super) async fn list(
    node: &dyn FullNode,
    sort_by: Option<&str>,
    key: TipsetKey,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let miners = node.state_list_miners(key.clone()).await?;
    match sort_by {
        None | Some("" | "none") => {
            if form.wrote(out, &miners)? {
                return Ok(());
            }
            for miner in miners {
                writeln!(out, "{miner}")?;
            }
        }
        Some("num-deals") => {
            let mut count: BTreeMap<Address, u64> = BTreeMap::new();
            for deal in node.state_market_deals(key).await?.into_values() {
                *count.entry(deal.proposal.provider).or_default() += 1;
            }
            let with_deals = |miner| WithDeals {
                miner,
                deals: count.get(&miner).copied().unwrap_or(0),
            };
            let mut miners: Vec<_> = miners.into_iter().map(with_deals).collect();
            miners.sort_by_key(|miner| std::cmp::Reverse(miner.deals));
            miners.truncate(SORTED_MINERS);
            if form.wrote(out, &miners)? {
                return Ok(());
            }
            for WithDeals { miner, deals } in miners {
                writeln!(out, "{miner} {deals}")?;
            }
        }
        Some(other) => anyhow::bail!("unrecognized sorting order: {other:?}; none or num-deals"),
    }
    Ok(())
}

pub(super) async fn sector_size(
    node: &dyn FullNode,
    miner: Address,
    key: TipsetKey,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let bytes = node
        .state_miner_info(miner, key)
        .await?
        .sector_size
        .to_string();
    writeln!(out, "{} ({bytes})", size(&bytes))?;
    Ok(())
}

pub(super) async fn sector(
    node: &dyn FullNode,
    (miner, number): (Address, SectorNumber),
    tipset: &Tipset,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let key = tipset.key().clone();
    let sector = node
        .state_sector_get_info(miner, number, key.clone())
        .await?
        .with_context(|| format!("sector {number} for miner {miner} not found"))?;
    if form.wrote(out, &sector)? {
        return Ok(());
    }
    let delay = block_delay(node).await?;
    let now = (tipset.height(), tipset.min_timestamp());
    writeln!(out, "SectorNumber:  {}", sector.sector_number)?;
    writeln!(out, "SealProof:  {}", sector.seal_proof.0)?;
    writeln!(out, "SealedCID:  {}", sector.sealed_cid)?;
    if let Some(key) = sector.sector_key_cid {
        writeln!(out, "SectorKeyCID:  {key}")?;
    }
    writeln!(out, "DealIDs:  {}", brackets(&sector.deal_ids))?;
    writeln!(out)?;
    writeln!(
        out,
        "Activation:  {}",
        epoch_date(now, sector.activation, delay)
    )?;
    writeln!(
        out,
        "Expiration:  {}",
        epoch_date(now, sector.expiration, delay)
    )?;
    writeln!(out)?;
    writeln!(out, "DealWeight:  {}", sector.deal_weight)?;
    writeln!(out, "VerifiedDealWeight:  {}", sector.verified_deal_weight)?;
    writeln!(out, "InitialPledge:  {}", sector.initial_pledge)?;
    writeln!(out, "ExpectedDayReward:  {}", sector.expected_day_reward)?;
    writeln!(
        out,
        "ExpectedStoragePledge:  {}",
        sector.expected_storage_pledge
    )?;
    writeln!(out)?;
    let place = node.state_sector_partition(miner, number, key).await?;
    let place = place.with_context(|| format!("sector {number} is in no partition"))?;
    writeln!(out, "Deadline:  {}", place.deadline)?;
    writeln!(out, "Partition:  {}", place.partition)?;
    Ok(())
}

pub(super) async fn info(
    node: &dyn FullNode,
    miner: Address,
    key: TipsetKey,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let info = node.state_miner_info(miner, key.clone()).await?;
    if form.wrote(out, &info)? {
        return Ok(());
    }
    let available = node.state_miner_available_balance(miner, key.clone()).await;
    writeln!(
        out,
        "Available Balance: {}",
        available.context("getting available balance")?
    )?;
    write_people(&info, out)?;
    if let Some(peer) = &info.peer_id {
        writeln!(out, "PeerID:\t{peer}")?;
    }
    write!(out, "Multiaddrs:\t")?;
    for address in &info.multiaddrs {
        write!(out, "{} ", multiaddr::text(address))?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "Consensus Fault End:\t{}",
        info.consensus_fault_elapsed
    )?;
    let bytes = info.sector_size.to_string();
    writeln!(out, "SectorSize:\t{} ({bytes})", size(&bytes))?;
    let power = node.state_miner_power(miner, key.clone()).await?;
    let (own, total) = (&power.miner_power, &power.total_power);
    let (raw, all) = (&own.raw_byte_power, &total.raw_byte_power);
    writeln!(
        out,
        "Byte Power:   {} / {} ({}%)",
        size(raw),
        size(all),
        percent(raw, all)
    )?;
    let (weighed, all) = (&own.quality_adj_power, &total.quality_adj_power);
    let share = percent(weighed, all);
    writeln!(
        out,
        "Actual Power: {} / {} ({share}%)",
        binary(weighed),
        binary(all)
    )?;
    writeln!(out)?;
    let deadline = node.state_miner_proving_deadline(miner, key).await;
    let deadline = deadline.context("getting the proving deadline")?;
    let begin = epoch_time(
        deadline.current_epoch,
        deadline.period_start,
        block_delay(node).await?,
    );
    writeln!(out, "Proving Period Start:\t{begin}")?;
    Ok(())
}

/// Who owns the miner, works for it and gets its income.
fn write_people(info: &MinerInfo, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "Owner:\t{}", info.owner)?;
    writeln!(out, "Worker:\t{}", info.worker)?;
    for (number, address) in info.control_addresses.iter().enumerate() {
        writeln!(out, "Control {number}: \t{address}")?;
    }
    write_beneficiary(info, out)
}

pub(super) async fn proving_deadline(
    node: &dyn FullNode,
    miner: Address,
    key: TipsetKey,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let deadline = node.state_miner_proving_deadline(miner, key).await?;
    if form.wrote(out, &deadline)? {
        return Ok(());
    }
    writeln!(out, "Period Start:\t{}", deadline.period_start)?;
    writeln!(out, "Index:\t\t{}", deadline.index)?;
    writeln!(out, "Open:\t\t{}", deadline.open)?;
    writeln!(out, "Close:\t\t{}", deadline.close)?;
    writeln!(out, "Challenge:\t{}", deadline.challenge)?;
    writeln!(out, "FaultCutoff:\t{}", deadline.fault_cutoff)?;
    Ok(())
}
