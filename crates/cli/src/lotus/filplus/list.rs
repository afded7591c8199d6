//! Who has DataCap, and what became of it.

use std::{collections::BTreeMap, io::Write};

use anyhow::Context as _;
use lotus_actors::{datacap, verifreg};
use lotus_networks::singletons::{DATACAP_ACTOR, VERIFIED_REGISTRY_ACTOR};
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, BigInt};
use serde::Serialize;
use serde_json::{Value, json};

use super::head;
use crate::{
    format::{Form, Table, write_json},
    lotus::remote_store,
};

/// The state of a builtin actor that has one of its own.
pub(super) async fn state<T: serde::de::DeserializeOwned>(
    node: &dyn FullNode,
    actor: Address,
) -> anyhow::Result<T> {
    let read = node.state_read_state(actor, head()).await?;
    serde_json::from_value(read.state).with_context(|| format!("reading the state of {actor}"))
}

/// All verifiers and what they may still give.
pub(super) async fn notaries(
    node: &dyn FullNode,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let registry: verifreg::State = state(node, VERIFIED_REGISTRY_ACTOR).await?;
    let store = remote_store::fetch(node, &registry.verifiers).await?;
    write_held(registry.verifiers(&store)?.entries()?, form, out)
}

/// All clients and what they have.
pub(super) async fn clients(
    node: &dyn FullNode,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let token: datacap::State = state(node, DATACAP_ACTOR).await?;
    let store = remote_store::fetch(node, &token.token.balances).await?;
    let held = token.balances(&store)?.entries()?.into_iter();
    let held = held.map(|(id, held)| (Address::new_id(id), datacap::bytes(&held)));
    write_held(held.collect(), form, out)
}

/// Who has how much DataCap, in bytes.
fn write_held(held: Vec<(Address, BigInt)>, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    if form.is_json() {
        let listed = held.iter();
        let listed = listed.map(|(address, bytes)| json!({ "Address": address, "DataCap": bytes }));
        return Ok(write_json(out, &listed.collect::<Vec<_>>())?);
    }
    for (address, bytes) in held {
        writeln!(out, "{address}: {bytes}")?;
    }
    Ok(())
}

/// List allocations made by client
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Allocations {
    /// Whose
    #[arg(value_name = "clientAddress")]
    client: Address,
    /// list only expired allocations
    #[arg(long)]
    expired: bool,
    #[command(flatten)]
    form: Form,
}

impl Allocations {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        // An address that is not on chain is told as such.
        node.state_lookup_id(self.client, head()).await?;
        let now = node.chain_head().await?.height();
        let mut table = Table::new(&[
            "AllocationID",
            "Client",
            "Miner",
            "PieceCid",
            "PieceSize",
            "TermMin",
            "TermMax",
            "Expiration",
        ]);
        let mut all = node.state_get_allocations(self.client, head()).await?;
        all.retain(|_, a| !self.expired || now > a.expiration);
        if self.form.is_json() {
            return Ok(write_json(out, &numbered("AllocationID", &all)?)?);
        }
        for (id, a) in all {
            table.row([
                id.to_string(),
                a.client.to_string(),
                a.provider.to_string(),
                a.data.to_string(),
                a.size.0.to_string(),
                a.term_min.to_string(),
                a.term_max.to_string(),
                a.expiration.to_string(),
            ]);
        }
        table.write(out)?;
        Ok(())
    }
}

/// List claims made by provider
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Claims {
    /// Whose
    #[arg(value_name = "providerAddress")]
    provider: Address,
    /// list only expired claims
    #[arg(long)]
    expired: bool,
    #[command(flatten)]
    form: Form,
}

impl Claims {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        node.state_lookup_id(self.provider, head()).await?;
        let now = node.chain_head().await?.height();
        let mut table = Table::new(&[
            "ClaimID",
            "Client",
            "Provider",
            "Data",
            "Size",
            "TermMin",
            "TermMax",
            "TermStart",
            "Sector",
        ]);
        let mut all = node.state_get_claims(self.provider, head()).await?;
        all.retain(|_, c| !self.expired || now > c.term_start.saturating_add(c.term_max));
        if self.form.is_json() {
            return Ok(write_json(out, &numbered("ClaimID", &all)?)?);
        }
        for (id, c) in all {
            table.row([
                id.to_string(),
                c.client.to_string(),
                c.provider.to_string(),
                c.data.to_string(),
                c.size.0.to_string(),
                c.term_min.to_string(),
                c.term_max.to_string(),
                c.term_start.to_string(),
                c.sector.to_string(),
            ]);
        }
        table.write(out)?;
        Ok(())
    }
}

/// Entries of a map as a list, their number among their fields.
fn numbered<T: Serialize>(name: &str, all: &BTreeMap<u64, T>) -> anyhow::Result<Vec<Value>> {
    let mut listed = Vec::new();
    for (id, entry) in all {
        let mut entry = serde_json::to_value(entry)?;
        entry[name] = json!(id);
        listed.push(entry);
    }
    Ok(listed)
}
