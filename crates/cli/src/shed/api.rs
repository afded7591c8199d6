//! `lotus-shed api`: a node's API over a chain export, and comparing a node with recorded answers.

mod compare;
mod difference;
mod serve;
#[cfg(test)]
mod tests;

use std::io::Write;

/// Serve the API over a chain export; compare a node's answers with recorded ones
#[derive(Debug, clap::Subcommand)]
pub(super) enum Api {
    Serve(serve::Serve),
    Compare(compare::Compare),
}

impl Api {
    pub(super) fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        match self {
            Self::Serve(command) => command.run(out),
            Self::Compare(command) => command.run(out),
        }
    }
}
