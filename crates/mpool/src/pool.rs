//! The pool itself: one value, owned by one task, that answers without waiting for anyone.
//!
//! # Lotus parity
//! `MessagePool`: admission (`addTs`), head changes, pruning, republishing, local messages under
//! `/mpool/local`. A local message that a block holds is forgotten on disk once the block is 20 epochs
//! deep; Lotus keeps it until a restart.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lotus_blockstore::MetadataStore;
use lotus_ports::network::Fault;
use lotus_types::{
    Address, ChainEpoch, Cid, Message, Signature, SignedMessage, Tipset, TokenAmount, wire,
};
use quick_cache::sync::Cache;
use tokio::sync::broadcast;

use crate::{
    AddError, ConfigError, MpoolConfig, PoolChain, Pooled, chains,
    chains::Sender,
    config,
    pending::{Admission, BlockEffects, MAX_PENDING, MAX_PENDING_UNTRUSTED, Pending, in_256ths},
    rules,
    select::{self, Snapshot},
};

const LOCAL_PREFIX: &str = "/mpool/local/";
const CONFIG_KEY: &str = "/mpool/config";
/// BLS signatures remembered, so that messages of reverted blocks can come back.
const BLS_SIGNATURES: usize = 40_000;
/// Updates that a listener may be behind.
const UPDATES: usize = 1024;
/// Depth at which a block's local messages are forgotten.
const LOCAL_CONFIDENCE: ChainEpoch = 20;
/// Most messages gossiped again at once.
pub const REPUBLISH_LIMIT: usize = 30;

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A client of this node: kept on disk and republished.
    Local,
    /// A client that is not trusted: as local, but few messages per sender.
    Untrusted,
    /// Another node.
    Gossip,
}

/// A change of the pool, as `MpoolSub` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// A message entered.
    Added(SignedMessage),
    /// A message left.
    Removed(SignedMessage),
}

/// What became of an admitted message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Its CID.
    pub cid: Cid,
    /// Gossip it now. False when its fee cap is so low that it has to wait, or when it came by gossip.
    pub publish: bool,
}

/// The pool.
#[derive(Debug)]
pub(crate) struct Pool {
    chain: Arc<dyn PoolChain>,
    meta: Arc<dyn MetadataStore>,
    config: MpoolConfig,
    tipset: Tipset,
    pending: Pending,
    /// Key addresses whose messages are republished and never pruned.
    local: BTreeSet<Address>,
    /// Messages of [`Pool::local`] senders that are on disk and in a block, by the block's height.
    included: BTreeMap<ChainEpoch, Vec<Cid>>,
    bls_signatures: Cache<Cid, Signature>,
    updates: broadcast::Sender<Update>,
}

impl Pool {
    /// Opens the pool on the present head with the local messages kept from before.
    pub(crate) fn open(
        chain: Arc<dyn PoolChain>,
        meta: Arc<dyn MetadataStore>,
    ) -> Result<Self, Fault> {
        let config = match meta.get(CONFIG_KEY)? {
            Some(text) => serde_json::from_slice(&text)?,
            None => MpoolConfig::default(),
        };
        let mut pool = Self {
            tipset: chain.head()?,
            chain,
            meta,
            config,
            pending: Pending::default(),
            local: BTreeSet::new(),
            included: BTreeMap::new(),
            bls_signatures: Cache::new(BLS_SIGNATURES),
            updates: broadcast::Sender::new(UPDATES),
        };
        pool.load_local()?;
        Ok(pool)
    }

    fn load_local(&mut self) -> Result<(), Fault> {
        let mut stored: Vec<(String, SignedMessage)> = Vec::new();
        for (key, bytes) in self.meta.list(LOCAL_PREFIX)? {
            match wire::from_cbor(&bytes) {
                Ok(message) => stored.push((key, message)),
                Err(error) => tracing::warn!(key, %error, "stored local message is unreadable"),
            }
        }
        stored.sort_by_key(|(_, message)| message.message.nonce);
        for (key, message) in stored {
            let from = message.message.from;
            match self.admit(message, Source::Local) {
                Ok(_) => {}
                Err(AddError::Fault(fault)) => return Err(fault),
                Err(AddError::NonceTooLow { .. }) => self.meta.remove(&key)?,
                Err(error) => tracing::warn!(%from, key, %error, "stored local message refused"),
            }
        }
        Ok(())
    }

