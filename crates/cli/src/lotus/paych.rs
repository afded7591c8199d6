//! `lotus paych`: payment channels.
//!
//! # Lotus parity
//! `cli/paych.go`: arguments, texts, layout. Vouchers are written as URL-safe base64 of their CBOR.

mod status;
mod voucher;

use std::io::Write;

use lotus_networks::policy::MESSAGE_CONFIDENCE;
use lotus_rpc_api::{full::FullNode, types::paych::PaychGetOpts};
use lotus_types::{Address, Cid, Receipt, TokenAmount};

use super::Context;
use crate::format::Form;

/// As far back as the chain goes.
const NO_LIMIT: i64 = -1;

/// Manage payment channels
#[derive(Debug, clap::Subcommand)]
pub(super) enum Paych {
    AddFunds(AddFunds),
    /// List all locally registered payment channels
    List(Form),
    /// Interact with payment channel vouchers
    #[command(subcommand)]
    Voucher(Box<voucher::Voucher>),
    /// Settle a payment channel
    Settle {
        /// The channel
        #[arg(value_name = "channelAddress")]
        channel: Address,
    },
    /// Show the status of an outbound payment channel
    Status {
        /// The channel
        #[arg(value_name = "channelAddress")]
        channel: Address,
        #[command(flatten)]
        form: Form,
    },
    /// Show the status of an active outbound payment channel by from/to addresses
    StatusByFromTo {
        /// Pays
        #[arg(value_name = "fromAddress")]
        from: Address,
        /// Is paid
        #[arg(value_name = "toAddress")]
        to: Address,
        #[command(flatten)]
        form: Form,
    },
    /// Collect funds for a payment channel
    Collect {
        /// The channel
        #[arg(value_name = "channelAddress")]
        channel: Address,
    },
}

/// Add funds to the payment channel between fromAddress and toAddress. Creates the payment channel if
/// it doesn't already exist.
#[derive(Debug, clap::Args)]
pub(super) struct AddFunds {
    /// Pays
    #[arg(value_name = "fromAddress")]
    from: Address,
    /// Is paid
    #[arg(value_name = "toAddress")]
    to: Address,
    /// FIL
    amount: TokenAmount,
    /// restart stalled retrieval deals on this payment channel; no deal here is paid so
    #[arg(
        long,
        action = clap::ArgAction::Set,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true
    )]
    restart_retrievals: bool,
    /// mark funds as reserved
    #[arg(long)]
    reserve: bool,
}

impl Paych {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        match self {
            Self::AddFunds(command) => command.run(node, out).await?,
            Self::List(form) => {
                let channels = node.paych_list().await?;
                if form.wrote(out, &channels)? {
                    return Ok(());
                }
                for channel in channels {
                    writeln!(out, "{channel}")?;
                }
            }
            Self::Voucher(command) => Box::pin(command.run(node, out)).await?,
            Self::Settle { channel } => {
                let message = node.paych_settle(channel).await?;
                confirmed(node, message, "settle message").await?;
                writeln!(out, "Settled channel {channel}")?;
            }
            Self::Status { channel, form } => {
                let funds = node.paych_available_funds(channel).await?;
                if !form.wrote(out, &funds)? {
                    status::write(&funds, out)?;
                }
            }
            Self::StatusByFromTo { from, to, form } => {
                let funds = node.paych_available_funds_by_from_to(from, to).await?;
                if !form.wrote(out, &funds)? {
                    status::write(&funds, out)?;
                }
            }
            Self::Collect { channel } => {
                let message = node.paych_collect(channel).await?;
                confirmed(node, message, "collect message").await?;
                writeln!(out, "Collected funds for channel {channel}")?;
            }
        }
        Ok(())
    }
}

/// Waits until a message is confirmed, and refuses one that failed.
async fn confirmed(node: &dyn FullNode, message: Cid, what: &str) -> anyhow::Result<Receipt> {
    let wait = node.state_wait_msg(message, MESSAGE_CONFIDENCE, NO_LIMIT, true);
    let receipt = wait.await?.receipt;
    let code = receipt.exit_code;
    anyhow::ensure!(
        code.is_success(),
        "{what} execution failed (exit code {})",
        code.0
    );
    Ok(receipt)
}

impl AddFunds {
    async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let Self {
            from, to, amount, ..
        } = self;
        let info = if self.reserve {
            let options = PaychGetOpts::default();
            node.paych_get(from, to, amount, options).await?
        } else {
            node.paych_fund(from, to, amount).await?
        };
        let channel = match info.wait_sentinel {
            Some(message) => {
                writeln!(out, "waiting for confirmation..")?;
                node.paych_get_wait_ready(message).await?
            }
            // What lay free in the channel was enough.
            None => info.channel,
        };
        writeln!(out, "{channel}")?;
        Ok(())
    }
}
