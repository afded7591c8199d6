//! Declaring that faulty sectors can be proven again.

use lotus_actors::{
    call,
    miner::{
        DeadlineInfo, method,
        params::{DeclareFaultsRecoveredParams, SectorDeclaration},
    },
};
use lotus_sealing::chain::Head;
use lotus_types::{BitField, TokenAmount, wire};

use super::{Shared, WindowError};
use crate::window::partitions::unrecovered;

/// Looks at the faulty sectors of the deadline and declares those that can be read again.
pub(super) async fn declare(
    shared: &Shared,
    deadline: &DeadlineInfo,
    head: &Head,
) -> Result<(), WindowError> {
    let (miner, at) = (shared.miner, &head.key);
    let partitions = shared.chain.partitions(miner, deadline.index, at).await?;
    let mut recoveries = Vec::new();
    for (index, partition) in partitions.iter().enumerate() {
        let faulty = unrecovered(partition).map_err(WindowError::Invalid)?;
        if faulty.is_empty() {
            continue;
        }
        let numbers = BitField::try_from_numbers(faulty).map_err(WindowError::Invalid)?;
        let infos = shared.chain.sectors(miner, &numbers, at).await?;
        let proof = shared.chain.window_post_proof(miner, at).await?;
        let bad = shared
            .prover
            .check_provable(proof, miner, infos.clone())
            .await?;
        let good = infos
            .iter()
            .map(|i| i.sector_number)
            .filter(|n| !bad.contains_key(n));
        let sectors = BitField::try_from_numbers(good).map_err(WindowError::Invalid)?;
        if sectors.is_empty() {
            continue;
        }
        let partition = u64::try_from(index).map_err(|e| WindowError::Invalid(e.to_string()))?;
        recoveries.push(SectorDeclaration {
            deadline: deadline.index,
            partition,
            sectors,
        });
    }
    let max = match shared.config.max_partitions_per_recovery {
        0 => recoveries.len().max(1),
        max => max,
    };
    for part in recoveries.chunks(max) {
        send(shared, deadline, part.to_vec(), head).await?;
    }
    Ok(())
}

async fn send(
    shared: &Shared,
    deadline: &DeadlineInfo,
    recoveries: Vec<SectorDeclaration>,
    head: &Head,
) -> Result<(), WindowError> {
    let params = DeclareFaultsRecoveredParams { recoveries };
    let pending = shared.chain.pending(&shared.miner_address()).await?;
    let is_pooled = pending.iter().any(|(_, m)| {
        m.method == method::DECLARE_FAULTS_RECOVERED
            && wire::from_cbor::<DeclareFaultsRecoveredParams>(&m.params).is_ok_and(|p| p == params)
    });
    if is_pooled {
        return Ok(());
    }
    let from = shared.sender(head).await?;
    let (to, none) = (shared.miner_address(), TokenAmount::zero());
    let message = call(from, to, none, method::DECLARE_FAULTS_RECOVERED, &params)
        .map_err(|e| WindowError::Invalid(e.to_string()))?;
    let cid = shared.chain.push(message, &shared.config.max_fee).await?;
    tracing::info!(deadline = deadline.index, cid = %cid, "recoveries declared");
    Ok(())
}
