//! Which messages go into a block.
//!
//! A pure function: the same [`Snapshot`] gives the same selection, in the same order.
//!
//! # Lotus parity
//! `SelectMessages`: with a good ticket (quality above 0.84) the best chains are taken greedily; with a
//! worse one they are weighed by how likely this block is the first to hold them, and a chain is
//! reckoned together with those of its sender that must come before it. Lotus fills what room is left
//! with chains drawn at random; here nothing worth taking is left by then, so there is nothing to
//! draw.

use std::{cmp::Ordering, collections::BinaryHeap, sync::Arc};

use lotus_consensus::messages::inclusion_gas;
use lotus_networks::policy::{BLOCK_GAS_LIMIT, BLOCK_MESSAGE_LIMIT};
use lotus_types::{Address, Gas, TokenAmount};

use crate::{
    Pooled,
    chains::{self, Chain, Sender},
    odds::{MAX_BLOCKS, block_probabilities},
};

/// Above this ticket quality selection is greedy.
pub const GREEDY_ABOVE: f64 = 0.84;

/// Less gas than any message needs: with so little left a block is full.
const MIN_GAS: Gas = inclusion_gas(64);

/// Everything that selection looks at.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Senders with messages, each once.
    pub senders: Vec<Sender>,
    /// Base fee of the block, attoFIL per gas.
    pub base_fee: TokenAmount,
    /// Senders that go first.
    pub priority: Vec<Address>,
}

/// Selects for a ticket of this quality: 0 (worst) to 1 (best).
pub fn select(snapshot: &Snapshot, ticket_quality: f64) -> Vec<Arc<Pooled>> {
    let mut block = Block::default();
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for (k, sender) in snapshot.senders.iter().enumerate() {
        let chains = if snapshot.priority.contains(&sender.address) {
            &mut first
        } else {
            &mut rest
        };
        chains::build(k, sender, &snapshot.base_fee, chains);
    }
    Packing::greedy(snapshot, first).fill(&mut block);
    // A quality that is no number counts as the worst.
    if ticket_quality > GREEDY_ABOVE {
        Packing::greedy(snapshot, rest).fill(&mut block);
    } else {
        Packing::by_odds(snapshot, rest, ticket_quality).fill(&mut block);
    }
    block.messages
}

/// A block being filled.
#[derive(Debug)]
struct Block {
    gas_left: Gas,
    messages_left: usize,
    messages: Vec<Arc<Pooled>>,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            gas_left: BLOCK_GAS_LIMIT,
            messages_left: BLOCK_MESSAGE_LIMIT,
            messages: Vec::new(),
        }
    }
}

/// What the order of chains is decided by.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// Performance, weighed by odds and by the chains that must come first.
    effective: f64,
    /// Odds of the block's worth that the chain falls into.
    odds: f64,
    /// In the block, or can never be.
    settled: bool,
    /// Raised whenever the standing changes: older entries in the queue are void.
    version: u32,
}

/// An entry of the queue: a chain as it stood at some time.
#[derive(Debug)]
struct Candidate {
    chain: usize,
    version: u32,
    effective: f64,
    performance: f64,
    reward: i128,
}

impl Ord for Candidate {
    /// Greater is taken earlier.
    fn cmp(&self, other: &Self) -> Ordering {
        let pays = |c: &Self| c.performance >= 0.0;
        (pays(self).cmp(&pays(other)))
            .then_with(|| self.effective.total_cmp(&other.effective))
            .then_with(|| self.performance.total_cmp(&other.performance))
            .then_with(|| self.reward.cmp(&other.reward))
            // Snapshots list senders in a fixed order, and chains lie in the order of senders.
            .then_with(|| other.chain.cmp(&self.chain))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

struct Packing<'a> {
    snapshot: &'a Snapshot,
    /// A chain is reckoned together with those of its sender that must come before it. Needless
    /// when no odds are involved: the better chain of a sender is the earlier one.
    linked: bool,
    chains: Vec<Chain>,
    standings: Vec<Standing>,
}

impl<'a> Packing<'a> {
    fn greedy(snapshot: &'a Snapshot, chains: Vec<Chain>) -> Self {
        let standing = |chain: &Chain| Standing {
            effective: chain.performance,
            odds: 1.0,
            ..Standing::default()
        };
        Self {
            standings: chains.iter().map(standing).collect(),
            snapshot,
            linked: false,
            chains,
        }
    }

    fn by_odds(snapshot: &'a Snapshot, chains: Vec<Chain>, ticket_quality: f64) -> Self {
        let quality = if ticket_quality.is_nan() {
            0.0
        } else {
            ticket_quality
        };
        let odds = block_probabilities(quality);
        let standings = vec![Standing::default(); chains.len()];
        let mut packing = Self {
            snapshot,
            linked: true,
            chains,
            standings,
        };
        for (chain, block) in packing.partition() {
            packing.standings[chain].odds = odds[block];
        }
        // In the order of the sender's chains: each builds on the one before it.
        for chain in 0..packing.chains.len() {
            packing.weigh(chain);
        }
        packing
    }

