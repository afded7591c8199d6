//! Actors of any kind, and the money supply.

use std::{collections::BTreeMap, io::Write};

use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Cid, TipsetKey};
use serde::Serialize;

use crate::{
    format::{Form, Table},
    lotus::calls::{Codes, actors_version},
};

pub(super) async fn list(
    node: &dyn FullNode,
    key: TipsetKey,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let actors = node.state_list_actors(key).await?;
    if form.wrote(out, &actors)? {
        return Ok(());
    }
    for address in actors {
        writeln!(out, "{address}")?;
    }
    Ok(())
}

pub(super) async fn circulating_supply(
    node: &dyn FullNode,
    of_vm: bool,
    key: TipsetKey,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if !of_vm {
        let supply = node.state_circulating_supply(key).await?;
        if form.wrote(out, &supply)? {
            return Ok(());
        }
        writeln!(out, "Exact circulating supply:  {supply}")?;
        return Ok(());
    }
    let supply = node.state_vm_circulating_supply_internal(key).await?;
    if form.wrote(out, &supply)? {
        return Ok(());
    }
    writeln!(out, "Circulating supply:  {}", supply.fil_circulating)?;
    writeln!(out, "Mined:  {}", supply.fil_mined)?;
    writeln!(out, "Vested:  {}", supply.fil_vested)?;
    writeln!(out, "Burnt:  {}", supply.fil_burnt)?;
    writeln!(out, "Locked:  {}", supply.fil_locked)?;
    Ok(())
}

pub(super) async fn get(
    node: &dyn FullNode,
    address: Address,
    key: TipsetKey,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let actor = node.state_get_actor(address, key.clone()).await?;
    if form.wrote(out, &actor)? {
        return Ok(());
    }
    let name = Codes::load(node, key).await?.name(&actor.code);
    let name = name.unwrap_or_else(|| "<unknown>".to_owned());
    writeln!(out, "Address:\t{address}")?;
    writeln!(out, "Balance:\t{}", actor.balance)?;
    writeln!(out, "Nonce:\t\t{}", actor.nonce)?;
    writeln!(out, "Code:\t\t{} ({name})", actor.code)?;
    writeln!(out, "Head:\t\t{}", actor.head)?;
    Ok(())
}

/// Codes of the built-in actors; the manifest's own entries begin with `_`.
async fn named_codes(node: &dyn FullNode, network: u32) -> anyhow::Result<BTreeMap<String, Cid>> {
    let mut codes = node.state_actor_code_cids(network).await?;
    codes.retain(|name, _| !name.starts_with('_'));
    Ok(codes)
}

/// What [`code_cids`] tells, in JSON.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CodeCids {
    network_version: u32,
    actor_version: u32,
    #[serde(rename = "ManifestCID")]
    manifest: Cid,
    actors: BTreeMap<String, Cid>,
}

pub(super) async fn code_cids(
    node: &dyn FullNode,
    network: Option<u32>,
    key: TipsetKey,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let network = match network {
        Some(network) => network,
        None => node.state_network_version(key).await?,
    };
    let told = CodeCids {
        network_version: network,
        actor_version: actors_version(network),
        manifest: node.state_actor_manifest_cid(network).await?,
        actors: named_codes(node, network).await?,
    };
    if form.wrote(out, &told)? {
        return Ok(());
    }
    writeln!(out, "Network Version: {network}")?;
    writeln!(out, "Actor Version: {}", told.actor_version)?;
    writeln!(out, "Manifest CID: {}", told.manifest)?;
    writeln!(out)?;
    let mut table = Table::open(&["Actor", "CID  "]);
    for (name, code) in told.actors {
        table.row([name, code.to_string()]);
    }
    table.write(out)?;
    Ok(())
}
