//! What a benchmark of requests found: rates, latencies, a histogram, errors.
//!
//! # Lotus parity
//! The layout of `lotus-bench rpc`. Times carry microseconds, since a node on the same machine answers
//! within one millisecond.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

/// Kinds of errors that are told apart.
const MOST_ERRORS: usize = 1000;
/// Kinds of errors that are shown.
const SHOWN_ERRORS: usize = 10;
/// Characters of an error that are kept.
const ERROR_LENGTH: usize = 1000;
const BUCKETS: u64 = 10;
const PERCENTILES: [f64; 6] = [0.1, 0.5, 0.9, 0.95, 0.99, 0.999];

/// Results of requests, gathered by one worker or by several.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// In microseconds.
    latencies: Vec<u64>,
    good: u64,
    errors: BTreeMap<String, u64>,
}

impl Results {
    /// Notes a request.
    pub(super) fn note(&mut self, took: Duration, answer: Result<(), String>) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latencies.push(micros);
        match answer {
            Ok(()) => self.good += 1,
            Err(text) => {
                let line: String = text.replace('\n', "").chars().take(ERROR_LENGTH).collect();
                self.count(line, 1);
            }
        }
    }

    fn count(&mut self, error: String, times: u64) {
        let known = self.errors.len() < MOST_ERRORS || self.errors.contains_key(&error);
        let name = if known { error } else { "others".to_owned() };
        *self.errors.entry(name).or_default() += times;
    }

    /// Takes another worker's results in.
    pub(super) fn merge(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.good += other.good;
        for (error, times) in other.errors {
            self.count(error, times);
        }
    }

    /// Requests that were answered without an error.
    pub(super) fn good(&self) -> u64 {
        self.good
    }

    /// The report after so much time.
    pub(super) fn write(&self, elapsed: Duration, out: &mut dyn Write) -> io::Result<()> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let Some(longest) = sorted.last().copied() else {
            return writeln!(out, "No requests were made");
        };
        let count = sorted.len();
        let sum: u128 = sorted.iter().map(|l| u128::from(*l)).sum();
        let mean = u64::try_from(sum / count as u128).unwrap_or(u64::MAX);
        let rate = count as f64 / elapsed.as_secs_f64().max(1e-9);
        writeln!(out, "- Total Requests: {count}")?;
        writeln!(out, "- Total Duration: {}ms", elapsed.as_millis())?;
        writeln!(out, "- Requests/sec: {rate:.6}")?;
        writeln!(out, "- Avg latency: {}", millis(mean))?;
        writeln!(out, "- Median latency: {}", millis(at(&sorted, 0.5)))?;
        writeln!(out, "- Latency distribution:")?;
        for share in PERCENTILES {
            let latency = millis(at(&sorted, share));
            writeln!(out, "    {:.2}% in {latency}", share * 100.0)?;
        }
        writeln!(out, "- Histogram:")?;
        histogram(&sorted, longest, out)?;
        self.write_errors(out)
    }

    fn write_errors(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut errors: Vec<_> = self.errors.iter().collect();
        errors.sort_by(|a, b| b.1.cmp(a.1));
        writeln!(out, "- Errors (top {SHOWN_ERRORS}):")?;
        if self.good > 0 {
            writeln!(out, "    [nil]: {}", self.good)?;
        }
        for (error, times) in errors.into_iter().take(SHOWN_ERRORS) {
            writeln!(out, "    [{error}]: {times}")?;
        }
        Ok(())
    }
}

/// The latency that this share of all requests did not exceed.
fn at(sorted: &[u64], share: f64) -> u64 {
    let index = (sorted.len() as f64 * share) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

fn millis(micros: u64) -> String {
    format!("{}.{:03}ms", micros / 1000, micros % 1000)
}

fn histogram(sorted: &[u64], longest: u64, out: &mut dyn Write) -> io::Result<()> {
    let width = (longest / BUCKETS).max(1);
    let mut rows = Vec::new();
    for bucket in 0..BUCKETS {
        let (from, is_last) = (bucket * width, bucket + 1 == BUCKETS);
        // The last one takes what integer division left over.
        let to = if is_last {
            longest.max(from)
        } else {
            from + width
        };
        let below = |limit: u64| sorted.partition_point(|l| *l <= limit);
        let before = if bucket == 0 { 0 } else { below(from) };
        let count = below(to) - before;
        let share = count as f64 / sorted.len() as f64 * 100.0;
        rows.push((format!("{}-{}", millis(from), millis(to)), count, share));
    }
    let label = rows.iter().map(|row| row.0.len()).max().unwrap_or(0);
    let digits = rows.iter().map(|row| row.1.to_string().len()).max();
    let digits = digits.unwrap_or(0);
    for (range, count, share) in rows {
        let bar = "#".repeat(share as usize);
        writeln!(
            out,
            "  {range:>label$} | {count:>digits$} | {bar} ({share:.2}%)"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(millis: impl IntoIterator<Item = u64>) -> Results {
        let mut results = Results::default();
        for ms in millis {
            results.note(Duration::from_millis(ms), Ok(()));
        }
        results
    }

    fn report(results: &Results) -> String {
        let mut out = Vec::new();
        results
            .write(Duration::from_secs(2), &mut out)
            .expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_report_has_rate_percentiles_and_a_histogram() {
        let report = report(&results(1..=100));
        for line in [
            "- Total Requests: 100",
            "- Total Duration: 2000ms",
            "- Requests/sec: 50.000000",
            "- Avg latency: 50.500ms",
            "- Median latency: 51.000ms",
            "    99.90% in 100.000ms",
            "   0.000ms-10.000ms | 10 | ########## (10.00%)",
            "    [nil]: 100",
        ] {
            assert!(report.contains(line), "{line:?} in\n{report}");
        }
    }

    #[test]
    fn every_request_is_in_one_bucket_of_the_histogram() {
        for latencies in [vec![0], vec![0, 0, 7], vec![3; 50], (0..37).collect()] {
            let report = report(&results(latencies.clone()));
            let counts = report.lines().filter_map(|line| {
                let mut cells = line.split('|');
                cells.next()?;
                cells.next()?.trim().parse::<usize>().ok()
            });
            assert_eq!(counts.sum::<usize>(), latencies.len(), "{report}");
        }
    }

    #[test]
    fn errors_are_counted_by_their_text() {
        let mut all = results([1]);
        let mut other = Results::default();
        for _ in 0..2 {
            other.note(Duration::ZERO, Err("no\nway".to_owned()));
        }
        all.merge(other);
        let report = report(&all);
        assert!(
            report.contains("    [nil]: 1\n    [noway]: 2\n"),
            "{report}"
        );
        assert_eq!(all.good(), 1);
        assert!(report.contains("- Total Requests: 3\n"), "{report}");
    }

    #[test]
    fn no_request_makes_no_numbers() {
        assert_eq!(report(&Results::default()), "No requests were made\n");
    }
}
