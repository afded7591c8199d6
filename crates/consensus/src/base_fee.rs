//! The base fee of the next tipset.
//!
//! # Lotus parity
//! `ChainStore.ComputeBaseFee` after the Smoke upgrade: the gas limits of a tipset's distinct
//! messages, per block, against the target; at most an eighth up or down (EIP-1559).

use std::collections::HashSet;

use lotus_networks::policy::{BASE_FEE_MAX_CHANGE_DENOMINATOR, BLOCK_GAS_TARGET, MINIMUM_BASE_FEE};
use lotus_state::{ChainView, StateFault};
use lotus_types::{Gas, Tipset, TokenAmount};
use num_bigint::BigInt;
use num_integer::Integer as _;

/// The base fee that blocks on top of `tipset` must name, in attoFIL per gas.
///
/// # Errors
/// [`StateFault::Chain`] when its messages cannot be loaded.
pub fn next_base_fee(view: &dyn ChainView, tipset: &Tipset) -> Result<TokenAmount, StateFault> {
    let mut seen = HashSet::new();
    let mut gas_limits: Gas = 0;
    for header in tipset.blocks() {
        let messages = view.block_messages(header).map_err(StateFault::Chain)?;
        let bls = messages.bls.iter().map(|m| (m.cid(), m.gas_limit));
        let secpk = messages
            .secpk
            .iter()
            .map(|m| (m.cid(), m.message.gas_limit));
        for (cid, limit) in bls.chain(secpk) {
            if seen.insert(cid) {
                gas_limits = gas_limits.saturating_add(limit);
            }
        }
    }
    Ok(compute(
        tipset.parent_base_fee(),
        gas_limits,
        tipset.blocks().len(),
    ))
}

/// The base fee after a tipset of `blocks` blocks whose messages ask for `gas_limits` in all.
pub fn compute(base_fee: &TokenAmount, gas_limits: Gas, blocks: usize) -> TokenAmount {
    let blocks = Gas::try_from(blocks).unwrap_or(Gas::MAX).max(1);
    let delta = (gas_limits / blocks - BLOCK_GAS_TARGET).clamp(-BLOCK_GAS_TARGET, BLOCK_GAS_TARGET);
    let change = (base_fee.atto() * delta)
        .div_floor(&BigInt::from(BLOCK_GAS_TARGET))
        .div_floor(&BigInt::from(BASE_FEE_MAX_CHANGE_DENOMINATOR));
    let next = TokenAmount::from_atto(base_fee.atto() + change);
    next.max(TokenAmount::from_atto(MINIMUM_BASE_FEE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(base_fee: i64, gas: Gas, blocks: usize) -> BigInt {
        compute(&TokenAmount::from_atto(base_fee), gas, blocks)
            .atto()
            .clone()
    }

    #[test]
    fn stays_at_the_target_and_moves_by_an_eighth_at_the_ends() {
        assert_eq!(after(100_000_000, BLOCK_GAS_TARGET, 1), 100_000_000.into());
        assert_eq!(after(100_000_000, 0, 1), 87_500_000.into());
        assert_eq!(
            after(100_000_000, 2 * BLOCK_GAS_TARGET, 1),
            112_500_000.into()
        );
        assert_eq!(
            after(100_000_000, 2 * BLOCK_GAS_TARGET, 2),
            100_000_000.into()
        );
    }

    #[test]
    fn never_falls_below_the_minimum() {
        assert_eq!(after(100, 0, 1), MINIMUM_BASE_FEE.into());
        assert_eq!(after(107, 0, 5), MINIMUM_BASE_FEE.into());
    }

    #[test]
    fn changes_no_faster_for_more_gas_than_blocks_can_hold() {
        assert_eq!(after(800, Gas::MAX, 1), 900.into());
    }
}
