//! `lotus chain bisect`: the first tipset whose state meets a condition.
//!
//! # Lotus parity
//! The same probes and the same report. Lotus ends with a height and code 0 even when the condition is
//! met nowhere, and with the height of another probe when the condition says nothing; here the first is
//! an error, and the height is always that of the tipset.

use std::{io::Write, process::Stdio};

use anyhow::{Context as _, bail, ensure};
use lotus_rpc_api::full::FullNode;
use lotus_types::{ChainEpoch, TipsetKey};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// bisect chain for an event: the first tipset for whose state a shell command says true, that is
/// ends with code 0 and does not print "false". The state at the path is the command's input, as JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(in crate::lotus) struct Bisect {
    /// Height where the condition is not met yet
    #[arg(value_name = "minHeight")]
    min: ChainEpoch,
    /// Height where it is met
    #[arg(value_name = "maxHeight")]
    max: ChainEpoch,
    /// Below the state's root: '1/@Ha:f05/1'; see `chain get`
    path: String,
    /// What tells, with its arguments
    #[arg(value_name = "shellCommand", required = true, num_args = 1.., trailing_var_arg = true,
        allow_hyphen_values = true)]
    command: Vec<String>,
}

const EXAMPLE: &str = "\
Example: the height at which deal 100000 appeared
  lotus chain bisect 1 32000 '1/@Ha:t05/1' jq -e '.[5] > 100000'";

/// Where the first tipset is still looked for: above `low` (once that was probed), at most at `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Search {
    low: ChainEpoch,
    high: ChainEpoch,
}

impl Search {
    /// # Errors
    /// When there is nothing between the heights.
    fn new(low: ChainEpoch, high: ChainEpoch) -> anyhow::Result<Self> {
        ensure!(
            0 <= low && low <= high,
            "no heights from {low} to {high}: minHeight is at least 0 and not above maxHeight"
        );
        Ok(Self { low, high })
    }

    /// The next height to probe; the search is [`Self::is_over`] with its answer when it is the last.
    fn next(&mut self) -> ChainEpoch {
        if self.high - self.low == 1 {
            self.low = self.high;
        }
        self.low + (self.high - self.low) / 2
    }

    /// Takes the answer at the height that [`Self::next`] gave.
    fn told(&mut self, height: ChainEpoch, is_met: bool) {
        if is_met {
            self.high = height;
        } else {
            self.low = height;
        }
    }

    fn is_over(self) -> bool {
        self.low == self.high
    }
}

/// What the command said.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    True,
    /// It ended with another code than 0.
    False,
    /// It printed so.
    SaidFalse,
    /// It complained.
    Failed(String),
}

impl Answer {
    fn new(succeeded: bool, stdout: &[u8], stderr: &[u8]) -> Self {
        match succeeded {
            true if stdout.trim_ascii() == b"false" => Self::SaidFalse,
            true => Self::True,
            false if stderr.is_empty() => Self::False,
            false => Self::Failed(String::from_utf8_lossy(stderr).into_owned()),
        }
    }
}

impl Bisect {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut search = Search::new(self.min, self.max)?;
        let key = TipsetKey::default();
        let highest = node.chain_get_tipset_by_height(self.max, key).await;
        let mut above = highest.context("getting end tipset")?.key().clone();
        loop {
            let height = search.next();
            let tipset = node.chain_get_tipset_by_height(height, above.clone());
            let tipset = tipset.await?;
            let path = format!("/ipld/{}/{}", tipset.parent_state_root(), self.path);
            write!(
                out,
                "* Testing {height} ({} - {}) ({path}): ",
                search.low, search.high
            )?;
            out.flush()?;
            let object = node.chain_get_node(path).await?.obj;
            let mut input = Vec::new();
            crate::format::write_tabbed_json(&mut input, &object)?;
            let answer = self.ask(&input).await?;
            match &answer {
                Answer::True => writeln!(out, "true")?,
                Answer::False => writeln!(out, "false")?,
                Answer::SaidFalse => writeln!(out, "false (cli)")?,
                Answer::Failed(complaint) => {
                    writeln!(out, "error")?;
                    writeln!(out, "> Command: {}\n---->", self.command.join(" "))?;
                    out.write_all(&input)?;
                    writeln!(out, "<----")?;
                    bail!("error running bisect check: {}", complaint.trim_end());
                }
            }
            let is_met = answer == Answer::True;
            search.told(height, is_met);
            if is_met {
                above = tipset.key().clone();
            }
            if search.is_over() {
                ensure!(
                    is_met,
                    "the condition is not met at height {height}, the last of those asked for"
                );
                return Ok(writeln!(out, "{}", tipset.height())?);
            }
        }
    }

    /// Runs the command with this input.
    async fn ask(&self, input: &[u8]) -> anyhow::Result<Answer> {
        let (program, args) = self.command.split_first().context("no shellCommand")?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {program:?}"))?;
        let pipe = child.stdin.take();
        let feed = async {
            if let Some(mut pipe) = pipe {
                // A command that knows enough need not read all.
                let _ = pipe.write_all(input).await;
            }
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), feed);
        let output = output.with_context(|| format!("running {program:?}"))?;
        Ok(Answer::new(
            output.status.success(),
            &output.stdout,
            &output.stderr,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probes until the search is over; the condition is met from `first` on.
    fn probes(low: ChainEpoch, high: ChainEpoch, first: ChainEpoch) -> Vec<ChainEpoch> {
        let mut search = Search::new(low, high).expect("heights");
        let mut probes = Vec::new();
        while probes.len() < 70 {
            let height = search.next();
            probes.push(height);
            search.told(height, height >= first);
            if search.is_over() {
                return probes;
            }
        }
        panic!("{probes:?} goes on");
    }

    #[test]
    fn the_range_is_halved_until_one_height_is_left() {
        assert_eq!(probes(1, 10, 7), [5, 7, 6, 7]);
        assert_eq!(probes(1, 2, 2), [2]);
        assert_eq!(probes(4, 4, 4), [4]);
        assert_eq!(
            *probes(0, ChainEpoch::MAX, 12_345).last().expect("one"),
            12_345
        );
    }

    #[test]
    fn every_first_height_is_found_last() {
        for first in 2..=40 {
            assert_eq!(probes(1, 40, first).last(), Some(&first));
        }
    }

    #[test]
    fn heights_in_the_wrong_order_are_refused() {
        assert!(Search::new(5, 4).is_err());
        assert!(Search::new(-1, 4).is_err());
    }

    #[test]
    fn commands_answer_by_code_and_text() {
        assert_eq!(Answer::new(true, b"true\n", b""), Answer::True);
        assert_eq!(Answer::new(true, b"", b""), Answer::True);
        assert_eq!(Answer::new(true, b" false\n", b""), Answer::SaidFalse);
        assert_eq!(Answer::new(false, b"false", b""), Answer::False);
        assert_eq!(
            Answer::new(false, b"", b"no such field"),
            Answer::Failed("no such field".to_owned())
        );
    }
}
