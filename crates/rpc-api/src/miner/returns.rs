//! Where workers send the results of their calls. Either `error` is given or the result counts.

use lotus_types::{Bytes, PieceInfo, sector::SectorCids};

use crate::{
    rpc_api,
    types::{
        go::Lenient,
        worker::{CallError, CallId, ReplicaUpdateOut, ReplicaVanillaProofs},
    },
};

rpc_api! {
    /// Results of workers' calls. A result that is nothing without an error is a broken worker's.
    pub trait WorkerReturnApi {
        /// Of `DataCid`.
        #[method("ReturnDataCid", Admin)]
        fn return_data_cid(call: CallId, piece: Lenient<PieceInfo>, error: Option<CallError>);
        /// Of `AddPiece`.
        #[method("ReturnAddPiece", Admin)]
        fn return_add_piece(call: CallId, piece: Lenient<PieceInfo>, error: Option<CallError>);
        /// Of `SealPreCommit1`.
        #[method("ReturnSealPreCommit1", Admin)]
        fn return_seal_pre_commit1(call: CallId, out: Bytes, error: Option<CallError>);
        /// Of `SealPreCommit2`.
        #[method("ReturnSealPreCommit2", Admin)]
        fn return_seal_pre_commit2(
            call: CallId, cids: Lenient<SectorCids>, error: Option<CallError>
        );
        /// Of `SealCommit1`.
        #[method("ReturnSealCommit1", Admin)]
        fn return_seal_commit1(call: CallId, out: Bytes, error: Option<CallError>);
        /// Of `SealCommit2`.
        #[method("ReturnSealCommit2", Admin)]
        fn return_seal_commit2(call: CallId, proof: Bytes, error: Option<CallError>);
        /// Of `FinalizeSector`.
        #[method("ReturnFinalizeSector", Admin)]
        fn return_finalize_sector(call: CallId, error: Option<CallError>);
        /// Of `ReleaseUnsealed`.
        #[method("ReturnReleaseUnsealed", Admin)]
        fn return_release_unsealed(call: CallId, error: Option<CallError>);
        /// Of `ReplicaUpdate`.
        #[method("ReturnReplicaUpdate", Admin)]
        fn return_replica_update(
            call: CallId, out: Lenient<ReplicaUpdateOut>, error: Option<CallError>
        );
        /// Of `ProveReplicaUpdate1`.
        #[method("ReturnProveReplicaUpdate1", Admin)]
        fn return_prove_replica_update1(
            call: CallId, proofs: ReplicaVanillaProofs, error: Option<CallError>
        );
        /// Of `ProveReplicaUpdate2`.
        #[method("ReturnProveReplicaUpdate2", Admin)]
        fn return_prove_replica_update2(call: CallId, proof: Bytes, error: Option<CallError>);
        /// Of `FinalizeReplicaUpdate`.
        #[method("ReturnFinalizeReplicaUpdate", Admin)]
        fn return_finalize_replica_update(call: CallId, error: Option<CallError>);
        /// Of `GenerateSectorKeyFromData`.
        #[method("ReturnGenerateSectorKeyFromData", Admin)]
        fn return_generate_sector_key_from_data(call: CallId, error: Option<CallError>);
        /// Of `MoveStorage`.
        #[method("ReturnMoveStorage", Admin)]
        fn return_move_storage(call: CallId, error: Option<CallError>);
        /// Of `UnsealPiece`.
        #[method("ReturnUnsealPiece", Admin)]
        fn return_unseal_piece(call: CallId, error: Option<CallError>);
        /// Of `ReadPiece`, which only old workers have.
        #[method("ReturnReadPiece", Admin)]
        fn return_read_piece(call: CallId, ok: bool, error: Option<CallError>);
        /// Of `DownloadSectorData`.
        #[method("ReturnDownloadSector", Admin)]
        fn return_download_sector(call: CallId, error: Option<CallError>);
        /// Of `Fetch`.
        #[method("ReturnFetch", Admin)]
        fn return_fetch(call: CallId, error: Option<CallError>);
    }
}
