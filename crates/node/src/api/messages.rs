//! Finding a message on chain, and waiting for it.
//!
//! # Invariants
//! - A message that replaced another (same sender and nonce) is reported in its place only when the
//!   caller allows it and the call is the same: recipient, value, method, parameters.
//! - A message counts as executed in the tipset *after* the one that lists it: the first whose headers
//!   carry its receipt.
//!
//! # Lotus parity
//! `stmgr.SearchForMessage` and `WaitForMessage`: the search goes back as long as the sender's nonce
//! is above the message's.

use lotus_chain::HeadChange;
use lotus_rpc_api::{RpcError, types::state::MsgLookup};
use lotus_state::{messages::TipsetMessages, receipts};
use lotus_types::{Address, ChainEpoch, Cid, Message, MethodNum, Receipt, Tipset};

use super::{Answer, FullNodeApi, Services, Told as _, while_doing};

/// Stands for "as far back as the chain goes".
pub(super) const NO_LIMIT: ChainEpoch = -1;

/// Where a message, or what replaced it, was executed.
#[derive(Debug, Clone)]
pub(super) struct Found {
    tipset: Tipset,
    receipt: Receipt,
    message: Cid,
}

impl Found {
    /// The tipset that carries the receipt: its state has the effects.
    pub(super) const fn tipset(&self) -> &Tipset {
        &self.tipset
    }

    pub(super) const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Which message it was; another one than wanted when that was replaced.
    pub(super) const fn message(&self) -> Cid {
        self.message
    }
}

impl From<Found> for MsgLookup {
    fn from(found: Found) -> Self {
        Self {
            message: found.message,
            receipt: found.receipt,
            return_dec: serde_json::Value::Null,
            height: found.tipset.height(),
            tipset: found.tipset.key().clone(),
        }
    }
}

/// A message that is looked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    cid: Cid,
    message: Message,
    allow_replaced: bool,
}

impl Wanted {
    /// What is told when another message with its sender and nonce was executed.
    fn other_found(&self, other: &Message, cid: Cid) -> RpcError {
        let replaces = if same_call(other, &self.message) {
            ""
        } else {
            " that is NOT a valid replacement message"
        };
        let (wanted, nonce) = (self.cid, self.message.nonce);
        RpcError::new(format_args!(
            "found message with equal nonce as the one we are looking for{replaces} (F:{wanted} n {nonce}, \
             TS: {cid} n{})",
            other.nonce
        ))
    }

    /// Which method of whom it calls.
    pub(super) const fn called(&self) -> (Address, MethodNum) {
        (self.message.to, self.message.method)
    }
}

fn same_call(a: &Message, b: &Message) -> bool {
    let key = |m: &Message| {
        (
            m.version,
            m.to,
            m.from,
            m.nonce,
            m.value.clone(),
            m.method,
            m.params.clone(),
        )
    };
    key(a) == key(b)
}

impl Services {
    pub(super) fn wanted(&self, cid: Cid, allow_replaced: bool) -> Answer<Wanted> {
        let message = self
            .chain
            .message(&cid)
            .map_err(|e| while_doing("failed to load message", self.missing(&e)))?;
        Ok(Wanted {
            cid,
            message,
            allow_replaced,
        })
    }

    /// Looks in `from` and back, at most `limit` epochs.
    pub(super) fn search(
        &self,
        wanted: &Wanted,
        from: &Tipset,
        limit: ChainEpoch,
    ) -> Answer<Option<Found>> {
        match self.executed_in(from, wanted)? {
            Some(found) => Ok(Some(found)),
            None => self.search_back(wanted, from, limit),
        }
    }

    /// As [`Self::search`] for who waits: when looking back fails (the sender is not there yet), the
    /// message may still come.
    fn search_before_waiting(
        &self,
        wanted: &Wanted,
        from: &Tipset,
        limit: ChainEpoch,
    ) -> Answer<Option<Found>> {
        if let Some(found) = self.executed_in(from, wanted)? {
            return Ok(Some(found));
        }
        let before = self.search_back(wanted, from, limit);
        Ok(before.unwrap_or_else(|error| {
            tracing::debug!(cid = %wanted.cid, %error, "looking back for a message that is waited for");
            None
        }))
    }

