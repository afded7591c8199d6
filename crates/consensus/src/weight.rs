//! The weight of a chain.
//!
//! # Lotus parity
//! `filcns.Weight`: parent weight + log₂(power)·2⁸ + log₂(power)·Σ wins·½·2⁸ / 5.

use lotus_actors::StateTree;
use lotus_blockstore::SharedBlockstore;
use lotus_chain::Weigher;
use lotus_networks::policy::{BLOCKS_PER_EPOCH, WEIGHT_RATIO_DENOM, WEIGHT_RATIO_NUM};
use lotus_ports::{Blockstore, network::Fault};
use lotus_state::StateFault;
use lotus_types::{BigInt, Tipset};
use num_bigint::BigInt as Int;
use num_integer::Integer as _;

/// Expected Consensus' weight, for the chain store.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExpectedConsensus;

impl Weigher for ExpectedConsensus {
    fn weight(&self, blocks: &SharedBlockstore, tipset: &Tipset) -> Result<BigInt, Fault> {
        Ok(weight(blocks, tipset)?)
    }
}

/// The weight of the chain that ends in `tipset`. Its parents' state must be in `store`.
///
/// # Errors
/// [`StateFault`]; also when the network has no power left, since then no chain can be weighed.
pub fn weight(store: &impl Blockstore, tipset: &Tipset) -> Result<BigInt, StateFault> {
    let tree = StateTree::load(store, &tipset.parent_state_root())?;
    let power = tree.power_state()?.total_quality_adj_power;
    if power.0 <= Int::from(0) {
        return Err(StateFault::Refused(
            "all power in the network is gone: its chain cannot be weighed".to_owned(),
        ));
    }
    let wins: i64 = tipset
        .blocks()
        .iter()
        .filter_map(|b| b.election_proof.as_ref())
        .fold(0, |sum, proof| sum.saturating_add(proof.win_count));
    Ok(compute(tipset.parent_weight(), power.bits() - 1, wins))
}

fn compute(parent: &BigInt, log2_power: u64, wins: i64) -> BigInt {
    let shifted = Int::from(log2_power) << 8;
    let elected: Int = &shifted * (WEIGHT_RATIO_NUM * wins);
    let shares = Int::from(BLOCKS_PER_EPOCH * WEIGHT_RATIO_DENOM.unsigned_abs());
    let elected = elected.div_floor(&shares);
    BigInt(&parent.0 + shifted + elected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_power_and_wins() {
        // 81916 bytes of power: log₂ is 16.
        assert_eq!(compute(&BigInt::from(0), 16, 0), BigInt::from(4096));
        assert_eq!(
            compute(&BigInt::from(10), 16, 5),
            BigInt::from(10 + 4096 + 2048)
        );
    }
}
