//! `lotus-miner sectors status`: one sector and its story.

use std::io::Write;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lotus_rpc_api::types::sealing::SectorStatus;
use lotus_types::{BitField, Cid, SectorNumber};

use crate::{
    format::{Form, epoch_time, go_time, list},
    lotus::block_delay,
    miner::Context,
};

/// Get the seal status of a sector by its number
#[derive(Debug, clap::Args)]
pub(in crate::miner) struct Status {
    /// display event log
    #[arg(short, long)]
    log: bool,
    /// show sector on chain info
    #[arg(short = 'c', long)]
    on_chain_info: bool,
    /// show partition related info
    #[arg(short, long)]
    partition_info: bool,
    /// print snark proof bytes as hex
    #[arg(long)]
    proof: bool,
    #[command(flatten)]
    form: Form,
    /// Which
    #[arg(value_name = "sectorNum")]
    sector: SectorNumber,
}

impl Status {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let miner = context.miner().await?;
        let status = miner
            .sectors_status(self.sector, self.on_chain_info)
            .await?;
        if self.form.wrote(out, &status)? {
            return Ok(());
        }
        self.write_sealing(&status, out)?;
        writeln!(out)?;
        writeln!(out, "Expiration Info")?;
        writeln!(out, "OnTime:\t\t{}", status.on_time)?;
        writeln!(out, "Early:\t\t{}", status.early)?;
        if self.on_chain_info {
            self.write_on_chain(context, &status, out).await?;
        }
        if self.partition_info {
            self.write_partition(context, out).await?;
        }
        if self.log {
            write_story(&status, out)?;
        }
        Ok(())
    }

    fn write_sealing(&self, status: &SectorStatus, out: &mut dyn Write) -> anyhow::Result<()> {
        let (ticket, seed) = (&status.ticket, &status.seed);
        writeln!(out, "SectorID:\t{}", status.sector_id)?;
        writeln!(out, "Status:\t\t{}", status.state)?;
        writeln!(out, "CIDcommD:\t{}", or_nil(status.comm_d.as_ref()))?;
        writeln!(out, "CIDcommR:\t{}", or_nil(status.comm_r.as_ref()))?;
        writeln!(out, "Ticket:\t\t{}", HEXLOWER.encode(&ticket.value))?;
        writeln!(out, "TicketH:\t{}", ticket.epoch)?;
        writeln!(out, "Seed:\t\t{}", HEXLOWER.encode(&seed.value))?;
        writeln!(out, "SeedH:\t\t{}", seed.epoch)?;
        writeln!(
            out,
            "Precommit:\t{}",
            or_nil(status.pre_commit_msg.as_ref())
        )?;
        writeln!(out, "Commit:\t\t{}", or_nil(status.commit_msg.as_ref()))?;
        if self.proof {
            writeln!(out, "Proof:\t\t{}", HEXLOWER.encode(&status.proof))?;
        }
        writeln!(out, "Deals:\t\t{}", list(&status.deals))?;
        writeln!(out, "Retries:\t{}", status.retries)?;
        if !status.last_err.is_empty() {
            writeln!(out, "Last Error:\t\t{}", status.last_err)?;
        }
        Ok(())
    }

    async fn write_on_chain(
        &self,
        context: &Context,
        status: &SectorStatus,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node().await?;
        let delay = block_delay(node).await?;
        let now = node.chain_head().await?.height();
        let miner = context.actor().await?;
        let miner = miner
            .id()
            .with_context(|| format!("{miner} is not an ID address"))?;
        writeln!(out)?;
        writeln!(out, "Sector On Chain Info")?;
        writeln!(out, "SealProof:\t\t{:x}", status.seal_proof.0)?;
        let activation = epoch_time(now, status.activation, delay);
        writeln!(out, "Activation:\t\t{activation}")?;
        let expiration = epoch_time(now, status.expiration, delay);
        writeln!(out, "Expiration:\t\t{expiration}")?;
        writeln!(out, "DealWeight:\t\t{}", status.deal_weight)?;
        writeln!(
            out,
            "VerifiedDealWeight:\t\t{}",
            status.verified_deal_weight
        )?;
        writeln!(out, "InitialPledge:\t\t{}", status.initial_pledge)?;
        let number = self.sector;
        writeln!(out, "SectorID:\t\t{{Miner: {miner}, Number: {number}}}")?;
        Ok(())
    }

    async fn write_partition(&self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let (miner, node) = (context.actor().await?, context.node().await?);
        let head = node.chain_head().await?.key().clone();
        let place = node
            .state_sector_partition(miner, self.sector, head.clone())
            .await;
        // The node says that a sector is in no partition by an error, too.
        let Ok(Some(place)) = place else {
            writeln!(out)?;
            writeln!(out, "Not found in any partition")?;
            return Ok(());
        };
        let partitions = node
            .state_miner_partitions(miner, place.deadline, head)
            .await?;
        let partition = usize::try_from(place.partition).ok();
        let partition = partition.and_then(|index| partitions.get(index));
        let partition = partition.with_context(|| {
            format!(
                "deadline {} has no partition {}",
                place.deadline, place.partition
            )
        })?;
        writeln!(out)?;
        writeln!(out, "Deadline:\t{}", place.deadline)?;
        writeln!(out, "Partition:\t{}", place.partition)?;
        let mut told = |name: &str, set: &BitField| {
            let answer = if set.contains(self.sector) {
                "yes"
            } else {
                "no"
            };
            writeln!(out, "{name}:   \t{answer}")
        };
        told("Live", &partition.live_sectors)?;
        told("Active", &partition.active_sectors)?;
        told("Faulty", &partition.faulty_sectors)?;
        told("Recovering", &partition.recovering_sectors)?;
        Ok(())
    }
}

/// A CID as Lotus prints one that may not be there yet.
fn or_nil(cid: Option<&Cid>) -> String {
    cid.map_or_else(|| "<nil>".to_owned(), ToString::to_string)
}

/// Everything that happened to the sector, in order.
fn write_story(status: &SectorStatus, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "--------")?;
    writeln!(out, "Event Log:")?;
    for (number, entry) in status.log.iter().enumerate() {
        let time = go_time(i64::try_from(entry.timestamp).unwrap_or(i64::MAX));
        writeln!(
            out,
            "{number}.\t{time}:\t[{}]\t{}",
            entry.kind, entry.message
        )?;
        if !entry.trace.is_empty() {
            writeln!(out, "\t{}", entry.trace)?;
        }
    }
    Ok(())
}
