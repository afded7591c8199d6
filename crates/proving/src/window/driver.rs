//! Follows the chain's head and does what the plan says.

mod post;
mod recover;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use lotus_actors::miner::DeadlineInfo;
use lotus_ports::clock::Clock;
use lotus_sealer::PoStProver;
use lotus_sealing::{
    ChainError,
    chain::Head,
    policy::{Candidate, choose_sender},
};
use lotus_types::{ActorId, Address, ChainEpoch, TokenAmount, wire};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    chain::PoStChain,
    plan::{Action, Progress, Stage, due},
};
use post::Prepared;

/// What the operator chooses, and limits of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowConfig {
    /// Most gas fee of a message. Default 5 FIL.
    pub max_fee: TokenAmount,
    /// Partitions in one message. The network takes 3.
    pub max_partitions_per_message: usize,
    /// Partitions in one declaration of recoveries; 0 is no limit.
    pub max_partitions_per_recovery: usize,
    /// Do not look at files before proving. Default false.
    pub disable_pre_checks: bool,
    /// Never send from the owner. Default false.
    pub disable_owner_fallback: bool,
    /// Never send from the worker. Default false.
    pub disable_worker_fallback: bool,
    /// How often the head is looked at. Default: a block time.
    pub head_poll: Duration,
    /// A failed proof is tried again after so many epochs.
    pub retry_after: ChainEpoch,
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self {
            max_fee: TokenAmount::from_fil(5),
            max_partitions_per_message: 3,
            max_partitions_per_recovery: 0,
            disable_pre_checks: false,
            disable_owner_fallback: false,
            disable_worker_fallback: false,
            head_poll: Duration::from_secs(30),
            retry_after: 2,
        }
    }
}

/// What the scheduler works with.
#[derive(Debug)]
pub struct WindowDeps {
    /// The miner.
    pub miner: ActorId,
    /// The full node.
    pub chain: Arc<dyn PoStChain>,
    /// Who proves.
    pub prover: Arc<dyn PoStProver>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Settings.
    pub config: WindowConfig,
}

/// What the scheduler is doing, for operators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowStatus {
    /// The height that it has seen last.
    pub height: ChainEpoch,
    /// Deadlines by the opening epoch of their windows.
    pub progress: Progress,
    /// Windows that closed without a proof since the start.
    pub missed: u64,
    /// The last thing that went wrong.
    pub last_error: String,
}

pub(super) struct Shared {
    pub(super) miner: ActorId,
    pub(super) chain: Arc<dyn PoStChain>,
    pub(super) prover: Arc<dyn PoStProver>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: WindowConfig,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowPoSt")
            .field("miner", &self.miner)
            .finish_non_exhaustive()
    }
}

/// Why a proof or a message was not made. All of it is tried again while the window is open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Proving failed.
    #[error(transparent)]
    Prover(#[from] lotus_sealer::SealError),
    /// The message was turned down.
    #[error("message refused: {0}")]
    Refused(String),
    /// The chain's answer makes no sense, or a message could not be built.
    #[error("{0}")]
    Invalid(String),
    /// The challenge was drawn again after a reorganisation.
    #[error("the chain has another challenge now")]
    Reorganised,
}

