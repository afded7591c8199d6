//! `lotus msig inspect`.

use std::io::Write;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lotus_rpc_api::{full::FullNode, types::state::MsigTransaction};
use lotus_types::{Address, TipsetKey};
use serde_json::json;

use super::tell;
use crate::format::{Form, Table, write_json};

/// Inspect a multisig wallet
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// The wallet
    address: Address,
    /// Include vesting details
    #[arg(long)]
    vesting: bool,
    /// Decode parameters of transaction proposals
    #[arg(long)]
    decode_params: bool,
    #[command(flatten)]
    form: Form,
}

impl Inspect {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let head = node.chain_head().await?;
        let (balance, state) = tell::state(node, self.address).await?;
        let spendable = &balance - &state.locked_at(head.height());
        let mut signers = Vec::new();
        for signer in &state.signers {
            let key = node.state_account_key(*signer, TipsetKey::default()).await;
            // A signer may be something else than an account.
            signers.push((*signer, key.ok()));
        }
        if self.form.is_json() {
            let pending = self.pending(node).await?;
            let signers = signers
                .iter()
                .map(|(id, key)| json!({ "ID": id, "Address": key }));
            let shown = json!({
                "Address": self.address, "Balance": balance, "Spendable": spendable,
                "InitialBalance": state.initial_balance, "StartEpoch": state.start_epoch,
                "UnlockDuration": state.unlock_duration,
                "Threshold": state.num_approvals_threshold,
                "Signers": signers.collect::<Vec<_>>(), "Transactions": pending,
            });
            return Ok(write_json(out, &shown)?);
        }
        writeln!(out, "Balance: {balance}")?;
        writeln!(out, "Spendable: {spendable}")?;
        if self.vesting {
            writeln!(out, "InitialBalance: {}", state.initial_balance)?;
            writeln!(out, "StartEpoch: {}", state.start_epoch)?;
            writeln!(out, "UnlockDuration: {}", state.unlock_duration)?;
        }
        let all = state.signers.len();
        writeln!(out, "Threshold: {} / {all}", state.num_approvals_threshold)?;
        writeln!(out, "Signers:")?;
        let mut table = Table::tabbed(&["ID", "Address"]);
        for (id, key) in signers {
            let key = key.map_or_else(|| "N/A".to_owned(), |key| key.to_string());
            table.row([id.to_string(), key]);
        }
        table.write(out)?;
        self.transactions(node, out).await
    }

    /// What waits for approval, by number.
    async fn pending(&self, node: &dyn FullNode) -> anyhow::Result<Vec<MsigTransaction>> {
        let mut pending = node
            .msig_get_pending(self.address, TipsetKey::default())
            .await?;
        pending.sort_by_key(|transaction| transaction.id);
        Ok(pending)
    }

    async fn transactions(&self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let pending = self.pending(node).await?;
        writeln!(out, "Transactions:  {}", pending.len())?;
        if pending.is_empty() {
            return Ok(());
        }
        let own = node
            .state_lookup_id(self.address, TipsetKey::default())
            .await?;
        let mut table = Table::tabbed(&[
            "ID",
            "State",
            "Approvals",
            "To",
            "Value",
            "Method",
            "Params",
        ]);
        for transaction in pending {
            table.row(self.row(node, own, transaction).await?);
        }
        table.write(out)?;
        Ok(())
    }

    async fn row(
        &self,
        node: &dyn FullNode,
        own: Address,
        transaction: MsigTransaction,
    ) -> anyhow::Result<[String; 7]> {
        let MsigTransaction {
            id,
            to,
            value,
            method,
            params,
            approved,
        } = transaction;
        let mut shown = HEXLOWER.encode(&params);
        let called = match node.state_get_actor(to, TipsetKey::default()).await {
            Ok(actor) => {
                if self.decode_params && method != 0 {
                    let decoded =
                        node.state_decode_params(to, method, params, TipsetKey::default());
                    let decoded = decoded.await.with_context(|| {
                        format!("failed to decode parameters of transaction {id}")
                    })?;
                    shown = decoded.to_string();
                }
                let kind = tell::kind_of(node, &actor.code).await?;
                let methods = kind.map_or(&[][..], |kind| kind.methods());
                let known = methods.iter().find(|(number, _)| *number == method);
                match known {
                    Some((_, name)) => *name,
                    None if method == 0 => "Send",
                    None => "",
                }
            }
            Err(_) if method == 0 => "Send",
            Err(_) => "new account, unknown method",
        };
        let own = if to == own { " (self)" } else { "" };
        Ok([
            id.to_string(),
            "pending".to_owned(),
            approved.len().to_string(),
            format!("{to}{own}"),
            value.to_string(),
            format!("{called}({method})"),
            shown,
        ])
    }
}
