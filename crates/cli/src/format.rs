//! How numbers, times and tables are printed.
//!
//! # Lotus parity
//! Layouts of Lotus' command line: sizes with four digits (`1.984 KiB`), times relative to the head
//! with two units (`22 minutes 50 seconds ago`), lengths of time as Go prints them (`9m26s`), tables
//! whose columns stand two spaces apart.
//! Points in time are printed in UTC, whatever the machine's time zone.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use lotus_types::BitField;
use serde::Serialize;

mod form;
mod table;
mod time;

pub(crate) use form::{Colour, Form, Paint};
pub(crate) use table::Table;
pub(crate) use time::{epoch_date, epoch_time, go_duration, go_time, stamp, time_of_day};

/// What empties a terminal and goes to its first line.
pub(crate) const CLEAR_SCREEN: &str = "\x1b[2J\x1b[1;1H";

/// A value as indented JSON, with a line end.
pub(crate) fn write_json(out: &mut dyn Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    writeln!(out, "{text}")
}

/// A value as JSON indented by tabs, with a line end.
pub(crate) fn write_tabbed_json(
    out: &mut dyn Write,
    value: &(impl Serialize + ?Sized),
) -> io::Result<()> {
    let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut json = serde_json::Serializer::with_formatter(&mut *out, tabs);
    value.serialize(&mut json).map_err(io::Error::from)?;
    writeln!(out)
}

/// A number with that many significant digits and without zeros at its end, as C's `%.4g`.
fn general(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    // Rounding first: 999.96 has four digits before the point once it is rounded to four.
    let scientific = format!("{:.*e}", digits.saturating_sub(1), value);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    match usize::try_from(exponent) {
        Ok(before) if before < digits => trim(&format!("{value:.*}", digits - 1 - before)),
        Err(_) if exponent >= -4 => {
            let after = digits - 1 + usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
            trim(&format!("{value:.after$}"))
        }
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", trim(mantissa), exponent.unsigned_abs())
        }
    }
}

fn scaled(number: &impl ToString, units: &[&str], digits: usize) -> String {
    // Every decimal number reads as an f64; what is lost lies behind the digits that are printed.
    let mut value: f64 = number.to_string().parse().unwrap_or(0.0);
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!(
        "{} {}",
        general(value, digits),
        units.get(unit).unwrap_or(&"")
    )
}

/// A number of bytes: `1.984 KiB`.
pub(crate) fn size(bytes: &impl ToString) -> String {
    const NAMES: [&str; 8] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB"];
    scaled(bytes, &NAMES, 4)
}

/// A number of bytes without a space before its unit: `2KiB`.
pub(crate) fn compact_size(bytes: &impl ToString) -> String {
    size(bytes).replace(' ', "")
}

/// Reads a number of bytes: `2048`, `256B`, `2KiB`, `1.5g`. All units are powers of 1024, as for Lotus.
///
/// # Errors
/// When it is no such text; the error says so.
pub(crate) fn read_size(text: &str) -> Result<u64, String> {
    const UNITS: &str = "kmgtp";
    let wrong = || format!("{text:?} is not a size such as 256B, 2KiB or 32GiB");
    let lower = text.trim().to_ascii_lowercase();
    let split = lower
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(split);
    let unit = unit.trim_start();
    let unit = unit
        .strip_suffix("ib")
        .or(unit.strip_suffix('b'))
        .unwrap_or(unit);
    let power = match unit {
        "" => 0,
        unit => {
            UNITS
                .find(unit)
                .filter(|_| unit.len() == 1)
                .ok_or_else(wrong)? as i32
                + 1
        }
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * 1024_f64.powi(power);
    // The largest whole number below which an f64 tells neighbours apart is far above any disk.
    if bytes.is_finite() && bytes <= 9_007_199_254_740_992.0 {
        Ok(bytes as u64)
    } else {
        Err(wrong())
    }
}

/// Members of a set as ranges: `0-3,7`; `0` for the empty set, as Lotus has it.
///
/// # Errors
/// When the set has more than [`MOST_NUMBERS`] members.
pub(crate) fn ranges(set: &BitField) -> Result<String, String> {
    let mut text = String::new();
    let mut run: Option<(u64, u64)> = None;
    let mut put = |run: (u64, u64)| {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = match run {
            (first, last) if first == last => write!(text, "{comma}{first}"),
            (first, last) => write!(text, "{comma}{first}-{last}"),
        };
    };
    for number in set.numbers(MOST_NUMBERS)? {
        run = match run {
            Some((first, last)) if last.checked_add(1) == Some(number) => Some((first, number)),
            Some(done) => {
                put(done);
                Some((number, number))
            }
            None => Some((number, number)),
        };
    }
    match run {
        Some(last) => put(last),
        None => return Ok("0".to_owned()),
    }
    Ok(text)
}

/// Members of a set that are listed at most.
pub(crate) const MOST_NUMBERS: u64 = 10_000_000;

/// The last characters of a text, with dots for what was before them: `...jviwpn4a`.
pub(crate) fn tail(text: &str, length: usize) -> String {
    let skipped = text.chars().count().saturating_sub(length);
    if skipped == 0 {
        return text.to_owned();
    }
    let end: String = text.chars().skip(skipped).collect();
    format!("...{end}")
}

/// A text of somebody else's for a terminal: each control character is replaced.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| match c.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.chars().map(shown).collect()
}

