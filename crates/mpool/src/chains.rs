//! Message chains: runs of one sender's messages that are worth more together than apart.
//!
//! A sender's messages can only be taken in order of their nonces. They are cut into chains such that
//! each chain earns more per gas than the next one; so the best chain of a sender is its first, and a
//! cheap message before a dear one is pulled along by it.
//!
//! # Lotus parity
//! `createMessageChains`. Rewards are 128-bit integers here, not big ones.

use std::{ops::Range, sync::Arc};

use lotus_networks::policy::{BLOCK_GAS_LIMIT, BLOCK_MESSAGE_LIMIT};
use lotus_types::{Address, Gas, TokenAmount};

use crate::{
    Pooled,
    terms::{bounded, performance},
};

/// A sender as selection sees it.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Key address.
    pub address: Address,
    /// Next nonce on chain.
    pub nonce: u64,
    /// What it holds on chain.
    pub balance: TokenAmount,
    /// Its messages by nonce, ascending.
    pub messages: Vec<Arc<Pooled>>,
}

/// A run of a sender's messages.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Index of the sender.
    pub sender: usize,
    /// Indices of its messages.
    pub messages: Range<usize>,
    /// Gas limits of all.
    pub gas: Gas,
    /// What the miner earns, in attoFIL; negative when it would have to pay.
    pub reward: i128,
    /// attoFIL earned per full block of such gas.
    pub performance: f64,
    /// The sender's chain before this one; it must be included first.
    pub previous: Option<usize>,
    /// The sender's chain after this one.
    pub next: Option<usize>,
}

/// What a block's miner earns with a message at a base fee, in attoFIL; negative when it has to pay.
pub fn reward(message: &Pooled, base_fee: &TokenAmount) -> i128 {
    message.terms.reward(bounded(base_fee))
}

/// How many of a sender's messages, from which index on, could be executed one after another: no
/// gaps from the chain's nonce, enough gas for inclusion, funds for all, not more gas than a block.
fn executable(sender: &Sender) -> Range<usize> {
    let start = sender
        .messages
        .partition_point(|m| m.nonce() < sender.nonce);
    let mut balance = bounded(&sender.balance);
    let (mut gas, mut nonce, mut end): (Gas, u64, usize) = (0, sender.nonce, start);
    let candidates = sender.messages.get(start..).unwrap_or_default();
    for message in candidates.iter().take(BLOCK_MESSAGE_LIMIT) {
        let terms = &message.terms;
        gas = gas.saturating_add(terms.gas);
        if message.nonce() != nonce
            || gas > BLOCK_GAS_LIMIT
            || terms.gas < message.inclusion_gas
            || balance < terms.gas_funds
        {
            break;
        }
        balance -= terms.gas_funds;
        // Without the funds for its value a message fails, but its gas is paid.
        if balance >= terms.value {
            balance -= terms.value;
        }
        nonce = nonce.saturating_add(1);
        end += 1;
    }
    start..end
}

impl Chain {
    fn single(sender: usize, at: usize, gas: Gas, reward: i128) -> Self {
        Self {
            sender,
            messages: at..at + 1,
            gas,
            reward,
            performance: performance(reward, gas),
            previous: None,
            next: None,
        }
    }

    fn append(&mut self, other: &Self) {
        self.messages.end = other.messages.end;
        self.gas += other.gas;
        self.reward += other.reward;
        self.performance = performance(self.reward, self.gas);
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// True when trimming left nothing.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Drops messages from its end until it fits and does not cost the miner anything.
    pub fn trim(&mut self, sender: &Sender, base_fee: &TokenAmount, gas: Gas, messages: usize) {
        let base_fee = bounded(base_fee);
        while !self.is_empty()
            && (self.gas > gas || self.len() > messages || self.performance < 0.0)
        {
            self.messages.end -= 1;
            let Some(last) = sender.messages.get(self.messages.end) else {
                return;
            };
            self.gas -= last.terms.gas;
            self.reward -= last.terms.reward(base_fee);
            self.performance = performance(self.reward, self.gas);
        }
    }
}

/// Cuts a sender's executable messages into chains and appends them, best first, to `out`.
pub fn build(index: usize, sender: &Sender, base_fee: &TokenAmount, out: &mut Vec<Chain>) {
    let base_fee = bounded(base_fee);
    let first = out.len();
    for at in executable(sender) {
        let Some(message) = sender.messages.get(at) else {
            break;
        };
        let mut chain = Chain::single(index, at, message.terms.gas, message.terms.reward(base_fee));
        // Whatever is at least as good as what comes before it joins it, and maybe so on upwards.
        while out.len() > first
            && let Some(mut before) = out.pop_if(|b| chain.performance >= b.performance)
        {
            before.append(&chain);
            chain = before;
        }
        out.push(chain);
    }
    let count = out.len();
    for (k, chain) in out.iter_mut().enumerate().skip(first) {
        chain.previous = (k > first).then(|| k - 1);
        chain.next = (k + 1 < count).then_some(k + 1);
    }
}
