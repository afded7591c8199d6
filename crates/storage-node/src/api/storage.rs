//! The storage index, and the miner's own paths.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use lotus_rpc_api::{
    Permission, RpcError,
    miner::StorageIndexApi,
    node::CommonApi as _,
    types::storage::{
        Decl, FsStat, HealthReport, PathType, SectorFileType, SectorLocks, SectorStorageInfo,
        StorageId, StorageInfo,
    },
};
use lotus_sealer::layout::{LocalPath, StorageConfig, read_json, write_json};
use lotus_types::{ActorId, SectorId, SectorSize};

use super::{Answer, StorageMinerApi, Told as _};

/// Changes `storage.json`, which may not be there yet.
fn edit(file: &Path, change: impl FnOnce(&mut Vec<LocalPath>)) -> std::io::Result<()> {
    let mut config: StorageConfig = match read_json(file) {
        Ok(config) => config,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => StorageConfig::default(),
        Err(error) => return Err(error),
    };
    change(&mut config.storage_paths);
    write_json(file, &config)
}

impl StorageMinerApi {
    fn note(&self, change: impl FnOnce(&mut Vec<LocalPath>)) -> Answer<()> {
        let Some(file) = &self.0.storage_file else {
            return Ok(());
        };
        edit(file, change).map_err(|e| RpcError::new(format_args!("{}: {e}", file.display())))
    }
}

#[async_trait]
impl StorageIndexApi for StorageMinerApi {
    async fn storage_attach(&self, info: StorageInfo, stat: FsStat) -> Answer<()> {
        self.0.index.storage_attach(info, stat).await
    }

    async fn storage_detach(&self, id: StorageId, url: String) -> Answer<()> {
        self.0.index.storage_detach(id, url).await
    }

    async fn storage_info(&self, id: StorageId) -> Answer<StorageInfo> {
        self.0.index.storage_info(id).await
    }

    async fn storage_report_health(&self, id: StorageId, report: HealthReport) -> Answer<()> {
        self.0.index.storage_report_health(id, report).await
    }

    async fn storage_declare_sector(
        &self,
        id: StorageId,
        sector: SectorId,
        types: SectorFileType,
        primary: bool,
    ) -> Answer<()> {
        let index = &self.0.index;
        index
            .storage_declare_sector(id, sector, types, primary)
            .await
    }

    async fn storage_drop_sector(
        &self,
        id: StorageId,
        sector: SectorId,
        types: SectorFileType,
    ) -> Answer<()> {
        self.0.index.storage_drop_sector(id, sector, types).await
    }

    async fn storage_find_sector(
        &self,
        sector: SectorId,
        types: SectorFileType,
        size: SectorSize,
        allow_fetch: bool,
    ) -> Answer<Vec<SectorStorageInfo>> {
        let index = &self.0.index;
        index
            .storage_find_sector(sector, types, size, allow_fetch)
            .await
    }

    async fn storage_best_alloc(
        &self,
        types: SectorFileType,
        size: SectorSize,
        path_type: PathType,
        miner: Option<ActorId>,
    ) -> Answer<Vec<StorageInfo>> {
        let index = &self.0.index;
        index
            .storage_best_alloc(types, size, path_type, miner)
            .await
    }

    async fn storage_get_locks(&self) -> Answer<SectorLocks> {
        self.0.index.storage_get_locks().await
    }

    async fn storage_list(&self) -> Answer<BTreeMap<StorageId, Vec<Decl>>> {
        self.0.index.storage_list().await
    }

    async fn storage_local(&self) -> Answer<BTreeMap<StorageId, String>> {
        let paths = self.0.store.paths().into_iter();
        Ok(paths.map(|p| (p.id, p.local_path)).collect())
    }

    async fn storage_stat(&self, id: StorageId) -> Answer<FsStat> {
        self.0.index.storage_stat(id).await
    }

    async fn storage_add_local(&self, path: String) -> Answer<()> {
        let path = PathBuf::from(path);
        self.0.store.open_path(&path).await.told()?;
        self.note(|paths| {
            if paths.iter().all(|p| p.path != path) {
                paths.push(LocalPath { path });
            }
        })
    }

    async fn storage_detach_local(&self, path: String) -> Answer<()> {
        let path = PathBuf::from(path);
        self.0.store.close_path(&path).await.told()?;
        self.note(|paths| paths.retain(|p| p.path != path))
    }

    async fn storage_redeclare_local(
        &self,
        id: Option<StorageId>,
        drop_missing: bool,
    ) -> Answer<()> {
        self.0
            .store
            .redeclare(id.as_ref(), drop_missing)
            .await
            .told()
    }

    async fn storage_auth_verify(&self, token: String) -> Answer<Vec<Permission>> {
        self.0.process.auth_verify(token).await
    }
}
