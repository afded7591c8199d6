//! Messages per sender, and how blocks change them.
//!
//! # Lotus parity
//! `msgSet` and `runHeadChange` of `chain/messagepool`. Lotus lists the pool in the order of a Go map;
//! here it is by sender, then nonce.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use lotus_types::{Address, Cid, Gas, SignedMessage, TokenAmount};
use num_bigint::BigInt;

use crate::{AddError, terms::Terms};

/// How far beyond the next nonce a message of another node may be. One of a client that is not trusted
/// may not be beyond it at all.
pub const MAX_NONCE_GAP: u64 = 4;
/// Most waiting messages of one sender, whoever brings them.
pub const MAX_PENDING: usize = 1000;
/// The same for messages pushed by clients that are not trusted.
pub const MAX_PENDING_UNTRUSTED: usize = 10;

/// A pooled message with what is asked of it again and again.
#[derive(Debug, PartialEq, Eq)]
pub struct Pooled {
    /// The message.
    pub signed: SignedMessage,
    /// Its CID ([`SignedMessage::cid`]).
    pub cid: Cid,
    /// Least gas that it must pay for being on chain.
    pub inclusion_gas: Gas,
    /// What it offers.
    pub(crate) terms: Terms,
}

impl Pooled {
    /// Prepares a message.
    pub fn new(signed: SignedMessage) -> Arc<Self> {
        let inclusion_gas = lotus_consensus::messages::inclusion_gas(signed.chain_length());
        Arc::new(Self {
            cid: signed.cid(),
            terms: Terms::of(&signed.message),
            signed,
            inclusion_gas,
        })
    }

    /// Its nonce.
    pub fn nonce(&self) -> u64 {
        self.signed.message.nonce
    }
}

/// How strictly a message is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// How far beyond the sender's next nonce it may be, and that it replaces nothing after a gap;
    /// `None`: both do not matter.
    pub max_gap: Option<u64>,
    /// Most waiting messages of the sender; `None`: any number.
    pub max_pending: Option<usize>,
    /// Ratio of replacement, in 1/256.
    pub replace_256ths: i64,
}

impl Admission {
    /// For messages that come back from reverted blocks.
    pub(crate) fn lenient(ratio: f64) -> Self {
        Self {
            max_gap: None,
            max_pending: None,
            replace_256ths: in_256ths(ratio),
        }
    }
}

/// A ratio in 1/256, rounded down.
pub fn in_256ths(ratio: f64) -> i64 {
    (ratio * 256.0) as i64
}

/// One sender's messages.
#[derive(Debug, Clone, Default)]
pub struct SenderMessages {
    messages: BTreeMap<u64, Arc<Pooled>>,
    next_nonce: u64,
    /// Gas funds of all.
    required: TokenAmount,
}

impl SenderMessages {
    /// None, with the chain's next nonce.
    pub fn starting_at(next_nonce: u64) -> Self {
        Self {
            next_nonce,
            ..Self::default()
        }
    }

    /// The messages by nonce.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Pooled>> {
        self.messages.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The first nonce that neither chain nor pool has used.
    pub fn next_nonce(&self) -> u64 {
        self.next_nonce
    }

    /// Gas funds of all messages but the one with `nonce`.
    pub fn required_beside(&self, nonce: u64) -> TokenAmount {
        match self.messages.get(&nonce) {
            Some(same) => &self.required - &same.signed.message.required_gas_funds(),
            None => self.required.clone(),
        }
    }

    /// Takes a message, maybe in place of another; gives the replaced one.
    ///
    /// # Errors
    /// [`AddError`] on nonce gaps, replacement and number.
    pub fn add(
        &mut self,
        message: Arc<Pooled>,
        how: Admission,
    ) -> Result<Option<Arc<Pooled>>, AddError> {
        let nonce = message.nonce();
        let (got, next) = (nonce, self.next_nonce);
        if how
            .max_gap
            .is_some_and(|gap| nonce > next.saturating_add(gap))
        {
            return Err(AddError::NonceGap { got, next });
        }
        match self.messages.get(&nonce) {
            Some(_) if how.max_gap.is_some() && nonce > next => {
                return Err(AddError::ReplaceAfterGap { got, next });
            }
            Some(old) => may_replace(old, &message, how.replace_256ths)?,
            None if how.max_pending.is_some_and(|n| self.messages.len() >= n) => {
                return Err(AddError::TooManyPending);
            }
            None => {}
        }
        self.required += &message.signed.message.required_gas_funds();
        let replaced = self.messages.insert(nonce, message);
        if let Some(old) = &replaced {
            self.required -= &old.signed.message.required_gas_funds();
        }
        self.close_gaps();
        Ok(replaced)
    }

