//! Estimates of what a message needs: gas limit, premium, fee cap.
//!
//! # Lotus parity
//! `GasEstimateGasLimit`, `GasEstimateGasPremium`, `GasEstimateFeeCap` and `CapGasFee`, with the same
//! constants. Premiums carry a little noise (1 ± 0.5 %), so that messages sent at the same time do not
//! tie.

use std::{collections::HashSet, sync::Arc};

use lotus_actors::{ActorKind, paych};
use lotus_networks::policy::{BASE_FEE_MAX_CHANGE_DENOMINATOR, BLOCK_GAS_LIMIT, BLOCK_GAS_TARGET};
use lotus_state::{ChainView, StateFault, StateManager};
use lotus_types::{ExitCode, Gas, Message, SignedMessage, Tipset, TipsetKey, TokenAmount};
use num_bigint::BigInt;
use quick_cache::sync::Cache;

/// Least premium that is proposed, in attoFIL per gas.
pub const MIN_GAS_PREMIUM: i64 = 100_000;
/// Epochs of rising base fee that a fee cap is proposed for when nothing else is said.
pub const FEE_CAP_BLOCKS: u32 = 20;
/// Most epochs within which a message may be wanted on chain, when a premium is estimated.
const MOST_BLOCKS: u64 = 900;
/// Gas that deleting a payment channel gives back, and that it needs nevertheless.
const CHANNEL_DELETION_REFUND: Gas = 76_000;
/// The exit code of a message that used up its gas limit.
const OUT_OF_GAS: ExitCode = ExitCode(7);

/// An exit code as Lotus prints it: `SysErrInsufficientFunds(6)`; just the number when it is an actor's
/// own.
fn exit_name(code: ExitCode) -> String {
    let name = match code.0 {
        0 => "Ok",
        1 => "SysErrSenderInvalid",
        2 => "SysErrSenderStateInvalid",
        4 => "SysErrIllegalInstruction",
        5 => "SysErrInvalidReceiver",
        6 => "SysErrInsufficientFunds",
        7 => "SysErrOutOfGas",
        9 => "SysErrIllegalExitCode",
        10 => "SysFatal",
        11 => "SysErrMissingReturn",
        16 => "ErrIllegalArgument",
        17 => "ErrNotFound",
        18 => "ErrForbidden",
        19 => "ErrInsufficientFunds",
        20 => "ErrIllegalState",
        21 => "ErrSerialization",
        22 => "ErrUnhandledMessage",
        23 => "ErrUnspecified",
        24 => "ErrAssertionFailed",
        25 => "ErrReadOnly",
        26 => "ErrNotPayable",
        other => return other.to_string(),
    };
    format!("{name}({})", code.0)
}

/// Why there is no estimate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EstimateError {
    /// It would use more gas than a block has.
    #[error("call ran out of gas")]
    OutOfGas,
    /// It would fail.
    #[error("message execution failed: exit {}, reason: {reason} (RetCode={})", exit_name(*.code), .code.0)]
    Failed {
        /// Exit code.
        code: ExitCode,
        /// In the VM's words.
        reason: String,
    },
    /// The sender does not exist, or this node failed.
    #[error("CallWithGas failed: {0}")]
    State(#[from] StateFault),
}

/// The gas that a message uses when it comes after `pending`, its sender's waiting messages by nonce.
/// CPU-bound.
///
/// # Errors
/// [`EstimateError`].
pub fn gas_limit(
    states: &StateManager,
    message: &Message,
    pending: &[SignedMessage],
    tipset: &Tipset,
) -> Result<Gas, EstimateError> {
    let tried = Message {
        gas_limit: BLOCK_GAS_LIMIT,
        // At no fee gas is free, so that the sender needs no funds for it. Their encoded length
        // counts: the recordings were made like this (Lotus v1.20 tried with small fees instead).
        gas_fee_cap: TokenAmount::zero(),
        gas_premium: TokenAmount::zero(),
        ..message.clone()
    };
    let before = pending
        .iter()
        .take_while(|m| m.message.nonce != message.nonce);
    let before: Vec<_> = before.cloned().collect();
    let called = states.call_with_gas(&tried, &before, tipset)?;
    let receipt = &called.applied.receipt;
    match receipt.exit_code {
        ExitCode::OK => {}
        OUT_OF_GAS => return Err(EstimateError::OutOfGas),
        code => {
            let reason = called.applied.failure.unwrap_or_default();
            return Err(EstimateError::Failed { code, reason });
        }
    }
    let deletes = message.method == paych::method::COLLECT && is_channel(states, message, tipset)?;
    Ok(receipt.gas_used + if deletes { CHANNEL_DELETION_REFUND } else { 0 })
}

