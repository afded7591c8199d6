//! `lotus daemon`: runs a full node.
//!
//! # Invariants
//! - Whatever the node needs is looked for before anything is written or listened on: the network's
//!   description, the repo's lock, verifying keys, the actor bundle, the genesis. What is missing is
//!   named together with the command that makes it.
//! - The files `api` and `token` are there only while the API answers.
//!
//! # Lotus parity
//! Flags, files and environment of `lotus daemon`. The network is not compiled in: `--network FILE`,
//! `LOTUS_NETWORK`, or `network.toml` in the repo, where the first start leaves a copy.

mod parts;

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use lotus_blockstore::{DiskDatabase, DiskOptions, SharedBlockstore, car::CarReader};
use lotus_net::{HostKey, NetConfig};
use lotus_node::{
    ClientPlace, FullNodeConfig, RepoKeys, RunningNode, Stores, config as node_config,
};
use lotus_proofs::FilecoinVerifier;
use lotus_rpc::{JwtSecret, Server, Verifier};
use lotus_rpc_api::{Permission, full};
use lotus_runtime::{
    config::FullNodeConfig as Settings,
    limits, logging,
    metrics::Metrics,
    repo::{LockedRepo, Repo, RepoKind},
    supervisor::{Supervisor, Tasks},
};
use lotus_vm::FilecoinVm;

use self::parts::{Chosen, GenesisFrom};
use crate::process;

/// How long services may take to wind down.
const WIND_DOWN: Duration = Duration::from_secs(15);

/// Start a lotus daemon process
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Daemon {
    #[command(subcommand)]
    command: Option<DaemonCommand>,
    /// Port of the API on 127.0.0.1, or a multiaddr to listen on; default: [API] ListenAddress of the
    /// configuration, port 1234
    #[arg(long, value_name = "PORT|MULTIADDR")]
    api: Option<String>,
    /// Description of the network; LOTUS_NETWORK or the repo's network.toml when it is not given
    #[arg(long, value_name = "FILE", env = "LOTUS_NETWORK")]
    network: Option<PathBuf>,
    /// Actor bundle (CAR); default: by the network's description or the genesis in the bundle folder
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Make a genesis from --genesis-template, start from it, and write it to this file
    #[arg(long, hide = true, value_name = "FILE", requires = "genesis_template")]
    lotus_make_genesis: Option<PathBuf>,
    /// Template of the genesis that is made
    #[arg(long, hide = true, value_name = "FILE")]
    genesis_template: Option<PathBuf>,
    /// On the first start, import a key from this file and make it the default
    #[arg(long, hide = true, value_name = "FILE")]
    import_key: Option<PathBuf>,
    /// Genesis file to use for the first start
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Connect to the network's bootstrap peers
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
        default_missing_value = "true")]
    bootstrap: bool,
    /// On the first start, load the chain from this file and execute it
    #[arg(long, value_name = "FILE", conflicts_with = "import_snapshot")]
    import_chain: Option<PathBuf>,
    /// Import chain state from a file whose states are trusted
    #[arg(long, value_name = "FILE")]
    import_snapshot: Option<PathBuf>,
    /// Halt the process after importing the chain
    #[arg(long)]
    halt_after_import: bool,
    /// Raise the limit on open files
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
        default_missing_value = "true")]
    manage_fdlimit: bool,
    /// Where storage providers fetch the data of deals; default: a port of this machine only
    #[arg(long, value_name = "IP:PORT", env = "LOTUS_DEAL_DATA_LISTEN")]
    deal_data_listen: Option<SocketAddr>,
    /// URL of that listener as providers see it, when it is not the listener's own address
    #[arg(long, value_name = "URL", env = "LOTUS_DEAL_DATA_URL")]
    deal_data_url: Option<String>,
    /// Largest request that the API takes, in bytes
    #[arg(long, value_name = "BYTES")]
    api_max_req_size: Option<usize>,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum DaemonCommand {
    /// Stop a running lotus daemon
    Stop,
}

