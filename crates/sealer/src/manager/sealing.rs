//! Sealing steps, each on a worker that has the files or can get them.

use std::sync::Arc;

use async_trait::async_trait;
use lotus_ports::proofs::{AggregateSealVerifyInfo, Randomness};
use lotus_rpc_api::types::{
    storage::SectorFileType,
    worker::{Range, TaskType},
};
use lotus_types::{
    Bytes, Cid, PieceInfo, SectorId,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize},
};
use serde::Serialize;

use super::{Files, Manager};
use crate::{
    PieceData, SealError, Sealer,
    calls::{Kind, Output},
};

pub(super) const UNSEALED: SectorFileType = SectorFileType::UNSEALED;
pub(super) const SEALED: SectorFileType = SectorFileType::SEALED;
pub(super) const CACHE: SectorFileType = SectorFileType::CACHE;

/// Names work by what it is and what goes in: the same inputs are the same work.
pub(super) fn key(kind: Kind, sector: SectorId, inputs: &impl Serialize) -> String {
    let inputs = serde_json::to_vec(inputs).unwrap_or_default();
    format!("{kind:?}/{sector}/{}", Cid::of_raw(&inputs))
}

pub(super) fn unexpected(output: &Output) -> SealError {
    SealError::Failed(format!(
        "a worker answered with another kind of result: {output:?}"
    ))
}

fn bytes(output: Output) -> Result<Bytes, SealError> {
    match output {
        Output::Bytes(bytes) => Ok(bytes),
        other => Err(unexpected(&other)),
    }
}

#[async_trait]
impl Sealer for Manager {
    async fn add_piece(
        &self,
        sector: SectorRef,
        existing: Vec<UnpaddedPieceSize>,
        size: UnpaddedPieceSize,
        data: PieceData,
    ) -> Result<PieceInfo, SealError> {
        self.write_piece(sector, existing, size, data).await
    }

    async fn seal_pre_commit1(
        &self,
        sector: SectorRef,
        ticket: Randomness,
        pieces: Vec<PieceInfo>,
    ) -> Result<Bytes, SealError> {
        let files = Files {
            existing: UNSEALED,
            allocate: SEALED.union(CACHE),
            ..Files::default()
        };
        let key = key(Kind::PreCommit1, sector.id, &(ticket, &pieces));
        let output = self.once(
            key,
            Kind::PreCommit1,
            &sector,
            TaskType::PRE_COMMIT1,
            files,
            |at| {
                let pieces = pieces.clone();
                async move { at.api.seal_pre_commit1(sector, ticket.into(), pieces).await }
            },
        );
        bytes(output.await?)
    }

    async fn seal_pre_commit2(
        &self,
        sector: SectorRef,
        phase1: Bytes,
    ) -> Result<SectorCids, SealError> {
        let files = Files {
            existing: SEALED.union(CACHE),
            exclusive: true,
            ..Files::default()
        };
        let key = key(Kind::PreCommit2, sector.id, &phase1);
        let output = self.once(
            key,
            Kind::PreCommit2,
            &sector,
            TaskType::PRE_COMMIT2,
            files,
            |at| {
                let phase1 = phase1.clone();
                async move { at.api.seal_pre_commit2(sector, phase1).await }
            },
        );
        match output.await? {
            Output::Cids(cids) => Ok(cids),
            other => Err(unexpected(&other)),
        }
    }

    async fn seal_commit1(
        &self,
        sector: SectorRef,
        ticket: Randomness,
        seed: Randomness,
        pieces: Vec<PieceInfo>,
        cids: SectorCids,
    ) -> Result<Bytes, SealError> {
        let files = Files {
            existing: SEALED.union(CACHE),
            ..Files::default()
        };
        let key = key(Kind::Commit1, sector.id, &(ticket, seed, &pieces, &cids));
        let output = self.once(
            key,
            Kind::Commit1,
            &sector,
            TaskType::COMMIT1,
            files,
            |at| {
                let (pieces, cids) = (pieces.clone(), cids.clone());
                async move {
                    at.api
                        .seal_commit1(sector, ticket.into(), seed.into(), pieces, cids)
                        .await
                }
            },
        );
        bytes(output.await?)
    }

    async fn seal_commit2(&self, sector: SectorRef, phase1: Bytes) -> Result<Bytes, SealError> {
        let key = key(Kind::Commit2, sector.id, &phase1);
        let files = Files::default();
        let output = self.once(
            key,
            Kind::Commit2,
            &sector,
            TaskType::COMMIT2,
            files,
            |at| {
                let phase1 = phase1.clone();
                async move { at.api.seal_commit2(sector, phase1).await }
            },
        );
        bytes(output.await?)
    }

    async fn aggregate(
        &self,
        info: AggregateSealVerifyInfo,
        proofs: Vec<Bytes>,
    ) -> Result<Bytes, SealError> {
        let prover = Arc::clone(&self.0.deps.prover);
        let proofs: Vec<Vec<u8>> = proofs.into_iter().map(Bytes::into_vec).collect();
        let done =
            tokio::task::spawn_blocking(move || prover.aggregate_seal_proofs(&info, &proofs));
        match done.await {
            Ok(aggregate) => Ok(aggregate?.into()),
            Err(error) => Err(SealError::Temporary(error.to_string())),
        }
    }

    async fn finalize_sector(
        &self,
        sector: SectorRef,
        keep_unsealed: bool,
    ) -> Result<(), SealError> {
        let has_unsealed = !self
            .0
            .deps
            .index
            .find(sector.id, UNSEALED, 0, false)
            .is_empty();
        if has_unsealed && !keep_unsealed {
            let files = Files {
                existing: UNSEALED,
                exclusive: true,
                ..Files::default()
            };
            let key = key(Kind::ReleaseUnsealed, sector.id, &());
            let task = TaskType::FINALIZE_UNSEALED;
            self.once(
                key,
                Kind::ReleaseUnsealed,
                &sector,
                task,
                files,
                |at| async move { at.api.release_unsealed(sector, Vec::<Range>::new()).await },
            )
            .await?;
        }
        let files = Files {
            existing: CACHE,
            exclusive: true,
            ..Files::default()
        };
        let trim = key(Kind::Finalize, sector.id, &());
        self.once(
            trim,
            Kind::Finalize,
            &sector,
            TaskType::FINALIZE,
            files,
            |at| async move { at.api.finalize_sector(sector).await },
        )
        .await?;
        let mut types = SEALED.union(CACHE);
        if has_unsealed && keep_unsealed {
            types = types.union(UNSEALED);
        }
        let files = Files {
            existing: types,
            long_term: true,
            exclusive: true,
            ..Files::default()
        };
        let moving = key(Kind::Move, sector.id, &types.0);
        self.once(
            moving,
            Kind::Move,
            &sector,
            TaskType::FETCH,
            files,
            |at| async move { at.api.move_storage(sector, types).await },
        )
        .await?;
        // The sector goes on: nobody asks for these results again.
        self.0.deps.work.forget_results(sector.id)
    }

    async fn remove(&self, sector: SectorId) -> Result<(), SealError> {
        let all = SectorFileType::KINDS
            .into_iter()
            .fold(SectorFileType::NONE, SectorFileType::union);
        let workers: Vec<_> = {
            let state = self.0.state.lock();
            state
                .workers
                .values()
                .map(|h| Arc::clone(&h.place.api))
                .collect()
        };
        for worker in workers {
            worker
                .remove(sector)
                .await
                .map_err(|e| SealError::Temporary(e.to_string()))?;
        }
        self.0.deps.store.remove_everywhere(sector, all).await?;
        self.0.deps.work.forget_results(sector)
    }
}