fn is_channel(
    states: &StateManager,
    message: &Message,
    tipset: &Tipset,
) -> Result<bool, StateFault> {
    let tree = states.tree(&tipset.parent_state_root())?;
    let Some(actor) = tree.actor(&message.to)? else {
        return Ok(false);
    };
    Ok(tree.manifest()?.kind(&actor.code) == Some(ActorKind::PaymentChannel))
}

/// An estimated gas limit with a margin, never more than a block has.
pub fn with_margin(gas_limit: Gas, overestimation: f64) -> Gas {
    ((gas_limit as f64 * overestimation) as Gas).min(BLOCK_GAS_LIMIT)
}

/// What the gas of the tipsets was offered that estimates look at again and again: premium and gas limit
/// of each message.
#[derive(Debug)]
pub struct PriceCache(Cache<TipsetKey, Arc<[(TokenAmount, Gas)]>>);

/// Tipsets remembered: an estimate for ten blocks looks at twenty, on a few forks.
const PRICED_TIPSETS: usize = 64;

impl Default for PriceCache {
    fn default() -> Self {
        Self(Cache::new(PRICED_TIPSETS))
    }
}

impl PriceCache {
    fn prices(
        &self,
        view: &dyn ChainView,
        tipset: &Tipset,
    ) -> Result<Arc<[(TokenAmount, Gas)]>, StateFault> {
        self.0
            .get_or_insert_with(tipset.key(), || Ok(prices_of(view, tipset)?.into()))
    }
}

/// A premium with which a message is likely to be included within `blocks` epochs: about the median of
/// what the gas of recent blocks paid. `noise` is a factor near 1; see [`noise`].
///
/// # Errors
/// [`StateFault::Chain`] when recent tipsets cannot be read.
pub fn premium(
    view: &dyn ChainView,
    known: &PriceCache,
    head: &Tipset,
    blocks: u64,
    noise: f64,
) -> Result<TokenAmount, StateFault> {
    let blocks = blocks.clamp(1, MOST_BLOCKS);
    let (mut prices, mut seen_blocks) = (Vec::new(), 0);
    let mut at = head.clone();
    for _ in 0..blocks * 2 {
        if at.height() == 0 {
            break;
        }
        at = view.tipset(at.parents()).map_err(StateFault::Chain)?;
        seen_blocks += at.blocks().len();
        prices.extend_from_slice(&known.prices(view, &at)?);
    }
    let least = match blocks {
        1 => 2 * MIN_GAS_PREMIUM,
        2 => MIN_GAS_PREMIUM * 3 / 2,
        _ => MIN_GAS_PREMIUM,
    };
    let mut premium = median_premium(prices, seen_blocks);
    if premium < TokenAmount::from_atto(MIN_GAS_PREMIUM) {
        premium = TokenAmount::from_atto(least);
    }
    Ok(scaled(&premium, noise))
}

/// Premium and gas limit of each distinct message of a tipset.
fn prices_of(view: &dyn ChainView, tipset: &Tipset) -> Result<Vec<(TokenAmount, Gas)>, StateFault> {
    let (mut seen, mut prices) = (HashSet::new(), Vec::new());
    for header in tipset.blocks() {
        let messages = view.block_messages(header).map_err(StateFault::Chain)?;
        let all = messages
            .bls
            .iter()
            .chain(messages.secpk.iter().map(|m| &m.message));
        let fresh = all.filter(|m| seen.insert(m.cid()));
        prices.extend(fresh.map(|m| (m.gas_premium.clone(), m.gas_limit)));
    }
    Ok(prices)
}

/// The premium at 52.5 % of the gas that `blocks` full blocks aim at, dearest first; the cheapest when
/// less gas than that was asked for, and zero when none was. Prices come with the gas that paid them.
pub fn median_premium(mut prices: Vec<(TokenAmount, Gas)>, blocks: usize) -> TokenAmount {
    prices.sort_by(|a, b| b.0.cmp(&a.0));
    let blocks = Gas::try_from(blocks).unwrap_or(Gas::MAX / BLOCK_GAS_TARGET);
    let target = BLOCK_GAS_TARGET.saturating_mul(blocks);
    let mut left = target / 2 + target / 40;
    let (mut last, mut before) = (TokenAmount::zero(), TokenAmount::zero());
    for (price, gas) in prices {
        before = std::mem::replace(&mut last, price);
        left -= gas;
        if left < 0 {
            break;
        }
    }
    // As in Lotus the cheapest price stands in when less gas was asked for.
    if before.is_zero() {
        last
    } else {
        TokenAmount::from_atto((last.atto() + before.atto()) / 2)
    }
}

