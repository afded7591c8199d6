//! Sectors and what is done with them.

use std::collections::BTreeMap;

use lotus_types::{
    BitField, Bytes, Cid, SectorId, SectorNumber,
    sector::{SectorRef, UnpaddedPieceSize},
};
use serde_json::Value;

use crate::{
    rpc_api,
    types::{
        go::Nanos,
        market::{PieceDealInfo, SealedRef, SectorOffset},
        sealing::{CommitBatchRes, NumAssignerMeta, PreCommitBatchRes, SectorState, SectorStatus},
        worker::PieceData,
    },
};

rpc_api! {
    /// Sectors.
    pub trait SectorsApi {
        /// Seals a sector without data.
        #[method("PledgeSector", Write)]
        fn pledge_sector() -> SectorId;
        /// A sector; with what the chain knows of it when asked.
        #[method("SectorsStatus", Read)]
        fn sectors_status(sector: SectorNumber, on_chain: bool) -> SectorStatus;
        /// All sectors.
        #[method("SectorsList", Read)]
        fn sectors_list() -> Vec<SectorNumber>;
        /// Sectors in some states.
        #[method("SectorsListInStates", Read)]
        fn sectors_list_in_states(states: Vec<SectorState>) -> Vec<SectorNumber>;
        /// How many sectors are in each state.
        #[method("SectorsSummary", Read)]
        fn sectors_summary() -> BTreeMap<SectorState, i64>;
        /// Where deals' pieces lie, by the deal's number.
        #[method("SectorsRefs", Read)]
        fn sectors_refs() -> BTreeMap<String, Vec<SealedRef>>;
        /// Puts a sector into a state by force.
        #[method("SectorsUpdate", Admin)]
        fn sectors_update(sector: SectorNumber, state: SectorState);
        /// Makes a part of a sector's data readable.
        #[method("SectorsUnsealPiece", Admin, Waits)]
        fn sectors_unseal_piece(
            sector: SectorRef, offset: u64, size: UnpaddedPieceSize, ticket: Bytes,
            comm_d: Option<Cid>
        );
        /// Puts a piece into any sector.
        #[method("SectorAddPieceToAny", Admin, Waits)]
        fn sector_add_piece_to_any(
            size: UnpaddedPieceSize, data: PieceData, deal: PieceDealInfo
        ) -> SectorOffset;
        /// Seals a sector without waiting for more pieces.
        #[method("SectorStartSealing", Write)]
        fn sector_start_sealing(sector: SectorNumber);
        /// How long a sector waits for more pieces.
        #[method("SectorSetSealDelay", Write)]
        fn sector_set_seal_delay(delay: Nanos);
        /// How long a sector waits for more pieces.
        #[method("SectorGetSealDelay", Read)]
        fn sector_get_seal_delay() -> Nanos;
        /// How long sealing takes, for deals' start.
        #[method("SectorSetExpectedSealDuration", Write)]
        fn sector_set_expected_seal_duration(duration: Nanos);
        /// How long sealing takes, for deals' start.
        #[method("SectorGetExpectedSealDuration", Read)]
        fn sector_get_expected_seal_duration() -> Nanos;
        /// Removes a sector's files without terminating it on chain.
        #[method("SectorRemove", Admin)]
        fn sector_remove(sector: SectorNumber);
        /// Terminates a sector on chain, then removes it.
        #[method("SectorTerminate", Admin)]
        fn sector_terminate(sector: SectorNumber);
        /// Sends terminations that wait.
        #[method("SectorTerminateFlush", Admin)]
        fn sector_terminate_flush() -> Option<Cid>;
        /// Terminations that wait.
        #[method("SectorTerminatePending", Admin)]
        fn sector_terminate_pending() -> Vec<SectorId>;
        /// Prepares a sector for an upgrade with deals.
        #[method("SectorMarkForUpgrade", Admin)]
        fn sector_mark_for_upgrade(sector: SectorNumber, snap: bool);
        /// Gives an upgrade up.
        #[method("SectorAbortUpgrade", Admin)]
        fn sector_abort_upgrade(sector: SectorNumber);
        /// Sends pre-commitments that wait.
        #[method("SectorPreCommitFlush", Admin)]
        fn sector_pre_commit_flush() -> Vec<PreCommitBatchRes>;
        /// Pre-commitments that wait.
        #[method("SectorPreCommitPending", Admin)]
        fn sector_pre_commit_pending() -> Vec<SectorId>;
        /// Sends proofs that wait.
        #[method("SectorCommitFlush", Admin)]
        fn sector_commit_flush() -> Vec<CommitBatchRes>;
        /// Proofs that wait.
        #[method("SectorCommitPending", Admin)]
        fn sector_commit_pending() -> Vec<SectorId>;
        /// Puts waiting pieces into waiting sectors.
        #[method("SectorMatchPendingPiecesToOpenSectors", Admin)]
        fn sector_match_pending_pieces_to_open_sectors();
        /// Numbers given out.
        #[method("SectorNumAssignerMeta", Read)]
        fn sector_num_assigner_meta() -> NumAssignerMeta;
        /// Numbers reserved by name.
        #[method("SectorNumReservations", Read)]
        fn sector_num_reservations() -> BTreeMap<String, BitField>;
        /// Reserves numbers.
        #[method("SectorNumReserve", Admin)]
        fn sector_num_reserve(name: String, sectors: BitField, force: bool);
        /// Reserves that many numbers.
        #[method("SectorNumReserveCount", Admin)]
        fn sector_num_reserve_count(name: String, count: u64) -> BitField;
        /// Frees reserved numbers.
        #[method("SectorNumFree", Admin)]
        fn sector_num_free(name: String);
        /// Takes a sector that was begun elsewhere.
        #[method("SectorReceive", Admin)]
        fn sector_receive(meta: Value);
    }
}
