//! Having work done once, whatever restarts in between.

use std::{collections::BTreeMap, time::SystemTime};

use lotus_rpc_api::{
    RpcError,
    types::{
        storage::SectorFileType,
        worker::{CallError, CallId, TaskType, WorkerJob},
    },
};
use lotus_types::sector::SectorRef;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Files, MAX_EARLY, Manager, Place};
use crate::{
    SealError,
    calls::{Kind, Outcome, Output, from_call_error},
};

/// A call that a worker runs, taken off the list when it is dropped.
struct Running {
    manager: Manager,
    call: CallId,
}

impl Running {
    fn note(manager: &Manager, worker: Uuid, call: CallId, task: TaskType) -> Self {
        let job = WorkerJob {
            id: call,
            sector: call.sector,
            task,
            run_wait: 0,
            start: SystemTime::now().into(),
            hostname: String::new(),
        };
        manager.0.state.lock().jobs.insert(call, (worker, job));
        Self {
            manager: manager.clone(),
            call,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.manager.0.state.lock().jobs.remove(&self.call);
    }
}

impl Manager {
    /// Calls that workers run, by the worker's session.
    pub fn jobs(&self) -> BTreeMap<Uuid, Vec<WorkerJob>> {
        let mut jobs: BTreeMap<Uuid, Vec<WorkerJob>> = BTreeMap::new();
        for (worker, job) in self.0.state.lock().jobs.values() {
            jobs.entry(*worker).or_default().push(job.clone());
        }
        jobs
    }

    /// Takes a result that a worker delivers.
    pub(super) fn deliver(&self, call: &CallId, outcome: Outcome) -> Result<(), SealError> {
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
    pub(super) async fn once<F>(
        &self,
        key: String,
        kind: Kind,
        sector: &SectorRef,
        task: TaskType,
        files: Files,
        mut start: impl FnMut(Place) -> F,
    ) -> Result<Output, SealError>
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
                    let begun = start(slot.place.clone()).await;
                    let call = begun.map_err(|e| SealError::Temporary(e.to_string()))?;
                    self.0.deps.work.begin(&key, &call, kind)?;
                    let running = Running::note(self, slot.worker, call, task.clone());
                    (call, Some((slot, lock, running)))
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
