//! Putting a worker of its own process together.
//!
//! # Lotus parity
//! `cmd/lotus-worker`: what it knows of the network is the miner's API. It announces its storage paths
//! in the miner's index, then itself (`WorkerConnect`), and does both again when the miner's session
//! has changed: then the miner was started anew and knows neither.

use std::{collections::BTreeSet, fmt, path::PathBuf, sync::Arc};

use lotus_ports::{clock::Clock, proofs::Prover};
use lotus_rpc::{AuthError, PushStreams, Server, Verifier};
use lotus_rpc_api::{RpcError, miner::StorageMiner, types::worker::TaskType, worker};
use lotus_runtime::supervisor::Tasks;
use lotus_sealer::{
    LocalWorker, SealError, WorkerDeps, calls::CallStore, index::HEARTBEAT, resources::Table,
    store::Store, transfer::Client,
};
use uuid::Uuid;

use crate::{remote, start::hostname};

/// What a worker is made of.
pub struct WorkerConfig {
    /// The miner.
    pub miner: Arc<dyn StorageMiner>,
    /// The token for the miner's API: the miner's and other workers' files are fetched with it.
    pub token: String,
    /// Directories of the own storage paths.
    pub storage_paths: Vec<PathBuf>,
    /// Seals.
    pub prover: Arc<dyn Prover>,
    /// Calls so far.
    pub calls: CallStore,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What it does.
    pub tasks: BTreeSet<TaskType>,
    /// What tasks need here.
    pub resources: Table,
    /// The name that operators see; empty: the machine's.
    pub name: String,
    /// Under which the miner reaches this process, such as `http://127.0.0.1:3456`.
    pub url: String,
}

impl fmt::Debug for WorkerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerConfig")
            .field("url", &self.url)
            .field("storage_paths", &self.storage_paths)
            .finish_non_exhaustive()
    }
}

/// A worker; the miner does not know it before [`RunningWorker::stay_connected`] runs.
#[derive(Clone)]
pub struct RunningWorker {
    /// Does the work.
    pub worker: Arc<LocalWorker>,
    /// The own storage paths.
    pub store: Arc<Store>,
    /// Data that the miner sends beside calls: the server must serve it.
    pub streams: PushStreams,
    miner: Arc<dyn StorageMiner>,
    clock: Arc<dyn Clock>,
    url: String,
}

impl fmt::Debug for RunningWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningWorker")
            .field("worker", &self.worker)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Starts a worker: opens its storage paths, which the miner hears of, and delivers what an earlier
/// process has left.
///
/// # Errors
/// When a path cannot be opened, the miner does not take it, or the record of calls is damaged.
pub async fn start_worker(config: WorkerConfig, tasks: &Tasks) -> Result<RunningWorker, SealError> {
    let index = Arc::clone(&config.miner);
    let store = Arc::new(Store::new(
        index,
        format!("{}/remote", config.url),
        Client::new(config.token)?,
    ));
    for path in &config.storage_paths {
        store.open_path(path).await?;
    }
    let streams = PushStreams::default();
    let asked_to_stop = tokio_util::sync::CancellationToken::new();
    let returns = Arc::clone(&config.miner);
    let worker = LocalWorker::start(WorkerDeps {
        store: Arc::clone(&store),
        prover: config.prover,
        returns,
        streams: Some(streams.clone()),
        shutdown: Some(asked_to_stop.clone()),
        calls: config.calls,
        clock: Arc::clone(&config.clock),
        tasks: config.tasks,
        resources: config.resources,
        hostname: hostname(&config.name),
        ignore_resources: false,
    })?;
    let (stopping, stop) = (tasks.clone(), tasks.stop_token());
    tasks.background("shutdown", async move {
        if stop
            .run_until_cancelled(asked_to_stop.cancelled())
            .await
            .is_some()
        {
            stopping.request_stop("the API method Shutdown");
        }
        Ok::<_, std::io::Error>(())
    });
    Ok(RunningWorker {
        worker: Arc::new(worker),
        store,
        streams,
        miner: config.miner,
        clock: config.clock,
        url: config.url,
    })
}

impl RunningWorker {
    /// The worker's server: its API, its files, and data for it. Tokens are the miner's: it is asked
    /// what they allow.
    pub fn server(&self) -> Server {
        let miner = Arc::clone(&self.miner);
        let verifier = Verifier::ask(move |token| {
            let miner = Arc::clone(&miner);
            async move {
                let allowed = miner.auth_verify(token).await;
                allowed.map_err(|e| AuthError::Unsuitable(e.to_string()))
            }
        });
        Server::new(verifier.clone())
            .endpoint("/rpc/v0", worker::dispatcher(Arc::clone(&self.worker)))
            .push_streams(self.streams.clone())
            .merge(remote::routes(Arc::clone(&self.store), verifier))
    }

    /// Keeps the miner informed: announces the worker, and its paths again, whenever the miner was
    /// started anew, and tells how the paths do. The server must be up. Ends never.
    pub async fn stay_connected(self) {
        let mut known = None;
        loop {
            match self.meet(known).await {
                Ok(session) => known = Some(session),
                Err(error) => tracing::warn!(%error, "the miner does not answer"),
            }
            self.clock.sleep(HEARTBEAT).await;
        }
    }

    /// Looks whether the miner is the process that knows this worker (`known`, by its session), and
    /// otherwise introduces the worker.
    async fn meet(&self, known: Option<Uuid>) -> Result<Uuid, MeetError> {
        let session = self.miner.session().await?;
        if known == Some(session) {
            self.store.report_health().await;
            return Ok(session);
        }
        self.store.announce().await?;
        let url = format!("{}/rpc/v0", self.url);
        self.miner.worker_connect(url).await?;
        tracing::info!(miner = %session, "the miner has taken this worker in");
        Ok(session)
    }
}

#[derive(Debug, thiserror::Error)]
enum MeetError {
    #[error(transparent)]
    Rpc(#[from] RpcError),
    #[error(transparent)]
    Paths(#[from] SealError),
}
