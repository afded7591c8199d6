//! Which worker does which task: a pure decision over a snapshot.
//!
//! # Invariants
//! - Every request is either assigned or waits with a reason.
//! - No worker gets more than its memory, threads, GPUs or the limit of a task kind allow, counting
//!   what it is doing and what it has just been given.
//! - A request that nobody can take now does not hold up those behind it.
//!
//! # Lotus parity
//! Order and resource rules are those of `sealer.Scheduler`; there are no windows, as nothing is
//! gained by binding a task to a worker before it can start.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use lotus_rpc_api::types::worker::{Resources, TaskType, WorkerInfo};
use lotus_types::{RegisteredSealProof, SectorId};
use uuid::Uuid;

/// A task that waits for a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its id, for operators.
    pub id: Uuid,
    /// What it is about.
    pub sector: SectorId,
    /// How the sector is sealed: says how large it is.
    pub proof: RegisteredSealProof,
    /// What is to be done.
    pub task: TaskType,
    /// Higher comes first, among tasks that change sectors.
    pub priority: i64,
    /// Workers (by session) that have or can get the files. `None` is any.
    pub eligible: Option<BTreeSet<Uuid>>,
    /// Workers that have the files already.
    pub preferred: BTreeSet<Uuid>,
}

/// A worker as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// Takes tasks.
    pub enabled: bool,
    /// Kinds of tasks that it does.
    pub tasks: BTreeSet<TaskType>,
    /// Its machine.
    pub info: WorkerInfo,
    /// What it is doing.
    pub active: Active,
}

/// Resources in use at a worker.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Active {
    /// Memory that tasks need at least, in bytes.
    pub memory_min: u64,
    /// Memory that tasks need at most.
    pub memory_max: u64,
    /// Threads.
    pub cpu: u64,
    /// GPUs, in parts.
    pub gpu: f64,
    /// Tasks by kind.
    pub counts: BTreeMap<TaskType, u64>,
}

/// How workers are chosen among those that fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Assigner {
    /// The least used.
    #[default]
    Utilization,
    /// The one with the fewest tasks.
    Spread,
}

/// Why a request waits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub enum Reason {
    /// There are no workers.
    NoWorkers,
    /// No worker does this kind of task.
    NobodyDoes,
    /// Workers that do it are disabled.
    Disabled,
    /// No worker that does it has the files, or room for them.
    NoFiles,
    /// Workers that could do it are at their limits: what is short at each.
    Busy(Vec<(Uuid, Short)>),
}

/// What a worker is short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Short {
    /// As many tasks of this kind run as may.
    Concurrency,
    /// Physical memory.
    Memory,
    /// Physical memory and swap.
    Swap,
    /// Threads.
    Cpu,
    /// GPUs.
    Gpu,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorkers => f.write_str("no worker is connected"),
            Self::NobodyDoes => f.write_str("no worker does this kind of task"),
            Self::Disabled => f.write_str("all workers that do it are disabled"),
            Self::NoFiles => f.write_str("no worker that does it has the files or room for them"),
            Self::Busy(short) => {
                f.write_str("busy:")?;
                short
                    .iter()
                    .try_for_each(|(worker, what)| write!(f, " {worker} ({what:?})"))
            }
        }
    }
}

/// The outcome.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Request and worker, in the order in which they are to be started.
    pub assigned: Vec<(Uuid, Uuid)>,
    /// All others.
    pub waiting: BTreeMap<Uuid, Reason>,
}

/// Lower comes first; negative ones before all others whatever their priority.
fn rank(task: &TaskType) -> i64 {
    match task.short() {
        "WNP" => -6,
        "WDP" => -5,
        "FUS" => -4,
        "FIN" | "FRU" => -3,
        "DL" => -2,
        "GET" => -1,
        "UNS" => 1,
        "C1" => 2,
        "C2" => 3,
        "PC2" => 4,
        "PC1" => 5,
        "PR1" => 6,
        "PR2" => 7,
        "RU" => 8,
        "AP" => 9,
        "DC" => 10,
        _ => 11,
    }
}

/// The order in which requests are looked at.
fn order(request: &Request) -> (bool, Reverse<i64>, i64, u64, Uuid) {
    let rank = rank(&request.task);
    let priority = if rank < 0 { 0 } else { request.priority };
    (
        rank >= 0,
        Reverse(priority),
        rank,
        request.sector.number,
        request.id,
    )
}

/// Threads that a task takes on a machine: -1 is 92 of 100, at least one.
fn threads(resources: &Resources, info: &WorkerInfo) -> u64 {
    let cpus = info.resources.cpus;
    let uses_gpu = resources.gpu_utilization > 0.0 && !info.resources.gpus.is_empty();
    let wanted = if uses_gpu && resources.max_parallelism_gpu != 0 {
        resources.max_parallelism_gpu
    } else {
        resources.max_parallelism
    };
    u64::try_from(wanted).unwrap_or_else(|_| (cpus.saturating_mul(92) / 100).max(1))
}