    /// The settings.
    pub(crate) fn config(&self) -> &MpoolConfig {
        &self.config
    }

    /// Changes the settings, durably.
    pub(crate) fn set_config(&mut self, config: MpoolConfig) -> Result<(), SetConfigError> {
        config::validate(&config)?;
        let text = serde_json::to_vec(&config).map_err(|e| SetConfigError::Fault(e.into()))?;
        self.meta
            .set(CONFIG_KEY, &text)
            .map_err(|e| SetConfigError::Fault(e.into()))?;
        self.config = config;
        Ok(())
    }

    /// The tipset that the pool stands on.
    pub(crate) fn tipset(&self) -> &Tipset {
        &self.tipset
    }

    /// All messages.
    pub(crate) fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Changes from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Update> {
        self.updates.subscribe()
    }

    /// The next free nonce of a sender, pooled messages counted; `None` when there is no such actor.
    pub(crate) fn next_nonce(&self, of: &Address) -> Result<Option<u64>, Fault> {
        let on_chain = self
            .chain
            .account(of, &self.tipset)?
            .map(|account| account.nonce);
        let Some(key) = self.chain.key_address(of, &self.tipset)? else {
            return Ok(on_chain);
        };
        let pooled = self.pending.of(&key).map(|messages| messages.next_nonce());
        Ok(on_chain.map(|nonce| pooled.map_or(nonce, |pooled| pooled.max(nonce))))
    }

    /// Takes a message whose form and signature were checked ([`rules`]).
    pub(crate) fn add(&mut self, message: SignedMessage, from: Source) -> Result<Added, AddError> {
        let full = self.config.size_limit_high.saturating_mul(2);
        if from == Source::Gossip && self.pending.len() >= full {
            return Err(AddError::Full);
        }
        let kept = (from != Source::Gossip).then(|| wire::to_cbor(&message));
        let added = self.admit(message, from)?;
        if let Some(bytes) = kept {
            let stored = self.meta.set(&local_key(&added.cid), &bytes);
            stored.map_err(|e| AddError::Fault(e.into()))?;
        }
        Ok(added)
    }

    fn admit(&mut self, message: SignedMessage, from: Source) -> Result<Added, AddError> {
        let sender = message.message.from;
        let unknown = || AddError::UnknownSender { sender };
        let account = self
            .chain
            .account(&sender, &self.tipset)
            .map_err(AddError::Fault)?;
        let account = account.ok_or_else(unknown)?;
        let key = self
            .chain
            .key_address(&sender, &self.tipset)
            .map_err(AddError::Fault)?;
        let key = key.ok_or_else(unknown)?;
        let got = message.message.nonce;
        if got < account.nonce {
            return Err(AddError::NonceTooLow {
                got,
                next: account.nonce,
            });
        }
        let local = from != Source::Gossip;
        let publish = self.check_fee_cap(&message.message, local)? && local;
        self.check_funds(&message.message, &key, &account.balance)?;
        let how = Admission {
            strict: !local || from == Source::Untrusted,
            max_pending: match from {
                Source::Untrusted => MAX_PENDING_UNTRUSTED,
                Source::Local | Source::Gossip => MAX_PENDING,
            },
            replace_256ths: in_256ths(self.config.replace_by_fee_ratio),
        };
        let pooled = Pooled::new(message);
        self.insert(key, account.nonce, Arc::clone(&pooled), how)?;
        // A gossiped block names its messages only: from here they can be had without asking peers.
        self.chain
            .put_message(&pooled.signed)
            .map_err(AddError::Fault)?;
        if local {
            self.local.insert(key);
        }
        Ok(Added {
            cid: pooled.cid,
            publish,
        })
    }

    fn insert(
        &mut self,
        key: Address,
        chain_nonce: u64,
        message: Arc<Pooled>,
        how: Admission,
    ) -> Result<(), AddError> {
        let replaced = self
            .pending
            .add(key, chain_nonce, Arc::clone(&message), how)?;
        let signed = &message.signed;
        if message.cid == signed.message.cid() {
            self.bls_signatures
                .insert(message.cid, signed.signature.clone());
        }
        if let Some(old) = replaced {
            self.forget_local(&old.cid);
            self.tell(Update::Removed(old.signed.clone()));
        }
        self.tell(Update::Added(signed.clone()));
        Ok(())
    }

