//! In which form a command answers: for people or for programs, with colours or without.
//!
//! # Lotus parity
//! Colours where the output is a terminal, as Lotus has them; `--color` and `--color=false` decide
//! otherwise, and a `NO_COLOR` in the environment means none. Lotus has `--json` on few commands, here
//! every listing takes it.

use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;

use super::write_json;

/// `--json` of a listing.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Form {
    /// print JSON
    #[arg(long)]
    json: bool,
}

impl Form {
    /// Whether a program reads the answer.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints `value` as JSON when it was asked for; says whether it was.
    ///
    /// # Errors
    /// When the output takes no more.
    pub(crate) fn wrote(
        self,
        out: &mut dyn Write,
        value: &(impl Serialize + ?Sized),
    ) -> io::Result<bool> {
        if self.json {
            write_json(out, value)?;
        }
        Ok(self.json)
    }
}

/// `--color` of a command.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Colour {
    /// use color in display output; by default on a terminal only
    #[arg(long = "color", id = "color", num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    on: Option<bool>,
}

impl Colour {
    /// What the flag says, or else what was found out before.
    pub(crate) fn paint(self, otherwise: Paint) -> Paint {
        self.on.map_or(otherwise, Paint)
    }
}

/// Colours texts, or leaves them as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Paint(bool);

impl Paint {
    /// Colours when the standard output is a terminal and the environment does not forbid it.
    pub(crate) fn of_terminal() -> Self {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(!forbidden && io::stdout().is_terminal())
    }

    /// Good news.
    pub(crate) fn green(self, text: impl ToString) -> String {
        self.coded("32", &text)
    }

    /// What should be looked at.
    pub(crate) fn yellow(self, text: impl ToString) -> String {
        self.coded("33", &text)
    }

    /// What is wrong.
    pub(crate) fn red(self, text: impl ToString) -> String {
        self.coded("31", &text)
    }

    /// What waits, and what stands beside something else.
    pub(crate) fn blue(self, text: impl ToString) -> String {
        self.coded("34", &text)
    }

    /// What is of its own kind.
    pub(crate) fn magenta(self, text: impl ToString) -> String {
        self.coded("35", &text)
    }

    /// A name to be found again.
    pub(crate) fn cyan(self, text: impl ToString) -> String {
        self.coded("36", &text)
    }

    fn coded(self, code: &str, text: &impl ToString) -> String {
        let text = text.to_string();
        if self.0 && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text
        }
    }
}

/// Characters of a text that take room on a terminal: all but those of colours.
pub(super) fn visible_width(text: &str) -> usize {
    let mut width = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            width += 1;
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        colour: Colour,
    }

    fn paint(args: &[&str], otherwise: Paint) -> String {
        let args = std::iter::once("test").chain(args.iter().copied());
        let flags = Flags::try_parse_from(args).expect("flags");
        flags.colour.paint(otherwise).red("x")
    }

    #[test]
    fn a_flag_decides_before_the_terminal() {
        let coloured = "\x1b[31mx\x1b[0m";
        assert_eq!(paint(&[], Paint(false)), "x");
        assert_eq!(paint(&[], Paint(true)), coloured);
        assert_eq!(paint(&["--color"], Paint(false)), coloured);
        assert_eq!(paint(&["--color=false"], Paint(true)), "x");
    }

    #[test]
    fn colours_take_no_room_and_nothing_is_not_coloured() {
        assert_eq!(visible_width(&Paint(true).green("four")), 4);
        assert_eq!(Paint(true).red(""), "");
    }
}
