//! Why a DAG could not be had.

use std::{path::PathBuf, time::Duration};

use crate::{
    dag_pb::{BadBlock, Link},
    piece::{sections::SectionError, walk::WalkError},
};

/// Why a DAG could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetrieveError {
    /// No connection, or it broke.
    #[error("{url}: {reason}")]
    Connection {
        /// What was asked for.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The peer let us wait.
    #[error("{url}: no {what} for {} s", limit.as_secs_f32())]
    TimedOut {
        /// What was asked for.
        url: String,
        /// What did not come.
        what: &'static str,
        /// How long we waited.
        limit: Duration,
    },
    /// The provider does not have a block.
    #[error("the provider does not have block {0}")]
    NotFound(Box<Link>),
    /// The provider was asked to be patient with, and was not done in time.
    #[error("the provider was not ready after {} s: {text}", waited.as_secs())]
    NotReady {
        /// How long we waited in all.
        waited: Duration,
        /// What it said.
        text: String,
    },
    /// The provider answered with an error.
    #[error("{url}: the provider answers {status}: {text}")]
    Refused {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        text: String,
    },
    /// A block is not what its CID says.
    #[error("the provider sent a wrong block: {0}")]
    BadBlock(#[from] BadBlock),
    /// A block that is not the next one of the DAG.
    #[error("the provider sent block {got} where {wanted} was due")]
    Unexpected {
        /// The CID that came.
        got: Box<Link>,
        /// The CID of the block that the DAG needs next.
        wanted: Box<Link>,
    },
    /// The provider ended its answer, though the DAG is not complete.
    #[error("the provider's answer ends before block {0}, which the DAG needs")]
    Incomplete(Box<Link>),
    /// What came is no CAR.
    #[error("{url}: the answer is no good CAR: {source}")]
    BadCar {
        /// What was asked for.
        url: String,
        /// What is wrong.
        #[source]
        source: SectionError,
    },
    /// The DAG cannot be followed, or is too large.
    #[error(transparent)]
    Dag(#[from] WalkError),
    /// More bytes than allowed.
    #[error("the data is larger than the allowed {0} bytes")]
    TooLarge(u64),
    /// The provider sent the same blocks again and again.
    #[error("the provider sends blocks that it has sent already")]
    Repeating,
    /// The result cannot be written.
    #[error("writing {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
}

impl RetrieveError {
    /// True when the same request may go better next time.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::BadCar { source, .. } => matches!(source, SectionError::Truncated { .. }),
            _ => false,
        }
    }
}
