//! Proving the replica: seed, proof, prove-commit.
//!
//! # Invariants
//! - A proof is checked before it is sent, and the seed it was made for must still be the chain's.
//! - Never two prove-commits on their way for one sector (see [`super::pre_commit`]).

use std::{collections::BTreeMap, sync::Arc};

use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::{AggregateSealVerifyInfo, AggregatedSeal, Randomness, SealVerifyInfo};
use lotus_types::{Bytes, Cid, Message, SectorNumber, TokenAmount, sector::SectorCids};

use super::{
    Asked, Shared,
    effects::Trouble,
    outlook::{Fate, Purpose},
    replica::randomness,
};
use crate::{
    batch::{NEVER, Taken, Waiting},
    chain::{Head, PushError},
    event::Event,
    messages,
    policy::value_to_send,
    sector::Sector,
    state::SectorState,
};

/// Waits for the epoch of the interactive seed, and then until it is settled.
pub(super) async fn wait_seed(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let gone = || Event::ChainPreCommitFailed {
        error: "the pre-commit is not on chain".to_owned(),
    };
    let head = shared.chain.head().await?;
    let on_chain = shared
        .chain
        .pre_commit(shared.miner, sector.number, &head.key)
        .await?;
    let Some(on_chain) = on_chain else {
        return Ok(Some(gone()));
    };
    let seed_epoch = on_chain.pre_commit_epoch + shared.policy.pre_commit_challenge_delay;
    let head = shared
        .reach(seed_epoch + shared.policy.interactive_porep_confidence)
        .await?;
    // The pre-commit may have landed in another epoch after a reorganisation.
    let still = shared
        .chain
        .pre_commit(shared.miner, sector.number, &head.key)
        .await?;
    match still {
        None => Ok(Some(gone())),
        Some(still) if still.pre_commit_epoch != on_chain.pre_commit_epoch => {
            Err(Trouble::Again("the pre-commit has moved to another epoch"))
        }
        Some(_) => {
            let seed = draw_seed(shared, seed_epoch, &head).await?;
            Ok(Some(Event::SeedReady {
                seed_value: Bytes::from(seed),
                seed_epoch,
            }))
        }
    }
}

pub(super) async fn draw_seed(shared: &Shared, epoch: i64, head: &Head) -> Asked<Randomness> {
    let tag = DomainSeparationTag::InteractiveSealChallengeSeed;
    shared
        .chain
        .beacon_randomness(tag, epoch, &shared.entropy(), &head.key)
        .await
}

/// Computes the seal proof and checks it.
pub(super) async fn compute_proof(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let failed = |error: String| Ok(Some(Event::ComputeProofFailed { error }));
    let (Some(ticket), Some(seed), Some(cids)) = (
        randomness(&sector.ticket),
        randomness(&sector.seed),
        sector.cids.clone(),
    ) else {
        return failed("ticket, seed or commitments are missing".to_owned());
    };
    let id = sector.sector_ref(shared.miner);
    let pieces = sector.piece_infos();
    let phase1 = shared
        .sealer
        .seal_commit1(id, ticket, seed, pieces, cids.clone())
        .await;
    let proof = match phase1 {
        Ok(phase1) => shared.sealer.seal_commit2(id, phase1).await,
        Err(error) => Err(error),
    };
    let proof = match proof {
        Ok(proof) => proof,
        Err(error) => return failed(error.to_string()),
    };
    if let Some(error) = verify(shared, sector, (ticket, seed), &cids, &proof).await? {
        return failed(error);
    }
    let early = sector.state == SectorState::Committing && shared.config.read().finalize_early;
    Ok(Some(if early {
        Event::ProofReady { proof }
    } else {
        Event::Committed { proof }
    }))
}

/// What is wrong with the proof, if anything is.
async fn verify(
    shared: &Shared,
    sector: &Sector,
    (ticket, seed): (Randomness, Randomness),
    cids: &SectorCids,
    proof: &Bytes,
) -> Result<Option<String>, Trouble> {
    let Some(verifier) = shared.verifier.clone() else {
        return Ok(None);
    };
    let info = SealVerifyInfo {
        seal_proof: sector.seal_proof,
        sector: sector.sector_ref(shared.miner).id,
        ticket,
        seed,
        proof: proof.to_vec(),
        sealed: cids.sealed,
        unsealed: cids.unsealed,
    };
    let checked = tokio::task::spawn_blocking(move || verifier.verify_seal(&info)).await;
    match checked {
        Ok(Ok(true)) => Ok(None),
        Ok(Ok(false)) => Ok(Some("the proof does not verify".to_owned())),
        Ok(Err(error)) if error.is_bad_input() => Ok(Some(error.to_string())),
        Ok(Err(error)) => Err(Trouble::Verifier(error.to_string())),
        Err(error) => Err(Trouble::Verifier(error.to_string())),
    }
}

