//! `lotus-miner storage-deals list`.

use std::io::Write;

use futures::StreamExt as _;
use lotus_rpc_api::{miner::StorageMiner, types::market::MinerDeal};

use crate::{
    common::deals::{channel_name, state_name},
    format::{CLEAR_SCREEN, Form, Table, compact_size, stamp, tail, write_json},
};

/// List all deals for this miner
#[derive(Debug, clap::Args)]
pub(in crate::miner) struct List {
    /// output format of data, supported: table, json
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// All there is to tell
    #[arg(short, long)]
    verbose: bool,
    /// watch deal updates in real-time, rather than a one time list
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

impl List {
    pub(super) async fn run(
        self,
        miner: &dyn StorageMiner,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let mut deals = miner.market_list_incomplete_deals().await?;
        if self.format == Format::Json || self.form.is_json() {
            return Ok(write_json(out, &deals)?);
        }
        if !self.watch {
            return self.table(&mut deals, out);
        }
        let mut updates = miner.market_get_deal_updates().await?;
        loop {
            write!(out, "{CLEAR_SCREEN}")?;
            self.table(&mut deals, out)?;
            out.flush()?;
            let Some(update) = updates.next().await else {
                anyhow::bail!(
                    "the miner tells no more of its deals: it stopped, or the connection broke"
                );
            };
            let same = |deal: &&mut MinerDeal| deal.proposal_cid == update.proposal_cid;
            match deals.iter_mut().find(same) {
                Some(deal) => *deal = update,
                None => deals.push(update),
            }
        }
    }

    fn table(&self, deals: &mut [MinerDeal], out: &mut dyn Write) -> anyhow::Result<()> {
        deals.sort_by_key(|deal| deal.creation_time);
        let mut headings = vec![
            "ProposalCid",
            "DealId",
            "State",
            "Client",
            "Size",
            "Price",
            "Duration",
        ];
        if self.verbose {
            headings.splice(0..0, ["Creation", "Verified"]);
            headings.extend(["TransferChannelID", "Message"]);
        }
        let mut table = Table::open(&headings);
        for deal in deals.iter() {
            table.row(self.row(deal));
        }
        Ok(table.write(out)?)
    }

    fn row(&self, deal: &MinerDeal) -> Vec<String> {
        let proposal = &deal.proposal;
        let cid = deal.proposal_cid.to_string();
        let epochs = proposal.end_epoch.saturating_sub(proposal.start_epoch);
        let mut row = vec![
            if self.verbose { cid } else { tail(&cid, 8) },
            deal.deal_id.to_string(),
            state_name(deal.state),
            proposal.client.to_string(),
            compact_size(&proposal.piece_size),
            (&proposal.storage_price_per_epoch * epochs).to_string(),
            epochs.to_string(),
        ];
        if self.verbose {
            let created = u64::try_from(deal.creation_time.seconds).unwrap_or(0);
            row.splice(0..0, [stamp(created), proposal.verified_deal.to_string()]);
            let channel = deal.transfer_channel_id.as_ref();
            row.push(channel.map_or_else(String::new, channel_name));
            row.push(deal.message.clone());
        }
        row
    }
}
