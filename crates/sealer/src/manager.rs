//! The miner's side of sealing: schedules work on workers and waits for the results.
//!
//! # Invariants
//! - A piece of work is on record under its inputs while it runs and until the sector goes on. Asked
//!   for again, also after a restart, it is not done twice: the running call is waited for, or its
//!   result is there already.
//! - A failure makes the sector's results forgotten, so that trying again does the work again.
//! - Work of a worker that was restarted is done again without the caller noticing.
//!
//! # Lotus parity
//! `sealer.Manager` with its work tracker.

mod pieces;
mod post;
mod returns;
mod sealing;
mod work;

pub use pieces::PieceReader;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};

use lotus_ports::{clock::Clock, proofs::Prover};
use lotus_rpc_api::{
    RpcError,
    types::{
        storage::SectorFileType,
        worker::{CallError, CallId, TaskType, WorkerInfo, WorkerJob, WorkerStats},
    },
    worker::Worker,
};
use lotus_types::sector::SectorRef;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    SealError,
    calls::{CallStore, Outcome},
    index::{HEARTBEAT, Index},
    sched::{self, Active, Assigner, Decision, Reason, Request},
    store::Store,
    worker::LocalWorker,
};

/// What a manager works with.
pub struct ManagerDeps {
    /// The storage index.
    pub index: Arc<Index>,
    /// The miner's own storage.
    pub store: Arc<Store>,
    /// Proves PoSts in this process.
    pub prover: Arc<dyn Prover>,
    /// Work so far.
    pub work: CallStore,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How workers are chosen.
    pub assigner: Assigner,
}

impl fmt::Debug for ManagerDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagerDeps").finish_non_exhaustive()
    }
}

/// How a worker is reached.
#[derive(Clone)]
struct Place {
    api: Arc<dyn Worker>,
    /// Set for the worker in this process, which takes data without a stream.
    local: Option<Arc<LocalWorker>>,
    /// Where the API of a worker elsewhere is; data are pushed to the same server.
    url: Option<String>,
}

/// A worker that is connected.
struct Handle {
    place: Place,
    snapshot: sched::Worker,
    paths: BTreeSet<lotus_rpc_api::types::storage::StorageId>,
    seals: bool,
    stores: bool,
}

struct Queued {
    request: Request,
    files: Files,
    reply: oneshot::Sender<Slot>,
}

/// Which files a task needs where.
#[derive(Debug, Clone, Copy, Default)]
struct Files {
    /// These must be there or be brought.
    existing: SectorFileType,
    /// For these there must be room.
    allocate: SectorFileType,
    /// On a path where sectors stay.
    long_term: bool,
    /// The existing files are changed, moved or removed.
    exclusive: bool,
}

#[derive(Default)]
struct State {
    workers: BTreeMap<Uuid, Handle>,
    queue: Vec<Queued>,
    reasons: BTreeMap<Uuid, Reason>,
    waiting: HashMap<CallId, Vec<oneshot::Sender<Outcome>>>,
    /// What workers are doing.
    jobs: HashMap<CallId, (Uuid, WorkerJob)>,
    /// Results of calls whose ids were not known yet when they came.
    early: HashMap<CallId, Outcome>,
}

/// A worker answers within this time, or counts as gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Results that came before their calls were on record: more than this are not kept.
const MAX_EARLY: usize = 1000;

/// The manager. Cheap to clone.
#[derive(Clone)]
pub struct Manager(Arc<Inner>);

struct Inner {
    deps: ManagerDeps,
    state: Mutex<State>,
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Manager").field(&self.0.deps).finish()
    }
}

/// A task's place at a worker; dropping it frees the resources.
struct Slot {
    manager: Manager,
    worker: Uuid,
    place: Place,
    task: TaskType,
    needs: lotus_rpc_api::types::worker::Resources,
}

impl Drop for Slot {
    fn drop(&mut self) {
        {
            let mut state = self.manager.0.state.lock();
            if let Some(handle) = state.workers.get_mut(&self.worker) {
                let active = &mut handle.snapshot.active;
                active.memory_min = active.memory_min.saturating_sub(self.needs.min_memory);
                active.memory_max = active.memory_max.saturating_sub(self.needs.max_memory);
                let info = handle.snapshot.info.clone();
                let mut one = Active::default();
                one.add(&self.task, &self.needs, &info);
                active.cpu = active.cpu.saturating_sub(one.cpu);
                active.gpu = (active.gpu - one.gpu).max(0.0);
                if let Some(count) = active.counts.get_mut(&self.task) {
                    *count = count.saturating_sub(1);
                }
            }
        }
        self.manager.assign();
    }
}

