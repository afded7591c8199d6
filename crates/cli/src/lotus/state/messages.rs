//! Messages on chain: finding them, waiting for them, executing them again.

use std::{fmt, io::Write, time::Duration};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use lotus_networks::policy;
use lotus_rpc_api::{
    full::FullNode,
    types::{
        state::{MessageMatch, MsgLookup},
        trace::{ExecutionTrace, MessageTrace, ReturnTrace},
    },
};
use lotus_types::{
    Address, Bytes, ChainEpoch, Cid, ExitCode, Message, MethodNum, Receipt, Tipset, TipsetKey,
    TokenAmount,
};

use crate::{
    format::{Form, list, write_json},
    lotus::calls::Codes,
};

/// A search goes back to genesis.
const NO_LIMIT: ChainEpoch = -1;
/// Epochs of which messages are asked for at once: no question takes long, however long the chain is.
const WINDOW: ChainEpoch = 100;

/// Flags of `state wait-msg`.
#[derive(Debug, clap::Args)]
pub(super) struct WaitMsg {
    /// Which
    #[arg(value_name = "messageCid")]
    message: Cid,
    /// How long: 30s, 10m, 1h
    #[arg(long, default_value = "10m", value_parser = crate::common::duration)]
    timeout: Duration,
    #[command(flatten)]
    form: Form,
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
        write_lookup(node, self.message, &found, self.form, out).await
    }
}

pub(super) async fn search(
    node: &dyn FullNode,
    message: Cid,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let found = node
        .state_search_msg(TipsetKey::default(), message, NO_LIMIT, true)
        .await?;
    let found = found.with_context(|| format!("message {message} was not found on chain"))?;
    write_lookup(node, message, &found, form, out).await
}

async fn write_lookup(
    node: &dyn FullNode,
    asked: Cid,
    found: &MsgLookup,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if form.wrote(out, found)? {
        return Ok(());
    }
    if found.message != asked {
        writeln!(out, "Message was replaced: {}", found.message)?;
    }
    let receipt = &found.receipt;
    writeln!(out, "Executed in tipset: {}", list(found.tipset.cids()))?;
    writeln!(out, "Exit Code: {}", receipt.exit_code.0)?;
    writeln!(out, "Gas Used: {}", receipt.gas_used)?;
    writeln!(out, "Return: {}", HEXLOWER.encode(&receipt.return_data))?;
    if !receipt.return_data.is_empty() {
        let message = node.chain_get_message(asked).await?;
        let head = TipsetKey::default;
        let code = node.state_get_actor(message.to, head()).await?.code;
        let codes = Codes::load(node, head()).await?;
        if let Ok(decoded) = codes.returned(&code, message.method, &receipt.return_data) {
            writeln!(out, "Decoded return value:  {decoded}")?;
        }
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
    #[arg(long, default_value_t = 0)]
    toheight: ChainEpoch,
    /// print message CIDs instead of messages
    #[arg(long)]
    cids: bool,
    #[command(flatten)]
    form: Form,
}

impl ListMessages {
    pub(super) async fn run(
        self,
        node: &dyn FullNode,
        mut tipset: Tipset,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.to.is_some() || self.from.is_some(),
            "must specify at least To or From in message filter: --to or --from"
        );
        // JSON is one list; otherwise what is found is printed at once.
        let mut all = Vec::new();
        while let Some(end) = window_end(tipset.height(), self.toheight) {
            for cid in self.find(node, &tipset, end).await? {
                if self.form.is_json() {
                    all.push(self.listed(node, cid).await?);
                } else if self.cids {
                    writeln!(out, "{cid}")?;
                } else {
                    write_json(out, &node.chain_get_message(cid).await?)?;
                }
            }
            if end == 0 {
                break;
            }
            let key = tipset.key().clone();
            tipset = node.chain_get_tipset_by_height(end - 1, key).await?;
        }
        self.form.wrote(out, &all)?;
        Ok(())
    }

    async fn find(
        &self,
        node: &dyn FullNode,
        tipset: &Tipset,
        end: ChainEpoch,
    ) -> anyhow::Result<impl Iterator<Item = Cid> + use<>> {
        let matching = MessageMatch {
            to: self.to,
            from: self.from,
        };
        let found = node.state_list_messages(matching, tipset.key().clone(), end);
        Ok(found.await?.into_iter())
    }

    async fn listed(&self, node: &dyn FullNode, cid: Cid) -> anyhow::Result<serde_json::Value> {
        Ok(if self.cids {
            serde_json::to_value(cid)?
        } else {
            serde_json::to_value(node.chain_get_message(cid).await?)?
        })
    }
}

/// The lowest height that is asked about next, from a tipset of this height on; nothing at the end.
fn window_end(height: ChainEpoch, to_height: ChainEpoch) -> Option<ChainEpoch> {
    let end = to_height.max(height.saturating_sub(WINDOW)).max(0);
    (height > to_height).then_some(end)
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
    #[command(flatten)]
    form: Form,
}

impl Replay {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let result = node.state_replay(TipsetKey::default(), self.message).await;
        let result = result.context("replay call failed")?;
        if self.form.wrote(out, &result)? {
            return Ok(());
        }
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
            writeln!(out, "{}", Line::of(&result.msg, receipt))?;
            write_subcalls(&result.execution_trace, out)?;
        }
        Ok(())
    }
}

/// A call as traces show it: who calls whom with what, and how it ended.
pub(super) struct Line<'a> {
    from: Address,
    to: Address,
    value: &'a TokenAmount,
    method: MethodNum,
    params: &'a Bytes,
    exit_code: ExitCode,
    returned: &'a Bytes,
}

impl<'a> Line<'a> {
    /// Of a message.
    pub(super) fn of(message: &'a Message, receipt: &'a Receipt) -> Self {
        Self {
            from: message.from,
            to: message.to,
            value: &message.value,
            method: message.method,
            params: &message.params,
            exit_code: receipt.exit_code,
            returned: &receipt.return_data,
        }
    }

    fn of_call(call: &'a MessageTrace, result: &'a ReturnTrace) -> Self {
        Self {
            from: call.from,
            to: call.to,
            value: &call.value,
            method: call.method,
            params: &call.params,
            exit_code: result.exit_code,
            returned: &result.return_data,
        }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            self.from,
            self.to,
            self.value.atto(),
            self.method,
            HEXLOWER.encode(self.params),
            self.exit_code.0,
            HEXLOWER.encode(self.returned)
        )
    }
}

/// Calls below a call, each deeper by a tab; without recursion, since a trace's depth is the other
/// side's choice.
pub(super) fn write_subcalls(trace: &ExecutionTrace, out: &mut dyn Write) -> anyhow::Result<()> {
    let top = trace.subcalls.iter().rev();
    let mut open: Vec<(usize, &ExecutionTrace)> = top.map(|call| (1, call)).collect();
    while let Some((depth, call)) = open.pop() {
        let line = Line::of_call(&call.msg, &call.msg_rct);
        writeln!(out, "{}{line}", "\t".repeat(depth))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_asked_for_in_windows_down_to_the_height() {
        assert_eq!(window_end(700, 0), Some(600));
        assert_eq!(window_end(700, 650), Some(650));
        assert_eq!(window_end(60, 0), Some(0));
        assert_eq!(window_end(60, 60), None);
        assert_eq!(window_end(0, 0), None);
    }
}
