//! Smoothed estimates of reward and power.

use lotus_types::{BigInt, ChainEpoch, wire_tuple};
use num_bigint::BigInt as Int;
use num_integer::Integer as _;

/// Fractional bits of the fixed-point numbers in an estimate.
pub const PRECISION: u32 = 128;

/// Position and velocity of a quantity, filtered by the actors (alpha-beta filter).
/// Fixed-point numbers with [`PRECISION`] fractional bits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterEstimate {
    /// The quantity.
    pub position: BigInt,
    /// Its change per epoch.
    pub velocity: BigInt,
}
wire_tuple!(FilterEstimate {
    position: "PositionEstimate",
    velocity: "VelocityEstimate"
});

impl FilterEstimate {
    /// The quantity without its fraction, rounded down.
    pub fn estimate(&self) -> Int {
        &self.position.0 >> PRECISION
    }
}

/// A number with [`PRECISION`] fractional bits.
fn fixed(digits: &str) -> Int {
    digits.parse().expect("a constant of digits")
}

/// The value of a polynomial, given from its highest coefficient on, at a fixed-point `x`.
fn polynomial(coefficients: &[&str], x: &Int) -> Int {
    coefficients
        .iter()
        .fold(Int::default(), |sum, c| ((sum * x) >> PRECISION) + fixed(c))
}

/// Natural logarithm of a positive fixed-point number.
fn ln(z: &Int) -> Int {
    const LN_2: &str = "235865763225513294137944142764154484399";
    const NUMERATOR: [&str; 7] = [
        "261417938209272870992496419296200268025",
        "7266615505142943436908456158054846846897",
        "32458783941900493142649393804518050491988",
        "17078670566130897220338060387082146864806",
        "-35150353308172866634071793531642638290419",
        "-20351202052858059355702509232125230498980",
        "-1563932590352680681114104005183375350999",
    ];
    const DENOMINATOR: [&str; 7] = [
        "49928077726659937662124949977867279384",
        "2508163877009111928787629628566491583994",
        "21757751789594546643737445330202599887121",
        "53400635271583923415775576342898617051826",
        "41248834748603606604000911015235164348839",
        "9015227820322455780436733526367238305537",
        "340282366920938463463374607431768211456",
    ];
    // z = 2^k * x with x in [1, 2), where the quotient of polynomials approximates.
    let k = i64::try_from(z.bits()).unwrap_or(i64::MAX) - 1 - i64::from(PRECISION);
    let shift = k.unsigned_abs();
    let x = if k > 0 { z >> shift } else { z << shift };
    let fraction = polynomial(&NUMERATOR, &x) << PRECISION;
    fixed(LN_2) * k + fraction.div_floor(&polynomial(&DENOMINATOR, &x))
}

/// The sum over the next `delta` epochs of numerator over denominator, both extrapolated from their
/// estimates; fixed-point with [`PRECISION`] fractional bits. Zero when the denominator is zero.
pub fn cumulative_ratio(
    delta: ChainEpoch,
    numerator: &FilterEstimate,
    denominator: &FilterEstimate,
) -> Int {
    const EPSILON: &str = "302231454903657293676544";
    let (position_1, velocity_1) = (&numerator.position.0, &numerator.velocity.0);
    let (position_2, velocity_2) = (&denominator.position.0, &denominator.velocity.0);
    if *position_2 <= Int::default() {
        return Int::default();
    }
    let time = Int::from(delta) << PRECISION;
    let squared = (velocity_2 * velocity_2) >> PRECISION;
    let end = ((velocity_2 * &time) >> PRECISION) + position_2;
    if squared > fixed(EPSILON) && end > Int::default() {
        let (begin, end) = (ln(position_2), ln(&end));
        let first = ((&end - &begin) * position_1 * velocity_2) >> PRECISION;
        let second: Int = (&begin - &end) * position_2 + velocity_2 * &time;
        let second: Int = (second * velocity_1) >> PRECISION;
        return (first + second).div_floor(&squared);
    }
    let middle = ((velocity_1 * (&time >> 1_u32)) >> PRECISION) + position_1;
    (middle * time).div_floor(position_2)
}
