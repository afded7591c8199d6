//! `lotus-seed`: makes what a network is born with.
//!
//! # Lotus parity
//! Commands, flags, defaults and files of `lotus-seed`. `genesis car` can repeat a recorded genesis
//! (`--like`), since ticket and first verifier are drawn anew each time otherwise. What Lotus accepts
//! and then builds a broken network from (a root without signers, an account declared twice) is
//! refused.

pub(crate) mod files;
mod genesis;
mod presealing;

use std::{io::Write, path::PathBuf};

use clap::CommandFactory as _;

use crate::completion::ForShell;

pub(crate) use files::expand;

/// Seal sectors for genesis miner.
#[derive(Debug, clap::Parser)]
#[command(name = "lotus-seed", version)]
pub struct Seed {
    /// Where presealed sectors are kept
    #[arg(long, global = true, default_value = "~/.genesis-sectors")]
    sector_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Manipulate lotus genesis template
    #[command(subcommand)]
    Genesis(genesis::Genesis),
    PreSeal(presealing::PreSeal),
    #[command(flatten)]
    ForShell(ForShell),
}

impl Seed {
    /// Runs the command.
    ///
    /// # Errors
    /// When it failed, or was given something wrong; the error says what.
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        match self.command {
            Command::Genesis(command) => command.run(out)?,
            Command::PreSeal(command) => command.run(&self.sector_dir, out)?,
            Command::ForShell(command) => command.run(Self::command(), out)?,
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
