//! Why a message is refused, and what else can go wrong.

use lotus_ports::network::{Fault, Verdict};
use lotus_types::{Address, TokenAmount};

/// Why a message did not enter the pool. Texts are Lotus'.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// More than 64 KiB.
    #[error("mpool message too large ({size}B): message too big")]
    TooLarge {
        /// Bytes.
        size: usize,
    },
    /// No block may hold it.
    #[error("message not valid for block inclusion: {0}")]
    Malformed(
        /// What is wrong.
        String,
    ),
    /// Below the lowest base fee that there can be.
    #[error("gas fee cap too low")]
    FeeCapTooLow,
    /// The signature is not the sender's.
    #[error("signature verification failed: {0}")]
    Signature(
        /// Why not.
        String,
    ),
    /// The sender is no account.
    #[error("failed to look up sender {sender}: actor not found")]
    UnknownSender {
        /// As the message names it.
        sender: Address,
    },
    /// The nonce was already used on chain.
    #[error("minimum expected nonce is {next}: message nonce too low")]
    NonceTooLow {
        /// In the message.
        got: u64,
        /// Expected by the chain.
        next: u64,
    },
    /// Too far beyond the sender's next nonce.
    #[error(
        "message nonce has too big a gap from expected nonce (Nonce: {got}, nextNonce: {next}): unfulfilled nonce gap"
    )]
    NonceGap {
        /// In the message.
        got: u64,
        /// Expected next.
        next: u64,
    },
    /// A message after a gap cannot be replaced.
    #[error(
        "rejecting replace by fee because of nonce gap (Nonce: {got}, nextNonce: {next}): unfulfilled nonce gap"
    )]
    ReplaceAfterGap {
        /// In the message.
        got: u64,
        /// Expected next.
        next: u64,
    },
    /// The very same message is pooled.
    #[error(
        "message from {sender} with nonce {nonce} already in mpool: message with nonce already exists"
    )]
    Exists {
        /// Sender.
        sender: Address,
        /// Nonce.
        nonce: u64,
    },
    /// Another message with this nonce is pooled, and the premium does not exceed it by enough.
    #[error(
        "message from {sender} with nonce {nonce} already in mpool, increase GasPremium to {needed} from {got} to trigger replace by fee: replace by fee has too low GasPremium"
    )]
    ReplacementTooCheap {
        /// Sender.
        sender: Address,
        /// Nonce.
        nonce: u64,
        /// Least premium that replaces, attoFIL.
        needed: Box<num_bigint::BigInt>,
        /// Premium offered, attoFIL.
        got: Box<num_bigint::BigInt>,
    },
    /// The sender has too many waiting messages.
    #[error("too many pending messages for actor")]
    TooManyPending,
    /// The sender cannot pay for the gas.
    #[error(
        "not enough funds (required: {required}, balance: {balance}): not enough funds to execute transaction"
    )]
    NotEnoughFunds {
        /// For this message.
        required: TokenAmount,
        /// What the sender has.
        balance: TokenAmount,
    },
    /// The sender cannot pay for the gas of all its waiting messages.
    #[error(
        "not enough funds including pending messages (required: {required}, balance: {balance}): validation failure"
    )]
    NotEnoughFundsForAll {
        /// For all.
        required: TokenAmount,
        /// What the sender has.
        balance: TokenAmount,
    },
    /// No block will take it soon: the fee cap is far below the base fee.
    #[error(
        "GasFeeCap doesn't meet base fee lower bound for inclusion in the next 20 blocks (GasFeeCap: {fee_cap}, baseFeeLowerBound: {bound}): validation failure"
    )]
    BelowBaseFee {
        /// Of the message.
        fee_cap: TokenAmount,
        /// What it should be at least.
        bound: TokenAmount,
    },
    /// The pool holds far more than its limit and has not been pruned yet.
    #[error("the message pool is full")]
    Full,
    /// The pool could not decide: state or storage failed.
    #[error("message pool fault: {0}")]
    Fault(#[source] Fault),
}

impl AddError {
    /// What becomes of the message in gossip. Only what no honest peer would forward is held
    /// against the sender.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::TooLarge { .. }
            | Self::Malformed(_)
            | Self::FeeCapTooLow
            | Self::Signature(_) => Verdict::Reject,
            _ => Verdict::Ignore,
        }
    }

    /// True when this node, not the message, is to blame.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Fault(_))
    }
}

/// Why a question to the pool was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Chain, state or storage failed.
    #[error("message pool fault: {0}")]
    Fault(#[source] Fault),
    /// Settings out of bounds.
    #[error(transparent)]
    Config(#[from] crate::ConfigError),
    /// The node is stopping.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The pool's task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message pool has stopped")]
pub struct Stopped;
