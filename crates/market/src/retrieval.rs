//! The client's retrievals: which are under way, which are done, where their data lie.
//!
//! ```text
//!  start ─► Ongoing ─► Completed ─► (export)
//!              └─────► Errored, Cancelled
//! ```
//!
//! # Invariants
//! - A retrieval is `Completed` only when every block of its DAG was checked against its CID and lies on
//!   disk ([`gateway::retrieve`]).
//! - Retrievals live as long as the process: what an earlier one has left is removed at the start, and
//!   who still wants the data asks again.
//!
//! # Lotus parity
//! `ClientRetrieve`, `ClientRetrieveWait`, `ClientListRetrievals` and the updates, with the numbers of
//! go-fil-markets' states. Data come by HTTP (ADR 0003), and nothing is paid: prices are zero.

use std::{
    collections::BTreeMap,
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use lotus_rpc_api::types::{
    deals::{RetrievalInfo, RetrievalOrder},
    net::PeerId,
};
use lotus_types::{Cid, TokenAmount};
use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    gateway::{self, RetrieveError, RetrieveLimits, Retrieved},
    imports::{self, ImportError},
};

/// Updates that a slow listener may lag behind.
const UPDATES: usize = 256;
/// Retrievals that are remembered; the oldest ended ones are forgotten, with their data.
const REMEMBERED: usize = 1000;

/// How far a retrieval is, as go-fil-markets numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum RetrievalStatus {
    /// Data come in.
    Ongoing = 13,
    /// All is here.
    Completed = 15,
    /// It failed.
    Errored = 17,
    /// It was given up.
    Cancelled = 26,
}

impl RetrievalStatus {
    const fn is_final(self) -> bool {
        !matches!(self, Self::Ongoing)
    }
}

/// Why a retrieval cannot be told of or exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetrievalError {
    /// There is none of that number.
    #[error("no retrieval {0}: it was made by an earlier run, or never")]
    Unknown(u64),
    /// It failed or was given up.
    #[error("retrieving {root}: {reason}")]
    Failed {
        /// The DAG.
        root: Cid,
        /// Why.
        reason: String,
    },
    /// It goes on still.
    #[error("retrieval {0} is not done yet")]
    Ongoing(u64),
    /// Nobody hands the DAG out by HTTP.
    #[error(
        "{0} names no HTTP gateway among its addresses on chain, and other protocols of retrieval are \
         not supported"
    )]
    NoGateway(String),
    /// The data cannot be written where they were wanted.
    #[error(transparent)]
    Export(#[from] ImportError),
    /// The task that fetches is gone.
    #[error("the node is stopping")]
    Stopping,
}

/// Opening the folder for retrieved data failed.
#[derive(Debug, thiserror::Error)]
#[error("preparing {} for retrieved data", folder.display())]
pub struct RetrievalStartError {
    folder: PathBuf,
    source: std::io::Error,
}

struct Entry {
    order: RetrievalOrder,
    provider: PeerId,
    status: RetrievalStatus,
    message: String,
    received: u64,
    cancel: CancellationToken,
    done: watch::Sender<bool>,
}

struct Job {
    id: u64,
    root: Cid,
    urls: Vec<String>,
    cancel: CancellationToken,
}

struct Inner {
    folder: PathBuf,
    limits: RetrieveLimits,
    entries: Mutex<BTreeMap<u64, Entry>>,
    jobs: mpsc::UnboundedSender<Job>,
    updates: broadcast::Sender<RetrievalInfo>,
}

/// Cloneable front of the client's retrievals.
#[derive(Clone)]
pub struct Retrievals(Arc<Inner>);

impl std::fmt::Debug for Retrievals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Retrievals({})", self.0.folder.display())
    }
}

