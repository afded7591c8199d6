//! What a devnet remembers of a file that is stored in it.

use std::path::PathBuf;

use lotus_types::{DealId, SectorNumber};
use serde::{Deserialize, Serialize};

/// A file that is stored in the devnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    /// Its DAG, as text.
    pub(super) root: String,
    /// Where it came from.
    pub(super) file: PathBuf,
    /// Where it was retrieved to.
    pub(super) copy: PathBuf,
    /// Its sector.
    pub(super) sector: SectorNumber,
    /// Its deal.
    pub(super) deal: DealId,
}
