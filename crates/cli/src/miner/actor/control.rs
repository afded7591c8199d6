//! `lotus-miner actor control`: who signs which messages for the miner.

use std::{collections::BTreeSet, io::Write};

use anyhow::Context as _;
use lotus_actors::{
    call,
    miner::{method, params::ChangeWorkerAddressParams},
};
use lotus_rpc_api::{full::FullNode, types::state::MinerInfo};
use lotus_types::{Address, TipsetKey, TokenAmount};

use super::push;
use crate::{format::Table, miner::Context};

/// Characters of a key that are shown.
const SHORT_KEY: usize = 6;

#[derive(Debug, clap::Subcommand)]
pub(in crate::miner) enum Control {
    /// Get currently set control addresses
    List {
        /// Show whole keys
        #[arg(long)]
        verbose: bool,
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
            Self::List { verbose } => list(context, verbose, out).await,
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

    fn of(&self, address: Address) -> String {
        let mut uses = Vec::new();
        if address == self.worker {
            uses.push("other");
        }
        if self.post.contains(&address) {
            uses.push("post");
        }
        let named = self.named.iter().filter(|(_, ids)| ids.contains(&address));
        uses.extend(named.map(|(name, _)| *name));
        uses.join(" ")
    }
}

async fn list(context: &Context, verbose: bool, out: &mut dyn Write) -> anyhow::Result<()> {
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
    let mut table = Table::new(&["name", "ID", "key", "use", "balance"]);
    for (name, address) in rows {
        let balance = match node.state_get_actor(address, TipsetKey::default()).await {
            Ok(actor) => actor.balance,
            Err(error) => {
                writeln!(out, "{name}\t{address}: error getting actor: {error}")?;
                continue;
            }
        };
        // An owner may be a multisig, which has no key.
        let key = node.state_account_key(address, TipsetKey::default()).await;
        let key = key.unwrap_or(address).to_string();
        let key = match key.get(..SHORT_KEY) {
            Some(begin) if !verbose && key.len() > SHORT_KEY + 3 => format!("{begin}..."),
            _ => key,
        };
        table.row([
            name,
            address.to_string(),
            key,
            uses.of(address),
            balance.to_string(),
        ]);
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
