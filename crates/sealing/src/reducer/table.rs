//! Which event leads where.
//!
//! `Event => State` goes there, `=> stay` keeps the state and what the event brings, `=> return`
//! goes back to where a repair or transfer was started from.

use crate::{event::Event, state::SectorState};

/// Where an event leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// To this state.
    To(SectorState),
    /// Nowhere; what it brings is kept.
    Stay,
    /// To the state that the sector remembers.
    Return,
}

macro_rules! transitions {
    ($($from:ident { $($event:ident => $to:tt),* $(,)? })*) => {
        /// Where `event` leads in `state`; `None` when it has no meaning there.
        pub(super) fn transition(state: SectorState, event: &Event) -> Option<Next> {
            match state {
                $(SectorState::$from => match event {
                    $(Event::$event { .. } => Some(transitions!(@next $to)),)*
                    _ => None,
                },)*
                _ => None,
            }
        }

        /// The table as `(state, event's name, next)`, for tests and documentation.
        #[cfg(test)]
        pub(crate) const TABLE: &[(SectorState, &str, Next)] = &[
            $($((SectorState::$from, concat!("Sector", stringify!($event)), transitions!(@next $to)),)*)*
        ];
    };
    (@next stay) => { Next::Stay };
    (@next return) => { Next::Return };
    (@next $state:ident) => { Next::To(SectorState::$state) };
}

