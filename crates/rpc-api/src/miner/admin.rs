//! The miner's actor, its proofs, its workers.

use std::collections::BTreeMap;

use lotus_actors::miner::params::SubmitWindowedPoStParams;
use lotus_types::{
    Address, Bytes, ChainEpoch, Cid, ExtendedSectorInfo, PieceInfo, PoStProof, RegisteredPoStProof,
    SectorNumber, SectorSize, Tipset, TipsetKey, TokenAmount,
    sector::{SectorRef, UnpaddedPieceSize},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    rpc_api,
    types::{
        market::AddressConfig,
        worker::{CallId, PieceData, WorkerJob, WorkerStats},
    },
};

rpc_api! {
    /// The miner's actor.
    pub trait ActorApi {
        /// Its address.
        #[method("ActorAddress", Read)]
        fn actor_address() -> Address;
        /// Size of a miner's sectors.
        #[method("ActorSectorSize", Read)]
        fn actor_sector_size(miner: Address) -> SectorSize;
        /// Who sends which messages.
        #[method("ActorAddressConfig", Read)]
        fn actor_address_config() -> AddressConfig;
        /// Sends FIL to the owner.
        #[method("ActorWithdrawBalance", Admin)]
        fn actor_withdraw_balance(amount: TokenAmount) -> Cid;
        /// Sends FIL to the beneficiary.
        #[method("BeneficiaryWithdrawBalance", Admin)]
        fn beneficiary_withdraw_balance(amount: TokenAmount) -> Cid;
        /// The tipset that is mined on.
        #[method("MiningBase", Read)]
        fn mining_base() -> Tipset;
        /// Parts that run in this process.
        #[method("RuntimeSubsystems", Read)]
        fn runtime_subsystems() -> Vec<String>;
        /// Copies the miner's metadata to a file.
        #[method("CreateBackup", Admin)]
        fn create_backup(path: String);
    }
}

rpc_api! {
    /// Sealing and proving by hand.
    pub trait SealingApi {
        /// Proves a deadline; sends nothing.
        #[method("ComputeWindowPoSt", Admin, Waits)]
        fn compute_window_post(deadline: u64, key: TipsetKey) -> Vec<SubmitWindowedPoStParams>;
        /// Proves sectors as at an election.
        #[method("ComputeProof", Read, Waits)]
        fn compute_proof(
            sectors: Vec<ExtendedSectorInfo>, randomness: Bytes, epoch: ChainEpoch, version: u32
        ) -> Vec<PoStProof>;
        /// CommP of data.
        #[method("ComputeDataCid", Admin, Waits)]
        fn compute_data_cid(size: UnpaddedPieceSize, data: PieceData) -> PieceInfo;
        /// Sectors that could not be proven now, and why.
        #[method("CheckProvable", Admin, Waits)]
        fn check_provable(
            proof: RegisteredPoStProof, sectors: Vec<SectorRef>
        ) -> BTreeMap<SectorNumber, String>;
        /// Declares sectors to be proven again.
        #[method("RecoverFault", Admin)]
        fn recover_fault(sectors: Vec<SectorNumber>) -> Vec<Cid>;
        /// What the scheduler does and why; with a round of scheduling first when asked.
        #[method("SealingSchedDiag", Admin)]
        fn sealing_sched_diag(schedule: bool) -> Value;
        /// Gives a worker's call up.
        #[method("SealingAbort", Admin)]
        fn sealing_abort(call: CallId);
        /// Takes a request out of the scheduler's queue.
        #[method("SealingRemoveRequest", Admin)]
        fn sealing_remove_request(id: Uuid);
    }
}

rpc_api! {
    /// Workers.
    pub trait WorkersApi {
        /// Takes the worker at this URL into service.
        #[method("WorkerConnect", Admin)]
        fn worker_connect(url: String);
        /// All workers by their session.
        #[method("WorkerStats", Admin)]
        fn worker_stats() -> BTreeMap<Uuid, WorkerStats>;
        /// Running work by the worker's session.
        #[method("WorkerJobs", Admin)]
        fn worker_jobs() -> BTreeMap<Uuid, Vec<WorkerJob>>;
    }
}
