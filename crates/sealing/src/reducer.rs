//! The sector state machine: pure functions from a state and an event to the next state, and from a
//! state to what must be done in it.
//!
//! # Invariants
//! - [`apply`] is total: every event in every state gives a next sector or a [`Refused`]; it never
//!   panics and reads neither clock nor chain. Replaying a sector's log gives the sector.
//! - Final states are left by [`Event::ForceState`] only.
//! - Every failure is counted under the failure state that it leads to. A count goes back to zero
//!   only when the sector has got past the phase, so no cycle of failures is free of counting.
//!
//! # Lotus parity
//! The table of transitions is that of `fsmPlanners`. Events that act in every state: Restart,
//! FatalError, ForceState, Terminate, Remove.

mod table;

use crate::{
    event::Event,
    sector::{Failures, Sector},
    state::SectorState,
};

pub(crate) use table::Next;

/// An event that has no meaning in the state that the sector is in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sector {number} in state {state} takes no event {event}")]
pub struct Refused {
    /// Which sector.
    pub number: u64,
    /// The state it is, and stays, in.
    pub state: SectorState,
    /// The event's name.
    pub event: String,
}

/// The sector after `event`, which happened at `now` (unix seconds).
///
/// # Errors
/// [`Refused`] when the state has no use for the event; the sector stays as it is.
pub fn apply(sector: &Sector, event: &Event, now: u64) -> Result<Sector, Refused> {
    let next = next_state(sector, event).ok_or_else(|| Refused {
        number: sector.number,
        state: sector.state,
        event: event.name(),
    })?;
    let mut after = sector.clone();
    record(&mut after, event);
    if next != sector.state {
        after.previous = sector.state;
        after.since = now;
    }
    if sector.events == 0 {
        after.created = now;
    }
    after.state = next;
    after.events = sector.events.saturating_add(1);
    if let Some(reason) = event.error() {
        reason.clone_into(&mut after.last_error);
        if next.is_failure() {
            let entry = after.failures.entry(next);
            let failures = entry.or_insert(Failures {
                count: 0,
                reason: String::new(),
            });
            failures.count = failures.count.saturating_add(1);
            reason.clone_into(&mut failures.reason);
        }
    }
    Ok(after)
}

/// The sector that a whole log leads to. Refused events are skipped, as they were when they came.
pub fn replay<'a>(number: u64, log: impl IntoIterator<Item = (u64, &'a Event)>) -> Sector {
    log.into_iter()
        .fold(Sector::new(number), |sector, (at, event)| {
            apply(&sector, event, at).unwrap_or(sector)
        })
}

fn next_state(sector: &Sector, event: &Event) -> Option<SectorState> {
    if let Event::ForceState { state } = event {
        return Some(*state);
    }
    if sector.state.is_final() {
        return None;
    }
    match event {
        Event::Restart {} | Event::FatalError { .. } => Some(sector.state),
        Event::Terminate {} => Some(SectorState::Terminating),
        Event::Remove {} => Some(SectorState::Removing),
        _ => match table::transition(sector.state, event)? {
            Next::To(state) => Some(state),
            Next::Stay => Some(sector.state),
            Next::Return => sector.return_state,
        },
    }
}

/// Keeps what the event brings.
fn record(sector: &mut Sector, event: &Event) {
    match event {
        Event::Start { sector_type, .. } | Event::StartCC { sector_type, .. } => {
            sector.seal_proof = *sector_type;
        }
        Event::PieceAdded { new_pieces } => sector.pieces.extend(new_pieces.iter().cloned()),
        Event::StartPacking {} => sector.packing_requested = true,
        Event::Packed { filler_pieces } => {
            let filler = filler_pieces.iter().flatten().cloned();
            sector
                .pieces
                .extend(filler.map(|piece| crate::sector::SectorPiece {
                    piece,
                    deal_info: None,
                }));
            sector.packing_requested = false;
        }
        Event::Ticket {
            ticket_value,
            ticket_epoch,
        } => {
            sector.ticket = ticket_value.clone();
            sector.ticket_epoch = *ticket_epoch;
        }
        Event::OldTicket {} => sector.ticket = lotus_types::Bytes::new(),
        Event::PreCommit1 { pre_commit1_out } => sector.pre_commit1_out = pre_commit1_out.clone(),
        Event::PreCommit2 { sealed, unsealed } => {
            sector.cids = Some(lotus_types::sector::SectorCids {
                unsealed: *unsealed,
                sealed: *sealed,
            });
            passed(
                sector,
                &[
                    SectorState::AddPieceFailed,
                    SectorState::SealPreCommit1Failed,
                    SectorState::SealPreCommit2Failed,
                ],
            );
        }
        Event::PreCommitted {
            message,
            pre_commit_deposit,
        } => {
            sector.pre_commit_message = Some(*message);
            sector.pre_commit_deposit = pre_commit_deposit.clone();
        }
        Event::PreCommitBatchSent { message } => sector.pre_commit_message = Some(*message),
        Event::PreCommitLanded { tipset } => {
            sector.pre_commit_tipset = Some(tipset.clone());
            passed(sector, &[SectorState::PreCommitFailed]);
        }
        Event::SeedReady {
            seed_value,
            seed_epoch,
        } => {
            sector.seed = seed_value.clone();
            sector.seed_epoch = *seed_epoch;
        }
        Event::Committed { proof } | Event::ProofReady { proof } => {
            sector.proof = proof.clone();
            passed(
                sector,
                &[
                    SectorState::ComputeProofFailed,
                    SectorState::RemoteCommitFailed,
                ],
            );
        }
        Event::CommitSubmitted { message } | Event::CommitAggregateSent { message } => {
            sector.commit_message = Some(*message);
        }
        Event::Proving {} => passed(sector, &[SectorState::CommitFailed]),
        Event::Finalized {} | Event::FinalizedAvailable {} => {
            passed(
                sector,
                &[
                    SectorState::FinalizeFailed,
                    SectorState::CommitFinalizeFailed,
                ],
            );
        }
        Event::InvalidDealIDs { return_state } | Event::Receive { return_state } => {
            sector.return_state = Some(*return_state);
        }
        Event::UpdateDealIDs { updates } => update_deals(sector, updates),
        Event::Terminating { message } => sector.terminate_message = *message,
        Event::Terminated { terminated_at } => sector.terminated_at = *terminated_at,
        Event::Restart {} | Event::ForceState { .. } => sector.failures.clear(),
        _ => {}
    }
}

