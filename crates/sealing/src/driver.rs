//! Runs the state machine: does what each sector's state asks for and writes down what came of it.
//!
//! One task per sector that has something to do. A task reads the sector, performs its
//! [`Effect`](crate::reducer::Effect), appends the resulting event if the sector has not moved on
//! meanwhile, and starts again. Effects can be dropped at any point and done again: that is what a
//! crash does to them.
//!
//! # Invariants
//! - Only the store decides what state a sector is in; tasks hold nothing that is not on disk.
//! - What goes wrong with the chain or the database is tried again and never counted against a
//!   sector; what goes wrong with a sector becomes an event.

mod commit;
mod effects;
mod end;
mod outlook;
mod pre_commit;
mod recover;
mod replica;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use lotus_ports::{clock::Clock, proofs::Verifier};
use lotus_sealer::Sealer;
use lotus_types::{ActorId, Address, SectorNumber};
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    batch::{Decision, Queue},
    chain::{ChainApi, ChainError},
    config::{SealingConfig, SealingPolicy},
    event::Event,
    pieces::OpenSectors,
    reducer::{Effect, effect},
    sector::Sector,
    store::{SectorStore, StoreError},
};

pub use effects::Trouble;

/// What sealing works with.
#[derive(Debug)]
pub struct SealingDeps {
    /// The miner.
    pub miner: ActorId,
    /// Where sectors are kept.
    pub store: SectorStore,
    /// The full node.
    pub chain: Arc<dyn ChainApi>,
    /// Who does the work.
    pub sealer: Arc<dyn Sealer>,
    /// Checks proofs before they are sent; `None` to trust the sealer.
    pub verifier: Option<Arc<dyn Verifier>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the operator chose.
    pub config: SealingConfig,
    /// What the network fixes.
    pub policy: SealingPolicy,
    /// Who else may send messages, before worker and owner.
    pub senders: Senders,
}

/// `[Addresses]`: who sends which message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Senders {
    /// For pre-commits.
    pub pre_commit: Vec<Address>,
    /// For proofs.
    pub commit: Vec<Address>,
    /// For terminations.
    pub terminate: Vec<Address>,
    /// Never send from the owner.
    pub disable_owner_fallback: bool,
    /// Never send from the worker.
    pub disable_worker_fallback: bool,
}

pub(crate) struct Shared {
    pub(crate) miner: ActorId,
    pub(crate) store: SectorStore,
    pub(crate) chain: Arc<dyn ChainApi>,
    pub(crate) sealer: Arc<dyn Sealer>,
    pub(crate) verifier: Option<Arc<dyn Verifier>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: RwLock<SealingConfig>,
    pub(crate) policy: SealingPolicy,
    pub(crate) senders: Senders,
    pub(crate) pre_commits: Queue,
    pub(crate) commits: Queue,
    pub(crate) open: Mutex<OpenSectors>,
    pub(crate) room: Notify,
    wake: mpsc::UnboundedSender<SectorNumber>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing")
            .field("miner", &self.miner)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn now(&self) -> u64 {
        self.clock.unix_seconds()
    }

    pub(crate) fn config(&self) -> SealingConfig {
        self.config.read().clone()
    }

    /// Appends an event from outside the sector's task and lets the task know.
    pub(crate) fn send(&self, number: SectorNumber, event: &Event) -> Result<Sector, StoreError> {
        let sector = self.store.append(number, event, self.now())?;
        self.wake(number);
        Ok(sector)
    }

    pub(crate) fn wake(&self, number: SectorNumber) {
        // Closed only when the service stops.
        let _ = self.wake.send(number);
    }
}

/// Cloneable front of the sealing service.
#[derive(Debug, Clone)]
pub struct Sealing(pub(crate) Arc<Shared>);

impl Sealing {
    /// Gives the handle and the future that the supervisor runs. Nothing happens before it runs.
    pub fn start(
        deps: SealingDeps,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = Result<(), StoreError>> + Send) {
        let (wake, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            miner: deps.miner,
            store: deps.store,
            chain: deps.chain,
            sealer: deps.sealer,
            verifier: deps.verifier,
            clock: deps.clock,
            config: RwLock::new(deps.config),
            policy: deps.policy,
            senders: deps.senders,
            pre_commits: Queue::default(),
            commits: Queue::default(),
            open: Mutex::new(OpenSectors::default()),
            room: Notify::new(),
            wake,
        });
        (Self(Arc::clone(&shared)), run(shared, inbox, stop))
    }
}

