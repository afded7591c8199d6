//! Why no genesis could be made.

use std::path::PathBuf;

use lotus_actors::StateError;
use lotus_ports::vm::VmError;

/// Why no genesis could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// The template asks for something impossible.
    #[error("genesis template: {0}")]
    Template(String),
    /// An option is wrong.
    #[error("{0}")]
    Option(String),
    /// A file that should be a genesis is none.
    #[error("{path} is not a genesis CAR: {reason}")]
    NotAGenesis {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An actor refused a message that the template led to.
    #[error("genesis template: {what} was refused with exit code {exit_code}: {reason}")]
    Refused {
        /// What the message was for.
        what: String,
        /// How it ended.
        exit_code: i64,
        /// The actor's words.
        reason: String,
    },
    /// State could not be read or written (a bundle that is not loaded, a broken store).
    #[error(transparent)]
    State(#[from] StateError),
    /// The VM failed.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// Something else failed here.
    #[error("making the genesis")]
    Fault(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl GenesisError {
    /// True when another template or option would help.
    pub const fn is_templates_fault(&self) -> bool {
        matches!(
            self,
            Self::Template(_) | Self::Option(_) | Self::NotAGenesis { .. } | Self::Refused { .. }
        )
    }
}
