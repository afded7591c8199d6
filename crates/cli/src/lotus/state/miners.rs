//! Miners, their power and their sectors.

use std::{collections::BTreeMap, io::Write};

use anyhow::Context as _;
use lotus_rpc_api::{full::FullNode, types::state::MinerInfo};
use lotus_types::{Address, SectorNumber, Tipset, TipsetKey};

use crate::{
    common::beneficiary::write_beneficiary,
    format::{binary, epoch_date, epoch_time, list as brackets, percent, size},
    lotus::block_delay,
    multiaddr,
};

/// Miners that are shown when they are sorted.
const SORTED_MINERS: usize = 50;

pub(super) async fn power(
    node: &dyn FullNode,
    miner: Option<Address>,
    key: TipsetKey,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let power = node
        .state_miner_power(miner.unwrap_or_default(), key)
        .await?;
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

pub(super) async fn sectors(
    node: &dyn FullNode,
    miner: Address,
    key: TipsetKey,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    for sector in node.state_miner_sectors(miner, None, key).await? {
        writeln!(out, "{}: {}", sector.sector_number, sector.sealed_cid)?;
    }
    Ok(())
}

pub(super) async fn active_sectors(
    node: &dyn FullNode,
    miner: Address,
    key: TipsetKey,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    for sector in node.state_miner_active_sectors(miner, key).await? {
        writeln!(out, "{}: {}", sector.sector_number, sector.sealed_cid)?;
    }
    Ok(())
}

pub(super) async fn list(
    node: &dyn FullNode,
    sort_by: Option<&str>,
    key: TipsetKey,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut miners = node.state_list_miners(key.clone()).await?;
    match sort_by {
        None | Some("" | "none") => {
            for miner in miners {
                writeln!(out, "{miner}")?;
            }
        }
        Some("num-deals") => {
            let mut deals: BTreeMap<Address, u64> = BTreeMap::new();
            for deal in node.state_market_deals(key).await?.into_values() {
                *deals.entry(deal.proposal.provider).or_default() += 1;
            }
            let count = |miner: &Address| deals.get(miner).copied().unwrap_or(0);
            miners.sort_by_key(|miner| std::cmp::Reverse(count(miner)));
            for miner in miners.iter().take(SORTED_MINERS) {
                writeln!(out, "{miner} {}", count(miner))?;
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
    miner: Address,
    number: SectorNumber,
    tipset: &Tipset,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let key = tipset.key().clone();
    let sector = node
        .state_sector_get_info(miner, number, key.clone())
        .await?
        .with_context(|| format!("sector {number} for miner {miner} not found"))?;
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
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let info = node.state_miner_info(miner, key.clone()).await?;
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
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let deadline = node.state_miner_proving_deadline(miner, key).await?;
    writeln!(out, "Period Start:\t{}", deadline.period_start)?;
    writeln!(out, "Index:\t\t{}", deadline.index)?;
    writeln!(out, "Open:\t\t{}", deadline.open)?;
    writeln!(out, "Close:\t\t{}", deadline.close)?;
    writeln!(out, "Challenge:\t{}", deadline.challenge)?;
    writeln!(out, "FaultCutoff:\t{}", deadline.fault_cutoff)?;
    Ok(())
}
