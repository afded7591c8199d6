//! Dry runs: what a message would do on the state of a tipset. Nothing of it is kept.
//!
//! A run stands at the tipset's own epoch, after the tipset's messages (for a call without gas: after
//! those of the same sender) and before its cron: the place where a message of the next block would
//! be, as far as it can be known without that block.
//!
//! # Lotus parity
//! `StateManager.Call` and `CallWithGas`. The sender's nonce is taken from the state, not from the
//! message. A message with no fee cap runs at a base fee of zero, so that it needs no funds for gas.

use std::time::{Duration, Instant};

use lotus_actors::StateTree;
use lotus_blockstore::{OverlayBlockstore, SharedBlockstore};
use lotus_ports::vm::{Applied, Machine};
use lotus_types::{Address, Cid, Message, Payload, Signature, SignedMessage, Tipset, TokenAmount};

use crate::{
    StateFault, StateManager,
    execute::{Executor, IMPLICIT_GAS_LIMIT},
    messages::{ChainMessage, TipsetMessages},
};

/// What a dry run gave.
#[derive(Debug, Clone)]
pub struct Called {
    /// The message as it was applied: nonce and, for [`StateManager::call`], gas limit filled in.
    pub message: Message,
    /// What it did, with its trace.
    pub applied: Applied,
    /// Time spent applying it.
    pub duration: Duration,
}

/// How gas is treated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gas {
    /// The message is applied as the protocol's own: it pays nothing, and limits do not matter.
    Free,
    /// The message is applied as a block's: it pays inclusion, and its limits hold.
    Charged,
}

impl StateManager {
    /// Applies a message without charging for gas, after its sender's messages in the tipset
    /// (`StateCall`). CPU-bound.
    ///
    /// # Errors
    /// [`StateFault::Refused`] when the sender does not exist; otherwise this node's failure. A
    /// message that fails is not an error: see its exit code.
    pub fn call(&self, message: &Message, tipset: &Tipset) -> Result<Called, StateFault> {
        self.dry_run(message, &[], tipset, Gas::Free)
    }

    /// Applies a message as a block would, after the tipset's messages and then `prior`, the sender's
    /// pending ones (gas estimation). CPU-bound.
    ///
    /// # Errors
    /// As [`StateManager::call`].
    pub fn call_with_gas(
        &self,
        message: &Message,
        prior: &[SignedMessage],
        tipset: &Tipset,
    ) -> Result<Called, StateFault> {
        let prior: Vec<_> = prior.iter().map(as_listed).collect();
        self.dry_run(message, &prior, tipset, Gas::Charged)
    }

    fn dry_run(
        &self,
        message: &Message,
        prior: &[ChainMessage],
        tipset: &Tipset,
        gas: Gas,
    ) -> Result<Called, StateFault> {
        let scratch = SharedBlockstore::new(OverlayBlockstore::new(self.store().clone()));
        let executor = Executor {
            store: scratch.clone(),
            ..self.executor().clone()
        };
        let (height, base_fee) = (tipset.height(), tipset.parent_base_fee().clone());
        let machine = |root: Cid, base_fee: TokenAmount, tracing: bool| {
            executor.machine(tipset, height, root, base_fee, tracing)
        };

        let mut before = machine(self.state_before(tipset)?, base_fee.clone(), false)?;
        // Genesis' own messages do not exist, and its parents cannot be looked at.
        if height > 0 {
            let listed = TipsetMessages::load(self.view(), self.store(), tipset)?;
            let counts =
                |m: &&ChainMessage| gas == Gas::Charged || m.message().from == message.from;
            apply_all(&mut *before, listed.iter().filter(counts))?;
        }
        apply_all(&mut *before, prior.iter())?;
        let root = before.flush()?;
        drop(before);

        let tree = StateTree::load(&scratch, &root)?;
        let sender = tree
            .actor(&message.from)?
            .ok_or_else(|| unknown(&message.from))?;
        let mut message = Message {
            nonce: sender.nonce,
            ..message.clone()
        };
        let base_fee = if message.gas_fee_cap.is_zero() {
            TokenAmount::zero()
        } else {
            base_fee
        };
        let mut machine = machine(root, base_fee, true)?;
        let begun = Instant::now();
        let applied = match gas {
            Gas::Free => {
                message.gas_limit = IMPLICIT_GAS_LIMIT;
                machine.apply_implicit(&message)?
            }
            Gas::Charged => {
                let key = tree.account_key(&message.from)?.unwrap_or(message.from);
                let length = signed_length(&message, key.payload());
                machine.apply_explicit(&message, length)?
            }
        };
        Ok(Called {
            message,
            applied,
            duration: begun.elapsed(),
        })
    }

    /// State that a tipset's own messages begin from. Null rounds' cron does not run in dry runs.
    fn state_before(&self, tipset: &Tipset) -> Result<Cid, StateFault> {
        if tipset.height() == 0 {
            return Ok(self.tipset_state(tipset)?.state_root);
        }
        Ok(tipset.parent_state_root())
    }
}

/// A sender that does not exist, in Lotus' words: an ID is looked up at once, a key is resolved first.
fn unknown(sender: &Address) -> StateFault {
    let resolved = match sender.payload() {
        Some(Payload::Id(_)) => String::new(),
        _ => format!("resolution lookup failed ({sender}): resolve address {sender}: "),
    };
    StateFault::Refused(format!("call raw get actor: {resolved}actor not found"))
}

fn apply_all<'a>(
    machine: &mut dyn Machine,
    messages: impl Iterator<Item = &'a ChainMessage>,
) -> Result<(), StateFault> {
    for message in messages {
        machine.apply_explicit(message.message(), message.chain_length())?;
    }
    Ok(())
}

/// A signed message as a block would list it.
fn as_listed(message: &SignedMessage) -> ChainMessage {
    if message.cid() == message.message.cid() {
        ChainMessage::Unsigned(message.message.clone())
    } else {
        ChainMessage::Signed(message.clone())
    }
}

/// Length on chain of a message that is not signed yet, by the sender's kind of key.
fn signed_length(message: &Message, key: Option<&Payload>) -> usize {
    const SECP256K1_SIGNATURE_LEN: usize = 65;
    let listed = match key {
        Some(Payload::Secp256k1(_)) => ChainMessage::Signed(SignedMessage {
            message: message.clone(),
            signature: Signature::new_secp256k1(vec![0; SECP256K1_SIGNATURE_LEN]),
        }),
        _ => ChainMessage::Unsigned(message.clone()),
    };
    listed.chain_length()
}
