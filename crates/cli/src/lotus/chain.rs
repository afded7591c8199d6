//! `lotus chain`: blocks and messages.

mod export;

use std::io::Write;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lotus_networks::policy;
use lotus_rpc_api::full::FullNode;
use lotus_types::{
    BlockHeader, ChainEpoch, Cid, Message, Receipt, SignedMessage, Tipset, TipsetKey, TokenAmount,
};
use serde::Serialize;

use super::Context;
use crate::format::{size, stamp, write_json};

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
    /// Collect size and ipld link counts for objs
    StatObj {
        /// Which object
        cid: Cid,
        /// ignore links found in this obj
        #[arg(long)]
        base: Option<Cid>,
    },
    /// Get and print a message by its cid
    #[command(name = "getmessage", visible_aliases = ["get-message", "get-msg"])]
    GetMessage {
        /// Which message
        #[arg(value_name = "messageCid")]
        cid: Cid,
    },
    /// View a segment of the chain
    #[command(visible_alias = "love")]
    List(List),
    /// export chain to a car file
    Export(export::Export),
    /// Estimate gas prices
    GasPrice,
}

/// Flags of `chain list`.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Last height that is shown; the head's when none is given
    #[arg(long)]
    height: Option<ChainEpoch>,
    /// Tipsets that are shown
    #[arg(long, default_value_t = 30)]
    count: usize,
    /// specify the format to print out tipsets
    #[arg(long, default_value = "<height>: (<time>) <blocks>")]
    format: String,
    /// view gas statistics for the chain
    #[arg(long)]
    gas_stats: bool,
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
            Self::StatObj { cid, base } => {
                let stat = node.chain_stat_obj(cid, base).await?;
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
            Self::List(list) => list.run(node, out).await?,
            Self::Export(export) => export.run(node).await?,
            Self::GasPrice => gas_price(node, out).await?,
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

async fn gas_price(node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
    for blocks in [1, 2, 3, 5, 10, 20, 50, 100, 300] {
        // Any sender will do; 10 000 is a small message.
        let sender = lotus_types::Address::new_id(0);
        let price = node
            .gas_estimate_gas_premium(blocks, sender, 10_000, TipsetKey::default())
            .await?;
        writeln!(out, "{blocks} blocks: {} ({price})", price.atto())?;
    }
    Ok(())
}

impl List {
    async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let tipsets = self.collect(node).await?;
        if !self.gas_stats {
            for tipset in &tipsets {
                writeln!(out, "{}", describe(&self.format, tipset)?)?;
            }
            return Ok(());
        }
        for (position, tipset) in tipsets.iter().enumerate() {
            gas_stats(node, tipset, tipsets.get(position + 1), out).await?;
        }
        Ok(())
    }

    /// The tipsets, oldest first.
    async fn collect(&self, node: &dyn FullNode) -> anyhow::Result<Vec<Tipset>> {
        let mut tipset = match self.height {
            None => node.chain_head().await?,
            Some(height) => {
                node.chain_get_tipset_by_height(height, TipsetKey::default())
                    .await?
            }
        };
        let mut tipsets = Vec::new();
        while tipsets.len() < self.count {
            let (height, parents) = (tipset.height(), tipset.parents().clone());
            tipsets.push(tipset);
            if height == 0 || tipsets.len() == self.count {
                break;
            }
            tipset = node.chain_get_tipset(parents).await?;
        }
        tipsets.reverse();
        Ok(tipsets)
    }
}

/// A tipset in a format with `<height>` and the like in it.
fn describe(format: &str, tipset: &Tipset) -> anyhow::Result<String> {
    let mut blocks = "[ ".to_owned();
    for (cid, block) in tipset.cids().iter().zip(tipset.blocks()) {
        blocks.push_str(&format!("{cid}: {}, ", block.miner));
    }
    blocks.push(']');
    let key: Vec<_> = tipset.cids().iter().map(ToString::to_string).collect();
    Ok(format
        .replace("<height>", &tipset.height().to_string())
        .replace("<time>", &stamp(tipset.min_timestamp()))
        .replace("<blocks>", &blocks)
        .replace("<tipset>", &key.join(","))
        .replace("<json_tipset>", &serde_json::to_string(tipset.key())?)
        .replace("<weight>", &tipset.parent_weight().to_string()))
}

/// How full a tipset's blocks are and, when its child is known, what executing it took.
async fn gas_stats(
    node: &dyn FullNode,
    tipset: &Tipset,
    child: Option<&Tipset>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let base_fee = tipset.parent_base_fee();
    writeln!(
        out,
        "{}: {} blocks (baseFee: {} -> maxFee: {})",
        tipset.height(),
        tipset.blocks().len(),
        base_fee.atto(),
        base_fee * policy::BLOCK_GAS_LIMIT
    )?;
    for (cid, block) in tipset.cids().iter().zip(tipset.blocks()) {
        let messages = node.chain_get_block_messages(*cid).await?;
        let signed = messages.secpk_messages.iter().map(|signed| &signed.message);
        let all: Vec<_> = messages.bls_messages.iter().chain(signed).collect();
        let gas: i128 = all.iter().map(|m| i128::from(m.gas_limit)).sum();
        let premiums: TokenAmount = all.iter().map(|m| m.gas_premium.clone()).sum();
        writeln!(
            out,
            "\t{}: \t{} msgs, gasLimit: {gas} / {} ({:.2}%), avgPremium: {}",
            block.miner,
            all.len(),
            policy::BLOCK_GAS_LIMIT,
            ratio(gas, i128::from(policy::BLOCK_GAS_LIMIT)),
            premiums.atto() / all.len().max(1)
        )?;
    }
    if let Some(child) = child.and_then(|child| child.cids().first()) {
        let messages = node.chain_get_parent_messages(*child).await?;
        let receipts = node
            .chain_get_parent_receipts(*child)
            .await?
            .unwrap_or_default();
        let limit: i128 = messages
            .iter()
            .map(|m| i128::from(m.message.gas_limit))
            .sum();
        let used: i128 = receipts.iter().map(|r| i128::from(r.gas_used)).sum();
        writeln!(
            out,
            "\ttipset: \t{} msgs, {used} ({:.2}%) / {limit} ({:.2}%)",
            messages.len(),
            ratio(used, limit),
            ratio(limit, i128::from(policy::BLOCK_GAS_LIMIT))
        )?;
    }
    writeln!(out)?;
    Ok(())
}

/// In per cent; not a number of nothing, as Lotus prints it.
fn ratio(part: i128, whole: i128) -> f64 {
    100.0 * part as f64 / whole as f64
}
