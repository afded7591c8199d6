//! `lotus mpool`: messages that are not yet on chain.
//!
//! # Lotus parity
//! Names, flags and layout of Lotus, and [`why`], which Lotus does not have. `gas-perf` prints what a
//! miner would earn: the premium as far as the fee cap reaches; Lotus prints the greater of the two.
//! `manage` is a dialogue of lines.

mod manage;
mod replace;
mod stat;
mod why;

use std::{collections::BTreeSet, io::Write};

use anyhow::Context as _;
use futures::StreamExt as _;
use lotus_mpool::{Pooled, chains};
use lotus_networks::policy::BLOCK_GAS_LIMIT;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, MethodNum, SignedMessage, TipsetKey};
use serde_json::json;

use super::Context;
use crate::format::{Form, write_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Mpool {
    /// Get pending messages
    Pending(Pending),
    /// Clear all pending messages from the mpool (USE WITH CARE) (DEPRECATED)
    #[command(hide = true)]
    Clear {
        /// also clear local messages
        #[arg(long)]
        local: bool,
        /// must be specified for the action to take effect
        #[arg(long)]
        really_do_it: bool,
    },
    /// Subscribe to mpool changes
    Sub,
    Stat(stat::Stat),
    Replace(replace::Replace),
    Find(Find),
    /// get or set current mpool configuration
    Config {
        /// The new configuration in JSON
        #[arg(value_name = "new-config")]
        config: Option<String>,
    },
    /// Check gas performance of messages in mempool
    GasPerf {
        /// print gas performance for all mempool messages (default only prints for local)
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Look through the wallet's pending messages and replace them
    Manage,
    Why(why::Why),
}

/// Flags of `mpool pending`.
#[derive(Debug, clap::Args)]
pub(super) struct Pending {
    /// print pending messages for addresses in local wallet only
    #[arg(long)]
    local: bool,
    /// only print cids of messages in output
    #[arg(long)]
    cids: bool,
    /// return messages to a given address
    #[arg(long)]
    to: Option<Address>,
    /// return messages from a given address
    #[arg(long)]
    from: Option<Address>,
    #[command(flatten)]
    form: Form,
}

/// find a message in the mempool
#[derive(Debug, clap::Args)]
pub(super) struct Find {
    /// search for messages with given 'from' address
    #[arg(long)]
    from: Option<Address>,
    /// search for messages with given 'to' address
    #[arg(long)]
    to: Option<Address>,
    /// search for messages with given method
    #[arg(long)]
    method: Option<MethodNum>,
    #[command(flatten)]
    form: Form,
}

impl Mpool {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        match self {
            Self::Pending(pending) => pending.run(node, out).await?,
            Self::Clear {
                local,
                really_do_it,
            } => clear(node, local, really_do_it, out).await?,
            Self::Sub => follow(node, out).await?,
            Self::Stat(stat) => stat.run(node, out).await?,
            Self::Replace(replace) => replace.run(node, out).await?,
            Self::Find(find) => find.run(node, out).await?,
            Self::Config { config: None } => {
                let config = node.mpool_get_config().await?;
                writeln!(out, "{}", serde_json::to_string(&config)?)?;
            }
            Self::Config { config: Some(json) } => {
                let config = serde_json::from_str(&json);
                let config = config.context("the new configuration cannot be read")?;
                node.mpool_set_config(config).await?;
            }
            Self::GasPerf { all, form } => gas_performance(node, all, form, out).await?,
            Self::Manage => Box::pin(manage::run(context, out)).await?,
            Self::Why(why) => why.run(context, out).await?,
        }
        Ok(())
    }
}

/// Pending messages; with `local` only those of the wallet's addresses.
async fn pending(node: &dyn FullNode, local: bool) -> anyhow::Result<Vec<SignedMessage>> {
    let own: Option<BTreeSet<Address>> = if local {
        let addresses = node
            .wallet_list()
            .await
            .context("getting local addresses")?;
        Some(addresses.into_iter().collect())
    } else {
        None
    };
    let mut messages = node.mpool_pending(TipsetKey::default()).await?;
    if let Some(own) = own {
        messages.retain(|message| own.contains(&message.message.from));
    }
    Ok(messages)
}

impl Pending {
    async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut messages = pending(node, self.local).await?;
        messages.retain(|message| {
            let inner = &message.message;
            self.to.is_none_or(|to| to == inner.to)
                && self.from.is_none_or(|from| from == inner.from)
        });
        if self.form.is_json() {
            let cids = || messages.iter().map(SignedMessage::cid).collect::<Vec<_>>();
            if self.cids {
                write_json(out, &cids())?;
            } else {
                write_json(out, &messages)?;
            }
            return Ok(());
        }
        for message in messages {
            if self.cids {
                writeln!(out, "{}", message.cid())?;
            } else {
                write_json(out, &message)?;
            }
        }
        Ok(())
    }
}

impl Find {
    async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut found = pending(node, false).await?;
        found.retain(|message| {
            let inner = &message.message;
            self.to.is_none_or(|to| to == inner.to)
                && self.from.is_none_or(|from| from == inner.from)
                && self.method.is_none_or(|method| method == inner.method)
        });
        if self.form.wrote(out, &found)? {
            return Ok(());
        }
        // Nothing found is Go's list that was never made.
        let found = (!found.is_empty()).then_some(found);
        write_json(out, &found)?;
        Ok(())
    }
}

async fn clear(
    node: &dyn FullNode,
    local: bool,
    really: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    writeln!(
        out,
        "DEPRECATED: This behavior is being moved to `lotus-shed mpool clear`"
    )?;
    anyhow::ensure!(
        really,
        "--really-do-it must be specified for this action to have an effect; you have been warned"
    );
    node.mpool_clear(local).await?;
    Ok(())
}

/// Prints what comes and goes until the daemon closes the channel.
async fn follow(node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut updates = node.mpool_sub().await?;
    while let Some(update) = updates.next().await {
        write_json(out, &update)?;
        out.flush()?;
    }
    Ok(())
}

async fn gas_performance(
    node: &dyn FullNode,
    all: bool,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let messages = pending(node, !all).await?;
    let head = node
        .chain_head()
        .await
        .context("failed to get chain head")?;
    let mut listed = Vec::new();
    for message in messages {
        let pooled = Pooled::new(message);
        let inner = &pooled.signed.message;
        let reward = chains::reward(&pooled, head.parent_base_fee());
        let performance = reward as f64 * BLOCK_GAS_LIMIT as f64 / inner.gas_limit.max(1) as f64;
        if form.is_json() {
            listed.push(json!({
                "From": inner.from, "Nonce": inner.nonce, "Reward": reward.to_string(),
                "Performance": performance,
            }));
            continue;
        }
        writeln!(
            out,
            "{}\t{}\t{reward}\t{performance:.6}",
            inner.from, inner.nonce
        )?;
    }
    form.wrote(out, &listed)?;
    Ok(())
}

#[cfg(test)]
mod tests;
