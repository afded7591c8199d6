//! Why a block is refused, or could not be judged.

use std::fmt;

use lotus_actors::StateError;
use lotus_state::StateFault;

/// The rule that a block breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is described by its Display text")]
pub enum Rule {
    Syntax,
    Height,
    Timestamp,
    Miner,
    Weight,
    BaseFee,
    ParentState,
    ParentReceipts,
    BeaconEntries,
    Ticket,
    ElectionProof,
    WinCount,
    WinningPoSt,
    BlockSignature,
    MessageRoot,
    Aggregate,
    Messages,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Syntax => "syntax",
            Self::Height => "height",
            Self::Timestamp => "timestamp",
            Self::Miner => "miner",
            Self::Weight => "parent weight",
            Self::BaseFee => "base fee",
            Self::ParentState => "parent state",
            Self::ParentReceipts => "parent receipts",
            Self::BeaconEntries => "beacon entries",
            Self::Ticket => "ticket",
            Self::ElectionProof => "election proof",
            Self::WinCount => "win count",
            Self::WinningPoSt => "WinningPoSt",
            Self::BlockSignature => "block signature",
            Self::MessageRoot => "message root",
            Self::Aggregate => "BLS aggregate",
            Self::Messages => "messages",
        })
    }
}

/// A block breaks a rule: its maker is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {reason}")]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// How, with the values.
    pub reason: String,
}

impl Violation {
    /// A broken rule.
    pub fn new(rule: Rule, reason: impl Into<String>) -> Self {
        Self {
            rule,
            reason: reason.into(),
        }
    }
}

/// The outcome of a check that did not pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The block is invalid, now and always.
    #[error(transparent)]
    Invalid(#[from] Violation),
    /// The block lies in the future: it may be valid later.
    #[error("block is from the future: timestamp {timestamp}, now {now}")]
    Future {
        /// Of the block, Unix seconds.
        timestamp: u64,
        /// Unix seconds.
        now: u64,
    },
    /// This node could not judge it.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

impl From<StateError> for BlockError {
    fn from(e: StateError) -> Self {
        Self::Fault(e.into())
    }
}

/// `Err` with the rule unless `holds`.
pub(crate) fn require(
    holds: bool,
    rule: Rule,
    reason: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds {
        Ok(())
    } else {
        Err(Violation::new(rule, reason()))
    }
}