impl Daemon {
    /// Is it the daemon itself that is to run, not a command to a running one?
    pub(super) fn is_start(&self) -> bool {
        self.command.is_none()
    }

    /// Runs a daemon until it is stopped. Must be called before the process has a second thread.
    ///
    /// # Errors
    /// When it cannot start, or ends because something in it failed.
    pub(super) fn start(&self, repo: Option<&str>, out: &mut impl Write) -> anyhow::Result<bool> {
        process::use_local_parameters()?;
        process::block_on(Box::pin(self.run(repo, out)))
    }

    async fn run(&self, repo: Option<&str>, out: &mut impl Write) -> anyhow::Result<bool> {
        let env = |name: &str| std::env::var(name).ok();
        let repo = Repo::locate(RepoKind::FullNode, repo, env)?;
        let network = process::find_network(self.network.as_deref(), &repo)?;
        lotus_types::address::set_mainnet_prefix(network.mainnet_addresses);
        repo.init()?;
        let config = repo.config(env)?;
        let log = logging::init(&config.log_levels(), env)?;
        let config: Settings = config.view()?;
        if self.manage_fdlimit {
            limits::raise_file_limit();
        }
        let locked = Arc::new(repo.lock()?);
        process::check_verifying_keys(&network)?;
        process::keep_network(&repo, &network)?;

        let stores = open_stores(&locked)?;
        let vm = Arc::new(FilecoinVm::new());
        let chosen = parts::choose(
            &vm,
            &stores,
            network,
            self.bundle.as_deref(),
            self.source()?,
        )?;
        let node_config = self.node_config(&chosen, &stores, &vm, &locked, &config, log)?;
        self.import(&node_config)?;
        self.import_wallet_key(&node_config)?;
        if self.halt_after_import {
            writeln!(out, "Chain import complete, halting as requested...")?;
            return Ok(true);
        }
        let jwt = node_config.jwt.clone();
        let supervisor = Supervisor::new(WIND_DOWN);
        let tasks = supervisor.tasks();
        let metrics = Metrics::new(&node_config::version());
        parts::warm_up(vm, &chosen, &stores);
        let node = lotus_node::start_full_node(node_config, &tasks, &metrics).await?;
        self.serve(&node, &tasks, &locked, &config, jwt).await?;
        let outcome = supervisor.run().await?;
        drop(node);
        drop(locked);
        if outcome.reason.is_orderly() {
            return Ok(true);
        }
        Err(anyhow!("{}", outcome.reason))
    }