    /// Looks among the messages whose receipts `tipset` carries.
    fn executed_in(&self, tipset: &Tipset, wanted: &Wanted) -> Answer<Option<Found>> {
        if tipset.height() == 0 {
            return Ok(None);
        }
        let parents = self.chain.parent(tipset).told()?;
        if parents.height() == 0 {
            return Ok(None);
        }
        let listed = TipsetMessages::load(self.states.view(), self.store(), &parents).told()?;
        let listed: Vec<_> = listed.iter().collect();
        for (index, candidate) in listed.iter().enumerate().rev() {
            let message = candidate.message();
            if message.from != wanted.message.from {
                continue;
            }
            if message.nonce < wanted.message.nonce {
                return Ok(None);
            }
            if message.nonce > wanted.message.nonce {
                continue;
            }
            let cid = candidate.cid();
            if !same_call(message, &wanted.message) || cid != wanted.cid && !wanted.allow_replaced {
                return Err(wanted.other_found(message, cid));
            }
            let root = tipset.parent_message_receipts();
            let receipt = receipts::get(self.store(), &root, index as u64).told()?;
            let receipt = receipt.ok_or_else(|| {
                RpcError::new(format_args!("receipt {index} of {root} is missing"))
            })?;
            return Ok(Some(Found {
                tipset: tipset.clone(),
                receipt,
                message: cid,
            }));
        }
        Ok(None)
    }

    fn search_back(
        &self,
        wanted: &Wanted,
        from: &Tipset,
        limit: ChainEpoch,
    ) -> Answer<Option<Found>> {
        let lowest = if limit == NO_LIMIT {
            0
        } else {
            from.height().saturating_sub(limit).max(0)
        };
        let tree = self.tree(from)?;
        let sender = tree.lookup_id(&wanted.message.from).told()?;
        let sender = sender.map(Address::new_id);
        let known = match &sender {
            Some(sender) => tree.actor(sender).told()?,
            None => None,
        };
        // In Lotus' words: who does not exist where the search begins.
        let (Some(sender), Some(known)) = (sender, known) else {
            return Err(RpcError::new("failed to load initital tipset"));
        };
        let nonce_before = |tipset: &Tipset| -> Answer<Option<u64>> {
            Ok(self
                .tree(tipset)?
                .actor(&sender)
                .told()?
                .map(|actor| actor.nonce))
        };
        let mut at = from.clone();
        let mut nonce = Some(known.nonce);
        loop {
            // At or below the message's nonce nothing further back can hold it.
            if at.height() <= lowest || nonce.is_none_or(|n| n == 0 || n <= wanted.message.nonce) {
                return Ok(None);
            }
            let parent = self.chain.parent(&at).told()?;
            let before = nonce_before(&parent)?;
            if before.is_none_or(|n| n <= wanted.message.nonce)
                && let Some(found) = self
                    .executed_in(&at, wanted)
                    .map_err(|e| while_doing("checking for message execution during lookback", e))?
            {
                return Ok(Some(found));
            }
            (at, nonce) = (parent, before);
        }
    }
}

impl FullNodeApi {
    /// Waits until a message was executed and `confidence` epochs have passed since.
    pub(super) async fn wait_for(
        &self,
        wanted: Wanted,
        confidence: ChainEpoch,
        limit: ChainEpoch,
    ) -> Answer<Found> {
        loop {
            // Subscribed before the search, so that nothing falls between.
            let mut heads = self.0.chain.subscribe();
            let mut found: Option<Found> = None;
            loop {
                let batch = match heads.next().await {
                    Some(Ok(batch)) => batch,
                    Some(Err(_lagged)) => break,
                    None => return Err(RpcError::new("the node is stopping")),
                };
                for step in batch.iter() {
                    let (wanted, tipset) = (wanted.clone(), step.tipset().clone());
                    match step {
                        HeadChange::Current(_) => {
                            found = self
                                .run(move |s| s.search_before_waiting(&wanted, &tipset, limit))
                                .await?;
                        }
                        HeadChange::Apply(_) if found.is_none() => {
                            found = self.run(move |s| s.executed_in(&tipset, &wanted)).await?;
                        }
                        HeadChange::Revert(_) => found = found.filter(|f| f.tipset != tipset),
                        HeadChange::Apply(_) => {}
                    }
                }
                let head = self.0.chain.require_head().told()?;
                if let Some(done) =
                    found.take_if(|f| head.height() >= f.tipset.height().saturating_add(confidence))
                {
                    return Ok(done);
                }
            }
        }
    }
}
