//! Amounts of FIL.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign},
    str::FromStr,
};

use num_bigint::BigInt as Int;
use num_integer::Integer;
use num_traits::{Signed, Zero};
use serde::{Deserialize, Serialize};

use crate::BigInt;

/// attoFIL in one FIL, as a power of ten.
const FIL_DECIMALS: usize = 18;

/// An amount of attoFIL (10⁻¹⁸ FIL). May be negative where a difference is meant.
///
/// JSON: the decimal number of attoFIL as a string. [`fmt::Display`] prints FIL as Lotus' command
/// line does (`0.5 FIL`); [`FromStr`] reads `1.5`, `1.5 FIL`, `100 attoFIL` and the like.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenAmount(BigInt);

impl TokenAmount {
    /// `n` attoFIL.
    pub fn from_atto(n: impl Into<Int>) -> Self {
        Self(BigInt(n.into()))
    }

    /// `n` whole FIL.
    pub fn from_fil(n: impl Into<Int>) -> Self {
        Self::from_atto(n.into() * Int::from(10).pow(FIL_DECIMALS as u32))
    }

    /// Nothing.
    pub fn zero() -> Self {
        Self::default()
    }

    /// The number of attoFIL.
    pub fn atto(&self) -> &Int {
        &self.0.0
    }

    /// True for exactly nothing.
    pub fn is_zero(&self) -> bool {
        self.atto().is_zero()
    }

    /// True below zero.
    pub fn is_negative(&self) -> bool {
        self.atto().is_negative()
    }

    /// True above zero.
    pub fn is_positive(&self) -> bool {
        self.atto().is_positive()
    }

    /// FIL without the unit, all digits: `0.5`.
    pub fn to_fil_digits(&self) -> String {
        let (whole, rest) = self
            .atto()
            .abs()
            .div_rem(&Int::from(10).pow(FIL_DECIMALS as u32));
        let sign = if self.is_negative() { "-" } else { "" };
        let rest = format!("{rest:0>FIL_DECIMALS$}");
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{rest}")
        }
    }

    /// FIL with four significant digits and a metric unit, as Lotus' `types.FIL.Short`:
    /// `1.5 FIL`, `100 nFIL`, `0`.
    pub fn to_short(&self) -> String {
        const UNITS: [&str; 6] = ["a", "f", "p", "n", "μ", "m"];
        let atto = self.atto().abs();
        let mut unit = "";
        let mut scale = Int::from(10).pow(FIL_DECIMALS as u32);
        for (k, name) in UNITS.iter().enumerate() {
            let next = Int::from(10).pow(3 * (k as u32 + 1));
            if atto < next {
                (unit, scale) = (name, Int::from(10).pow(3 * k as u32));
                break;
            }
        }
        if atto.is_zero() {
            return "0".to_owned();
        }
        // Three decimals, rounded half away from zero, trailing zeros dropped.
        let thousandths: Int = (self.atto().abs() * 2000 + &scale) / (scale * 2);
        let (whole, rest) = thousandths.div_rem(&Int::from(1000));
        let rest = format!("{rest:0>3}");
        let rest = rest.trim_end_matches('0');
        let sign = if self.is_negative() { "-" } else { "" };
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{rest} {unit}FIL")
    }
}

impl fmt::Display for TokenAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} FIL", self.to_fil_digits()))
    }
}

impl fmt::Debug for TokenAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} attoFIL", self.atto())
    }
}

/// A text that is not an amount of FIL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {0:?} as an amount: write FIL like 1.5, or name the unit: 100 attoFIL")]
pub struct AmountError(String);

impl FromStr for TokenAmount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let refuse = || AmountError(text.chars().take(80).collect());
        let trimmed = text.trim();
        let split = trimmed
            .find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+'))
            .unwrap_or(trimmed.len());
        let (digits, unit) = trimmed.split_at(split);
        let decimals = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "fil" => FIL_DECIMALS,
            "milifil" | "mfil" => 15,
            "microfil" | "ufil" => 12,
            "nanofil" | "nfil" => 9,
            "picofil" | "pfil" => 6,
            "femtofil" | "ffil" => 3,
            "attofil" | "afil" => 0,
            _ => return Err(refuse()),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let bare = whole.trim_start_matches(['-', '+']);
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if digits.len() > 60
            || fraction.len() > decimals
            || whole.len() > bare.len() + 1
            || bare.len() + fraction.len() == 0
            || !all_digits(bare)
            || !all_digits(fraction)
        {
            return Err(refuse());
        }
        let atto: Int = format!("{bare}{fraction:0<decimals$}")
            .parse()
            .map_err(|_| refuse())?;
        Ok(Self::from_atto(if whole.starts_with('-') {
            -atto
        } else {
            atto
        }))
    }
}

