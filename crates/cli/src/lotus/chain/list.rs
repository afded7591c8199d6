//! `lotus chain list`: tipsets in a row, and how full they are.

use std::io::Write;

use lotus_networks::policy;
use lotus_rpc_api::full::FullNode;
use lotus_types::{ChainEpoch, Tipset, TipsetKey, TokenAmount};

use crate::format::{Form, stamp};

/// Flags of `chain list`.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct List {
    /// Last height that is shown; the head's when none is given
    #[arg(long)]
    height: Option<ChainEpoch>,
    /// Tipsets that are shown
    #[arg(long, default_value_t = 30)]
    count: usize,
    /// specify the format to print out tipsets; <height>, <time>, <blocks>, <tipset>, <json_tipset> and
    /// <weight> stand for what they say
    #[arg(long, default_value = "<height>: (<time>) <blocks>")]
    format: String,
    /// view gas statistics for the chain
    #[arg(long)]
    gas_stats: bool,
    #[command(flatten)]
    form: Form,
}

impl List {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let tipsets = self.collect(node).await?;
        if self.form.wrote(out, &tipsets)? {
            return Ok(());
        }
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
    let blocks = tipset.cids().iter().zip(tipset.blocks());
    let blocks: String = blocks
        .map(|(cid, block)| format!("{cid}: {},", block.miner))
        .collect();
    let key: Vec<_> = tipset.cids().iter().map(ToString::to_string).collect();
    Ok(format
        .replace("<height>", &tipset.height().to_string())
        .replace("<epoch>", &tipset.height().to_string())
        .replace("<time>", &stamp(tipset.min_timestamp()))
        .replace("<blocks>", &format!("[ {blocks} ]"))
        .replace("<tipset>", &key.join(","))
        .replace("<json_tipset>", &serde_json::to_string(tipset)?)
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
pub(super) fn ratio(part: i128, whole: i128) -> f64 {
    100.0 * part as f64 / whole as f64
}
