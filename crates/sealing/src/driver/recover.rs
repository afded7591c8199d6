//! After a failure: wait, look for the cause on chain, and go back to where it makes sense.
//!
//! # Invariants
//! - The pause doubles with every failure in a row, and after the configured number of them the
//!   sector stays where it is, with its reason, until the operator restarts or removes it.

use std::{sync::Arc, time::Duration};

use super::{Shared, commit::draw_seed, effects::Trouble};
use crate::{
    event::Event, messages, policy::ticket_expired, sector::Sector, state::SectorState as S,
};

/// After so many failures of PreCommit2 in a row PreCommit1 is done again.
const PRE_COMMIT2_TRIES: u32 = 3;

pub(super) async fn recover(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let failures = sector.failures_here();
    let policy = shared.config().retry;
    // Forced into a failure state by the operator, it has not failed: no pause.
    let Some(pause) = (if failures == 0 {
        Some(Duration::ZERO)
    } else {
        policy.pause(failures)
    }) else {
        tracing::error!(
            sector = sector.number, state = %sector.state, failures, reason = sector.last_error,
            "given up: restart, remove or move the sector by hand"
        );
        return Ok(None);
    };
    let at = Duration::from_secs(sector.since).saturating_add(pause);
    shared.clock.sleep_until(at).await;
    let event = match sector.state {
        S::AddPieceFailed => Event::RetryWaitDeals {},
        S::SealPreCommit1Failed => Event::RetrySealPreCommit1 {},
        S::SealPreCommit2Failed if failures > PRE_COMMIT2_TRIES => Event::RetrySealPreCommit1 {},
        S::SealPreCommit2Failed => Event::RetrySealPreCommit2 {},
        S::PreCommitFailed => return after_pre_commit(shared, sector).await.map(Some),
        S::ComputeProofFailed | S::RemoteCommitFailed => Event::RetryComputeProof {},
        S::CommitFailed => return after_commit(shared, sector).await.map(Some),
        S::FinalizeFailed | S::CommitFinalizeFailed => Event::RetryFinalize {},
        S::RemoveFailed => Event::Remove {},
        _ => return Ok(None),
    };
    Ok(Some(event))
}

async fn after_pre_commit(shared: &Shared, sector: &Sector) -> Result<Event, Trouble> {
    let head = shared.chain.head().await?;
    let on_chain = shared
        .chain
        .pre_commit(shared.miner, sector.number, &head.key)
        .await?;
    if let Some(on_chain) = on_chain {
        let same = sector
            .cids
            .as_ref()
            .is_some_and(|c| c.sealed == on_chain.info.sealed_cid);
        return Ok(if same {
            Event::PreCommitLanded { tipset: head.key }
        } else {
            // Sealed again with the ticket on chain it becomes the replica that is pre-committed.
            Event::SealPreCommit1Failed {
                error: "another replica is pre-committed".to_owned(),
            }
        });
    }
    let is_it = |m: &_| messages::is_pre_commit_of(m, sector.number);
    if shared.find_message(&head, is_it).await?.is_some() {
        // PreCommitting finds it too and waits for it.
        return Ok(Event::RetryPreCommit {});
    }
    if ticket_expired(sector, head.height, &shared.policy) {
        let error = format!("the ticket of epoch {} is too old", sector.ticket_epoch);
        return Ok(Event::SealPreCommit1Failed { error });
    }
    Ok(Event::RetryPreCommit {})
}

async fn after_commit(shared: &Shared, sector: &Sector) -> Result<Event, Trouble> {
    let head = shared.chain.head().await?;
    if shared
        .chain
        .sector(shared.miner, sector.number, &head.key)
        .await?
        .is_some()
    {
        return Ok(Event::RetryCommitWait {});
    }
    if sector.cids.is_none() {
        return Ok(Event::SealPreCommit1Failed {
            error: "it is not sealed".to_owned(),
        });
    }
    if sector.ticket.is_empty() {
        return Ok(Event::SealPreCommit1Failed {
            error: "it has no ticket".to_owned(),
        });
    }
    let is_it = |m: &_| messages::is_prove_commit_of(m, sector.number);
    if shared.find_message(&head, is_it).await?.is_some() {
        return Ok(Event::RetrySubmitCommit {});
    }
    let on_chain = shared
        .chain
        .pre_commit(shared.miner, sector.number, &head.key)
        .await?;
    let Some(on_chain) = on_chain else {
        let error = "the pre-commit is not on chain".to_owned();
        return Ok(Event::ChainPreCommitFailed { error });
    };
    let seed_epoch = on_chain.pre_commit_epoch + shared.policy.pre_commit_challenge_delay;
    // A proof that was made for the chain's seed is sent again; otherwise, and when sending it has
    // not helped, it starts from the seed.
    let sent_in_vain = sector.commit_message.is_some() && sector.failures_here() > 1;
    let in_order = seed_epoch == sector.seed_epoch && !sector.proof.is_empty() && !sent_in_vain;
    if in_order && *sector.seed == draw_seed(shared, seed_epoch, &head).await? {
        return Ok(Event::RetrySubmitCommit {});
    }
    Ok(Event::RetryWaitSeed {})
}
