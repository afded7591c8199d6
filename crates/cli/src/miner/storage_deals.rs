//! `lotus-miner storage-deals`: deals that the provider works on, and which ones it takes.

mod list;

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, ensure};
use lotus_market::protocol::proposal_cid;
use lotus_rpc_api::miner::StorageMiner;
use lotus_types::{Cid, TokenAmount, sector::PaddedPieceSize};
use serde_json::json;

use super::{Context, sectors::minutes_of};
use crate::{
    common::paths,
    format::{Form, Table, compact_size, go_duration, go_time, read_size, size},
    lotus::block_delay,
};

/// How long an ask holds: 30 days.
const ASK_SECONDS: u64 = 30 * 24 * 3600;
/// The smallest piece that there is room for in an ask.
const LEAST_PIECE: u64 = 256;
/// Most bytes that are read where a list of CIDs is expected.
const MAX_LIST: u64 = 64 << 20;

#[derive(Debug, clap::Subcommand)]
pub(super) enum StorageDeals {
    /// Manually import data for a deal
    ImportData {
        /// Names the deal
        #[arg(value_name = "proposal CID")]
        proposal: Cid,
        /// A CAR on the provider's machine
        file: PathBuf,
    },
    List(list::List),
    /// Configure acceptance criteria for storage deal proposals
    #[command(subcommand)]
    Selection(Selection),
    SetAsk(SetAsk),
    /// Print the miner's ask
    GetAsk(Form),
    /// Set the miner's list of blocklisted piece CIDs
    SetBlocklist {
        /// File with a CID a line; - or nothing: read them from stdin
        path: Option<PathBuf>,
    },
    /// List the contents of the miner's piece CID blocklist
    GetBlocklist(Form),
    /// Remove all entries from the miner's piece CID blocklist
    ResetBlocklist,
    /// Set the expected time, in minutes, that you expect sealing sectors to take. Deals that start
    /// before this duration will be rejected.
    SetSealDuration {
        /// How long
        #[arg(value_parser = clap::value_parser!(u64).range(..=super::sectors::MOST_MINUTES))]
        minutes: u64,
    },
    /// list deals waiting in publish queue
    PendingPublish {
        /// send a publish message now
        #[arg(long)]
        publish_now: bool,
        #[command(flatten)]
        form: Form,
    },
    /// retry publishing a deal
    RetryPublish {
        /// Names the deal
        #[arg(value_name = "proposal CID")]
        proposal: Cid,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Selection {
    /// List storage deal proposal selection criteria
    List(Form),
    /// Reset storage deal proposal selection criteria to default values
    Reset,
    /// Configure criteria which necessitate automatic rejection
    Reject {
        /// Deals whose data comes over the network
        #[arg(long)]
        online: bool,
        /// Deals whose data comes otherwise
        #[arg(long)]
        offline: bool,
        /// Deals with DataCap
        #[arg(long)]
        verified: bool,
        /// Deals without DataCap
        #[arg(long)]
        unverified: bool,
    },
}

/// Configure the miner's ask
#[derive(Debug, clap::Args)]
pub(super) struct SetAsk {
    /// Set the price of the ask for unverified deals (specified as FIL / GiB / Epoch) to `PRICE`.
    #[arg(long)]
    price: TokenAmount,
    /// Set the price of the ask for verified deals (specified as FIL / GiB / Epoch) to `PRICE`
    #[arg(long, value_name = "PRICE")]
    verified_price: TokenAmount,
    /// Set minimum piece size (w/bit-padding, in bytes) in ask to `SIZE`
    #[arg(long, value_name = "SIZE", default_value = "256B", value_parser = read_size)]
    min_piece_size: u64,
    /// Set maximum piece size (w/bit-padding, in bytes) in ask to `SIZE`; 0: the miner's sector size
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = read_size)]
    max_piece_size: u64,
}