impl Manager {
    /// A manager without workers.
    pub fn new(deps: ManagerDeps) -> Self {
        Self(Arc::new(Inner {
            deps,
            state: Mutex::default(),
        }))
    }

    /// Takes a worker of another process in, or notices what changed of it. `url` is that of its API.
    ///
    /// # Errors
    /// When the worker cannot be asked.
    pub async fn connect(&self, api: Arc<dyn Worker>, url: String) -> Result<Uuid, RpcError> {
        self.take_in(Place {
            api,
            local: None,
            url: Some(url),
        })
        .await
    }

    /// Takes the worker of this process in.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn connect_local(&self, worker: Arc<LocalWorker>) -> Result<Uuid, RpcError> {
        self.take_in(Place {
            api: Arc::clone(&worker) as Arc<dyn Worker>,
            local: Some(worker),
            url: None,
        })
        .await
    }

    async fn take_in(&self, place: Place) -> Result<Uuid, RpcError> {
        let api = &place.api;
        let session = api.session().await?;
        let info: WorkerInfo = api.info().await?;
        let tasks = api.task_types().await?.into_keys().collect();
        let enabled = api.enabled().await?;
        let paths = api.paths().await?;
        {
            let mut state = self.0.state.lock();
            let active = state
                .workers
                .get(&session)
                .map(|h| h.snapshot.active.clone());
            let active = active.unwrap_or_default();
            let handle = Handle {
                place,
                snapshot: sched::Worker {
                    enabled,
                    tasks,
                    info,
                    active,
                },
                seals: paths.iter().any(|p| p.can_seal),
                stores: paths.iter().any(|p| p.can_store),
                paths: paths.into_iter().map(|p| p.id).collect(),
            };
            state.workers.insert(session, handle);
        }
        self.assign();
        Ok(session)
    }

    /// Asks all workers how they are. One that does not answer gets nothing new until it does; one
    /// that has a new session is another worker now. To be called every few seconds.
    pub async fn refresh(&self) {
        let all: Vec<_> = {
            let state = self.0.state.lock();
            let each = state.workers.iter();
            each.map(|(id, h)| (*id, h.place.clone())).collect()
        };
        for (session, place) in all {
            let answer = tokio::time::timeout(PATIENCE, self.take_in(place)).await;
            if matches!(answer, Ok(Ok(now)) if now == session) {
                continue;
            }
            let mut state = self.0.state.lock();
            if let Ok(Ok(now)) = answer {
                tracing::info!(worker = %session, %now, "worker was started anew");
                state.workers.remove(&session);
            } else if let Some(handle) = state.workers.get_mut(&session)
                && std::mem::replace(&mut handle.snapshot.enabled, false)
            {
                tracing::warn!(worker = %session, ?answer, "worker does not answer");
            }
        }
        self.assign();
    }

    /// Keeps index and workers up to date until `stop`; the supervisor runs it.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            self.0.deps.store.report_health().await;
            self.refresh().await;
            let pause = self.0.deps.clock.sleep(HEARTBEAT);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// What workers do, for operators.
    pub fn worker_stats(&self) -> BTreeMap<Uuid, WorkerStats> {
        let state = self.0.state.lock();
        let stats = |h: &Handle| WorkerStats {
            info: h.snapshot.info.clone(),
            tasks: h.snapshot.tasks.iter().cloned().collect(),
            enabled: h.snapshot.enabled,
            mem_used_min: h.snapshot.active.memory_min,
            mem_used_max: h.snapshot.active.memory_max,
            gpu_used: h.snapshot.active.gpu,
            cpu_use: h.snapshot.active.cpu,
            task_counts: BTreeMap::new(),
        };
        state
            .workers
            .iter()
            .map(|(id, h)| (*id, stats(h)))
            .collect()
    }

    /// Tasks that wait for a worker, each with the reason (`sealing sched-diag`).
    pub fn waiting(&self) -> Vec<(Request, Option<Reason>)> {
        let state = self.0.state.lock();
        let reason = |q: &Queued| state.reasons.get(&q.request.id).cloned();
        state
            .queue
            .iter()
            .map(|q| (q.request.clone(), reason(q)))
            .collect()
    }

    /// Gives up waiting for a call; its result, should it come, is dropped.
    ///
    /// # Errors
    /// When the call is not known.
    pub fn abort(&self, call: &CallId) -> Result<(), SealError> {
        let error = CallError::new(CallError::UNKNOWN, "aborted by the operator");
        self.deliver(call, Err(error))
    }

    /// Decides who does what, and lets those start.
    fn assign(&self) {
        let mut guard = self.0.state.lock();
        let state = &mut *guard;
        state.queue.retain(|q| !q.reply.is_closed());
        for queued in &mut state.queue {
            let (eligible, preferred) = places(
                &state.workers,
                &self.0.deps.index,
                &queued.request,
                queued.files,
            );
            queued.request.eligible = Some(eligible);
            queued.request.preferred = preferred;
        }
        let requests: Vec<_> = state.queue.iter().map(|q| q.request.clone()).collect();
        let workers = state
            .workers
            .iter()
            .map(|(id, h)| (*id, h.snapshot.clone()))
            .collect();
        let Decision { assigned, waiting } =
            sched::decide(&requests, &workers, self.0.deps.assigner);
        state.reasons = waiting;
        let mut unwanted = Vec::new();
        for (request, worker) in assigned {
            let at = state.queue.iter().position(|q| q.request.id == request);
            let (Some(at), Some(handle)) = (at, state.workers.get_mut(&worker)) else {
                continue;
            };
            let Queued { request, reply, .. } = state.queue.swap_remove(at);
            let snapshot = &mut handle.snapshot;
            let needs = sched::needs(&snapshot.info, &request.task, request.proof).clone();
            snapshot.active.add(&request.task, &needs, &snapshot.info);
            let slot = Slot {
                manager: self.clone(),
                worker,
                place: handle.place.clone(),
                task: request.task,
                needs,
            };
            unwanted.extend(reply.send(slot).err());
        }
        drop(guard);
        // Whoever asked has left: dropping the slots frees what they hold, which needs the lock.
        drop(unwanted);
    }

    async fn slot(
        &self,
        sector: &SectorRef,
        task: TaskType,
        files: Files,
    ) -> Result<Slot, SealError> {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            id: Uuid::new_v4(),
            sector: sector.id,
            proof: sector.proof_type,
            task,
            priority: 0,
            eligible: None,
            preferred: BTreeSet::new(),
        };
        self.0.state.lock().queue.push(Queued {
            request,
            files,
            reply,
        });
        self.assign();
        answer
            .await
            .map_err(|_| SealError::Temporary("the scheduler is stopping".to_owned()))
    }
}

