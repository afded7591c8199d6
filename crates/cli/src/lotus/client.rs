//! `lotus client`: files into deals with providers, and back.
//!
//! # Lotus parity
//! Names, flags, defaults and output of `lotus client`. There is no dialogue that makes a deal
//! (`client deal` without arguments). Not there are `restart-transfer` and `cancel-transfer`: providers fetch
//! data by HTTP (ADR 0003) and try again by themselves.

mod asks;
mod deal;
mod info;
mod inspect;
mod list_deals;
mod list_retrievals;
mod retrieve;
mod show;
mod source;
mod status;

use std::{io::Write, path::PathBuf};

use anyhow::Context as _;
use lotus_rpc_api::{full::FullNode, types::deals::FileRef};
use lotus_types::{Address, Cid};

use super::Context;
use crate::{
    common::{deals::Transfers, paths},
    format::{Form, size},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Client {
    Deal(deal::Deal),
    QueryAsk(info::QueryAsk),
    ListDeals(list_deals::ListDeals),
    /// Print detailed deal information
    GetDeal {
        /// Names the deal
        #[arg(value_name = "proposalCID")]
        proposal: Cid,
    },
    ListAsks(asks::ListAsks),
    DealStats(info::DealStats),
    InspectDeal(inspect::InspectDeal),
    /// Import data
    Import {
        /// import from a car file instead of a regular file
        #[arg(long)]
        car: bool,
        /// Output root CID only
        #[arg(short, long)]
        quiet: bool,
        /// A file on the daemon's machine
        #[arg(value_name = "inputPath")]
        path: PathBuf,
    },
    /// Remove import
    Drop {
        /// Numbers, as `client local` prints them
        #[arg(value_name = "import ID", required = true)]
        imports: Vec<u64>,
    },
    /// List locally imported data
    Local(Form),
    /// Print information about a locally stored file (piece size, etc)
    Stat {
        /// Of the data
        #[arg(value_name = "cid")]
        root: Cid,
    },
    /// Find data in the network
    Find {
        /// require data to be retrieved from a specific Piece CID
        #[arg(long = "pieceCid", value_name = "CID")]
        piece: Option<Cid>,
        /// Of the data
        #[arg(value_name = "dataCid")]
        root: Cid,
    },
    RetrievalAsk(asks::RetrievalAsk),
    Retrieve(retrieve::Retrieve),
    Cat(show::Cat),
    Ls(show::Ls),
    /// Cancel a retrieval deal by deal ID; this also cancels the associated transfer
    CancelRetrieval {
        /// specify retrieval deal by deal ID
        #[arg(long, value_name = "ID")]
        deal_id: u64,
    },
    ListRetrievals(list_retrievals::ListRetrievals),
    /// Calculate the piece-cid (commP) of a CAR file
    #[command(name = "commP")]
    CommP {
        /// A CAR on the daemon's machine
        #[arg(value_name = "inputFile")]
        path: PathBuf,
    },
    /// Generate a car file from input
    GenerateCar {
        /// A file on the daemon's machine
        #[arg(value_name = "inputPath")]
        input: PathBuf,
        /// Where the daemon writes the CAR
        #[arg(value_name = "outputPath")]
        output: PathBuf,
    },
    /// Print storage market client balances
    Balances {
        /// specify storage client address
        #[arg(long)]
        client: Option<Address>,
    },
    /// List ongoing data transfers for deals
    ListTransfers(Transfers),
}

impl Client {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        match self {
            Self::Deal(command) => Box::pin(command.run(node, out)).await?,
            Self::QueryAsk(command) => Box::pin(command.run(node, out)).await?,
            Self::ListDeals(command) => Box::pin(command.run(node, context.paint, out)).await?,
            Self::ListAsks(command) => Box::pin(command.run(node, out)).await?,
            Self::InspectDeal(command) => Box::pin(command.run(node, context.paint, out)).await?,
            Self::ListRetrievals(command) => command.run(node, context.paint, out).await?,
            Self::RetrievalAsk(command) => command.run(node, out).await?,
            Self::Cat(command) => Box::pin(command.run(context, out)).await?,
            Self::Ls(command) => Box::pin(command.run(context, out)).await?,
            Self::GetDeal { proposal } => Box::pin(info::deal(node, proposal, out)).await?,
            Self::DealStats(command) => command.run(node, out).await?,
            Self::Import { car, quiet, path } => {
                let imported = node.client_import(file(&path, car)?).await?;
                if !quiet {
                    write!(out, "Import {}, Root ", imported.import_id)?;
                }
                writeln!(out, "{}", imported.root)?;
            }
            Self::Drop { imports } => {
                for id in imports {
                    let done = node.client_remove_import(id).await;
                    done.with_context(|| format!("removing import {id}"))?;
                }
            }
            Self::Local(form) => local(node, form, out).await?,
            Self::Stat { root } => {
                let size = node.client_deal_size(root).await?;
                writeln!(out, "Piece Size  : {}", size.piece_size.0)?;
                writeln!(out, "Payload Size: {}", size.payload_size)?;
            }
            Self::Find { piece, root } => find(node, root, piece, out).await?,
            Self::Retrieve(command) => Box::pin(command.run(node, out)).await?,
            Self::CancelRetrieval { deal_id } => node.client_cancel_retrieval_deal(deal_id).await?,
            Self::CommP { path } => {
                let path = paths::text(paths::absolute(&path)?)?;
                let found = node.client_calc_comm_p(path).await?;
                writeln!(out, "CID:  {}", found.root)?;
                writeln!(out, "Piece size:  {}", size(&found.size.0))?;
                writeln!(out, "Piece size in bytes:  {}", found.size.0)?;
            }
            Self::GenerateCar { input, output } => {
                let output = paths::text(paths::absolute(&output)?)?;
                node.client_gen_car(file(&input, false)?, output).await?;
            }
            Self::Balances { client } => info::balances(node, client, out).await?,
            Self::ListTransfers(transfers) => {
                let listed = node.client_list_data_transfers().await?;
                let updates = if transfers.watches() {
                    Some(node.client_data_transfer_updates().await?)
                } else {
                    None
                };
                transfers.show(listed, updates, context.paint, out).await?;
            }
        }
        Ok(())
    }
}

