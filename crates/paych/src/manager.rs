//! The handle, and the task that owns all channels.
//!
//! # Invariants
//! - One question is worked on at a time, so that no two change a channel together. What waits for the
//!   chain waits beside it.
//! - A caller that goes away takes its request out of the queue, as long as nothing was sent for it.

mod funds;
mod vouchers;

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{BoxStream, FuturesUnordered},
};
use lotus_actors::paych::{self, SignedVoucher};
use lotus_blockstore::MetadataStore;
use lotus_rpc_api::{
    RpcError,
    types::paych::{ChannelAvailableFunds, PaychStatus, VoucherCreateResult},
};
use lotus_types::{Address, Cid, Receipt, TokenAmount};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Channel, Direction, Kind, Ledger, OnChain, PaychError,
    requests::Request,
    store::{ChannelStore, Outcome, Sentinel},
};
pub use vouchers::{Draft, Presented};

/// Questions that wait for the task.
const INBOX: usize = 256;
/// Pause before a message is waited for again, when the node could not say.
const WAIT_AGAIN: Duration = Duration::from_secs(10);

type Answer<T> = Result<T, PaychError>;
/// A channel, where it is known, and the message that was sent for it, where one was.
pub type Got = (Option<Address>, Option<Cid>);
type Ticket = oneshot::Sender<Answer<Got>>;
type Job = Box<dyn for<'c> FnOnce(&'c mut Channels) -> BoxFuture<'c, ()> + Send>;
type Wait = BoxFuture<'static, (Uuid, Cid, Result<Receipt, RpcError>)>;

/// What the manager is made of.
pub struct ManagerParts {
    /// Where channels are kept.
    pub metadata: Arc<dyn MetadataStore>,
    /// The node.
    pub ledger: Arc<dyn Ledger>,
    /// An item for each new head. At one, channels that settle are looked for.
    pub heads: BoxStream<'static, ()>,
}

impl std::fmt::Debug for ManagerParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManagerParts").finish_non_exhaustive()
    }
}

/// Cloneable front of the payment channels; the state lives in one task.
#[derive(Debug, Clone)]
pub struct PaychManager(mpsc::Sender<Job>);

