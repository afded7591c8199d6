//! Executing messages on a state, whichever generation of the FVM does it.
//!
//! # Invariants
//! - [`VmError`] is always *our* failure (a missing block, a broken store, a bug): the outcome of
//!   executing a bad message is a receipt, never an error. No block is ever marked bad for a
//!   `VmError`.

use std::sync::Arc;

use lotus_networks::NetworkVersion;
use lotus_types::{Address, Bytes, ChainEpoch, Cid, ExitCode, Gas, Message, Receipt, TokenAmount};

use crate::Blockstore;

/// The store that a machine reads and writes.
pub type StateStore = Arc<dyn Blockstore + Send + Sync>;

/// A failure of this node while executing.
#[derive(Debug, thiserror::Error)]
#[error("execution failed: {0}")]
pub struct VmError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl VmError {
    /// Wraps a failure.
    pub fn new(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(e.into())
    }
}

/// What stands fixed while messages of one epoch are executed.
#[derive(Debug, Clone)]
pub struct MachineContext {
    /// The epoch that actors see.
    pub epoch: ChainEpoch,
    /// The state to begin from.
    pub state_root: Cid,
    /// attoFIL per gas.
    pub base_fee: TokenAmount,
    /// Circulating supply that actors see, in attoFIL.
    pub circulating_supply: TokenAmount,
    /// Version of the protocol.
    pub network_version: NetworkVersion,
    /// Charge for and print the actors' debug logs (consensus-relevant).
    pub actor_debugging: bool,
    /// Record an execution trace of each message.
    pub tracing: bool,
}

/// A kind of consensus fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsensusFaultKind {
    /// Two blocks of one miner at one epoch.
    DoubleForkMining,
    /// A block whose parents leave out the miner's own block, replaced by a sibling.
    ParentGrinding,
    /// Two blocks of one miner with the same parents at different epochs.
    TimeOffsetMining,
}

/// A proven consensus fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsensusFault {
    /// Who did it.
    pub target: Address,
    /// When.
    pub epoch: ChainEpoch,
    /// What.
    pub kind: ConsensusFaultKind,
}

/// Why a machine's question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ExternError {
    /// The question has no answer (a future epoch): the actor sees an illegal argument.
    #[error("{0}")]
    Refused(String),
    /// The answer exists but could not be had: execution must stop, or the state would be wrong.
    #[error(transparent)]
    Fault(#[from] VmError),
}

/// What a machine asks the node for.
pub trait Externs: Send + Sync {
    /// blake2b-256 of the ticket at `epoch`.
    ///
    /// # Errors
    /// [`ExternError`].
    fn chain_randomness(&self, epoch: ChainEpoch) -> Result<[u8; 32], ExternError>;

    /// blake2b-256 of the beacon entry for `epoch`.
    ///
    /// # Errors
    /// [`ExternError`].
    fn beacon_randomness(&self, epoch: ChainEpoch) -> Result<[u8; 32], ExternError>;

    /// Judges two block headers and, for parent grinding, a third. `None`: no fault, or malformed
    /// input.
    ///
    /// # Errors
    /// [`ExternError`] when the judgement could not be made.
    fn verify_consensus_fault(
        &self,
        header_1: &[u8],
        header_2: &[u8],
        extra: &[u8],
    ) -> Result<Option<ConsensusFault>, ExternError>;
}

/// What applying one message did.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The receipt.
    pub receipt: Receipt,
    /// Charged to the block's miner, in attoFIL.
    pub penalty: TokenAmount,
    /// Earned by the block's miner, in attoFIL.
    pub miner_tip: TokenAmount,
    /// Burnt for gas used, in attoFIL.
    pub base_fee_burn: TokenAmount,
    /// Burnt for asking for too much gas, in attoFIL.
    pub over_estimation_burn: TokenAmount,
    /// Given back to the sender, in attoFIL.
    pub refund: TokenAmount,
    /// Gas given back.
    pub gas_refund: Gas,
    /// Gas burnt.
    pub gas_burned: Gas,
    /// Why it failed, in words, when it did.
    pub failure: Option<String>,
    /// What happened inside; empty unless [`MachineContext::tracing`].
    pub trace: Vec<TraceEvent>,
}

/// One step of an execution trace, in order.
#[derive(Debug, Clone)]
pub enum TraceEvent {
    /// Gas was charged.
    Gas {
        /// For what.
        name: String,
        /// For computing.
        compute: Gas,
        /// For storage.
        storage: Gas,
    },
    /// An actor called another.
    Call {
        /// Caller.
        from: u64,
        /// Callee.
        to: Address,
        /// Method number.
        method: u64,
        /// Parameters.
        params: Bytes,
        /// attoFIL sent.
        value: TokenAmount,
    },
    /// The call returned.
    Return {
        /// How it ended.
        exit_code: ExitCode,
        /// What it returned.
        data: Bytes,
    },
    /// An actor's debug line.
    Log(String),
}

/// A state being changed by messages, at one epoch.
pub trait Machine {
    /// Applies a message that an account sent. `raw_length` is its length on chain in bytes.
    ///
    /// # Errors
    /// [`VmError`]: the machine must then be dropped.
    fn apply_explicit(&mut self, message: &Message, raw_length: usize) -> Result<Applied, VmError>;

    /// Applies a message of the protocol itself (cron, rewards): free, any sender, no nonce.
    ///
    /// # Errors
    /// [`VmError`]: the machine must then be dropped.
    fn apply_implicit(&mut self, message: &Message) -> Result<Applied, VmError>;

    /// Writes the changed state to the store; gives its root.
    ///
    /// # Errors
    /// [`VmError`]: nothing may be assumed about the state.
    fn flush(&mut self) -> Result<Cid, VmError>;

    /// Time spent inside the VM so far.
    fn elapsed(&self) -> std::time::Duration;
}

/// Makes machines. One per process: it keeps the compiled actors.
pub trait Vm: Send + Sync {
    /// A machine on a state.
    ///
    /// # Errors
    /// [`VmError`] when the state or its actors' code is not in the store, or the network version
    /// is not supported.
    fn machine(
        &self,
        context: &MachineContext,
        store: StateStore,
        externs: Arc<dyn Externs>,
    ) -> Result<Box<dyn Machine>, VmError>;
}
