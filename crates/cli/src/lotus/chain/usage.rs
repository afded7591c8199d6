//! `lotus chain inspect-usage`: who takes how much of the blocks' gas.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
};

use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, Gas, Message, Tipset, TipsetKey};
use serde::Serialize;

use super::list::ratio;
use crate::{
    format::Form,
    lotus::{calls::Codes, is_actor_not_found, tipset::TipsetRef},
};

/// Inspect block space usage of a given tipset
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct InspectUsage {
    /// specify tipset to view block space usage of
    #[arg(long, default_value = "@head")]
    tipset: TipsetRef,
    /// length of chain to inspect block space usage for
    #[arg(long, default_value_t = 1)]
    length: usize,
    /// number of results to print per category
    #[arg(long, default_value_t = 10)]
    num_results: usize,
    #[command(flatten)]
    form: Form,
}

/// What one of many takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Share {
    key: String,
    gas: i128,
    count: u64,
}

/// Gas limits of messages, added up.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Usage {
    total_gas_limit: i128,
    by_sender: Vec<Share>,
    by_receiver: Vec<Share>,
    by_method: Vec<Share>,
}

/// Shares of a kind while they are counted.
#[derive(Debug, Default)]
struct Sums(BTreeMap<String, (i128, u64)>);

impl Sums {
    fn add(&mut self, key: String, gas: Gas) {
        let (sum, count) = self.0.entry(key).or_default();
        *sum += i128::from(gas);
        *count += 1;
    }

    /// The largest ones first; equal ones by name.
    fn largest(self, most: usize) -> Vec<Share> {
        let mut shares: Vec<_> = self
            .0
            .into_iter()
            .map(|(key, (gas, count))| Share { key, gas, count })
            .collect();
        shares.sort_by_key(|share| std::cmp::Reverse(share.gas));
        shares.truncate(most);
        shares
    }
}

impl Usage {
    /// Adds messages up. `method_of` names what a message calls; nothing when its receiver is not on
    /// chain.
    fn of(
        messages: &[Message],
        method_of: impl Fn(&Message) -> Option<String>,
        most: usize,
    ) -> Self {
        let (mut senders, mut receivers, mut methods) =
            (Sums::default(), Sums::default(), Sums::default());
        for message in messages {
            let gas = message.gas_limit;
            senders.add(message.from.to_string(), gas);
            receivers.add(message.to.to_string(), gas);
            if let Some(method) = method_of(message) {
                methods.add(method, gas);
            }
        }
        Self {
            total_gas_limit: messages.iter().map(|m| i128::from(m.gas_limit)).sum(),
            by_sender: senders.largest(most),
            by_receiver: receivers.largest(most),
            by_method: methods.largest(most),
        }
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "Total Gas Limit: {}", self.total_gas_limit)?;
        let lists = [
            ("By Sender:", &self.by_sender),
            ("\nBy Receiver:", &self.by_receiver),
            ("\nBy Method:", &self.by_method),
        ];
        for (heading, shares) in lists {
            writeln!(out, "{heading}")?;
            for Share { key, gas, count } in shares {
                writeln!(
                    out,
                    "{key}\t{:.2}%\t(total: {gas}, count: {count})",
                    ratio(*gas, self.total_gas_limit)
                )?;
            }
        }
        Ok(())
    }
}

impl InspectUsage {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let tipset = self.tipset.load(node).await?;
        let key = tipset.key().clone();
        let messages = messages_below(node, tipset, self.length).await?;
        let names = Names::of(node, &messages, key).await?;
        let usage = Usage::of(&messages, |m| names.method(m), self.num_results);
        if self.form.wrote(out, &usage)? {
            return Ok(());
        }
        Ok(usage.write(out)?)
    }
}

