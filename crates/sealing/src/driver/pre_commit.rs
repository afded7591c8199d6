//! Announcing the replica on chain.
//!
//! # Invariants
//! - Never two pre-commits for one sector: before each one is sent, state, blocks and pool are
//!   searched for an earlier one, as a crash may have left it between sending and writing down.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lotus_actors::miner::SectorPreCommitInfo;
use lotus_types::{SectorNumber, TokenAmount};

use super::{
    Shared,
    effects::Trouble,
    outlook::{Fate, Purpose},
    replica::check_deals,
};
use crate::{
    batch::{NEVER, Taken, Waiting},
    chain::{Head, PushError},
    event::Event,
    messages,
    policy::{expiration, pre_commit_info, ticket_expired, value_to_send},
    sector::Sector,
};

/// Sends the pre-commit, or puts the sector in the queue.
pub(super) async fn pre_commit(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let head = shared.chain.head().await?;
    if let Some(event) = obstacle(shared, sector, &head).await? {
        return Ok(Some(event));
    }
    if shared.config().batch_pre_commits {
        return Ok(Some(Event::PreCommitBatch {}));
    }
    let mut sent = send(shared, std::slice::from_ref(sector), &head).await?;
    Ok(sent.remove(&sector.number))
}

/// Waits in the queue until the sector has been sent with others.
pub(super) async fn queue(shared: &Arc<Shared>, sector: &Sector) -> Result<Option<Event>, Trouble> {
    let head = shared.chain.head().await?;
    if let Some(event) = obstacle(shared, sector, &head).await? {
        // This state knows no single message: one that was sent already is taken over as it is.
        return Ok(Some(match event {
            Event::PreCommitted { message, .. } => Event::PreCommitBatchSent { message },
            other => other,
        }));
    }
    let now = shared.clock.now();
    let last = sector.ticket_epoch + shared.policy.max_pre_commit_randomness_lookback;
    let first_deal = sector
        .deals()
        .map(|(_, d)| d.deal_schedule.start_epoch)
        .min();
    let last = first_deal.map_or(last, |start| last.min(start));
    let left = u32::try_from((last - head.height).max(0)).unwrap_or(u32::MAX);
    let left = shared
        .policy
        .block_time
        .checked_mul(left)
        .unwrap_or(Duration::MAX);
    let cutoff = now.saturating_add(left).min(NEVER);
    let answer = shared
        .pre_commits
        .wait(sector.number, Waiting { since: now, cutoff })
        .await;
    answer
        .map(Some)
        .ok_or(Trouble::Again("the pre-commit was not sent yet"))
}

/// What keeps the sector from being sent: it is on its way, or cannot be sent any more.
async fn obstacle(shared: &Shared, sector: &Sector, head: &Head) -> Result<Option<Event>, Trouble> {
    let Some(cids) = &sector.cids else {
        return Ok(Some(Event::SealPreCommit1Failed {
            error: "it is not sealed".to_owned(),
        }));
    };
    let on_chain = shared
        .chain
        .pre_commit(shared.miner, sector.number, &head.key)
        .await?;
    if let Some(on_chain) = on_chain {
        return Ok(Some(if on_chain.info.sealed_cid == cids.sealed {
            Event::PreCommitLanded {
                tipset: head.key.clone(),
            }
        } else {
            let error = format!(
                "{} is pre-committed, not this replica",
                on_chain.info.sealed_cid
            );
            Event::ChainPreCommitFailed { error }
        }));
    }
    let is_it = |m: &_| messages::is_pre_commit_of(m, sector.number);
    if let Some(message) = shared.find_message(head, is_it).await? {
        let pre_commit_deposit = sector.pre_commit_deposit.clone();
        return Ok(Some(Event::PreCommitted {
            message,
            pre_commit_deposit,
        }));
    }
    if shared
        .chain
        .allocated(shared.miner, &head.key)
        .await?
        .contains(sector.number)
    {
        let error = "the sector's number is used up on chain, without a pre-commit".to_owned();
        return Ok(Some(Event::ChainPreCommitFailed { error }));
    }
    if ticket_expired(sector, head.height, &shared.policy) {
        let error = format!("the ticket of epoch {} is too old", sector.ticket_epoch);
        return Ok(Some(Event::ChainPreCommitFailed { error }));
    }
    check_deals(shared, sector, head).await
}

