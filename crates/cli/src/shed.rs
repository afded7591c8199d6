//! `lotus-shed`: tools for looking into chains.

mod api;
mod chain_file;
mod mpool;
mod replay;
mod validate;

use std::io::Write;

use clap::CommandFactory as _;

use crate::completion::ForShell;

/// Tools for looking into chains
#[derive(Debug, clap::Parser)]
#[command(name = "lotus-shed", version)]
pub struct Shed {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serve a node's API over a chain export; compare a node's answers with recorded ones
    #[command(subcommand)]
    Api(api::Api),
    #[command(subcommand)]
    Mpool(mpool::Mpool),
    Replay(replay::Replay),
    Validate(validate::Validate),
    #[command(flatten)]
    ForShell(ForShell),
}

impl Shed {
    /// Runs the command; `false` when what it checked is not in order.
    ///
    /// # Errors
    /// When it could not be run.
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        match self.command {
            Command::Api(command) => command.run(out),
            Command::Mpool(command) => command.run(out).map(|()| true),
            Command::Replay(command) => command.run(out),
            Command::Validate(command) => command.run(out),
            Command::ForShell(command) => command.run(Self::command(), out).map(|()| true),
        }
    }
}
