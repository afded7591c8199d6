//! `lotus daemon`: runs a full node.
//!
//! # Invariants
//! - Whatever the node needs is looked for before anything is written or listened on: the network's
//!   description, the repo's lock, verifying keys, the actor bundle, the genesis. What is missing is
//!   named together with the command that makes it.
//! - The files `api` and `token` are there only while the API answers.
//! - A first start that fails leaves no chain behind, a later one that fails leaves the chain as it was.
//! - Nothing that takes long (compiling the actors, executing the head) stands before the API.
//!
//! # Lotus parity
//! Flags, files and environment of `lotus daemon`. The network is not compiled in: `--network FILE`,
//! `LOTUS_NETWORK`, or `network.toml` in the repo, where the first start leaves a copy.

mod parts;
mod restore;
mod store;

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use lotus_net::{HostKey, NetConfig};
use lotus_networks::Network;
use lotus_node::{
    BackupPlace, ClientPlace, FullNodeConfig, NodeHealth, RunningNode, Stores, Wallets,
    config as node_config, import,
};
use lotus_rpc::{JwtSecret, Limits, Server, Verifier};
use lotus_rpc_api::{Permission, full};
use lotus_runtime::{
    alerts::Alerts,
    backup,
    config::{Config, FullNodeConfig as Settings, Schema},
    limits, logging,
    metrics::Metrics,
    repo::{LockedRepo, Repo, RepoKind},
    supervisor::{Supervisor, Tasks},
};
use lotus_vm::FilecoinVm;

