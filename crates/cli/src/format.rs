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
    time::Duration,
};

use lotus_rpc_api::types::go::Time;
use lotus_types::{BitField, ChainEpoch};
use serde::Serialize;

/// What empties a terminal and goes to its first line.
pub(crate) const CLEAR_SCREEN: &str = "\x1b[2J\x1b[1;1H";

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Seconds of the units of [`duration`], largest first. A year has 365 days.
const UNITS: [(i64, &str); 6] = [
    (31_536_000, "year"),
    (604_800, "week"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
    (1, "second"),
];

/// A value as indented JSON, with a line end.
pub(crate) fn write_json(out: &mut dyn Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    writeln!(out, "{text}")
}

/// A length of time in its two largest units that are not zero: `7 hours 44 minutes`.
pub(crate) fn duration(seconds: i64) -> String {
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, name) in UNITS {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{count} {name}{plural}"));
        }
    }
    parts.truncate(2);
    if parts.is_empty() {
        "0 seconds".to_owned()
    } else {
        parts.join(" ")
    }
}

/// Where `epoch` lies, seen from `now`: `22 minutes ago`, `in 10 weeks`, `now`.
fn distance(now: ChainEpoch, epoch: ChainEpoch, block_delay: u64) -> String {
    let delay = i64::try_from(block_delay).unwrap_or(i64::MAX);
    let seconds = now.saturating_sub(epoch).saturating_mul(delay);
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("{} ago", duration(seconds)),
        _ => format!("in {}", duration(seconds.saturating_neg())),
    }
}

/// An epoch and how far it is: `-2222 (7 hours 44 minutes ago)`.
pub(crate) fn epoch_time(now: ChainEpoch, epoch: ChainEpoch, block_delay: u64) -> String {
    format!("{epoch} ({})", distance(now, epoch, block_delay))
}

/// An epoch, its date and how far it is: `56 (22 Nov 26 13:46 UTC, 22 minutes 50 seconds ago)`.
/// `now` is an epoch and the time of its block in seconds since 1970.
pub(crate) fn epoch_date(now: (ChainEpoch, u64), epoch: ChainEpoch, block_delay: u64) -> String {
    let delay = i64::try_from(block_delay).unwrap_or(i64::MAX);
    let apart = epoch.saturating_sub(now.0).saturating_mul(delay);
    let date = rfc822(now.1.saturating_add_signed(apart));
    format!("{epoch} ({date}, {})", distance(now.0, epoch, block_delay))
}

/// Year, month name, day and time of day, from seconds since 1970.
fn date_parts(seconds: u64) -> (String, &'static str, String, String) {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX).min(LAST_SECOND);
    // 2026-07-29T20:30:05Z
    let text = Time { seconds, nanos: 0 }.to_string();
    let part = |from, to| text.get(from..to).unwrap_or_default().to_owned();
    let month = part(5, 7)
        .parse::<usize>()
        .ok()
        .and_then(|m| MONTHS.get(m.checked_sub(1)?));
    (
        part(2, 4),
        month.copied().unwrap_or("???"),
        part(8, 10),
        part(11, 19),
    )
}

/// The last second of year 9999: later ones have no date of ten characters.
const LAST_SECOND: i64 = 253_402_300_799;

/// A point in time without its year: `Jul 29 20:30:05`, the day padded with a space.
pub(crate) fn stamp(seconds: u64) -> String {
    let (_, month, day, time) = date_parts(seconds);
    let day = day
        .strip_prefix('0')
        .map_or_else(|| day.clone(), |d| format!(" {d}"));
    format!("{month} {day} {time}")
}

