//! The worker as the API shows it.

use std::{collections::BTreeMap, sync::Arc, sync::atomic::Ordering};

use async_trait::async_trait;
use lotus_ports::proofs::{Randomness, UnsealRange};
use lotus_rpc_api::{
    ErrorObject, RpcError, code,
    types::{
        go::Empty,
        node::ApiVersion,
        storage::{AcquireMode, PathType, SectorFileType, StorageId, StoragePath},
        worker::{CallId, PieceData as ApiData, Range, TaskType, WorkerInfo},
    },
    worker::{WorkerApi, WorkerCallsApi},
};
use lotus_types::{
    Bytes, Cid, PieceInfo, SectorId,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize},
};
use tokio_util::io::SyncIoBridge;
use uuid::Uuid;

use super::{LocalWorker, WorkerDeps, machine, steps};
use crate::{
    PieceData, SealError,
    calls::{Kind, Output},
};

fn answer(error: impl std::fmt::Display) -> RpcError {
    RpcError::Answered(ErrorObject::new(code::METHOD, error))
}

fn randomness(bytes: &Bytes) -> Result<Randomness, RpcError> {
    bytes
        .as_ref()
        .try_into()
        .map_err(|_| answer("randomness has 32 bytes"))
}

/// Data as they come with a call. A pushed stream is waited for.
async fn received(deps: &WorkerDeps, data: ApiData) -> Result<PieceData, SealError> {
    match data {
        ApiData::Null(_) => Ok(PieceData::Zeros),
        ApiData::Push(id) => {
            let streams = deps.streams.as_ref().ok_or_else(|| {
                SealError::Failed("this worker has no server that takes data".to_owned())
            })?;
            let stream = streams.open(id).await;
            let stream = stream.map_err(|e| SealError::Temporary(e.to_string()))?;
            Ok(PieceData::Reader(Box::new(SyncIoBridge::new(stream))))
        }
        ApiData::Http(_) => Err(SealError::Failed(
            "fetching pieces from a URL is not supported".to_owned(),
        )),
    }
}

#[async_trait]
impl WorkerApi for LocalWorker {
    async fn version(&self) -> Result<u32, RpcError> {
        Ok(ApiVersion::WORKER)
    }

    async fn shutdown(&self) -> Result<(), RpcError> {
        let stop = self.deps.shutdown.as_ref();
        let stop = stop.ok_or_else(|| RpcError::not_supported("Filecoin.Shutdown"))?;
        stop.cancel();
        Ok(())
    }

    async fn storage_redeclare_local(
        &self,
        id: Option<StorageId>,
        drop_missing: bool,
    ) -> Result<(), RpcError> {
        let declared = self.deps.store.redeclare(id.as_ref(), drop_missing);
        declared.await.map_err(answer)
    }

    async fn info(&self) -> Result<WorkerInfo, RpcError> {
        Ok(WorkerInfo {
            hostname: self.deps.hostname.clone(),
            ignore_resources: self.deps.ignore_resources,
            resources: machine::measure(&self.deps.resources),
        })
    }

    async fn session(&self) -> Result<Uuid, RpcError> {
        Ok(self.current_session())
    }

    async fn process_session(&self) -> Result<Uuid, RpcError> {
        Ok(self.process)
    }

    async fn enabled(&self) -> Result<bool, RpcError> {
        Ok(self.enabled.load(Ordering::SeqCst))
    }

    async fn set_enabled(&self, enabled: bool) -> Result<(), RpcError> {
        Self::set_enabled(self, enabled);
        Ok(())
    }

    async fn wait_quiet(&self) -> Result<(), RpcError> {
        self.quiet().await;
        Ok(())
    }

    async fn task_types(&self) -> Result<BTreeMap<TaskType, Empty>, RpcError> {
        if !self.enabled.load(Ordering::SeqCst) {
            return Ok(BTreeMap::new());
        }
        Ok(self
            .tasks
            .read()
            .iter()
            .map(|t| (t.clone(), Empty {}))
            .collect())
    }

    async fn task_disable(&self, task: TaskType) -> Result<(), RpcError> {
        self.tasks.write().remove(&task);
        Ok(())
    }

    async fn task_enable(&self, task: TaskType) -> Result<(), RpcError> {
        if !TaskType::ALL.contains(&task) {
            return Err(answer(format!("there is no task type {task}")));
        }
        self.tasks.write().insert(task);
        Ok(())
    }

    async fn paths(&self) -> Result<Vec<StoragePath>, RpcError> {
        Ok(self.deps.store.paths())
    }

    async fn storage_add_local(&self, path: String) -> Result<(), RpcError> {
        self.deps
            .store
            .open_path(path.as_ref())
            .await
            .map(|_| ())
            .map_err(answer)
    }

    async fn storage_detach_local(&self, path: String) -> Result<(), RpcError> {
        self.deps
            .store
            .close_path(path.as_ref())
            .await
            .map_err(answer)
    }

    async fn storage_detach_all(&self) -> Result<(), RpcError> {
        for path in self.deps.store.paths() {
            self.deps
                .store
                .close_path(path.local_path.as_ref())
                .await
                .map_err(answer)?;
        }
        Ok(())
    }