    /// True when the message may hope for a block soon. One of another node that may not is refused;
    /// one of this node waits for the base fee to fall.
    fn check_fee_cap(&self, message: &Message, local: bool) -> Result<bool, AddError> {
        let base_fee = self.tipset.parent_base_fee();
        let bound = rules::fee_cap_bound(base_fee, rules::LOWER_BOUND_FACTOR_ADMISSION);
        let enough = message.gas_fee_cap >= bound;
        if !enough && !local {
            let fee_cap = message.gas_fee_cap.clone();
            return Err(AddError::BelowBaseFee { fee_cap, bound });
        }
        Ok(enough)
    }

    fn check_funds(
        &self,
        message: &Message,
        key: &Address,
        balance: &TokenAmount,
    ) -> Result<(), AddError> {
        let required = message.required_gas_funds();
        let balance = balance.clone();
        if balance < required {
            return Err(AddError::NotEnoughFunds { required, balance });
        }
        let others = self
            .pending
            .of(key)
            .map(|pooled| pooled.required_beside(message.nonce));
        let required = required + others.unwrap_or_default();
        if balance < required {
            return Err(AddError::NotEnoughFundsForAll { required, balance });
        }
        Ok(())
    }

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
        self.forget_included(self.tipset.height() - LOCAL_CONFIDENCE);
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
        self.tell(Update::Removed(done.signed.clone()));
    }

    fn effects(&self, reverted: &[Tipset], applied: &[Tipset]) -> Result<BlockEffects, Fault> {
        let mut effects = BlockEffects::default();
        for tipset in reverted {
            let messages = self.chain.messages(tipset)?;
            let recovered = messages.bls.into_iter().filter_map(|message| {
                let signature = self.bls_signatures.get(&message.cid())?;
                Some(SignedMessage { message, signature })
            });
            for signed in recovered.chain(messages.secpk) {
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

    fn snapshot_of(&self, pending: &Pending, target: &Tipset) -> Result<Snapshot, Fault> {
        let mut snapshot = Snapshot {
            base_fee: self.chain.next_base_fee(target)?,
            ..Snapshot::default()
        };
        for (address, messages) in pending.senders() {
            let Some(account) = self.chain.account(address, target)? else {
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

    /// Local messages to gossip again: the best that fit a block, each of which may hope for one.
    pub(crate) fn to_republish(&self) -> Result<Vec<Arc<Pooled>>, Fault> {
        let mut snapshot = self.snapshot_of(&self.pending, &self.tipset)?;
        snapshot
            .senders
            .retain(|sender| self.local.contains(&sender.address));
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
        Ok(chosen)
    }

    /// Empties the pool: of others' messages, and with `local` of this node's, too.
    pub(crate) fn clear(&mut self, local: bool) -> Result<(), Fault> {
        let senders: Vec<_> = self.pending.senders().map(|(key, _)| *key).collect();
        for key in senders
            .iter()
            .filter(|key| local || !self.local.contains(*key))
        {
            for message in self
                .pending
                .remove_sender(key)
                .iter()
                .flat_map(|m| m.iter())
            {
                self.tell(Update::Removed(message.signed.clone()));
            }
        }
        if local {
            self.local.clear();
            self.included.clear();
            for (key, _) in self.meta.list(LOCAL_PREFIX)? {
                self.meta.remove(&key)?;
            }
        }
        Ok(())
    }

    fn forget_included(&mut self, below: ChainEpoch) {
        let recent = self.included.split_off(&below);
        let deep = std::mem::replace(&mut self.included, recent);
        for cid in deep.into_values().flatten() {
            // A message that a reorganisation brought back is still wanted.
            if !self.pending.iter().any(|pooled| pooled.cid == cid) {
                self.forget_local(&cid);
            }
        }
    }

    fn forget_local(&self, cid: &Cid) {
        if let Err(error) = self.meta.remove(&local_key(cid)) {
            tracing::warn!(%cid, %error, "cannot forget a local message");
        }
    }

    fn tell(&self, update: Update) {
        // Nobody may be listening.
        let _ = self.updates.send(update);
    }
}

/// Why settings were not taken.
#[derive(Debug)]
pub(crate) enum SetConfigError {
    Config(ConfigError),
    Fault(Fault),
}

impl From<ConfigError> for SetConfigError {
    fn from(e: ConfigError) -> Self {
        Self::Config(e)
    }
}

fn local_key(cid: &Cid) -> String {
    format!("{LOCAL_PREFIX}{cid}")
}

#[cfg(test)]
mod tests;
