//! `lotus wallet list`.

use std::io::Write;

use lotus_rpc_api::{RpcError, code, full::FullNode};
use lotus_types::{Address, TipsetKey, TokenAmount};

use crate::format::Table;

/// Flags of `wallet list`.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct List {
    /// Only print addresses
    #[arg(short, long)]
    addr_only: bool,
    /// Output ID addresses
    #[arg(short, long)]
    id: bool,
    /// Output market balances
    #[arg(short, long)]
    market: bool,
}

impl List {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let addresses = node.wallet_list().await?;
        if self.addr_only {
            for address in addresses {
                writeln!(out, "{address}")?;
            }
            return Ok(());
        }
        // A wallet without a default address is in order.
        let default = node.wallet_default_address().await.unwrap_or_default();
        let mut table = Table::new(&[
            "Address",
            "ID",
            "Balance",
            "Market(Avail)",
            "Market(Locked)",
            "Nonce",
            "Default",
            "Error",
        ]);
        for address in addresses {
            table.row(self.row(node, address, address == default).await);
        }
        table.write(out)?;
        Ok(())
    }

    async fn row(&self, node: &dyn FullNode, address: Address, default: bool) -> [String; 8] {
        let head = TipsetKey::default;
        let (mut balance, mut nonce, mut error) = (TokenAmount::zero(), 0, String::new());
        match node.state_get_actor(address, head()).await {
            Ok(actor) => (balance, nonce) = (actor.balance, actor.nonce),
            Err(e) if is_actor_not_found(&e) => {}
            Err(e) => error = e.to_string(),
        }
        let mut row = <[String; 8]>::default();
        row[0] = address.to_string();
        if error.is_empty() {
            row[2] = balance.to_string();
            row[5] = nonce.to_string();
        }
        if default {
            row[6] = "X".to_owned();
        }
        if self.id {
            row[1] = match node.state_lookup_id(address, head()).await {
                Ok(id) => id.to_string(),
                Err(_) => "n/a".to_owned(),
            };
        }
        if self.market
            && let Ok(market) = node.state_market_balance(address, head()).await
        {
            row[3] = (&market.escrow - &market.locked).to_string();
            row[4] = market.locked.to_string();
        }
        row[7] = error;
        row
    }
}

/// There is no such actor: an address that never received anything.
pub(crate) fn is_actor_not_found(error: &RpcError) -> bool {
    error.code() == Some(code::ACTOR_NOT_FOUND) || error.to_string().contains("actor not found")
}
