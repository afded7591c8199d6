//! The index as the miner's API offers it to workers, and as the own store uses it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lotus_rpc_api::{
    ErrorObject, RpcError, code,
    miner::StorageIndexApi,
    types::storage::{
        Decl, FsStat, HealthReport, PathType, SectorFileType, SectorLocks, SectorStorageInfo,
        StorageId, StorageInfo,
    },
};
use lotus_types::{ActorId, SectorId, SectorSize};

use super::{Index, NoPath};

fn answer(error: &NoPath) -> RpcError {
    RpcError::Answered(ErrorObject::new(code::METHOD, error))
}

#[async_trait]
impl StorageIndexApi for Index {
    async fn storage_attach(&self, info: StorageInfo, stat: FsStat) -> Result<(), RpcError> {
        self.attach(info, stat);
        Ok(())
    }

    async fn storage_detach(&self, id: StorageId, url: String) -> Result<(), RpcError> {
        self.detach(&id, &url).map_err(|e| answer(&e))
    }

    async fn storage_info(&self, id: StorageId) -> Result<StorageInfo, RpcError> {
        self.info(&id).map_err(|e| answer(&e))
    }

    async fn storage_report_health(
        &self,
        id: StorageId,
        report: HealthReport,
    ) -> Result<(), RpcError> {
        self.report_health(&id, report).map_err(|e| answer(&e))
    }

    async fn storage_declare_sector(
        &self,
        id: StorageId,
        sector: SectorId,
        types: SectorFileType,
        primary: bool,
    ) -> Result<(), RpcError> {
        self.declare(&id, sector, types, primary);
        Ok(())
    }

    async fn storage_drop_sector(
        &self,
        id: StorageId,
        sector: SectorId,
        types: SectorFileType,
    ) -> Result<(), RpcError> {
        self.drop_files(&id, sector, types);
        Ok(())
    }

    async fn storage_find_sector(
        &self,
        sector: SectorId,
        types: SectorFileType,
        size: SectorSize,
        allow_fetch: bool,
    ) -> Result<Vec<SectorStorageInfo>, RpcError> {
        Ok(self.find(sector, types, size, allow_fetch))
    }

    async fn storage_best_alloc(
        &self,
        types: SectorFileType,
        size: SectorSize,
        path_type: PathType,
        miner: Option<ActorId>,
    ) -> Result<Vec<StorageInfo>, RpcError> {
        let best = self.best_alloc(types, size, path_type, miner);
        if best.is_empty() {
            let error = format!("no good path found for {types} of a {size}-byte sector");
            return Err(RpcError::Answered(ErrorObject::new(code::METHOD, error)));
        }
        Ok(best)
    }

    async fn storage_get_locks(&self) -> Result<SectorLocks, RpcError> {
        Ok(self.locks.list())
    }

    async fn storage_list(&self) -> Result<BTreeMap<StorageId, Vec<Decl>>, RpcError> {
        Ok(self.list())
    }

    async fn storage_stat(&self, id: StorageId) -> Result<FsStat, RpcError> {
        self.stat(&id).map_err(|e| answer(&e))
    }
}