fn passed(sector: &mut Sector, failures: &[SectorState]) {
    sector.failures.retain(|state, _| !failures.contains(state));
}

fn update_deals(sector: &mut Sector, updates: &[(u64, lotus_types::DealId)]) {
    for (index, id) in updates {
        let piece = usize::try_from(*index)
            .ok()
            .and_then(|k| sector.pieces.get_mut(k));
        if let Some(deal) = piece.and_then(|p| p.deal_info.as_mut()) {
            deal.deal_id = *id;
        }
    }
}

/// What is to be done for a sector in its state. The driver does it and answers with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: done, or events come from outside.
    Rest,
    /// Take pieces until the sector is full or has waited long enough, then start packing.
    CollectPieces,
    /// A piece is being written by whoever brought it; after a restart nobody is.
    WritePiece,
    /// Fill up with zero pieces.
    Pack,
    /// Draw the seal ticket.
    DrawTicket,
    /// Label the graph.
    PreCommit1,
    /// Encode and build trees.
    PreCommit2,
    /// Send the pre-commit, or queue it.
    PreCommit,
    /// Wait in the queue for a message with several pre-commits.
    QueuePreCommit,
    /// Wait for the pre-commit's message.
    AwaitPreCommit,
    /// Wait for the interactive seed.
    AwaitSeed,
    /// Compute the seal proof.
    ComputeProof,
    /// Trim the cache and move to long-term storage.
    Finalize,
    /// Send the proof, or queue it.
    Commit,
    /// Wait in the queue for an aggregate.
    QueueCommit,
    /// Wait for the proof's message.
    AwaitCommit,
    /// Wait, look for the cause, and try again, as often as the policy allows.
    Recover,
    /// Send the termination.
    Terminate,
    /// Wait for the termination's message.
    AwaitTermination,
    /// Wait until the termination is final, then remove.
    AwaitTerminationFinality,
    /// Remove the files.
    Remove,
    /// The state belongs to something that this build cannot do.
    Unsupported,
}

/// What the sector's state asks for.
pub const fn effect(state: SectorState) -> Effect {
    use SectorState as S;
    match state {
        S::Undefined
        | S::Proving
        | S::Available
        | S::Faulty
        | S::FaultReported
        | S::FaultedFinal
        | S::Removed
        | S::FailedUnrecoverable
        | S::PackingFailed
        | S::DealsExpired
        | S::RecoverDealIDs
        | S::TerminateFailed => Effect::Rest,
        S::Empty | S::WaitDeals => Effect::CollectPieces,
        S::AddPiece => Effect::WritePiece,
        S::Packing => Effect::Pack,
        S::GetTicket => Effect::DrawTicket,
        S::PreCommit1 => Effect::PreCommit1,
        S::PreCommit2 => Effect::PreCommit2,
        S::PreCommitting => Effect::PreCommit,
        S::SubmitPreCommitBatch => Effect::QueuePreCommit,
        S::PreCommitWait | S::PreCommitBatchWait => Effect::AwaitPreCommit,
        S::WaitSeed => Effect::AwaitSeed,
        S::Committing => Effect::ComputeProof,
        S::CommitFinalize | S::FinalizeSector => Effect::Finalize,
        S::SubmitCommit => Effect::Commit,
        S::SubmitCommitAggregate => Effect::QueueCommit,
        S::CommitWait | S::CommitAggregateWait => Effect::AwaitCommit,
        S::AddPieceFailed
        | S::SealPreCommit1Failed
        | S::SealPreCommit2Failed
        | S::PreCommitFailed
        | S::ComputeProofFailed
        | S::RemoteCommitFailed
        | S::CommitFinalizeFailed
        | S::CommitFailed
        | S::FinalizeFailed
        | S::RemoveFailed => Effect::Recover,
        S::Terminating => Effect::Terminate,
        S::TerminateWait => Effect::AwaitTermination,
        S::TerminateFinality => Effect::AwaitTerminationFinality,
        S::Removing => Effect::Remove,
        S::ReceiveSector
        | S::SnapDealsWaitDeals
        | S::SnapDealsAddPiece
        | S::SnapDealsPacking
        | S::UpdateReplica
        | S::ProveReplicaUpdate
        | S::SubmitReplicaUpdate
        | S::WaitMutable
        | S::ReplicaUpdateWait
        | S::FinalizeReplicaUpdate
        | S::UpdateActivating
        | S::ReleaseSectorKey
        | S::SnapDealsAddPieceFailed
        | S::SnapDealsDealsExpired
        | S::SnapDealsRecoverDealIDs
        | S::AbortUpgrade
        | S::ReplicaUpdateFailed
        | S::ReleaseSectorKeyFailed
        | S::FinalizeReplicaUpdateFailed => Effect::Unsupported,
    }
}

#[cfg(test)]
mod tests;
