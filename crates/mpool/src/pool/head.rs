//! Following the chain, and seeing the pool as another tipset does.
//!
//! # Invariants
//! - A change of head is worked out whole before anything is changed: when the chain cannot be read, the
//!   pool stays as it was and catches up at the next change.
//!
//! # Lotus parity
//! `HeadChange`, `runHeadChange`, `getPendingMessages`.

use std::collections::HashSet;

use super::{
    Address, Admission, Cid, Fault, Pending, Pool, Pooled, SignedMessage, Tipset, Update, local,
};
use crate::{chains::Sender, pending::BlockEffects, select::Snapshot};

impl Pool {
    /// Follows the chain to its present head. A fault leaves the pool as it was; the next call
    /// catches up.
    pub(crate) fn follow_head(&mut self) -> Result<(), Fault> {
        let head = self.chain.head()?;
        if head == self.tipset {
            return Ok(());
        }
        let (reverted, applied) = self.chain.path(&self.tipset, &head)?;
        let effects = self.effects(&reverted, &applied)?;
        let on_chain = effects.applied().to_vec();
        let mut returning = Vec::new();
        for (key, message) in effects.into_returning() {
            let account = self.chain.account(&key, &head)?.unwrap_or_default();
            if message.message.nonce >= account.nonce {
                returning.push((key, account.nonce, message));
            }
        }
        self.tipset = head;
        for (sender, nonce) in on_chain {
            self.included(&sender, nonce);
        }
        let lenient = Admission::lenient(self.config.replace_by_fee_ratio);
        for (key, nonce, message) in returning {
            let cid = message.cid();
            if let Err(error) = self.insert(key, nonce, Pooled::new(message), lenient) {
                tracing::debug!(%cid, %error, "message of a reverted block does not come back");
            }
        }
        self.forget_included(self.tipset.height() - local::CONFIDENCE);
        Ok(())
    }

    /// A block has the message with this nonce.
    fn included(&mut self, sender: &Address, nonce: u64) {
        let Some(done) = self.pending.remove(sender, nonce, true) else {
            return;
        };
        if self.local.contains(sender) {
            self.included
                .entry(self.tipset.height())
                .or_default()
                .push(done.cid);
        }
        self.republish_early |= self.republished.contains(&done.cid);
        self.tell(Update::Removed(done.signed.clone()));
    }

    /// The messages of a tipset with their signatures; BLS ones whose signature is not remembered are
    /// left out, since a block keeps only the aggregate.
    fn signed_messages(
        &self,
        tipset: &Tipset,
    ) -> Result<impl Iterator<Item = SignedMessage>, Fault> {
        let messages = self.chain.messages(tipset)?;
        let recovered = messages.bls.into_iter().filter_map(|message| {
            let signature = self.bls_signatures.get(&message.cid())?;
            Some(SignedMessage { message, signature })
        });
        Ok(recovered.chain(messages.secpk))
    }

    fn effects(&self, reverted: &[Tipset], applied: &[Tipset]) -> Result<BlockEffects, Fault> {
        let mut effects = BlockEffects::default();
        for tipset in reverted {
            for signed in self.signed_messages(tipset)? {
                let from = signed.message.from;
                if let Some(key) = self.chain.key_address(&from, tipset)? {
                    effects.revert(key, signed);
                }
            }
        }
        for tipset in applied {
            let messages = self.chain.messages(tipset)?;
            let all = messages
                .bls
                .iter()
                .chain(messages.secpk.iter().map(|m| &m.message));
            for message in all {
                if let Some(key) = self.chain.key_address(&message.from, tipset)? {
                    effects.apply(key, message.nonce);
                }
            }
        }
        Ok(effects)
    }

    /// What selection for a block on top of `target` looks at.
    pub(crate) fn snapshot(&self, target: &Tipset) -> Result<Snapshot, Fault> {
        if *target == self.tipset {
            return self.snapshot_of(&self.pending, target);
        }
        let (reverted, applied) = self.chain.path(&self.tipset, target)?;
        let effects = self.effects(&reverted, &applied)?;
        let mut pending = self.pending.clone();
        for (sender, nonce) in effects.applied() {
            pending.remove(sender, *nonce, true);
        }
        let lenient = Admission::lenient(self.config.replace_by_fee_ratio);
        for (key, message) in effects.into_returning() {
            let nonce = message.message.nonce;
            // A message that another one has replaced stays out.
            let _ = pending.add(key, nonce, Pooled::new(message), lenient);
        }
        self.snapshot_of(&pending, target)
    }

    /// What selection looks at, with these messages.
    pub(super) fn snapshot_of(
        &self,
        pending: &Pending,
        target: &Tipset,
    ) -> Result<Snapshot, Fault> {
        self.snapshot_where(pending, target, |_| true)
    }

    /// The same, with the messages of some senders only.
    pub(super) fn snapshot_where(
        &self,
        pending: &Pending,
        target: &Tipset,
        wanted: impl Fn(&Address) -> bool,
    ) -> Result<Snapshot, Fault> {
        let mut snapshot = Snapshot {
            base_fee: self.chain.next_base_fee(target)?,
            ..Snapshot::default()
        };
        let chosen = || pending.senders().filter(|(address, _)| wanted(address));
        let addresses: Vec<_> = chosen().map(|(address, _)| *address).collect();
        let accounts = self.chain.accounts(&addresses, target)?;
        for ((address, messages), account) in chosen().zip(accounts) {
            let Some(account) = account else {
                continue;
            };
            snapshot.senders.push(Sender {
                address: *address,
                nonce: account.nonce,
                balance: account.balance,
                messages: messages.iter().cloned().collect(),
            });
        }
        for address in &self.config.priority_addrs {
            snapshot
                .priority
                .extend(self.chain.key_address(address, target)?);
        }
        Ok(snapshot)
    }

    /// The pending messages as `target` sees them: with those of its blocks that the pool, behind it or
    /// on another fork, does not know as included.
    ///
    /// # Lotus parity
    /// `MpoolPending`: a tipset below the pool's own gives just the pool.
    pub(crate) fn pending_at(&self, target: &Tipset) -> Result<Vec<SignedMessage>, Fault> {
        let mut list: Vec<_> = self.pending.iter().map(|m| m.signed.clone()).collect();
        let height = self.tipset.height();
        if *target == self.tipset || target.height() < height {
            return Ok(list);
        }
        let mut known: HashSet<Cid> = self.pending.iter().map(|m| m.cid).collect();
        let (_, applied) = self.chain.path(&self.tipset, target)?;
        for tipset in applied.iter().rev().filter(|t| t.height() >= height) {
            if tipset.height() == height {
                known.extend(self.signed_messages(&self.tipset)?.map(|m| m.cid()));
            }
            for message in self.signed_messages(tipset)? {
                if known.insert(message.cid()) {
                    list.push(message);
                }
            }
        }
        Ok(list)
    }
}
