//! The API of a sealing worker (port 3456, `/rpc/v0`). Every method needs `admin`.
//!
//! Work is accepted with a [`CallId`](crate::types::worker::CallId); the result is sent to the
//! miner's [`WorkerReturnApi`](crate::miner::returns::WorkerReturnApi).

use std::{collections::BTreeMap, sync::Arc};

use lotus_types::{
    ActorId, Bytes, Cid, PieceInfo, PoStProof, RegisteredPoStProof, SectorId,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize},
};
use uuid::Uuid;

use crate::{
    Dispatcher, MethodInfo, rpc_api,
    types::{
        go::Empty,
        storage::{AcquireMode, PathType, SectorFileType, StorageId, StoragePath},
        worker::{
            CallId, PieceData, PostSectorChallenge, Range, ReplicaVanillaProofs,
            SectorDataLocation, TaskType, WindowPoStResult, WorkerInfo,
        },
    },
};

rpc_api! {
    /// A worker itself: what it is and does.
    pub trait WorkerApi {
        /// Version of the worker API (not of the program).
        #[method("Version", Admin)]
        fn version() -> u32;
        /// The machine and its resources.
        #[method("Info", Admin)]
        fn info() -> WorkerInfo;
        /// A UUID that is new at every start and when the worker is enabled again.
        #[method("Session", Admin)]
        fn session() -> Uuid;
        /// A UUID that is new at every start.
        #[method("ProcessSession", Admin)]
        fn process_session() -> Uuid;
        /// Ends the worker.
        #[method("Shutdown", Admin)]
        fn shutdown();
        /// Does it take work?
        #[method("Enabled", Admin)]
        fn enabled() -> bool;
        /// Lets it take work, or not.
        #[method("SetEnabled", Admin)]
        fn set_enabled(enabled: bool);
        /// Answers once nothing runs.
        #[method("WaitQuiet", Admin, Waits)]
        fn wait_quiet();
        /// Kinds of work that it does.
        #[method("TaskTypes", Admin)]
        fn task_types() -> BTreeMap<TaskType, Empty>;
        /// Takes a kind of work away.
        #[method("TaskDisable", Admin)]
        fn task_disable(task: TaskType);
        /// Adds a kind of work.
        #[method("TaskEnable", Admin)]
        fn task_enable(task: TaskType);
        /// Its storage paths.
        #[method("Paths", Admin)]
        fn paths() -> Vec<StoragePath>;
        /// Adds a storage path.
        #[method("StorageAddLocal", Admin)]
        fn storage_add_local(path: String);
        /// Takes a storage path away.
        #[method("StorageDetachLocal", Admin)]
        fn storage_detach_local(path: String);
        /// Takes all storage paths away from the miner's index.
        #[method("StorageDetachAll", Admin)]
        fn storage_detach_all();
        /// Directories of its storage paths.
        #[method("StorageLocal", Admin)]
        fn storage_local() -> BTreeMap<StorageId, String>;
        /// Declares what lies in a path (or in all) again.
        #[method("StorageRedeclareLocal", Admin)]
        fn storage_redeclare_local(id: Option<StorageId>, drop_missing: bool);
        /// Removes all files of a sector.
        #[method("Remove", Admin)]
        fn remove(sector: SectorId);
    }
}

