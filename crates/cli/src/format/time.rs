//! Points and lengths of time.

use std::time::Duration;

use lotus_rpc_api::types::go::Time;
use lotus_types::ChainEpoch;

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

/// A length of time in its two largest units that are not zero: `7 hours 44 minutes`.
fn duration(seconds: i64) -> String {
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
}
