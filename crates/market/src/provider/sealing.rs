//! Where pieces go: sealing, behind a port.

use std::{fmt, path::Path};

use async_trait::async_trait;
use lotus_sealer::PieceData;
use lotus_sealing::{PieceDealInfo, Sealing, SealingError, SectorOffset, SectorState, StoreError};
use lotus_types::{
    DealId, SectorNumber,
    sector::{PaddedPieceSize, UnpaddedPieceSize},
};

/// Why a piece is not in a sector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PieceSealingError {
    /// It never will be.
    #[error("sealing refused the piece: {0}")]
    Refused(String),
    /// It may be later.
    #[error("sealing: {0}")]
    Failed(String),
}

/// Takes deals' pieces into sectors.
#[async_trait]
pub trait PieceSealing: fmt::Debug + Send + Sync {
    /// Puts a deal's piece into a sector; `data` may be shorter than the piece, zeros follow. Waits as
    /// long as there is no room.
    async fn add_piece(
        &self,
        size: UnpaddedPieceSize,
        data: &Path,
        deal: PieceDealInfo,
    ) -> Result<SectorOffset, PieceSealingError>;

    /// Where a deal's piece is, if a sector has it.
    async fn find(&self, deal: DealId) -> Result<Option<SectorOffset>, PieceSealingError>;

    /// How far a sector is; `None` when there is no such sector.
    async fn state(&self, sector: SectorNumber) -> Result<Option<SectorState>, PieceSealingError>;
}

#[async_trait]
impl PieceSealing for Sealing {
    async fn add_piece(
        &self,
        size: UnpaddedPieceSize,
        data: &Path,
        deal: PieceDealInfo,
    ) -> Result<SectorOffset, PieceSealingError> {
        let data = PieceData::File(data.to_path_buf());
        let added = Self::add_piece(self, size, data, deal).await;
        added.map_err(|error| match error {
            SealingError::Invalid(reason) => PieceSealingError::Refused(reason),
            other => PieceSealingError::Failed(other.to_string()),
        })
    }

    async fn find(&self, deal: DealId) -> Result<Option<SectorOffset>, PieceSealingError> {
        let sectors = self.store().sectors();
        let sectors = sectors.map_err(|e| PieceSealingError::Failed(e.to_string()))?;
        for sector in sectors.iter().filter(|s| !s.state.is_final()) {
            let mut offset = 0_u64;
            for piece in &sector.pieces {
                if piece.deal_info.as_ref().is_some_and(|d| d.deal_id == deal) {
                    return Ok(Some(SectorOffset {
                        sector: sector.number,
                        offset: PaddedPieceSize(offset),
                    }));
                }
                offset = offset.saturating_add(piece.piece.size.0);
            }
        }
        Ok(None)
    }

    async fn state(&self, sector: SectorNumber) -> Result<Option<SectorState>, PieceSealingError> {
        match self.store().sector(sector) {
            Ok(sector) => Ok(Some(sector.state)),
            Err(StoreError::NoSector(_)) => Ok(None),
            Err(error) => Err(PieceSealingError::Failed(error.to_string())),
        }
    }
}

/// Is the sector's pre-commit on chain?
pub(crate) fn is_pre_committed(state: SectorState) -> bool {
    use SectorState as S;
    is_finished(state)
        || matches!(
            state,
            S::WaitSeed
                | S::Committing
                | S::CommitFinalize
                | S::SubmitCommit
                | S::CommitWait
                | S::SubmitCommitAggregate
                | S::CommitAggregateWait
                | S::FinalizeSector
        )
}

/// Is the sector in long-term storage, so that the staged data may go?
pub(super) fn is_finished(state: SectorState) -> bool {
    use SectorState as S;
    matches!(state, S::Proving | S::Available)
}
