//! What the sealing state machine asks of the sealing machinery.
//!
//! [`Manager`](crate::Manager) implements it by scheduling on workers. Calls last from milliseconds
//! to hours; dropping the future stops waiting, not the work: the same call made again later finds
//! it still running, or its result.

use std::{collections::BTreeMap, fmt, io::Read, path::PathBuf};

use async_trait::async_trait;
use lotus_ports::proofs::{AggregateSealVerifyInfo, Randomness, WindowPoSt};
use lotus_types::{
    ActorId, Bytes, ExtendedSectorInfo, PieceInfo, PoStProof, RegisteredPoStProof, SectorId,
    SectorNumber,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize},
};

/// Why a sealing call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It may work when it is tried again (worker restarted, disk full, connection lost).
    #[error("{0}")]
    Temporary(String),
    /// The operator aborted it.
    #[error("aborted: {0}")]
    Aborted(String),
    /// What was asked for cannot be done.
    #[error("{0}")]
    Failed(String),
}

impl SealError {
    /// May the same call work later?
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Temporary(_))
    }
}

/// The data of a piece. Where it is shorter than the piece, zeros follow.
pub enum PieceData {
    /// Zeros only.
    Zeros,
    /// A file of the machine that runs the manager.
    File(PathBuf),
    /// A stream, which can be read once.
    Reader(Box<dyn Read + Send>),
}

impl fmt::Debug for PieceData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zeros => f.write_str("Zeros"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Reader(_) => f.write_str("Reader"),
        }
    }
}

/// Seals sectors. The files stay with the implementation; callers name sectors only.
#[async_trait]
pub trait Sealer: fmt::Debug + Send + Sync {
    /// Writes a piece behind the `existing` ones into the sector's unsealed file.
    ///
    /// # Errors
    /// [`SealError`].
    async fn add_piece(
        &self,
        sector: SectorRef,
        existing: Vec<UnpaddedPieceSize>,
        size: UnpaddedPieceSize,
        data: PieceData,
    ) -> Result<PieceInfo, SealError>;

    /// PreCommit1. The result is opaque.
    ///
    /// # Errors
    /// [`SealError`].
    async fn seal_pre_commit1(
        &self,
        sector: SectorRef,
        ticket: Randomness,
        pieces: Vec<PieceInfo>,
    ) -> Result<Bytes, SealError>;

    /// PreCommit2.
    ///
    /// # Errors
    /// [`SealError`].
    async fn seal_pre_commit2(
        &self,
        sector: SectorRef,
        phase1: Bytes,
    ) -> Result<SectorCids, SealError>;

    /// Commit1. The result is opaque.
    ///
    /// # Errors
    /// [`SealError`].
    async fn seal_commit1(
        &self,
        sector: SectorRef,
        ticket: Randomness,
        seed: Randomness,
        pieces: Vec<PieceInfo>,
        cids: SectorCids,
    ) -> Result<Bytes, SealError>;

    /// Commit2: the proof.
    ///
    /// # Errors
    /// [`SealError`].
    async fn seal_commit2(&self, sector: SectorRef, phase1: Bytes) -> Result<Bytes, SealError>;

    /// Aggregates proofs of one miner; `proofs[i]` belongs to `info.infos[i]`.
    ///
    /// # Errors
    /// [`SealError`].
    async fn aggregate(
        &self,
        info: AggregateSealVerifyInfo,
        proofs: Vec<Bytes>,
    ) -> Result<Bytes, SealError>;

    /// Trims the cache, drops the unsealed copy unless it is to be kept, and moves the sector to
    /// long-term storage.
    ///
    /// # Errors
    /// [`SealError`].
    async fn finalize_sector(
        &self,
        sector: SectorRef,
        keep_unsealed: bool,
    ) -> Result<(), SealError>;

    /// Removes all files of the sector, everywhere.
    ///
    /// # Errors
    /// [`SealError`].
    async fn remove(&self, sector: SectorId) -> Result<(), SealError>;
}

/// Proves sectors that are on chain.
#[async_trait]
pub trait PoStProver: fmt::Debug + Send + Sync {
    /// The WinningPoSt over the challenged sectors.
    ///
    /// # Errors
    /// [`SealError`].
    async fn winning_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
        randomness: Randomness,
    ) -> Result<Vec<PoStProof>, SealError>;

    /// The WindowPoSt over the sectors of some partitions. When some cannot be proven there is no
    /// proof: the caller asks again without them.
    ///
    /// # Errors
    /// [`SealError`].
    async fn window_post(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
        randomness: Randomness,
    ) -> Result<WindowPoSt, SealError>;

    /// Those of the sectors that cannot be proven now, with the reason: files that are missing or
    /// of the wrong size, vanilla proofs that fail.
    ///
    /// # Errors
    /// [`SealError`].
    async fn check_provable(
        &self,
        proof: RegisteredPoStProof,
        miner: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
    ) -> Result<BTreeMap<SectorNumber, String>, SealError>;
}
