//! `lotus-miner retrieval-deals`: on what conditions data is handed out.

use std::io::Write;

use lotus_rpc_api::miner::StorageMiner;
use lotus_types::TokenAmount;
use serde_json::json;

use crate::format::{Form, Table, compact_size, read_size};

/// Bytes of a GiB, in which prices are named.
const GIB: u64 = 1 << 30;

#[derive(Debug, clap::Subcommand)]
pub(super) enum RetrievalDeals {
    /// Configure acceptance criteria for retrieval deal proposals
    #[command(subcommand)]
    Selection(Selection),
    SetAsk(SetAsk),
    /// Get the provider's current retrieval ask configured by the provider in the ask-store using the
    /// set-ask CLI command
    GetAsk(Form),
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Selection {
    /// List retrieval deal proposal selection criteria
    List(Form),
    /// Reset retrieval deal proposal selection criteria to default values
    Reset,
    /// Configure criteria which necessitate automatic rejection
    Reject {
        /// Retrievals over the network
        #[arg(long)]
        online: bool,
        /// Other retrievals
        #[arg(long)]
        offline: bool,
    },
}

/// Configure the provider's retrieval ask
#[derive(Debug, clap::Args)]
pub(super) struct SetAsk {
    /// Set the price of the ask for retrievals (FIL/GiB)
    #[arg(long)]
    price: Option<TokenAmount>,
    /// Set the price to unseal
    #[arg(long)]
    unseal_price: Option<TokenAmount>,
    /// Set the payment interval (in bytes) for retrieval
    #[arg(long, value_name = "SIZE", value_parser = read_size)]
    payment_interval: Option<u64>,
    /// Set the payment interval increase (in bytes) for retrieval
    #[arg(long, value_name = "SIZE", value_parser = read_size)]
    payment_interval_increase: Option<u64>,
}

impl RetrievalDeals {
    pub(super) async fn run(
        self,
        miner: &dyn StorageMiner,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::Selection(command) => command.run(miner, out).await,
            Self::SetAsk(command) => command.run(miner).await,
            Self::GetAsk(form) => {
                let ask = miner.market_get_retrieval_ask().await?;
                if form.wrote(out, &ask)? {
                    return Ok(());
                }
                let mut table = Table::open(&[
                    "Price per Byte",
                    "Unseal Price",
                    "Payment Interval",
                    "Payment Interval Increase",
                ]);
                table.row([
                    ask.price_per_byte.to_string(),
                    ask.unseal_price.to_string(),
                    compact_size(&ask.payment_interval),
                    compact_size(&ask.payment_interval_increase),
                ]);
                Ok(table.write(out)?)
            }
        }
    }
}

impl Selection {
    async fn run(self, miner: &dyn StorageMiner, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::List(form) => {
                let online = miner.deals_consider_online_retrieval_deals().await?;
                let offline = miner.deals_consider_offline_retrieval_deals().await?;
                if form.wrote(out, &json!({ "Online": online, "Offline": offline }))? {
                    return Ok(());
                }
                writeln!(out, "considering online retrieval deals: {online}")?;
                writeln!(out, "considering offline retrieval deals: {offline}")?;
            }
            Self::Reset => {
                miner
                    .deals_set_consider_online_retrieval_deals(true)
                    .await?;
                miner
                    .deals_set_consider_offline_retrieval_deals(true)
                    .await?;
            }
            Self::Reject { online, offline } => {
                if online {
                    miner
                        .deals_set_consider_online_retrieval_deals(false)
                        .await?;
                }
                if offline {
                    miner
                        .deals_set_consider_offline_retrieval_deals(false)
                        .await?;
                }
            }
        }
        Ok(())
    }
}

impl SetAsk {
    /// Changes what is named and leaves the rest as it is.
    async fn run(self, miner: &dyn StorageMiner) -> anyhow::Result<()> {
        let mut ask = miner.market_get_retrieval_ask().await?;
        if let Some(price) = self.price {
            ask.price_per_byte = TokenAmount::from_atto(price.atto() / GIB);
        }
        if let Some(price) = self.unseal_price {
            ask.unseal_price = price;
        }
        if let Some(bytes) = self.payment_interval {
            ask.payment_interval = bytes;
        }
        if let Some(bytes) = self.payment_interval_increase {
            ask.payment_interval_increase = bytes;
        }
        Ok(miner.market_set_retrieval_ask(ask).await?)
    }
}
