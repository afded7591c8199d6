//! `lotus-miner`: the storage provider and the commands that talk to it.
//!
//! # Invariants
//! - A command is written against [`StorageMiner`], [`FullNode`] and a writer; each of the two is
//!   connected to when it is first needed, so that a command asks for no more than it uses.
//! - No command waits for ever: every call has a time limit, and its text says what was waited for.
//! - What changes the chain for good or throws something away does so only with `--really-do-it`.
//!
//! # Lotus parity
//! Names, flags, defaults, output layout and exit codes of `lotus-miner`. The flags `--actor` and
//! `--color` stand before the command, as there; where Lotus has `--color` behind one, too, it may stand
//! there. Colours are Lotus'. `--json` is not of Lotus.

mod actor;
mod info;
mod init;
mod pieces;
mod proving;
mod retrieval_deals;
mod run;
mod sealing;
mod sectors;
mod states;
mod storage;
mod storage_deals;

use std::{ffi::OsString, io::Write};

use lotus_rpc_api::{full::FullNode, miner::StorageMiner};
use lotus_runtime::repo::RepoKind;
use lotus_types::Address;
use tokio::sync::OnceCell;

use crate::{
    common::{auth, config, deals::Transfers, log, net, version, wait},
    completion::ForShell,
    connect::{self, Connected},
    format::{Colour, Paint},
    help::{self, Groups},
    lotus::fetch_params::FetchParams,
};

/// What this program calls itself.
const NAME: &str = "lotus-miner";

/// Lotus' groups of commands.
const GROUPS: Groups = &[
    ("CHAIN", &["actor", "info"]),
    ("DEVELOPER", &["auth", "log", "wait-api", "fetch-params"]),
    (
        "MARKET",
        &["storage-deals", "retrieval-deals", "data-transfers"],
    ),
    ("NETWORK", &["net"]),
    ("RETRIEVAL", &["pieces"]),
    ("STORAGE", &["sectors", "proving", "storage", "sealing"]),
];

/// Filecoin decentralized storage network miner
#[derive(Debug, clap::Parser)]
#[command(name = "lotus-miner", version)]
pub struct LotusMiner {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Flags that stand before the command.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Globals {
    /// specify other actor to query / manipulate
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) actor: Option<Address>,
    #[command(flatten)]
    colour: Colour,
    /// Repo of the daemon; LOTUS_PATH or ~/.lotus when it is not given
    #[arg(long, global = true, hide = true, value_name = "PATH")]
    pub(crate) repo: Option<String>,
    /// Repo of the miner; LOTUS_MINER_PATH (formerly LOTUS_STORAGE_PATH) or ~/.lotusminer when it is
    /// not given
    #[arg(long, alias = "storagerepo", global = true, value_name = "PATH")]
    pub(crate) miner_repo: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Init(Box<init::Init>),
    Run(Box<run::Run>),
    /// Manage node config
    #[command(subcommand)]
    Config(config::Config),
    /// Stop a running lotus miner
    Stop,
    /// Print version
    Version,
    /// manipulate the miner actor
    #[command(subcommand)]
    Actor(actor::Actor),
    Info(info::Info),
    /// Manage RPC permissions
    #[command(subcommand)]
    Auth(auth::Auth),
    /// Manage logging
    #[command(subcommand)]
    Log(log::Log),
    WaitApi(wait::WaitApi),
    FetchParams(FetchParams),
    /// Manage storage deals and related configuration
    #[command(subcommand)]
    StorageDeals(storage_deals::StorageDeals),
    /// Manage retrieval deals and related configuration
    #[command(subcommand)]
    RetrievalDeals(retrieval_deals::RetrievalDeals),
    /// Manage data transfers
    #[command(subcommand)]
    DataTransfers(DataTransfers),
    /// Manage P2P Network
    #[command(subcommand)]
    Net(net::Net),
    /// interact with the piecestore
    #[command(subcommand)]
    Pieces(pieces::Pieces),
    /// interact with sector store
    #[command(subcommand)]
    Sectors(sectors::Sectors),
    /// View proving information
    #[command(subcommand)]
    Proving(proving::Proving),
    /// manage sector storage
    #[command(subcommand)]
    Storage(storage::Storage),
    /// interact with sealing pipeline
    #[command(subcommand)]
    Sealing(sealing::Sealing),
    #[command(flatten)]
    ForShell(ForShell),
}

#[derive(Debug, clap::Subcommand)]
enum DataTransfers {
    /// List ongoing data transfers for this miner
    List(Transfers),
}