/// The messages that `length` tipsets from this one on downward tell the receipts of.
async fn messages_below(
    node: &dyn FullNode,
    mut tipset: Tipset,
    length: usize,
) -> anyhow::Result<Vec<Message>> {
    let mut messages = Vec::new();
    for _ in 0..length {
        let Some(block) = tipset.cids().first().filter(|_| tipset.height() > 0) else {
            break; // below genesis is nothing
        };
        let listed = node.chain_get_parent_messages(*block).await?;
        messages.extend(listed.into_iter().map(|listed| listed.message));
        let parents = tipset.parents().clone();
        tipset = node.chain_get_tipset(parents).await?;
    }
    Ok(messages)
}

/// What the receivers of messages are.
struct Names {
    codes: Codes,
    receivers: HashMap<Address, lotus_types::Cid>,
}

impl Names {
    async fn of(node: &dyn FullNode, messages: &[Message], key: TipsetKey) -> anyhow::Result<Self> {
        let codes = Codes::load(node, key.clone()).await?;
        let mut receivers = HashMap::new();
        let mut asked = std::collections::HashSet::new();
        for message in messages.iter().filter(|m| asked.insert(m.to)) {
            match node.state_get_actor(message.to, key.clone()).await {
                Ok(actor) => {
                    receivers.insert(message.to, actor.code);
                }
                Err(error) if is_actor_not_found(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { codes, receivers })
    }

    /// The method's name, empty as in Lotus when it has none.
    fn method(&self, message: &Message) -> Option<String> {
        let code = self.receivers.get(&message.to)?;
        let method = self.codes.method(code, message.method);
        Some(method.map_or_else(String::new, |method| method.name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use lotus_types::TokenAmount;

    use super::*;

    fn message(from: u64, to: u64, method: u64, gas: Gas) -> Message {
        let (from, to) = (Address::new_id(from), Address::new_id(to));
        Message {
            method,
            gas_limit: gas,
            ..Message::transfer(from, to, TokenAmount::zero())
        }
    }

    fn usage(messages: &[Message], most: usize) -> Usage {
        // Actor 9 is not on chain.
        let named = |m: &Message| (m.to != Address::new_id(9)).then(|| format!("m{}", m.method));
        Usage::of(messages, named, most)
    }

    #[test]
    fn the_largest_shares_come_first_and_equal_ones_by_name() {
        let messages = [
            message(1, 5, 2, 30),
            message(1, 5, 3, 10),
            message(2, 6, 4, 40),
            message(3, 9, 7, 20),
        ];
        let mut out = Vec::new();
        usage(&messages, 2).write(&mut out).expect("memory");
        let text = String::from_utf8(out).expect("text");
        let (one, two, five, six) = (
            Address::new_id(1),
            Address::new_id(2),
            Address::new_id(5),
            Address::new_id(6),
        );
        assert_eq!(
            text,
            format!(
                "Total Gas Limit: 100\n\
                 By Sender:\n\
                 {one}\t40.00%\t(total: 40, count: 2)\n\
                 {two}\t40.00%\t(total: 40, count: 1)\n\
                 \nBy Receiver:\n\
                 {five}\t40.00%\t(total: 40, count: 2)\n\
                 {six}\t40.00%\t(total: 40, count: 1)\n\
                 \nBy Method:\n\
                 m4\t40.00%\t(total: 40, count: 1)\n\
                 m2\t30.00%\t(total: 30, count: 1)\n"
            )
        );
    }

    #[test]
    fn receivers_that_are_not_on_chain_have_no_method() {
        let usage = usage(&[message(3, 9, 7, 20)], 10);
        assert!(usage.by_method.is_empty());
        assert_eq!(usage.by_receiver.len(), 1);
    }

    #[test]
    fn gas_limits_that_add_up_to_more_than_64_bits_are_added_up() {
        let messages = [message(1, 5, 2, i64::MAX), message(1, 5, 2, i64::MAX)];
        assert_eq!(
            usage(&messages, 1).total_gas_limit,
            i128::from(i64::MAX) * 2
        );
    }
}
