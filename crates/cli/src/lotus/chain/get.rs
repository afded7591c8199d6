//! `lotus chain get`: an object of the chain's store by its path.
//!
//! # Lotus parity
//! States and trees are read as the actors of version 9 write them; Lotus knows those of version 0
//! here, which no chain of today has.

mod trees;

use std::io::Write;

use anyhow::Context as _;
use lotus_actors::{account, map::MapKey as _, market, miner, power};
use lotus_rpc_api::full::FullNode;
use lotus_types::{
    ActorState, Address, BlockHeader, Bytes, Message, SignedMessage, wire, wire_tuple,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{format::write_tabbed_json, lotus::tipset::TipsetRef};

/// Get chain DAG node by path
#[derive(Debug, clap::Args)]
#[command(after_help = PATHS)]
pub(in crate::lotus) struct Get {
    /// specify type to interpret output as
    #[arg(long, ignore_case = true, value_name = "TYPE")]
    as_type: Option<AsType>,
    /// print the path that /pstate stands for
    #[arg(long)]
    verbose: bool,
    /// specify tipset for /pstate (pass comma separated array of cids)
    #[arg(long)]
    tipset: Option<TipsetRef>,
    /// Where
    path: String,
}

const PATHS: &str = "\
Paths:
  /ipfs/CID/…, /ipld/CID/…  steps through an object, by field names and places in lists
  /pstate/…                 the same from the tipset's parent state root on

Steps of their own:
  @H:KEY      the value of KEY in a HAMT
  @Hi:-5      of a signed number    @Hu:5  of an unsigned number
  @Ha:f01     of an address
  @A:10       an element of an AMT
  @state      an actor's state, taken apart: …/@Ha:f01/@state";

/// What an object is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AsType {
    Raw,
    Block,
    Message,
    #[value(name = "smessage", alias = "signedmessage")]
    SignedMessage,
    Actor,
    Amt,
    HamtEpoch,
    HamtAddress,
    #[value(name = "cronevent")]
    CronEvent,
    AccountState,
    MinerState,
    PowerState,
    MarketState,
}

/// What the power actor calls a miner for at the end of an epoch.
#[derive(Debug)]
struct CronEvent {
    miner: Address,
    payload: Bytes,
}
wire_tuple!(CronEvent {
    miner: "MinerAddr",
    payload: "CallbackPayload" default,
});

impl Get {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut path = clean(&self.path);
        if let Some(rest) = path.strip_prefix("/pstate") {
            let tipset = self.tipset.as_ref().unwrap_or(&TipsetRef::Head);
            let root = tipset.load(node).await?.parent_state_root();
            path = format!("/ipfs/{root}{rest}");
            if self.verbose {
                writeln!(out, "{path}")?;
            }
        }
        let found = node.chain_get_node(path).await?;
        let Some(kind) = self.as_type else {
            return Ok(write_tabbed_json(out, &found.obj)?);
        };
        match kind {
            AsType::Amt => {
                for index in trees::amt(node, &found.obj).await? {
                    writeln!(out, "{index}")?;
                }
                return Ok(());
            }
            AsType::HamtEpoch | AsType::HamtAddress => {
                for key in trees::hamt(node, found.obj).await? {
                    writeln!(out, "{}", key_text(kind, &key)?)?;
                }
                return Ok(());
            }
            _ => {}
        }
        let raw = node.chain_read_obj(found.cid).await?;
        write_as(kind, &raw, out).with_context(|| format!("object {}", found.cid))
    }
}

fn write_as(kind: AsType, raw: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
    match kind {
        // Without an end of line, as Lotus prints it.
        AsType::Raw => Ok(write!(out, "{}", data_encoding::HEXLOWER.encode(raw))?),
        AsType::Block => write_typed::<BlockHeader>(raw, "block", out),
        AsType::Message => write_typed::<Message>(raw, "message", out),
        AsType::SignedMessage => write_typed::<SignedMessage>(raw, "signedmessage", out),
        AsType::Actor => write_typed::<ActorState>(raw, "actor", out),
        AsType::CronEvent => write_typed::<CronEvent>(raw, "cronevent", out),
        AsType::AccountState => write_typed::<account::State>(raw, "account-state", out),
        AsType::MinerState => write_typed::<miner::State>(raw, "miner-state", out),
        AsType::PowerState => write_typed::<power::State>(raw, "power-state", out),
        AsType::MarketState => write_typed::<market::State>(raw, "market-state", out),
        AsType::Amt | AsType::HamtEpoch | AsType::HamtAddress => Ok(()), // not one object
    }
}

fn write_typed<T: Serialize + DeserializeOwned>(
    raw: &[u8],
    name: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let read = wire::from_cbor::<T>(raw);
    let value = read.with_context(|| format!("failed to unmarshal as {name:?}"))?;
    Ok(write_tabbed_json(out, &value)?)
}

fn key_text(kind: AsType, key: &[u8]) -> anyhow::Result<String> {
    let text = match kind {
        AsType::HamtEpoch => i64::from_key(key).map(|epoch| epoch.to_string()),
        _ => Address::from_bytes(key).ok().map(|a| a.to_string()),
    };
    text.with_context(|| format!("key {key:02x?} is of another kind than --as-type says"))
}

/// A path without what changes nothing: doubled and trailing slashes, `.`, and `..` with what is before
/// it.
fn clean(path: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    let start = if path.starts_with('/') { "/" } else { "" };
    format!("{start}{}", steps.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_what_changes_nothing() {
        for (path, cleaned) in [
            ("/ipfs/x/1", "/ipfs/x/1"),
            ("//ipfs/./x/", "/ipfs/x"),
            ("/ipfs/x/1/../2", "/ipfs/x/2"),
            ("x/1", "x/1"),
        ] {
            assert_eq!(clean(path), cleaned);
        }
    }

    #[test]
    fn keys_of_another_kind_are_refused() {
        assert_eq!(key_text(AsType::HamtEpoch, &[1]).expect("a key"), "-1");
        assert!(key_text(AsType::HamtEpoch, &[]).is_err());
        assert!(key_text(AsType::HamtAddress, &[9, 9]).is_err());
    }

    #[test]
    fn an_object_of_another_type_is_refused_by_name() {
        let refused = write_as(AsType::Block, &[0x80], &mut Vec::new()).expect_err("no block");
        assert!(format!("{refused:#}").contains("\"block\""), "{refused:#}");
    }

    #[test]
    fn cron_events_print_their_fields() {
        let raw = [0x82, 0x43, 0, 0xe8, 7, 0x41, 3];
        let mut out = Vec::new();
        write_as(AsType::CronEvent, &raw, &mut out).expect("an event");
        let miner = Address::new_id(1000);
        assert_eq!(
            String::from_utf8(out).expect("text"),
            format!("{{\n\t\"MinerAddr\": \"{miner}\",\n\t\"CallbackPayload\": \"Aw==\"\n}}\n")
        );
    }
}
