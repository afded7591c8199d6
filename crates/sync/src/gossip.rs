//! The cheap checks before a gossiped block is passed on to other peers.
//!
//! What cannot be told (an old block, a fast clock, a failure of this node) is ignored; what no honest
//! peer would forward is rejected and held against the peer that did.
//!
//! # Lotus parity
//! `BlockValidator` of `chain/sub` and `ValidateBlockPubsub`. A wrong signature counts against the peer
//! only while our head is near the present, since an old head may not know the miner's present worker.

use lotus_chain::messages::lists_root;
use lotus_consensus::{BlockError, rules};
use lotus_networks::policy::{BLOCK_MESSAGE_LIMIT, CHAIN_FINALITY};
use lotus_ports::network::Verdict;
use lotus_types::{BlockMessage, ChainEpoch, Tipset};

use crate::{BadBlocks, Judge};

/// Epochs that our head may be behind and still count as near the present.
const NEAR: ChainEpoch = 5;

/// What a block is held against.
#[derive(Debug)]
pub struct Here<'a> {
    /// Our head.
    pub head: &'a Tipset,
    /// The present epoch by our clock.
    pub epoch: ChainEpoch,
    /// Our clock, Unix seconds.
    pub now: u64,
    /// Seconds that a timestamp may lie in the future.
    pub drift: u64,
    /// Blocks known to be bad.
    pub bad: &'a BadBlocks,
    /// Checks the signature.
    pub judge: &'a dyn Judge,
}

/// A block that is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Reject or ignore.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

fn stop<T>(verdict: Verdict, reason: impl Into<String>) -> Result<T, Stopped> {
    Err(Stopped {
        verdict,
        reason: reason.into(),
    })
}

/// Examines a block; `Ok` passes it on. CPU-bound: it checks one signature.
///
/// # Errors
/// [`Stopped`].
pub fn examine(block: &BlockMessage, here: &Here<'_>) -> Result<(), Stopped> {
    let header = &block.header;
    if let Some(reason) = here.bad.reason(&header.cid()) {
        return stop(Verdict::Reject, format!("known to be bad: {reason}"));
    }
    let messages = block.bls_messages.len() + block.secpk_messages.len();
    if messages > BLOCK_MESSAGE_LIMIT {
        return stop(Verdict::Reject, format!("{messages} messages are too many"));
    }
    let parts = match rules::syntax(header) {
        Ok(parts) => parts,
        Err(violation) => return stop(Verdict::Reject, violation.to_string()),
    };
    if parts.election_proof.win_count < 1 {
        return stop(Verdict::Reject, "block is not claiming to be a winner");
    }
    if header.timestamp > here.now.saturating_add(here.drift) || header.height > here.epoch + 1 {
        return stop(Verdict::Ignore, "block is from the future");
    }
    if header.height < here.head.height() - CHAIN_FINALITY {
        return stop(Verdict::Ignore, "block is older than finality");
    }
    match lists_root(&block.bls_messages, &block.secpk_messages) {
        Ok(root) if root == header.messages => {}
        Ok(_) => {
            return stop(
                Verdict::Reject,
                "messages are not those that the header names",
            );
        }
        Err(error) => return stop(Verdict::Ignore, error.to_string()),
    }
    match here.judge.check_signature(header, here.head) {
        Ok(()) => Ok(()),
        Err(BlockError::Invalid(violation)) if here.head.height() + NEAR >= here.epoch => {
            stop(Verdict::Reject, violation.to_string())
        }
        Err(error) => stop(Verdict::Ignore, error.to_string()),
    }
}
