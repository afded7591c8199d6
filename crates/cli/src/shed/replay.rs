//! `lotus-shed replay`.

use std::{io::Write, time::Instant};

use lotus_state::replay::{Mismatch, Replayed, replay};
use lotus_types::{ChainEpoch, Cid};
use serde::Serialize;

use super::chain_file::{ChainFile, progress};

/// Execute every tipset of a chain export again and compare with what its headers say
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    #[command(flatten)]
    chain: ChainFile,
    /// `mock`, or the chain info of the drand chain
    #[arg(long, value_name = "mock|INFO.json")]
    beacon: Option<String>,
    /// Stop after this height
    #[arg(long, value_name = "HEIGHT")]
    to: Option<ChainEpoch>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    tipsets: u64,
    messages: u64,
    gas_total: i64,
    final_root: Option<Cid>,
    mismatches: &'a [Mismatch],
    seconds: f64,
    vm_seconds: f64,
}

impl Replay {
    pub(super) fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        let open = self.chain.open(self.beacon.as_deref())?;
        let tipsets = open.chain.tipsets();
        let bar = progress(tipsets.len());
        let begun = Instant::now();
        let replayed = replay(&open.executor, tipsets, self.to, |tipset| {
            bar.inc(1);
            bar.set_message(format!("height {}", tipset.height()));
        })?;
        bar.finish_and_clear();
        let seconds = begun.elapsed().as_secs_f64();
        if self.json {
            write_json(out, &replayed, seconds)?;
        } else {
            write_text(out, &replayed, seconds)?;
        }
        Ok(replayed.mismatches.is_empty())
    }
}

fn write_json(out: &mut impl Write, r: &Replayed, seconds: f64) -> anyhow::Result<()> {
    let report = Report {
        tipsets: r.tipsets,
        messages: r.messages,
        gas_total: r.gas_total,
        final_root: r.final_root,
        mismatches: &r.mismatches,
        seconds,
        vm_seconds: r.vm_time.as_secs_f64(),
    };
    Ok(writeln!(out, "{}", serde_json::to_string(&report)?)?)
}

fn write_text(out: &mut impl Write, r: &Replayed, seconds: f64) -> anyhow::Result<()> {
    for m in &r.mismatches {
        writeln!(out, "MISMATCH at height {}, tipset {}", m.height, m.tipset)?;
        for (what, expected, computed) in [
            ("state root", m.expected_root, m.computed_root),
            ("receipts", m.expected_receipts, m.computed_receipts),
        ] {
            if expected != computed {
                writeln!(
                    out,
                    "  {what}: {expected} (next header) != {computed} (computed)"
                )?;
            }
        }
    }
    if r.unreachable > 0 {
        writeln!(
            out,
            "{} later tipsets begin from a state that did not come out",
            r.unreachable
        )?;
    }
    let root = r.final_root.map(|c| c.to_string()).unwrap_or_default();
    writeln!(
        out,
        "{} tipsets, {} messages, {} gas, {} mismatches in {seconds:.1} s ({:.1} s in the VM)",
        r.tipsets,
        r.messages,
        r.gas_total,
        r.mismatches.len(),
        r.vm_time.as_secs_f64(),
    )?;
    Ok(writeln!(out, "final state root {root}")?)
}
