//! The pool as a service: a cloneable handle, and one task that owns the pool.
//!
//! The task feeds the pool from four sides: callers, gossip, head changes and time. What is costly and
//! needs no pool (form, signature, selection) runs beside it on blocking threads.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use lotus_blockstore::MetadataStore;
use lotus_ports::{
    clock::{Clock, UnixTime},
    network::{Fault, Gossip, Inbox, Incoming, Verdict},
};
use lotus_rpc_api::types::mpool::{MessageCheckStatus, MessagePrototype};
use lotus_types::{Address, Cid, Message, SignedMessage, Tipset};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    AddError, MpoolConfig, PoolChain, PoolError, Pooled, Source, Stopped, Update,
    gas::PriceCache,
    pool::{Added, Pool, SetConfigError},
    rules, select,
};

/// Callers that may wait for the pool at once.
const INBOX: usize = 256;
/// Pause between two messages that are gossiped again, so that peers see them in order.
const REPUBLISH_PAUSE: Duration = Duration::from_millis(100);
/// Gossiped messages whose signatures are checked at once.
const CHECKS: usize = 64;

/// What the pool stands on.
#[derive(Clone)]
pub struct MpoolParts {
    /// The chain.
    pub chain: Arc<dyn PoolChain>,
    /// Where settings and local messages are kept.
    pub metadata: Arc<dyn MetadataStore>,
    /// Where messages come from and go to.
    pub gossip: Arc<dyn Gossip>,
    /// Times republishing and pruning.
    pub clock: Arc<dyn Clock>,
    /// Pause between two rounds of republishing: ten block times and a propagation delay in Lotus.
    pub republish_interval: Duration,
}

impl std::fmt::Debug for MpoolParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MpoolParts")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

type Job = Box<dyn FnOnce(&mut Pool) + Send>;

/// The message pool. Cheap to clone; all clones are one pool.
#[derive(Debug, Clone)]
pub struct Mpool {
    jobs: mpsc::Sender<Job>,
    parts: MpoolParts,
    prices: Arc<PriceCache>,
}

impl Mpool {
    /// Opens the pool; gives the handle and the future that the supervisor runs. That one first takes
    /// back the local messages of earlier runs: it may have to execute the head for them, and with
    /// actors that are not compiled yet that takes a while. Whoever asks the pool waits until then,
    /// whoever starts it does not.
    ///
    /// # Errors
    /// When the settings cannot be read, or the chain has no head.
    pub async fn start(
        parts: MpoolParts,
        stop: CancellationToken,
    ) -> Result<(Self, impl Future<Output = ()> + Send), Fault> {
        let (chain, meta) = (Arc::clone(&parts.chain), Arc::clone(&parts.metadata));
        // Subscribed before the head is read: no change in between is missed.
        let heads = parts.chain.subscribe();
        let gossip = parts.gossip.messages();
        let pool = tokio::task::spawn_blocking(move || Pool::open(chain, meta)).await??;
        let (jobs, inbox) = mpsc::channel(INBOX);
        let task = Task {
            parts: parts.clone(),
            pool: Some(pool),
            last_prune: Duration::ZERO,
            checks: FuturesUnordered::new(),
            outbox: VecDeque::new(),
        };
        let mpool = Self {
            jobs,
            parts,
            prices: Arc::default(),
        };
        Ok((mpool, task.run(inbox, heads, gossip, stop)))
    }

