//! `lotus-miner sealing`: workers, and what they work on.

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, bail, ensure};
use data_encoding::HEXLOWER;
use lotus_rpc_api::{
    miner::StorageMiner,
    types::{
        go::Time,
        worker::{TaskType, WorkerJob, WorkerStats},
    },
};
use lotus_types::RegisteredSealProof;
use serde_json::json;
use uuid::Uuid;

use super::{
    Context,
    info::{WorkerType, worker_type},
};
use crate::{
    format::{Colour, Form, Paint, Table, go_duration, size, write_json},
    worker::by_priority,
};

/// Columns of a bar.
const BAR: f64 = 64.0;
/// The age of a job is told to a tenth of a second.
const AGE_STEP_NANOS: u32 = 100_000_000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Sealing {
    /// list running jobs
    Jobs {
        /// show returned but not consumed calls
        #[arg(long)]
        show_ret_done: bool,
        #[command(flatten)]
        colour: Colour,
        #[command(flatten)]
        form: Form,
    },
    /// list workers
    Workers {
        #[command(flatten)]
        colour: Colour,
        #[command(flatten)]
        form: Form,
    },
    /// Dump internal scheduler state
    SchedDiag {
        /// Let it schedule first
        #[arg(long)]
        force_sched: bool,
    },
    /// Abort a running job
    Abort {
        /// Specifies that the argument is UUID of the request to be removed from scheduler
        #[arg(long)]
        sched: bool,
        /// Begin of the job's id, as `sealing jobs` prints it
        #[arg(value_name = "callid")]
        id: String,
    },
}

impl Sealing {
    pub(super) async fn run(self, context: &Context, out: &mut dyn Write) -> anyhow::Result<()> {
        let miner = context.miner().await?;
        match self {
            // As with Lotus there is nothing in this list that has a colour.
            Self::Jobs {
                show_ret_done,
                form,
                colour: _,
            } => jobs(miner, show_ret_done, form, out).await,
            Self::Workers { colour, form } => {
                workers(miner, true, colour.paint(context.paint), form, out).await
            }
            Self::SchedDiag { force_sched } => Ok(write_json(
                out,
                &miner.sealing_sched_diag(force_sched).await?,
            )?),
            Self::Abort { sched: true, id } => {
                let request = Uuid::parse_str(&id)
                    .with_context(|| format!("{id:?} is not the UUID of a request"))?;
                let removed = miner.sealing_remove_request(request).await;
                removed.with_context(|| format!("removing the request {request}"))
            }
            Self::Abort { sched: false, id } => abort(miner, &id, out).await,
        }
    }
}

/// All jobs with the session of their worker, those that run first, older ones first.
async fn all_jobs(miner: &dyn StorageMiner) -> anyhow::Result<Vec<(Uuid, WorkerJob)>> {
    let jobs = miner.worker_jobs().await.context("getting worker jobs")?;
    let mut all: Vec<_> = jobs
        .into_iter()
        .flat_map(|(worker, jobs)| jobs.into_iter().map(move |job| (worker, job)))
        .collect();
    all.sort_by_key(|(_, job)| (job.run_wait, job.start, job.id.id));
    Ok(all)
}

async fn jobs(
    miner: &dyn StorageMiner,
    show_ret_done: bool,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let jobs = all_jobs(miner).await?;
    let workers = miner.worker_stats().await.context("getting worker stats")?;
    let mut table = Table::open(&[
        "ID", "Sector", "Worker", "Hostname", "Task", "State", "Time",
    ]);
    let mut listed = Vec::new();
    for (worker, job) in jobs {
        let state = match job.run_wait {
            -3 if !show_ret_done => continue,
            -3 => "ret-done".to_owned(),
            -2 => "returned".to_owned(),
            -1 => "ret-wait".to_owned(),
            1 => "prepared".to_owned(),
            place @ 2.. => format!("assigned({})", place - 1),
            _ => "running".to_owned(),
        };
        let host = workers.get(&worker).map(|w| w.info.hostname.clone());
        if form.is_json() {
            let mut entry = serde_json::to_value(&job)?;
            entry["Worker"] = json!(worker);
            entry["State"] = json!(state);
            if let Some(host) = host {
                entry["Hostname"] = json!(host);
            }
            listed.push(entry);
            continue;
        }
        table.row([
            short(job.id.id),
            job.sector.number.to_string(),
            short(worker),
            host.unwrap_or(job.hostname),
            job.task.short().to_owned(),
            state,
            age(job.start),
        ]);
    }
    if form.wrote(out, &listed)? {
        return Ok(());
    }
    Ok(table.write(out)?)
}

/// The first bytes of an id.
fn short(id: Uuid) -> String {
    HEXLOWER.encode(id.as_bytes().get(..4).unwrap_or_default())
}

fn age(start: Time) -> String {
    if start.is_zero() {
        return "n/a".to_owned();
    }
    let age = start.until(SystemTime::now().into());
    let rest = Duration::from_nanos((age.subsec_nanos() % AGE_STEP_NANOS).into());
    go_duration(age.saturating_sub(rest))
}

