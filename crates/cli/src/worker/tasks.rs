//! `lotus-worker tasks`: kinds of work that the worker takes; and the order in which kinds of work are
//! listed.

use anyhow::bail;
use lotus_rpc_api::{types::worker::TaskType, worker::Worker};

/// Kinds that can be given and taken away.
const SETTABLE: [TaskType; 9] = [
    TaskType::UNSEAL,
    TaskType::COMMIT2,
    TaskType::PRE_COMMIT2,
    TaskType::PRE_COMMIT1,
    TaskType::PROVE_REPLICA_UPDATE2,
    TaskType::REPLICA_UPDATE,
    TaskType::ADD_PIECE,
    TaskType::DATA_CID,
    TaskType::REGEN_SECTOR_KEY,
];

/// All kinds, the most urgent one first.
const PRIORITY: [TaskType; 18] = [
    TaskType::GENERATE_WINNING_POST,
    TaskType::GENERATE_WINDOW_POST,
    TaskType::FINALIZE_UNSEALED,
    TaskType::FINALIZE,
    TaskType::DOWNLOAD_SECTOR,
    TaskType::FETCH,
    TaskType::FINALIZE_REPLICA_UPDATE,
    TaskType::UNSEAL,
    TaskType::COMMIT1,
    TaskType::COMMIT2,
    TaskType::PRE_COMMIT2,
    TaskType::PRE_COMMIT1,
    TaskType::PROVE_REPLICA_UPDATE1,
    TaskType::PROVE_REPLICA_UPDATE2,
    TaskType::REPLICA_UPDATE,
    TaskType::ADD_PIECE,
    TaskType::DATA_CID,
    TaskType::REGEN_SECTOR_KEY,
];

/// Kinds of work, the most urgent one first; unknown ones come last.
pub(crate) fn by_priority(tasks: impl IntoIterator<Item = TaskType>) -> Vec<TaskType> {
    let place = |task: &TaskType| PRIORITY.iter().position(|known| known == task);
    let mut tasks: Vec<_> = tasks.into_iter().collect();
    tasks.sort_by_key(|task| (place(task).unwrap_or(PRIORITY.len()), task.clone()));
    tasks
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Tasks {
    /// Enable a task type
    Enable {
        /// Which
        #[arg(value_name = "UNS|C2|PC2|PC1|PR2|RU|AP|DC|GSK", value_parser = task_type)]
        task: TaskType,
    },
    /// Disable a task type
    Disable {
        /// Which
        #[arg(value_name = "UNS|C2|PC2|PC1|PR2|RU|AP|DC|GSK", value_parser = task_type)]
        task: TaskType,
    },
}

impl Tasks {
    pub(super) async fn run(self, worker: &dyn Worker) -> anyhow::Result<()> {
        match self {
            Self::Enable { task } => worker.task_enable(task).await?,
            Self::Disable { task } => worker.task_disable(task).await?,
        }
        Ok(())
    }
}

fn task_type(short: &str) -> anyhow::Result<TaskType> {
    let found = SETTABLE.iter().find(|task| task.short() == short);
    match found {
        Some(task) => Ok(task.clone()),
        None => {
            let names: Vec<_> = SETTABLE.iter().map(TaskType::short).collect();
            bail!("unknown task type '{short}'; one of {}", names.join(", "))
        }
    }
}