impl From<lotus_sealing::chain::PushError> for WindowError {
    fn from(error: lotus_sealing::chain::PushError) -> Self {
        match error {
            lotus_sealing::chain::PushError::Chain(error) => Self::Chain(error),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Cloneable front of the scheduler.
#[derive(Debug, Clone)]
pub struct WindowPoStScheduler {
    shared: Arc<Shared>,
    status: watch::Receiver<WindowStatus>,
}

impl WindowPoStScheduler {
    /// Gives the handle and the future that the supervisor runs.
    pub fn start(
        deps: WindowDeps,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let shared = Arc::new(Shared {
            miner: deps.miner,
            chain: deps.chain,
            prover: deps.prover,
            clock: deps.clock,
            config: deps.config,
        });
        let (publish, status) = watch::channel(WindowStatus::default());
        let actor = Actor {
            shared: Arc::clone(&shared),
            progress: Progress::new(),
            prepared: BTreeMap::new(),
            recovered: None,
            tasks: JoinSet::new(),
            publish,
        };
        let run = async move {
            stop.run_until_cancelled(actor.run()).await;
        };
        (Self { shared, status }, run)
    }

    /// What it is doing.
    pub fn status(&self) -> WindowStatus {
        self.status.borrow().clone()
    }

    /// Computes the proofs of a deadline by hand, without sending them: one set of parameters of
    /// SubmitWindowedPoSt per message.
    ///
    /// # Errors
    /// [`WindowError`].
    pub async fn compute(
        &self,
        deadline: &DeadlineInfo,
        at: &Head,
    ) -> Result<Vec<lotus_actors::miner::params::SubmitWindowedPoStParams>, WindowError> {
        let prepared = post::prove(&self.shared, deadline, at).await?;
        Ok(prepared.into_iter().map(|p| p.params).collect())
    }
}

/// What a task has come to.
enum Outcome {
    Proved(ChainEpoch, Result<Vec<Prepared>, WindowError>),
    Submitted(ChainEpoch, Result<(), WindowError>),
    Recovered(Result<(), WindowError>),
}

struct Actor {
    shared: Arc<Shared>,
    progress: Progress,
    prepared: BTreeMap<ChainEpoch, Vec<Prepared>>,
    recovered: Option<ChainEpoch>,
    tasks: JoinSet<Outcome>,
    publish: watch::Sender<WindowStatus>,
}

impl Actor {
    async fn run(mut self) {
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "cannot follow the chain for WindowPoSt");
                self.publish
                    .send_modify(|s| s.last_error = error.to_string());
            }
            let wake = self.shared.clock.sleep(self.shared.config.head_poll);
            tokio::select! {
                () = wake => {}
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(outcome) => self.note(outcome),
                    Err(error) => tracing::error!(%error, "a WindowPoSt task ended badly"),
                },
            }
        }
    }

    async fn look(&mut self) -> Result<(), ChainError> {
        let head = self.shared.chain.head().await?;
        let current = self
            .shared
            .chain
            .proving_deadline(self.shared.miner, &head.key)
            .await?;
        for action in due(&current, &self.progress, self.recovered) {
            self.act(action, &head);
        }
        let oldest = current.open - current.challenge_window;
        self.progress.retain(|open, _| *open >= oldest);
        self.prepared.retain(|open, _| *open >= oldest);
        let progress = self.progress.clone();
        self.publish.send_modify(|s| {
            s.height = head.height;
            s.progress = progress;
        });
        Ok(())
    }

    fn act(&mut self, action: Action, head: &Head) {
        let (shared, head) = (Arc::clone(&self.shared), head.clone());
        match action {
            Action::Prove(deadline) => {
                self.progress.insert(deadline.open, Stage::Proving);
                self.tasks.spawn(async move {
                    Outcome::Proved(deadline.open, post::prove(&shared, &deadline, &head).await)
                });
            }
            Action::Submit(deadline) => {
                let prepared = self
                    .prepared
                    .get(&deadline.open)
                    .cloned()
                    .unwrap_or_default();
                self.progress.insert(deadline.open, Stage::Submitting);
                self.tasks.spawn(async move {
                    let sent = post::submit(&shared, &deadline, prepared, &head).await;
                    Outcome::Submitted(deadline.open, sent)
                });
            }
            Action::Recover(deadline) => {
                self.recovered = Some(deadline.open);
                self.tasks.spawn(async move {
                    Outcome::Recovered(recover::declare(&shared, &deadline, &head).await)
                });
            }
            Action::Missed(open) => {
                tracing::error!(open, "a WindowPoSt deadline closed without a proof");
                self.progress.remove(&open);
                self.publish.send_modify(|s| s.missed += 1);
            }
        }
    }

    fn note(&mut self, outcome: Outcome) {
        let again = self.publish.borrow().height + self.shared.config.retry_after;
        let (open, stage, error) = match outcome {
            Outcome::Proved(open, Ok(prepared)) if prepared.is_empty() => (open, Stage::Done, None),
            Outcome::Proved(open, Ok(prepared)) => {
                self.prepared.insert(open, prepared);
                (open, Stage::Proved, None)
            }
            Outcome::Submitted(open, Ok(())) => (open, Stage::Done, None),
            Outcome::Proved(open, Err(error)) | Outcome::Submitted(open, Err(error)) => {
                (open, Stage::Failed(again), Some(error))
            }
            Outcome::Recovered(outcome) => {
                if let Err(error) = outcome {
                    tracing::warn!(%error, "recoveries not declared");
                    self.recovered = None;
                    self.publish
                        .send_modify(|s| s.last_error = error.to_string());
                }
                return;
            }
        };
        if let Some(error) = error {
            tracing::error!(open, %error, "WindowPoSt failed, trying again");
            self.publish
                .send_modify(|s| s.last_error = error.to_string());
        }
        // A deadline that is over in the meantime is not there any more.
        if let Some(entry) = self.progress.get_mut(&open) {
            *entry = stage;
        }
    }
}

impl Shared {
    const fn miner_address(&self) -> Address {
        Address::new_id(self.miner)
    }

    fn entropy(&self) -> Vec<u8> {
        wire::to_cbor(&self.miner_address())
    }

    /// Who sends: control addresses first, since proofs must not wait for the worker's other
    /// messages.
    async fn sender(&self, head: &Head) -> Result<Address, WindowError> {
        let known = self.chain.miner_addresses(self.miner, &head.key).await?;
        let mut listed = known.control;
        if !self.config.disable_worker_fallback {
            listed.push(known.worker);
        }
        if !self.config.disable_owner_fallback {
            listed.push(known.owner);
        }
        let mut candidates = Vec::new();
        for address in listed {
            let can_sign = self.chain.can_sign(&address).await?;
            let balance = self.chain.balance(&address).await?;
            candidates.push(Candidate {
                address,
                balance,
                can_sign,
            });
        }
        choose_sender(&candidates, &self.config.max_fee, &TokenAmount::zero()).ok_or_else(|| {
            WindowError::Invalid(
                "the node's wallet has no key that may send for the miner".to_owned(),
            )
        })
    }
}

#[cfg(test)]
mod tests;
