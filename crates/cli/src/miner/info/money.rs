//! What the miner, its market escrow and its keys hold.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::{
    full::FullNode,
    types::state::{MarketBalance, MinerInfo},
};
use lotus_types::{Address, TipsetKey, TokenAmount};
use serde::{Deserialize, Serialize};

use crate::{common::beneficiary::write_beneficiary, format::Paint};

/// What is locked of a miner's balance: fields of the miner actor's state.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Locked {
    pre_commit_deposits: TokenAmount,
    locked_funds: TokenAmount,
    fee_debt: TokenAmount,
    initial_pledge: TokenAmount,
}

/// What there is, and what of it is free. Attributed to the API's names where it has them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Money {
    balance: TokenAmount,
    #[serde(flatten)]
    locked: Locked,
    available: TokenAmount,
    market: MarketBalance,
    market_available: TokenAmount,
    worker_balance: TokenAmount,
    /// `None`: there are no control addresses.
    control_balance: Option<TokenAmount>,
    spendable: TokenAmount,
    info: MinerInfo,
}

impl Money {
    pub(super) async fn load(node: &dyn FullNode, actor: Address) -> anyhow::Result<Self> {
        let head = TipsetKey::default;
        let state = node.state_read_state(actor, head()).await?;
        let locked = Locked::deserialize(&state.state)
            .with_context(|| format!("reading the state of the miner {actor}"))?;
        // Nothing has to be unlocked first: funds vest at the end of a deadline, by cron.
        let mut available = &state.balance - &locked.pre_commit_deposits;
        available -= &locked.locked_funds;
        available -= &locked.initial_pledge;
        available -= &locked.fee_debt;
        let mut spendable = TokenAmount::zero();
        if available.is_positive() {
            spendable += &available;
        }
        let market = node.state_market_balance(actor, head()).await;
        let market = market.context("getting market balance")?;
        let market_available = &market.escrow - &market.locked;
        spendable += &market_available;

        let info = node.state_miner_info(actor, head()).await?;
        let worker_balance = node.wallet_balance(info.worker).await;
        let worker_balance = worker_balance.context("getting worker balance")?;
        spendable += &worker_balance;
        let mut control_balance = None;
        for address in &info.control_addresses {
            let balance = node.wallet_balance(*address).await;
            let sum = control_balance.get_or_insert_with(TokenAmount::zero);
            *sum += balance.context("getting control address balance")?;
        }
        if let Some(control) = &control_balance {
            spendable += control;
        }
        Ok(Self {
            balance: state.balance,
            locked,
            available,
            market,
            market_available,
            worker_balance,
            control_balance,
            spendable,
            info,
        })
    }

    pub(super) fn write(&self, paint: Paint, out: &mut dyn Write) -> anyhow::Result<()> {
        let short = TokenAmount::to_short;
        let balance = paint.yellow(short(&self.balance));
        writeln!(out, "Miner Balance:    {balance}")?;
        line(out, "      PreCommit:  ", &self.locked.pre_commit_deposits)?;
        line(out, "      Pledge:     ", &self.locked.initial_pledge)?;
        line(out, "      Vesting:    ", &self.locked.locked_funds)?;
        free(out, "      Available:  ", &self.available, paint)?;
        line(out, "Market Balance:   ", &self.market.escrow)?;
        line(out, "       Locked:    ", &self.market.locked)?;
        free(out, "       Available: ", &self.market_available, paint)?;
        let worker = format!("Worker Balance:   {}", short(&self.worker_balance));
        writeln!(out, "{}", paint.cyan(worker))?;
        if let Some(control) = &self.control_balance {
            line(out, "       Control:   ", control)?;
        }
        free(out, "Total Spendable:  ", &self.spendable, paint)?;
        if !self.info.beneficiary.is_undefined() {
            writeln!(out)?;
        }
        write_beneficiary(&self.info, out)
    }
}

fn line(out: &mut dyn Write, name: &str, amount: &TokenAmount) -> std::io::Result<()> {
    writeln!(out, "{name}{}", amount.to_short())
}

/// What may be spent: something, nothing, or less than nothing.
fn free(
    out: &mut dyn Write,
    name: &str,
    amount: &TokenAmount,
    paint: Paint,
) -> std::io::Result<()> {
    let text = format!("{name}{}", amount.to_short());
    let text = if amount.is_positive() {
        paint.green(text)
    } else if amount.is_zero() {
        paint.yellow(text)
    } else {
        paint.red(text)
    };
    writeln!(out, "{text}")
}
