//! How deals and transfers are told of, by client and provider.

use std::io::Write;

use lotus_market::protocol::StorageDealStatus;
use lotus_rpc_api::types::deals::{ChannelId, DataTransferChannel};

use crate::format::{Table, compact_size, tail};

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
}

impl Transfers {
    /// Lists transfers from here, then those to here.
    pub(crate) fn write(
        self,
        mut transfers: Vec<DataTransferChannel>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        transfers.retain(|transfer| {
            (self.completed || transfer.status != COMPLETED)
                && (self.show_failed || !FAILED.contains(&transfer.status))
        });
        transfers.sort_by_key(|transfer| transfer.transfer_id);
        let (sending, receiving): (Vec<_>, Vec<_>) = transfers
            .into_iter()
            .partition(|transfer| transfer.is_sender);
        writeln!(out, "Sending Channels")?;
        writeln!(out)?;
        self.table("Sending To", &sending).write(out)?;
        writeln!(out)?;
        writeln!(out, "Receiving Channels")?;
        writeln!(out)?;
        self.table("Receiving From", &receiving).write(out)?;
        Ok(())
    }

    fn table(self, other: &str, transfers: &[DataTransferChannel]) -> Table {
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
                transfer_state_name(transfer.status),
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
