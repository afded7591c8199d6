//! What the miner, its market escrow and its keys hold.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, TipsetKey, TokenAmount};
use serde::Deserialize;

use crate::common::beneficiary::write_beneficiary;

/// What is locked of a miner's balance: fields of the miner actor's state.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Locked {
    pre_commit_deposits: TokenAmount,
    locked_funds: TokenAmount,
    fee_debt: TokenAmount,
    initial_pledge: TokenAmount,
}

pub(super) async fn write(
    node: &dyn FullNode,
    actor: Address,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let head = TipsetKey::default;
    let state = node.state_read_state(actor, head()).await?;
    let locked = Locked::deserialize(&state.state)
        .with_context(|| format!("reading the state of the miner {actor}"))?;
    // Nothing has to be unlocked first: funds vest at the end of a deadline, by cron.
    let mut available = &state.balance - &locked.pre_commit_deposits;
    available -= &locked.locked_funds;
    available -= &locked.initial_pledge;
    available -= &locked.fee_debt;
    line(out, "Miner Balance:    ", &state.balance)?;
    line(out, "      PreCommit:  ", &locked.pre_commit_deposits)?;
    line(out, "      Pledge:     ", &locked.initial_pledge)?;
    line(out, "      Vesting:    ", &locked.locked_funds)?;
    line(out, "      Available:  ", &available)?;
    let mut spendable = TokenAmount::zero();
    if available.is_positive() {
        spendable += &available;
    }

    let market = node
        .state_market_balance(actor, head())
        .await
        .context("getting market balance")?;
    let free = &market.escrow - &market.locked;
    line(out, "Market Balance:   ", &market.escrow)?;
    line(out, "       Locked:    ", &market.locked)?;
    line(out, "       Available: ", &free)?;
    spendable += &free;

    let info = node.state_miner_info(actor, head()).await?;
    let worker = node.wallet_balance(info.worker).await;
    let worker = worker.context("getting worker balance")?;
    line(out, "Worker Balance:   ", &worker)?;
    spendable += &worker;
    if !info.control_addresses.is_empty() {
        let mut control = TokenAmount::zero();
        for address in &info.control_addresses {
            let balance = node.wallet_balance(*address).await;
            control += balance.context("getting control address balance")?;
        }
        line(out, "       Control:   ", &control)?;
        spendable += &control;
    }
    line(out, "Total Spendable:  ", &spendable)?;
    if !info.beneficiary.is_undefined() {
        writeln!(out)?;
    }
    write_beneficiary(&info, out)
}

fn line(out: &mut dyn Write, name: &str, amount: &TokenAmount) -> std::io::Result<()> {
    writeln!(out, "{name}{}", amount.to_short())
}