    /// What recent tipsets paid, for estimates.
    pub fn prices(&self) -> &PriceCache {
        &self.prices
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Pool) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |pool| drop(reply.send(work(pool))));
        self.jobs.send(job).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Admits a message of this node's clients and gossips it; gives its CID (`MpoolPush`).
    ///
    /// # Errors
    /// The outer error means the node is stopping.
    pub async fn push(&self, message: SignedMessage) -> Result<Result<Cid, AddError>, Stopped> {
        self.push_from(message, Source::Local).await
    }

    /// [`Mpool::push`] for clients that are not trusted (`MpoolPushUntrusted`).
    ///
    /// # Errors
    /// The outer error means the node is stopping.
    pub async fn push_untrusted(
        &self,
        message: SignedMessage,
    ) -> Result<Result<Cid, AddError>, Stopped> {
        self.push_from(message, Source::Untrusted).await
    }

    async fn push_from(
        &self,
        message: SignedMessage,
        from: Source,
    ) -> Result<Result<Cid, AddError>, Stopped> {
        let chain = Arc::clone(&self.parts.chain);
        let checked =
            tokio::task::spawn_blocking(move || check(&*chain, &message).map(|()| message));
        let message = match checked.await.map_err(|_| Stopped)? {
            Ok(message) => message,
            Err(error) => return Ok(Err(error)),
        };
        let copy = message.clone();
        match self.ask(move |pool| pool.add(copy, from)).await? {
            Ok(Added { cid, publish }) => {
                if publish {
                    self.publish(&message).await;
                }
                Ok(Ok(cid))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// What cannot be gossiped now is republished later.
    async fn publish(&self, message: &SignedMessage) {
        if let Err(error) = self.parts.gossip.publish_message(message).await {
            tracing::warn!(cid = %message.cid(), %error, "cannot gossip a message");
        }
    }

    /// All messages with the tipset that the pool stands on, by sender and nonce.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn pending(&self) -> Result<(Tipset, Vec<Arc<Pooled>>), Stopped> {
        self.ask(|pool| {
            (
                pool.tipset().clone(),
                pool.pending().iter().cloned().collect(),
            )
        })
        .await
    }

    /// All messages as another tipset sees them (`MpoolPending`): with those of its blocks that the
    /// pool does not know as included.
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn pending_at(&self, target: Tipset) -> Result<Vec<SignedMessage>, PoolError> {
        self.ask(move |pool| pool.pending_at(&target))
            .await?
            .map_err(PoolError::Fault)
    }

    /// Checks messages that are to be sent after all that wait (`MpoolCheckMessages`).
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn check_messages(
        &self,
        messages: Vec<MessagePrototype>,
    ) -> Result<Vec<Vec<MessageCheckStatus>>, PoolError> {
        self.ask(move |pool| pool.check_messages(messages))
            .await?
            .map_err(PoolError::Fault)
    }

    /// Checks the waiting messages of a sender (`MpoolCheckPendingMessages`).
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn check_pending(
        &self,
        sender: Address,
    ) -> Result<Vec<Vec<MessageCheckStatus>>, PoolError> {
        self.ask(move |pool| pool.check_pending(&sender))
            .await?
            .map_err(PoolError::Fault)
    }

    /// Checks what would wait if these messages took the place of the waiting ones with their nonces
    /// (`MpoolCheckReplaceMessages`).
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn check_replacing(
        &self,
        messages: Vec<Message>,
    ) -> Result<Vec<Vec<MessageCheckStatus>>, PoolError> {
        self.ask(move |pool| pool.check_replacing(messages))
            .await?
            .map_err(PoolError::Fault)
    }

    /// One sender's messages by nonce, with the tipset that the pool stands on. `sender` is a key
    /// address.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn pending_for(
        &self,
        sender: Address,
    ) -> Result<(Tipset, Vec<Arc<Pooled>>), Stopped> {
        self.ask(move |pool| {
            let messages = pool.pending().of(&sender);
            let list = messages.map(|m| m.iter().cloned().collect());
            (pool.tipset().clone(), list.unwrap_or_default())
        })
        .await
    }

    /// The next free nonce of a sender, pooled messages counted (`MpoolGetNonce`); `None` when there
    /// is no such actor.
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn next_nonce(&self, of: Address) -> Result<Option<u64>, PoolError> {
        self.ask(move |pool| pool.next_nonce(&of))
            .await?
            .map_err(PoolError::Fault)
    }

    /// Messages for a block on top of `target`, for a ticket of this quality from 0 to 1
    /// (`MpoolSelect`).
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn select(
        &self,
        target: Tipset,
        ticket_quality: f64,
    ) -> Result<Vec<Arc<Pooled>>, PoolError> {
        let snapshot = self.ask(move |pool| pool.snapshot(&target)).await?;
        let snapshot = snapshot.map_err(PoolError::Fault)?;
        let selecting =
            tokio::task::spawn_blocking(move || select::select(&snapshot, ticket_quality));
        selecting.await.map_err(|e| PoolError::Fault(e.into()))
    }

    /// The settings.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn config(&self) -> Result<MpoolConfig, Stopped> {
        self.ask(|pool| pool.config().clone()).await
    }

    /// Changes the settings, durably.
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn set_config(&self, config: MpoolConfig) -> Result<(), PoolError> {
        self.ask(move |pool| pool.set_config(config))
            .await?
            .map_err(|e| match e {
                SetConfigError::Config(e) => PoolError::Config(e),
                SetConfigError::Fault(e) => PoolError::Fault(e),
            })
    }

    /// Empties the pool: of others' messages, and with `local` of this node's, too (`MpoolClear`).
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn clear(&self, local: bool) -> Result<(), PoolError> {
        self.ask(move |pool| pool.clear(local))
            .await?
            .map_err(PoolError::Fault)
    }

    /// Changes from now on (`MpoolSub`). A listener that is too slow misses some.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn subscribe(&self) -> Result<broadcast::Receiver<Update>, Stopped> {
        self.ask(|pool| pool.subscribe()).await
    }
}

/// Form and signature.
fn check(chain: &dyn PoolChain, message: &SignedMessage) -> Result<(), AddError> {
    rules::check_form(message)?;
    let sender = message.message.from;
    let head = chain.head().map_err(AddError::Fault)?;
    let key = chain.key_address(&sender, &head).map_err(AddError::Fault)?;
    rules::check_signature(message, &key.ok_or(AddError::UnknownSender { sender })?)
}

type Gossiped = Incoming<SignedMessage>;

struct Task {
    parts: MpoolParts,
    /// Away only while a blocking thread works on it.
    pool: Option<Pool>,
    last_prune: UnixTime,
    checks: FuturesUnordered<BoxFuture<'static, Option<Gossiped>>>,
    /// Messages on their way to be gossiped again.
    outbox: VecDeque<Arc<Pooled>>,
}