/// Sends the proof, or puts the sector in the queue.
pub(super) async fn commit(
    shared: &Arc<Shared>,
    sector: &Sector,
) -> Result<Option<Event>, Trouble> {
    let head = shared.chain.head().await?;
    match obstacle(shared, sector, &head).await? {
        Some(Obstacle::Sent(message)) => return Ok(Some(Event::CommitSubmitted { message })),
        Some(Obstacle::Failed(error)) => return Ok(Some(Event::CommitFailed { error })),
        None => {}
    }
    if shared.config().aggregate_commits {
        return Ok(Some(Event::SubmitCommitAggregate {}));
    }
    let outcome = send_one(shared, sector, &head).await?;
    Ok(Some(match outcome {
        Ok(message) => Event::CommitSubmitted { message },
        Err(error) => Event::CommitFailed { error },
    }))
}

/// Waits in the queue until the proof has been sent.
pub(super) async fn queue(shared: &Arc<Shared>, sector: &Sector) -> Result<Option<Event>, Trouble> {
    let head = shared.chain.head().await?;
    match obstacle(shared, sector, &head).await? {
        Some(Obstacle::Sent(message)) => return Ok(Some(Event::CommitAggregateSent { message })),
        Some(Obstacle::Failed(error)) => return Ok(Some(Event::CommitFailed { error })),
        None => {}
    }
    let now = shared.clock.now();
    let on_chain = shared
        .chain
        .pre_commit(shared.miner, sector.number, &head.key)
        .await?;
    let landed = on_chain.map_or(head.height, |p| p.pre_commit_epoch);
    let last = landed + shared.policy.max_prove_commit_duration;
    let left = u32::try_from((last - head.height).max(0)).unwrap_or(u32::MAX);
    let left = shared.policy.block_time.checked_mul(left).unwrap_or(NEVER);
    let waiting = Waiting {
        since: now,
        cutoff: now.saturating_add(left).min(NEVER),
    };
    let answer = shared.commits.wait(sector.number, waiting).await;
    answer
        .map(Some)
        .ok_or(Trouble::Again("the proof was not sent yet"))
}

enum Obstacle {
    /// A message with the proof is on its way.
    Sent(Cid),
    /// It cannot be sent as it is.
    Failed(String),
}

async fn obstacle(
    shared: &Shared,
    sector: &Sector,
    head: &Head,
) -> Result<Option<Obstacle>, Trouble> {
    let failed = |error: &str| Ok(Some(Obstacle::Failed(error.to_owned())));
    if shared
        .chain
        .sector(shared.miner, sector.number, &head.key)
        .await?
        .is_some()
    {
        return match sector.commit_message {
            Some(message) => Ok(Some(Obstacle::Sent(message))),
            None => failed("the sector is proven on chain already"),
        };
    }
    let is_it = |m: &Message| messages::is_prove_commit_of(m, sector.number);
    if let Some(message) = shared.find_message(head, is_it).await? {
        return Ok(Some(Obstacle::Sent(message)));
    }
    if shared
        .chain
        .pre_commit(shared.miner, sector.number, &head.key)
        .await?
        .is_none()
    {
        return failed("the pre-commit is not on chain");
    }
    if sector.proof.is_empty() {
        return failed("there is no proof");
    }
    let seed = draw_seed(shared, sector.seed_epoch, head).await?;
    if *sector.seed != seed {
        return failed("the chain has another seed now");
    }
    Ok(None)
}

/// Sends a queue's sectors: as an aggregate, or one by one while they are few or fees are low.
pub(super) async fn send_batch(shared: &Arc<Shared>, taken: Vec<Taken>) {
    let numbers: Vec<_> = taken.iter().map(|t| t.sector).collect();
    let mut outcomes = match try_batch(shared, &numbers).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            tracing::warn!(sectors = ?numbers, %error, "proofs not sent, trying again");
            BTreeMap::new()
        }
    };
    for entry in taken {
        let event = outcomes.remove(&entry.sector).map(|outcome| match outcome {
            Ok(message) => Event::CommitAggregateSent { message },
            Err(error) => Event::CommitFailed { error },
        });
        entry.answer(event);
    }
}

/// A message, or why it was refused.
type Sent = Result<Cid, String>;

async fn try_batch(
    shared: &Arc<Shared>,
    numbers: &[SectorNumber],
) -> Result<BTreeMap<SectorNumber, Sent>, Trouble> {
    let head = shared.chain.head().await?;
    let config = shared.config();
    let mut by_proof: BTreeMap<_, Vec<Sector>> = BTreeMap::new();
    for number in numbers {
        let sector = shared.store.sector(*number)?;
        by_proof.entry(sector.seal_proof).or_default().push(sector);
    }
    let mut sent = BTreeMap::new();
    for group in by_proof.into_values() {
        let few = group.len() < config.commit_batch.min.max(1);
        if few || head.base_fee < config.aggregate_above_base_fee {
            for sector in &group {
                sent.insert(sector.number, send_one(shared, sector, &head).await?);
            }
            continue;
        }
        let outcome = send_aggregate(shared, &group, &head).await?;
        sent.extend(group.iter().map(|s| (s.number, outcome.clone())));
    }
    Ok(sent)
}