async fn run(
    shared: Arc<Shared>,
    mut inbox: mpsc::UnboundedReceiver<SectorNumber>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut tasks = Tasks {
        shared: Arc::clone(&shared),
        set: JoinSet::new(),
        running: HashMap::new(),
    };
    for (number, _) in shared.store.states()? {
        tasks.look_at(number)?;
    }
    let queues = async { tokio::join!(pre_commit_queue(&shared), commit_queue(&shared)) };
    tokio::pin!(queues);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = &mut queues => return Ok(()), // They never end.
            Some(number) = inbox.recv() => tasks.look_at(number)?,
            Some(ended) = tasks.set.join_next() => match ended {
                Ok(number) => {
                    tasks.running.remove(&number);
                    // It may have got something to do while it ended.
                    tasks.look_at(number)?;
                }
                Err(error) => tracing::error!(%error, "the task of a sector ended badly"),
            },
        }
    }
}

struct Tasks {
    shared: Arc<Shared>,
    set: JoinSet<SectorNumber>,
    running: HashMap<SectorNumber, Arc<Notify>>,
}

impl Tasks {
    /// Tells the sector's task that something happened, or starts one if there is something to do.
    fn look_at(&mut self, number: SectorNumber) -> Result<(), StoreError> {
        if let Some(task) = self.running.get(&number) {
            task.notify_one();
            return Ok(());
        }
        let sector = self.shared.store.sector(number)?;
        if !is_active(effect(sector.state)) {
            return Ok(());
        }
        let changed = Arc::new(Notify::new());
        self.running.insert(number, Arc::clone(&changed));
        let shared = Arc::clone(&self.shared);
        self.set.spawn(async move {
            sector_task(&shared, number, &changed).await;
            number
        });
        Ok(())
    }
}

const fn is_active(effect: Effect) -> bool {
    !matches!(effect, Effect::Rest | Effect::Unsupported)
}

async fn sector_task(shared: &Arc<Shared>, number: SectorNumber, changed: &Notify) {
    loop {
        let sector = match shared.store.sector(number) {
            Ok(sector) => sector,
            Err(error) => {
                tracing::error!(sector = number, %error, "cannot read a sector");
                pause(shared, changed).await;
                continue;
            }
        };
        let effect = effect(sector.state);
        if !is_active(effect) {
            return;
        }
        tracing::debug!(sector = number, state = %sector.state, ?effect, "working on a sector");
        let outcome = tokio::select! {
            outcome = effects::perform(shared, &sector, effect) => outcome,
            () = changed.notified() => continue,
        };
        match outcome {
            Ok(Some(event)) => note(shared, &sector, &event, changed).await,
            Ok(None) => changed.notified().await,
            Err(trouble) => {
                tracing::warn!(sector = number, state = %sector.state, error = %trouble, "trying again");
                pause(shared, changed).await;
            }
        }
    }
}

async fn note(shared: &Shared, sector: &Sector, event: &Event, changed: &Notify) {
    let written = shared
        .store
        .append_if(sector.number, Some(sector.events), event, shared.now());
    match written {
        Ok(after) => {
            tracing::info!(
                sector = sector.number, from = %sector.state, to = %after.state,
                event = event.name(), error = event.error(), "sector moved on"
            );
            shared.room.notify_waiters();
        }
        Err(StoreError::Stale(_)) => {}
        Err(error) => {
            tracing::error!(sector = sector.number, event = event.name(), %error, "event not kept");
            pause(shared, changed).await;
        }
    }
}

async fn pause(shared: &Shared, changed: &Notify) {
    let pause: Duration = shared.config.read().chain_retry;
    tokio::select! {
        () = shared.clock.sleep(pause) => {}
        () = changed.notified() => {}
    }
}

async fn pre_commit_queue(shared: &Arc<Shared>) {
    loop {
        let config = shared.config().pre_commit_batch;
        match shared.pre_commits.take(shared.clock.now(), &config) {
            Ok(taken) => pre_commit::send_batch(shared, taken).await,
            Err(decision) => wait_for(shared, &shared.pre_commits, decision).await,
        }
    }
}

async fn commit_queue(shared: &Arc<Shared>) {
    loop {
        let config = shared.config().commit_batch;
        match shared.commits.take(shared.clock.now(), &config) {
            Ok(taken) => commit::send_batch(shared, taken).await,
            Err(decision) => wait_for(shared, &shared.commits, decision).await,
        }
    }
}

async fn wait_for(shared: &Shared, queue: &Queue, decision: Decision) {
    match decision {
        Decision::Wait(until) => tokio::select! {
            () = shared.clock.sleep_until(until) => {}
            () = queue.changed() => {}
        },
        Decision::Send | Decision::Idle => queue.changed().await,
    }
}

/// The chain's answer, or [`Trouble`].
pub(crate) type Asked<T> = Result<T, ChainError>;
