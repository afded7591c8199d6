//! `lotus`: the full node and the commands that talk to it.
//!
//! # Invariants
//! - A command is written against [`FullNode`] and a writer; it knows neither process nor connection.
//! - No command waits for ever: every call has a time limit, and its text says what was waited for.
//!
//! # Lotus parity
//! Names, flags, defaults, output layout and help groups of `lotus`. Called wrongly it ends with code
//! 1, an unknown command with code 3, as Lotus. Not there are the commands that `lotus --help` does not
//! list.

mod api_docs;
mod backup;
mod calls;
mod chain;
mod client;
mod daemon;
pub(crate) mod fetch_params;
mod filplus;
mod info;
mod mpool;
mod msig;
mod paych;
mod remote_store;
mod send;
mod state;
mod sync;
mod tipset;
mod wallet;

use std::{ffi::OsString, io::Write};

use lotus_rpc_api::full::FullNode;
use lotus_runtime::repo::RepoKind;

use crate::{
    common::{auth, config, log, net, unix_seconds, version, wait},
    completion::ForShell,
    connect::{self, Connected},
    dialogue::Person,
    format::Paint,
    help::{self, Groups},
};

pub(crate) use wallet::is_actor_not_found;

/// What this program calls itself.
const NAME: &str = "lotus";

/// Lotus' groups of commands.
const GROUPS: Groups = &[
    (
        "BASIC",
        &[
            "daemon", "send", "wallet", "info", "client", "msig", "filplus", "paych",
        ],
    ),
    (
        "DEVELOPER",
        &[
            "auth",
            "mpool",
            "state",
            "chain",
            "log",
            "wait-api",
            "api-docs",
            "fetch-params",
            "evm",
        ],
    ),
    ("NETWORK", &["net", "sync"]),
    ("STATUS", &["status"]),
];

/// Filecoin decentralized storage network client
#[derive(Debug, clap::Parser)]
#[command(name = "lotus", version)]
pub struct Lotus {
    /// Repo of the daemon; LOTUS_PATH or ~/.lotus when it is not given
    #[arg(long, global = true, hide = true, value_name = "PATH")]
    repo: Option<String>,
    /// setting to true will ignore pre-send checks
    #[arg(long, global = true)]
    force_send: bool,
    /// setting to false will disable interactive functionality of commands; by default they are
    /// interactive on a terminal
    #[arg(long, global = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    interactive: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Daemon(Box<daemon::Daemon>),
    Backup(backup::Backup),
    /// Manage node config
    #[command(subcommand)]
    Config(config::Config),
    Send(send::Send),
    /// Manage wallet
    #[command(subcommand)]
    Wallet(wallet::Wallet),
    Info(info::Info),
    /// Make deals, store data, retrieve data
    #[command(subcommand)]
    Client(client::Client),
    Msig(msig::Msig),
    /// Interact with the verified registry actor used by Filplus
    #[command(subcommand)]
    Filplus(filplus::Filplus),
    /// Manage payment channels
    #[command(subcommand)]
    Paych(paych::Paych),
    /// Manage RPC permissions
    #[command(subcommand)]
    Auth(auth::Auth),
    /// Manage message pool
    #[command(subcommand)]
    Mpool(mpool::Mpool),
    State(state::State),
    /// Interact with filecoin blockchain
    #[command(subcommand)]
    Chain(chain::Chain),
    /// Manage logging
    #[command(subcommand)]
    Log(log::Log),
    /// Manage P2P Network
    #[command(subcommand)]
    Net(net::Net),
    /// Inspect or interact with the chain syncer
    #[command(subcommand)]
    Sync(sync::Sync),
    Status(sync::Status),
    FetchParams(fetch_params::FetchParams),
    WaitApi(wait::WaitApi),
    ApiDocs(api_docs::ApiDocs),
    /// Print version
    Version,
    #[command(flatten)]
    ForShell(ForShell),
}

/// What every command is given.
struct Context<'a> {
    /// The daemon.
    node: &'a dyn FullNode,
    /// The same, and where it is.
    daemon: &'a Connected<dyn FullNode>,
    /// Send messages that fail a check?
    force_send: bool,
    /// Colours of the output.
    paint: Paint,
    /// Who can be asked; nobody where there is no terminal.
    person: Option<&'a Person>,
}

impl<'a> Context<'a> {
    /// How messages are sent.
    fn sending(&self) -> send::Sending<'a> {
        send::Sending {
            node: self.node,
            force: self.force_send,
            person: self.person,
        }
    }
}