impl Retrievals {
    /// Empties `folder` and returns the handle and the future that the supervisor runs until `stop`.
    ///
    /// # Errors
    /// [`RetrievalStartError`].
    pub fn start(
        folder: &Path,
        limits: RetrieveLimits,
        stop: CancellationToken,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), RetrievalStartError> {
        let failed = |source| RetrievalStartError {
            folder: folder.to_path_buf(),
            source,
        };
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(failed)?;
        }
        std::fs::create_dir_all(folder).map_err(failed)?;
        let (jobs, inbox) = mpsc::unbounded_channel();
        let retrievals = Self(Arc::new(Inner {
            folder: folder.to_path_buf(),
            limits,
            entries: Mutex::default(),
            jobs,
            updates: broadcast::channel(UPDATES).0,
        }));
        let task = retrievals.clone().run(inbox);
        Ok((retrievals, async move {
            stop.run_until_cancelled(task).await;
        }))
    }

    async fn run(self, mut inbox: mpsc::UnboundedReceiver<Job>) {
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                job = inbox.recv() => match job {
                    Some(job) => running.push(self.fetch(job)),
                    None => return,
                },
                Some(()) = running.next(), if !running.is_empty() => {}
            }
        }
    }

    /// Begins to fetch a DAG from the gateways at `urls`, tried in order; its number.
    ///
    /// # Errors
    /// [`RetrievalError::NoGateway`], [`RetrievalError::Stopping`].
    pub fn begin(
        &self,
        order: RetrievalOrder,
        provider: PeerId,
        urls: Vec<String>,
    ) -> Result<u64, RetrievalError> {
        if urls.is_empty() {
            return Err(RetrievalError::NoGateway(order.miner.to_string()));
        }
        let (root, cancel) = (order.root, CancellationToken::new());
        let id = {
            let mut entries = self.0.entries.lock();
            let id = entries.last_key_value().map_or(1, |(last, _)| last + 1);
            entries.insert(
                id,
                Entry {
                    order,
                    provider,
                    status: RetrievalStatus::Ongoing,
                    message: String::new(),
                    received: 0,
                    cancel: cancel.clone(),
                    done: watch::Sender::new(false),
                },
            );
            self.forget_old(&mut entries);
            id
        };
        let job = Job {
            id,
            root,
            urls,
            cancel,
        };
        self.0
            .jobs
            .send(job)
            .map_err(|_| RetrievalError::Stopping)?;
        Ok(id)
    }

    fn forget_old(&self, entries: &mut BTreeMap<u64, Entry>) {
        let spare = entries.len().saturating_sub(REMEMBERED);
        let ended = entries.iter().filter(|(_, e)| e.status.is_final());
        let old: Vec<u64> = ended.map(|(id, _)| *id).take(spare).collect();
        for id in old {
            entries.remove(&id);
            // What cannot be removed now is removed at the next start.
            let _ = std::fs::remove_file(self.car(id));
        }
    }

    /// Waits until a retrieval has ended.
    ///
    /// # Errors
    /// [`RetrievalError`] when it has not ended well.
    pub async fn wait(&self, id: u64) -> Result<(), RetrievalError> {
        let mut done = {
            let entries = self.0.entries.lock();
            let entry = entries.get(&id).ok_or(RetrievalError::Unknown(id))?;
            entry.done.subscribe()
        };
        done.wait_for(|done| *done)
            .await
            .map_err(|_| RetrievalError::Stopping)?;
        self.data(id).map(drop)
    }

    /// Gives a retrieval up. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`RetrievalError::Unknown`].
    pub fn cancel(&self, id: u64) -> Result<(), RetrievalError> {
        let entries = self.0.entries.lock();
        let entry = entries.get(&id).ok_or(RetrievalError::Unknown(id))?;
        entry.cancel.cancel();
        Ok(())
    }

    /// All retrievals of this run, oldest first.
    pub fn list(&self) -> Vec<RetrievalInfo> {
        let entries = self.0.entries.lock();
        entries.iter().map(|(id, entry)| info(*id, entry)).collect()
    }

    /// Retrievals as they change from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<RetrievalInfo> {
        self.0.updates.subscribe()
    }

    /// Writes retrieved data to `to`, which must not exist: as the file that they are, or as a CAR.
    /// Blocks; takes as long as copying does.
    ///
    /// # Errors
    /// [`RetrievalError`].
    pub fn export(
        &self,
        id: u64,
        root: &Cid,
        to: &Path,
        as_car: bool,
    ) -> Result<(), RetrievalError> {
        Ok(imports::export_car(&self.data(id)?, root, to, as_car)?)
    }

    /// The CAR of a retrieval that is done.
    fn data(&self, id: u64) -> Result<PathBuf, RetrievalError> {
        let entries = self.0.entries.lock();
        let entry = entries.get(&id).ok_or(RetrievalError::Unknown(id))?;
        match entry.status {
            RetrievalStatus::Completed => Ok(self.car(id)),
            RetrievalStatus::Ongoing => Err(RetrievalError::Ongoing(id)),
            RetrievalStatus::Errored | RetrievalStatus::Cancelled => Err(RetrievalError::Failed {
                root: entry.order.root,
                reason: entry.message.clone(),
            }),
        }
    }

    fn car(&self, id: u64) -> PathBuf {
        self.0.folder.join(format!("{id}.car"))
    }

    async fn fetch(&self, job: Job) {
        let outcome = job
            .cancel
            .run_until_cancelled(self.fetch_from_any(&job))
            .await;
        let (status, message) = match outcome {
            Some(Ok(())) => (RetrievalStatus::Completed, String::new()),
            Some(Err(error)) => (RetrievalStatus::Errored, error),
            None => (RetrievalStatus::Cancelled, "it was cancelled".to_owned()),
        };
        self.change(job.id, |entry| {
            entry.status = status;
            entry.message = message;
        });
    }

    async fn fetch_from_any(&self, job: &Job) -> Result<(), String> {
        let mut reasons = Vec::new();
        for url in &job.urls {
            let progress = |so_far: Retrieved| {
                self.change(job.id, |entry| entry.received = so_far.bytes);
            };
            let to = self.car(job.id);
            match gateway::retrieve(url, &job.root, &to, &self.0.limits, progress).await {
                Ok(_) => return Ok(()),
                Err(error) => reasons.push(with_causes(&error)),
            }
        }
        Err(reasons.join("; "))
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.0.entries.lock();
        let Some(entry) = entries.get_mut(&id) else {
            return;
        };
        change(entry);
        // Nobody listening is fine.
        let _ = self.0.updates.send(info(id, entry));
        if entry.status.is_final() {
            entry.done.send_replace(true);
        }
    }
}

fn with_causes(error: &RetrieveError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn info(id: u64, entry: &Entry) -> RetrievalInfo {
    RetrievalInfo {
        payload_cid: entry.order.root,
        id,
        piece_cid: entry.order.piece,
        price_per_byte: TokenAmount::zero(),
        unseal_price: entry.order.unseal_price.clone(),
        status: entry.status as u64,
        message: entry.message.clone(),
        provider: entry.provider.clone(),
        bytes_received: entry.received,
        bytes_paid_for: 0,
        total_paid: TokenAmount::zero(),
        transfer_channel_id: None,
        data_transfer: None,
        event: None,
    }
}

#[cfg(test)]
mod tests;