    async fn storage_local(&self) -> Result<BTreeMap<StorageId, String>, RpcError> {
        Ok(self
            .deps
            .store
            .paths()
            .into_iter()
            .map(|p| (p.id, p.local_path))
            .collect())
    }

    async fn remove(&self, sector: SectorId) -> Result<(), RpcError> {
        let all = SectorFileType::KINDS
            .into_iter()
            .fold(SectorFileType::NONE, SectorFileType::union);
        self.deps
            .store
            .remove(sector, all, &[])
            .await
            .map_err(answer)
    }
}

#[async_trait]
impl WorkerCallsApi for LocalWorker {
    async fn add_piece(
        &self,
        sector: SectorRef,
        pieces: Vec<UnpaddedPieceSize>,
        size: UnpaddedPieceSize,
        data: ApiData,
    ) -> Result<CallId, RpcError> {
        let deps = Arc::clone(&self.deps);
        self.call(sector.id, Kind::AddPiece, async move {
            let data = received(&deps, data).await?;
            let piece = steps::add_piece(&deps, sector, pieces, size, data).await?;
            Ok(Output::Piece(piece))
        })
        .map_err(answer)
    }

    async fn seal_pre_commit1(
        &self,
        sector: SectorRef,
        ticket: Bytes,
        pieces: Vec<PieceInfo>,
    ) -> Result<CallId, RpcError> {
        let (deps, ticket) = (Arc::clone(&self.deps), randomness(&ticket)?);
        self.call(sector.id, Kind::PreCommit1, async move {
            Ok(Output::Bytes(
                steps::pre_commit1(&deps, sector, ticket, pieces).await?,
            ))
        })
        .map_err(answer)
    }

    async fn seal_pre_commit2(&self, sector: SectorRef, out: Bytes) -> Result<CallId, RpcError> {
        let deps = Arc::clone(&self.deps);
        self.call(sector.id, Kind::PreCommit2, async move {
            Ok(Output::Cids(steps::pre_commit2(&deps, sector, out).await?))
        })
        .map_err(answer)
    }

    async fn seal_commit1(
        &self,
        sector: SectorRef,
        ticket: Bytes,
        seed: Bytes,
        pieces: Vec<PieceInfo>,
        cids: SectorCids,
    ) -> Result<CallId, RpcError> {
        let deps = Arc::clone(&self.deps);
        let drawn = (randomness(&ticket)?, randomness(&seed)?);
        self.call(sector.id, Kind::Commit1, async move {
            Ok(Output::Bytes(
                steps::commit1(&deps, sector, drawn, pieces, cids).await?,
            ))
        })
        .map_err(answer)
    }

    async fn seal_commit2(&self, sector: SectorRef, out: Bytes) -> Result<CallId, RpcError> {
        let deps = Arc::clone(&self.deps);
        self.call(sector.id, Kind::Commit2, async move {
            Ok(Output::Bytes(steps::commit2(&deps, sector, out).await?))
        })
        .map_err(answer)
    }

    async fn finalize_sector(&self, sector: SectorRef) -> Result<CallId, RpcError> {
        let deps = Arc::clone(&self.deps);
        self.call(sector.id, Kind::Finalize, async move {
            steps::finalize(&deps, sector).await.map(|()| Output::Done)
        })
        .map_err(answer)
    }

    async fn release_unsealed(
        &self,
        sector: SectorRef,
        keep: Vec<Range>,
    ) -> Result<CallId, RpcError> {
        let deps = Arc::clone(&self.deps);
        self.call(sector.id, Kind::ReleaseUnsealed, async move {
            steps::release_unsealed(&deps, sector, !keep.is_empty())
                .await
                .map(|()| Output::Done)
        })
        .map_err(answer)
    }

    async fn move_storage(
        &self,
        sector: SectorRef,
        types: SectorFileType,
    ) -> Result<CallId, RpcError> {
        let deps = Arc::clone(&self.deps);
        self.call(sector.id, Kind::Move, async move {
            deps.store
                .move_to_storage(&sector, types)
                .await
                .map(|()| Output::Done)
        })
        .map_err(answer)
    }

    async fn unseal_piece(
        &self,
        sector: SectorRef,
        offset: u64,
        size: UnpaddedPieceSize,
        ticket: Bytes,
        comm_d: Cid,
    ) -> Result<CallId, RpcError> {
        let (deps, ticket) = (Arc::clone(&self.deps), randomness(&ticket)?);
        let range = UnsealRange { offset, size };
        self.call(sector.id, Kind::Unseal, async move {
            steps::unseal_piece(&deps, sector, range, ticket, comm_d)
                .await
                .map(|()| Output::Done)
        })
        .map_err(answer)
    }

    async fn fetch(
        &self,
        sector: SectorRef,
        types: SectorFileType,
        path_type: PathType,
        mode: AcquireMode,
    ) -> Result<CallId, RpcError> {
        let deps = Arc::clone(&self.deps);
        self.call(sector.id, Kind::Fetch, async move {
            let none = SectorFileType::NONE;
            let got = deps
                .store
                .acquire(&sector, types, none, path_type, mode)
                .await;
            got.map(|_| Output::Done)
        })
        .map_err(answer)
    }
}
