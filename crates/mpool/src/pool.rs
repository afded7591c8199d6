//! The pool itself: one value, owned by one task, that answers without waiting for anyone.
//!
//! | module | what it holds |
//! |---|---|
//! | this | settings, admission, nonces |
//! | [`head`] | following the chain; the pool as another tipset sees it |
//! | [`local`] | messages of this node's clients on disk |
//! | [`prune`] | dropping the cheapest, gossiping the own again |
//! | [`check`] | what the pool knows of messages that are to be checked |
//!
//! # Lotus parity
//! `MessagePool` (`addTs` for admission).

mod check;
mod head;
mod local;
mod prune;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use lotus_blockstore::MetadataStore;
use lotus_ports::network::Fault;
use lotus_types::{
    Address, ChainEpoch, Cid, Message, Signature, SignatureType, SignedMessage, Tipset,
    TokenAmount, wire,
};
use quick_cache::sync::Cache;
use tokio::sync::broadcast;

use crate::{
    AddError, ConfigError, MpoolConfig, PoolChain, Pooled, config,
    pending::{Admission, MAX_NONCE_GAP, MAX_PENDING, MAX_PENDING_UNTRUSTED, Pending, in_256ths},
    rules,
};

pub use prune::REPUBLISH_LIMIT;

const CONFIG_KEY: &str = "/mpool/config";
/// BLS signatures remembered, so that messages of reverted blocks can come back.
const BLS_SIGNATURES: usize = 40_000;
/// Updates that a listener may be behind.
const UPDATES: usize = 1024;

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A client of this node: kept on disk and republished.
    Local,
    /// A client that is not trusted: as local, but few messages per sender and without gaps.
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
    /// What was gossiped again last.
    republished: HashSet<Cid>,
    /// One of [`Pool::republished`] came into a block: more may find room now.
    republish_early: bool,
}

impl Source {
    fn admission(self, config: &MpoolConfig) -> Admission {
        let (max_gap, max_pending) = match self {
            Self::Local => (None, MAX_PENDING),
            Self::Untrusted => (Some(0), MAX_PENDING_UNTRUSTED),
            Self::Gossip => (Some(MAX_NONCE_GAP), MAX_PENDING),
        };
        Admission {
            max_gap,
            max_pending: Some(max_pending),
            replace_256ths: in_256ths(config.replace_by_fee_ratio),
        }
    }
}

impl Pool {
    /// Opens the pool on the present head, without the local messages kept from before: those need the
    /// head's state ([`Pool::load_local`]).
    pub(crate) fn open(
        chain: Arc<dyn PoolChain>,
        meta: Arc<dyn MetadataStore>,
    ) -> Result<Self, Fault> {
        let config = match meta.get(CONFIG_KEY)? {
            Some(text) => serde_json::from_slice(&text)?,
            None => MpoolConfig::default(),
        };
        Ok(Self {
            tipset: chain.head()?,
            chain,
            meta,
            config,
            pending: Pending::default(),
            local: BTreeSet::new(),
            included: BTreeMap::new(),
            bls_signatures: Cache::new(BLS_SIGNATURES),
            updates: broadcast::Sender::new(UPDATES),
            republished: HashSet::new(),
            republish_early: false,
        })
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
            self.keep_local(&added.cid, &bytes)
                .map_err(AddError::Fault)?;
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
        let how = from.admission(&self.config);
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
        if signed.signature.kind == SignatureType::Bls {
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
            self.republished.clear();
            self.forget_all_local()?;
        }
        Ok(())
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

#[cfg(test)]
pub(crate) mod tests;
