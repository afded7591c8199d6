//! Computing and sending the proofs of a deadline.

use std::collections::{BTreeMap, BTreeSet};

use lotus_actors::{
    call,
    miner::{
        DeadlineInfo, method,
        params::{PoStPartition, SubmitWindowedPoStParams},
    },
};
use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::Randomness;
use lotus_sealing::chain::Head;
use lotus_types::{
    BitField, Bytes, ExtendedSectorInfo, RegisteredPoStProof, SectorNumber, TokenAmount, wire,
};

use super::{Shared, WindowError};
use crate::window::{
    chain::PartitionState,
    partitions::{groups, to_prove},
};

/// A proof is tried so often with fewer sectors each time.
const MAX_TRIES: usize = 5;

/// The proof of some partitions, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// The message's parameters, but for the chain commitment.
    pub(super) params: SubmitWindowedPoStParams,
    /// The challenge that it answers.
    randomness: Randomness,
}

fn invalid(error: impl std::fmt::Display) -> WindowError {
    WindowError::Invalid(error.to_string())
}

async fn challenge(
    shared: &Shared,
    deadline: &DeadlineInfo,
    head: &Head,
) -> Result<Randomness, WindowError> {
    let tag = DomainSeparationTag::WindowedPoStChallengeSeed;
    let (epoch, entropy) = (deadline.challenge, shared.entropy());
    Ok(shared
        .chain
        .beacon_randomness(tag, epoch, &entropy, &head.key)
        .await?)
}

/// Proves all that is still unproven in the deadline.
pub(super) async fn prove(
    shared: &Shared,
    deadline: &DeadlineInfo,
    head: &Head,
) -> Result<Vec<Prepared>, WindowError> {
    let (miner, at) = (shared.miner, &head.key);
    let partitions = shared.chain.partitions(miner, deadline.index, at).await?;
    let state = shared.chain.deadline(miner, deadline.index, at).await?;
    let max = shared.config.max_partitions_per_message;
    let groups = groups(&partitions, &state.proven, max).map_err(WindowError::Invalid)?;
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let proof = shared.chain.window_post_proof(miner, at).await?;
    let randomness = challenge(shared, deadline, head).await?;
    let mut prepared = Vec::new();
    for group in groups {
        let members: Vec<_> = group
            .iter()
            .filter_map(|k| Some((*k, partitions.get(*k)?)))
            .collect();
        let group = Group {
            deadline: deadline.index,
            members,
            proof,
            randomness,
        };
        prepared.extend(prove_group(shared, &group, head).await?);
    }
    Ok(prepared)
}

/// Partitions that go into one message.
struct Group<'a> {
    deadline: u64,
    members: Vec<(usize, &'a PartitionState)>,
    proof: RegisteredPoStProof,
    randomness: Randomness,
}

async fn prove_group(
    shared: &Shared,
    group: &Group<'_>,
    head: &Head,
) -> Result<Option<Prepared>, WindowError> {
    let mut wanted: BTreeMap<usize, Vec<SectorNumber>> = BTreeMap::new();
    for (index, partition) in &group.members {
        wanted.insert(*index, to_prove(partition).map_err(WindowError::Invalid)?);
    }
    let numbers =
        BitField::try_from_numbers(wanted.values().flatten().copied()).map_err(invalid)?;
    let infos = shared
        .chain
        .sectors(shared.miner, &numbers, &head.key)
        .await?;
    let mut bad: BTreeSet<SectorNumber> = BTreeSet::new();
    if !shared.config.disable_pre_checks {
        let check = shared
            .prover
            .check_provable(group.proof, shared.miner, infos.clone());
        for (number, reason) in check.await? {
            tracing::warn!(
                sector = number,
                reason,
                "a sector cannot be proven and is skipped"
            );
            bad.insert(number);
        }
    }
    for _ in 0..MAX_TRIES {
        let good: Vec<ExtendedSectorInfo> = infos
            .iter()
            .filter(|i| !bad.contains(&i.sector_number))
            .cloned()
            .collect();
        if good.is_empty() {
            tracing::error!(deadline = group.deadline, "no sector can be proven");
            return Ok(None);
        }
        let post = shared
            .prover
            .window_post(group.proof, shared.miner, good, group.randomness);
        let post = post.await?;
        if post.skipped.is_empty() {
            let partitions = declared(&wanted, &bad)?;
            let params = SubmitWindowedPoStParams {
                deadline: group.deadline,
                partitions,
                proofs: post.proofs,
                chain_commit_epoch: 0,
                chain_commit_rand: Bytes::new(),
            };
            return Ok(Some(Prepared {
                params,
                randomness: group.randomness,
            }));
        }
        bad.extend(post.skipped);
    }
    Err(WindowError::Invalid(format!(
        "sectors went bad while proving, {MAX_TRIES} times in a row"
    )))
}

