//! Putting a storage provider together, in order of dependency.

use std::{path::PathBuf, sync::Arc, time::Duration};

use lotus_net::{HostKey, Metrics as NetMetrics, NetConfig, NetService};
use lotus_ports::{clock::Clock, proofs::Prover};
use lotus_proving::{
    window::{WindowConfig, WindowDeps, WindowPoStScheduler},
    winning::{Miner, MinerConfig, MinerDeps, SlashFilter},
};
use lotus_rpc::{Process, PushStreams};
use lotus_rpc_api::{
    Permission,
    miner::{self, StorageIndexApi},
    types::node::ApiVersion,
};
use lotus_runtime::{config::StorageConfig, metrics::Metrics, supervisor::Tasks};
use lotus_sealer::{
    LocalWorker, Manager, ManagerDeps, SealError, WorkerDeps, calls::CallStore, index::Index,
    resources::Table, sched::Assigner, store::Store, transfer::Client,
};
use lotus_sealing::{Sealing, SealingDeps};
use lotus_types::ActorId;

use crate::{
    NodeChain, StorageMinerApi,
    api::Services,
    config::{self, AddressError, StorageNodeConfig},
    identity::Identity,
};

/// Why a provider did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// `[Addresses]` names something that is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// `[Storage] Assigner` names no way of assigning.
    #[error("[Storage] Assigner: {0:?} is neither \"utilization\" nor \"spread\"")]
    Assigner(String),
    /// A storage path cannot be used.
    #[error("the storage path {}", path.display())]
    Path {
        /// Its directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: SealError,
    },
    /// The worker of this process did not start.
    #[error("the worker in this process")]
    Worker(#[source] SealError),
    /// The worker of this process does not answer.
    #[error("the worker in this process: {0}")]
    Connect(lotus_rpc_api::RpcError),
    /// The network service did not start (a listening address in use, among others).
    #[error("starting the network")]
    Net(#[from] lotus_net::StartError),
    /// No token can be made for the traffic between miner and workers.
    #[error("making a token")]
    Token(#[from] lotus_rpc::AuthError),
}

/// A provider that runs until the supervisor's stop.
#[derive(Debug, Clone)]
pub struct RunningStorageNode {
    /// The StorageMiner API, in this process.
    pub api: Arc<StorageMinerApi>,
    /// The chain, as the services see it.
    pub chain: NodeChain,
    /// Which sector files lie where.
    pub index: Arc<Index>,
    /// The own storage paths.
    pub store: Arc<Store>,
    /// Workers and what they do; reads pieces back.
    pub manager: Manager,
    /// The worker of this process.
    pub worker: Arc<LocalWorker>,
    /// Sectors on their way; pieces of deals go in here.
    pub sealing: Sealing,
    /// WindowPoSt; `None` when `[Subsystems] EnableMining` is off.
    pub window: Option<WindowPoStScheduler>,
    /// Block production; `None` when `[Subsystems] EnableMining` is off.
    pub mining: Option<Miner>,
    /// The libp2p host, for deals.
    pub net: NetService,
    /// Where callers of the API send data beside calls: the server must serve it.
    pub streams: PushStreams,
}

/// Starts a provider. Its tasks run under `tasks`.
///
/// Deals are not among them: whoever assembles a process starts the deal service on the handles of
/// the result and binds its API in [`crate::api::dispatcher`].
///
/// # Errors
/// [`StartError`].
pub async fn start_storage_node(
    config: StorageNodeConfig,
    tasks: &Tasks,
    metrics: &Metrics,
) -> Result<RunningStorageNode, StartError> {
    let settings = &config.settings;
    let senders = config::senders(&settings.addresses)?;
    let address_config = config::address_config(&settings.addresses)?;
    let chain = NodeChain::new(Arc::clone(&config.node));
    let token = config.jwt.token(&Permission::ALL)?;

    let (work, calls) = (config.databases.work, config.databases.calls);
    let machinery = SealingMachinery::start(MachineryParts {
        settings: &settings.storage,
        storage_paths: &config.storage_paths,
        url: &config.url,
        token: token.clone(),
        prover: config.prover,
        work,
        calls,
        resources: config.resources,
        clock: Arc::clone(&config.clock),
    });
    let SealingMachinery {
        index,
        store,
        manager,
        worker,
    } = machinery.await?;
    let (running, stop) = (manager.clone(), tasks.stop_token());
    spawn(tasks, "workers", async move { running.run(stop).await });

    let (sealing, task) = Sealing::start(
        SealingDeps {
            miner: config.miner,
            store: config.databases.sectors,
            chain: Arc::new(chain.clone()),
            sealer: Arc::new(manager.clone()),
            verifier: config.verifier,
            clock: Arc::clone(&config.clock),
            config: config::sealing_config(settings, &config.network),
            policy: config::sealing_policy(&config.network),
            senders,
        },
        tasks.stop_token(),
    );
    tasks.critical("sealing", task);

    let (mut window, mut mining) = (None, None);
    if settings.subsystems.enable_mining {
        let proving = Proving {
            miner: config.miner,
            chain: &chain,
            prover: &manager,
            clock: &config.clock,
        };
        let window_config = config::window_config(settings, &config.network);
        window = Some(proving.start_window(window_config, tasks));
        let mining_config = config::mining_config(&config.network);
        mining = Some(proving.start_mining(mining_config, config.databases.blocks, tasks));
    }

    let net = start_net(config.net, &config.host_key, tasks, metrics)?;
    let identity = Identity::new(config.miner, &config.host_key);
    let block_time = Duration::from_secs(config.network.block_delay_secs);
    let announcing = identity.announce(chain.clone(), config.clock, block_time);
    announce(tasks, announcing);

    let streams = PushStreams::default();
    let process = Process::new(
        ApiVersion::MINER,
        config.network.block_delay_secs,
        miner::methods(),
        config.jwt,
        tasks.clone(),
    )
    .with_log(config.log)
    .with_alerts(config.alerts);
    let api = Arc::new(StorageMinerApi::new(Services {
        miner: config.miner,
        chain: chain.clone(),
        index: Arc::clone(&index),
        store: Arc::clone(&store),
        storage_file: config.storage_file,
        manager: manager.clone(),
        sealing: sealing.clone(),
        streams: streams.clone(),
        window: window.clone(),
        mining: mining.clone(),
        net: net.clone(),
        process,
        token,
        address_config,
        settings: config.settings,
    }));
    Ok(RunningStorageNode {
        api,
        chain,
        index,
        store,
        manager,
        worker,
        sealing,
        window,
        mining,
        net,
        streams,
    })
}

/// The libp2p host. It follows no chain: it is there for deals.
fn start_net(
    config: NetConfig,
    key: &HostKey,
    tasks: &Tasks,
    metrics: &Metrics,
) -> Result<NetService, lotus_net::StartError> {
    let metrics = metrics.register("lotus", NetMetrics::register);
    let (net, task) = NetService::start(config, key, None, metrics, tasks.stop_token())?;
    spawn(tasks, "net", task);
    Ok(net)
}

/// Has the peer id announced on chain; the task ends when it is.
fn announce(tasks: &Tasks, announcing: impl Future<Output = ()> + Send + 'static) {
    let stop = tasks.stop_token();
    tasks.background("peer-id", async move {
        stop.run_until_cancelled(announcing).await;
        Ok::<_, std::io::Error>(())
    });
}

/// What sealing stands on: storage and workers.
struct SealingMachinery {
    index: Arc<Index>,
    store: Arc<Store>,
    manager: Manager,
    worker: Arc<LocalWorker>,
}

/// What it is made of.
struct MachineryParts<'a> {
    settings: &'a StorageConfig,
    storage_paths: &'a [PathBuf],
    url: &'a str,
    token: String,
    prover: Arc<dyn Prover>,
    work: CallStore,
    calls: CallStore,
    resources: Table,
    clock: Arc<dyn Clock>,
}

impl SealingMachinery {
    async fn start(parts: MachineryParts<'_>) -> Result<Self, StartError> {
        let index = Arc::new(Index::new(Arc::clone(&parts.clock)));
        // Workers let us have their files for a token that we have made.
        let store = Arc::new(Store::new(
            Arc::clone(&index) as Arc<dyn StorageIndexApi>,
            format!("{}/remote", parts.url),
            Client::new(parts.token).map_err(StartError::Worker)?,
        ));
        for path in parts.storage_paths {
            let opened = store.open_path(path).await;
            opened.map_err(|source| StartError::Path {
                path: path.clone(),
                source,
            })?;
        }
        let manager = Manager::new(ManagerDeps {
            index: Arc::clone(&index),
            store: Arc::clone(&store),
            prover: Arc::clone(&parts.prover),
            work: parts.work,
            clock: Arc::clone(&parts.clock),
            assigner: assigner(&parts.settings.assigner)?,
        });
        let worker = LocalWorker::start(WorkerDeps {
            store: Arc::clone(&store),
            prover: parts.prover,
            returns: Arc::new(manager.clone()),
            streams: None,
            shutdown: None,
            calls: parts.calls,
            clock: parts.clock,
            tasks: config::local_tasks(parts.settings),
            resources: parts.resources,
            hostname: hostname(&parts.settings.local_worker_name),
            ignore_resources: parts.settings.resource_filtering == "disabled",
        });
        let worker = Arc::new(worker.map_err(StartError::Worker)?);
        let connected = manager.connect_local(Arc::clone(&worker)).await;
        connected.map_err(StartError::Connect)?;
        Ok(Self {
            index,
            store,
            manager,
            worker,
        })
    }
}

/// What both kinds of proving work with.
struct Proving<'a> {
    miner: ActorId,
    chain: &'a NodeChain,
    prover: &'a Manager,
    clock: &'a Arc<dyn Clock>,
}