/// What every command is given: the APIs it may need, each connected to on first use.
struct Context {
    globals: Globals,
    /// Colours of the output; a command's own `--color` may decide otherwise.
    paint: Paint,
    miner: OnceCell<Connected<dyn StorageMiner>>,
    node: OnceCell<Connected<dyn FullNode>>,
}

impl Context {
    fn new(globals: Globals) -> Self {
        Self {
            paint: globals.colour.paint(Paint::of_terminal()),
            globals,
            miner: OnceCell::new(),
            node: OnceCell::new(),
        }
    }

    /// The miner, and where it is.
    async fn connected(&self) -> anyhow::Result<&Connected<dyn StorageMiner>> {
        let repo = self.globals.miner_repo.as_deref();
        self.miner
            .get_or_try_init(|| Box::pin(connect::storage_miner(repo)))
            .await
    }

    /// The miner.
    async fn miner(&self) -> anyhow::Result<&dyn StorageMiner> {
        Ok(&*self.connected().await?.api)
    }

    /// The daemon.
    async fn node(&self) -> anyhow::Result<&dyn FullNode> {
        let repo = self.globals.repo.as_deref();
        let node = self
            .node
            .get_or_try_init(|| Box::pin(connect::full_node(repo)))
            .await?;
        Ok(&*node.api)
    }

    /// The miner's actor: `--actor`, or that of the running miner.
    async fn actor(&self) -> anyhow::Result<Address> {
        match self.globals.actor {
            Some(actor) => Ok(actor),
            None => Ok(self.miner().await?.actor_address().await?),
        }
    }
}

impl LotusMiner {
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
        let Self { globals, command } = self;
        match command {
            Command::Init(command) => command.run(&globals, out)?,
            Command::Run(command) => command.run(&globals, out)?,
            Command::Config(command) => {
                let env = |name: &str| std::env::var(name).ok();
                let repo = globals.miner_repo.as_deref();
                command.run(RepoKind::StorageMiner, repo, env, out)?;
            }
            Command::FetchParams(command) => command.run(out)?,
            Command::ForShell(command) => command.run(help::command::<Self>(GROUPS), out)?,
            command => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                let context = Context::new(globals);
                runtime.block_on(Box::pin(command.ask(&context, out)))?;
            }
        }
        Ok(true)
    }
}

impl Command {
    /// Runs a command that talks to the miner or the daemon.
    async fn ask(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            // These need no API and are run before one is looked for.
            Self::Init(_)
            | Self::Run(_)
            | Self::Config(_)
            | Self::FetchParams(_)
            | Self::ForShell(_) => Ok(()),
            Self::Stop => Ok(context.miner().await?.shutdown().await?),
            Self::Version => match context.miner().await {
                Ok(miner) => version::run(miner, NAME, out).await,
                Err(error) => {
                    version::write_local(NAME, out)?;
                    Err(error)
                }
            },
            Self::Actor(command) => Box::pin(command.run(context, out)).await,
            Self::Info(command) => Box::pin(command.run(context, out)).await,
            Self::Auth(command) => {
                let kind = RepoKind::StorageMiner;
                match context.connected().await {
                    Ok(miner) => command.run(miner, kind.api_info_env(), out).await,
                    Err(error) => {
                        let repo = context.globals.miner_repo.as_deref();
                        command.run_offline(kind, repo, error, out)
                    }
                }
            }
            Self::Log(command) => command.run(context.miner().await?, out).await,
            Self::WaitApi(command) => {
                let repo = context.globals.miner_repo.as_deref();
                Box::pin(command.run("miner", || connect::storage_miner(repo))).await
            }
            Self::Net(command) => {
                let chain = if command.needs_chain() {
                    Some(context.node().await?)
                } else {
                    None
                };
                let miner = context.miner().await?;
                Box::pin(command.run(miner, chain, context.paint, out)).await
            }
            Self::StorageDeals(command) => Box::pin(command.run(context, out)).await,
            Self::RetrievalDeals(command) => command.run(context.miner().await?, out).await,
            Self::DataTransfers(DataTransfers::List(transfers)) => {
                let miner = context.miner().await?;
                let listed = miner.market_list_data_transfers().await?;
                let updates = if transfers.watches() {
                    Some(miner.market_data_transfer_updates().await?)
                } else {
                    None
                };
                transfers.show(listed, updates, context.paint, out).await
            }
            Self::Pieces(command) => command.run(context.miner().await?, out).await,
            Self::Sectors(command) => Box::pin(command.run(context, out)).await,
            Self::Proving(command) => Box::pin(command.run(context, out)).await,
            Self::Storage(command) => Box::pin(command.run(context, out)).await,
            Self::Sealing(command) => command.run(context, out).await,
        }
    }
}

#[cfg(test)]
mod tests;
