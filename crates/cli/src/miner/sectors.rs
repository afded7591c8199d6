//! `lotus-miner sectors`: what becomes of each sector.

mod batching;
mod list;
mod numbers;
mod status;

use std::io::Write;

use anyhow::ensure;
use futures::{Stream, StreamExt as _, stream};
use lotus_rpc_api::{
    RpcError,
    miner::StorageMiner,
    types::{go::Nanos, sealing::SectorStatus},
};
use lotus_types::SectorNumber;
use serde_json::json;

use super::{Context, states};
use crate::format::{Form, write_json};

/// Minutes that a sector may be told to wait at most: a year.
pub(super) const MOST_MINUTES: u64 = 366 * 24 * 60;
/// Sectors that are asked about at once.
const AT_ONCE: usize = 16;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Sectors {
    Status(status::Status),
    List(list::List),
    /// List References to sectors
    Refs(Form),
    /// ADVANCED: manually update the state of a sector, this may aid in error recovery
    UpdateState {
        /// pass this flag if you know what you are doing
        #[arg(long)]
        really_do_it: bool,
        /// Which
        #[arg(value_name = "sectorNum")]
        sector: SectorNumber,
        /// The state that it is put into
        #[arg(value_name = "newState")]
        state: String,
    },
    /// store random data in a sector
    Pledge,
    /// query information about sector numbers and modify reservations
    #[command(subcommand)]
    Numbers(numbers::Numbers),
    /// Terminate sector on-chain then remove (WARNING: This means losing power and collateral for the
    /// removed sector)
    Terminate(Terminate),
    /// Forcefully remove a sector (WARNING: This means losing power and collateral for the removed
    /// sector (use 'terminate' for lower penalty))
    Remove {
        /// pass this flag if you know what you are doing
        #[arg(long)]
        really_do_it: bool,
        /// Which
        #[arg(value_name = "sectorNum")]
        sector: SectorNumber,
    },
    /// Mark a committed capacity sector to be filled with deals
    SnapUp {
        /// Which
        #[arg(value_name = "sectorNum")]
        sector: SectorNumber,
    },
    /// Abort the attempted (SnapDeals) upgrade of a CC sector, reverting it to as before
    AbortUpgrade {
        /// pass this flag if you know what you are doing
        #[arg(long)]
        really_do_it: bool,
        /// Which
        #[arg(value_name = "sectorNum")]
        sector: SectorNumber,
    },
    /// Manually start sealing a sector (filling any unused space with junk)
    Seal {
        /// Which
        #[arg(value_name = "sectorNum")]
        sector: SectorNumber,
    },
    /// Set the time, in minutes, that a new sector waits for deals before sealing starts
    SetSealDelay {
        /// How long
        #[arg(value_parser = clap::value_parser!(u64).range(..=MOST_MINUTES))]
        minutes: u64,
    },
    /// manage batch sector operations
    #[command(subcommand)]
    Batching(batching::Batching),
    /// force a refreshed match of pending pieces to open sectors without manually waiting for more deals
    MatchPendingPieces,
}

/// Flags of `sectors terminate`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Terminate {
    /// pass this flag if you know what you are doing
    #[arg(long)]
    really_do_it: bool,
    /// Which
    #[arg(value_name = "sectorNum", required = true)]
    sector: Option<SectorNumber>,
    #[command(subcommand)]
    batch: Option<TerminationBatch>,
}

#[derive(Debug, clap::Subcommand)]
enum TerminationBatch {
    /// Send a terminate message if there are sectors queued for termination
    Flush,
    /// List sector numbers of sectors pending termination
    Pending(Form),
}

/// What is asked of those who skip the state machine's own way.
const FOR_EXPERTS: &str = "this is a command for advanced users, only use it if you are sure of what \
                           you are doing: pass --really-do-it";

