//! `lotus wallet list`.

use std::io::Write;

use lotus_rpc_api::{RpcError, code, full::FullNode};
use lotus_types::{Address, TipsetKey, TokenAmount};
use serde::Serialize;

use crate::format::{Form, Table};

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
    #[command(flatten)]
    form: Form,
}

/// An address and what is known of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    address: Address,
    /// `None`: not asked for, or not on chain.
    #[serde(rename = "ID", skip_serializing_if = "Option::is_none")]
    id: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<TokenAmount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    market_available: Option<TokenAmount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    market_locked: Option<TokenAmount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
    default: bool,
    /// Why balance and nonce are not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
}

impl List {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let addresses = node.wallet_list().await?;
        if self.addr_only {
            if self.form.wrote(out, &addresses)? {
                return Ok(());
            }
            for address in addresses {
                writeln!(out, "{address}")?;
            }
            return Ok(());
        }
        // A wallet without a default address is in order.
        let default = node.wallet_default_address().await.unwrap_or_default();
        let mut entries = Vec::new();
        for address in addresses {
            entries.push(self.entry(node, address, address == default).await);
        }
        if self.form.wrote(out, &entries)? {
            return Ok(());
        }
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
        for entry in entries {
            table.row(self.row(entry));
        }
        table.write(out)?;
        Ok(())
    }

    async fn entry(&self, node: &dyn FullNode, address: Address, default: bool) -> Entry {
        let head = TipsetKey::default;
        let mut entry = Entry {
            address,
            default,
            ..Entry::default()
        };
        match node.state_get_actor(address, head()).await {
            Ok(actor) => (entry.balance, entry.nonce) = (Some(actor.balance), Some(actor.nonce)),
            Err(e) if is_actor_not_found(&e) => {
                (entry.balance, entry.nonce) = (Some(TokenAmount::zero()), Some(0));
            }
            Err(e) => entry.error = e.to_string(),
        }
        if self.id {
            entry.id = node.state_lookup_id(address, head()).await.ok();
        }
        if self.market
            && let Ok(market) = node.state_market_balance(address, head()).await
        {
            entry.market_available = Some(&market.escrow - &market.locked);
            entry.market_locked = Some(market.locked);
        }
        entry
    }

    fn row(&self, entry: Entry) -> [String; 8] {
        let or_empty =
            |amount: Option<TokenAmount>| amount.map_or_else(String::new, |a| a.to_string());
        let id = match entry.id {
            Some(id) => id.to_string(),
            None if self.id => "n/a".to_owned(),
            None => String::new(),
        };
        [
            entry.address.to_string(),
            id,
            or_empty(entry.balance),
            or_empty(entry.market_available),
            or_empty(entry.market_locked),
            entry
                .nonce
                .map_or_else(String::new, |nonce| nonce.to_string()),
            if entry.default { "X" } else { "" }.to_owned(),
            entry.error,
        ]
    }
}

/// There is no such actor: an address that never received anything.
pub(crate) fn is_actor_not_found(error: &RpcError) -> bool {
    error.code() == Some(code::ACTOR_NOT_FOUND) || error.to_string().contains("actor not found")
}
