//! `lotus mpool`: messages that are not yet on chain.

use std::{collections::BTreeSet, io::Write};

use anyhow::Context as _;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, TipsetKey};

use super::Context;
use crate::format::write_json;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Mpool {
    /// Get pending messages
    Pending(Pending),
    /// get or set current mpool configuration
    Config {
        /// The new configuration in JSON
        #[arg(value_name = "new-config")]
        config: Option<String>,
    },
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
            Self::Config { config: None } => {
                let config = node.mpool_get_config().await?;
                writeln!(out, "{}", serde_json::to_string(&config)?)?;
            }
            Self::Config { config: Some(json) } => {
                let config = serde_json::from_str(&json);
                let config = config.context("the new configuration cannot be read")?;
                node.mpool_set_config(config).await?;
            }
        }
        Ok(())
    }
}

impl Pending {
    async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let own: Option<BTreeSet<Address>> = if self.local {
            let addresses = node
                .wallet_list()
                .await
                .context("getting local addresses")?;
            Some(addresses.into_iter().collect())
        } else {
            None
        };
        for message in node.mpool_pending(TipsetKey::default()).await? {
            let inner = &message.message;
            let wanted = own.as_ref().is_none_or(|own| own.contains(&inner.from))
                && self.to.is_none_or(|to| to == inner.to)
                && self.from.is_none_or(|from| from == inner.from);
            if !wanted {
                continue;
            }
            if self.cids {
                writeln!(out, "{}", message.cid())?;
            } else {
                write_json(out, &message)?;
            }
        }
        Ok(())
    }
}
