//! What the wallet holds, on its addresses, in the market's escrow and in payment channels.

use std::io::{self, Write};

use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, TipsetKey, TokenAmount};
use serde::Serialize;

use super::if_supported;
use crate::lotus::is_actor_not_found;

/// What is told of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Money {
    default_address: Option<Address>,
    default_balance: TokenAmount,
    addresses: usize,
    total_balance: TokenAmount,
    market_locked: TokenAmount,
    market_escrow: TokenAmount,
    /// Nothing where the node keeps none.
    payment_channels: Option<usize>,
}

impl Money {
    /// Asks the node.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn load(node: &dyn FullNode) -> anyhow::Result<Self> {
        let default_address = node.wallet_default_address().await.ok();
        let default_balance = match default_address {
            Some(address) => node.wallet_balance(address).await?,
            None => TokenAmount::zero(),
        };
        let addresses = node.wallet_list().await?;
        let mut money = Self {
            default_address,
            default_balance,
            addresses: addresses.len(),
            total_balance: TokenAmount::zero(),
            market_locked: TokenAmount::zero(),
            market_escrow: TokenAmount::zero(),
            payment_channels: if_supported(node.paych_list().await)?.map(|list| list.len()),
        };
        for address in addresses {
            money.total_balance += &node.wallet_balance(address).await?;
            let market = node.state_market_balance(address, TipsetKey::default());
            match market.await {
                Ok(market) => {
                    money.market_locked += &market.locked;
                    money.market_escrow += &market.escrow;
                }
                Err(error) if is_actor_not_found(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(money)
    }

    /// Writes it.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.default_address {
            Some(address) => {
                let balance = self.default_balance.to_short();
                writeln!(out, "Default address: \n      {address} [{balance}]")?;
            }
            None => writeln!(out, "Default address: address not set")?,
        }
        let plural = if self.addresses > 1 { "es" } else { "" };
        writeln!(out, "\nWallet: {} address{plural}", self.addresses)?;
        let amounts = [
            ("Total balance", &self.total_balance),
            ("Market locked", &self.market_locked),
            ("Market available", &self.market_escrow),
        ];
        for (name, amount) in amounts {
            writeln!(out, "      {name}: {}", amount.to_short())?;
        }
        match self.payment_channels {
            Some(count) => {
                let plural = if count > 1 { "s" } else { "" };
                writeln!(out, "\nPayment Channels: {count} channel{plural}")
            }
            None => writeln!(out, "\nPayment Channels: disabled"),
        }
    }
}