fn rfc822(seconds: u64) -> String {
    let (year, month, day, time) = date_parts(seconds);
    format!(
        "{day} {month} {year} {} UTC",
        time.get(..5).unwrap_or_default()
    )
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

/// A length of time as Go prints it: `2777h37m0s`, `8m20s`, `7.96706828s`, `1.1ms`.
pub(crate) fn go_duration(time: Duration) -> String {
    let trimmed = |text: String| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    let nanos = time.subsec_nanos();
    if time.as_secs() == 0 {
        return match nanos {
            0 => "0s".to_owned(),
            1..1_000 => format!("{nanos}ns"),
            1_000..1_000_000 => {
                let text = format!("{}.{:03}", nanos / 1_000, nanos % 1_000);
                format!("{}µs", trimmed(text))
            }
            _ => {
                let text = format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000);
                format!("{}ms", trimmed(text))
            }
        };
    }
    let whole = time.as_secs();
    let seconds = trimmed(format!("{}.{nanos:09}", whole % 60));
    match (whole / 3600, whole / 60 % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// A point in time as Go prints it in UTC: `2026-11-22 13:59:52 +0000 UTC`.
pub(crate) fn go_time(seconds: i64) -> String {
    let text = Time { seconds, nanos: 0 }.to_string();
    format!("{} +0000 UTC", text.trim_end_matches('Z').replace('T', " "))
}

/// The time of day of an epoch: `07:26:40`. `now` is an epoch and the time of its block.
pub(crate) fn time_of_day(now: (ChainEpoch, u64), epoch: ChainEpoch, block_delay: u64) -> String {
    let delay = i64::try_from(block_delay).unwrap_or(i64::MAX);
    let apart = epoch.saturating_sub(now.0).saturating_mul(delay);
    date_parts(now.1.saturating_add_signed(apart)).3
}

/// The last characters of a text, with dots for what was before them: `...jviwpn4a`.
pub(crate) fn tail(text: &str, length: usize) -> String {
    let skipped = text.chars().count().saturating_sub(length);
    if skipped == 0 {
        return text.to_owned();
    }
    let end: String = text.chars().skip(skipped).collect();
    format!("...{end}")
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

/// A table. Every cell but those of an open last column is padded to its column's width and two
/// spaces more.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// What is told below a row, by the row's place.
    notes: Vec<(usize, String)>,
    open: bool,
}

impl Table {
    /// With these headings; columns that have no entry in any row are left out.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![headings.iter().map(|h| (*h).to_owned()).collect()],
            ..Self::default()
        }
    }

    /// With these headings, all of which are shown; nothing follows the entries of the last column.
    pub(crate) fn open(headings: &[&str]) -> Self {
        Self {
            open: true,
            ..Self::new(headings)
        }
    }

    /// Adds a row, one cell a column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Tells something below the last row, unless it is empty: `  Message: no funds`.
    pub(crate) fn note(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            let row = self.rows.len().saturating_sub(1);
            self.notes.push((row, format!("  {name}: {text}")));
        }
    }

    /// Prints headings and rows.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column| {
            let widths = self
                .rows
                .iter()
                .map(|row| cell(row, column).chars().count());
            widths.max().unwrap_or(0)
        };
        let filled = |column| {
            let mut rows = self.rows.iter().skip(1);
            rows.any(|row| !cell(row, column).is_empty())
        };
        let used: Vec<_> = (0..columns)
            .filter(|&column| self.open || filled(column))
            .map(|column| (column, width(column)))
            .collect();
        for (place, row) in self.rows.iter().enumerate() {
            for (position, &(column, width)) in used.iter().enumerate() {
                let text = cell(row, column);
                if self.open && position + 1 == used.len() {
                    write!(out, "{text}")?;
                } else {
                    write!(out, "{text:<0$}", width + 2)?;
                }
            }
            writeln!(out)?;
            for (_, note) in self.notes.iter().filter(|(row, _)| *row == place) {
                writeln!(out, "{note}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_two_units() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (110, "1 minute 50 seconds"),
            (630, "10 minutes 30 seconds"),
            (27_860, "7 hours 44 minutes"),
            (6_077_900, "10 weeks 8 hours"),
            (15_464_000, "25 weeks 3 days"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn epochs_are_told_from_the_head() {
        assert_eq!(epoch_time(193, -2222, 10), "-2222 (6 hours 42 minutes ago)");
        assert_eq!(epoch_time(700, 700, 4), "700 (now)");
        assert_eq!(epoch_time(0, 15, 4), "15 (in 1 minute)");
        assert_eq!(
            epoch_date((193, 1_795_356_550), 56, 10),
            "56 (22 Nov 26 13:46 UTC, 22 minutes 50 seconds ago)"
        );
    }

    #[test]
    fn dates_are_those_of_utc() {
        assert_eq!(stamp(1_785_357_021), "Jul 29 20:30:21");
        assert_eq!(stamp(0), "Jan  1 00:00:00");
        assert_eq!(stamp(u64::MAX), "Dec 31 23:59:59");
    }

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
    fn columns_without_entries_are_left_out() {
        let mut table = Table::new(&["Name", "ID", "X"]);
        table.row(["a".to_owned(), String::new(), "yes".to_owned()]);
        table.row(["bcdef".to_owned(), String::new(), String::new()]);
        let mut out = Vec::new();
        table.write(&mut out).expect("writes to memory");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "Name   X    \na      yes  \nbcdef       \n"
        );
    }

    #[test]
    fn tables_of_fixed_columns_show_them_all() {
        let mut table = Table::open(&["deadline", "sectors"]);
        let mut out = Vec::new();
        table.write(&mut out).expect("writes to memory");
        table.row(["0".to_owned(), "2 (0)".to_owned()]);
        table.note("Message", "slow");
        table.note("Message", "");
        table.write(&mut out).expect("writes to memory");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "deadline  sectors\ndeadline  sectors\n0         2 (0)\n  Message: slow\n"
        );
    }

    #[test]
    fn lengths_of_time_are_also_printed_as_go_does() {
        for (nanos, text) in [
            (0, "0s"),
            (999, "999ns"),
            (1_500, "1.5µs"),
            (1_100_000, "1.1ms"),
            (7_967_068_280, "7.96706828s"),
            (500_000_000_000, "8m20s"),
            (9_999_420_000_000_000, "2777h37m0s"),
        ] {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), text);
        }
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
