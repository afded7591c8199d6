//! Tables of text.

use std::io::{self, Write};

use super::form::visible_width;

/// A table. Every cell but those of an open last column is padded to its column's width and two
/// spaces more.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// What is told below a row, by the row's place.
    notes: Vec<(usize, String)>,
    open: bool,
    /// No column but the last is narrower.
    least: usize,
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

    /// As [`Self::open`], with columns of eight characters at least: Go's `tabwriter` as Lotus sets it.
    pub(crate) fn tabbed(headings: &[&str]) -> Self {
        Self {
            least: 8,
            ..Self::open(headings)
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
                .map(|row| visible_width(&cell(row, column)));
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
                    let room = self.least.max(width + 2);
                    let gap = room.saturating_sub(visible_width(&text));
                    write!(out, "{text}{:gap$}", "")?;
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
}