/// A number with a binary prefix: `80 Ki`.
pub(crate) fn binary(number: &impl ToString) -> String {
    const NAMES: [&str; 8] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi"];
    scaled(number, &NAMES, 3)
}

/// A number of bytes in steps of 1000: `960 B`, `72 kB`.
pub(crate) fn decimal_size(bytes: f64) -> String {
    const NAMES: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = bytes.max(0.0).floor();
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < NAMES.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = NAMES.get(unit).unwrap_or(&"");
    let rounded = (value * 10.0 + 0.5).floor() / 10.0;
    if unit > 0 && rounded < 10.0 {
        format!("{rounded:.1} {name}")
    } else {
        format!("{rounded:.0} {name}")
    }
}

/// `part` of `whole` in per cent, with four decimals: `100.0000`; `NaN` of nothing.
pub(crate) fn percent(part: &impl ToString, whole: &impl ToString) -> String {
    let number = |text: String| text.parse::<f64>().unwrap_or(f64::NAN);
    format!(
        "{:.4}",
        number(part.to_string()) * 100.0 / number(whole.to_string())
    )
}

/// Things in brackets, a space between two: `[a b]`.
pub(crate) fn list<T: ToString>(things: &[T]) -> String {
    let texts: Vec<_> = things.iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_four_digits_and_powers_three() {
        for (bytes, text) in [
            (0_u64, "0 B"),
            (95, "95 B"),
            (2048, "2 KiB"),
            (2032, "1.984 KiB"),
            (81_916, "80 KiB"),
            (1 << 40, "1 TiB"),
        ] {
            assert_eq!(size(&bytes), text);
        }
        assert_eq!(binary(&81_916), "80 Ki");
        assert_eq!(binary(&1023), "1.02e+03 ");
    }

    #[test]
    fn traffic_is_counted_in_thousands() {
        assert_eq!(decimal_size(0.0), "0 B");
        assert_eq!(decimal_size(960.0), "960 B");
        assert_eq!(decimal_size(72_311.0), "72 kB");
        assert_eq!(decimal_size(1_500_000.0), "1.5 MB");
    }

    #[test]
    fn a_terminal_does_not_obey_foreign_texts() {
        assert_eq!(printable("a\u{1b}[2J\rb ü"), "a\u{fffd}[2J\u{fffd}b ü");
    }

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("256B", 256),
            ("2KiB", 2048),
            ("2k", 2048),
            ("1.5 GB", 1_610_612_736),
            ("32GiB", 32 << 30),
        ] {
            assert_eq!(read_size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "KiB", "2x", "2kg", "-1", "1e9", "9999999999p"] {
            assert!(read_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sets_are_told_in_ranges() {
        let set = |numbers: &[u64]| BitField::try_from_numbers(numbers.iter().copied());
        for (numbers, text) in [
            (&[][..], "0"),
            (&[0, 1, 2, 3], "0-3"),
            (&[1, 3, 4, 9], "1,3-4,9"),
        ] {
            assert_eq!(ranges(&set(numbers).expect("a set")).as_deref(), Ok(text));
        }
    }
}
