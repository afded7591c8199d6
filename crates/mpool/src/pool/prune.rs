//! Dropping the cheapest messages, and gossiping this node's own again.
//!
//! # Lotus parity
//! `pruneMessages` and `republishPendingMessages`.

use std::{collections::BTreeSet, sync::Arc};

use super::{Address, Fault, Pool, Pooled, Update};
use crate::{chains, rules, select};

/// Most messages gossiped again at once.
pub const REPUBLISH_LIMIT: usize = 30;

impl Pool {
    /// True when there are more messages than the limit.
    pub(crate) fn wants_pruning(&self) -> bool {
        self.pending.len() > self.config.size_limit_high
    }

    /// Drops the cheapest messages down to the low limit; never those of local or priority senders.
    /// Returns how many.
    pub(crate) fn prune(&mut self) -> Result<usize, Fault> {
        let snapshot = self.snapshot_of(&self.pending, &self.tipset)?;
        let bound = rules::fee_cap_bound(&snapshot.base_fee, rules::LOWER_BOUND_FACTOR);
        let is_safe = |key: &Address| self.local.contains(key) || snapshot.priority.contains(key);
        let (mut kept, mut all) = (0, Vec::new());
        let mut doomed = BTreeSet::new();
        for (k, sender) in snapshot.senders.iter().enumerate() {
            if is_safe(&sender.address) {
                kept += sender.messages.len();
                continue;
            }
            doomed.extend(sender.messages.iter().map(|m| (sender.address, m.nonce())));
            chains::build(k, sender, &bound, &mut all);
        }
        all.sort_by(|a, b| {
            b.performance
                .total_cmp(&a.performance)
                .then_with(|| b.reward.cmp(&a.reward))
        });
        for chain in all {
            let sender = &snapshot.senders[chain.sender];
            for message in &sender.messages[chain.messages.clone()] {
                if kept < self.config.size_limit_low {
                    doomed.remove(&(sender.address, message.nonce()));
                    kept += 1;
                }
            }
        }
        let dropped = doomed.len();
        for (sender, nonce) in doomed {
            if let Some(message) = self.pending.remove(&sender, nonce, false) {
                self.tell(Update::Removed(message.signed.clone()));
            }
        }
        Ok(dropped)
    }

    /// True once after one of the messages that were gossiped again came into a block.
    pub(crate) fn take_early_republish(&mut self) -> bool {
        std::mem::take(&mut self.republish_early)
    }

    /// Local messages to gossip again: the best that fit a block, each of which may hope for one.
    pub(crate) fn next_republished(&mut self) -> Result<Vec<Arc<Pooled>>, Fault> {
        let is_local = |sender: &Address| self.local.contains(sender);
        let mut snapshot = self.snapshot_where(&self.pending, &self.tipset, is_local)?;
        snapshot.priority.clear();
        let bound = rules::fee_cap_bound(&snapshot.base_fee, rules::LOWER_BOUND_FACTOR);
        for sender in &mut snapshot.senders {
            let hopeless = |m: &Arc<Pooled>| m.signed.message.gas_fee_cap < bound;
            let end = sender.messages.iter().position(hopeless);
            sender.messages.truncate(end.unwrap_or(usize::MAX));
        }
        snapshot.base_fee = bound;
        let mut chosen = select::select(&snapshot, 1.0);
        chosen.truncate(REPUBLISH_LIMIT);
        self.republished = chosen.iter().map(|m| m.cid).collect();
        self.republish_early = false;
        Ok(chosen)
    }
}
