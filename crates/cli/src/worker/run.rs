//! `lotus-worker run`: a sealing worker's process.
//!
//! # Lotus parity
//! Flags, environment and files of `lotus-worker run`. A limit on open files that stays low is a
//! warning, where Lotus refuses to start. PoSt workers are not supported yet. `--network` has no
//! counterpart: Lotus' worker has its network compiled in.

use std::{
    collections::BTreeSet,
    io::Write,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use lotus_ports::proofs::Prover;
use lotus_proofs::FilecoinProver;
use lotus_rpc::{ApiInfo, ClientOptions, HttpClient};
use lotus_rpc_api::{ApiClient, miner::StorageMiner, types::worker::TaskType};
use lotus_runtime::{
    clock::system_clock,
    limits, logging,
    repo::{LockedRepo, Repo, RepoKind},
    supervisor::Supervisor,
};
use lotus_sealer::{
    calls::CallStore,
    layout::{LocalPath, LocalStorageMeta, META_FILE, StorageConfig, read_json, write_json},
    resources,
};
use lotus_storage_node::{WorkerConfig, start_worker};
use tokio::net::TcpListener;

use super::Globals;
use crate::{connect, process, proofs};

/// How long services may take to wind down.
const WIND_DOWN: Duration = Duration::from_secs(15);
/// How long the miner may take to come up.
const MINER_LIMIT: Duration = Duration::from_secs(60);
/// The file with the storage paths.
const STORAGE_FILE: &str = "storage.json";

/// Start lotus worker
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// host address and port the worker api will listen on
    #[arg(long, default_value = "0.0.0.0:3456", env = "LOTUS_WORKER_LISTEN")]
    listen: String,
    /// address and port under which the miner reaches the worker; default: found by asking the miner
    #[arg(long, hide = true)]
    address: Option<String>,
    /// don't use storageminer repo for sector storage
    #[arg(long, env = "LOTUS_WORKER_NO_LOCAL_STORAGE")]
    no_local_storage: bool,
    /// custom worker name
    #[arg(long, env = "LOTUS_WORKER_NAME", default_value = "")]
    name: String,
    /// enable addpiece
    #[arg(long, env = "LOTUS_WORKER_ADDPIECE", num_args = 0..=1, default_missing_value = "true")]
    addpiece: Option<bool>,
    /// enable precommit1
    #[arg(long, env = "LOTUS_WORKER_PRECOMMIT1", num_args = 0..=1, default_missing_value = "true")]
    precommit1: Option<bool>,
    /// enable unsealing
    #[arg(long, env = "LOTUS_WORKER_UNSEAL", num_args = 0..=1, default_missing_value = "true")]
    unseal: Option<bool>,
    /// enable precommit2
    #[arg(long, env = "LOTUS_WORKER_PRECOMMIT2", num_args = 0..=1, default_missing_value = "true")]
    precommit2: Option<bool>,
    /// enable commit
    #[arg(long, env = "LOTUS_WORKER_COMMIT", num_args = 0..=1, default_missing_value = "true")]
    commit: Option<bool>,
    /// enable window post: not supported yet
    #[arg(long, env = "LOTUS_WORKER_WINDOWPOST")]
    windowpost: bool,
    /// enable winning post: not supported yet
    #[arg(long, env = "LOTUS_WORKER_WINNINGPOST")]
    winningpost: bool,
    /// disable all default compute tasks, use the worker for storage/fetching only
    #[arg(long, env = "LOTUS_WORKER_NO_DEFAULT")]
    no_default: bool,
    /// Description of the network; LOTUS_NETWORK or the repo's network.toml when it is not given.
    /// Without any, proofs are real
    #[arg(long, value_name = "FILE", env = "LOTUS_NETWORK")]
    network: Option<PathBuf>,
}

impl Run {
    /// Runs a worker until it is stopped. Must be called before the process has a second thread.
    pub(super) fn run(self, globals: &Globals, _out: &mut dyn Write) -> anyhow::Result<()> {
        process::use_local_parameters()?;
        process::block_on(Box::pin(self.serve(globals)))
    }

