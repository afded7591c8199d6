//! Putting a node together, in order of dependency.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use lotus_chain::{ChainError, ChainStore, ServedChain};
use lotus_consensus::BlockValidator;
use lotus_mpool::{Mpool, MpoolParts, NodeChain};
use lotus_net::{Metrics as NetMetrics, NetService};
use lotus_paych::{ManagerParts, PaychError, PaychManager};
use lotus_ports::network::Fault;
use lotus_rpc::Process;
use lotus_rpc_api::{full, types::node::ApiVersion};
use lotus_runtime::{metrics::Metrics, supervisor::Tasks};
use lotus_state::{ChainView, StateManager, execute::Executor};
use lotus_sync::{ChainSync, NodeJudge, SyncConfig, SyncError, SyncParts};
use lotus_types::BlockHeader;

use crate::{
    FullNodeApi, FullNodeConfig, GenesisError,
    api::{NodeLedger, Services},
    client::{self, ClientError},
    genesis,
    heads::{self, Heads},
    watch::NodeWatch,
};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store has no genesis.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The network service did not start (a listening address in use, among others).
    #[error("starting the network")]
    Net(#[from] lotus_net::StartError),
    /// The message pool did not start.
    #[error("starting the message pool: {0}")]
    Mpool(#[source] Fault),
    /// The market client did not start.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The payment channels cannot be read.
    #[error("starting payment channels")]
    Paych(#[from] PaychError),
    /// Sync did not start.
    #[error("starting sync")]
    Sync(#[from] SyncError),
}

/// A node that runs until the supervisor's stop.
#[derive(Debug, Clone)]
pub struct RunningNode {
    /// The FullNode API, in this process.
    pub api: Arc<FullNodeApi>,
    /// The chain.
    pub chain: ChainStore,
    /// States of the chain.
    pub states: StateManager,
    /// The host.
    pub net: NetService,
    /// The message pool.
    pub mpool: Mpool,
    /// Sync.
    pub sync: ChainSync,
}

/// Starts a full node on stores that have a genesis. Its tasks run under `tasks`.
///
/// # Errors
/// [`StartError`].
pub async fn start_full_node(
    config: FullNodeConfig,
    tasks: &Tasks,
    metrics: &Metrics,
) -> Result<RunningNode, StartError> {
    let (chain, genesis) =
        genesis::ensure_genesis(&config.stores, &config.network, None::<std::io::Empty>)?;
    let states = states(&config, &chain);
    heads::recall(&states, &*config.stores.metadata);
    let net_metrics = metrics.register("lotus", NetMetrics::register);
    let served = ServedChain::new(chain.clone())?;
    let (net, net_task) = NetService::start(
        config.net.clone(),
        &config.host_key,
        Some(Arc::new(served)),
        net_metrics,
        tasks.stop_token(),
    )?;
    spawn(tasks, "net", net_task);
    let net_port = Arc::new(net.clone());

    let (mpool, mpool_task) = Mpool::start(
        MpoolParts {
            chain: NodeChain::new(chain.clone(), states.clone()),
            metadata: Arc::clone(&config.stores.metadata),
            gossip: net_port.clone(),
            clock: Arc::clone(&config.clock),
            republish_interval: config.republish_interval,
        },
        tasks.stop_token(),
    )
    .await
    .map_err(StartError::Mpool)?;
    spawn(tasks, "mpool", mpool_task);

    let validator = validator(&config, &states);
    let (sync, sync_task) = ChainSync::start(
        SyncParts {
            chain: chain.clone(),
            judge: NodeJudge::new(validator, states.clone()),
            exchange: net_port.clone(),
            gossip: net_port.clone(),
            heads: net_port,
            clock: Arc::clone(&config.clock),
            network: Arc::clone(&config.network),
            config: SyncConfig {
                bootstrap_peers: config.bootstrap_threshold,
            },
        },
        tasks.stop_token(),
    )?;
    spawn(tasks, "sync", sync_task);

    let heads = Heads {
        chain: chain.clone(),
        states: states.clone(),
        metadata: Arc::clone(&config.stores.metadata),
        clock: Arc::clone(&config.clock),
        settle: Duration::from_secs(config.network.propagation_delay_secs),
    };
    spawn(tasks, "heads", heads.run(tasks.stop_token()));
    let watch = watch(&config, &chain, &net);
    tasks.background("alerts", watch.run(tasks.stop_token()));

    let place = config.client.clone();
    let metadata = Arc::clone(&config.stores.metadata);
    let block_time = Duration::from_secs(config.network.block_delay_secs);
    let api = assemble(config, genesis, &chain, &states, &net, &mpool, &sync, tasks);
    let (channels, channels_task) = PaychManager::start(
        ManagerParts {
            metadata,
            ledger: Arc::new(NodeLedger::new(&api)),
            heads: api.heads(),
        },
        tasks.stop_token(),
    )?;
    spawn(tasks, "paych", channels_task);
    api.set_paych(channels);
    if let Some(place) = place {
        let client = client::start_client(place, &api, &net, block_time, tasks).await?;
        api.set_client(client);
    }
    Ok(RunningNode {
        api,
        chain,
        states,
        net,
        mpool,
        sync,
    })
}

/// The state manager of a node with this configuration.
pub fn states(config: &FullNodeConfig, chain: &ChainStore) -> StateManager {
    let rounds = config.beacons.clone();
    let view: Arc<dyn ChainView> = Arc::new(chain.clone());
    StateManager::new(Executor {
        view,
        store: config.stores.blocks.clone(),
        vm: Arc::clone(&config.vm),
        network: Arc::clone(&config.network),
        round_of: Arc::new(move |epoch| rounds.max_round_for_epoch(epoch)),
    })
}

/// What is raised as an alert.
fn watch(config: &FullNodeConfig, chain: &ChainStore, net: &NetService) -> NodeWatch {
    NodeWatch::new(
        &config.alerts,
        chain.clone(),
        net.clone(),
        Arc::clone(&config.clock),
        Duration::from_secs(config.network.block_delay_secs),
        !config.net.bootstrap.is_empty(),
    )
}

/// What judges blocks, wherever they come from.
pub(crate) fn validator(config: &FullNodeConfig, states: &StateManager) -> BlockValidator {
    BlockValidator::new(
        states.clone(),
        config.beacons.clone(),
        Arc::clone(&config.verifier),
    )
}

/// A service's task ends only with the node.
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

#[expect(
    clippy::too_many_arguments,
    reason = "one call, which names each service"
)]
fn assemble(
    config: FullNodeConfig,
    genesis: Arc<BlockHeader>,
    chain: &ChainStore,
    states: &StateManager,
    net: &NetService,
    mpool: &Mpool,
    sync: &ChainSync,
    tasks: &Tasks,
) -> Arc<FullNodeApi> {
    let process = Process::new(
        ApiVersion::FULL_V1,
        config.network.block_delay_secs,
        full::methods(),
        config.jwt,
        tasks.clone(),
    )
    .with_log(config.log)
    .with_alerts(config.alerts);
    let metadata = &config.stores.metadata;
    let wallet = config.wallets.join(config.keys, metadata, &config.network);
    Arc::new(FullNodeApi::new(Services {
        genesis,
        chain: chain.clone(),
        states: states.clone(),
        network: config.network,
        beacons: config.beacons,
        verifier: config.verifier,
        net: net.clone(),
        mpool: mpool.clone(),
        sync: sync.clone(),
        wallet,
        process,
        actors_manifest: config.actors_manifest,
        clock: config.clock,
        tasks: tasks.clone(),
        sending: tokio::sync::Mutex::new(()),
        funding: tokio::sync::Mutex::new(()),
        default_max_fee: config.default_max_fee,
        backup: config.backup,
        read_only: config.read_only,
        client: OnceLock::new(),
        paych: OnceLock::new(),
    }))
}