/// Workers that could do the task as far as files go, and those that have the files.
fn places(
    workers: &BTreeMap<Uuid, Handle>,
    index: &Index,
    request: &Request,
    files: Files,
) -> (BTreeSet<Uuid>, BTreeSet<Uuid>) {
    let mut have: BTreeMap<SectorFileType, BTreeSet<_>> = BTreeMap::new();
    for kind in files.existing.kinds() {
        let found = index.find(request.sector, kind, 0, false);
        have.insert(kind, found.into_iter().map(|p| p.id).collect());
    }
    let can = |h: &Handle| {
        let needs_path =
            files.existing != SectorFileType::NONE || files.allocate != SectorFileType::NONE;
        (!files.long_term || h.stores) && (files.long_term || !needs_path || h.seals)
    };
    let has_all = |h: &Handle| {
        have.values()
            .all(|ids| ids.iter().any(|id| h.paths.contains(id)))
    };
    let eligible: BTreeSet<_> = workers
        .iter()
        .filter(|(_, h)| can(h) || !files.long_term && !have.is_empty() && has_all(h))
        .map(|(id, _)| *id)
        .collect();
    let preferred = workers
        .iter()
        .filter(|(id, h)| eligible.contains(id) && !have.is_empty() && has_all(h))
        .map(|(id, _)| *id)
        .collect();
    (eligible, preferred)
}

#[cfg(test)]
mod tests;