impl StorageDeals {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let miner = context.miner().await?;
        match self {
            Self::ImportData { proposal, file } => {
                let file = paths::text(paths::absolute(&file)?)?;
                miner.deals_import_data(proposal, file).await?;
            }
            Self::List(command) => return Box::pin(command.run(miner, out)).await,
            Self::Selection(command) => command.run(miner, out).await?,
            Self::SetAsk(command) => command.run(context).await?,
            Self::GetAsk(form) => get_ask(context, form, out).await?,
            Self::SetBlocklist { path } => {
                let pieces = read_pieces(path.as_deref())?;
                miner.deals_set_piece_cid_blocklist(pieces).await?;
            }
            Self::GetBlocklist(form) => {
                let pieces = miner.deals_piece_cid_blocklist().await?;
                if form.wrote(out, &pieces)? {
                    return Ok(());
                }
                for piece in pieces {
                    writeln!(out, "{piece}")?;
                }
            }
            Self::ResetBlocklist => miner.deals_set_piece_cid_blocklist(Vec::new()).await?,
            Self::SetSealDuration { minutes } => {
                let duration = minutes_of(minutes);
                miner.sector_set_expected_seal_duration(duration).await?;
            }
            Self::PendingPublish {
                publish_now: true, ..
            } => {
                let done = miner.market_publish_pending_deals().await;
                done.context("publishing deals")?;
                writeln!(out, "triggered deal publishing")?;
            }
            Self::PendingPublish { form, .. } => pending(miner, form, out).await?,
            Self::RetryPublish { proposal } => {
                miner.market_retry_publish_deal(proposal).await?;
                writeln!(out, "retried to publish deal {proposal}")?;
            }
        }
        Ok(())
    }
}

impl Selection {
    async fn run(self, miner: &dyn StorageMiner, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::List(form) => {
                let online = miner.deals_consider_online_storage_deals().await?;
                let offline = miner.deals_consider_offline_storage_deals().await?;
                if form.wrote(out, &json!({ "Online": online, "Offline": offline }))? {
                    return Ok(());
                }
                writeln!(out, "considering online storage deals: {online}")?;
                writeln!(out, "considering offline storage deals: {offline}")?;
            }
            Self::Reset => {
                miner.deals_set_consider_online_storage_deals(true).await?;
                miner.deals_set_consider_offline_storage_deals(true).await?;
                miner
                    .deals_set_consider_verified_storage_deals(true)
                    .await?;
                miner
                    .deals_set_consider_unverified_storage_deals(true)
                    .await?;
            }
            Self::Reject {
                online,
                offline,
                verified,
                unverified,
            } => {
                if online {
                    miner.deals_set_consider_online_storage_deals(false).await?;
                }
                if offline {
                    miner
                        .deals_set_consider_offline_storage_deals(false)
                        .await?;
                }
                if verified {
                    miner
                        .deals_set_consider_verified_storage_deals(false)
                        .await?;
                }
                if unverified {
                    miner
                        .deals_set_consider_unverified_storage_deals(false)
                        .await?;
                }
            }
        }
        Ok(())
    }
}

impl SetAsk {
    async fn run(self, context: &Context) -> anyhow::Result<()> {
        let miner = context.miner().await?;
        ensure!(
            self.min_piece_size >= LEAST_PIECE,
            "minimum piece size (w/bit-padding) is {LEAST_PIECE}B, not {}B",
            self.min_piece_size
        );
        let actor = miner.actor_address().await?;
        let sector = miner.actor_sector_size(actor).await?;
        let most = match self.max_piece_size {
            0 => sector,
            most => most,
        };
        ensure!(
            most <= sector,
            "max piece size (w/bit-padding) {} cannot exceed miner sector size {}",
            size(&most),
            size(&sector)
        );
        ensure!(
            self.min_piece_size <= most,
            "min piece size {} is larger than max piece size {}",
            size(&self.min_piece_size),
            size(&most)
        );
        let version = miner.version().await?;
        let epochs = ASK_SECONDS.checked_div(version.block_delay);
        let epochs = epochs.context("the miner's network has no block time")?;
        miner
            .market_set_ask(
                self.price,
                self.verified_price,
                i64::try_from(epochs)?,
                PaddedPieceSize(self.min_piece_size),
                PaddedPieceSize(most),
            )
            .await?;
        Ok(())
    }
}

