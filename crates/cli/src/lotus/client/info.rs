//! What a provider wants, how far a deal is, and what the client has in escrow.

use std::{
    collections::BTreeMap,
    io::Write,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, bail};
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Cid, TipsetKey, TokenAmount};
use serde_json::json;

use super::payer;
use crate::{
    common::{
        deals::{is_active, state_name},
        duration,
    },
    format::{size, write_json},
};

/// Bytes of a GiB, in which prices are named.
const GIB: u64 = 1 << 30;
/// What Lotus puts on chain for a miner that has no peer yet.
const NO_PEER: &str = "SETME";

/// Find a miners ask
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct QueryAsk {
    /// specify peer ID of node to make query against
    #[arg(long, value_name = "PEER")]
    peerid: Option<String>,
    /// data size in bytes
    #[arg(long, value_name = "BYTES")]
    size: Option<u64>,
    /// deal duration
    #[arg(long, value_name = "EPOCHS", requires = "size")]
    duration: Option<u64>,
    /// Whose
    #[arg(value_name = "minerAddress")]
    miner: Address,
}

impl QueryAsk {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let miner = self.miner;
        let peer = match self.peerid {
            Some(peer) => peer,
            None => {
                let info = node.state_miner_info(miner, TipsetKey::default()).await;
                let info = info.context("failed to get peerID for miner")?;
                match info
                    .peer_id
                    .filter(|peer| !peer.is_empty() && peer != NO_PEER)
                {
                    Some(peer) => peer,
                    None => bail!(
                        "the miner hasn't initialized yet: {miner} has no peer id on chain; --peerid \
                         names one"
                    ),
                }
            }
        };
        let ask = node.client_query_ask(peer, miner).await?.response;
        writeln!(out, "Ask: {miner}")?;
        writeln!(out, "Price per GiB: {}", ask.price)?;
        writeln!(out, "Verified Price per GiB: {}", ask.verified_price)?;
        writeln!(out, "Max Piece size: {}", size(&ask.max_piece_size.0))?;
        writeln!(out, "Min Piece size: {}", size(&ask.min_piece_size.0))?;
        if let Some(bytes) = self.size.filter(|bytes| *bytes > 0) {
            let per_epoch = TokenAmount::from_atto(ask.price.atto() * bytes / GIB);
            writeln!(out, "Price per Block: {per_epoch}")?;
            if let Some(epochs) = self.duration.filter(|epochs| *epochs > 0) {
                writeln!(out, "Total Price: {}", &per_epoch * epochs)?;
            }
        }
        Ok(())
    }
}

/// Print statistics about local storage deals
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct DealStats {
    /// Only deals that were made less long ago, such as 24h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    newer_than: Option<Duration>,
}

impl DealStats {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut deals = node.client_list_deals().await?;
        let now = SystemTime::now().into();
        if let Some(limit) = self.newer_than {
            deals.retain(|deal| deal.creation_time.until(now) <= limit);
        }
        // Active ones come last.
        let mut by_state: BTreeMap<(bool, u64), (usize, u128)> = BTreeMap::new();
        for deal in &deals {
            let key = (is_active(deal.state), deal.state);
            let (count, bytes) = by_state.entry(key).or_default();
            *count += 1;
            *bytes += u128::from(deal.size);
        }
        let total: u128 = by_state.values().map(|(_, bytes)| bytes).sum();
        writeln!(out, "Total: {} deals, {}", deals.len(), size(&total))?;
        for ((_, state), (count, bytes)) in by_state {
            let (name, size) = (state_name(state), size(&bytes));
            writeln!(out, "{name}: {count} deals, {size}")?;
        }
        Ok(())
    }
}

pub(super) async fn deal(
    node: &dyn FullNode,
    proposal: Cid,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let deal = node.client_get_deal_info(proposal).await?;
    let mut told = json!({ "DealInfo: ": deal });
    if deal.deal_id != 0 {
        let on_chain = node
            .state_market_storage_deal(deal.deal_id, TipsetKey::default())
            .await;
        let on_chain = on_chain.with_context(|| format!("finding deal {}", deal.deal_id))?;
        told["OnChain"] = json!(on_chain);
    }
    Ok(write_json(out, &told)?)
}

pub(super) async fn balances(
    node: &dyn FullNode,
    client: Option<Address>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let address = payer(node, client).await?;
    let balance = node
        .state_market_balance(address, TipsetKey::default())
        .await?;
    let reserved = node.market_get_reserved(address).await?;
    let mut free = &balance.escrow - &balance.locked;
    free -= &reserved;
    if free.is_negative() {
        free = TokenAmount::zero();
    }
    writeln!(out, "Client Market Balance for address {address}:")?;
    writeln!(out, "  Escrowed Funds:        {}", balance.escrow)?;
    writeln!(out, "  Locked Funds:          {}", balance.locked)?;
    writeln!(out, "  Reserved Funds:        {reserved}")?;
    writeln!(out, "  Available to Withdraw: {free}")?;
    Ok(())
}
