//! A worker: runs the prover on files of its own store. The same for the miner's built-in worker and
//! for `lotus-worker`.
//!
//! # Invariants
//! - A call is on record before its id is handed out, and stays there until its result is delivered.
//! - A step that is done again starts from the state before it: PreCommit1 from the unsealed file,
//!   PreCommit2 from an unencoded replica.

mod api;
mod machine;
mod steps;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lotus_ports::{clock::Clock, proofs::Prover};
use lotus_rpc::PushStreams;
use lotus_rpc_api::{
    RpcError,
    miner::WorkerReturnApi,
    types::{
        go::Lenient,
        worker::{CallError, CallId, TaskType},
    },
};
use lotus_types::{
    PieceInfo, SectorId,
    sector::{SectorRef, UnpaddedPieceSize},
};
use parking_lot::{Mutex, RwLock};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    PieceData, SealError,
    calls::{CallStore, Kind, Outcome, Output, to_call_error},
    resources::Table,
    store::Store,
};

/// Pause before a result is delivered again.
const REDELIVER: Duration = Duration::from_secs(5);

/// What a worker works with.
pub struct WorkerDeps {
    /// Its storage.
    pub store: Arc<Store>,
    /// Who seals and proves.
    pub prover: Arc<dyn Prover>,
    /// The miner, which takes results.
    pub returns: Arc<dyn WorkerReturnApi>,
    /// Data that are sent to this process beside calls; `None` when it takes none.
    pub streams: Option<PushStreams>,
    /// Cancelled when the worker is asked to shut down; `None` when it ends only with its process.
    pub shutdown: Option<CancellationToken>,
    /// Calls so far.
    pub calls: CallStore,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What it does.
    pub tasks: BTreeSet<TaskType>,
    /// What tasks need here.
    pub resources: Table,
    /// Its name, shown to operators.
    pub hostname: String,
    /// Take every task, whatever it needs.
    pub ignore_resources: bool,
}

impl fmt::Debug for WorkerDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerDeps")
            .field("hostname", &self.hostname)
            .finish_non_exhaustive()
    }
}

/// A worker in this process. Dropping it stops its calls as a crash would.
pub struct LocalWorker {
    deps: Arc<WorkerDeps>,
    tasks: RwLock<BTreeSet<TaskType>>,
    enabled: AtomicBool,
    session: Mutex<Uuid>,
    process: Uuid,
    running: watch::Sender<usize>,
    set: Mutex<JoinSet<()>>,
}

impl fmt::Debug for LocalWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalWorker")
            .field("deps", &self.deps)
            .finish_non_exhaustive()
    }
}

impl LocalWorker {
    /// A worker; what an earlier process has left is delivered in the background.
    ///
    /// # Errors
    /// When the record of calls cannot be read.
    pub fn start(deps: WorkerDeps) -> Result<Self, SealError> {
        let worker = Self {
            tasks: RwLock::new(deps.tasks.clone()),
            deps: Arc::new(deps),
            enabled: AtomicBool::new(true),
            session: Mutex::new(Uuid::new_v4()),
            process: Uuid::new_v4(),
            running: watch::Sender::new(0),
            set: Mutex::new(JoinSet::new()),
        };
        for recorded in worker.deps.calls.all()? {
            let outcome = recorded.outcome.unwrap_or_else(|| {
                Err(CallError::new(
                    CallError::WORKER_RESTART,
                    "the worker was restarted",
                ))
            });
            let deps = Arc::clone(&worker.deps);
            worker.spawn(async move {
                deliver(&deps, &recorded.call, recorded.kind, &outcome).await;
            });
        }
        Ok(worker)
    }

    #[cfg(test)]
    pub(crate) fn deps_for_tests(&self) -> &WorkerDeps {
        &self.deps
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock();
        while set.try_join_next().is_some() {}
        self.running.send_modify(|n| *n += 1);
        let running = self.running.clone();
        set.spawn(async move {
            work.await;
            running.send_modify(|n| *n = n.saturating_sub(1));
        });
    }

