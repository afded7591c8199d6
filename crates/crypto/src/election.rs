//! Leader election by Poisson sortition: how often a miner wins an epoch.
//!
//! With λ = 5 · power / total power, the number of wins is read off the inverted cumulative Poisson
//! distribution at the point that the VRF proof's hash selects. All numbers are fixed-point with 256
//! fractional bits ("Q.256"), and every rounding is consensus.
//!
//! # Lotus parity
//! `ElectionProof.ComputeWinCount`. e^−x is the quotient of two polynomials whose coefficients are
//! fixed by the protocol; divisions and right shifts round towards negative infinity, as Go's
//! `big.Int` `Div` (by positive numbers) and `Rsh` do.

use std::sync::LazyLock;

use lotus_networks::policy::BLOCKS_PER_EPOCH;
use num_bigint::{BigInt, BigUint};
use num_integer::Integer as _;
use num_traits::{One as _, Signed as _};

use crate::vrf::vrf_digest;

/// The most wins one miner can have in one epoch.
pub const MAX_WIN_COUNT: u64 = 3 * BLOCKS_PER_EPOCH;

/// Fractional bits of the fixed-point numbers.
const PRECISION: u32 = 256;
/// Fractional bits of the coefficients below.
const COEFFICIENT_PRECISION: u32 = 128;

/// Magnitudes of the numerator's coefficients for x⁷ … x¹; the signs alternate, starting with −.
/// The constant term, here and below, is 1.
const EXP_NUMERATOR: [u128; 7] = [
    648770010757830093818553637600,
    67469480939593786226847644286976,
    3197587544499098424029388939001856,
    89244641121992890118377641805348864,
    1579656163641440567800982336819953664,
    17685496037279256458459817590917169152,
    115682590513835356866803355398940131328,
];

/// The denominator's coefficients for x¹³ … x¹; all positive.
const EXP_DENOMINATOR: [u128; 13] = [
    1225524182432722209606361,
    114095592300906098243859450,
    5665570424063336070530214243,
    194450132448609991765137938448,
    5068267641632683791026134915072,
    104716890604972796896895427629056,
    1748338658439454459487681798864896,
    23704654329841312470660182937960448,
    259380097567996910282699886670381056,
    2250336698853390384720606936038375424,
    14978272436876548034486263159246028800,
    72144088983913131323343765784380833792,
    224599776407103106596571252037123047424,
];

/// Both polynomials in Q.256, highest power first.
static EXP_POLYNOMIALS: LazyLock<(Vec<BigInt>, Vec<BigInt>)> = LazyLock::new(|| {
    let scale = |c: &u128| BigInt::from(*c) << (PRECISION - COEFFICIENT_PRECISION);
    let one = || std::iter::once(BigInt::one() << PRECISION);
    let numerator = EXP_NUMERATOR
        .iter()
        .enumerate()
        .map(|(i, c)| if i % 2 == 0 { -scale(c) } else { scale(c) })
        .chain(one())
        .collect();
    let denominator = EXP_DENOMINATOR.iter().map(scale).chain(one()).collect();
    (numerator, denominator)
});

/// How often a miner with `power` of `total_power` (quality-adjusted bytes) wins with `vrf_proof`.
///
/// 0 when it does not win, at most [`MAX_WIN_COUNT`]. A miner without power, or a network without
/// power, wins nothing.
pub fn compute_win_count(power: &BigInt, total_power: &BigInt, vrf_proof: &[u8]) -> u64 {
    win_count_of_digest(power, total_power, &vrf_digest(vrf_proof))
}

fn win_count_of_digest(power: &BigInt, total_power: &BigInt, digest: &[u8; 32]) -> u64 {
    if !power.is_positive() || !total_power.is_positive() {
        return 0;
    }
    let point = BigInt::from(BigUint::from_bytes_be(digest)); // in [0, 1) as Q.256
    let lambda = ((power * BLOCKS_PER_EPOCH) << PRECISION).div_floor(total_power);
    let mut tail = PoissonTail::new(lambda);
    let mut wins = 0;
    while point < tail.probability && wins < MAX_WIN_COUNT {
        tail.advance();
        wins += 1;
    }
    wins
}

/// The probability of more than k events of a Poisson distribution, for k = 0, 1, 2, …
struct PoissonTail {
    lambda: BigInt,
    /// Probability of exactly k events.
    mass: BigInt,
    /// Probability of more than k events.
    probability: BigInt,
    k: u32,
}

impl PoissonTail {
    fn new(lambda: BigInt) -> Self {
        let mass = exp_neg(&lambda);
        let probability = (BigInt::one() << PRECISION) - &mass;
        Self {
            lambda,
            mass,
            probability,
            k: 0,
        }
    }

    /// k ← k + 1. The division comes before the multiplication: this order of rounding is consensus.
    fn advance(&mut self) {
        self.k += 1;
        let divided = self.mass.div_floor(&BigInt::from(self.k));
        self.mass = (divided * &self.lambda) >> PRECISION;
        self.probability -= &self.mass;
    }
}

/// e^−x for x in [0, 5], with an error below 4.6·10⁻¹⁵.
fn exp_neg(x: &BigInt) -> BigInt {
    let (numerator, denominator) = &*EXP_POLYNOMIALS;
    (evaluate(numerator, x) << PRECISION).div_floor(&evaluate(denominator, x))
}

/// Horner's rule.
fn evaluate(coefficients: &[BigInt], x: &BigInt) -> BigInt {
    coefficients.iter().fold(BigInt::ZERO, |sum, coefficient| {
        ((sum * x) >> PRECISION) + coefficient
    })
}

#[cfg(test)]
mod tests;