impl Lotus {
    /// Reads a command line, the first argument of which is the executable's name.
    ///
    /// # Errors
    /// When it is called wrongly, or for its help.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        help::parse(GROUPS, args)
    }

    /// Runs the command.
    ///
    /// # Errors
    /// When it failed, or was given something wrong; the error says what.
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        if let Command::Daemon(daemon) = &self.command
            && daemon.is_start()
        {
            return daemon.start(self.repo.as_deref(), out);
        }
        let env = |name: &str| std::env::var(name).ok();
        if let Command::Backup(backup) = &self.command
            && backup.is_offline()
        {
            backup.run_offline(self.repo.as_deref(), env)?;
            return Ok(true);
        }
        if let Command::Config(config) = &self.command {
            config.run(RepoKind::FullNode, self.repo.as_deref(), env, out)?;
            return Ok(true);
        }
        if let Command::FetchParams(command) = &self.command {
            command.run(out)?;
            return Ok(true);
        }
        if let Command::ApiDocs(command) = &self.command {
            command.run(out)?;
            return Ok(true);
        }
        if let Command::ForShell(command) = &self.command {
            command.run(help::command::<Self>(GROUPS), out)?;
            return Ok(true);
        }
        if let Command::Wallet(command) = &self.command
            && let Some(command) = command.offline()
        {
            command.run(RepoKind::FullNode, self.repo.as_deref(), out)?;
            return Ok(true);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(Box::pin(self.call(out)))?;
        Ok(true)
    }

    /// Runs a command that talks to a daemon.
    async fn call(self, out: &mut dyn Write) -> anyhow::Result<()> {
        if let Command::WaitApi(command) = &self.command {
            let repo = self.repo.as_deref();
            return Box::pin(command.run("daemon", || connect::full_node(repo))).await;
        }
        let daemon = match connect::full_node(self.repo.as_deref()).await {
            Ok(daemon) => daemon,
            Err(error) => {
                if matches!(self.command, Command::Version) {
                    version::write_local(NAME, out)?;
                }
                if let Command::Auth(command) = self.command {
                    let repo = self.repo.as_deref();
                    return command.run_offline(RepoKind::FullNode, repo, error, out);
                }
                return Err(error);
            }
        };
        let person = Person::at_terminal(self.interactive);
        let context = Context {
            node: &*daemon.api,
            daemon: &daemon,
            force_send: self.force_send,
            paint: Paint::of_terminal(),
            person: person.as_ref(),
        };
        Box::pin(self.command.ask(&context, out)).await
    }
}

impl Command {
    async fn ask(self, context: &Context<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Self::Daemon(_) => Ok(context.node.shutdown().await?),
            Self::Backup(command) => command.run(context.node, out).await,
            Self::Send(command) => Box::pin(command.run(context, out)).await,
            Self::Wallet(command) => Box::pin(command.run(context, out)).await,
            Self::Info(command) => Box::pin(command.run(context, out)).await,
            Self::Client(command) => Box::pin(command.run(context, out)).await,
            Self::Msig(command) => Box::pin(command.run(context, out)).await,
            Self::Filplus(command) => Box::pin(command.run(context, out)).await,
            Self::Paych(command) => Box::pin(command.run(context, out)).await,
            Self::Auth(command) => {
                let variable = RepoKind::FullNode.api_info_env();
                command.run(context.daemon, variable, out).await
            }
            Self::Mpool(command) => command.run(context, out).await,
            Self::State(command) => Box::pin(command.run(context, out)).await,
            Self::Chain(command) => Box::pin(command.run(context, out)).await,
            Self::Log(command) => command.run(context.node, out).await,
            Self::Net(command) => {
                Box::pin(command.run(context.node, Some(context.node), context.paint, out)).await
            }
            Self::Sync(command) => Box::pin(command.run(context, out)).await,
            Self::Status(command) => command.run(context, out).await,
            // These need no daemon and are run before one is looked for.
            Self::Config(_)
            | Self::FetchParams(_)
            | Self::WaitApi(_)
            | Self::ApiDocs(_)
            | Self::ForShell(_) => Ok(()),
            Self::Version => version::run(context.node, NAME, out).await,
        }
    }
}

/// Seconds between the blocks of the daemon's network.
pub(crate) async fn block_delay(node: &dyn FullNode) -> anyhow::Result<u64> {
    Ok(node.version().await?.block_delay)
}

#[cfg(test)]
mod tests;
