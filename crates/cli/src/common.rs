//! Commands that the daemon and the provider have in common, each written against the part of the
//! API that both have.

pub(crate) mod alerts;
pub(crate) mod auth;
pub(crate) mod beneficiary;
pub(crate) mod config;
pub(crate) mod deals;
pub(crate) mod health;
pub(crate) mod log;
pub(crate) mod net;
pub(crate) mod paths;
pub(crate) mod version;
pub(crate) mod wait;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970; zero on a machine whose clock is set before that.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
}

/// Reads a length of time as Go writes it: `1s`, `500ms`, `1h30m0s`.
///
/// # Errors
/// When it is no such text; the error says what is wrong with it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut seconds = 0.0;
    let mut parts = 0;
    while !rest.is_empty() {
        let split = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(split);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(format!("{text:?} has no unit: write 500ms, 30s, 2m or 1h")),
        };
        let number: f64 = number
            .parse()
            .map_err(|_| format!("{number:?} in {text:?} is not a number"))?;
        seconds += number * scale;
        rest = tail;
        parts += 1;
    }
    if parts == 0 {
        return Err("no length of time: write 500ms, 30s, 2m or 1h".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, millis) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("2m0s", 120_000),
            ("1h30m0s", 5_400_000),
            ("1.5h", 5_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "s", "5x", "5", "-1s", "1h5"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