/// A file as the daemon is told of it: it has another working directory.
fn file(path: &std::path::Path, is_car: bool) -> anyhow::Result<FileRef> {
    Ok(FileRef {
        path: paths::text(paths::absolute(path)?)?,
        is_car,
    })
}

/// The address that pays: the one that is named, or the wallet's default.
async fn payer(node: &dyn FullNode, from: Option<Address>) -> anyhow::Result<Address> {
    match from {
        Some(from) => Ok(from),
        None => {
            let from = node.wallet_default_address().await;
            from.context("no --from is given, and the wallet has no default address")
        }
    }
}

async fn local(node: &dyn FullNode, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut imports = node.client_list_imports().await?;
    imports.sort_by_key(|import| import.key);
    if form.wrote(out, &imports)? {
        return Ok(());
    }
    for import in imports {
        let root = import.root.map(|root| root.to_string());
        let root = root.unwrap_or_else(|| "<nil>".to_owned());
        let (path, source) = (&import.file_path, &import.source);
        writeln!(out, "{}: {root} @{path} ({source})", import.key)?;
        if !import.err.is_empty() {
            writeln!(out, "\terror: {}", import.err)?;
        }
    }
    Ok(())
}

async fn find(
    node: &dyn FullNode,
    root: Cid,
    piece: Option<Cid>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if node.client_has_local(root).await? {
        writeln!(out, "LOCAL")?;
    }
    for offer in node.client_find_data(root, piece).await? {
        let (miner, peer) = (offer.miner, &offer.miner_peer.id);
        if offer.err.is_empty() {
            let size = size(&offer.size);
            writeln!(out, "RETRIEVAL {miner}@{peer}-{}-{size}", offer.min_price)?;
        } else {
            writeln!(out, "ERR {miner}@{peer}: {}", offer.err)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