transitions! {
    ReceiveSector { Received => return }
    Undefined { Start => WaitDeals, StartCC => Packing, Receive => ReceiveSector }
    Empty { AddPiece => AddPiece, StartPacking => Packing }
    WaitDeals { AddPiece => AddPiece, StartPacking => Packing }
    AddPiece {
        PieceAdded => WaitDeals,
        StartPacking => stay,
        AddPiece => stay,
        AddPieceFailed => AddPieceFailed,
    }
    Packing { Packed => GetTicket }
    GetTicket { Ticket => PreCommit1, CommitFailed => CommitFailed }
    PreCommit1 {
        PreCommit1 => PreCommit2,
        SealPreCommit1Failed => SealPreCommit1Failed,
        DealsExpired => DealsExpired,
        InvalidDealIDs => RecoverDealIDs,
        OldTicket => GetTicket,
    }
    PreCommit2 {
        PreCommit2 => PreCommitting,
        SealPreCommit2Failed => SealPreCommit2Failed,
        SealPreCommit1Failed => SealPreCommit1Failed,
    }
    PreCommitting {
        PreCommitBatch => SubmitPreCommitBatch,
        PreCommitted => PreCommitWait,
        SealPreCommit1Failed => SealPreCommit1Failed,
        ChainPreCommitFailed => PreCommitFailed,
        PreCommitLanded => WaitSeed,
        DealsExpired => DealsExpired,
        InvalidDealIDs => RecoverDealIDs,
    }
    SubmitPreCommitBatch {
        PreCommitBatchSent => PreCommitBatchWait,
        SealPreCommit1Failed => SealPreCommit1Failed,
        ChainPreCommitFailed => PreCommitFailed,
        PreCommitLanded => WaitSeed,
        DealsExpired => DealsExpired,
        InvalidDealIDs => RecoverDealIDs,
    }
    PreCommitBatchWait {
        ChainPreCommitFailed => PreCommitFailed,
        PreCommitLanded => WaitSeed,
        RetryPreCommit => PreCommitting,
    }
    PreCommitWait {
        ChainPreCommitFailed => PreCommitFailed,
        PreCommitLanded => WaitSeed,
        RetryPreCommit => PreCommitting,
    }
    WaitSeed { SeedReady => Committing, ChainPreCommitFailed => PreCommitFailed }
    Committing {
        Committed => SubmitCommit,
        ProofReady => CommitFinalize,
        SeedReady => stay,
        ComputeProofFailed => ComputeProofFailed,
        RemoteCommit1Failed => RemoteCommitFailed,
        RemoteCommit2Failed => RemoteCommitFailed,
        SealPreCommit1Failed => SealPreCommit1Failed,
        CommitFailed => CommitFailed,
        RetryCommitWait => CommitWait,
    }
    CommitFinalize {
        Finalized => SubmitCommit,
        FinalizedAvailable => SubmitCommit,
        FinalizeFailed => CommitFinalizeFailed,
    }
    SubmitCommit {
        CommitSubmitted => CommitWait,
        SubmitCommitAggregate => SubmitCommitAggregate,
        CommitFailed => CommitFailed,
    }
    SubmitCommitAggregate {
        CommitAggregateSent => CommitAggregateWait,
        CommitFailed => CommitFailed,
        RetrySubmitCommit => SubmitCommit,
    }
    CommitWait {
        Proving => FinalizeSector,
        CommitFailed => CommitFailed,
        RetrySubmitCommit => SubmitCommit,
    }
    CommitAggregateWait {
        Proving => FinalizeSector,
        CommitFailed => CommitFailed,
        RetrySubmitCommit => SubmitCommit,
    }
    FinalizeSector {
        Finalized => Proving,
        FinalizedAvailable => Available,
        FinalizeFailed => FinalizeFailed,
    }
    SnapDealsWaitDeals {
        AddPiece => SnapDealsAddPiece,
        StartPacking => SnapDealsPacking,
        AbortUpgrade => AbortUpgrade,
    }
    SnapDealsAddPiece {
        PieceAdded => SnapDealsWaitDeals,
        StartPacking => stay,
        AddPiece => stay,
        AddPieceFailed => SnapDealsAddPieceFailed,
        AbortUpgrade => AbortUpgrade,
    }
    SnapDealsPacking { Packed => UpdateReplica, AbortUpgrade => AbortUpgrade }
    UpdateReplica {
        ReplicaUpdate => ProveReplicaUpdate,
        UpdateReplicaFailed => ReplicaUpdateFailed,
        DealsExpired => SnapDealsDealsExpired,
        InvalidDealIDs => SnapDealsRecoverDealIDs,
        AbortUpgrade => AbortUpgrade,
    }
    ProveReplicaUpdate {
        ProveReplicaUpdate => FinalizeReplicaUpdate,
        ProveReplicaUpdateFailed => ReplicaUpdateFailed,
        DealsExpired => SnapDealsDealsExpired,
        InvalidDealIDs => SnapDealsRecoverDealIDs,
        AbortUpgrade => AbortUpgrade,
    }
    FinalizeReplicaUpdate {
        Finalized => SubmitReplicaUpdate,
        FinalizeFailed => FinalizeReplicaUpdateFailed,
    }
    SubmitReplicaUpdate {
        ReplicaUpdateSubmitted => ReplicaUpdateWait,
        SubmitReplicaUpdateFailed => ReplicaUpdateFailed,
        DeadlineImmutable => WaitMutable,
    }
    WaitMutable { DeadlineMutable => SubmitReplicaUpdate, AbortUpgrade => AbortUpgrade }
    ReplicaUpdateWait {
        ReplicaUpdateLanded => UpdateActivating,
        SubmitReplicaUpdateFailed => ReplicaUpdateFailed,
        AbortUpgrade => AbortUpgrade,
    }
    UpdateActivating { UpdateActive => ReleaseSectorKey }
    ReleaseSectorKey { KeyReleased => Proving, ReleaseKeyFailed => ReleaseSectorKeyFailed }
    AddPieceFailed { RetryWaitDeals => WaitDeals, StartPacking => stay, AddPiece => stay }
    SealPreCommit1Failed { RetrySealPreCommit1 => PreCommit1 }
    SealPreCommit2Failed {
        RetrySealPreCommit1 => PreCommit1,
        RetrySealPreCommit2 => PreCommit2,
    }
    PreCommitFailed {
        RetryPreCommit => PreCommitting,
        RetryPreCommitWait => PreCommitWait,
        RetryWaitSeed => WaitSeed,
        SealPreCommit1Failed => SealPreCommit1Failed,
        PreCommitLanded => WaitSeed,
        DealsExpired => DealsExpired,
        InvalidDealIDs => RecoverDealIDs,
    }
    ComputeProofFailed {
        RetryComputeProof => Committing,
        SealPreCommit1Failed => SealPreCommit1Failed,
    }
    RemoteCommitFailed { RetryComputeProof => Committing }
    CommitFinalizeFailed { RetryFinalize => CommitFinalize }
    CommitFailed {
        SealPreCommit1Failed => SealPreCommit1Failed,
        RetryWaitSeed => WaitSeed,
        RetryComputeProof => Committing,
        RetryInvalidProof => Committing,
        RetryPreCommitWait => PreCommitWait,
        ChainPreCommitFailed => PreCommitFailed,
        RetryPreCommit => PreCommitting,
        RetryCommitWait => CommitWait,
        RetrySubmitCommit => SubmitCommit,
        DealsExpired => DealsExpired,
        InvalidDealIDs => RecoverDealIDs,
        TicketExpired => Removing,
    }
    FinalizeFailed { RetryFinalize => FinalizeSector }
    RecoverDealIDs { UpdateDealIDs => return }
    SnapDealsAddPieceFailed {
        RetryWaitDeals => SnapDealsWaitDeals,
        StartPacking => stay,
        AddPiece => stay,
        AbortUpgrade => AbortUpgrade,
    }
    SnapDealsDealsExpired { AbortUpgrade => AbortUpgrade }
    SnapDealsRecoverDealIDs {
        UpdateDealIDs => SubmitReplicaUpdate,
        AbortUpgrade => AbortUpgrade,
    }
    AbortUpgrade { RevertUpgradeToProving => Proving }
    ReplicaUpdateFailed {
        RetrySubmitReplicaUpdateWait => ReplicaUpdateWait,
        RetrySubmitReplicaUpdate => SubmitReplicaUpdate,
        RetryReplicaUpdate => UpdateReplica,
        RetryProveReplicaUpdate => ProveReplicaUpdate,
        InvalidDealIDs => SnapDealsRecoverDealIDs,
        DealsExpired => SnapDealsDealsExpired,
        AbortUpgrade => AbortUpgrade,
    }
    ReleaseSectorKeyFailed { UpdateActive => ReleaseSectorKey }
    FinalizeReplicaUpdateFailed { RetryFinalize => FinalizeReplicaUpdate }
    Proving { FaultReported => FaultReported, Faulty => Faulty, MarkForUpdate => Available }
    Available { StartCCUpdate => SnapDealsWaitDeals, AbortUpgrade => Proving }
    Terminating { Terminating => TerminateWait, TerminateFailed => TerminateFailed }
    TerminateWait { Terminated => TerminateFinality, TerminateFailed => TerminateFailed }
    TerminateFinality { TerminateFailed => TerminateFailed }
    Removing { Removed => Removed, RemoveFailed => RemoveFailed }
    Faulty { FaultReported => FaultReported }
}
