//! `lotus-miner actor control`: who signs which messages for the miner.

use std::{collections::BTreeSet, io::Write};

use anyhow::Context as _;
use lotus_actors::{
    call,
    miner::{method, params::ChangeWorkerAddressParams},
};
use lotus_rpc_api::{full::FullNode, types::state::MinerInfo};
use lotus_types::{Address, TipsetKey, TokenAmount};
use serde_json::json;

use super::push;
use crate::{
    format::{Colour, Form, Paint, Table},
    miner::Context,
};

/// Characters of a key that are shown.
const SHORT_KEY: usize = 6;
/// FIL below which an address should be given more, and soon.
const LOW: [i64; 2] = [10, 50];

#[derive(Debug, clap::Subcommand)]
pub(in crate::miner) enum Control {
    /// Get currently set control addresses
    List {
        /// Show whole keys
        #[arg(long)]
        verbose: bool,
        #[command(flatten)]
        colour: Colour,
        #[command(flatten)]
        form: Form,
    },
    /// Set control address(-es)
    Set {
        /// Actually send transaction performing the action
        #[arg(long)]
        really_do_it: bool,
        /// All of them: who is not among them is a control address no more
        #[arg(value_name = "address", required = true)]
        addresses: Vec<Address>,
    },
}

impl Control {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::List {
                verbose,
                colour,
                form,
            } => list(context, verbose, colour.paint(context.paint), form, out).await,
            Self::Set {
                really_do_it,
                addresses,
            } => set(context, addresses, really_do_it, out).await,
        }
    }
}

/// Which addresses send which messages.
struct Uses {
    worker: Address,
    /// Control addresses that nothing else was given to.
    post: BTreeSet<Address>,
    named: Vec<(&'static str, BTreeSet<Address>)>,
}

impl Uses {
    async fn load(context: &Context, info: &MinerInfo) -> anyhow::Result<Self> {
        let node = context.node().await?;
        let config = context.miner().await?.actor_address_config().await?;
        let mut uses = Self {
            worker: info.worker,
            post: info.control_addresses.iter().copied().collect(),
            named: Vec::new(),
        };
        for (name, addresses) in [
            ("precommit", config.pre_commit_control),
            ("commit", config.commit_control),
            ("terminate", config.terminate_control),
            ("deals", config.deal_publish_control),
        ] {
            let mut ids = BTreeSet::new();
            for address in addresses {
                let id = node.state_lookup_id(address, TipsetKey::default()).await;
                let id =
                    id.with_context(|| format!("looking up {address} of the configuration"))?;
                uses.post.remove(&id);
                ids.insert(id);
            }
            uses.named.push((name, ids));
        }
        Ok(uses)
    }

    fn of(&self, address: Address) -> Vec<&'static str> {
        let mut uses = Vec::new();
        if address == self.worker {
            uses.push("other");
        }
        if self.post.contains(&address) {
            uses.push("post");
        }
        let named = self.named.iter().filter(|(_, ids)| ids.contains(&address));
        uses.extend(named.map(|(name, _)| *name));
        uses
    }
}

/// A use in its colour.
fn painted(name: &str, paint: Paint) -> String {
    match name {
        "post" => paint.green(name),
        "precommit" => paint.cyan(name),
        "commit" => paint.blue(name),
        "deals" => paint.magenta(name),
        _ => paint.yellow(name),
    }
}

/// What an address has: enough for long, for a while, or hardly.
fn graded(balance: &TokenAmount, paint: Paint) -> String {
    if *balance < TokenAmount::from_fil(LOW[0]) {
        paint.red(balance)
    } else if *balance < TokenAmount::from_fil(LOW[1]) {
        paint.yellow(balance)
    } else {
        paint.green(balance)
    }
}

async fn list(
    context: &Context,
    verbose: bool,
    paint: Paint,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (actor, node) = (context.actor().await?, context.node().await?);
    let info = node.state_miner_info(actor, TipsetKey::default()).await?;
    let uses = Uses::load(context, &info).await?;
    let mut rows = vec![
        ("owner".to_owned(), info.owner),
        ("worker".to_owned(), info.worker),
        ("beneficiary".to_owned(), info.beneficiary),
    ];
    for (number, address) in info.control_addresses.iter().enumerate() {
        rows.push((format!("control-{number}"), *address));
    }
    let mut listed = Vec::new();
    let mut table = Table::new(&["name", "ID", "key", "use", "balance"]);
    for (name, address) in rows {
        let balance = match node.state_get_actor(address, TipsetKey::default()).await {
            Ok(actor) => actor.balance,
            Err(error) if form.is_json() => {
                let error = error.to_string();
                listed.push(json!({ "Name": name, "ID": address, "Error": error }));
                continue;
            }
            Err(error) => {
                writeln!(out, "{name}\t{address}: error getting actor: {error}")?;
                continue;
            }
        };
        // An owner may be a multisig, which has no key.
        let key = node.state_account_key(address, TipsetKey::default()).await;
        let key = key.unwrap_or(address).to_string();
        let uses = uses.of(address);
        if form.is_json() {
            listed.push(json!({
                "Name": name, "ID": address, "Key": key, "Use": uses, "Balance": balance,
            }));
            continue;
        }
        let key = match key.get(..SHORT_KEY) {
            Some(begin) if !verbose && key.len() > SHORT_KEY + 3 => format!("{begin}..."),
            _ => key,
        };
        table.row([
            name,
            address.to_string(),
            key,
            uses.iter()
                .map(|name| painted(name, paint))
                .collect::<Vec<_>>()
                .join(" "),
            graded(&balance, paint),
        ]);
    }
    if form.wrote(out, &listed)? {
        return Ok(());
    }
    Ok(table.write(out)?)
}

async fn set(
    context: &Context,
    addresses: Vec<Address>,
    really_do_it: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (actor, node) = (context.actor().await?, context.node().await?);
    let info = node.state_miner_info(actor, TipsetKey::default()).await?;
    let mut existing = BTreeSet::new();
    for address in &info.control_addresses {
        existing.insert(key_of(node, *address).await?);
    }
    let mut wanted = Vec::new();
    for address in addresses {
        let key = key_of(node, address).await?;
        // Control addresses must be on chain.
        let id = node.state_lookup_id(key, TipsetKey::default()).await;
        id.with_context(|| format!("looking up {key}"))?;
        wanted.push(key);
    }
    for key in existing.iter().filter(|key| !wanted.contains(key)) {
        writeln!(out, "Remove {key}")?;
    }
    for key in wanted.iter().filter(|key| !existing.contains(key)) {
        writeln!(out, "Add {key}")?;
    }
    if !really_do_it {
        writeln!(out, "Pass --really-do-it to actually execute this action")?;
        return Ok(());
    }
    let params = ChangeWorkerAddressParams {
        new_worker: info.worker,
        new_control_addresses: wanted,
    };
    let none = TokenAmount::zero();
    let change = method::CHANGE_WORKER_ADDRESS;
    let message = call::call(info.owner, actor, none, change, &params)?;
    let cid = push(node, message).await?;
    writeln!(out, "Message CID: {cid}")?;
    Ok(())
}

async fn key_of(node: &dyn FullNode, address: Address) -> anyhow::Result<Address> {
    let key = node.state_account_key(address, TipsetKey::default()).await;
    key.with_context(|| format!("finding the key of {address}"))
}