    /// Begins a call and hands out its id at once.
    fn call(
        &self,
        sector: SectorId,
        kind: Kind,
        work: impl Future<Output = Result<Output, SealError>> + Send + 'static,
    ) -> Result<CallId, SealError> {
        let call = CallId {
            sector,
            id: Uuid::new_v4(),
        };
        self.deps.calls.begin(&call.to_string(), &call, kind)?;
        let deps = Arc::clone(&self.deps);
        self.spawn(async move {
            let outcome: Outcome = work.await.map_err(|e| to_call_error(&e));
            if let Err(error) = &outcome {
                tracing::error!(%call, ?kind, %error, "a call failed");
            }
            if let Err(error) = deps.calls.finish(&call, &outcome) {
                tracing::error!(%call, %error, "a result is not on record");
            }
            deliver(&deps, &call, kind, &outcome).await;
        });
        Ok(call)
    }

    /// AddPiece with data of this process.
    ///
    /// # Errors
    /// When the call cannot be put on record.
    pub fn add_piece_data(
        &self,
        sector: SectorRef,
        existing: Vec<UnpaddedPieceSize>,
        size: UnpaddedPieceSize,
        data: PieceData,
    ) -> Result<CallId, SealError> {
        let deps = Arc::clone(&self.deps);
        self.call(sector.id, Kind::AddPiece, async move {
            let piece: PieceInfo = steps::add_piece(&deps, sector, existing, size, data).await?;
            Ok(Output::Piece(piece))
        })
    }

    /// Takes no new tasks when false; with true a new session begins.
    pub fn set_enabled(&self, enabled: bool) {
        let was = self.enabled.swap(enabled, Ordering::SeqCst);
        if enabled && !was {
            *self.session.lock() = Uuid::new_v4();
        }
    }

    /// The current session.
    pub fn current_session(&self) -> Uuid {
        *self.session.lock()
    }

    /// Ends when nothing runs.
    pub async fn quiet(&self) {
        let mut running = self.running.subscribe();
        // The sender lives as long as this worker.
        drop(running.wait_for(|n| *n == 0).await);
    }
}

/// Tells the miner, as often as it takes.
async fn deliver(deps: &WorkerDeps, call: &CallId, kind: Kind, outcome: &Outcome) {
    loop {
        match send(deps, call, kind, outcome).await {
            Ok(()) => break,
            // The miner does not know the call (any more): nobody waits for the result.
            Err(RpcError::Answered(error)) => {
                tracing::warn!(%call, error = error.message, "the miner refused a result");
                break;
            }
            Err(error) => tracing::warn!(%call, %error, "result not delivered, trying again"),
        }
        deps.clock.sleep(REDELIVER).await;
    }
    if let Err(error) = deps.calls.forget(&call.to_string()) {
        tracing::error!(%call, %error, "a delivered call stays on record");
    }
}

async fn send(
    deps: &WorkerDeps,
    call: &CallId,
    kind: Kind,
    outcome: &Outcome,
) -> Result<(), RpcError> {
    let (to, call, error) = (&deps.returns, *call, outcome.as_ref().err().cloned());
    let piece = match outcome {
        Ok(Output::Piece(piece)) => Some(piece.clone()),
        _ => None,
    };
    let bytes = match outcome {
        Ok(Output::Bytes(bytes)) => bytes.clone(),
        _ => lotus_types::Bytes::new(),
    };
    let cids = match outcome {
        Ok(Output::Cids(cids)) => Some(cids.clone()),
        _ => None,
    };
    match kind {
        Kind::DataCid => to.return_data_cid(call, Lenient(piece), error).await,
        Kind::AddPiece => to.return_add_piece(call, Lenient(piece), error).await,
        Kind::PreCommit1 => to.return_seal_pre_commit1(call, bytes, error).await,
        Kind::PreCommit2 => to.return_seal_pre_commit2(call, Lenient(cids), error).await,
        Kind::Commit1 => to.return_seal_commit1(call, bytes, error).await,
        Kind::Commit2 => to.return_seal_commit2(call, bytes, error).await,
        Kind::Finalize => to.return_finalize_sector(call, error).await,
        Kind::ReleaseUnsealed => to.return_release_unsealed(call, error).await,
        Kind::Move => to.return_move_storage(call, error).await,
        Kind::Unseal => to.return_unseal_piece(call, error).await,
        Kind::Fetch => to.return_fetch(call, error).await,
    }
}