pub(super) use self::store::Datastore;
use self::{
    parts::{Chosen, GenesisFrom},
    restore::Restoration,
};
use crate::{common::alerts, keystore, process, proofs, signals::EarlySignals};

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
    /// On the first start, load the chain from this file and validate every block of it
    #[arg(long, value_name = "FILE", conflicts_with = "import_snapshot")]
    import_chain: Option<PathBuf>,
    /// Import chain state from a file whose states are trusted
    #[arg(long, value_name = "FILE")]
    import_snapshot: Option<PathBuf>,
    /// Restore from backup file: only into a new repo; the chain begins with --genesis or --import-snapshot
    #[arg(long, value_name = "FILE")]
    restore: Option<PathBuf>,
    /// Config file to use when restoring from backup
    #[arg(long, value_name = "FILE", requires = "restore")]
    restore_config: Option<PathBuf>,
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
    /// Configuration to use in place of the repo's config.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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

    /// The repo's configuration, or that of the file which is named in its place.
    fn configuration(
        &self,
        repo: &Repo,
        env: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Config> {
        let Some(file) = &self.config else {
            return Ok(repo.config(env)?);
        };
        // The repo's own may be missing, one that is asked for may not.
        std::fs::metadata(file).with_context(|| format!("reading {}", file.display()))?;
        Ok(Config::load(Schema::FULL_NODE, file, env)?)
    }

    async fn run(&self, repo: Option<&str>, out: &mut impl Write) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let env = |name: &str| std::env::var(name).ok();
        let repo = Repo::locate(RepoKind::FullNode, repo, env)?;
        let network = process::find_network(self.network.as_deref(), &repo)?;
        lotus_types::address::set_mainnet_prefix(network.mainnet_addresses);
        let restoration = self.restoration(&repo)?;
        repo.init()?;
        let locked = Arc::new(repo.lock()?);
        if let Some(restoration) = &restoration {
            restoration.put_config(&locked)?;
        }
        let config = self.configuration(&repo, env)?;
        let log = logging::init(&config.log_levels(), env)?;
        let config: Settings = config.view()?;
        if self.manage_fdlimit {
            limits::raise_file_limit(env);
        }
        let (alerts, watch) = alerts::begin(locked.path(), env, limits::COMFORTABLE);
        proofs::prepare(&network)?;
        let datastore = Datastore::open(&locked, restoration.as_ref())?;
        let vm = Arc::new(FilecoinVm::from_environment());
        let prepared = self.prepare(network, &datastore.stores, &vm, &locked, &config, log);
        let prepared = prepared.and_then(|prepared| {
            let restored = restoration.as_ref();
            restored.map_or(Ok(()), |restored| restored.check(&datastore.stores))?;
            Ok(prepared)
        });
        let (mut node_config, chosen) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                datastore.abandon();
                return Err(error);
            }
        };
        // Not before the repo's chain was found to be this network's.
        process::keep_network(&repo, &node_config.network)?;
        if self.halt_after_import {
            writeln!(out, "Chain import complete, halting as requested...")?;
            return Ok(true);
        }
        node_config.wallets = keystore::wallets(&config.wallet).await?;
        node_config.alerts = alerts;
        let jwt = node_config.jwt.clone();
        let early = EarlySignals::catch()?;
        let supervisor = Supervisor::new(WIND_DOWN);
        let tasks = supervisor.tasks();
        let metrics = Metrics::new(&node_config::version());
        datastore.watch(&tasks);
        tasks.background("process watch", watch.run(tasks.stop_token()));
        let node = lotus_node::start_full_node(node_config, &tasks, &metrics).await?;
        let address = self
            .serve(&node, &tasks, &metrics, &locked, &config, jwt)
            .await?;
        tracing::info!(%address, after = ?begun.elapsed(), "API is up");
        // Compiling takes every core there is: after the API.
        parts::warm_up(vm, &chosen, &datastore.stores);
        let outcome = early.supervise(supervisor).await;
        locked.clear_api_endpoint();
        let outcome = outcome?;
        drop(node);
        drop(locked);
        if outcome.reason.is_orderly() {
            return Ok(true);
        }
        Err(anyhow!("{}", outcome.reason))
    }

    /// Brings genesis, actors, an imported chain and an imported key into place.
    fn prepare(
        &self,
        network: Network,
        stores: &Stores,
        vm: &Arc<FilecoinVm>,
        repo: &Arc<LockedRepo>,
        config: &Settings,
        log: logging::LogHandle,
    ) -> anyhow::Result<(FullNodeConfig, Chosen)> {
        let bundle = self.bundle.as_deref();
        let chosen = parts::choose(vm, stores, network, bundle, self.source()?)?;
        let node_config = self.node_config(&chosen, stores, vm, repo, config, log)?;
        self.import(&node_config, &chosen)?;
        self.import_wallet_key(&node_config)?;
        Ok((node_config, chosen))
    }

    /// What is to be restored, read before anything is written.
    fn restoration(&self, repo: &Repo) -> anyhow::Result<Option<Restoration>> {
        let config = self.restore_config.as_deref();
        let read = |path: &PathBuf| Restoration::read(path, config, repo);
        self.restore.as_ref().map(read).transpose()
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
                (None, None, None) => self
                    .import_file()
                    .map_or(GenesisFrom::Repo, GenesisFrom::Import),
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
        let verifier = proofs::verifier(&network);
        let clock = node_config::system_clock();
        let beacons =
            lotus_beacon::schedule(&network, chosen.genesis.timestamp, Arc::clone(&clock))?;
        let mut net = NetConfig::new(network.name.clone(), node_config::agent());
        net.listen = process::tcp_only(&config.libp2p.listen_addresses);
        net.connections.configure(&config.libp2p);
        net.rules = Some(repo.path().join(process::BLOCKED_FILE));
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
            alerts: Alerts::default(),
            backup: BackupPlace {
                repo: Some(repo.path().to_owned()),
                base: std::env::var_os(backup::BASE_ENV)
                    .filter(|base| !base.is_empty())
                    .map(PathBuf::from),
            },
            read_only: false,
            default_max_fee: config.fees.default_max_fee.0.clone(),
            bootstrap_threshold: if self.bootstrap && !network.bootstrap_peers.is_empty() {
                network.bootstrap_peer_threshold
            } else {
                0
            },
            network,
            stores: stores.clone(),
            vm: Arc::clone(vm) as _,
            verifier,
            beacons,
            clock,
            keys: keystore::open(repo)?,
            wallets: Wallets::default(),
            host_key: HostKey::kept_in(repo.keystore())?,
            net,
            jwt: JwtSecret::from_bytes(&repo.jwt_secret()?)?,
            log: Some(log),
            actors_manifest: Some(chosen.manifest),
        })
    }

    /// The chain that is to be imported.
    fn import_file(&self) -> Option<&Path> {
        let file = self.import_chain.as_ref().or(self.import_snapshot.as_ref());
        file.map(PathBuf::as_path)
    }

    fn import(&self, config: &FullNodeConfig, chosen: &Chosen) -> anyhow::Result<()> {
        let Some(path) = self.import_file() else {
            return Ok(());
        };
        let importing = || format!("importing {}", path.display());
        let loaded = match &chosen.imported {
            Some(imported) => imported.clone(),
            None => parts::load(&config.stores, &config.network, path)?,
        };
        if self.import_snapshot.is_some() {
            return import::take(&config.stores, &loaded).with_context(importing);
        }
        let mut progress = parts::Progress::new(loaded.head.height());
        import::validate(config, &loaded, |height| progress.at(height)).with_context(importing)
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

    /// Puts the API up, and says so in the repo; gives where it listens.
    async fn serve(
        &self,
        node: &RunningNode,
        tasks: &Tasks,
        metrics: &Metrics,
        repo: &LockedRepo,
        config: &Settings,
        jwt: JwtSecret,
    ) -> anyhow::Result<SocketAddr> {
        let wanted = self.api.as_deref().unwrap_or(&config.api.listen_address);
        let address = process::listen_address(wanted)?;
        let mut limits = Limits::from_environment(|name| std::env::var(name).ok())?;
        if let Some(bytes) = self.api_max_req_size.filter(|bytes| *bytes > 0) {
            limits.body = bytes;
        }
        let verifier = Verifier::Secret(jwt.clone());
        let health = NodeHealth::watch(Arc::clone(&node.api), &node.chain, metrics, tasks);
        let api = Arc::clone(&node.api);
        let server = Server::new(verifier.clone())
            .limits(limits)
            .endpoint("/rpc/v1", full::dispatcher(&node.api))
            .endpoint("/rpc/v0", full::v0::dispatcher(&node.api))
            .merge(lotus_node::rest::routes(api, verifier, repo.path()))
            .merge(lotus_rpc::health_routes(Arc::new(health)))
            .merge(lotus_rpc::metrics_routes(metrics.clone()));
        let bound = server
            .bind(address)
            .await
            .with_context(|| format!("the API cannot listen on {address}"))?;
        let address = bound.address();
        let stop = tasks.stop_token();
        tasks.critical("api", bound.serve(stop));
        repo.set_api_token(&jwt.token(&Permission::ALL)?)?;
        repo.set_api_endpoint(&process::api_multiaddr(address))?;
        Ok(address)
    }
}
