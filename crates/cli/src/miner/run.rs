//! `lotus-miner run`: the provider's process.
//!
//! # Invariants
//! - What the provider needs is looked for before anything is started: repo, actor, network, daemon,
//!   parameters. What is missing is named together with the command that makes it.
//! - The files `api` and `token` are there only while the API answers.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use lotus_net::{HostKey, NetConfig};
use lotus_networks::Network;
use lotus_rpc::{JwtSecret, Limits, Server, Verifier};
use lotus_rpc_api::{Permission, full::FullNode};
use lotus_runtime::{
    alerts::Alerts,
    clock::system_clock,
    config::MinerConfig as Settings,
    limits, logging,
    metrics::Metrics,
    repo::{LockedRepo, Repo, RepoKind},
    supervisor::{Supervisor, Tasks},
    version::{agent, version},
};
use lotus_sealer::{
    layout::{StorageConfig, read_json},
    resources,
};
use lotus_storage_node::{
    Databases, MARKET_FOLDER, RunningMarket, RunningStorageNode, StorageNodeConfig, api, remote,
    start_market, start_storage_node,
};
use tokio::net::TcpListener;

use super::{Globals, init};
use crate::{common::alerts, connect, process, proofs};

/// How long services may take to wind down.
const WIND_DOWN: Duration = Duration::from_secs(15);
/// How long the daemon may take to come up.
const DAEMON_LIMIT: Duration = Duration::from_secs(60);

/// Start a lotus miner process
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// Port of the API on 127.0.0.1, or a multiaddr to listen on; default: [API] ListenAddress of the
    /// configuration, port 2345
    #[arg(long, value_name = "PORT|MULTIADDR")]
    miner_api: Option<String>,
    /// Taken for the sake of scripts: proofs are made without GPU
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
        default_missing_value = "true")]
    enable_gpu_proving: bool,
    /// don't check full-node sync status
    #[arg(long)]
    nosync: bool,
    /// manage open file limit
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
        default_missing_value = "true")]
    manage_fdlimit: bool,
    /// Description of the network; LOTUS_NETWORK or the repo's network.toml when it is not given
    #[arg(long, value_name = "FILE", env = "LOTUS_NETWORK")]
    network: Option<PathBuf>,
}

impl Run {
    /// Runs a miner until it is stopped. Must be called before the process has a second thread.
    pub(super) fn run(self, globals: &Globals, _out: &mut dyn Write) -> anyhow::Result<()> {
        process::use_local_parameters()?;
        process::block_on(Box::pin(self.serve(globals)))
    }

    async fn serve(self, globals: &Globals) -> anyhow::Result<()> {
        let env = |name: &str| std::env::var(name).ok();
        let repo = Repo::locate(RepoKind::StorageMiner, globals.miner_repo.as_deref(), env)?;
        let locked = repo.lock()?;
        let network = process::find_network(self.network.as_deref(), &repo)?;
        lotus_types::address::set_mainnet_prefix(network.mainnet_addresses);
        let config = repo.config(env)?;
        let log = logging::init(&config.log_levels(), env)?;
        let unused = config.unused();
        if !unused.is_empty() {
            tracing::warn!(keys = ?unused, "settings that this suite does not use yet");
        }
        let settings: Settings = config.view()?;
        if self.manage_fdlimit {
            limits::raise_file_limit(env);
        }
        let wanted_files = limits::COMFORTABLE_FOR_A_MINER;
        let (alerts, watch) = alerts::begin(locked.path(), env, wanted_files);
        if self.enable_gpu_proving {
            tracing::debug!("proofs are made without GPU");
        }
        proofs::prepare(&network)?;
        process::keep_network(&repo, &network)?;
        let node = self.find_node(globals, &network).await?;

        let wanted = self.miner_api.as_deref();
        let wanted = wanted.unwrap_or(&settings.api.listen_address);
        let listener = listen(wanted).await?;
        let address = listener.local_addr()?;
        let jwt = JwtSecret::from_bytes(&locked.jwt_secret()?)?;
        let url = reachable_at(&settings.api, address);
        let deals = settings.subsystems.enable_markets.then(|| settings.clone());
        let node_config = node_config(&locked, node, network.clone(), settings, &jwt, url)?;

        let supervisor = Supervisor::new(WIND_DOWN);
        let tasks = supervisor.tasks();
        tasks.background("process watch", watch.run(tasks.stop_token()));
        let metrics = Metrics::new(&version());
        let running = start_storage_node(
            StorageNodeConfig {
                log: Some(log),
                alerts,
                ..node_config
            },
            &tasks,
            &metrics,
        );
        let running = Box::pin(running).await?;
        let market = match deals {
            Some(settings) => {
                let folder = locked.folder(MARKET_FOLDER)?;
                Some(Box::pin(start_market(&running, &settings, &network, &folder, &tasks)).await?)
            }
            None => None,
        };
        let limits = Limits::from_environment(|name| std::env::var(name).ok())?;
        let routes = lotus_rpc::metrics_routes(metrics.clone());
        let server = Server::new(Verifier::Secret(jwt.clone()))
            .limits(limits)
            .merge(routes);
        serve_api(server, &running, market, &tasks, listener, &jwt);
        locked.set_api_token(&jwt.token(&Permission::ALL)?)?;
        locked.set_api_endpoint(&process::api_multiaddr(address))?;
        tracing::info!(%address, actor = %running.api.miner(), "miner is up");

        let outcome = supervisor.run().await?;
        drop(running);
        drop(locked);
        if outcome.reason.is_orderly() {
            return Ok(());
        }
        Err(anyhow!("{}", outcome.reason))
    }

