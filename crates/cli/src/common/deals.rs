//! How deals and transfers are told of, by client and provider.

use std::io::Write;

use futures::StreamExt as _;
use lotus_market::protocol::StorageDealStatus;
use lotus_rpc_api::{
    Subscription,
    types::deals::{ChannelId, DataTransferChannel},
};

use crate::format::{CLEAR_SCREEN, Colour, Form, Paint, Table, compact_size, tail};

/// A transfer's states by number.
const TRANSFER_STATES: [&str; 19] = [
    "Requested",
    "Ongoing",
    "TransferFinished",
    "ResponderCompleted",
    "Finalizing",
    "Completing",
    "Completed",
    "Failing",
    "Failed",
    "Cancelling",
    "Cancelled",
    "InitiatorPaused",
    "ResponderPaused",
    "BothPaused",
    "ResponderFinalizing",
    "ResponderFinalizingTransferFinished",
    "ChannelNotFoundError",
    "Queued",
    "AwaitingAcceptance",
];
const COMPLETED: u64 = 6;
const FAILED: [u64; 2] = [8, 10];

/// Lotus' name of a deal's state; its number when it has none.
pub(crate) fn state_name(state: u64) -> String {
    StorageDealStatus::from_number(state).map_or_else(|| state.to_string(), |s| s.name().to_owned())
}

/// Is it a deal that failed?
pub(crate) fn is_failed(state: u64) -> bool {
    state == StorageDealStatus::Error.number()
}

/// A deal's state in its colour: red where it came to nothing, green where it is stored.
pub(crate) fn painted_state(state: u64, paint: Paint) -> String {
    let name = state_name(state);
    if is_failed(state) || state == StorageDealStatus::Expired.number() {
        paint.red(name)
    } else if is_active(state) {
        paint.green(name)
    } else {
        name
    }
}

/// Is it stored and proven?
pub(crate) fn is_active(state: u64) -> bool {
    state == StorageDealStatus::Active.number()
}

/// Lotus' name of a transfer's state; its number when it has none.
pub(crate) fn transfer_state_name(state: u64) -> String {
    let index = usize::try_from(state).ok();
    let name = index.and_then(|index| TRANSFER_STATES.get(index));
    name.map_or_else(|| state.to_string(), |name| (*name).to_owned())
}

fn painted_transfer(state: u64, paint: Paint) -> String {
    let name = transfer_state_name(state);
    match state {
        COMPLETED => paint.green(name),
        state if FAILED.contains(&state) => paint.red(name),
        _ => name,
    }
}

/// `INITIATOR-RESPONDER-NUMBER`.
pub(crate) fn channel_name(channel: &ChannelId) -> String {
    format!("{}-{}-{}", channel.initiator, channel.responder, channel.id)
}

/// Which transfers are listed, and how.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Transfers {
    /// print verbose transfer details
    #[arg(short, long)]
    verbose: bool,
    /// show completed data transfers
    #[arg(long)]
    completed: bool,
    /// show failed/cancelled transfers
    #[arg(long)]
    show_failed: bool,
    /// watch deal updates in real-time, rather than a one time list
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    colour: Colour,
    #[command(flatten)]
    form: Form,
}

impl Transfers {
    /// Are updates to be followed?
    pub(crate) fn watches(self) -> bool {
        self.watch && !self.form.is_json()
    }

    /// Lists transfers from here, then those to here; again at each of the `updates`, where there are any.
    pub(crate) async fn show(
        self,
        mut transfers: Vec<DataTransferChannel>,
        updates: Option<Subscription<DataTransferChannel>>,
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let Some(mut updates) = updates else {
            return self.write(&transfers, paint, out);
        };
        loop {
            write!(out, "{CLEAR_SCREEN}")?;
            self.write(&transfers, paint, out)?;
            out.flush()?;
            let Some(update) = updates.next().await else {
                anyhow::bail!(
                    "no more is told of transfers: the process stopped, or the connection broke"
                );
            };
            let same = |other: &&mut DataTransferChannel| {
                other.transfer_id == update.transfer_id
                    && other.other_peer == update.other_peer
                    && other.is_sender == update.is_sender
                    && other.is_initiator == update.is_initiator
            };
            match transfers.iter_mut().find(same) {
                Some(transfer) => *transfer = update,
                None => transfers.push(update),
            }
        }
    }

    fn write(
        self,
        transfers: &[DataTransferChannel],
        paint: Paint,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let is_shown = |transfer: &&DataTransferChannel| {
            (self.completed || transfer.status != COMPLETED)
                && (self.show_failed || !FAILED.contains(&transfer.status))
        };
        let mut shown: Vec<_> = transfers.iter().filter(is_shown).collect();
        shown.sort_by_key(|transfer| transfer.transfer_id);
        if self.form.wrote(out, &shown)? {
            return Ok(());
        }
        let paint = self.colour.paint(paint);
        let (sending, receiving): (Vec<_>, Vec<_>) =
            shown.into_iter().partition(|transfer| transfer.is_sender);
        writeln!(out, "Sending Channels")?;
        writeln!(out)?;
        self.table("Sending To", &sending, paint).write(out)?;
        writeln!(out)?;
        writeln!(out, "Receiving Channels")?;
        writeln!(out)?;
        self.table("Receiving From", &receiving, paint).write(out)?;
        Ok(())
    }

    fn table(self, other: &str, transfers: &[&DataTransferChannel], paint: Paint) -> Table {
        let mut table = Table::new(&[
            "ID",
            "Status",
            other,
            "Root Cid",
            "Initiated?",
            "Transferred",
            "Voucher",
        ]);
        let short = |text: &str, length| {
            if self.verbose {
                text.to_owned()
            } else {
                tail(text, length)
            }
        };
        for transfer in transfers {
            let initiated = if transfer.is_initiator { "Y" } else { "N" };
            table.row([
                transfer.transfer_id.to_string(),
                painted_transfer(transfer.status, paint),
                short(&transfer.other_peer, 8),
                short(&transfer.base_cid.to_string(), 8),
                initiated.to_owned(),
                compact_size(&transfer.transferred),
                if transfer.voucher.chars().count() > 40 {
                    short(&transfer.voucher, 37)
                } else {
                    transfer.voucher.clone()
                },
            ]);
            table.note("Message", &transfer.message);
        }
        table
    }
}
