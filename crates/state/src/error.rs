//! What can go wrong on our side.

use lotus_actors::StateError;
use lotus_ports::{network::Fault, vm::VmError};

/// This node could not do its work. Says nothing about the chain's data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateFault {
    /// Chain data could not be loaded.
    #[error("cannot load chain data: {0}")]
    Chain(#[source] Fault),
    /// State could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The VM failed.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// A store failed.
    #[error("storage failed: {0}")]
    Store(String),
    /// The protocol's own message failed, which must not happen on any valid state.
    #[error("{what} failed with exit code {exit_code} at epoch {epoch}: {reason}")]
    Implicit {
        /// `cron` or `block reward`.
        what: &'static str,
        /// Epoch of the machine.
        epoch: i64,
        /// Exit code.
        exit_code: i64,
        /// In the VM's words.
        reason: String,
    },
    /// A caller asked for something that cannot be.
    #[error("{0}")]
    Refused(String),
}

impl StateFault {
    pub(crate) fn store(e: impl std::fmt::Display) -> Self {
        Self::Store(e.to_string())
    }
}