impl Proving<'_> {
    fn start_window(&self, config: WindowConfig, tasks: &Tasks) -> WindowPoStScheduler {
        let (handle, task) = WindowPoStScheduler::start(
            WindowDeps {
                miner: self.miner,
                chain: Arc::new(self.chain.clone()),
                prover: Arc::new(self.prover.clone()),
                clock: Arc::clone(self.clock),
                config,
            },
            tasks.stop_token(),
        );
        spawn(tasks, "window-post", task);
        handle
    }

    fn start_mining(&self, config: MinerConfig, blocks: SlashFilter, tasks: &Tasks) -> Miner {
        let (handle, task) = Miner::start(
            MinerDeps {
                miner: self.miner,
                chain: Arc::new(self.chain.clone()),
                prover: Arc::new(self.prover.clone()),
                clock: Arc::clone(self.clock),
                slash_filter: blocks,
                config,
            },
            tasks.stop_token(),
        );
        spawn(tasks, "mining", task);
        handle
    }
}

/// A service's task ends only with the process.
pub(crate) fn spawn(
    tasks: &Tasks,
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) {
    tasks.critical(name, async move {
        task.await;
        Ok::<_, std::io::Error>(())
    });
}

fn assigner(name: &str) -> Result<Assigner, StartError> {
    match name {
        "" | "utilization" => Ok(Assigner::Utilization),
        "spread" => Ok(Assigner::Spread),
        other => Err(StartError::Assigner(other.to_owned())),
    }
}

/// The name that operators see; the machine's when none is configured.
pub(crate) fn hostname(configured: &str) -> String {
    if !configured.is_empty() {
        return configured.to_owned();
    }
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}