    async fn serve(self, globals: &Globals) -> anyhow::Result<()> {
        if self.windowpost || self.winningpost {
            bail!(
                "workers for WindowPoSt and WinningPoSt are not supported yet: the miner proves itself"
            );
        }
        let env = |name: &str| std::env::var(name).ok();
        let repo = Repo::locate(RepoKind::Worker, globals.worker_repo.as_deref(), env)?;
        repo.init()?;
        logging::init(&repo.config(env)?.log_levels(), env)?;
        limits::raise_file_limit(env);
        let locked = repo.lock()?;
        let prover = self.prover(&repo)?;
        let (info, miner) = find_miner(globals.miner_repo.as_deref()).await?;

        let address = listen_address(&self.listen)?;
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("the API cannot listen on {address}"))?;
        let bound = listener.local_addr()?;
        let url = match &self.address {
            Some(address) => format!("http://{address}"),
            None => format!("http://{}", routable(bound, &info).await?),
        };

        let supervisor = Supervisor::new(WIND_DOWN);
        let tasks = supervisor.tasks();
        let config = WorkerConfig {
            miner,
            token: info.token.clone().unwrap_or_default(),
            storage_paths: storage_paths(&locked, self.no_local_storage)?,
            prover,
            calls: CallStore::open(&repo.path().join("calls.db"))?,
            clock: system_clock(),
            tasks: self.tasks(),
            resources: resources::table(env)?,
            name: self.name.clone(),
            url: url.clone(),
        };
        let running = start_worker(config, &tasks).await?;
        let stop = tasks.stop_token();
        tasks.critical("api", running.server().serve(listener, stop.clone()));
        // Tokens are the miner's.
        locked.set_api_token(info.token.as_deref().unwrap_or_default())?;
        locked.set_api_endpoint(&process::api_multiaddr(local(bound)))?;
        tracing::info!(%bound, url, "worker is up");
        let meeting = running.clone();
        tasks.critical("miner", async move {
            stop.run_until_cancelled(meeting.stay_connected()).await;
            Ok::<_, std::io::Error>(())
        });

        let outcome = supervisor.run().await?;
        drop(running);
        drop(locked);
        if outcome.reason.is_orderly() {
            return Ok(());
        }
        Err(anyhow!("{}", outcome.reason))
    }

    /// Who seals here. Of the network a worker needs to know nothing else.
    fn prover(&self, repo: &Repo) -> anyhow::Result<Arc<dyn Prover>> {
        if self.network.is_none() && !repo.path().join(process::NETWORK_FILE).exists() {
            return Ok(Arc::new(FilecoinProver::new()));
        }
        let network = process::find_network(self.network.as_deref(), repo)?;
        process::keep_network(repo, &network)?;
        if network.proofs().are_mock() {
            proofs::warn_of_mock_proofs(&network);
        }
        Ok(proofs::prover(&network))
    }

    /// What this worker does: moving files always, the rest as the flags say.
    fn tasks(&self) -> BTreeSet<TaskType> {
        let mut tasks = BTreeSet::from([
            TaskType::FETCH,
            TaskType::COMMIT1,
            TaskType::FINALIZE,
            TaskType::FINALIZE_UNSEALED,
        ]);
        let chosen: [(Option<bool>, &[TaskType]); 5] = [
            (self.addpiece, &[TaskType::ADD_PIECE, TaskType::DATA_CID]),
            (self.precommit1, &[TaskType::PRE_COMMIT1]),
            (self.unseal, &[TaskType::UNSEAL]),
            (self.precommit2, &[TaskType::PRE_COMMIT2]),
            (self.commit, &[TaskType::COMMIT2]),
        ];
        for (flag, kinds) in chosen {
            if flag.unwrap_or(!self.no_default) {
                tasks.extend(kinds.iter().cloned());
            }
        }
        tasks
    }
}

/// The miner that `MINER_API_INFO` or its repo names. It is called over HTTP, each call by itself, so
/// that a miner that is started anew is found again.
async fn find_miner(repo: Option<&str>) -> anyhow::Result<(ApiInfo, Arc<dyn StorageMiner>)> {
    process::once_up(MINER_LIMIT, || async {
        let env = |name: &str| std::env::var(name).ok();
        let (info, _) = connect::find(RepoKind::StorageMiner, repo, env)?;
        let url = info.http_url("v0");
        let client = HttpClient::new(url.as_str(), info.token.clone(), ClientOptions::default())?;
        let miner: Arc<dyn StorageMiner> = Arc::new(ApiClient::new(Arc::new(client)));
        let actor = miner.actor_address().await;
        let actor =
            actor.with_context(|| format!("the miner at {} does not answer", info.host()))?;
        tracing::info!(miner = %actor, host = info.host(), "found the miner");
        Ok((info, miner))
    })
    .await
}