impl Active {
    /// What the worker is short of for one more task.
    fn short(&self, task: &TaskType, needs: &Resources, info: &WorkerInfo) -> Option<Short> {
        let running = self.counts.get(task).copied().unwrap_or(0);
        if u64::try_from(needs.max_concurrent).is_ok_and(|max| max > 0 && running >= max) {
            return Some(Short::Concurrency);
        }
        if info.ignore_resources {
            return None;
        }
        let r = &info.resources;
        let sum = |parts: &[u64]| parts.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
        if sum(&[r.mem_used, self.memory_min, needs.min_memory]) > r.mem_physical {
            return Some(Short::Memory);
        }
        let used = sum(&[
            r.mem_used,
            r.mem_swap_used,
            self.memory_max,
            needs.max_memory,
        ]);
        // A machine that is large enough for a task alone must not refuse it for its upper bound.
        if used > sum(&[r.mem_physical, r.mem_swap]) && self.memory_max > 0 {
            return Some(Short::Swap);
        }
        if self.cpu > 0 && self.cpu.saturating_add(threads(needs, info)) > r.cpus {
            return Some(Short::Cpu);
        }
        let gpus = u32::try_from(r.gpus.len()).map_or(f64::MAX, f64::from);
        let wants_gpu = needs.gpu_utilization > 0.0 && !r.gpus.is_empty();
        if wants_gpu && self.gpu + needs.gpu_utilization > gpus {
            return Some(Short::Gpu);
        }
        None
    }

    /// Adds a task.
    pub fn add(&mut self, task: &TaskType, needs: &Resources, info: &WorkerInfo) {
        self.memory_min = self.memory_min.saturating_add(needs.min_memory);
        self.memory_max = self.memory_max.saturating_add(needs.max_memory);
        self.cpu = self.cpu.saturating_add(threads(needs, info));
        if !info.resources.gpus.is_empty() {
            self.gpu += needs.gpu_utilization;
        }
        *self.counts.entry(task.clone()).or_default() += 1;
    }

    /// How much of the scarcest resource is used, from 0 to 1 and beyond.
    fn utilization(&self, info: &WorkerInfo) -> f64 {
        let part = |used: u64, all: u64| {
            #[expect(clippy::cast_precision_loss, reason = "a ratio to compare with")]
            let ratio = used as f64 / all.max(1) as f64;
            ratio
        };
        let r = &info.resources;
        let memory = part(self.memory_min, r.mem_physical);
        part(self.cpu, r.cpus).max(memory).max(self.gpu)
    }

    fn tasks(&self) -> u64 {
        self.counts.values().sum()
    }
}

const NOTHING: Resources = Resources {
    min_memory: 0,
    max_memory: 0,
    gpu_utilization: 0.0,
    max_parallelism: 0,
    max_parallelism_gpu: 0,
    base_min_memory: 0,
    max_concurrent: 0,
};

/// What a task needs on this worker: workers tell their own tables, overrides included.
pub fn needs<'a>(
    info: &'a WorkerInfo,
    task: &TaskType,
    proof: RegisteredSealProof,
) -> &'a Resources {
    info.resources
        .resources
        .get(task)
        .and_then(|by| by.get(&proof))
        .unwrap_or(&NOTHING)
}

/// Assigns what can be assigned now.
pub fn decide(
    requests: &[Request],
    workers: &BTreeMap<Uuid, Worker>,
    assigner: Assigner,
) -> Decision {
    let mut active: BTreeMap<Uuid, Active> = workers
        .iter()
        .map(|(id, w)| (*id, w.active.clone()))
        .collect();
    let mut queue: Vec<&Request> = requests.iter().collect();
    queue.sort_by_key(|r| order(r));
    let mut decision = Decision::default();
    for request in queue {
        match choose(request, workers, &active, assigner) {
            Ok(worker) => {
                decision.assigned.push((request.id, worker));
                if let (Some(w), Some(a)) = (workers.get(&worker), active.get_mut(&worker)) {
                    a.add(
                        &request.task,
                        needs(&w.info, &request.task, request.proof),
                        &w.info,
                    );
                }
            }
            Err(reason) => {
                decision.waiting.insert(request.id, reason);
            }
        }
    }
    decision
}

fn choose(
    request: &Request,
    workers: &BTreeMap<Uuid, Worker>,
    active: &BTreeMap<Uuid, Active>,
    assigner: Assigner,
) -> Result<Uuid, Reason> {
    if workers.is_empty() {
        return Err(Reason::NoWorkers);
    }
    let doing: Vec<_> = workers
        .iter()
        .filter(|(_, w)| w.tasks.contains(&request.task))
        .collect();
    if doing.is_empty() {
        return Err(Reason::NobodyDoes);
    }
    let enabled: Vec<_> = doing.into_iter().filter(|(_, w)| w.enabled).collect();
    if enabled.is_empty() {
        return Err(Reason::Disabled);
    }
    let has_files = |id: &Uuid| request.eligible.as_ref().is_none_or(|e| e.contains(id));
    let able: Vec<_> = enabled
        .into_iter()
        .filter(|(id, _)| has_files(id))
        .collect();
    if able.is_empty() {
        return Err(Reason::NoFiles);
    }
    let idle = Active::default();
    let mut short = Vec::new();
    let mut best: Option<(bool, f64, u64, Uuid)> = None;
    for (id, worker) in able {
        let now = active.get(id).unwrap_or(&idle);
        let resources = needs(&worker.info, &request.task, request.proof);
        if let Some(what) = now.short(&request.task, resources, &worker.info) {
            short.push((*id, what));
            continue;
        }
        let (load, tasks) = match assigner {
            Assigner::Utilization => (now.utilization(&worker.info), now.tasks()),
            Assigner::Spread => (0.0, now.tasks()),
        };
        let candidate = (!request.preferred.contains(id), load, tasks, *id);
        let better = best
            .as_ref()
            .is_none_or(|b| (candidate.0, candidate.1, candidate.2) < (b.0, b.1, b.2));
        if better {
            best = Some(candidate);
        }
    }
    best.map(|b| b.3).ok_or(Reason::Busy(short))
}

#[cfg(test)]
mod tests;
