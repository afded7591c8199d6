//! What a message offers, in machine integers: selection looks at it again and again.
//!
//! # Invariants
//! - No product or sum of one sender's executable messages overflows: prices are bounded by 2⁹² attoFIL,
//!   which is more than all tokens there are, and gas by a block's.

use lotus_networks::policy::BLOCK_GAS_LIMIT;
use lotus_types::{Gas, Message, TokenAmount};
use num_traits::ToPrimitive as _;

/// More attoFIL than will ever be.
const MAX_AMOUNT: i128 = 1 << 92;
/// A miner who includes a message below the base fee burns this many times what is missing.
///
/// # Lotus parity
/// The multiplier of `getGasReward`.
const PENALTY: i128 = 3;

/// An amount as a bounded integer.
pub(crate) fn bounded(amount: &TokenAmount) -> i128 {
    let limit = if amount.is_negative() {
        -MAX_AMOUNT
    } else {
        MAX_AMOUNT
    };
    let exact = amount.atto().to_i128();
    exact.map_or(limit, |n| n.clamp(-MAX_AMOUNT, MAX_AMOUNT))
}

/// Gas limit and amounts of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Gas limit.
    pub(crate) gas: Gas,
    /// attoFIL sent with it.
    pub(crate) value: i128,
    /// attoFIL that the sender must hold for gas.
    pub(crate) gas_funds: i128,
    fee_cap: i128,
    premium: i128,
}

impl Terms {
    /// Those of a message.
    pub(crate) fn of(message: &Message) -> Self {
        let fee_cap = bounded(&message.gas_fee_cap);
        Self {
            gas: message.gas_limit,
            value: bounded(&message.value),
            gas_funds: fee_cap.saturating_mul(i128::from(message.gas_limit)),
            fee_cap,
            premium: bounded(&message.gas_premium),
        }
    }

    /// What a block's miner earns with it at a base fee, in attoFIL; negative when it has to pay.
    pub(crate) fn reward(&self, base_fee: i128) -> i128 {
        let premium = (self.fee_cap - base_fee).min(self.premium);
        let reward = premium.saturating_mul(i128::from(self.gas));
        if reward < 0 {
            reward.saturating_mul(PENALTY)
        } else {
            reward
        }
    }
}

/// attoFIL earned per full block of such gas.
pub(crate) fn performance(reward: i128, gas: Gas) -> f64 {
    reward as f64 * BLOCK_GAS_LIMIT as f64 / gas.max(1) as f64
}

#[cfg(test)]
mod tests {
    use lotus_types::Address;

    use super::*;

    fn terms(fee_cap: i64, premium: i64, gas: Gas) -> Terms {
        let nobody = Address::new_id(1);
        Terms::of(&Message {
            gas_limit: gas,
            gas_fee_cap: TokenAmount::from_atto(fee_cap),
            gas_premium: TokenAmount::from_atto(premium),
            ..Message::transfer(nobody, nobody, TokenAmount::from_atto(5))
        })
    }

    #[test]
    fn the_miner_earns_the_premium_as_far_as_the_fee_cap_reaches() {
        assert_eq!(terms(100, 20, 10).reward(50), 200);
        assert_eq!(terms(100, 20, 10).reward(90), 100);
        assert_eq!(terms(100, 20, 10).reward(100), 0);
    }

    #[test]
    fn a_message_below_the_base_fee_costs_three_times_what_is_missing() {
        assert_eq!(terms(100, 20, 10).reward(110), -300);
    }

    #[test]
    fn amounts_beyond_all_tokens_are_bounded() {
        let huge = TokenAmount::from_atto(num_bigint::BigInt::from(2).pow(200));
        assert_eq!(bounded(&huge), MAX_AMOUNT);
        let debt = TokenAmount::from_atto(-num_bigint::BigInt::from(2).pow(200));
        assert_eq!(bounded(&debt), -MAX_AMOUNT);
        let most = terms(i64::MAX, i64::MAX, BLOCK_GAS_LIMIT);
        assert!(most.reward(MAX_AMOUNT) < 0 && most.reward(-MAX_AMOUNT) > 0);
    }
}
