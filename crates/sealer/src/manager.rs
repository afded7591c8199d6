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

mod post;
mod returns;
mod sealing;

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
        worker::{CallError, CallId, TaskType, WorkerInfo, WorkerStats},
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
    calls::{CallStore, Kind, Outcome, from_call_error},
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

/// A worker that is connected.
struct Handle {
    api: Arc<dyn Worker>,
    /// Set for the worker in this process, which takes data without a stream.
    local: Option<Arc<LocalWorker>>,
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
    /// The data are in this process.
    local_only: bool,
    /// The existing files are changed, moved or removed.
    exclusive: bool,
}

#[derive(Default)]
struct State {
    workers: BTreeMap<Uuid, Handle>,
    queue: Vec<Queued>,
    reasons: BTreeMap<Uuid, Reason>,
    waiting: HashMap<CallId, Vec<oneshot::Sender<Outcome>>>,
    /// Results of calls whose ids were not known yet when they came.
    early: HashMap<CallId, Outcome>,
}

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
    api: Arc<dyn Worker>,
    local: Option<Arc<LocalWorker>>,
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

    /// Takes a worker in, or notices what changed of it.
    ///
    /// # Errors
    /// When the worker cannot be asked.
    pub async fn connect(&self, api: Arc<dyn Worker>) -> Result<Uuid, RpcError> {
        self.take_in(api, None).await
    }

    /// Takes the worker of this process in.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn connect_local(&self, worker: Arc<LocalWorker>) -> Result<Uuid, RpcError> {
        self.take_in(Arc::clone(&worker) as Arc<dyn Worker>, Some(worker))
            .await
    }

    async fn take_in(
        &self,
        api: Arc<dyn Worker>,
        local: Option<Arc<LocalWorker>>,
    ) -> Result<Uuid, RpcError> {
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
                api,
                local,
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

    /// Asks all workers how they are; those that do not answer or have a new session are let go.
    /// To be called every few seconds.
    pub async fn refresh(&self) {
        let all: Vec<_> = {
            let state = self.0.state.lock();
            let each = state.workers.iter();
            each.map(|(id, h)| (*id, Arc::clone(&h.api), h.local.clone()))
                .collect()
        };
        for (session, api, local) in all {
            match tokio::time::timeout(Duration::from_secs(5), self.take_in(api, local)).await {
                Ok(Ok(now)) if now == session => {}
                other => {
                    tracing::warn!(worker = %session, answer = ?other, "worker is gone");
                    self.0.state.lock().workers.remove(&session);
                }
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
                api: Arc::clone(&handle.api),
                local: handle.local.clone(),
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

    /// Takes a result that a worker delivers.
    fn deliver(&self, call: &CallId, outcome: Outcome) -> Result<(), SealError> {
        let known = self.0.deps.work.finish(call, &outcome)?;
        let mut state = self.0.state.lock();
        match state.waiting.remove(call) {
            Some(waiting) => waiting
                .into_iter()
                .for_each(|w| drop(w.send(outcome.clone()))),
            None if !known && state.early.len() < MAX_EARLY => {
                state.early.insert(*call, outcome);
            }
            None => {}
        }
        Ok(())
    }

    /// Waits for a call that is on record.
    async fn wait(&self, key: &str, call: &CallId) -> Result<Outcome, SealError> {
        let answer = {
            let mut state = self.0.state.lock();
            if let Some(outcome) = state.early.remove(call) {
                self.0.deps.work.finish(call, &outcome)?;
                return Ok(outcome);
            }
            // Under the lock, so that no delivery comes between looking and waiting.
            let recorded = self.0.deps.work.get(key)?;
            if let Some(outcome) = recorded.and_then(|r| r.outcome) {
                return Ok(outcome);
            }
            let (reply, answer) = oneshot::channel();
            state.waiting.entry(*call).or_default().push(reply);
            answer
        };
        answer
            .await
            .map_err(|_| SealError::Temporary("the manager is stopping".to_owned()))
    }

    /// Has a piece of work done once: finds it running or done, or begins it with `start`.
    async fn once<F>(
        &self,
        key: String,
        kind: Kind,
        sector: &SectorRef,
        task: TaskType,
        files: Files,
        mut start: impl FnMut(Arc<dyn Worker>, Option<Arc<LocalWorker>>) -> F,
    ) -> Result<crate::calls::Output, SealError>
    where
        F: Future<Output = Result<CallId, RpcError>>,
    {
        loop {
            let recorded = self.0.deps.work.get(&key)?;
            let (call, slot) = match recorded {
                Some(recorded) => (recorded.call, None),
                None => {
                    // Nobody reads what is written or moved, here or in another task.
                    let locks = &self.0.deps.index.locks;
                    let lock = if files.exclusive {
                        locks
                            .lock(sector.id, SectorFileType::NONE, files.existing)
                            .await
                    } else {
                        locks.lock(sector.id, files.existing, files.allocate).await
                    };
                    let slot = self.slot(sector, task.clone(), files).await?;
                    let begun = start(Arc::clone(&slot.api), slot.local.clone()).await;
                    let call = begun.map_err(|e| SealError::Temporary(e.to_string()))?;
                    self.0.deps.work.begin(&key, &call, kind)?;
                    (call, Some((slot, lock)))
                }
            };
            let outcome = self.wait(&key, &call).await?;
            drop(slot);
            match outcome {
                Ok(output) => return Ok(output),
                Err(error) if error.code == CallError::WORKER_RESTART => {
                    tracing::warn!(%call, "worker was restarted, doing the work again");
                    self.0.deps.work.forget(&key)?;
                }
                Err(error) => {
                    self.0.deps.work.forget_results(sector.id)?;
                    return Err(from_call_error(&error));
                }
            }
        }
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
        (!files.local_only || h.local.is_some())
            && (!files.long_term || h.stores)
            && (files.long_term || !needs_path || h.seals)
    };
    let has_all = |h: &Handle| {
        have.values()
            .all(|ids| ids.iter().any(|id| h.paths.contains(id)))
    };
    let eligible: BTreeSet<_> = workers
        .iter()
        .filter(|(_, h)| {
            can(h) || !files.long_term && !files.local_only && !have.is_empty() && has_all(h)
        })
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
