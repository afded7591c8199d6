//! Actors of any kind, and the money supply.

use std::{collections::BTreeMap, io::Write};

use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Cid, TipsetKey};

use crate::format::Table;

pub(super) async fn list(
    node: &dyn FullNode,
    key: TipsetKey,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    for address in node.state_list_actors(key).await? {
        writeln!(out, "{address}")?;
    }
    Ok(())
}

pub(super) async fn circulating_supply(
    node: &dyn FullNode,
    of_vm: bool,
    key: TipsetKey,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if !of_vm {
        let supply = node.state_circulating_supply(key).await?;
        writeln!(out, "Exact circulating supply:  {supply}")?;
        return Ok(());
    }
    let supply = node.state_vm_circulating_supply_internal(key).await?;
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
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let actor = node.state_get_actor(address, key.clone()).await?;
    let name = code_name(node, actor.code, key).await?;
    writeln!(out, "Address:\t{address}")?;
    writeln!(out, "Balance:\t{}", actor.balance)?;
    writeln!(out, "Nonce:\t\t{}", actor.nonce)?;
    writeln!(out, "Code:\t\t{} ({name})", actor.code)?;
    writeln!(out, "Head:\t\t{}", actor.head)?;
    Ok(())
}

/// The name of an actor's code: `fil/9/account`.
async fn code_name(node: &dyn FullNode, code: Cid, key: TipsetKey) -> anyhow::Result<String> {
    let network = node.state_network_version(key).await?;
    let codes = named_codes(node, network).await?;
    let name = codes.into_iter().find(|(_, cid)| *cid == code);
    Ok(match name {
        Some((name, _)) => format!("fil/{}/{name}", actors_version(network)),
        None => "<unknown>".to_owned(),
    })
}

/// Codes of the built-in actors; the manifest's own entries begin with `_`.
async fn named_codes(node: &dyn FullNode, network: u32) -> anyhow::Result<BTreeMap<String, Cid>> {
    let mut codes = node.state_actor_code_cids(network).await?;
    codes.retain(|name, _| !name.starts_with('_'));
    Ok(codes)
}

/// The version of the built-in actors that belongs to a network version.
fn actors_version(network: u32) -> u32 {
    match network {
        0..=3 => 0,
        4..=9 => 2,
        10..=11 => 3,
        12 => 4,
        13 => 5,
        14 => 6,
        15 => 7,
        16 => 8,
        17 => 9,
        18 => 10,
        19 | 20 => 11,
        later => later - 9,
    }
}

pub(super) async fn code_cids(
    node: &dyn FullNode,
    network: Option<u32>,
    key: TipsetKey,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let network = match network {
        Some(network) => network,
        None => node.state_network_version(key).await?,
    };
    let manifest = node.state_actor_manifest_cid(network).await?;
    let codes = named_codes(node, network).await?;
    writeln!(out, "Network Version: {network}")?;
    writeln!(out, "Actor Version: {}", actors_version(network))?;
    writeln!(out, "Manifest CID: {manifest}")?;
    writeln!(out)?;
    let mut table = Table::open(&["Actor", "CID  "]);
    for (name, code) in codes {
        table.row([name, code.to_string()]);
    }
    table.write(out)?;
    Ok(())
}