impl Add for TokenAmount {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self::from_atto(self.0.0 + o.0.0)
    }
}

impl<'a> Add<&'a TokenAmount> for &'a TokenAmount {
    type Output = TokenAmount;
    fn add(self, o: &TokenAmount) -> TokenAmount {
        TokenAmount::from_atto(self.atto() + o.atto())
    }
}

impl Sub for TokenAmount {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self::from_atto(self.0.0 - o.0.0)
    }
}

impl<'a> Sub<&'a TokenAmount> for &'a TokenAmount {
    type Output = TokenAmount;
    fn sub(self, o: &TokenAmount) -> TokenAmount {
        TokenAmount::from_atto(self.atto() - o.atto())
    }
}

impl<T: Into<Int>> Mul<T> for TokenAmount {
    type Output = Self;
    fn mul(self, n: T) -> Self {
        Self::from_atto(self.0.0 * n.into())
    }
}

impl<T: Into<Int>> Mul<T> for &TokenAmount {
    type Output = TokenAmount;
    fn mul(self, n: T) -> TokenAmount {
        TokenAmount::from_atto(self.atto() * n.into())
    }
}

impl Neg for TokenAmount {
    type Output = Self;
    fn neg(self) -> Self {
        Self::from_atto(-self.0.0)
    }
}

impl AddAssign for TokenAmount {
    fn add_assign(&mut self, o: Self) {
        self.0.0 += o.0.0;
    }
}

impl AddAssign<&TokenAmount> for TokenAmount {
    fn add_assign(&mut self, o: &TokenAmount) {
        self.0.0 += o.atto();
    }
}

impl SubAssign<&TokenAmount> for TokenAmount {
    fn sub_assign(&mut self, o: &TokenAmount) {
        self.0.0 -= o.atto();
    }
}

impl Sum for TokenAmount {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::zero(), |a, b| a + b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_fil_as_lotus_does() {
        assert_eq!(TokenAmount::from_fil(2).to_string(), "2 FIL");
        assert_eq!(
            TokenAmount::from_atto(1).to_string(),
            "0.000000000000000001 FIL"
        );
        assert_eq!(
            TokenAmount::from_atto(-1_500_000_000_000_000_000_i64).to_string(),
            "-1.5 FIL"
        );
        assert_eq!(TokenAmount::zero().to_string(), "0 FIL");
    }

    #[test]
    fn prints_short_amounts_with_metric_units() {
        assert_eq!(TokenAmount::zero().to_short(), "0");
        assert_eq!(TokenAmount::from_atto(100).to_short(), "100 aFIL");
        assert_eq!(TokenAmount::from_atto(1_234_567).to_short(), "1.235 pFIL");
        assert_eq!(TokenAmount::from_fil(50).to_short(), "50 FIL");
    }

    #[test]
    fn reads_fil_and_named_units() {
        assert_eq!(
            "1.5".parse(),
            Ok(TokenAmount::from_atto(1_500_000_000_000_000_000_i64))
        );
        assert_eq!("10 FIL".parse(), Ok(TokenAmount::from_fil(10)));
        assert_eq!("7attofil".parse(), Ok(TokenAmount::from_atto(7)));
        assert_eq!("-2".parse(), Ok(TokenAmount::from_fil(-2)));
    }

    #[test]
    fn refuses_what_is_no_amount_and_names_it() {
        for bad in [
            "",
            ".",
            "abc",
            "1.2.3",
            "1 doge",
            "0.0000000000000000001",
            "--1",
            "1.5 attofil",
        ] {
            let err = bad.parse::<TokenAmount>().expect_err(bad);
            assert!(err.to_string().contains(bad), "{err}");
        }
    }
}