    fn source(&self) -> anyhow::Result<GenesisFrom<'_>> {
        Ok(
            match (
                &self.lotus_make_genesis,
                &self.genesis_template,
                &self.genesis,
            ) {
                (Some(out), Some(template), None) => GenesisFrom::Template { template, out },
                (None, None, Some(path)) => GenesisFrom::File(path),
                (None, None, None) => {
                    match self.import_chain.as_ref().or(self.import_snapshot.as_ref()) {
                        Some(path) => GenesisFrom::Import(path),
                        None => GenesisFrom::Repo,
                    }
                }
                _ => bail!("--genesis and --lotus-make-genesis exclude each other"),
            },
        )
    }

    fn node_config(
        &self,
        chosen: &Chosen,
        stores: &Stores,
        vm: &Arc<FilecoinVm>,
        repo: &Arc<LockedRepo>,
        config: &Settings,
        log: logging::LogHandle,
    ) -> anyhow::Result<FullNodeConfig> {
        let network = Arc::clone(&chosen.network);
        let clock = node_config::system_clock();
        let beacons =
            lotus_beacon::schedule(&network, chosen.genesis.timestamp, Arc::clone(&clock))?;
        let mut net = NetConfig::new(network.name.clone(), node_config::agent());
        net.listen = process::tcp_only(&config.libp2p.listen_addresses);
        if self.bootstrap {
            net.bootstrap.clone_from(&network.bootstrap_peers);
        }
        Ok(FullNodeConfig {
            republish_interval: node_config::republish_interval(&network),
            client: Some(ClientPlace {
                folder: repo.path().to_owned(),
                listen: self.deal_data_listen,
                announce: self.deal_data_url.clone(),
            }),
            default_max_fee: config.fees.default_max_fee.0.clone(),
            bootstrap_threshold: if self.bootstrap && !network.bootstrap_peers.is_empty() {
                network.bootstrap_peer_threshold
            } else {
                0
            },
            network,
            stores: stores.clone(),
            vm: Arc::clone(vm) as _,
            verifier: Arc::new(FilecoinVerifier::new()),
            beacons,
            clock,
            keys: Arc::new(RepoKeys::new(Arc::clone(repo))),
            host_key: HostKey::kept_in(repo.keystore())?,
            net,
            jwt: JwtSecret::from_bytes(&repo.jwt_secret()?)?,
            log: Some(log),
            actors_manifest: Some(chosen.manifest),
        })
    }

    fn import(&self, config: &FullNodeConfig) -> anyhow::Result<()> {
        let (path, trusted) = match (&self.import_chain, &self.import_snapshot) {
            (Some(path), _) => (path, false),
            (None, Some(path)) => (path, true),
            (None, None) => return Ok(()),
        };
        let chain = lotus_node::genesis::open_chain(&config.stores)?;
        let car = CarReader::open(path)?;
        let imported = chain
            .import(car, |_| std::ops::ControlFlow::Continue(()))
            .with_context(|| format!("importing {}", path.display()))?;
        if !trusted {
            parts::execute(
                &lotus_node::start::states(config, &chain),
                &chain,
                &imported.head,
            )?;
        }
        chain.set_head(&imported.head)?;
        Ok(())
    }

    fn import_wallet_key(&self, config: &FullNodeConfig) -> anyhow::Result<()> {
        let Some(path) = &self.import_key else {
            return Ok(());
        };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let key = lotus_crypto::parse_exported_key(text.trim())
            .with_context(|| format!("{} is not an exported key", path.display()))?;
        let wallet = lotus_wallet::Wallet::new(Arc::clone(&config.keys));
        match wallet.import(&key) {
            Ok(address) => wallet.set_default(address)?,
            // A second start with the same flag.
            Err(lotus_wallet::WalletError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Puts the API up, and says so in the repo.
    async fn serve(
        &self,
        node: &RunningNode,
        tasks: &Tasks,
        repo: &LockedRepo,
        config: &Settings,
        jwt: JwtSecret,
    ) -> anyhow::Result<()> {
        let wanted = self.api.as_deref().unwrap_or(&config.api.listen_address);
        let address = process::listen_address(wanted)?;
        let mut limits = lotus_rpc::Limits::default();
        if let Some(bytes) = self.api_max_req_size.filter(|bytes| *bytes > 0) {
            limits.body = bytes;
        }
        let server = Server::new(Verifier::Secret(jwt.clone()))
            .limits(limits)
            .endpoint("/rpc/v1", full::dispatcher(&node.api))
            .endpoint("/rpc/v0", full::v0::dispatcher(&node.api));
        let bound = server
            .bind(address)
            .await
            .with_context(|| format!("the API cannot listen on {address}"))?;
        let address = bound.address();
        let stop = tasks.stop_token();
        tasks.critical("api", bound.serve(stop));
        repo.set_api_token(&jwt.token(&Permission::ALL)?)?;
        repo.set_api_endpoint(&process::api_multiaddr(address))?;
        tracing::info!(%address, "API is up");
        Ok(())
    }
}

fn open_stores(repo: &LockedRepo) -> anyhow::Result<Stores> {
    let folder: PathBuf = repo.folder("datastore")?;
    let database = DiskDatabase::open(Path::new(&folder), DiskOptions::default())?;
    Ok(Stores {
        blocks: SharedBlockstore::new(database.blocks("chain")?),
        metadata: Arc::new(database.metadata("metadata")?),
    })
}