async fn get_ask(context: &Context, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let ask = context.miner().await?.market_get_ask().await?.ask;
    if form.wrote(out, &ask)? {
        return Ok(());
    }
    let mut table = Table::open(&[
        "Price per GiB/Epoch",
        "Verified",
        "Min. Piece Size (padded)",
        "Max. Piece Size (padded)",
        "Expiry (Epoch)",
        "Expiry (Appx. Rem. Time)",
        "Seq. No.",
    ]);
    let Some(ask) = ask else {
        table.write(out)?;
        writeln!(out, "<miner does not have an ask>")?;
        return Ok(());
    };
    let node = context.node().await?;
    let head = node.chain_head().await?;
    let left = u64::try_from(ask.expiry.saturating_sub(head.height())).unwrap_or(0);
    let left = match left.saturating_mul(block_delay(node).await?) {
        0 => "<expired>".to_owned(),
        seconds => go_duration(Duration::from_secs(seconds)),
    };
    table.row([
        ask.price.to_string(),
        ask.verified_price.to_string(),
        size(&ask.min_piece_size.0),
        size(&ask.max_piece_size.0),
        ask.expiry.to_string(),
        left,
        ask.seq_no.to_string(),
    ]);
    Ok(table.write(out)?)
}

async fn pending(miner: &dyn StorageMiner, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let pending = miner.market_pending_deals().await;
    let pending = pending.context("getting pending deals")?;
    if form.wrote(out, &pending)? {
        return Ok(());
    }
    if pending.deals.is_empty() {
        writeln!(out, "No deals queued to be published")?;
        return Ok(());
    }
    let period = Duration::from(pending.publish_period);
    let start = pending.publish_period_start;
    let passed = start.until(SystemTime::now().into());
    let left = Duration::from_secs(period.saturating_sub(passed).as_secs());
    let end = i64::try_from(period.as_secs()).unwrap_or(i64::MAX);
    let end = start.seconds.saturating_add(end);
    writeln!(
        out,
        "Publish period:             {} (ends in {})",
        go_duration(period),
        go_duration(left)
    )?;
    let start = go_time(start.seconds);
    writeln!(out, "First deal queued at:       {start}")?;
    writeln!(out, "Deals will be published at: {}", go_time(end))?;
    writeln!(out, "{} deals queued to be published:", pending.deals.len())?;
    let mut table = Table::open(&["ProposalCID", "Client", "Size"]);
    for deal in &pending.deals {
        table.row([
            proposal_cid(deal).to_string(),
            deal.proposal.client.to_string(),
            compact_size(&deal.proposal.piece_size),
        ]);
    }
    Ok(table.write(out)?)
}

/// Reads CIDs of pieces, one a line.
fn read_pieces(path: Option<&Path>) -> anyhow::Result<Vec<Cid>> {
    let (source, from): (Box<dyn Read>, String) = match path.filter(|path| *path != Path::new("-"))
    {
        Some(path) => {
            let file = std::fs::File::open(path)
                .with_context(|| format!("opening the list {}", path.display()))?;
            (Box::new(file), path.display().to_string())
        }
        None => (Box::new(std::io::stdin()), "stdin".to_owned()),
    };
    let mut pieces = Vec::new();
    for (number, line) in BufReader::new(source.take(MAX_LIST)).lines().enumerate() {
        let line = line.with_context(|| format!("reading {from}"))?;
        let piece = line.trim().parse();
        pieces
            .push(piece.with_context(|| {
                format!("line {} of {from}: {line:?} is not a CID", number + 1)
            })?);
    }
    Ok(pieces)
}