impl Task {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Job>,
        mut heads: lotus_chain::HeadStream,
        mut gossip: Box<dyn Inbox<Gossiped>>,
        stop: CancellationToken,
    ) {
        match stop.run_until_cancelled(self.work(Pool::load_local)).await {
            Some(Some(Ok(()))) => {}
            Some(Some(Err(error))) => {
                tracing::error!(%error, "the message pool cannot take its local messages back");
                return;
            }
            Some(None) => {
                tracing::error!("the message pool's thread died");
                return;
            }
            None => return,
        }
        let mut republish = self.parts.clock.sleep(self.parts.republish_interval);
        let mut next_out = self.parts.clock.sleep(Duration::ZERO);
        let mut gossiping = true;
        loop {
            let room = gossiping && self.checks.len() < CHECKS;
            let going = tokio::select! {
                () = stop.cancelled() => return,
                change = heads.next() => match change {
                    // A gap in the stream does no harm: the pool asks for the way itself.
                    Some(_) => self.follow_head().await,
                    None => return,
                },
                job = inbox.recv() => match job {
                    Some(job) => self.work(job).await.is_some(),
                    None => return,
                },
                Some(checked) = self.checks.next(), if !self.checks.is_empty() => match checked {
                    Some(message) => self.admit(message).await,
                    None => true,
                },
                incoming = gossip.next(), if room => {
                    gossiping = incoming.is_some();
                    self.checks.extend(incoming.map(|message| self.check(message)));
                    true
                }
                () = &mut next_out, if !self.outbox.is_empty() => {
                    self.publish_next().await;
                    next_out = self.parts.clock.sleep(REPUBLISH_PAUSE);
                    true
                }
                () = &mut republish => {
                    republish = self.parts.clock.sleep(self.parts.republish_interval);
                    self.republish().await
                }
            };
            if !(going && self.maybe_prune().await) {
                tracing::error!("the message pool's thread died");
                return;
            }
        }
    }

    /// Runs `work` on the pool on a blocking thread; `None` when it panicked, which ends the service.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Pool) -> T + Send + 'static,
    ) -> Option<T> {
        let mut pool = self.pool.take()?;
        let running = tokio::task::spawn_blocking(move || {
            let done = work(&mut pool);
            (pool, done)
        });
        let (pool, done) = running.await.ok()?;
        self.pool = Some(pool);
        Some(done)
    }

    async fn follow_head(&mut self) -> bool {
        let follow = |pool: &mut Pool| pool.follow_head().map(|()| pool.take_early_republish());
        let followed = self.work(follow).await;
        match followed {
            Some(Ok(false)) => true,
            Some(Ok(true)) => self.republish().await,
            Some(Err(error)) => {
                tracing::error!(%error, "the message pool cannot follow the head");
                true
            }
            None => false,
        }
    }

    /// Checks a gossiped message beside the pool; judges it unless the pool has to.
    fn check(&self, message: Gossiped) -> BoxFuture<'static, Option<Gossiped>> {
        let chain = Arc::clone(&self.parts.chain);
        let checking = tokio::task::spawn_blocking(move || match check(&*chain, &message.value) {
            Ok(()) => Some(message),
            Err(error) => {
                tracing::debug!(from = %message.from, %error, "gossiped message refused");
                message.ticket.judge(error.verdict());
                None
            }
        });
        checking.map(|checked| checked.ok().flatten()).boxed()
    }

    async fn admit(&mut self, message: Gossiped) -> bool {
        let Incoming { value, ticket, .. } = message;
        let Some(added) = self.work(move |pool| pool.add(value, Source::Gossip)).await else {
            return false;
        };
        ticket.judge(added.map_or_else(|error| error.verdict(), |_| Verdict::Accept));
        true
    }

    /// Chooses what to gossip again; it goes out one by one.
    async fn republish(&mut self) -> bool {
        match self.work(Pool::next_republished).await {
            Some(Ok(messages)) => self.outbox = messages.into(),
            Some(Err(error)) => tracing::error!(%error, "cannot choose messages to republish"),
            None => return false,
        }
        true
    }

    async fn publish_next(&mut self) {
        let Some(message) = self.outbox.pop_front() else {
            return;
        };
        if let Err(error) = self.parts.gossip.publish_message(&message.signed).await {
            tracing::warn!(cid = %message.cid, %error, "cannot republish a message");
        }
    }

    async fn maybe_prune(&mut self) -> bool {
        let now = self.parts.clock.now();
        let due = self.pool.as_ref().is_some_and(|pool| {
            let cool = self
                .last_prune
                .saturating_add(pool.config().prune_cooldown.into());
            pool.wants_pruning() && now >= cool
        });
        if !due {
            return true;
        }
        self.last_prune = now;
        match self.work(Pool::prune).await {
            Some(Ok(dropped)) => tracing::info!(dropped, "message pool pruned"),
            Some(Err(error)) => tracing::error!(%error, "cannot prune the message pool"),
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests;
