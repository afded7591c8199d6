//! States of sectors, in the order in which they are listed.

use crate::format::Paint;

/// All states: from those that earn, along the way there, to those that failed.
const ORDER: [&str; 64] = [
    "Proving",
    "Available",
    "UpdateActivating",
    "ReceiveSector",
    "Empty",
    "WaitDeals",
    "AddPiece",
    "SnapDealsWaitDeals",
    "SnapDealsAddPiece",
    "",
    "Packing",
    "GetTicket",
    "PreCommit1",
    "PreCommit2",
    "PreCommitting",
    "PreCommitWait",
    "SubmitPreCommitBatch",
    "PreCommitBatchWait",
    "WaitSeed",
    "Committing",
    "CommitFinalize",
    "SubmitCommit",
    "CommitWait",
    "SubmitCommitAggregate",
    "CommitAggregateWait",
    "FinalizeSector",
    "SnapDealsPacking",
    "UpdateReplica",
    "ProveReplicaUpdate",
    "SubmitReplicaUpdate",
    "ReplicaUpdateWait",
    "WaitMutable",
    "FinalizeReplicaUpdate",
    "ReleaseSectorKey",
    "Terminating",
    "TerminateWait",
    "TerminateFinality",
    "TerminateFailed",
    "Removing",
    "Removed",
    "AbortUpgrade",
    "FailedUnrecoverable",
    "AddPieceFailed",
    "SealPreCommit1Failed",
    "SealPreCommit2Failed",
    "PreCommitFailed",
    "ComputeProofFailed",
    "RemoteCommitFailed",
    "CommitFailed",
    "CommitFinalizeFailed",
    "PackingFailed",
    "FinalizeFailed",
    "Faulty",
    "FaultReported",
    "FaultedFinal",
    "RemoveFailed",
    "DealsExpired",
    "RecoverDealIDs",
    "SnapDealsAddPieceFailed",
    "SnapDealsDealsExpired",
    "SnapDealsRecoverDealIDs",
    "ReplicaUpdateFailed",
    "ReleaseSectorKeyFailed",
    "FinalizeReplicaUpdateFailed",
];

/// A sector of which nothing is left.
pub(super) const REMOVED: &str = "Removed";

/// Every state that a sector can have.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    ORDER.into_iter().filter(|state| !state.is_empty())
}

/// Is the sector proven, with nothing left to be done?
pub(super) fn is_proven(state: &str) -> bool {
    matches!(state, "Proving" | "Available")
}

/// Is it on its way to hold other data than when it was sealed?
pub(super) fn is_upgrade(state: &str) -> bool {
    state.starts_with("SnapDeals")
        || matches!(
            state,
            "UpdateReplica"
                | "ProveReplicaUpdate"
                | "SubmitReplicaUpdate"
                | "WaitMutable"
                | "AbortUpgrade"
                | "ReplicaUpdateFailed"
                | "ReleaseSectorKeyFailed"
                | "FinalizeReplicaUpdateFailed"
        )
}

/// A state in Lotus' colour for such states; an unknown one is left as it is.
pub(super) fn painted(state: &str, paint: Paint) -> String {
    shown_as(state, state, paint)
}

/// Something else in the colour of a state.
pub(super) fn shown_as(text: &str, state: &str, paint: Paint) -> String {
    let place = ORDER.iter().position(|known| *known == state);
    match place {
        Some(0..=2) => paint.green(text),
        Some(3) => paint.magenta(text),
        Some(4..=8) => paint.blue(text),
        Some(10..=33) => paint.yellow(text),
        Some(34..=40) => paint.cyan(text),
        Some(_) => paint.red(text),
        None => text.to_owned(),
    }
}

/// The same states in their order; unknown ones come first.
pub(super) fn in_order<'a>(states: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut states: Vec<_> = states.collect();
    states.sort_by_key(|state| ORDER.iter().position(|known| known == state));
    states
}
