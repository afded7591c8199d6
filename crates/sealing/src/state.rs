//! The states of a sector, under the names that Lotus gives them.
//!
//! # Lotus parity
//! Names are those of `sectors status`, `sectors list` and `sectors update-state`; the empty name is
//! a sector that has seen no event yet.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident $(= $text:literal)?),* $(,)?) => {
        /// Where a sector is on its way through sealing, upgrading and removal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SectorState {
            $($(#[$doc])* $name,)*
        }

        impl SectorState {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Lotus' name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => states!(@text $name $($text)?),)*
                }
            }
        }
    };
    (@text $name:ident) => { stringify!($name) };
    (@text $name:ident $text:literal) => { $text };
}

states! {
    /// No event yet.
    Undefined = "",
    /// Made, without pieces (deprecated).
    Empty,
    /// Open for pieces.
    WaitDeals,
    /// A piece is being written.
    AddPiece,
    /// Filling up with zero pieces.
    Packing,
    /// Drawing the seal ticket.
    GetTicket,
    /// Labelling the graph.
    PreCommit1,
    /// Encoding the replica and building its trees.
    PreCommit2,
    /// About to announce the replica on chain.
    PreCommitting,
    /// A pre-commit message is on its way.
    PreCommitWait,
    /// In the queue of pre-commits to send together.
    SubmitPreCommitBatch,
    /// A message with several pre-commits is on its way.
    PreCommitBatchWait,
    /// Waiting for the interactive seed.
    WaitSeed,
    /// Computing the seal proof.
    Committing,
    /// Finalizing before the proof is sent (`FinalizeEarly`).
    CommitFinalize,
    /// About to send the proof.
    SubmitCommit,
    /// The proof's message is on its way.
    CommitWait,
    /// In the queue of proofs to aggregate.
    SubmitCommitAggregate,
    /// A message with an aggregate proof is on its way.
    CommitAggregateWait,
    /// Trimming the cache and moving the sector to long-term storage.
    FinalizeSector,
    /// Done: the sector is proven every proving period.
    Proving,
    /// Done, and offered for an upgrade with deals.
    Available,
    /// Upgrade: open for pieces.
    SnapDealsWaitDeals,
    /// Upgrade: a piece is being written.
    SnapDealsAddPiece,
    /// Upgrade: filling up.
    SnapDealsPacking,
    /// Upgrade: encoding the data into the replica.
    UpdateReplica,
    /// Upgrade: computing the proof.
    ProveReplicaUpdate,
    /// Upgrade: about to send the proof.
    SubmitReplicaUpdate,
    /// Upgrade: the deadline is open, its sectors may not change now.
    WaitMutable,
    /// Upgrade: the message is on its way.
    ReplicaUpdateWait,
    /// Upgrade: trimming and moving.
    FinalizeReplicaUpdate,
    /// Upgrade: waiting for finality.
    UpdateActivating,
    /// Upgrade: dropping the old replica.
    ReleaseSectorKey,
    /// Coming in from a remote sealing service.
    ReceiveSector,
    /// Writing a piece failed.
    AddPieceFailed,
    /// Labelling failed.
    SealPreCommit1Failed,
    /// Encoding failed.
    SealPreCommit2Failed,
    /// Pre-committing failed.
    PreCommitFailed,
    /// Computing the proof failed.
    ComputeProofFailed,
    /// A remote sealing service failed to compute the proof.
    RemoteCommitFailed,
    /// Finalizing before the proof was sent failed.
    CommitFinalizeFailed,
    /// Sending the proof failed.
    CommitFailed,
    /// Packing failed (deprecated).
    PackingFailed,
    /// Finalizing failed.
    FinalizeFailed,
    /// A deal started before the sector was sealed.
    DealsExpired,
    /// Deal ids changed in a reorganisation of the chain.
    RecoverDealIDs,
    /// Upgrade: writing a piece failed.
    SnapDealsAddPieceFailed,
    /// Upgrade: a deal expired.
    SnapDealsDealsExpired,
    /// Upgrade: deal ids changed.
    SnapDealsRecoverDealIDs,
    /// Upgrade: being given up.
    AbortUpgrade,
    /// Upgrade: failed.
    ReplicaUpdateFailed,
    /// Upgrade: dropping the old replica failed.
    ReleaseSectorKeyFailed,
    /// Upgrade: finalizing failed.
    FinalizeReplicaUpdateFailed,
    /// Missed a proof.
    Faulty,
    /// The fault is declared.
    FaultReported,
    /// The fault is final.
    FaultedFinal,
    /// About to terminate early.
    Terminating,
    /// The termination's message is on its way.
    TerminateWait,
    /// Terminated; waiting for finality.
    TerminateFinality,
    /// Terminating failed.
    TerminateFailed,
    /// Its files are being removed.
    Removing,
    /// Removing failed.
    RemoveFailed,
    /// Gone.
    Removed,
    /// Nothing helps (deprecated).
    FailedUnrecoverable,
}

impl SectorState {
    /// No event but the operator's force leads out of here.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Removed | Self::FaultedFinal | Self::FailedUnrecoverable
        )
    }

    /// A failure that waits to be tried again, by itself or by the operator.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::AddPieceFailed
                | Self::SealPreCommit1Failed
                | Self::SealPreCommit2Failed
                | Self::PreCommitFailed
                | Self::ComputeProofFailed
                | Self::RemoteCommitFailed
                | Self::CommitFinalizeFailed
                | Self::CommitFailed
                | Self::PackingFailed
                | Self::FinalizeFailed
                | Self::DealsExpired
                | Self::RecoverDealIDs
                | Self::SnapDealsAddPieceFailed
                | Self::SnapDealsDealsExpired
                | Self::SnapDealsRecoverDealIDs
                | Self::ReplicaUpdateFailed
                | Self::ReleaseSectorKeyFailed
                | Self::FinalizeReplicaUpdateFailed
                | Self::TerminateFailed
                | Self::RemoveFailed
                | Self::FailedUnrecoverable
        )
    }

    /// Takes part in the limit of sectors that are sealed at the same time.
    pub const fn is_sealing(self) -> bool {
        matches!(
            self,
            Self::Packing
                | Self::GetTicket
                | Self::PreCommit1
                | Self::PreCommit2
                | Self::PreCommitting
                | Self::PreCommitWait
                | Self::SubmitPreCommitBatch
                | Self::PreCommitBatchWait
                | Self::WaitSeed
                | Self::Committing
                | Self::CommitFinalize
                | Self::SubmitCommit
                | Self::CommitWait
                | Self::SubmitCommitAggregate
                | Self::CommitAggregateWait
                | Self::FinalizeSector
                | Self::SealPreCommit1Failed
                | Self::SealPreCommit2Failed
                | Self::PreCommitFailed
                | Self::ComputeProofFailed
                | Self::CommitFailed
        )
    }
}

impl fmt::Display for SectorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no sector state {0:?}")]
pub struct UnknownState(String);

impl FromStr for SectorState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let found = Self::ALL.iter().find(|state| state.name() == text);
        found
            .copied()
            .ok_or_else(|| UnknownState(text.chars().take(80).collect()))
    }
}

impl Serialize for SectorState {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for SectorState {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}
