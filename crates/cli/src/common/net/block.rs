//! `net block`: whom the process never connects to.

use std::io::Write;

use lotus_rpc_api::{node::NetApi, types::net::NetBlockList};

use crate::format::Form;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Block {
    /// Add connection gating rules
    #[command(subcommand)]
    Add(Rule),
    /// Remove connection gating rules
    #[command(subcommand)]
    Remove(Rule),
    /// list connection gating rules
    List {
        #[command(flatten)]
        form: Form,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Rule {
    /// Peers by their ids
    Peer {
        /// Peer ids
        #[arg(value_name = "Peer", required = true)]
        list: Vec<String>,
    },
    /// Addresses
    Ip {
        /// IP addresses
        #[arg(value_name = "IP", required = true)]
        list: Vec<String>,
    },
    /// Networks
    Subnet {
        /// Networks, as 10.0.0.0/8
        #[arg(value_name = "CIDR", required = true)]
        list: Vec<String>,
    },
}

impl From<Rule> for NetBlockList {
    fn from(rule: Rule) -> Self {
        let mut rules = Self::default();
        match rule {
            Rule::Peer { list } => rules.peers = list,
            Rule::Ip { list } => rules.ip_addrs = list,
            Rule::Subnet { list } => rules.ip_subnets = list,
        }
        rules
    }
}

impl Block {
    pub(super) async fn run<N: NetApi + ?Sized>(
        self,
        node: &N,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::Add(rule) => node.net_block_add(rule.into()).await?,
            Self::Remove(rule) => node.net_block_remove(rule.into()).await?,
            Self::List { form } => {
                let rules = node.net_block_list().await?;
                if form.wrote(out, &rules)? {
                    return Ok(());
                }
                for (heading, mut list) in [
                    ("Blocked Peers:", rules.peers),
                    ("Blocked IPs:", rules.ip_addrs),
                    ("Blocked Subnets:", rules.ip_subnets),
                ] {
                    if list.is_empty() {
                        continue;
                    }
                    list.sort();
                    writeln!(out, "{heading}")?;
                    for entry in list {
                        writeln!(out, "\t{entry}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