    /// The daemon, which may be on its way up itself.
    async fn find_node(
        &self,
        globals: &Globals,
        network: &Network,
    ) -> anyhow::Result<Arc<dyn FullNode>> {
        let repo = globals.repo.as_deref();
        let node = process::once_up(DAEMON_LIMIT, || async {
            let node = connect::full_node(repo).await?.api;
            let name = node.state_network_name().await?;
            Ok((node, name))
        });
        let (node, name) = node.await?;
        anyhow::ensure!(
            name == network.name,
            "the daemon is on the network {name:?}, this miner's network.toml is of {:?}",
            network.name
        );
        proofs::expect_same_actors(&*node, network).await?;
        if !self.nosync {
            process::wait_synced(&*node, network).await?;
        }
        Ok(node)
    }
}

async fn listen(wanted: &str) -> anyhow::Result<TcpListener> {
    let address = process::listen_address(wanted)?;
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("the API cannot listen on {address}"))
}

/// Under which workers reach this process: `[API] RemoteListenAddress`, unless that is the default and
/// the API listens elsewhere.
fn reachable_at(settings: &lotus_runtime::config::ApiConfig, bound: SocketAddr) -> String {
    let configured = &settings.remote_listen_address;
    let is_default = configured == "127.0.0.1:2345";
    if is_default && !bound.ip().is_unspecified() {
        return format!("http://{bound}");
    }
    if is_default {
        return format!("http://127.0.0.1:{}", bound.port());
    }
    format!("http://{configured}")
}

fn node_config(
    repo: &LockedRepo,
    node: Arc<dyn FullNode>,
    network: Network,
    settings: Settings,
    jwt: &JwtSecret,
    url: String,
) -> anyhow::Result<StorageNodeConfig> {
    let actor = init::actor_of(repo.repo())?;
    let miner = actor
        .id()
        .with_context(|| format!("{actor} is no ID address"))?;
    let storage_file = repo.path().join(init::STORAGE_FILE);
    let mut net = NetConfig::new(network.name.clone(), agent());
    let (prover, verifier) = (proofs::prover(&network), proofs::verifier(&network));
    net.listen = process::tcp_only(&settings.libp2p.listen_addresses);
    net.connections.configure(&settings.libp2p);
    net.rules = Some(repo.path().join(process::BLOCKED_FILE));
    Ok(StorageNodeConfig {
        miner,
        network: Arc::new(network),
        node,
        databases: Databases::open(&repo.folder(init::DATABASES)?)?,
        storage_paths: storage_paths(&storage_file)?,
        storage_file: Some(storage_file),
        prover,
        verifier: Some(verifier),
        resources: resources::table(|name| std::env::var(name).ok())?,
        clock: system_clock(),
        host_key: HostKey::kept_in(repo.keystore())?,
        net,
        jwt: jwt.clone(),
        log: None,
        alerts: Alerts::default(),
        url,
        settings,
    })
}

fn storage_paths(file: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let config: StorageConfig =
        read_json(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(config.storage_paths.into_iter().map(|p| p.path).collect())
}

/// Puts the API up, with the files of sectors and the data of callers beside it.
fn serve_api(
    server: Server,
    running: &RunningStorageNode,
    market: Option<RunningMarket>,
    tasks: &Tasks,
    listener: TcpListener,
    jwt: &JwtSecret,
) {
    let verifier = Verifier::Secret(jwt.clone());
    let (deals, gateway) = market
        .map(|m| (Arc::new(m.provider) as _, m.gateway))
        .unzip();
    let mut server = server
        .endpoint("/rpc/v0", api::dispatcher(&running.api, deals))
        .push_streams(running.streams.clone())
        .merge(remote::routes(Arc::clone(&running.store), verifier));
    if let Some(gateway) = gateway {
        server = server.merge(gateway);
    }
    tasks.critical("api", server.serve(listener, tasks.stop_token()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(remote: &str) -> lotus_runtime::config::ApiConfig {
        lotus_runtime::config::ApiConfig {
            listen_address: String::new(),
            remote_listen_address: remote.to_owned(),
            timeout: lotus_runtime::config::GoDuration::default(),
        }
    }

    #[test]
    fn workers_are_told_the_port_that_the_api_really_has() {
        let url = |remote: &str, bound: &str| {
            reachable_at(&settings(remote), bound.parse().expect("an address"))
        };
        let default = "127.0.0.1:2345";
        assert_eq!(url(default, "127.0.0.1:4444"), "http://127.0.0.1:4444");
        assert_eq!(url(default, "0.0.0.0:4444"), "http://127.0.0.1:4444");
        assert_eq!(url("10.0.0.7:2345", "0.0.0.0:2345"), "http://10.0.0.7:2345");
    }
}
