//! The end of sealing, and the end of a sector.

use std::sync::Arc;

use lotus_types::{Message, TokenAmount};

use super::{
    Shared,
    effects::Trouble,
    outlook::{Fate, Purpose},
};
use crate::{chain::PushError, event::Event, messages, sector::Sector, state::SectorState};

/// Trims the cache and moves the sector to long-term storage.
pub(super) async fn finalize(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let config = shared.config();
    let has_deals = sector.deals().next().is_some();
    let keep = has_deals && (config.always_keep_unsealed_copy || sector.keep_unsealed());
    let done = shared
        .sealer
        .finalize_sector(sector.sector_ref(shared.miner), keep)
        .await;
    Ok(Some(match done {
        Err(error) => Event::FinalizeFailed {
            error: error.to_string(),
        },
        Ok(()) if config.make_cc_sectors_available && !has_deals => Event::FinalizedAvailable {},
        Ok(()) => Event::Finalized {},
    }))
}

/// Removes the sector's files. A sector with collateral on chain is kept.
pub(super) async fn remove(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let id = sector.sector_ref(shared.miner).id;
    let done = shared.sealer.remove(id).await;
    Ok(Some(match done {
        Ok(()) => Event::Removed {},
        Err(error) => Event::RemoveFailed {
            error: error.to_string(),
        },
    }))
}

/// Sends the termination, unless the sector is gone or one is on its way.
pub(super) async fn terminate(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let failed = |error: String| Ok(Some(Event::TerminateFailed { error }));
    let head = shared.chain.head().await?;
    let location = shared
        .chain
        .location(shared.miner, sector.number, &head.key)
        .await?;
    let Some(location) = location else {
        let pre_commit = shared
            .chain
            .pre_commit(shared.miner, sector.number, &head.key)
            .await?;
        return match pre_commit {
            Some(_) => failed("only its pre-commit is on chain: it expires by itself".to_owned()),
            None => Ok(Some(Event::Terminating { message: None })),
        };
    };
    let is_it = |m: &Message| messages::is_termination_of(m, sector.number);
    if let Some(message) = shared.find_message(&head, is_it).await? {
        return Ok(Some(Event::Terminating {
            message: Some(message),
        }));
    }
    let fee = shared.config().max_terminate_gas_fee;
    let from = shared
        .sender(Purpose::Terminate, &head, &TokenAmount::zero(), &fee)
        .await?;
    let message = messages::terminate(shared.miner, from, location, sector.number)?;
    match shared.chain.push(message, &fee).await {
        Ok(message) => Ok(Some(Event::Terminating {
            message: Some(message),
        })),
        Err(PushError::Refused(error)) => failed(error),
        Err(PushError::Chain(error)) => Err(error.into()),
    }
}

/// Waits until the termination has landed.
pub(super) async fn wait_termination(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let failed = |error: String| Ok(Some(Event::TerminateFailed { error }));
    let Some(message) = sector.terminate_message else {
        // Nothing was on chain to terminate.
        let head = shared.chain.head().await?;
        return Ok(Some(Event::Terminated {
            terminated_at: head.height,
        }));
    };
    match shared.fate(&message).await? {
        Fate::Lost => failed(format!("message {message} is neither pooled nor on chain")),
        Fate::Landed(l) if l.exit_code.is_success() => Ok(Some(Event::Terminated {
            terminated_at: l.height,
        })),
        Fate::Landed(l) => failed(format!(
            "message {message} failed with exit code {}",
            l.exit_code.0
        )),
    }
}

/// Waits until no reorganisation can bring the sector back, then removes it.
pub(super) async fn wait_finality(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    debug_assert_eq!(sector.state, SectorState::TerminateFinality);
    let head = shared
        .reach(sector.terminated_at + shared.policy.chain_finality)
        .await?;
    let still = shared
        .chain
        .location(shared.miner, sector.number, &head.key)
        .await?;
    let sector_info = shared
        .chain
        .sector(shared.miner, sector.number, &head.key)
        .await?;
    if still.is_some() && sector_info.is_some() {
        let error = "the sector is still in its partition".to_owned();
        return Ok(Some(Event::TerminateFailed { error }));
    }
    Ok(Some(Event::Remove {}))
}