impl Sectors {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::Status(command) => return Box::pin(command.run(context, out)).await,
            Self::List(command) => return Box::pin(command.run(context, out)).await,
            Self::Refs(form) => refs(context, form, out).await?,
            Self::UpdateState {
                really_do_it,
                sector,
                state,
            } => {
                ensure!(really_do_it, FOR_EXPERTS);
                let known: Vec<_> = states::all().collect();
                ensure!(
                    known.contains(&state.as_str()),
                    "{state:?} is not a valid state. Possible states for sectors are:\n{}",
                    known.join("\n")
                );
                context.miner().await?.sectors_update(sector, state).await?;
            }
            Self::Pledge => {
                let id = context.miner().await?.pledge_sector().await?;
                writeln!(out, "Created CC sector:  {}", id.number)?;
            }
            Self::Numbers(command) => command.run(context.miner().await?, out).await?,
            Self::Terminate(command) => command.run(context, out).await?,
            Self::Remove {
                really_do_it,
                sector,
            } => {
                ensure!(really_do_it, FOR_EXPERTS);
                context.miner().await?.sector_remove(sector).await?;
            }
            Self::SnapUp { sector } => {
                let miner = context.miner().await?;
                miner.sector_mark_for_upgrade(sector, true).await?;
            }
            Self::AbortUpgrade {
                really_do_it,
                sector,
            } => {
                ensure!(
                    really_do_it,
                    "--really-do-it must be specified for this action to have an effect; you have been warned"
                );
                context.miner().await?.sector_abort_upgrade(sector).await?;
            }
            Self::Seal { sector } => context.miner().await?.sector_start_sealing(sector).await?,
            Self::SetSealDelay { minutes } => {
                let miner = context.miner().await?;
                miner.sector_set_seal_delay(minutes_of(minutes)).await?;
            }
            Self::Batching(command) => command.run(context.miner().await?, out).await?,
            Self::MatchPendingPieces => {
                let miner = context.miner().await?;
                miner.sector_match_pending_pieces_to_open_sectors().await?;
            }
        }
        Ok(())
    }
}

/// What the miner says of each sector, in the order of `numbers`; with what the chain says when that is
/// wanted. Several sectors are asked about at once: a large miner has thousands.
pub(super) fn statuses(
    miner: &dyn StorageMiner,
    numbers: Vec<SectorNumber>,
    on_chain: bool,
) -> impl Stream<Item = (SectorNumber, Result<SectorStatus, RpcError>)> {
    stream::iter(numbers)
        .map(move |number| async move { (number, miner.sectors_status(number, on_chain).await) })
        .buffered(AT_ONCE)
}

/// A number of minutes as the API takes it.
pub(super) fn minutes_of(minutes: u64) -> Nanos {
    std::time::Duration::from_secs(minutes.saturating_mul(60)).into()
}

async fn refs(context: &Context, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let refs = context.miner().await?.sectors_refs().await?;
    if form.is_json() {
        let listed = refs.iter();
        let listed = listed.map(|(deal, places)| json!({ "DealID": deal, "Refs": places }));
        return Ok(write_json(out, &listed.collect::<Vec<_>>())?);
    }
    for (deal, places) in refs {
        writeln!(out, "Block {deal}:")?;
        for place in places {
            let (sector, offset) = (place.sector_id, place.offset.0);
            writeln!(out, "\t{sector}+{offset} {} bytes", place.size.0)?;
        }
    }
    Ok(())
}

impl Terminate {
    async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        match (self.batch, self.sector) {
            (Some(TerminationBatch::Flush), _) => {
                match context.miner().await?.sector_terminate_flush().await? {
                    Some(message) => writeln!(out, "sector termination message: {message}")?,
                    None => anyhow::bail!("no sectors were queued for termination"),
                }
            }
            (Some(TerminationBatch::Pending(form)), _) => {
                let pending = context.miner().await?.sector_terminate_pending().await?;
                if form.wrote(out, &pending)? {
                    return Ok(());
                }
                for sector in pending {
                    writeln!(out, "{}", sector.number)?;
                }
            }
            (None, Some(sector)) => {
                ensure!(
                    self.really_do_it,
                    "pass --really-do-it to confirm this action"
                );
                context.miner().await?.sector_terminate(sector).await?;
            }
            // The command line is not taken without one of them.
            (None, None) => anyhow::bail!("which sector? give its number"),
        }
        Ok(())
    }
}