impl PaychManager {
    /// Returns the handle and the future that the supervisor runs. Messages that were under way when
    /// the node stopped are taken up again first.
    ///
    /// # Errors
    /// [`PaychError::Store`] when what is kept cannot be read.
    pub fn start(
        parts: ManagerParts,
        stop: CancellationToken,
    ) -> Result<(Self, impl Future<Output = ()> + Send), PaychError> {
        let store = ChannelStore::new(parts.metadata);
        let kept = store.channels()?;
        let channels = Channels {
            channels: kept.into_iter().map(|c| (c.id, c)).collect(),
            store,
            ledger: parts.ledger,
            queues: HashMap::new(),
            to_wait: Vec::new(),
            listeners: HashMap::new(),
        };
        let (tx, inbox) = mpsc::channel(INBOX);
        Ok((Self(tx), run(channels, inbox, parts.heads, stop)))
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Channels) -> BoxFuture<'c, Answer<T>> + Send + 'static,
    ) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |channels| {
            let done = work(channels);
            // The caller may have left.
            Box::pin(async move { drop(reply.send(done.await)) })
        });
        self.0.send(job).await.map_err(|_| PaychError::Stopped)?;
        answer.await.map_err(|_| PaychError::Stopped)?
    }

    /// FIL in the channel between two addresses, which is made where there is none. Answers with the
    /// message that was sent for it, and waits only while another one is under way.
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn get(
        &self,
        from: Address,
        to: Address,
        amount: TokenAmount,
        kind: Kind,
    ) -> Answer<Got> {
        let (ticket, answer) = oneshot::channel();
        let request = Request {
            amount,
            kind,
            ticket,
        };
        self.ask(move |c| c.request(from, to, request).boxed())
            .await?;
        answer.await.map_err(|_| PaychError::Stopped)?
    }

    /// The channel, when the message that makes it or pays into it has landed.
    ///
    /// # Errors
    /// [`PaychError::Failed`] when that message failed.
    pub async fn wait_ready(&self, message: Cid) -> Answer<Address> {
        let waiting = self
            .ask(move |c| async move { c.listen(message) }.boxed())
            .await?;
        waiting.await.map_err(|_| PaychError::Stopped)?
    }

    /// FIL of a channel.
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn funds(&self, channel: Address) -> Answer<ChannelAvailableFunds> {
        self.ask(move |c| c.funds(channel).boxed()).await
    }

    /// FIL of the channel between two addresses that does not settle; zeros when there is none.
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn funds_between(&self, from: Address, to: Address) -> Answer<ChannelAvailableFunds> {
        self.ask(move |c| c.funds_between(from, to).boxed()).await
    }

    /// Addresses of all channels, in their order.
    ///
    /// # Errors
    /// [`PaychError::Stopped`].
    pub async fn list(&self) -> Answer<Vec<Address>> {
        self.ask(move |c| async move { Ok(c.list()) }.boxed()).await
    }

    /// How this node takes part in a channel.
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn status(&self, channel: Address) -> Answer<PaychStatus> {
        self.ask(move |c| async move { c.status(channel) }.boxed())
            .await
    }

    /// A lane that was not given away yet.
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn allocate_lane(&self, channel: Address) -> Answer<u64> {
        self.ask(move |c| async move { c.allocate_lane(channel) }.boxed())
            .await
    }

    /// Makes, signs and keeps a voucher.
    ///
    /// # Errors
    /// [`PaychError`]. Too little in the channel is none: the answer says what lacks.
    pub async fn create_voucher(
        &self,
        channel: Address,
        draft: Draft,
    ) -> Answer<VoucherCreateResult> {
        self.ask(move |c| c.create_voucher(channel, draft).boxed())
            .await
    }

    /// Could this voucher be redeemed? The channel is kept from then on.
    ///
    /// # Errors
    /// Why not.
    pub async fn check_valid(&self, channel: Address, voucher: SignedVoucher) -> Answer<()> {
        self.ask(move |c| c.check_valid(channel, voucher).boxed())
            .await
    }

    /// Could this kept voucher be redeemed now?
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn check_spendable(&self, channel: Address, voucher: Presented) -> Answer<bool> {
        self.ask(move |c| c.check_spendable(channel, voucher).boxed())
            .await
    }

    /// Keeps a voucher that adds at least `least`; what it adds. Nothing for one that is kept already.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn add_voucher(
        &self,
        channel: Address,
        voucher: SignedVoucher,
        least: TokenAmount,
    ) -> Answer<TokenAmount> {
        self.ask(move |c| c.add_voucher(channel, voucher, least).boxed())
            .await
    }

    /// Redeems a voucher.
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn submit(&self, channel: Address, voucher: Presented) -> Answer<Cid> {
        self.ask(move |c| c.submit(channel, voucher).boxed()).await
    }

    /// Vouchers that are kept for a channel, oldest first.
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn vouchers(&self, channel: Address) -> Answer<Vec<SignedVoucher>> {
        self.ask(move |c| async move { c.vouchers(channel) }.boxed())
            .await
    }

    /// Begins to close a channel.
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn settle(&self, channel: Address) -> Answer<Cid> {
        self.ask(move |c| c.close(channel, paych::method::SETTLE).boxed())
            .await
    }

    /// Pays a settled channel out.
    ///
    /// # Errors
    /// [`PaychError`].
    pub async fn collect(&self, channel: Address) -> Answer<Cid> {
        self.ask(move |c| c.close(channel, paych::method::COLLECT).boxed())
            .await
    }
}