/// What a sector's proof must lock beyond the deposit.
async fn collateral(shared: &Shared, sector: &Sector, head: &Head) -> Result<TokenAmount, Trouble> {
    let on_chain = shared
        .chain
        .pre_commit(shared.miner, sector.number, &head.key)
        .await?;
    let Some(on_chain) = on_chain else {
        return Ok(TokenAmount::zero());
    };
    let pledge = shared
        .chain
        .initial_pledge(shared.miner, &on_chain.info, &head.key)
        .await?;
    Ok((&pledge - &on_chain.pre_commit_deposit).max(TokenAmount::zero()))
}

async fn send_one(shared: &Shared, sector: &Sector, head: &Head) -> Result<Sent, Trouble> {
    let config = shared.config();
    let needed = collateral(shared, sector, head).await?;
    let available = shared
        .chain
        .available_balance(shared.miner, &head.key)
        .await?;
    let value = value_to_send(&needed, &available, &config);
    let fee = &config.max_commit_gas_fee;
    let from = shared.sender(Purpose::Commit, head, &value, fee).await?;
    let proof = sector.proof.clone();
    let message = messages::prove_commit(shared.miner, from, value, sector.number, proof)?;
    push(shared, message, fee).await
}

async fn send_aggregate(shared: &Shared, sectors: &[Sector], head: &Head) -> Result<Sent, Trouble> {
    let config = shared.config();
    let mut needed = TokenAmount::zero();
    let (mut infos, mut proofs) = (Vec::new(), Vec::new());
    for sector in sectors {
        needed += &collateral(shared, sector, head).await?;
        let (Some(ticket), Some(seed), Some(cids)) = (
            randomness(&sector.ticket),
            randomness(&sector.seed),
            &sector.cids,
        ) else {
            return Ok(Err(format!("sector {} is incomplete", sector.number)));
        };
        let (sealed, unsealed) = (cids.sealed, cids.unsealed);
        infos.push(AggregatedSeal {
            number: sector.number,
            ticket,
            seed,
            sealed,
            unsealed,
        });
        proofs.push(sector.proof.clone());
    }
    let Some(first) = sectors.first() else {
        return Ok(Err("no sectors".to_owned()));
    };
    let info = AggregateSealVerifyInfo {
        seal_proof: first.seal_proof,
        // SnarkPack version 2 since network version 16.
        aggregate_proof: 1,
        miner: shared.miner,
        proof: Vec::new(),
        infos,
    };
    let aggregate = match shared.sealer.aggregate(info, proofs).await {
        Ok(aggregate) => aggregate,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let available = shared
        .chain
        .available_balance(shared.miner, &head.key)
        .await?;
    let value = value_to_send(&needed, &available, &config);
    let count = u64::try_from(sectors.len()).unwrap_or(u64::MAX);
    let fee = &config.max_commit_batch_gas_fee_per_sector * count;
    let from = shared.sender(Purpose::Commit, head, &value, &fee).await?;
    let numbers: Vec<_> = sectors.iter().map(|s| s.number).collect();
    let message = messages::prove_commit_aggregate(shared.miner, from, value, &numbers, aggregate)?;
    push(shared, message, &fee).await
}

async fn push(shared: &Shared, message: Message, fee: &TokenAmount) -> Result<Sent, Trouble> {
    match shared.chain.push(message, fee).await {
        Ok(cid) => Ok(Ok(cid)),
        Err(PushError::Refused(error)) => Ok(Err(error)),
        Err(PushError::Chain(error)) => Err(error.into()),
    }
}

/// Waits until the proof has landed and the sector is on chain. A wrong proof does not fail its
/// message: the sector just does not appear.
pub(super) async fn wait(shared: &Arc<Shared>, sector: &Sector) -> Result<Option<Event>, Trouble> {
    let failed = |error: String| Ok(Some(Event::CommitFailed { error }));
    let head = shared.chain.head().await?;
    let Some(message) = sector.commit_message else {
        let on_chain = shared
            .chain
            .sector(shared.miner, sector.number, &head.key)
            .await?;
        return match on_chain {
            Some(_) => Ok(Some(Event::Proving {})),
            None => failed("no commit message is known".to_owned()),
        };
    };
    let fate = shared.fate(&message).await?;
    let at = match &fate {
        Fate::Landed(landed) => landed.tipset.clone(),
        Fate::Lost => shared.chain.head().await?.key,
    };
    if shared
        .chain
        .sector(shared.miner, sector.number, &at)
        .await?
        .is_some()
    {
        return Ok(Some(Event::Proving {}));
    }
    match fate {
        Fate::Lost => failed(format!("message {message} is neither pooled nor on chain")),
        Fate::Landed(l) if l.exit_code.is_success() => failed(format!(
            "message {message} succeeded, but the sector's proof was not accepted"
        )),
        Fate::Landed(l) => failed(format!(
            "message {message} failed with exit code {}",
            l.exit_code.0
        )),
    }
}
