//! Messages on chain: finding them, waiting for them, executing them again.

use std::{io::Write, time::Duration};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lotus_networks::policy;
use lotus_rpc_api::{
    full::FullNode,
    types::{
        state::{MessageMatch, MsgLookup},
        trace::ExecutionTrace,
    },
};
use lotus_types::{Address, ChainEpoch, Cid, Tipset, TipsetKey};

use super::DEFAULT_LOOKBACK;
use crate::format::{list, write_json};

/// A search goes back to genesis.
const NO_LIMIT: ChainEpoch = -1;

/// Flags of `state wait-msg`.
#[derive(Debug, clap::Args)]
pub(super) struct WaitMsg {
    /// Which
    #[arg(value_name = "messageCid")]
    message: Cid,
    /// How long: 30s, 10m, 1h
    #[arg(long, default_value = "10m", value_parser = crate::common::duration)]
    timeout: Duration,
}

impl WaitMsg {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let waiting = node.state_wait_msg(self.message, policy::MESSAGE_CONFIDENCE, NO_LIMIT, true);
        let found = tokio::time::timeout(self.timeout, waiting)
            .await
            .map_err(|_| {
                anyhow::anyhow!(
                    "message {} is not on chain after {:?}",
                    self.message,
                    self.timeout
                )
            })??;
        write_lookup(self.message, &found, out)
    }
}

pub(super) async fn search(
    node: &dyn FullNode,
    message: Cid,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let found = node
        .state_search_msg(TipsetKey::default(), message, NO_LIMIT, true)
        .await?;
    let found = found.with_context(|| format!("message {message} was not found on chain"))?;
    write_lookup(message, &found, out)
}

fn write_lookup(asked: Cid, found: &MsgLookup, out: &mut dyn Write) -> anyhow::Result<()> {
    if found.message != asked {
        writeln!(out, "Message was replaced: {}", found.message)?;
    }
    let receipt = &found.receipt;
    writeln!(out, "Executed in tipset: {}", list(found.tipset.cids()))?;
    writeln!(out, "Exit Code: {}", receipt.exit_code.0)?;
    writeln!(out, "Gas Used: {}", receipt.gas_used)?;
    writeln!(out, "Return: {}", HEXLOWER.encode(&receipt.return_data))?;
    if !found.return_dec.is_null() {
        write!(out, "Decoded return value: ")?;
        write_json(out, &found.return_dec)?;
    }
    Ok(())
}

/// Flags of `state list-messages`.
#[derive(Debug, clap::Args)]
pub(super) struct ListMessages {
    /// return messages to a given address
    #[arg(long)]
    to: Option<Address>,
    /// return messages from a given address
    #[arg(long)]
    from: Option<Address>,
    /// don't look before given block height
    #[arg(long)]
    toheight: Option<ChainEpoch>,
    /// print message CIDs instead of messages
    #[arg(long)]
    cids: bool,
}

impl ListMessages {
    pub(super) async fn run(
        self,
        node: &dyn FullNode,
        tipset: Tipset,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.to.is_some() || self.from.is_some(),
            "must specify at least one of --from or --to"
        );
        let least = tipset.height().saturating_sub(DEFAULT_LOOKBACK).max(0);
        let matching = MessageMatch {
            to: self.to,
            from: self.from,
        };
        let to_height = self.toheight.unwrap_or(least);
        let found = node
            .state_list_messages(matching, tipset.key().clone(), to_height)
            .await?;
        for cid in found {
            if self.cids {
                writeln!(out, "{cid}")?;
            } else {
                write_json(out, &node.chain_get_message(cid).await?)?;
            }
        }
        Ok(())
    }
}

/// Flags of `state replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Which
    #[arg(value_name = "messageCid")]
    message: Cid,
    /// print out full execution trace for given message
    #[arg(long)]
    show_trace: bool,
    /// print out detailed gas costs for given message
    #[arg(long)]
    detailed_gas: bool,
}

impl Replay {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let result = node.state_replay(TipsetKey::default(), self.message).await;
        let result = result.context("replay call failed")?;
        let (receipt, gas) = (&result.msg_rct, &result.gas_cost);
        writeln!(out, "Replay receipt:")?;
        writeln!(out, "Exit code: {}", receipt.exit_code.0)?;
        writeln!(out, "Return: {}", HEXLOWER.encode(&receipt.return_data))?;
        writeln!(out, "Gas Used: {}", receipt.gas_used)?;
        if self.detailed_gas {
            writeln!(out, "Base Fee Burn: {}", gas.base_fee_burn.atto())?;
            writeln!(
                out,
                "Overestimaton Burn: {}",
                gas.over_estimation_burn.atto()
            )?;
            writeln!(out, "Miner Penalty: {}", gas.miner_penalty.atto())?;
            writeln!(out, "Miner Tip: {}", gas.miner_tip.atto())?;
            writeln!(out, "Refund: {}", gas.refund.atto())?;
        }
        writeln!(out, "Total Message Cost: {}", gas.total_cost.atto())?;
        if !result.error.is_empty() {
            writeln!(out, "Error message: {:?}", result.error)?;
        }
        if self.show_trace {
            let msg = &result.msg;
            writeln!(
                out,
                "{}\t{}\t{}\t{}\t{}\t{}\t{}",
                msg.from,
                msg.to,
                msg.value.atto(),
                msg.method,
                HEXLOWER.encode(&msg.params),
                receipt.exit_code.0,
                HEXLOWER.encode(&receipt.return_data)
            )?;
            write_subcalls(&result.execution_trace, out)?;
        }
        Ok(())
    }
}

/// Calls below a call, each deeper by a tab; without recursion, since a trace's depth is the other
/// side's choice.
fn write_subcalls(trace: &ExecutionTrace, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut open: Vec<_> = trace
        .subcalls
        .iter()
        .rev()
        .map(|call| (1_usize, call))
        .collect();
    while let Some((depth, call)) = open.pop() {
        let (msg, ret) = (&call.msg, &call.msg_rct);
        writeln!(
            out,
            "{}{}\t{}\t{}\t{}\t{}\t{}\t{}",
            "\t".repeat(depth),
            msg.from,
            msg.to,
            msg.value.atto(),
            msg.method,
            HEXLOWER.encode(&msg.params),
            ret.exit_code.0,
            HEXLOWER.encode(&ret.return_data)
        )?;
        open.extend(call.subcalls.iter().rev().map(|call| (depth + 1, call)));
    }
    Ok(())
}

pub(super) async fn exec_trace(
    node: &dyn FullNode,
    message: Cid,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let lookup = node
        .state_search_msg(TipsetKey::default(), message, NO_LIMIT, true)
        .await?;
    anyhow::ensure!(lookup.is_some(), "message {message} was not found on chain");
    let result = node.state_replay(TipsetKey::default(), message).await;
    Ok(write_json(out, &result.context("replay call failed")?)?)
}
