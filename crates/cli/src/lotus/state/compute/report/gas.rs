//! Gas charges: added up by name, and one by one.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use lotus_rpc_api::types::trace::{ExecutionTrace, GasTrace};

use super::parts::escape;
use crate::format::go_duration;

/// Charges of one name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    count: u64,
    gas: i128,
    compute: i128,
    storage: i128,
    time: Duration,
}

impl Total {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.gas += other.gas;
        self.compute += other.compute;
        self.storage += other.storage;
        self.time = self.time.saturating_add(other.time);
    }
}

impl From<&GasTrace> for Total {
    fn from(charge: &GasTrace) -> Self {
        Self {
            count: 1,
            gas: charge.total_gas.into(),
            compute: charge.compute_gas.into(),
            storage: charge.storage_gas.into(),
            time: charge.time_taken.into(),
        }
    }
}

/// Charges by name.
#[derive(Debug, Default)]
pub(super) struct Totals<'a>(BTreeMap<&'a str, Total>);

impl<'a> Totals<'a> {
    /// Of these charges.
    pub(super) fn of(charges: &'a [GasTrace]) -> Self {
        let mut totals = Self::default();
        totals.extend(charges);
        totals
    }

    /// Of a call and of all calls below it.
    pub(super) fn of_tree(call: &'a ExecutionTrace) -> Self {
        let mut totals = Self::default();
        let mut left = vec![call];
        while let Some(call) = left.pop() {
            totals.extend(&call.gas_charges);
            left.extend(&call.subcalls);
        }
        totals
    }

    fn extend(&mut self, charges: &'a [GasTrace]) {
        for charge in charges {
            self.0.entry(&charge.name).or_default().add(charge.into());
        }
    }

    fn sum(&self) -> Total {
        let mut sum = Total::default();
        for total in self.0.values() {
            sum.add(*total);
        }
        sum
    }

    /// All gas.
    pub(super) fn gas(&self) -> i128 {
        self.sum().gas
    }

    /// All time.
    pub(super) fn time(&self) -> Duration {
        self.sum().time
    }

    /// The dearest first; equal ones by name.
    fn sorted(&self) -> Vec<(&'a str, Total)> {
        let mut sorted: Vec<_> = self.0.iter().map(|(name, total)| (*name, *total)).collect();
        sorted.sort_by_key(|(_, total)| std::cmp::Reverse(total.gas));
        sorted
    }

    /// Writes a table of them, with their sum.
    pub(super) fn write(&self, timing: bool, out: &mut dyn Write) -> io::Result<()> {
        let sum = self.sum();
        // Not every VM measures time.
        let timing = timing && !sum.time.is_zero();
        write!(
            out,
            "<div class=\"wide\"><table class=\"gas\">\n<thead><tr><th>Charge</th>\
             <th class=\"n\">Times</th><th class=\"n\">Gas</th><th class=\"n\">Compute</th>\
             <th class=\"n\">Storage</th>"
        )?;
        if timing {
            write!(out, "<th class=\"n\">Time</th>")?;
        }
        writeln!(out, "<th>Share</th></tr></thead>\n<tbody>")?;
        for (name, total) in self.sorted() {
            let share = percent(total.gas, sum.gas);
            write!(out, "<tr><td>{}</td>{}", escape(name), cells(total, timing))?;
            writeln!(
                out,
                "<td class=\"bar\"><span style=\"width:{share:.1}%\"></span>{share:.1}%</td></tr>"
            )?;
        }
        writeln!(
            out,
            "</tbody>\n<tfoot><tr><td>Sum</td>{}<td></td></tr></tfoot>\n</table></div>",
            cells(sum, timing)
        )
    }
}

fn cells(total: Total, timing: bool) -> String {
    let cell = |text: String| format!("<td class=\"n\">{text}</td>");
    let mut cells = cell(total.count.to_string());
    for gas in [total.gas, total.compute, total.storage] {
        cells += &cell(group(gas));
    }
    if timing {
        cells += &cell(go_duration(total.time));
    }
    cells
}

/// Of charges that take gas back there is no share.
fn percent(part: i128, whole: i128) -> f64 {
    if whole > 0 {
        (100.0 * part as f64 / whole as f64).clamp(0.0, 100.0)
    } else {
        0.0
    }
}

/// Writes charges in order.
pub(super) fn one_by_one(
    charges: &[GasTrace],
    timing: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let timing = timing && charges.iter().any(|charge| charge.time_taken.0 != 0);
    write!(
        out,
        "<div class=\"wide\"><table class=\"gas\">\n<thead><tr><th>Charge</th>\
         <th class=\"n\">Gas</th><th class=\"n\">Compute</th><th class=\"n\">Storage</th>"
    )?;
    if timing {
        write!(out, "<th class=\"n\">Time</th>")?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for charge in charges {
        write!(out, "<tr><td>{}</td>", escape(&charge.name))?;
        for gas in [charge.total_gas, charge.compute_gas, charge.storage_gas] {
            write!(out, "<td class=\"n\">{}</td>", group(gas.into()))?;
        }
        if timing {
            let time = go_duration(charge.time_taken.into());
            write!(out, "<td class=\"n\">{time}</td>")?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody>\n</table></div>")
}

/// A number with thin spaces between its thousands, so that it is read at a glance.
pub(super) fn group(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "−" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use lotus_rpc_api::types::go::Nanos;

    use super::*;

    fn charge(name: &str, compute: i64, storage: i64) -> GasTrace {
        GasTrace {
            name: name.to_owned(),
            total_gas: compute + storage,
            compute_gas: compute,
            storage_gas: storage,
            time_taken: Nanos(1_000),
        }
    }

    #[test]
    fn charges_are_added_up_by_name_dearest_first() {
        let charges = [charge("a", 1, 0), charge("b", 5, 5), charge("a", 2, 0)];
        let totals = Totals::of(&charges);
        let sorted = totals.sorted();
        let names: Vec<_> = sorted
            .iter()
            .map(|(name, total)| (*name, total.count))
            .collect();
        assert_eq!(names, [("b", 1), ("a", 2)]);
        assert_eq!(totals.gas(), 13);
        assert_eq!(totals.time(), Duration::from_micros(3));
    }

    #[test]
    fn sums_of_huge_charges_are_no_overflow() {
        let charges = [charge("a", i64::MAX, 0), charge("a", i64::MAX, 0)];
        assert_eq!(Totals::of(&charges).gas(), i128::from(i64::MAX) * 2);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(group(0), "0");
        assert_eq!(group(999), "999");
        assert_eq!(group(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(group(-1_000), "−1\u{202f}000");
    }

    #[test]
    fn charges_that_take_gas_back_have_no_share() {
        assert!(percent(-5, 10).abs() < f64::EPSILON);
        assert!(percent(5, 0).abs() < f64::EPSILON);
        assert!((percent(5, 10) - 50.0).abs() < f64::EPSILON);
    }
}
