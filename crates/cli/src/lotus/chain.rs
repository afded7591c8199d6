//! `lotus chain`: blocks and messages.

mod bisect;
mod disputer;
mod export;
mod get;
mod list;
mod params;
mod slash;
mod store;
mod usage;

use std::io::Write;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lotus_rpc_api::full::FullNode;
use lotus_types::{
    Address, BlockHeader, Cid, Message, Receipt, SignedMessage, TipsetKey, TokenAmount,
};
use serde::Serialize;

use super::Context;
use crate::format::{Form, size, write_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Chain {
    /// Print chain head
    Head,
    /// Get a block and print its details
    #[command(visible_alias = "getblock")]
    GetBlock {
        /// Which block
        #[arg(value_name = "blockCid")]
        cid: Cid,
        /// print just the raw block header
        #[arg(long)]
        raw: bool,
    },
    /// Read the raw bytes of an object
    ReadObj {
        /// Which object
        #[arg(value_name = "objectCid")]
        cid: Cid,
    },
    DeleteObj(store::DeleteObj),
    /// Collect size and ipld link counts for objs
    StatObj {
        /// Which object
        cid: Cid,
        /// ignore links found in this obj
        #[arg(long)]
        base: Option<Cid>,
        #[command(flatten)]
        form: Form,
    },
    /// Get and print a message by its cid
    #[command(name = "getmessage", visible_aliases = ["get-message", "get-msg"])]
    GetMessage {
        /// Which message
        #[arg(value_name = "messageCid")]
        cid: Cid,
    },
    #[command(name = "sethead", visible_alias = "set-head")]
    SetHead(store::SetHead),
    /// View a segment of the chain
    #[command(visible_alias = "love")]
    List(list::List),
    Get(get::Get),
    Bisect(bisect::Bisect),
    /// export chain to a car file
    Export(export::Export),
    SlashConsensus(slash::SlashConsensus),
    /// Estimate gas prices
    GasPrice {
        #[command(flatten)]
        form: Form,
    },
    InspectUsage(usage::InspectUsage),
    /// decode various types
    #[command(subcommand)]
    Decode(params::Decode),
    /// encode various types
    #[command(subcommand)]
    Encode(params::Encode),
    Disputer(disputer::Disputer),
    Prune(store::Prune),
}

impl Chain {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        match self {
            Self::Head => {
                for cid in node.chain_head().await?.cids() {
                    writeln!(out, "{cid}")?;
                }
            }
            Self::GetBlock { cid, raw } => get_block(node, cid, raw, out).await?,
            Self::ReadObj { cid } => {
                let bytes = node.chain_read_obj(cid).await?;
                writeln!(out, "{}", HEXLOWER.encode(&bytes))?;
            }
            Self::DeleteObj(command) => command.run(node, out).await?,
            Self::StatObj { cid, base, form } => {
                let stat = node.chain_stat_obj(cid, base).await?;
                if form.wrote(out, &stat)? {
                    return Ok(());
                }
                writeln!(out, "Links: {}", stat.links)?;
                writeln!(out, "Size: {} ({})", size(&stat.size), stat.size)?;
            }
            Self::GetMessage { cid } => {
                write_json(
                    out,
                    &node
                        .chain_get_message(cid)
                        .await
                        .context("getting message")?,
                )?;
            }
            Self::SetHead(command) => command.run(node).await?,
            Self::List(list) => list.run(node, out).await?,
            Self::Get(command) => command.run(node, out).await?,
            Self::Bisect(command) => command.run(node, out).await?,
            Self::Export(export) => export.run(node).await?,
            Self::SlashConsensus(command) => command.run(context, out).await?,
            Self::GasPrice { form } => gas_price(node, form, out).await?,
            Self::InspectUsage(command) => command.run(node, out).await?,
            Self::Decode(command) => command.run(node, out).await?,
            Self::Encode(command) => command.run(node, out).await?,
            Self::Disputer(command) => Box::pin(command.run(context, out)).await?,
            Self::Prune(command) => command.run(node).await?,
        }
        Ok(())
    }
}

/// A block and what belongs to it, as `chain get-block` prints it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BlockWithMessages {
    #[serde(flatten)]
    header: BlockHeader,
    bls_messages: Vec<Message>,
    secpk_messages: Vec<SignedMessage>,
    parent_receipts: Vec<Receipt>,
    parent_messages: Vec<Cid>,
}

async fn get_block(
    node: &dyn FullNode,
    cid: Cid,
    raw: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let header = node
        .chain_get_block(cid)
        .await
        .context("get block failed")?;
    if raw {
        write_json(out, &header)?;
        return Ok(());
    }
    let messages = node
        .chain_get_block_messages(cid)
        .await
        .context("failed to get messages")?;
    let parents = node.chain_get_parent_messages(cid).await;
    let parents = parents.context("failed to get parent messages")?;
    let receipts = node.chain_get_parent_receipts(cid).await;
    let block = BlockWithMessages {
        header,
        bls_messages: messages.bls_messages,
        secpk_messages: messages.secpk_messages,
        parent_receipts: receipts
            .context("failed to get receipts")?
            .unwrap_or_default(),
        parent_messages: parents.into_iter().map(|message| message.cid).collect(),
    };
    write_json(out, &block)?;
    Ok(())
}

/// What a message pays to get in within so many blocks.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GasPrice {
    blocks: u64,
    gas_premium: TokenAmount,
}

async fn gas_price(node: &dyn FullNode, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut prices = Vec::new();
    for blocks in [1, 2, 3, 5, 10, 20, 50, 100, 300] {
        // Any sender will do; 10 000 is a small message.
        let sender = Address::new_id(0);
        let gas_premium = node
            .gas_estimate_gas_premium(blocks, sender, 10_000, TipsetKey::default())
            .await?;
        prices.push(GasPrice {
            blocks,
            gas_premium,
        });
    }
    if form.wrote(out, &prices)? {
        return Ok(());
    }
    for GasPrice {
        blocks,
        gas_premium: price,
    } in prices
    {
        writeln!(out, "{blocks} blocks: {} ({price})", price.atto())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