/// What the task owns.
struct Channels {
    channels: HashMap<Uuid, Channel>,
    store: ChannelStore,
    ledger: Arc<dyn Ledger>,
    /// Requests by the two sides of a channel.
    queues: HashMap<(Address, Address), Vec<Request<Ticket>>>,
    /// Messages that are to be waited for, after a pause.
    to_wait: Vec<(Uuid, Cid, Duration)>,
    /// Callers that wait for a message.
    listeners: HashMap<Cid, Vec<oneshot::Sender<Answer<Address>>>>,
}

async fn run(
    mut channels: Channels,
    mut inbox: mpsc::Receiver<Job>,
    mut heads: BoxStream<'static, ()>,
    stop: CancellationToken,
) {
    let work = async {
        let mut waits: FuturesUnordered<Wait> = FuturesUnordered::new();
        channels.resume().await;
        loop {
            waits.extend(channels.waits());
            tokio::select! {
                job = inbox.recv() => match job {
                    Some(job) => job(&mut channels).await,
                    None => return,
                },
                Some((id, message, receipt)) = waits.next() => {
                    channels.landed(id, message, receipt).await;
                }
                Some(()) = heads.next() => channels.redeem_settling().await,
            }
        }
    };
    // Whatever is cut off here is taken up again at the next start.
    stop.run_until_cancelled(work).await;
}

impl Channels {
    fn id_of(&self, address: Address) -> Answer<Uuid> {
        let mut all = self.channels.values();
        let found = all.find(|channel| channel.address == Some(address));
        found.map(|c| c.id).ok_or(PaychError::NotTracked)
    }

    fn by_address(&self, address: Address) -> Answer<&Channel> {
        let mut all = self.channels.values();
        let found = all.find(|channel| channel.address == Some(address));
        found.ok_or(PaychError::NotTracked)
    }

    /// Changes a channel, in the store first: when that fails, nothing has changed.
    fn change<T>(&mut self, id: Uuid, change: impl FnOnce(&mut Channel) -> T) -> Answer<T> {
        let channel = self.channels.get_mut(&id).ok_or(PaychError::NotTracked)?;
        let mut changed = channel.clone();
        let answer = change(&mut changed);
        self.store.put(&changed)?;
        *channel = changed;
        Ok(answer)
    }

    fn insert(&mut self, channel: Channel) -> Answer<Uuid> {
        self.store.put(&channel)?;
        let id = channel.id;
        self.channels.insert(id, channel);
        Ok(id)
    }

    /// A channel on chain, which must be there.
    async fn on_chain(&self, address: Address) -> Answer<OnChain> {
        let found = self.ledger.channel(&address).await?;
        found.ok_or_else(|| {
            PaychError::refused(format_args!(
                "resolution lookup failed ({address}): resolve address {address}: actor not found"
            ))
        })
    }

    fn list(&self) -> Vec<Address> {
        let mut all: Vec<_> = self.channels.values().filter_map(|c| c.address).collect();
        all.sort_unstable();
        all
    }

    fn status(&self, address: Address) -> Answer<PaychStatus> {
        let channel = self.by_address(address)?;
        Ok(PaychStatus {
            control_addr: channel.control,
            direction: match channel.direction {
                Direction::Inbound => PaychStatus::INBOUND,
                Direction::Outbound => PaychStatus::OUTBOUND,
            },
        })
    }

    fn listen(&mut self, message: Cid) -> Answer<oneshot::Receiver<Answer<Address>>> {
        let (tell, told) = oneshot::channel();
        let Some(sentinel) = self.store.sentinel(&message)? else {
            return Err(PaychError::UnknownSentinel(message));
        };
        match outcome(&sentinel) {
            Some(answer) => drop(tell.send(answer)),
            None => self.listeners.entry(message).or_default().push(tell),
        }
        Ok(told)
    }

    /// Takes up what was under way when the node stopped.
    async fn resume(&mut self) {
        let begun: Vec<(Uuid, Option<Cid>)> = self
            .channels
            .values()
            .filter_map(|c| Some((c.id, c.payment.as_ref()?.message)))
            .collect();
        for (id, message) in begun {
            match message {
                Some(message) => self.wait_for(id, message, Duration::ZERO),
                None => {
                    if let Err(error) = self.send_payment(id).await {
                        tracing::warn!(%error, "a payment that had begun was not sent");
                    }
                }
            }
        }
    }

