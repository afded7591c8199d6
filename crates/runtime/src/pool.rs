//! Named threads for work that blocks or computes: VM execution, proofs, signature batches.
//!
//! # Invariants
//! - A panic in one job is that job's error; the thread and the pool live on.
//! - Dropping the last handle lets queued jobs finish and ends the threads.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The job panicked.
    #[error("a job of pool {pool} panicked: {message}")]
    Panicked {
        /// Name of the pool.
        pool: Arc<str>,
        /// What it said.
        message: String,
    },
    /// The pool's threads are gone.
    #[error("pool {0} has ended")]
    Ended(Arc<str>),
}

/// A fixed number of threads with one queue. Cloneable.
#[derive(Clone)]
pub struct BlockingPool {
    name: Arc<str>,
    queue: mpsc::Sender<Job>,
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingPool")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl BlockingPool {
    /// Starts `threads` threads called `<name>-<n>` with `stack` bytes of stack each (the FVM needs
    /// 64 MiB). At least one thread is started.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn new(name: &str, threads: usize, stack: usize) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads.max(1) {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .stack_size(stack)
                .spawn(move || {
                    loop {
                        // The lock is held while waiting: the next idle thread waits for it instead.
                        let job = jobs.lock().recv();
                        let Ok(job) = job else { return };
                        job();
                    }
                })?;
        }
        Ok(Self {
            name: name.into(),
            queue,
        })
    }

    /// Runs `job` on one of the threads. Dropping the future does not stop a job that has started.
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(job));
            // The caller may have left.
            let _ = reply.send(outcome.map_err(|panic| panic_message(&*panic)));
        });
        let ended = || PoolError::Ended(Arc::clone(&self.name));
        self.queue.send(job).map_err(|_| ended())?;
        let outcome = answer.await.map_err(|_| ended())?;
        outcome.map_err(|message| PoolError::Panicked {
            pool: Arc::clone(&self.name),
            message,
        })
    }
}

/// The text of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}

#[cfg(test)]
mod a_pool {
    use super::*;

    #[tokio::test]
    async fn runs_jobs_on_named_threads() {
        let pool = BlockingPool::new("vm", 1, 1 << 20).expect("starts");
        let name = pool
            .run(|| thread::current().name().map(str::to_owned))
            .await
            .expect("runs");
        assert_eq!(name.as_deref(), Some("vm-0"));
    }

    #[tokio::test]
    async fn survives_a_panic() {
        let pool = BlockingPool::new("proofs", 1, 1 << 20).expect("starts");
        let error = pool
            .run(|| panic!("bad sector"))
            .await
            .map(|(): ()| ())
            .expect_err("panics");
        assert_eq!(
            error.to_string(),
            "a job of pool proofs panicked: bad sector"
        );
        assert_eq!(pool.run(|| 2).await.expect("lives on"), 2);
    }

    #[tokio::test]
    async fn works_in_parallel() {
        let pool = BlockingPool::new("bls", 2, 1 << 20).expect("starts");
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let other = Arc::clone(&barrier);
        // Each waits for the other: one thread alone would wait forever.
        let both = futures::future::join(
            pool.run(move || barrier.wait().is_leader()),
            pool.run(move || other.wait().is_leader()),
        );
        let both = tokio::time::timeout(std::time::Duration::from_secs(20), both).await;
        let (a, b) = both.expect("no deadlock");
        assert!(a.expect("ran") ^ b.expect("ran"));
    }
}