/// The partitions with the sectors that are left out. One without any good sector is left out whole.
fn declared(
    wanted: &BTreeMap<usize, Vec<SectorNumber>>,
    bad: &BTreeSet<SectorNumber>,
) -> Result<Vec<PoStPartition>, WindowError> {
    let mut partitions = Vec::new();
    for (index, numbers) in wanted {
        if numbers.iter().all(|n| bad.contains(n)) {
            continue;
        }
        let skipped = numbers.iter().filter(|n| bad.contains(n)).copied();
        partitions.push(PoStPartition {
            index: u64::try_from(*index).map_err(invalid)?,
            skipped: BitField::try_from_numbers(skipped).map_err(invalid)?,
        });
    }
    Ok(partitions)
}

/// Sends what is not proven on chain and does not wait in the pool.
pub(super) async fn submit(
    shared: &Shared,
    deadline: &DeadlineInfo,
    prepared: Vec<Prepared>,
    head: &Head,
) -> Result<(), WindowError> {
    let now = challenge(shared, deadline, head).await?;
    let state = shared
        .chain
        .deadline(shared.miner, deadline.index, &head.key)
        .await?;
    let pooled = pooled(shared, deadline).await?;
    for Prepared {
        mut params,
        randomness,
    } in prepared
    {
        if randomness != now {
            return Err(WindowError::Reorganised);
        }
        let is_done =
            |p: &PoStPartition| state.proven.contains(p.index) || pooled.contains(&p.index);
        let done = params.partitions.iter().filter(|p| is_done(p)).count();
        if done == params.partitions.len() {
            continue;
        }
        if done > 0 {
            // Another prover has sent a part of it; the rest must be proven by itself.
            return Err(WindowError::Invalid(
                "some partitions are proven already".to_owned(),
            ));
        }
        let tag = DomainSeparationTag::PoStChainCommit;
        let commitment = shared
            .chain
            .ticket_randomness(tag, deadline.open, &[], &head.key)
            .await?;
        params.chain_commit_epoch = deadline.open;
        params.chain_commit_rand = Bytes::from(commitment);
        let from = shared.sender(head).await?;
        let (to, none) = (shared.miner_address(), TokenAmount::zero());
        let message =
            call(from, to, none, method::SUBMIT_WINDOWED_POST, &params).map_err(invalid)?;
        let cid = shared.chain.push(message, &shared.config.max_fee).await?;
        tracing::info!(deadline = deadline.index, cid = %cid, "WindowPoSt sent");
    }
    Ok(())
}

/// Partitions of the deadline whose proofs wait in the pool.
async fn pooled(shared: &Shared, deadline: &DeadlineInfo) -> Result<BTreeSet<u64>, WindowError> {
    let pending = shared.chain.pending(&shared.miner_address()).await?;
    let posts = pending
        .iter()
        .filter(|(_, m)| m.method == method::SUBMIT_WINDOWED_POST)
        .filter_map(|(_, m)| wire::from_cbor::<SubmitWindowedPoStParams>(&m.params).ok());
    Ok(posts
        .filter(|p| p.deadline == deadline.index && p.chain_commit_epoch == deadline.open)
        .flat_map(|p| p.partitions)
        .map(|p| p.index)
        .collect())
}
