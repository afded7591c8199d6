//! A chain and a sealer that answer at once, fail on demand, and can stop the world at any call.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lotus_ports::clock::SystemClock;
use lotus_sealer::Sealer;
use lotus_sealing::{
    BatchConfig, ChainApi, RetryPolicy, Sealing, SealingConfig, SealingDeps, SealingPolicy,
    SectorStore, Senders,
};
use lotus_types::{ActorId, SectorNumber, TokenAmount};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

mod chain;
mod sealer;

pub(crate) use chain::{FakeChain, Ledger};
pub(crate) use sealer::{FakeSealer, zero_piece};

pub(crate) const MINER: ActorId = 1000;

/// Stops the world at the n-th call of any port.
#[derive(Debug, Default)]
pub(crate) struct Freezer {
    calls: AtomicU64,
    /// 0: never.
    at: AtomicU64,
    pub(crate) frozen: Notify,
}

impl Freezer {
    pub(crate) fn freeze_at(&self, call: u64) {
        self.calls.store(0, Ordering::SeqCst);
        self.at.store(call, Ordering::SeqCst);
    }

    pub(crate) fn thaw(&self) {
        self.at.store(0, Ordering::SeqCst);
    }

    /// Counts a call; true when this is the one that never returns.
    fn hit(&self) -> bool {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let at = self.at.load(Ordering::SeqCst);
        at != 0 && call >= at
    }

    async fn stop(&self) {
        self.frozen.notify_one();
        std::future::pending::<()>().await;
    }

    /// Runs `call`; the world stops before or after its effect.
    async fn guard<T>(&self, after: bool, call: impl FnOnce() -> T) -> T {
        let hit = self.hit();
        if hit && !after {
            self.stop().await;
        }
        let answer = call();
        if hit && after {
            self.stop().await;
        }
        answer
    }
}

/// Everything that outlives a process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) chain: Arc<FakeChain>,
    pub(crate) sealer: Arc<FakeSealer>,
    pub(crate) freezer: Arc<Freezer>,
}

impl World {
    pub(crate) fn new(stop_after: bool) -> Self {
        let freezer = Arc::new(Freezer::default());
        let ledger = Ledger {
            height: 2000,
            ..Ledger::default()
        };
        Self {
            chain: Arc::new(FakeChain {
                ledger: Mutex::new(ledger),
                freezer: Arc::clone(&freezer),
                stop_after,
            }),
            sealer: Arc::new(FakeSealer {
                freezer: Arc::clone(&freezer),
                failures: Mutex::default(),
                calls: Mutex::default(),
            }),
            freezer,
        }
    }

    /// Starts the process on the database at `path`.
    pub(crate) fn start(&self, path: &Path, config: SealingConfig) -> Process {
        let stop = CancellationToken::new();
        let deps = SealingDeps {
            miner: MINER,
            store: SectorStore::open(path).unwrap(),
            chain: Arc::clone(&self.chain) as Arc<dyn ChainApi>,
            sealer: Arc::clone(&self.sealer) as Arc<dyn Sealer>,
            verifier: None,
            clock: Arc::new(SystemClock::new(|d| Box::pin(tokio::time::sleep(d)))),
            config,
            policy: SealingPolicy::new(Duration::from_secs(4), 10),
            senders: Senders::default(),
        };
        let (sealing, run) = Sealing::start(deps, stop);
        Process {
            sealing,
            task: tokio::spawn(async move { run.await.unwrap() }),
        }
    }
}

/// A running process. Dropping it is `kill -9`.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) sealing: Sealing,
    task: tokio::task::JoinHandle<()>,
}

impl Process {
    pub(crate) async fn kill(self) {
        self.task.abort();
        drop(self.task.await);
    }

    /// Waits until the sector is in `state`.
    pub(crate) async fn reaches(&self, sector: SectorNumber, state: lotus_sealing::SectorState) {
        let reached = async {
            while self.sealing.store().sector(sector).unwrap().state != state {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), reached)
            .await
            .is_err()
        {
            let sector = self.sealing.store().sector(sector).unwrap();
            panic!("waiting for {state}, but {sector:#?}");
        }
    }
}

/// Everything at once and without pauses.
pub(crate) fn quick() -> SealingConfig {
    let batch = BatchConfig {
        min: 2,
        max: 2,
        wait: Duration::from_millis(5),
        slack: Duration::ZERO,
    };
    SealingConfig {
        batch_pre_commits: false,
        aggregate_commits: false,
        pre_commit_batch: BatchConfig { min: 1, ..batch },
        commit_batch: batch,
        batch_pre_commit_above_base_fee: TokenAmount::zero(),
        aggregate_above_base_fee: TokenAmount::zero(),
        wait_deals_delay: Duration::from_millis(1),
        retry: RetryPolicy {
            base: Duration::ZERO,
            max: Duration::ZERO,
            limit: 5,
        },
        chain_retry: Duration::from_millis(1),
        head_poll: Duration::from_millis(1),
        ..SealingConfig::default()
    }
}
