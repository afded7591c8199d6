//! Sealing steps, each on a worker that has the files or can get them.

use std::sync::Arc;

use async_trait::async_trait;
use lotus_ports::proofs::{AggregateSealVerifyInfo, Randomness, UnsealRange};
use lotus_rpc_api::{
    ErrorObject, RpcError, code,
    types::{
        storage::SectorFileType,
        worker::{PieceData as ApiData, Range, TaskType},
    },
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

const UNSEALED: SectorFileType = SectorFileType::UNSEALED;
const SEALED: SectorFileType = SectorFileType::SEALED;
const CACHE: SectorFileType = SectorFileType::CACHE;

/// Names work by what it is and what goes in: the same inputs are the same work.
fn key(kind: Kind, sector: SectorId, inputs: &impl Serialize) -> String {
    let inputs = serde_json::to_vec(inputs).unwrap_or_default();
    format!("{kind:?}/{sector}/{}", Cid::of_raw(&inputs))
}

fn unexpected(output: &Output) -> SealError {
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
        let is_first = existing.is_empty();
        let files = Files {
            existing: if is_first {
                SectorFileType::NONE
            } else {
                UNSEALED
            },
            allocate: if is_first {
                UNSEALED
            } else {
                SectorFileType::NONE
            },
            local_only: !matches!(data, PieceData::Zeros),
            ..Files::default()
        };
        // Zeros are the same work again; other data are not known by any name.
        let key = match &data {
            PieceData::Zeros => key(Kind::AddPiece, sector.id, &(&existing, size)),
            _ => format!(
                "{:?}/{}/{}",
                Kind::AddPiece,
                sector.id,
                uuid::Uuid::new_v4()
            ),
        };
        let mut data = Some(data);
        let output = self.once(
            key,
            Kind::AddPiece,
            &sector,
            TaskType::ADD_PIECE,
            files,
            |api, local| {
                let (existing, data) = (existing.clone(), data.take());
                async move {
                    let used = || {
                        let text = "the worker was restarted while it read a stream";
                        RpcError::Answered(ErrorObject::new(code::METHOD, text))
                    };
                    match (local, data) {
                        (_, None) => Err(used()),
                        (Some(local), Some(data)) => local
                            .add_piece_data(sector, existing, size, data)
                            .map_err(|e| RpcError::Answered(ErrorObject::new(code::METHOD, e))),
                        (None, Some(_)) => {
                            api.add_piece(sector, existing, size, ApiData::Null(size.0))
                                .await
                        }
                    }
                }
            },
        );
        match output.await? {
            Output::Piece(piece) => Ok(piece),
            other => Err(unexpected(&other)),
        }
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
            |api, _| {
                let pieces = pieces.clone();
                async move { api.seal_pre_commit1(sector, ticket.into(), pieces).await }
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
            |api, _| {
                let phase1 = phase1.clone();
                async move { api.seal_pre_commit2(sector, phase1).await }
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
            |api, _| {
                let (pieces, cids) = (pieces.clone(), cids.clone());
                async move {
                    api.seal_commit1(sector, ticket.into(), seed.into(), pieces, cids)
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
            |api, _| {
                let phase1 = phase1.clone();
                async move { api.seal_commit2(sector, phase1).await }
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
                |api, _| async move { api.release_unsealed(sector, Vec::<Range>::new()).await },
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
            |api, _| async move { api.finalize_sector(sector).await },
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
            |api, _| async move { api.move_storage(sector, types).await },
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
            state.workers.values().map(|h| Arc::clone(&h.api)).collect()
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

impl Manager {
    /// Data of a sealed sector as they were added, read by the worker of this process.
    ///
    /// # Errors
    /// [`SealError`].
    pub async fn read_unsealed(
        &self,
        sector: SectorRef,
        range: UnsealRange,
        ticket: Randomness,
        comm_d: Cid,
    ) -> Result<Vec<u8>, SealError> {
        let files = Files {
            existing: SEALED.union(CACHE),
            local_only: true,
            ..Files::default()
        };
        let locks = &self.0.deps.index.locks;
        let _lock = locks
            .lock(sector.id, files.existing, SectorFileType::NONE)
            .await;
        let slot = self.slot(&sector, TaskType::UNSEAL, files).await?;
        let local = slot
            .local
            .clone()
            .ok_or_else(|| SealError::Failed("no worker of this process unseals".to_owned()))?;
        local.read_unsealed(sector, range, ticket, comm_d).await
    }
}

#[cfg(test)]
pub(super) fn key_for_tests(kind: Kind, sector: SectorId, inputs: &impl Serialize) -> String {
    key(kind, sector, inputs)
}
