//! The storage index: which files lie where, and who uses them.

use std::collections::BTreeMap;

use lotus_types::{ActorId, SectorId, SectorSize};

use crate::{
    Permission, rpc_api,
    types::storage::{
        Decl, FsStat, HealthReport, PathType, SectorFileType, SectorLocks, SectorStorageInfo,
        StorageId, StorageInfo,
    },
};

rpc_api! {
    /// The storage index.
    pub trait StorageIndexApi {
        /// Announces a path, or what changed of it.
        #[method("StorageAttach", Admin)]
        fn storage_attach(info: StorageInfo, stat: FsStat);
        /// Takes a path away; `url` only, when it has others.
        #[method("StorageDetach", Admin)]
        fn storage_detach(id: StorageId, url: String);
        /// A path.
        #[method("StorageInfo", Admin)]
        fn storage_info(id: StorageId) -> StorageInfo;
        /// Tells how a path does.
        #[method("StorageReportHealth", Admin)]
        fn storage_report_health(id: StorageId, report: HealthReport);
        /// Files lie in a path.
        #[method("StorageDeclareSector", Admin)]
        fn storage_declare_sector(
            id: StorageId, sector: SectorId, types: SectorFileType, primary: bool
        );
        /// Files no longer lie in a path.
        #[method("StorageDropSector", Admin)]
        fn storage_drop_sector(id: StorageId, sector: SectorId, types: SectorFileType);
        /// Where files of a sector lie; with `allow_fetch` also where they could be brought.
        #[method("StorageFindSector", Admin)]
        fn storage_find_sector(
            sector: SectorId, types: SectorFileType, size: SectorSize, allow_fetch: bool
        ) -> Vec<SectorStorageInfo>;
        /// Paths for new files, best first.
        #[method("StorageBestAlloc", Admin)]
        fn storage_best_alloc(
            types: SectorFileType, size: SectorSize, path_type: PathType; miner: ActorId
        ) -> Vec<StorageInfo>;
        /// Answers when the locks are had; they are held as long as the connection lives.
        #[method("StorageLock", Admin, Waits)]
        fn storage_lock(sector: SectorId, read: SectorFileType, write: SectorFileType);
        /// The same, at once or not at all.
        #[method("StorageTryLock", Admin)]
        fn storage_try_lock(sector: SectorId, read: SectorFileType, write: SectorFileType) -> bool;
        /// All locks.
        #[method("StorageGetLocks", Admin)]
        fn storage_get_locks() -> SectorLocks;
        /// What lies where.
        #[method("StorageList", Admin)]
        fn storage_list() -> BTreeMap<StorageId, Vec<Decl>>;
        /// Directories of the miner's own paths.
        #[method("StorageLocal", Admin)]
        fn storage_local() -> BTreeMap<StorageId, String>;
        /// Room in a path.
        #[method("StorageStat", Admin)]
        fn storage_stat(id: StorageId) -> FsStat;
        /// Adds a path of the miner's own.
        #[method("StorageAddLocal", Admin)]
        fn storage_add_local(path: String);
        /// Takes a path of the miner's own away.
        #[method("StorageDetachLocal", Admin)]
        fn storage_detach_local(path: String);
        /// Declares what lies in a path (or in all) again.
        #[method("StorageRedeclareLocal", Admin)]
        fn storage_redeclare_local(id: Option<StorageId>, drop_missing: bool);
        /// The permissions of a token, for those who serve files.
        #[method("StorageAuthVerify", Read)]
        fn storage_auth_verify(token: String) -> Vec<Permission>;
    }
}
