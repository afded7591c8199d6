//! `lotus client list-deals`.

use std::io::Write;

use futures::StreamExt as _;
use lotus_rpc_api::{full::FullNode, types::deals::DealInfo};
use lotus_types::{ChainEpoch, DealState, Tipset};

use crate::{
    common::deals::{channel_name, is_failed, painted_state, transfer_state_name},
    format::{CLEAR_SCREEN, Colour, Form, Paint, Table, size, stamp, tail},
};

/// List storage market deals
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct ListDeals {
    /// print verbose deal details
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    colour: Colour,
    /// show failed/failing deals
    #[arg(long)]
    show_failed: bool,
    /// watch deal updates in real-time, rather than a one time list
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    form: Form,
}

impl ListDeals {
    pub(super) async fn run(
        self,
        node: &dyn FullNode,
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let mut deals = node.client_list_deals().await?;
        if self.form.is_json() {
            deals.sort_by_key(|deal| deal.creation_time);
            deals.retain(|deal| self.show_failed || !is_failed(deal.state));
            self.form.wrote(out, &deals)?;
            return Ok(());
        }
        let paint = self.colour.paint(paint);
        if !self.watch {
            return self.table(node, &mut deals, paint, out).await;
        }
        let mut updates = node.client_get_deal_updates().await?;
        loop {
            write!(out, "{CLEAR_SCREEN}")?;
            self.table(node, &mut deals, paint, out).await?;
            out.flush()?;
            let Some(update) = updates.next().await else {
                anyhow::bail!(
                    "the daemon tells no more of its deals: it stopped, or the connection broke"
                );
            };
            let same = |deal: &&mut DealInfo| deal.proposal_cid == update.proposal_cid;
            match deals.iter_mut().find(same) {
                Some(deal) => *deal = update,
                None => deals.push(update),
            }
        }
    }

    async fn table(
        &self,
        node: &dyn FullNode,
        deals: &mut [DealInfo],
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        deals.sort_by_key(|deal| deal.creation_time);
        let head = node.chain_head().await?;
        let mut table = if self.verbose {
            Table::open(&[
                "Created",
                "DealCid",
                "DealId",
                "Provider",
                "State",
                "On Chain?",
                "Slashed?",
                "PieceCID",
                "Size",
                "Price",
                "Duration",
                "TransferChannelID",
                "TransferStatus",
                "Verified",
                "Message",
            ])
        } else {
            Table::new(&[
                "DealCid",
                "DealId",
                "Provider",
                "State",
                "On Chain?",
                "Slashed?",
                "PieceCID",
                "Size",
                "Price",
                "Duration",
                "Verified",
            ])
        };
        for deal in deals.iter() {
            if is_failed(deal.state) && !self.show_failed {
                continue;
            }
            let on_chain = on_chain(node, deal, &head).await;
            if self.verbose {
                table.row(verbose_row(deal, on_chain.as_ref(), paint));
            } else {
                table.row(row(deal, on_chain.as_ref(), paint));
                table.note("Message", &deal.message);
            }
        }
        Ok(table.write(out)?)
    }
}

/// The deal as the chain has it; nothing while it has not.
async fn on_chain(node: &dyn FullNode, deal: &DealInfo, head: &Tipset) -> Option<DealState> {
    if deal.deal_id == 0 {
        return None;
    }
    let found = node
        .state_market_storage_deal(deal.deal_id, head.key().clone())
        .await;
    // A deal that ended is no more on chain: the list is shown all the same.
    found.ok().map(|deal| deal.state)
}

/// `Y (epoch 182)`, or `N` for what has not happened.
fn since(epoch: Option<ChainEpoch>) -> String {
    match epoch {
        Some(epoch) if epoch != -1 => format!("Y (epoch {epoch})"),
        _ => "N".to_owned(),
    }
}

/// What both tables show of a deal, between its number and its price.
struct Cells {
    started: String,
    slashed: String,
    price: String,
}

impl Cells {
    fn of(deal: &DealInfo, on_chain: Option<&DealState>) -> Self {
        Self {
            started: since(on_chain.map(|state| state.sector_start_epoch)),
            slashed: since(on_chain.map(|state| state.slash_epoch)),
            price: (&deal.price_per_epoch * deal.duration).to_string(),
        }
    }
}

fn row(deal: &DealInfo, on_chain: Option<&DealState>, paint: Paint) -> Vec<String> {
    let cells = Cells::of(deal, on_chain);
    vec![
        tail(&deal.proposal_cid.to_string(), 8),
        deal.deal_id.to_string(),
        deal.provider.to_string(),
        painted_state(deal.state, paint),
        cells.started,
        cells.slashed,
        tail(&deal.piece_cid.to_string(), 8),
        size(&deal.size),
        cells.price,
        deal.duration.to_string(),
        deal.verified.to_string(),
    ]
}

fn verbose_row(deal: &DealInfo, on_chain: Option<&DealState>, paint: Paint) -> Vec<String> {
    let cells = Cells::of(deal, on_chain);
    let channel = deal.transfer_channel_id.as_ref();
    let transfer = deal.data_transfer.as_ref();
    vec![
        stamp(u64::try_from(deal.creation_time.seconds).unwrap_or(0)),
        deal.proposal_cid.to_string(),
        deal.deal_id.to_string(),
        deal.provider.to_string(),
        painted_state(deal.state, paint),
        cells.started,
        cells.slashed,
        deal.piece_cid.to_string(),
        size(&deal.size),
        cells.price,
        deal.duration.to_string(),
        channel.map_or_else(String::new, channel_name),
        transfer.map_or_else(String::new, |transfer| transfer_state_name(transfer.status)),
        deal.verified.to_string(),
        deal.message.clone(),
    ]
}