async fn abort(miner: &dyn StorageMiner, id: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let prefix = id.to_ascii_lowercase();
    let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    ensure!(
        !prefix.is_empty() && prefix.chars().all(hex),
        "{id:?} is not the begin of a job's id"
    );
    let jobs = all_jobs(miner).await?;
    let mut found = jobs
        .iter()
        .map(|(_, job)| job)
        .filter(|job| job.id.id.to_string().starts_with(&prefix));
    let Some(job) = found.next() else {
        bail!("job with specified id prefix not found: {id}; `lotus-miner sealing jobs` lists them")
    };
    if let Some(other) = found.next() {
        let (one, other) = (job.id.id, other.id.id);
        bail!("{id} is the begin of several jobs' ids, such as {one} and {other}: give more of it");
    }
    let (call, task, number) = (job.id, job.task.short(), job.sector.number);
    writeln!(
        out,
        "aborting job {call}, task {task}, sector {number}, running on host {}",
        job.hostname
    )?;
    Ok(miner.sealing_abort(call).await?)
}

/// Lists workers that seal, or the others.
pub(super) async fn workers(
    miner: &dyn StorageMiner,
    sealing: bool,
    paint: Paint,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut workers = miner.worker_stats().await?;
    workers.retain(|_, worker| (worker_type(worker) == WorkerType::Sealing) == sealing);
    if form.is_json() {
        let mut listed = Vec::new();
        for (session, worker) in &workers {
            let mut entry = serde_json::to_value(worker)?;
            entry["Session"] = json!(session);
            listed.push(entry);
        }
        return Ok(write_json(out, &listed)?);
    }
    for (session, worker) in workers {
        write_worker(session, &worker, paint, out)?;
    }
    Ok(())
}

fn write_worker(
    session: Uuid,
    worker: &WorkerStats,
    paint: Paint,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let disabled = if worker.enabled { "" } else { " (disabled)" };
    let has = &worker.info.resources;
    let host = paint.magenta(&worker.info.hostname);
    writeln!(out, "Worker {session}, host {host}{}", paint.red(disabled))?;
    let tasks = running(worker, paint);
    if !tasks.is_empty() {
        writeln!(out, "\tTASK: {tasks}")?;
    }
    let cpu = bar(has.cpus, 0, worker.cpu_use, paint);
    let (used, cpus) = (worker.cpu_use, has.cpus);
    writeln!(out, "\tCPU:  [{cpu}] {used}/{cpus} core(s) in use")?;
    let ram = memory(has.mem_physical, has.mem_used, worker.mem_used_min, paint);
    writeln!(out, "\tRAM:  {ram}")?;
    let virtual_memory = memory(
        has.mem_physical.saturating_add(has.mem_swap),
        has.mem_used.saturating_add(has.mem_swap_used),
        worker.mem_used_max,
        paint,
    );
    writeln!(out, "\tVMEM: {virtual_memory}")?;
    let count = has.gpus.len();
    if count > 0 {
        let share = worker.gpu_used / count as f64;
        let columns = (share * BAR).round().clamp(0.0, BAR) as usize;
        let bar = paint.green(format!("{:<1$}", "|".repeat(columns), BAR as usize));
        writeln!(
            out,
            "\tGPU:  [{bar}] {:.0}% {:.2}/{count} gpu(s) in use",
            share * 100.0,
            worker.gpu_used
        )?;
    }
    for gpu in &has.gpus {
        let told = if worker.gpu_used > 0.0 {
            paint.green(format!("{gpu}, used"))
        } else {
            paint.blue(format!("{gpu}, not used"))
        };
        writeln!(out, "\tGPU: {told}")?;
    }
    Ok(())
}

/// Running tasks and their limits: `AP(1) PC1(1/4) `.
fn running(worker: &WorkerStats, paint: Paint) -> String {
    let counts = worker.task_counts.iter().filter(|(_, count)| **count > 0);
    let mut tasks: Vec<(TaskType, Option<RegisteredSealProof>, i64)> = counts
        .filter_map(|(name, count)| {
            // PROOF:TASK
            let (proof, task) = name.split_once(':')?;
            let proof = proof.parse().ok().map(RegisteredSealProof);
            Some((TaskType(task.to_owned().into()), proof, *count))
        })
        .collect();
    let order = by_priority(tasks.iter().map(|(task, ..)| task.clone()));
    tasks.sort_by_key(|(task, ..)| order.iter().position(|known| known == task));
    let told = tasks.iter().map(|(task, proof, count)| {
        let limits = worker.info.resources.resources.get(task);
        let limit = limits
            .zip(*proof)
            .and_then(|(limits, proof)| limits.get(&proof));
        let name = paint.blue(task.short());
        match limit.map_or(0, |limit| limit.max_concurrent) {
            0 => format!("{name}({}) ", paint.cyan(count)),
            most => {
                let count = if *count < most {
                    paint.green(count)
                } else {
                    paint.yellow(count)
                };
                format!("{name}({count}/{most}) ")
            }
        }
    });
    told.collect()
}

/// `[||||   ] 5% 1.338 GiB/23.54 GiB`: what is used by others, and what tasks were promised.
fn memory(total: u64, used: u64, tasks: u64, paint: Paint) -> String {
    let others = used.saturating_sub(tasks);
    let sum = tasks.saturating_add(others);
    let share = u128::from(sum) * 100 / u128::from(total.max(1));
    let bar = bar(total, others, tasks, paint);
    format!("[{bar}] {share}% {}/{}", size(&sum), size(&total))
}

/// What others use, then what tasks were promised.
fn bar(total: u64, others: u64, tasks: u64, paint: Paint) -> String {
    let columns = |part: u64| {
        let share = part as f64 / total.max(1) as f64;
        (share * BAR).round().clamp(0.0, BAR) as usize
    };
    let all = BAR as usize;
    let others = columns(others);
    let tasks = columns(tasks).min(all - others);
    format!(
        "{}{}{}",
        paint.yellow("|".repeat(others)),
        paint.green("|".repeat(tasks)),
        " ".repeat(all - others - tasks)
    )
}
