//! `lotus client list-retrievals`.

use std::io::Write;

use futures::StreamExt as _;
use lotus_rpc_api::{full::FullNode, types::deals::RetrievalInfo};

use super::status;
use crate::{
    common::deals::{channel_name, transfer_state_name},
    format::{CLEAR_SCREEN, Colour, Form, Paint, Table, compact_size, tail},
};

/// List retrieval market deals
///
/// Retrievals are known as long as the daemon that made them runs.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct ListRetrievals {
    /// print verbose deal details
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    colour: Colour,
    /// show failed/failing deals
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_missing_value = "true")]
    show_failed: bool,
    /// show completed retrievals
    #[arg(long)]
    completed: bool,
    /// watch deal updates in real-time, rather than a one time list
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    form: Form,
}

impl ListRetrievals {
    pub(super) async fn run(
        self,
        node: &dyn FullNode,
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let paint = self.colour.paint(paint);
        let mut retrievals = node.client_list_retrievals().await?;
        if !self.watch || self.form.is_json() {
            return self.write(&retrievals, paint, out);
        }
        let mut updates = node.client_get_retrieval_updates().await?;
        loop {
            write!(out, "{CLEAR_SCREEN}")?;
            self.write(&retrievals, paint, out)?;
            out.flush()?;
            let Some(update) = updates.next().await else {
                anyhow::bail!(
                    "the daemon tells no more of its retrievals: it stopped, or the connection broke"
                );
            };
            match retrievals.iter_mut().find(|known| known.id == update.id) {
                Some(retrieval) => *retrieval = update,
                None => retrievals.push(update),
            }
        }
    }

    fn write(
        &self,
        retrievals: &[RetrievalInfo],
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let is_shown = |retrieval: &&RetrievalInfo| {
            (self.show_failed || !status::is_failed(retrieval.status))
                && (self.completed || retrieval.status != status::COMPLETED)
        };
        let shown: Vec<_> = retrievals.iter().filter(is_shown).collect();
        if self.form.wrote(out, &shown)? {
            return Ok(());
        }
        let mut headings = vec![
            "PayloadCID",
            "DealId",
            "Provider",
            "Status",
            "PricePerByte",
            "Received",
            "TotalPaid",
        ];
        if self.verbose {
            headings.extend([
                "PieceCID",
                "UnsealPrice",
                "BytesPaidFor",
                "TransferChannelID",
                "TransferStatus",
            ]);
        }
        let mut table = Table::new(&headings);
        for retrieval in shown {
            table.row(self.row(retrieval, paint));
            table.note("Message", &retrieval.message);
        }
        Ok(table.write(out)?)
    }

    fn row(&self, retrieval: &RetrievalInfo, paint: Paint) -> Vec<String> {
        let short = |text: String| {
            if self.verbose { text } else { tail(&text, 8) }
        };
        let mut row = vec![
            short(retrieval.payload_cid.to_string()),
            retrieval.id.to_string(),
            short(retrieval.provider.clone()),
            painted(retrieval.status, paint),
            retrieval.price_per_byte.to_string(),
            compact_size(&retrieval.bytes_received),
            retrieval.total_paid.to_string(),
        ];
        if self.verbose {
            let piece = retrieval.piece_cid.as_ref();
            let channel = retrieval.transfer_channel_id.as_ref();
            let transfer = retrieval.data_transfer.as_ref();
            row.extend([
                piece.map_or_else(String::new, ToString::to_string),
                retrieval.unseal_price.to_string(),
                compact_size(&retrieval.bytes_paid_for),
                channel.map_or_else(String::new, channel_name),
                transfer.map_or_else(String::new, |t| transfer_state_name(t.status)),
            ]);
        }
        row
    }
}

fn painted(state: u64, paint: Paint) -> String {
    let name = status::name(state);
    if status::is_failed(state) {
        paint.red(name)
    } else if state == status::COMPLETED {
        paint.green(name)
    } else {
        name
    }
}