/// A fee cap that still covers the premium after `blocks` epochs of the base fee rising as fast as it
/// can.
pub fn fee_cap(base_fee: &TokenAmount, premium: &TokenAmount, blocks: u32) -> TokenAmount {
    let growth = 1.0 + 1.0 / BASE_FEE_MAX_CHANGE_DENOMINATOR as f64;
    // A thousand epochs of growth are 10^51 already.
    let exponent = i32::try_from(blocks.min(1000)).unwrap_or(1000);
    let factor_256ths = (growth.powi(exponent) * 256.0) as u128;
    TokenAmount::from_atto(base_fee.atto() * BigInt::from(factor_256ths) / 256 + premium.atto())
}

/// Lowers a message's fees so that it costs at most `max_fee` for gas; with `maximize` the fee cap is
/// set to just that. The premium never exceeds the fee cap.
pub fn cap_fees(message: &mut Message, max_fee: &TokenAmount, maximize: bool) {
    let gas = message.gas_limit.max(1);
    if maximize || message.required_gas_funds() > *max_fee {
        message.gas_fee_cap = TokenAmount::from_atto(max_fee.atto() / gas);
    }
    if message.gas_premium > message.gas_fee_cap {
        message.gas_premium = message.gas_fee_cap.clone();
    }
}

/// A factor near 1: normally distributed, 95 % of all within 1 %.
pub fn noise(rng: &mut impl rand::Rng) -> f64 {
    // Box-Muller; 1 - u is never 0.
    let (u, v): (f64, f64) = (rng.r#gen(), rng.r#gen());
    let normal = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    1.0 + normal * 0.005
}

fn scaled(premium: &TokenAmount, factor: f64) -> TokenAmount {
    const PRECISION: u32 = 32;
    let factor = (factor * 2f64.powi(32)) as u64 + 1;
    TokenAmount::from_atto((premium.atto() * BigInt::from(factor)) >> PRECISION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atto(n: i64) -> TokenAmount {
        TokenAmount::from_atto(n)
    }

    #[test]
    fn a_fee_cap_for_twenty_epochs_is_that_of_the_recording() {
        assert_eq!(fee_cap(&atto(100), &atto(0), 20), atto(1054));
        assert_eq!(fee_cap(&atto(100), &atto(7), 0), atto(107));
    }

    #[test]
    fn the_median_lies_where_half_of_the_gas_and_a_bit_paid_more() {
        let half = BLOCK_GAS_TARGET / 2;
        assert_eq!(median_premium(Vec::new(), 1), atto(0));
        assert_eq!(median_premium(vec![(atto(5), 1)], 1), atto(5));
        let prices = vec![(atto(100), half), (atto(300), half), (atto(10), half)];
        assert_eq!(median_premium(prices, 1), atto(200));
    }

    #[test]
    fn fees_are_capped_by_the_most_that_is_to_be_paid() {
        let nobody = lotus_types::Address::new_id(1);
        let mut message = Message {
            gas_limit: 1000,
            gas_fee_cap: atto(50),
            gas_premium: atto(20),
            ..Message::transfer(nobody, nobody, atto(0))
        };
        cap_fees(&mut message, &atto(50_000), false);
        assert_eq!(
            (&message.gas_fee_cap, &message.gas_premium),
            (&atto(50), &atto(20))
        );
        cap_fees(&mut message, &atto(10_000), false);
        assert_eq!(
            (&message.gas_fee_cap, &message.gas_premium),
            (&atto(10), &atto(10))
        );
        cap_fees(&mut message, &atto(90_000), true);
        assert_eq!(
            (&message.gas_fee_cap, &message.gas_premium),
            (&atto(90), &atto(10))
        );
    }

    #[test]
    fn a_failure_reads_as_lotus_writes_it() {
        let failed = EstimateError::Failed {
            code: ExitCode(6),
            reason: "poor".to_owned(),
        };
        assert_eq!(
            failed.to_string(),
            "message execution failed: exit SysErrInsufficientFunds(6), reason: poor (RetCode=6)"
        );
        assert_eq!(exit_name(ExitCode(1001)), "1001");
    }

    #[test]
    fn noise_keeps_premiums_apart_but_near() {
        let mut rng = rand::thread_rng();
        for _ in 0..1000 {
            let noise = noise(&mut rng);
            assert!((0.95..1.05).contains(&noise), "{noise}");
        }
        assert_eq!(scaled(&atto(100_000), 1.0), atto(100_000));
    }
}