    fn wait_for(&mut self, id: Uuid, message: Cid, pause: Duration) {
        self.to_wait.push((id, message, pause));
    }

    /// What is to be waited for from now on.
    fn waits(&mut self) -> impl Iterator<Item = Wait> {
        let ledger = Arc::clone(&self.ledger);
        let to_wait = std::mem::take(&mut self.to_wait).into_iter();
        to_wait.map(move |(id, message, pause)| {
            let ledger = Arc::clone(&ledger);
            let wait: Wait = Box::pin(async move {
                tokio::time::sleep(pause).await;
                (id, message, ledger.wait(message).await)
            });
            wait
        })
    }

    /// The message of a payment was executed, or the node cannot say.
    async fn landed(&mut self, id: Uuid, message: Cid, receipt: Result<Receipt, RpcError>) {
        let receipt = match receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                tracing::warn!(%message, %error, "waiting for a payment again");
                self.wait_for(id, message, WAIT_AGAIN);
                return;
            }
        };
        let ended = match self.finish(id, &receipt) {
            Ok(address) => Outcome::Ready(address),
            Err(error) => {
                tracing::warn!(%message, %error, "a payment into a channel failed");
                Outcome::Failed(error.to_string())
            }
        };
        let sentinel = Sentinel {
            channel: id,
            outcome: ended,
        };
        if let Err(error) = self.store.set_sentinel(&message, &sentinel) {
            tracing::error!(%message, %error, "what became of a payment is not kept");
        }
        for listener in self.listeners.remove(&message).unwrap_or_default() {
            if let Some(answer) = outcome(&sentinel) {
                drop(listener.send(answer));
            }
        }
        self.drain_queues().await;
    }

    /// Enters a payment that was executed; the channel's address.
    fn finish(&mut self, id: Uuid, receipt: &Receipt) -> Answer<Address> {
        let known = self.channels.get(&id).ok_or(PaychError::NotTracked)?;
        let known = known.address;
        let code = receipt.exit_code;
        if !code.is_success() {
            return Err(match known {
                Some(_) => {
                    self.change(id, |channel| channel.payment = None)?;
                    PaychError::Failed(format!(
                        "voucher channel creation failed: adding funds (exit code {})",
                        code.0
                    ))
                }
                None => {
                    self.store.remove(&id)?;
                    self.channels.remove(&id);
                    PaychError::Failed(format!(
                        "payment channel creation failed (exit code {})",
                        code.0
                    ))
                }
            });
        }
        let address = match known {
            Some(address) => address,
            None => {
                let made: lotus_actors::init::ExecReturn =
                    lotus_types::wire::from_cbor(&receipt.return_data).map_err(|e| {
                        PaychError::Failed(format!("reading the new channel's address: {e}"))
                    })?;
                made.robust_address
            }
        };
        self.change(id, |channel| channel.landed(address))?;
        Ok(address)
    }

    /// Begins to close a channel, or pays it out.
    async fn close(&mut self, address: Address, method: u64) -> Answer<Cid> {
        let id = self.id_of(address)?;
        let control = self.by_address(address)?.control;
        let message = lotus_actors::call::send(control, address, TokenAmount::zero(), method);
        let sent = self.ledger.push(message, None).await?;
        if method == paych::method::SETTLE {
            self.change(id, |channel| channel.settling = true)?;
        }
        Ok(sent)
    }
}

/// What is told to those who wait for a message; `None` while it is under way.
fn outcome(sentinel: &Sentinel) -> Option<Answer<Address>> {
    match &sentinel.outcome {
        Outcome::Pending => None,
        Outcome::Ready(address) => Some(Ok(*address)),
        Outcome::Failed(why) => Some(Err(PaychError::Failed(why.clone()))),
    }
}

#[cfg(test)]
mod tests;