rpc_api! {
    /// The work of a worker.
    pub trait WorkerCallsApi {
        /// Computes CommP of data.
        #[method("DataCid", Admin)]
        fn data_cid(size: UnpaddedPieceSize, data: PieceData) -> CallId;
        /// Puts a piece behind those that are in the sector.
        #[method("AddPiece", Admin)]
        fn add_piece(
            sector: SectorRef, pieces: Vec<UnpaddedPieceSize>, size: UnpaddedPieceSize,
            data: PieceData
        ) -> CallId;
        /// Labels and encodes.
        #[method("SealPreCommit1", Admin)]
        fn seal_pre_commit1(sector: SectorRef, ticket: Bytes, pieces: Vec<PieceInfo>) -> CallId;
        /// Builds the trees.
        #[method("SealPreCommit2", Admin)]
        fn seal_pre_commit2(sector: SectorRef, pre_commit1: Bytes) -> CallId;
        /// Collects the challenged labels.
        #[method("SealCommit1", Admin)]
        fn seal_commit1(
            sector: SectorRef, ticket: Bytes, seed: Bytes, pieces: Vec<PieceInfo>, cids: SectorCids
        ) -> CallId;
        /// Makes the proof.
        #[method("SealCommit2", Admin)]
        fn seal_commit2(sector: SectorRef, commit1: Bytes) -> CallId;
        /// Trims what sealing alone needed.
        #[method("FinalizeSector", Admin)]
        fn finalize_sector(sector: SectorRef) -> CallId;
        /// The same for an upgraded sector.
        #[method("FinalizeReplicaUpdate", Admin)]
        fn finalize_replica_update(sector: SectorRef) -> CallId;
        /// Drops the unsealed data, except the parts to be kept.
        #[method("ReleaseUnsealed", Admin)]
        fn release_unsealed(sector: SectorRef, keep: Vec<Range>) -> CallId;
        /// Moves files to long-term storage.
        #[method("MoveStorage", Admin)]
        fn move_storage(sector: SectorRef, types: SectorFileType) -> CallId;
        /// Recomputes a part of the data.
        #[method("UnsealPiece", Admin)]
        fn unseal_piece(
            sector: SectorRef, offset: u64, size: UnpaddedPieceSize, ticket: Bytes, comm_d: Cid
        ) -> CallId;
        /// Gets files into a path of its own.
        #[method("Fetch", Admin)]
        fn fetch(
            sector: SectorRef, types: SectorFileType, path_type: PathType, mode: AcquireMode
        ) -> CallId;
        /// Gets a sector that was sealed elsewhere.
        #[method("DownloadSectorData", Admin)]
        fn download_sector_data(
            sector: SectorRef, finalized: bool, sources: BTreeMap<SectorFileType, SectorDataLocation>
        ) -> CallId;
        /// Upgrades a sector with data.
        #[method("ReplicaUpdate", Admin)]
        fn replica_update(sector: SectorRef, pieces: Vec<PieceInfo>) -> CallId;
        /// Collects the challenges of an upgrade.
        #[method("ProveReplicaUpdate1", Admin)]
        fn prove_replica_update1(
            sector: SectorRef, sector_key: Cid, new_sealed: Cid, new_unsealed: Cid
        ) -> CallId;
        /// Proves an upgrade.
        #[method("ProveReplicaUpdate2", Admin)]
        fn prove_replica_update2(
            sector: SectorRef, sector_key: Cid, new_sealed: Cid, new_unsealed: Cid,
            vanilla: ReplicaVanillaProofs
        ) -> CallId;
        /// Undoes an upgrade.
        #[method("GenerateSectorKeyFromData", Admin)]
        fn generate_sector_key_from_data(sector: SectorRef, comm_d: Cid) -> CallId;
        /// Proves a partition of a deadline. Answers with the proof itself.
        #[method("GenerateWindowPoSt", Admin, Waits)]
        fn generate_window_post(
            proof: RegisteredPoStProof, miner: ActorId, sectors: Vec<PostSectorChallenge>,
            partition: u64, randomness: Bytes
        ) -> WindowPoStResult;
        /// Proves at an election. Answers with the proofs themselves.
        #[method("GenerateWinningPoSt", Admin, Waits)]
        fn generate_winning_post(
            proof: RegisteredPoStProof, miner: ActorId, sectors: Vec<PostSectorChallenge>,
            randomness: Bytes
        ) -> Vec<PoStProof>;
    }
}

/// A whole worker.
pub trait Worker: WorkerApi + WorkerCallsApi + 'static {}
impl<T: WorkerApi + WorkerCallsApi + ?Sized + 'static> Worker for T {}

/// All methods of a worker.
pub fn methods() -> impl Iterator<Item = &'static MethodInfo> {
    <dyn WorkerApi>::METHODS
        .iter()
        .chain(<dyn WorkerCallsApi>::METHODS)
}

/// Binds a worker to its methods.
pub fn dispatcher<W: Worker + ?Sized>(worker: Arc<W>) -> Dispatcher {
    Dispatcher::new()
        .with(<dyn WorkerApi>::handlers(Arc::clone(&worker)))
        .with(<dyn WorkerCallsApi>::handlers(worker))
}
