//! Named tasks under one stop.
//!
//! # Invariants
//! - Every task has a name, and no task is spawned without the supervisor: a process that ends can say
//!   which task ended it and which tasks did not end in time.
//! - A critical task that panics, fails or returns before the stop stops the process. A background
//!   task that does so is logged and nothing more.
//! - The stop is one [`CancellationToken`]; tasks get [`Deadline`](Supervisor::new) to wind down, then
//!   they are aborted. A second signal does not wait.

use std::{borrow::Cow, collections::BTreeMap, fmt, future::Future, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::{AbortHandle, JoinError},
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::pool::panic_message;

/// An error of a task.
pub type TaskError = Box<dyn std::error::Error + Send + Sync>;

/// How a critical task came to its end.
#[derive(Debug, thiserror::Error)]
pub enum Ending {
    /// It panicked.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// It returned an error.
    #[error("{0}")]
    Failed(#[source] TaskError),
    /// It returned although nobody had asked it to stop.
    #[error("it ended without being asked to")]
    Returned,
}

/// Why the process stops.
#[derive(Debug)]
pub enum StopReason {
    /// A signal: `SIGINT` or `SIGTERM`.
    Signal(&'static str),
    /// Somebody asked for it, for example through the API.
    Requested(String),
    /// A critical task came to its end.
    TaskEnded {
        /// Its name.
        task: String,
        /// What happened.
        ending: Ending,
    },
}

impl StopReason {
    /// True when the process should exit with code 0.
    pub fn is_orderly(&self) -> bool {
        !matches!(self, Self::TaskEnded { .. })
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(name) => write!(f, "{name} received"),
            Self::Requested(by) => write!(f, "stop requested by {by}"),
            Self::TaskEnded { task, ending } => write!(f, "task {task}: {ending}"),
        }
    }
}

/// How the process ended.
#[derive(Debug)]
pub struct Outcome {
    /// What started the stop.
    pub reason: StopReason,
    /// Tasks that did not end in time and were aborted, by name.
    pub unfinished: Vec<String>,
}

/// Starts tasks; cloneable, handed to services.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    reasons: mpsc::UnboundedSender<StopReason>,
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    tasks: BTreeMap<u64, (Cow<'static, str>, AbortHandle)>,
}

impl Tasks {
    /// Starts a task that must run until the stop.
    pub fn critical<F, E>(&self, name: impl Into<Cow<'static, str>>, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + 'static,
    {
        let (stop, reasons) = (self.stop.clone(), self.reasons.clone());
        self.spawn(name.into(), task, move |name, outcome| {
            let ending = match outcome {
                Ok(()) if stop.is_cancelled() => return,
                Ok(()) => Ending::Returned,
                Err(ending) => ending,
            };
            if stop.is_cancelled() {
                tracing::warn!(task = %name, %ending, "task ended badly during the stop");
                return;
            }
            // The receiver is only gone when the process is over.
            let _ = reasons.send(StopReason::TaskEnded {
                task: name.into_owned(),
                ending,
            });
        });
    }

    /// Starts a task that may end by itself; a failure or panic is logged.
    pub fn background<F, E>(&self, name: impl Into<Cow<'static, str>>, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + 'static,
    {
        self.spawn(name.into(), task, |name, outcome| {
            if let Err(ending) = outcome {
                tracing::error!(task = %name, %ending, "background task ended badly");
            }
        });
    }

    /// The token that is cancelled when the process should stop.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Asks the process to stop; `by` is logged. Returns at once.
    pub fn request_stop(&self, by: impl Into<String>) {
        let _ = self.reasons.send(StopReason::Requested(by.into()));
    }

    /// Names of the tasks that are running, for diagnosis.
    pub fn names(&self) -> Vec<String> {
        self.running
            .lock()
            .tasks
            .values()
            .map(|(name, _)| name.to_string())
            .collect()
    }

    fn spawn<F, E>(
        &self,
        name: Cow<'static, str>,
        task: F,
        ended: impl FnOnce(Cow<'static, str>, Result<(), Ending>) + Send + 'static,
    ) where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + 'static,
    {
        let work = tokio::spawn(async move { task.await.map_err(Into::into) });
        let number = {
            let mut running = self.running.lock();
            running.next += 1;
            let number = running.next;
            running
                .tasks
                .insert(number, (name.clone(), work.abort_handle()));
            number
        };
        let running = Arc::clone(&self.running);
        self.tracker.spawn(async move {
            let outcome = work.await;
            running.lock().tasks.remove(&number);
            match outcome {
                Ok(result) => ended(name, result.map_err(Ending::Failed)),
                Err(error) if error.is_cancelled() => {}
                Err(error) => ended(name, Err(Ending::Panicked(message_of(error)))),
            }
        });
    }
}

fn message_of(error: JoinError) -> String {
    error
        .try_into_panic()
        .map_or_else(|error| error.to_string(), |panic| panic_message(&*panic))
}

/// Owns a process's tasks from start to end.
#[derive(Debug)]
pub struct Supervisor {
    tasks: Tasks,
    reasons: mpsc::UnboundedReceiver<StopReason>,
    wind_down: Duration,
}

impl Supervisor {
    /// A supervisor that gives tasks `wind_down` to end once the stop has begun.
    pub fn new(wind_down: Duration) -> Self {
        let (sender, reasons) = mpsc::unbounded_channel();
        let tasks = Tasks {
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            reasons: sender,
            running: Arc::default(),
        };
        Self {
            tasks,
            reasons,
            wind_down,
        }
    }

    /// The handle that starts tasks.
    pub fn tasks(&self) -> Tasks {
        self.tasks.clone()
    }

    /// Waits for a signal, a request or the end of a critical task, then winds down.
    ///
    /// # Errors
    /// When signal handlers cannot be installed.
    pub async fn run(mut self) -> std::io::Result<Outcome> {
        let mut signals = Signals::install()?;
        let reason = tokio::select! {
            Some(reason) = self.reasons.recv() => reason,
            name = signals.next() => StopReason::Signal(name),
        };
        if reason.is_orderly() {
            tracing::info!(%reason, "stopping");
        } else {
            tracing::error!(%reason, "stopping");
        }
        self.tasks.stop.cancel();
        self.tasks.tracker.close();
        let deadline = Instant::now() + self.wind_down;
        tokio::select! {
            _ = timeout_at(deadline, self.tasks.tracker.wait()) => {}
            name = signals.next() => tracing::warn!("{name} received again, not waiting any longer"),
        }
        Ok(Outcome {
            reason,
            unfinished: self.abort_rest(),
        })
    }

    fn abort_rest(&self) -> Vec<String> {
        let running = std::mem::take(&mut self.tasks.running.lock().tasks);
        let unfinished = running.into_values().map(|(name, handle)| {
            handle.abort();
            tracing::warn!(task = %name, "task did not end in time and is aborted");
            name.into_owned()
        });
        unfinished.collect()
    }
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(test)]
mod tests;
