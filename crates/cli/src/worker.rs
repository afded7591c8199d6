//! `lotus-worker`: a sealing worker and the commands that talk to it.
//!
//! # Invariants
//! - A command is written against [`Worker`] and a writer; it knows neither process nor connection.
//! - No command waits for ever, but `wait-quiet`, whose business it is to wait.
//!
//! # Lotus parity
//! Names, flags, defaults, output layout and exit codes of `lotus-worker`.

mod info;
mod run;
mod tasks;

use std::{ffi::OsString, io::Write};

use lotus_rpc_api::worker::Worker;

use crate::{
    common::paths::{Attach, Detach, Redeclare},
    completion::ForShell,
    connect,
    format::Form,
    help,
};

pub(crate) use tasks::by_priority;

/// What this program calls itself.
const NAME: &str = "lotus-worker";

/// Remote miner worker
#[derive(Debug, clap::Parser)]
#[command(name = "lotus-worker", version)]
pub struct LotusWorker {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Flags that stand before the command.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Globals {
    /// Repo of the worker; LOTUS_WORKER_PATH (formerly WORKER_PATH) or ~/.lotusworker when it is not
    /// given
    #[arg(long, alias = "workerrepo", global = true, value_name = "PATH")]
    pub(crate) worker_repo: Option<String>,
    /// Repo of the miner; LOTUS_MINER_PATH (formerly LOTUS_STORAGE_PATH) or ~/.lotusminer when it is
    /// not given
    #[arg(long, alias = "storagerepo", global = true, value_name = "PATH")]
    pub(crate) miner_repo: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Run(Box<run::Run>),
    /// Stop a running lotus worker
    Stop,
    /// Print worker info
    Info(Form),
    /// manage sector storage
    #[command(subcommand)]
    Storage(Storage),
    /// Manage worker settings
    Set {
        /// enable/disable new task processing
        #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
            require_equals = true, default_missing_value = "true")]
        enabled: bool,
    },
    /// Block until all running tasks exit
    WaitQuiet,
    /// Manage task processing
    #[command(subcommand)]
    Tasks(tasks::Tasks),
    #[command(flatten)]
    ForShell(ForShell),
}

#[derive(Debug, clap::Subcommand)]
enum Storage {
    Attach(Attach),
    Detach(Detach),
    Redeclare(Redeclare),
}

impl LotusWorker {
    /// Reads a command line, the first argument of which is the executable's name.
    ///
    /// # Errors
    /// When it is called wrongly, or for its help.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        help::parse(&[], args)
    }

    /// Runs the command.
    ///
    /// # Errors
    /// When it failed, or was given something wrong; the error says what.
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        let Self { globals, command } = self;
        match command {
            Command::Run(command) => command.run(&globals, out)?,
            Command::ForShell(command) => command.run(help::command::<Self>(&[]), out)?,
            command => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(Box::pin(async {
                    let worker = connect::worker(globals.worker_repo.as_deref()).await?;
                    command.ask(&*worker.api, out).await
                }))?;
            }
        }
        Ok(true)
    }
}

impl Command {
    /// Runs a command that talks to the worker.
    async fn ask(self, worker: &dyn Worker, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            // These need no API and are run before one is looked for.
            Self::Run(_) | Self::ForShell(_) => Ok(()),
            Self::Stop => Ok(worker.shutdown().await?),
            Self::Info(form) => info::run(worker, form, out).await,
            Self::Storage(command) => command.run(worker).await,
            Self::Set { enabled } => Ok(worker.set_enabled(enabled).await?),
            Self::WaitQuiet => Ok(worker.wait_quiet().await?),
            Self::Tasks(command) => command.run(worker).await,
        }
    }
}

impl Storage {
    async fn run(self, worker: &dyn Worker) -> anyhow::Result<()> {
        match self {
            Self::Attach(command) => worker.storage_add_local(command.prepare()?).await?,
            Self::Detach(command) => worker.storage_detach_local(command.path()?).await?,
            Self::Redeclare(command) => {
                let (id, drop_missing) = command.target()?;
                worker.storage_redeclare_local(id, drop_missing).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
