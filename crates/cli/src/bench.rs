//! `lotus-bench`: how fast a node is.
//!
//! # Lotus parity
//! `rpc` has Lotus' name, flags and report; `mpool` and `start` are our own. The benchmarks of proofs are not there:
//! `make bench` measures them.

mod mpool;
mod report;
mod rpc;
mod start;

use std::io::Write;

use clap::CommandFactory as _;

use crate::completion::ForShell;

/// Benchmark performance of lotus on your hardware
#[derive(Debug, clap::Parser)]
#[command(name = "lotus-bench", version)]
pub struct Bench {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Rpc(rpc::Rpc),
    Mpool(mpool::Mpool),
    Start(start::Start),
    #[command(flatten)]
    ForShell(ForShell),
}

impl Bench {
    /// Runs the command; the answer is "no" when every request of a benchmark failed.
    ///
    /// # Errors
    /// When it could not measure; the error says why.
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        match self.command {
            Command::Rpc(rpc) => rpc.run(out),
            Command::Mpool(mpool) => mpool.run(out).map(|()| true),
            Command::Start(start) => start.run(out).map(|()| true),
            Command::ForShell(command) => command.run(Self::command(), out).map(|()| true),
        }
    }
}
