//! Elections: who may mine, with what power, and which sectors the winner proves.

use lotus_actors::{StateTree, power::Claim};
use lotus_networks::Network;
use lotus_ports::{
    Blockstore,
    proofs::{ProofError, Verifier},
};
use lotus_state::StateFault;
use lotus_types::{Address, BigInt, ChainEpoch, ExtendedSectorInfo, SectorNumber, SectorSize};
use num_bigint::BigInt as Int;

/// Most sectors of one miner that are counted out for a WinningPoSt.
const MAX_SECTORS: u64 = 1 << 32;

/// Power in an election, in quality-adjusted bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionPower {
    /// The miner's.
    pub miner: BigInt,
    /// The whole network's.
    pub network: BigInt,
}

/// A miner's claim on the power table, and the total. `None` when it has no claim.
///
/// # Errors
/// [`StateFault::State`].
pub fn power<S: Blockstore>(
    tree: &StateTree<'_, S>,
    miner: &Address,
) -> Result<Option<ElectionPower>, StateFault> {
    let state = tree.power_state()?;
    let claim: Option<Claim> = state.claim(tree.store(), miner)?;
    Ok(claim.map(|claim| ElectionPower {
        miner: claim.quality_adj_power,
        network: state.total_quality_adj_power,
    }))
}

/// May `miner` mine on top of a tipset of height `base_height`? `base` is the state before that
/// tipset, `lookback` the state before the lookback tipset.
///
/// # Lotus parity
/// `stmgr.MinerEligibleToMine`: minimum power at the lookback; at the base a claim above zero, no fee
/// debt, and no consensus fault that still counts.
///
/// # Errors
/// [`StateFault::State`].
pub fn is_eligible<S: Blockstore>(
    network: &Network,
    miner: &Address,
    base: &StateTree<'_, S>,
    base_height: ChainEpoch,
    lookback: &StateTree<'_, S>,
) -> Result<bool, StateFault> {
    let meets = lookback
        .power_state()?
        .miner_nominal_power_meets_consensus_minimum(
            lookback.store(),
            miner,
            &network.min_power(),
        )?;
    if meets != Some(true) {
        return Ok(false);
    }
    let claim = base.power_state()?.claim(base.store(), miner)?;
    if claim.is_none_or(|c| c.quality_adj_power.0 <= Int::from(0)) {
        return Ok(false);
    }
    let Some(state) = base.miner_state(miner)? else {
        return Ok(false);
    };
    if state.fee_debt.is_positive() {
        return Ok(false);
    }
    Ok(base_height > state.info(base.store())?.consensus_fault_elapsed)
}

/// Does the power table know the miner? It does not once it was removed for its faults.
///
/// # Errors
/// [`StateFault::State`].
pub fn has_claim<S: Blockstore>(
    tree: &StateTree<'_, S>,
    miner: &Address,
) -> Result<bool, StateFault> {
    Ok(tree.power_state()?.claim(tree.store(), miner)?.is_some())
}

/// The miner's worker key and sector size, on the lookback state. `None` when it is no miner or its
/// worker is no account.
///
/// # Errors
/// [`StateFault::State`].
pub fn worker_key<S: Blockstore>(
    tree: &StateTree<'_, S>,
    miner: &Address,
) -> Result<Option<(Address, SectorSize)>, StateFault> {
    let Some(state) = tree.miner_state(miner)? else {
        return Ok(None);
    };
    let info = state.info(tree.store())?;
    let key = tree.account_key(&info.worker)?;
    Ok(key.map(|key| (key, info.sector_size)))
}

/// Why the sectors of a WinningPoSt could not be chosen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WinningSectorsError {
    /// The miner has nothing to prove, or is no miner.
    #[error("{0}")]
    None(String),
    /// State failed.
    #[error(transparent)]
    Fault(#[from] StateFault),
    /// The proofs failed.
    #[error(transparent)]
    Proofs(#[from] ProofError),
}

impl From<lotus_actors::StateError> for WinningSectorsError {
    fn from(e: lotus_actors::StateError) -> Self {
        Self::Fault(e.into())
    }
}

/// The sectors that a WinningPoSt over `randomness` proves, drawn from the miner's active sectors on
/// the lookback state.
///
/// # Lotus parity
/// `stmgr.GetSectorsForWinningPoSt`.
///
/// # Errors
/// [`WinningSectorsError`].
pub fn winning_sectors<S: Blockstore>(
    verifier: &dyn Verifier,
    tree: &StateTree<'_, S>,
    miner: &Address,
    randomness: &[u8; 32],
) -> Result<Vec<ExtendedSectorInfo>, WinningSectorsError> {
    let none = |reason: &str| WinningSectorsError::None(format!("{miner} {reason}"));
    let id = miner.id().ok_or_else(|| none("is no ID address"))?;
    let store = tree.store();
    let state = tree
        .miner_state(miner)?
        .ok_or_else(|| none("is no miner"))?;
    let active = active_sectors(tree, &state)?;
    if active.is_empty() {
        return Err(none("has no active sector to prove"));
    }
    let info = state.info(store)?;
    let proof = info
        .window_post_proof_type
        .winning_post()
        .ok_or_else(|| none("has an unknown PoSt proof type"))?;
    let count = active.len() as u64;
    let chosen = verifier.generate_winning_post_sector_challenge(proof, id, randomness, count)?;
    let sectors = state.sectors(store)?;
    chosen
        .into_iter()
        .map(|index| {
            let number = usize::try_from(index)
                .ok()
                .and_then(|k| active.get(k))
                .copied();
            let number = number.ok_or_else(|| none("was challenged beyond its sectors"))?;
            let sector = sectors
                .get(number)?
                .ok_or_else(|| none("lacks an active sector"))?;
            Ok(ExtendedSectorInfo {
                seal_proof: sector.seal_proof,
                sector_number: sector.sector_number,
                sector_key: sector.sector_key_cid,
                sealed_cid: sector.sealed_cid,
            })
        })
        .collect()
}

/// All sectors that are proven and not faulty, in order.
fn active_sectors<S: Blockstore>(
    tree: &StateTree<'_, S>,
    state: &lotus_actors::miner::State,
) -> Result<Vec<SectorNumber>, WinningSectorsError> {
    let store = tree.store();
    let mut numbers = Vec::new();
    for index in 0.. {
        let Some(deadline) = state.deadline(store, index)? else {
            break;
        };
        if deadline.total_sectors == 0 {
            continue;
        }
        for (_, partition) in deadline.partitions(store)?.entries()? {
            let active = partition.active_sectors().numbers(MAX_SECTORS);
            numbers
                .extend(active.map_err(|e| StateFault::Refused(format!("active sectors: {e}")))?);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
