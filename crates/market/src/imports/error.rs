//! Why an import, or an export, did not work.

use std::{
    io,
    path::{Path, PathBuf},
};

use lotus_ports::proofs::ProofError;
use lotus_types::Cid;

use crate::{
    piece::{source::CarFileError, walk::WalkError},
    unixfs::export::ExportError,
};

/// Why an import, or an export, did not work. Every variant names the file that it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// What was given cannot be imported.
    #[error("cannot import {}: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// No import has this id.
    #[error("there is no import {0}")]
    NoSuchImport(u64),
    /// No import has this root.
    #[error("{0} was not imported here")]
    UnknownRoot(Cid),
    /// A file of ours, or one that was given, cannot be read or written.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A CAR is not good.
    #[error(transparent)]
    Car(#[from] CarFileError),
    /// The DAG in a CAR cannot be followed.
    #[error("{}: {source}", path.display())]
    Dag {
        /// The CAR.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: WalkError,
    },
    /// The DAG cannot be made a file.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The payload is beyond what a piece can hold.
    #[error("CommP of {}", path.display())]
    Commitment {
        /// The payload.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ProofError,
    },
    /// The index of imports failed.
    #[error("index of imports")]
    Index(#[from] rusqlite::Error),
}

/// Names action and file for an error of the system.
pub(super) fn io<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> ImportError + 'a {
    move |source| ImportError::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}
