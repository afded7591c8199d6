//! What happens to a sector. The events of a sector, in order, are its whole history.
//!
//! # Lotus parity
//! Names and fields are those that `sectors status --log` shows. Failures carry their reason as
//! text in `Error`.

use lotus_types::{
    Bytes, ChainEpoch, Cid, DealId, PieceInfo, RegisteredSealProof, SectorNumber, TipsetKey,
    TokenAmount,
};
use serde::{Deserialize, Serialize};

use crate::{sector::SectorPiece, state::SectorState};

/// Something that happened to a sector.
///
/// The serde form is `{"<name without Sector>": {fields}}`; [`Event::name`] and [`Event::fields`]
/// give the two halves as Lotus writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "PascalCase")]
#[expect(
    missing_docs,
    reason = "names are Lotus'; what they lead to is the reducer's table"
)]
pub enum Event {
    // --- begin
    Start {
        #[serde(rename = "ID")]
        id: SectorNumber,
        sector_type: RegisteredSealProof,
    },
    StartCC {
        #[serde(rename = "ID")]
        id: SectorNumber,
        sector_type: RegisteredSealProof,
    },
    // --- pieces
    AddPiece {},
    PieceAdded {
        new_pieces: Vec<SectorPiece>,
    },
    AddPieceFailed {
        error: String,
    },
    RetryWaitDeals {},
    StartPacking {},
    Packed {
        filler_pieces: Option<Vec<PieceInfo>>,
    },
    // --- replica
    Ticket {
        ticket_value: Bytes,
        ticket_epoch: ChainEpoch,
    },
    OldTicket {},
    PreCommit1 {
        pre_commit1_out: Bytes,
    },
    PreCommit2 {
        sealed: Cid,
        unsealed: Cid,
    },
    SealPreCommit1Failed {
        error: String,
    },
    SealPreCommit2Failed {
        error: String,
    },
    RetrySealPreCommit1 {},
    RetrySealPreCommit2 {},
    // --- pre-commit
    PreCommitBatch {},
    PreCommitBatchSent {
        message: Cid,
    },
    PreCommitted {
        message: Cid,
        pre_commit_deposit: TokenAmount,
    },
    PreCommitLanded {
        #[serde(rename = "TipSet")]
        tipset: TipsetKey,
    },
    ChainPreCommitFailed {
        error: String,
    },
    RetryPreCommit {},
    RetryPreCommitWait {},
    // --- seed and proof
    SeedReady {
        seed_value: Bytes,
        seed_epoch: ChainEpoch,
    },
    Committed {
        proof: Bytes,
    },
    ProofReady {
        proof: Bytes,
    },
    ComputeProofFailed {
        error: String,
    },
    RemoteCommit1Failed {
        error: String,
    },
    RemoteCommit2Failed {
        error: String,
    },
    RetryComputeProof {},
    RetryInvalidProof {},
    RetryWaitSeed {},
    // --- prove-commit
    SubmitCommitAggregate {},
    CommitSubmitted {
        message: Cid,
    },
    CommitAggregateSent {
        message: Cid,
    },
    CommitFailed {
        error: String,
    },
    RetrySubmitCommit {},
    RetryCommitWait {},
    Proving {},
    // --- end of sealing
    Finalized {},
    FinalizedAvailable {},
    FinalizeFailed {
        error: String,
    },
    RetryFinalize {},
    // --- deals
    DealsExpired {
        error: String,
    },
    InvalidDealIDs {
        return_state: SectorState,
    },
    UpdateDealIDs {
        updates: Vec<(u64, DealId)>,
    },
    TicketExpired {
        error: String,
    },
    // --- upgrades
    MarkForUpdate {},
    StartCCUpdate {},
    AbortUpgrade {
        error: String,
    },
    RevertUpgradeToProving {},
    ReplicaUpdate {
        out: Bytes,
    },
    UpdateReplicaFailed {
        error: String,
    },
    ProveReplicaUpdate {
        proof: Bytes,
    },
    ProveReplicaUpdateFailed {
        error: String,
    },
    ReplicaUpdateSubmitted {
        message: Cid,
    },
    SubmitReplicaUpdateFailed {
        error: String,
    },
    ReplicaUpdateLanded {},
    UpdateActive {},
    KeyReleased {},
    ReleaseKeyFailed {
        error: String,
    },
    DeadlineImmutable {},
    DeadlineMutable {},
    RetrySubmitReplicaUpdate {},
    RetrySubmitReplicaUpdateWait {},
    RetryReplicaUpdate {},
    RetryProveReplicaUpdate {},
    // --- transfer
    Receive {
        return_state: SectorState,
    },
    Received {},
    // --- faults, termination, removal
    Faulty {},
    FaultReported {
        message: Cid,
    },
    Terminate {},
    Terminating {
        message: Option<Cid>,
    },
    Terminated {
        terminated_at: ChainEpoch,
    },
    TerminateFailed {
        error: String,
    },
    Remove {},
    Removed {},
    RemoveFailed {
        error: String,
    },
    // --- the operator, the driver
    Restart {},
    ForceState {
        state: SectorState,
    },
    FatalError {
        error: String,
    },
}

impl Event {
    fn parts(&self) -> (String, serde_json::Value) {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(map)) => map.into_iter().next().unwrap_or_default(),
            _ => Default::default(),
        }
    }

    /// Lotus' name, as in `SectorPacked`.
    pub fn name(&self) -> String {
        format!("Sector{}", self.parts().0)
    }

    /// The fields as a JSON object.
    pub fn fields(&self) -> serde_json::Value {
        self.parts().1
    }

    /// The fields as JSON text, in the order in which Lotus writes them (a JSON object is sorted).
    pub(crate) fn fields_text(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        let inner = text.split_once(':').map(|(_name, fields)| fields);
        let inner = inner.and_then(|fields| fields.strip_suffix('}'));
        inner.unwrap_or("{}").to_owned()
    }

    /// Puts a name and its fields together again.
    ///
    /// # Errors
    /// When there is no such event, or the fields are not its.
    pub fn from_parts(name: &str, fields: serde_json::Value) -> Result<Self, String> {
        let name = name
            .strip_prefix("Sector")
            .ok_or_else(|| format!("{name:?} is no event"))?;
        let mut map = serde_json::Map::new();
        map.insert(name.to_owned(), fields);
        serde_json::from_value(map.into()).map_err(|e| format!("event {name}: {e}"))
    }

    /// The reason, if this is a failure.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::AddPieceFailed { error }
            | Self::SealPreCommit1Failed { error }
            | Self::SealPreCommit2Failed { error }
            | Self::ChainPreCommitFailed { error }
            | Self::ComputeProofFailed { error }
            | Self::RemoteCommit1Failed { error }
            | Self::RemoteCommit2Failed { error }
            | Self::CommitFailed { error }
            | Self::FinalizeFailed { error }
            | Self::DealsExpired { error }
            | Self::TicketExpired { error }
            | Self::AbortUpgrade { error }
            | Self::UpdateReplicaFailed { error }
            | Self::ProveReplicaUpdateFailed { error }
            | Self::SubmitReplicaUpdateFailed { error }
            | Self::ReleaseKeyFailed { error }
            | Self::TerminateFailed { error }
            | Self::RemoveFailed { error }
            | Self::FatalError { error } => Some(error),
            _ => None,
        }
    }
}
