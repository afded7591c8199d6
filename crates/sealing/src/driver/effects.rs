//! From an effect to the code that does it.

use std::sync::Arc;

use super::{Shared, commit, end, pre_commit, recover, replica};
use crate::{chain::ChainError, event::Event, reducer::Effect, sector::Sector, store::StoreError};

/// This node is in trouble, not the sector: it is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A message could not be built.
    #[error(transparent)]
    Message(#[from] crate::messages::MessageError),
    /// The sectors' files could not be written.
    #[error("packing: {0}")]
    Packing(#[from] lotus_sealer::SealError),
    /// The proof could not be checked.
    #[error("checking a proof: {0}")]
    Verifier(String),
    /// What it waited for has no answer yet, or has changed.
    #[error("{0}")]
    Again(&'static str),
    /// No address can send the message.
    #[error("the node's wallet has no key of an address that may send for the miner")]
    NoSender,
}

/// Does it. `None`: nothing to write down, wait until something happens from outside.
pub(super) async fn perform(
    shared: &Arc<Shared>,
    sector: &Sector,
    effect: Effect,
) -> Result<Option<Event>, Trouble> {
    match effect {
        Effect::Rest | Effect::Unsupported => Ok(None),
        Effect::CollectPieces => crate::pieces::collect(shared, sector).await,
        Effect::WritePiece => Ok(crate::pieces::abandoned(shared, sector)),
        Effect::Pack => Box::pin(replica::pack(shared, sector)).await,
        Effect::DrawTicket => replica::draw_ticket(shared, sector).await,
        Effect::PreCommit1 => Box::pin(replica::pre_commit1(shared, sector)).await,
        Effect::PreCommit2 => Box::pin(replica::pre_commit2(shared, sector)).await,
        Effect::PreCommit => Box::pin(pre_commit::pre_commit(shared, sector)).await,
        Effect::QueuePreCommit => Box::pin(pre_commit::queue(shared, sector)).await,
        Effect::AwaitPreCommit => Box::pin(pre_commit::wait(shared, sector)).await,
        Effect::AwaitSeed => Box::pin(commit::wait_seed(shared, sector)).await,
        Effect::ComputeProof => Box::pin(commit::compute_proof(shared, sector)).await,
        Effect::Finalize => Box::pin(end::finalize(shared, sector)).await,
        Effect::Commit => Box::pin(commit::commit(shared, sector)).await,
        Effect::QueueCommit => Box::pin(commit::queue(shared, sector)).await,
        Effect::AwaitCommit => Box::pin(commit::wait(shared, sector)).await,
        Effect::Recover => Box::pin(recover::recover(shared, sector)).await,
        Effect::Terminate => Box::pin(end::terminate(shared, sector)).await,
        Effect::AwaitTermination => Box::pin(end::wait_termination(shared, sector)).await,
        Effect::AwaitTerminationFinality => Box::pin(end::wait_finality(shared, sector)).await,
        Effect::Remove => Box::pin(end::remove(shared, sector)).await,
    }
}