/// Sends a queue's sectors: together, or one by one while the base fee is low.
pub(super) async fn send_batch(shared: &Arc<Shared>, taken: Vec<Taken>) {
    let numbers: Vec<_> = taken.iter().map(|t| t.sector).collect();
    let mut events = match try_batch(shared, &numbers).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(sectors = ?numbers, %error, "pre-commits not sent, trying again");
            BTreeMap::new()
        }
    };
    for entry in taken {
        let event = events.remove(&entry.sector);
        entry.answer(event);
    }
}

async fn try_batch(
    shared: &Arc<Shared>,
    numbers: &[SectorNumber],
) -> Result<BTreeMap<SectorNumber, Event>, Trouble> {
    let head = shared.chain.head().await?;
    let sectors = numbers
        .iter()
        .map(|n| shared.store.sector(*n))
        .collect::<Result<Vec<_>, _>>()?;
    let one_by_one = head.base_fee < shared.config.read().batch_pre_commit_above_base_fee;
    let size = if one_by_one { 1 } else { sectors.len().max(1) };
    let mut events = BTreeMap::new();
    for group in sectors.chunks(size) {
        events.extend(send(shared, group, &head).await?);
    }
    Ok(events
        .into_iter()
        .map(|(n, event)| (n, as_batch(event)))
        .collect())
}

fn as_batch(event: Event) -> Event {
    match event {
        Event::PreCommitted { message, .. } => Event::PreCommitBatchSent { message },
        other => other,
    }
}

/// Sends one message with all the sectors; gives each sector's event.
async fn send(
    shared: &Arc<Shared>,
    sectors: &[Sector],
    head: &Head,
) -> Result<BTreeMap<SectorNumber, Event>, Trouble> {
    let config = shared.config();
    let mut infos: Vec<(SectorPreCommitInfo, TokenAmount)> = Vec::new();
    let mut collateral = TokenAmount::zero();
    for sector in sectors {
        let end = expiration(sector, head.height, &config, &shared.policy);
        // Unsealed sectors were sorted out by `obstacle`.
        let Some(info) = pre_commit_info(sector, end) else {
            continue;
        };
        let deposit = shared
            .chain
            .pre_commit_deposit(shared.miner, &info, &head.key)
            .await?;
        collateral += &deposit;
        infos.push((info, deposit));
    }
    let available = shared
        .chain
        .available_balance(shared.miner, &head.key)
        .await?;
    let value = value_to_send(&collateral, &available, &config);
    let fee = match infos.len() {
        0 | 1 => config.max_pre_commit_gas_fee.clone(),
        n => &config.max_pre_commit_batch_gas_fee_per_sector * u64::try_from(n).unwrap_or(u64::MAX),
    };
    let from = shared
        .sender(Purpose::PreCommit, head, &value, &fee)
        .await?;
    let all = infos.iter().map(|(info, _)| info.clone()).collect();
    let message = messages::pre_commit(shared.miner, from, value, all)?;
    let outcome = shared.chain.push(message, &fee).await;
    let sent = match outcome {
        Ok(message) => Ok(message),
        Err(PushError::Refused(error)) => Err(error),
        Err(PushError::Chain(error)) => return Err(error.into()),
    };
    let event = |pre_commit_deposit: TokenAmount| match &sent {
        Ok(message) => Event::PreCommitted {
            message: *message,
            pre_commit_deposit,
        },
        Err(error) => Event::ChainPreCommitFailed {
            error: error.clone(),
        },
    };
    Ok(infos
        .into_iter()
        .map(|(info, deposit)| (info.sector_number, event(deposit)))
        .collect())
}

/// Waits until the pre-commit has landed.
pub(super) async fn wait(shared: &Arc<Shared>, sector: &Sector) -> Result<Option<Event>, Trouble> {
    let failed = |error: String| Ok(Some(Event::ChainPreCommitFailed { error }));
    let Some(message) = sector.pre_commit_message else {
        return failed("no pre-commit message is known".to_owned());
    };
    let fate = shared.fate(&message).await?;
    let at = match &fate {
        Fate::Landed(landed) => landed.tipset.clone(),
        Fate::Lost => shared.chain.head().await?.key,
    };
    let on_chain = shared
        .chain
        .pre_commit(shared.miner, sector.number, &at)
        .await?;
    match (fate, on_chain) {
        (_, Some(_)) => Ok(Some(Event::PreCommitLanded { tipset: at })),
        (Fate::Lost, None) => failed(format!("message {message} is neither pooled nor on chain")),
        (Fate::Landed(l), None) if l.exit_code.is_success() => failed(format!(
            "message {message} succeeded, but the sector is not pre-committed"
        )),
        (Fate::Landed(l), None) => failed(format!(
            "message {message} failed with exit code {}",
            l.exit_code.0
        )),
    }
}