    /// Takes a message out, because a block has it (`applied`) or because it is not wanted.
    pub fn remove(&mut self, nonce: u64, applied: bool) -> Option<Arc<Pooled>> {
        let removed = self.messages.remove(&nonce);
        if let Some(message) = &removed {
            self.required -= &message.signed.message.required_gas_funds();
        }
        if applied {
            self.next_nonce = self.next_nonce.max(nonce.saturating_add(1));
            self.close_gaps();
        } else {
            // What comes after it waits for the gap to be filled.
            self.next_nonce = self.next_nonce.min(nonce);
        }
        removed
    }

    fn close_gaps(&mut self) {
        while self.messages.contains_key(&self.next_nonce) {
            self.next_nonce = self.next_nonce.saturating_add(1);
        }
    }
}

/// The least premium that replaces `premium`, in attoFIL.
pub fn least_replacing_premium(premium: &TokenAmount, ratio_256ths: i64) -> BigInt {
    premium.atto() * ratio_256ths / 256 + 1
}

fn may_replace(old: &Pooled, new: &Pooled, ratio_256ths: i64) -> Result<(), AddError> {
    let (sender, nonce) = (new.signed.message.from, new.nonce());
    if old.cid == new.cid {
        return Err(AddError::Exists { sender, nonce });
    }
    let needed = least_replacing_premium(&old.signed.message.gas_premium, ratio_256ths);
    let got = new.signed.message.gas_premium.atto();
    if *got < needed {
        let (needed, got) = (Box::new(needed), Box::new(got.clone()));
        return Err(AddError::ReplacementTooCheap {
            sender,
            nonce,
            needed,
            got,
        });
    }
    Ok(())
}

/// All waiting messages, by the senders' key addresses.
#[derive(Debug, Clone, Default)]
pub struct Pending {
    senders: BTreeMap<Address, SenderMessages>,
    count: usize,
}

impl Pending {
    /// How many messages in all.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One sender's messages.
    pub fn of(&self, sender: &Address) -> Option<&SenderMessages> {
        self.senders.get(sender)
    }

    /// All senders with their messages.
    pub fn senders(&self) -> impl Iterator<Item = (&Address, &SenderMessages)> {
        self.senders.iter()
    }

    /// All messages, by sender and nonce.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Pooled>> {
        self.senders.values().flat_map(SenderMessages::iter)
    }

    /// Takes a message of `sender`, whose next nonce on chain is `chain_nonce`.
    ///
    /// # Errors
    /// As [`SenderMessages::add`].
    pub fn add(
        &mut self,
        sender: Address,
        chain_nonce: u64,
        message: Arc<Pooled>,
        how: Admission,
    ) -> Result<Option<Arc<Pooled>>, AddError> {
        let known = self.senders.contains_key(&sender);
        let messages = self
            .senders
            .entry(sender)
            .or_insert_with(|| SenderMessages::starting_at(chain_nonce));
        let added = messages.add(message, how);
        match &added {
            Ok(None) => self.count += 1,
            Ok(Some(_)) => {}
            Err(_) if !known => drop(self.senders.remove(&sender)),
            Err(_) => {}
        }
        added
    }

    /// Takes a message out; see [`SenderMessages::remove`].
    pub fn remove(&mut self, sender: &Address, nonce: u64, applied: bool) -> Option<Arc<Pooled>> {
        let messages = self.senders.get_mut(sender)?;
        let removed = messages.remove(nonce, applied);
        if removed.is_some() {
            self.count -= 1;
        }
        if messages.is_empty() {
            self.senders.remove(sender);
        }
        removed
    }

    /// Forgets all messages of a sender.
    pub fn remove_sender(&mut self, sender: &Address) -> Option<SenderMessages> {
        let removed = self.senders.remove(sender)?;
        self.count -= removed.len();
        Some(removed)
    }
}

/// What a change of head does to the pool: worked out over all reverted and applied blocks first, so
/// that a message in both stays untouched.
#[derive(Debug, Default)]
pub struct BlockEffects {
    returning: HashMap<(Address, u64), SignedMessage>,
    applied: Vec<(Address, u64)>,
    seen: HashSet<(Address, u64)>,
}

impl BlockEffects {
    /// A message of a block that left the chain.
    pub fn revert(&mut self, sender: Address, message: SignedMessage) {
        self.returning
            .insert((sender, message.message.nonce), message);
    }

    /// A message of a block that entered the chain.
    pub fn apply(&mut self, sender: Address, nonce: u64) {
        self.returning.remove(&(sender, nonce));
        if self.seen.insert((sender, nonce)) {
            self.applied.push((sender, nonce));
        }
    }

    /// Sender and nonce of what is on chain now.
    pub fn applied(&self) -> &[(Address, u64)] {
        &self.applied
    }

    /// What is no longer on chain, by sender and nonce.
    pub fn into_returning(self) -> Vec<(Address, SignedMessage)> {
        let mut list: Vec<_> = self.returning.into_iter().collect();
        list.sort_by_key(|(key, _)| *key);
        list.into_iter()
            .map(|((sender, _), message)| (sender, message))
            .collect()
    }
}