    /// The blocks that the chains would fill if all producers took the best first: chain and block.
    fn partition(&self) -> Vec<(usize, usize)> {
        let mut order: Vec<usize> = (0..self.chains.len()).collect();
        order.sort_by(|a, b| {
            let (x, y) = (&self.chains[*a], &self.chains[*b]);
            let best_first = y.performance.total_cmp(&x.performance);
            best_first
                .then_with(|| y.reward.cmp(&x.reward))
                .then_with(|| a.cmp(b))
        });
        let (mut block, mut gas, mut messages) = (0, BLOCK_GAS_LIMIT, BLOCK_MESSAGE_LIMIT);
        let mut out = Vec::with_capacity(order.len());
        for chain in order {
            if block >= MAX_BLOCKS {
                break;
            }
            out.push((chain, block));
            gas = gas.saturating_sub(self.chains[chain].gas);
            messages = messages.saturating_sub(self.chains[chain].len());
            if gas < MIN_GAS || messages == 0 {
                (block, gas, messages) = (block + 1, BLOCK_GAS_LIMIT, BLOCK_MESSAGE_LIMIT);
            }
        }
        out
    }

    /// Works out a chain's effective performance from its own and its predecessor's.
    fn weigh(&mut self, chain: usize) {
        let (this, odds) = (&self.chains[chain], self.standings[chain].odds);
        let mut effective = this.performance * odds;
        if self.linked
            && effective > 0.0
            && let Some(previous) = this.previous.filter(|k| !self.standings[*k].settled)
        {
            let (gas, before) = (this.gas as f64, self.chains[previous].gas as f64);
            let weighed = effective * gas + self.standings[previous].effective * before;
            effective = weighed / (gas + before).max(1.0);
        }
        self.standings[chain].effective = effective;
    }

    fn candidate(&self, chain: usize) -> Candidate {
        let (this, standing) = (&self.chains[chain], &self.standings[chain]);
        Candidate {
            chain,
            version: standing.version,
            effective: standing.effective,
            performance: this.performance,
            reward: this.reward,
        }
    }

    /// Takes chains, best first, until the block is full or nothing worth taking is left.
    fn fill(mut self, block: &mut Block) {
        let all = 0..self.chains.len();
        let mut queue: BinaryHeap<_> = all.map(|chain| self.candidate(chain)).collect();
        while block.gas_left >= MIN_GAS
            && block.messages_left > 0
            && let Some(candidate) = queue.pop()
        {
            let chain = candidate.chain;
            let standing = &self.standings[chain];
            if standing.settled || standing.version != candidate.version {
                continue;
            }
            // The best is not worth taking.
            if candidate.performance < 0.0 {
                break;
            }
            if self.try_take(chain, block) {
                for changed in self.raise_successors(chain) {
                    queue.push(self.candidate(changed));
                }
            } else if !self.standings[chain].settled {
                queue.push(self.candidate(chain));
            }
        }
    }

    /// Takes a chain and what must come before it. When that does not fit, the chain is trimmed, or
    /// settled when nothing of it can ever fit.
    fn try_take(&mut self, chain: usize, block: &mut Block) -> bool {
        let mut needed = vec![];
        let (mut gas, mut messages) = (0, 0);
        let mut at = self.chains[chain].previous;
        while let Some(before) = at.filter(|k| !self.standings[*k].settled) {
            gas += self.chains[before].gas;
            messages += self.chains[before].len();
            needed.push(before);
            at = self.chains[before].previous;
        }
        let this = &self.chains[chain];
        let fits = gas + this.gas <= block.gas_left && messages + this.len() <= block.messages_left;
        if !fits {
            self.cut(
                chain,
                block.gas_left - gas,
                block.messages_left.saturating_sub(messages),
            );
            return false;
        }
        needed.reverse();
        needed.push(chain);
        for taken in needed {
            self.standings[taken].settled = true;
            let this = &self.chains[taken];
            let messages = &self.snapshot.senders[this.sender].messages;
            block
                .messages
                .extend(messages[this.messages.clone()].iter().cloned());
            block.gas_left -= this.gas;
            block.messages_left -= this.len();
        }
        true
    }

    /// Trims a chain; what comes after it can then not be included any more.
    fn cut(&mut self, chain: usize, gas: Gas, messages: usize) {
        let this = &mut self.chains[chain];
        this.trim(
            &self.snapshot.senders[this.sender],
            &self.snapshot.base_fee,
            gas,
            messages,
        );
        if this.is_empty() {
            self.standings[chain].settled = true;
        } else {
            self.weigh(chain);
            self.standings[chain].version += 1;
        }
        let mut after = self.chains[chain].next.take();
        while let Some(next) = after {
            self.standings[next].settled = true;
            after = self.chains[next].next.take();
        }
    }

    /// Once a chain is in, the next one of its sender no longer carries its weight; gives the chains
    /// whose standing changed by that.
    fn raise_successors(&mut self, chain: usize) -> Vec<usize> {
        let mut changed = Vec::new();
        let mut at = self.chains[chain].next.filter(|_| self.linked);
        while let Some(next) = at.filter(|k| self.standings[*k].effective > 0.0) {
            self.weigh(next);
            self.standings[next].version += 1;
            changed.push(next);
            at = self.chains[next].next;
        }
        changed
    }
}

#[cfg(test)]
mod tests;
