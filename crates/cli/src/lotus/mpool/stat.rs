//! `lotus mpool stat`: how many messages wait, by sender.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use anyhow::Context as _;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, SignedMessage, Tipset, TokenAmount};
use serde::Serialize;
use serde_json::json;

use crate::format::{Form, write_json};

/// print mempool stats
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Stat {
    /// print stats for addresses in local wallet only
    #[arg(long)]
    local: bool,
    /// number of blocks to look back for minimum basefee
    #[arg(long, default_value_t = 60)]
    basefee_lookback: u32,
    #[command(flatten)]
    form: Form,
}

/// What is counted.
#[derive(Debug, Default, Serialize)]
struct Counts {
    /// Nonces that the chain has used.
    #[serde(rename = "NoncePast")]
    past: u64,
    /// Nonces from the chain's next one on, without gap.
    #[serde(rename = "NonceCurrent")]
    current: u64,
    /// Nonces after a gap.
    #[serde(rename = "NonceFuture")]
    future: u64,
    /// Fee caps below the base fee.
    #[serde(rename = "FeeCapBelowBaseFee")]
    below_now: u64,
    /// Fee caps below the least base fee of late.
    #[serde(rename = "FeeCapBelowMinBaseFee")]
    below_least: u64,
    #[serde(rename = "GasLimit")]
    gas: i64,
}

impl Counts {
    fn of(messages: &[SignedMessage], nonce: u64, now: &TokenAmount, least: &TokenAmount) -> Self {
        let nonces: BTreeSet<u64> = messages.iter().map(|m| m.message.nonce).collect();
        let gap = (nonce..).find(|n| !nonces.contains(n)).unwrap_or(u64::MAX);
        let mut counts = Self::default();
        for signed in messages {
            let message = &signed.message;
            match message.nonce {
                past if past < nonce => counts.past += 1,
                future if future > gap => counts.future += 1,
                _ => counts.current += 1,
            }
            counts.below_now += u64::from(message.gas_fee_cap < *now);
            counts.below_least += u64::from(message.gas_fee_cap < *least);
            counts.gas = counts.gas.saturating_add(message.gas_limit);
        }
        counts
    }

    fn add(&mut self, other: &Self) {
        self.past += other.past;
        self.current += other.current;
        self.future += other.future;
        self.below_now += other.below_now;
        self.below_least += other.below_least;
        self.gas = self.gas.saturating_add(other.gas);
    }

    fn write(&self, out: &mut dyn Write, of: &str, lookback: u32) -> std::io::Result<()> {
        let Self {
            past,
            current,
            future,
            below_now,
            below_least,
            gas,
        } = self;
        writeln!(
            out,
            "{of}: Nonce past: {past}, cur: {current}, future: {future}; FeeCap cur: {below_now}, \
             min-{lookback}: {below_least}, gasLimit: {gas}"
        )
    }
}

impl Stat {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let head = node.chain_head().await.context("getting chain head")?;
        let least = self.least_base_fee(node, &head).await?;
        let mut senders: BTreeMap<Address, Vec<SignedMessage>> = BTreeMap::new();
        for message in super::pending(node, self.local).await? {
            let of = senders.entry(message.message.from).or_default();
            of.push(message);
        }
        let (mut lines, mut failed) = (BTreeMap::new(), Vec::new());
        for (sender, messages) in senders {
            match node.state_get_actor(sender, head.key().clone()).await {
                Ok(actor) => {
                    let now = head.parent_base_fee();
                    let counts = Counts::of(&messages, actor.nonce, now, &least);
                    lines.insert(sender.to_string(), counts);
                }
                Err(error) if self.form.is_json() => {
                    failed.push(json!({ "Address": sender, "Error": error.to_string() }));
                }
                Err(error) => writeln!(out, "{sender}, err: {error}")?,
            }
        }
        if self.form.is_json() {
            let mut listed = Vec::new();
            for (sender, counts) in &lines {
                let mut entry = json!(counts);
                entry["Address"] = json!(sender);
                listed.push(entry);
            }
            listed.extend(failed);
            return Ok(write_json(out, &listed)?);
        }
        let mut total = Counts::default();
        for (sender, counts) in &lines {
            total.add(counts);
            counts.write(out, sender, self.basefee_lookback)?;
        }
        writeln!(out, "-----")?;
        total.write(out, "total", self.basefee_lookback)?;
        Ok(())
    }

    /// The least base fee of the tipsets that are looked back at, or of as many as there are.
    async fn least_base_fee(
        &self,
        node: &dyn FullNode,
        head: &Tipset,
    ) -> anyhow::Result<TokenAmount> {
        let mut least = head.parent_base_fee().clone();
        let mut at = head.clone();
        for _ in 0..self.basefee_lookback {
            if at.height() == 0 {
                break;
            }
            at = node
                .chain_get_tipset(at.parents().clone())
                .await
                .context("walking chain")?;
            least = least.min(at.parent_base_fee().clone());
        }
        Ok(least)
    }
}
