//! What a sector's power is worth: quality, expected reward, deposit and pledge.
//!
//! # Lotus parity
//! The rules of the miner actor v9 (`monies`, `policy`), which Lotus computes outside the VM for
//! genesis and for fee estimates.

use lotus_networks::policy::EPOCHS_IN_DAY;
use lotus_types::{BigInt, ChainEpoch, SectorSize, TokenAmount};
use num_bigint::BigInt as Int;
use num_integer::Integer as _;

use crate::{FilterEstimate, smooth};

/// Deposit and pledge are the reward expected over 20 days.
pub const PROJECTION_PERIOD: ChainEpoch = 20 * EPOCHS_IN_DAY;
/// Tenfold power for verified deals.
const BASE_MULTIPLIER: u32 = 10;
const VERIFIED_MULTIPLIER: u32 = 100;
/// Fractional bits of a sector's quality.
const QUALITY_PRECISION: u32 = 20;

/// Quality-adjusted power in bytes of a sector of `size` bytes over `duration` epochs (above 0) that
/// holds deals of the given weights, in byte-epochs.
pub fn qa_power_for_weight(
    size: SectorSize,
    duration: ChainEpoch,
    deal_weight: &BigInt,
    verified_weight: &BigInt,
) -> BigInt {
    let space_time = Int::from(size) * duration.max(1);
    let plain = (&space_time - &verified_weight.0 - &deal_weight.0) * BASE_MULTIPLIER;
    let deals = &deal_weight.0 * BASE_MULTIPLIER;
    let verified = &verified_weight.0 * VERIFIED_MULTIPLIER;
    let weighted: Int = (plain + deals + verified) << QUALITY_PRECISION;
    let quality = weighted
        .div_floor(&space_time)
        .div_floor(&Int::from(BASE_MULTIPLIER));
    BigInt((Int::from(size) * quality) >> QUALITY_PRECISION)
}

/// The most power that a sector can have.
pub fn qa_power_max(size: SectorSize) -> BigInt {
    BigInt(Int::from(size) * VERIFIED_MULTIPLIER / BASE_MULTIPLIER)
}

/// The reward that `qa_power` earns over `period` epochs, at least 1 attoFIL.
pub fn expected_reward(
    reward: &FilterEstimate,
    network_qa_power: &FilterEstimate,
    qa_power: &BigInt,
    period: ChainEpoch,
) -> TokenAmount {
    let expected = if network_qa_power.estimate() == Int::default() {
        reward.estimate()
    } else {
        let ratio = smooth::cumulative_ratio(period, reward, network_qa_power);
        (&qa_power.0 * ratio) >> smooth::PRECISION
    };
    TokenAmount::from_atto(expected.max(Int::from(1)))
}

/// What must be deposited to pre-commit a sector of that power.
pub fn pre_commit_deposit(
    reward: &FilterEstimate,
    network_qa_power: &FilterEstimate,
    qa_power: &BigInt,
) -> TokenAmount {
    expected_reward(reward, network_qa_power, qa_power, PROJECTION_PERIOD)
}

/// What must be pledged to prove a sector of that power: expected reward, and a share of 30 % of the
/// circulating supply; at most 1 FIL per 32 GiB.
pub fn initial_pledge(
    qa_power: &BigInt,
    baseline_power: &BigInt,
    reward: &FilterEstimate,
    network_qa_power: &FilterEstimate,
    circulating_supply: &TokenAmount,
) -> TokenAmount {
    let base = expected_reward(reward, network_qa_power, qa_power, PROJECTION_PERIOD);
    let share_of = network_qa_power
        .estimate()
        .max(baseline_power.0.clone())
        .max(qa_power.0.clone());
    let locked = circulating_supply.atto() * 3_u32 * &qa_power.0;
    let denominator = (share_of * 10_u32).max(Int::from(1));
    let consensus = TokenAmount::from_atto(locked.div_floor(&denominator));
    let per_byte = TokenAmount::from_fil(1).atto() / Int::from(32_u64 << 30);
    (base + consensus).min(TokenAmount::from_atto(per_byte * &qa_power.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(position: &str, velocity: &str) -> FilterEstimate {
        let parse = |digits: &str| digits.parse().expect("digits");
        FilterEstimate {
            position: parse(position),
            velocity: parse(velocity),
        }
    }

    /// Reward and power of the recorded chain mock-chain-two at its genesis.
    fn recorded() -> (FilterEstimate, FilterEstimate) {
        let reward = estimate(
            "12340768897043811082913117521041414330876498465539749838848",
            "-37396269384748225153347462373739139597454335279104",
        );
        let power = estimate(
            "274031556999544297163190906134303066185487351808000000",
            "1403041571837666801475537439407631698869695241256960",
        );
        (reward, power)
    }

    #[test]
    fn the_deposit_is_what_go_lotus_asks() {
        let (reward, power) = recorded();
        // Lotus adds 10 %.
        let deposit = pre_commit_deposit(&reward, &power, &qa_power_max(2048));
        let asked = TokenAmount::from_atto(deposit.atto() * 110 / 100);
        assert_eq!(asked, TokenAmount::from_atto(1_127_452_514_339_u64));
    }

    #[test]
    fn the_pledge_is_capped_at_one_fil_per_32_gib() {
        let (reward, power) = recorded();
        let pledge = initial_pledge(
            &2048.into(),
            &2_888_888_879_999_999_999_u64.into(),
            &reward,
            &power,
            &TokenAmount::from_fil(100_000_000),
        );
        // Lotus adds 10 %.
        let asked = TokenAmount::from_atto(pledge.atto() * 110 / 100);
        assert_eq!(asked, TokenAmount::from_atto(65_565_108_224_u64));
    }

    #[test]
    fn verified_deals_give_tenfold_power() {
        let none = BigInt::default();
        assert_eq!(qa_power_for_weight(2048, 1000, &none, &none), 2048.into());
        assert_eq!(
            qa_power_for_weight(2048, 1000, &none, &2_048_000.into()),
            20480.into()
        );
        // A recorded sector: one epoch of its life is without the deal.
        let weight = (2048 * 1_550_096_u64).into();
        assert_eq!(
            qa_power_for_weight(2048, 1_550_097, &none, &weight),
            20479.into()
        );
    }
}
