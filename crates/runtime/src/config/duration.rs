//! Go's duration texts.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration as Go writes it: `"1h0m0s"`, `"1m40s"`, `"200ms"`; never negative here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub Duration);

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration")]
pub struct DurationError(String);

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let error = || DurationError(text.chars().take(100).collect());
        if text == "0" {
            return Ok(Self::default());
        }
        let mut rest = text;
        let mut nanos = 0u128;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or_else(error)?;
            let (number, tail) = rest.split_at(digits);
            let end = tail
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(end);
            let (_, scale) = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(error)?;
            nanos += scaled(number, *scale).ok_or_else(error)?;
            // Go's limit: an int64 of nanoseconds.
            if nanos > i64::MAX as u128 {
                return Err(error());
            }
            rest = tail;
        }
        let nanos = u64::try_from(nanos).map_err(|_| error())?;
        if text.is_empty() {
            Err(error())
        } else {
            Ok(Self(Duration::from_nanos(nanos)))
        }
    }
}

/// `number` (with or without a fraction) times `scale`.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || number.len() > 30 {
        return None;
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let fraction = fraction.get(..fraction.len().min(12))?;
    let part: u128 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    let divisor = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    whole
        .checked_mul(scale)?
        .checked_add(part * scale / divisor)
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        if seconds == 0 && nanos > 0 {
            return match nanos {
                1..1_000 => write!(f, "{nanos}ns"),
                1_000..1_000_000 => write!(f, "{}µs", decimal(u64::from(nanos), 1_000)),
                _ => write!(f, "{}ms", decimal(u64::from(nanos), 1_000_000)),
            };
        }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        write!(
            f,
            "{}s",
            decimal(
                (seconds % 60) * 1_000_000_000 + u64::from(nanos),
                1_000_000_000
            )
        )
    }
}

/// `value / unit` with as many decimals as it needs. `unit` is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, part) = (value / unit, value % unit);
    if part == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!(
        "{whole}.{}",
        format!("{part:0width$}").trim_end_matches('0')
    )
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod a_duration {
    use super::*;

    #[test]
    fn reads_and_prints_as_in_go() {
        for text in [
            "0s",
            "30s",
            "1m40s",
            "336h0m0s",
            "24h0m0s",
            "200ms",
            "1.5s",
            "1h0m0.25s",
            "7ns",
            "1.5µs",
        ] {
            assert_eq!(text.parse::<GoDuration>().expect(text).to_string(), text);
        }
        for (text, printed) in [
            ("90m", "1h30m0s"),
            ("1.5h", "1h30m0s"),
            ("0", "0s"),
            (".5s", "500ms"),
        ] {
            assert_eq!(text.parse::<GoDuration>().expect(text).to_string(), printed);
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1 s",
            "1s ",
            "1d",
            ".s",
            "1..5s",
            "9999999999999h",
            "99999999999999999999999999999999999999999s",
        ] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }
}
