//! What the pool knows of messages that are to be checked.
//!
//! # Lotus parity
//! `CheckMessages`, `CheckPendingMessages`, `CheckReplaceMessages`.

use std::collections::BTreeMap;

use lotus_rpc_api::types::mpool::{MessageCheckStatus, MessagePrototype};

use super::{Address, Fault, Message, Pool, TokenAmount};
use crate::checks::{self, Standing, Subject};

impl Pool {
    /// Checks messages that are to be sent after all that wait.
    pub(crate) fn check_messages(
        &self,
        messages: Vec<MessagePrototype>,
    ) -> Result<Vec<Vec<MessageCheckStatus>>, Fault> {
        let subjects: Vec<_> = messages
            .into_iter()
            .map(|prototype| Subject {
                message: prototype.message,
                fixed_nonce: prototype.valid_nonce,
            })
            .collect();
        self.check_all(&subjects, |pool, sender| pool.standing_after_all(sender))
    }

    /// Checks the waiting messages of a sender.
    pub(crate) fn check_pending(
        &self,
        sender: &Address,
    ) -> Result<Vec<Vec<MessageCheckStatus>>, Fault> {
        let key = self.chain.key_address(sender, &self.tipset)?;
        let Some(messages) = key.and_then(|key| self.pending.of(&key)) else {
            return Ok(Vec::new());
        };
        let subjects = messages.iter().map(|m| m.signed.message.clone());
        let subjects: Vec<_> = subjects.map(Subject::fixed).collect();
        self.check_all(&subjects, |pool, sender| pool.standing_on_chain(sender))
    }

    /// Checks what would wait if these messages took the place of the waiting ones with their nonces.
    pub(crate) fn check_replacing(
        &self,
        messages: Vec<Message>,
    ) -> Result<Vec<Vec<MessageCheckStatus>>, Fault> {
        let mut senders: BTreeMap<Address, BTreeMap<u64, Message>> = BTreeMap::new();
        for message in messages {
            let from = message.from;
            let key = self.chain.key_address(&from, &self.tipset)?;
            let key = key.unwrap_or(from);
            let waiting = senders.entry(key).or_insert_with(|| {
                let pooled = self.pending.of(&key).into_iter();
                let pooled = pooled.flat_map(|messages| messages.iter());
                pooled
                    .map(|m| (m.nonce(), m.signed.message.clone()))
                    .collect()
            });
            waiting.insert(message.nonce, message);
        }
        let subjects = senders.into_values().flat_map(BTreeMap::into_values);
        let subjects: Vec<_> = subjects.map(Subject::fixed).collect();
        self.check_all(&subjects, |pool, sender| pool.standing_on_chain(sender))
    }

    fn check_all(
        &self,
        subjects: &[Subject],
        standing: impl Fn(&Self, &Address) -> Result<Option<Standing>, Fault>,
    ) -> Result<Vec<Vec<MessageCheckStatus>>, Fault> {
        let mut senders: BTreeMap<Address, Option<Standing>> = BTreeMap::new();
        let base_fee = self.tipset.parent_base_fee();
        let mut all = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let from = subject.message.from;
            let known = match senders.entry(from) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(standing(self, &from)?)
                }
            };
            all.push(checks::check(subject, known.as_mut(), base_fee));
        }
        Ok(all)
    }

    /// Where a sender stands when none of its waiting messages count.
    fn standing_on_chain(&self, sender: &Address) -> Result<Option<Standing>, Fault> {
        if sender.is_undefined() {
            return Ok(None);
        }
        let account = self.chain.account(sender, &self.tipset)?;
        Ok(account.map(|account| Standing {
            next_nonce: account.nonce,
            required: TokenAmount::zero(),
            balance: account.balance,
        }))
    }

    /// Where a sender stands when all its waiting messages count.
    fn standing_after_all(&self, sender: &Address) -> Result<Option<Standing>, Fault> {
        let Some(mut standing) = self.standing_on_chain(sender)? else {
            return Ok(None);
        };
        let key = self.chain.key_address(sender, &self.tipset)?;
        if let Some(waiting) = key.and_then(|key| self.pending.of(&key)) {
            standing.next_nonce = waiting.next_nonce();
            let sums = waiting.iter().map(|m| &m.signed.message);
            standing.required = sums
                .map(|m| m.required_gas_funds() + m.value.clone())
                .fold(TokenAmount::zero(), |sum, one| sum + one);
        }
        Ok(Some(standing))
    }
}
