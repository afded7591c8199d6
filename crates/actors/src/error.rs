//! What can go wrong when state is read.

use std::error::Error;

use lotus_types::Cid;

type Source = Box<dyn Error + Send + Sync>;

/// Why a piece of state could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A block is not in the store: the store is incomplete, the state may be fine.
    #[error("{what}: block {cid} is not in the store")]
    Missing {
        /// What was read.
        what: &'static str,
        /// The block.
        cid: String,
    },
    /// The state is not what this version of the actor writes.
    #[error("{what} is malformed: {reason}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The state is of a version that this build cannot read.
    #[error("{what} has version {version}, which is not supported")]
    Unsupported {
        /// What was read.
        what: &'static str,
        /// Its version.
        version: u64,
    },
    /// The store failed.
    #[error("reading {what}")]
    Fault {
        /// What was read.
        what: &'static str,
        /// What failed.
        #[source]
        source: Source,
    },
}

impl StateError {
    /// True when the state itself is wrong; false when this node could not read it.
    pub const fn is_malformed(&self) -> bool {
        matches!(self, Self::Malformed { .. })
    }

    pub(crate) fn missing(what: &'static str, cid: &Cid) -> Self {
        Self::Missing {
            what,
            cid: cid.to_string(),
        }
    }

    pub(crate) fn malformed(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Malformed {
            what,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn fault(what: &'static str, source: impl Into<Source>) -> Self {
        let source = source.into();
        match source.downcast::<fvm_ipld_encoding::Error>() {
            // The IPLD libraries hand decoding errors through the same door as store errors.
            Ok(decoding) => Self::malformed(what, decoding),
            Err(source) => Self::Fault { what, source },
        }
    }

    pub(crate) fn from_hamt(what: &'static str, error: fvm_ipld_hamt::Error) -> Self {
        use fvm_ipld_hamt::Error as E;
        match error {
            E::CidNotFound(cid) => Self::Missing { what, cid },
            E::Dynamic(source) => match source.downcast::<Self>() {
                Ok(own) => own,
                Err(source) => match source.downcast::<fvm_ipld_encoding::Error>() {
                    Ok(decoding) => Self::malformed(what, decoding),
                    Err(source) => Self::Fault {
                        what,
                        source: source.into(),
                    },
                },
            },
            other => Self::malformed(what, other),
        }
    }

    pub(crate) fn from_amt(what: &'static str, error: fvm_ipld_amt::Error) -> Self {
        use fvm_ipld_amt::Error as E;
        match error {
            E::CidNotFound(cid) => Self::Missing { what, cid },
            E::Dynamic(source) => match source.downcast::<Self>() {
                Ok(own) => own,
                Err(source) => match source.downcast::<fvm_ipld_encoding::Error>() {
                    Ok(decoding) => Self::malformed(what, decoding),
                    Err(source) => Self::Fault {
                        what,
                        source: source.into(),
                    },
                },
            },
            other => Self::malformed(what, other),
        }
    }
}