/// `host:port`.
fn listen_address(text: &str) -> anyhow::Result<SocketAddr> {
    text.parse()
        .with_context(|| format!("--listen {text:?} is no address and port such as 127.0.0.1:3456"))
}

/// Clients of this machine reach a server that listens everywhere here.
fn local(mut bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        bound.set_ip(match bound.ip() {
            IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    bound
}

/// Under which address the miner reaches this process: the one of this machine that reaches the miner.
async fn routable(bound: SocketAddr, miner: &ApiInfo) -> anyhow::Result<SocketAddr> {
    if !bound.ip().is_unspecified() {
        return Ok(bound);
    }
    let host = miner.host();
    let connected = tokio::time::timeout(MINER_LIMIT, tokio::net::TcpStream::connect(host.clone()));
    let connected = connected
        .await
        .with_context(|| format!("no connection to {host} within {MINER_LIMIT:?}"))?
        .with_context(|| format!("connecting to {host}"))?;
    Ok(SocketAddr::new(connected.local_addr()?.ip(), bound.port()))
}

/// The worker's storage paths; the first start makes the repo one.
fn storage_paths(repo: &LockedRepo, none: bool) -> anyhow::Result<Vec<PathBuf>> {
    let file = repo.path().join(STORAGE_FILE);
    if !file.exists() {
        let mut config = StorageConfig::default();
        if !none {
            let path = std::path::absolute(repo.path())?;
            make_path(&path)?;
            config.storage_paths.push(LocalPath { path });
        }
        write_json(&file, &config).with_context(|| format!("writing {}", file.display()))?;
    }
    let config: StorageConfig =
        read_json(&file).with_context(|| format!("reading {}", file.display()))?;
    Ok(config.storage_paths.into_iter().map(|p| p.path).collect())
}

fn make_path(path: &Path) -> anyhow::Result<()> {
    let file = path.join(META_FILE);
    if file.exists() {
        return Ok(());
    }
    write_json(&file, &LocalStorageMeta::new(10, true, false))
        .with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Called {
        #[command(flatten)]
        run: Run,
    }

    fn tasks(args: &[&str]) -> BTreeSet<TaskType> {
        let called = Called::parse_from([&["run"], args].concat());
        called.run.tasks()
    }

    #[test]
    fn a_worker_does_everything_unless_it_is_told_otherwise() {
        assert!(tasks(&[]).contains(&TaskType::COMMIT2));
        let without = tasks(&["--commit=false"]);
        assert!(!without.contains(&TaskType::COMMIT2) && without.contains(&TaskType::PRE_COMMIT2));
        let only = tasks(&["--no-default", "--precommit1"]);
        assert!(only.contains(&TaskType::PRE_COMMIT1) && only.contains(&TaskType::FETCH));
        assert!(!only.contains(&TaskType::PRE_COMMIT2));
    }

    #[test]
    fn the_repo_of_a_first_start_becomes_a_path_for_sealing() {
        let dir = tempfile::tempdir().expect("folder");
        let repo = Repo::at(dir.path(), RepoKind::Worker);
        repo.init().expect("made");
        let locked = repo.lock().expect("locked");
        let paths = storage_paths(&locked, false).expect("paths");
        assert_eq!(paths, [dir.path()]);
        let meta: LocalStorageMeta = read_json(&dir.path().join(META_FILE)).expect("meta");
        assert_eq!(
            (meta.weight, meta.can_seal, meta.can_store),
            (10, true, false)
        );
        let again = storage_paths(&locked, false).expect("paths");
        assert_eq!(again, paths);
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_here() {
        let bound: SocketAddr = "0.0.0.0:3456".parse().expect("an address");
        assert_eq!(local(bound).to_string(), "127.0.0.1:3456");
    }
}
