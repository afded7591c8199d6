//! Publishing: deals wait for each other and go on chain in one message.
//!
//! # Invariants
//! - A deal is marked before the message that publishes it is sent. A marked deal without a message is
//!   looked for in the pool and on chain before it is published: none is published twice.
//! - Each deal is tried alone first, so that one which would fail does not take others with it.
//!
//! # Lotus parity
//! `PublishMsgPeriod` runs from the first deal that waits; `MaxDealsPerPublishMsg` ends it early, and so
//! does `pending-publish --publish-now`.

use std::time::{Duration, SystemTime};

use lotus_actors::{
    call,
    market::{PublishStorageDealsParams, method::PUBLISH_STORAGE_DEALS},
};
use lotus_networks::singletons::MARKET_ACTOR;
use lotus_rpc_api::types::{go::Time, market::PendingDealInfo};
use lotus_types::{
    Address, Cid, ClientDealProposal, DealId, DealProposal, Message, TokenAmount, wire,
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{MarketProvider, ProviderDeal};
use crate::{
    chain::{ChainError, PushError},
    deal_store::DealStoreError,
    protocol::StorageDealStatus as State,
    walk::Walk as _,
};

/// When the next message is due.
#[derive(Debug, Default)]
pub(super) struct Queue {
    due: Mutex<Due>,
    changed: Notify,
}

#[derive(Debug, Default, Clone, Copy)]
struct Due {
    /// When the first of the waiting deals came.
    since: Option<(tokio::time::Instant, SystemTime)>,
    /// Without waiting.
    now: bool,
}

impl Queue {
    /// A deal has come, or the operator wants something.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    fn publish_now(&self) {
        self.due.lock().now = true;
        self.wake();
    }
}

/// Why a batch was not sent; it is tried again.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Store(#[from] DealStoreError),
    #[error("the publish message was refused: {0}")]
    Refused(String),
    #[error("making the publish message: {0}")]
    Message(#[from] lotus_actors::StateError),
}

impl MarketProvider {
    /// Publishes waiting deals without waiting longer.
    pub fn publish_pending(&self) {
        self.0.queue.publish_now();
    }

    /// The deals that wait to be published.
    pub(super) fn pending(&self) -> Result<PendingDealInfo, DealStoreError> {
        let deals = self.waiting()?;
        let since = self.0.queue.due.lock().since.filter(|_| !deals.is_empty());
        Ok(PendingDealInfo {
            deals: deals
                .into_iter()
                .map(|deal| deal.params.client_deal_proposal)
                .collect(),
            publish_period_start: since.map_or(Time::ZERO, |(_, at)| Time::from(at)),
            publish_period: self.policy().publish_period.into(),
        })
    }

    fn waiting(&self) -> Result<Vec<ProviderDeal>, DealStoreError> {
        let mut deals = self.0.store.all()?;
        deals.retain(|deal| deal.state == State::Publish);
        Ok(deals)
    }

    /// Who publishes: the first of the configured addresses that can, or the worker.
    pub(super) async fn publisher(&self) -> Result<Address, ChainError> {
        let chain = &self.0.chain;
        for address in &self.0.config.publish_from {
            if chain.can_sign(address).await? && chain.balance(address).await?.is_positive() {
                return Ok(*address);
            }
        }
        let worker = self.terms().await?.worker;
        Ok(chain.key_address(&worker).await?.unwrap_or(worker))
    }

    /// Publishes batches as they become due, for ever.
    pub(super) async fn publish_batches(&self) {
        loop {
            match self.next_batch().await {
                Ok(Some(batch)) => {
                    if let Err(error) = self.publish(batch).await {
                        tracing::warn!(%error, "deals were not published, and are tried again");
                        tokio::time::sleep(self.0.config.poll).await;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "waiting deals cannot be read");
                    tokio::time::sleep(self.0.config.poll).await;
                }
            }
        }
    }

    /// Waits for something to change; the deals of a message when one is due.
    async fn next_batch(&self) -> Result<Option<Vec<ProviderDeal>>, DealStoreError> {
        let queue = &self.0.queue;
        let mut waiting = self.waiting()?;
        if waiting.is_empty() {
            *queue.due.lock() = Due::default();
            queue.changed.notified().await;
            return Ok(None);
        }
        let policy = self.policy();
        let (since, now) = {
            let mut due = queue.due.lock();
            let started = || (tokio::time::Instant::now(), SystemTime::now());
            (due.since.get_or_insert_with(started).0, due.now)
        };
        let period = policy.publish_period.min(Duration::from_secs(365 * 86_400));
        let full = waiting.len() >= policy.max_deals_per_message;
        if !now && !full && since.elapsed() < period {
            tokio::select! {
                () = tokio::time::sleep_until(since + period) => {}
                () = queue.changed.notified() => {}
            }
            return Ok(None);
        }
        waiting.truncate(policy.max_deals_per_message);
        Ok(Some(waiting))
    }

    async fn publish(&self, batch: Vec<ProviderDeal>) -> Result<(), BatchError> {
        let (marked, fresh): (Vec<_>, Vec<_>) = batch.into_iter().partition(|d| d.publishing);
        let mut batch = self.not_yet_published(marked).await?;
        batch.extend(fresh);
        let from = self.publisher().await?;
        let mut batch = self.without_failing(&from, batch).await?;
        if batch.is_empty() {
            return Ok(());
        }
        let message = message(&from, batch.iter())?;
        for (index, deal) in (0..).zip(&mut batch) {
            deal.publishing = true;
            deal.publish_index = index;
        }
        let note = "about to publish";
        self.0.store.update_all(&batch, note)?;
        let sent = self.0.chain.push(message, &self.0.config.max_publish_fee);
        match sent.await {
            Ok(cid) => Ok(self.sent(&mut batch, cid)?),
            Err(PushError::Chain(error)) => Err(error.into()),
            Err(refused) => {
                for deal in &mut batch {
                    deal.publishing = false;
                    deal.message = refused.to_string();
                }
                self.0.store.update_all(&batch, &refused.to_string())?;
                Err(BatchError::Refused(refused.to_string()))
            }
        }
    }

    fn sent(&self, deals: &mut [ProviderDeal], message: Cid) -> Result<(), DealStoreError> {
        for deal in &mut *deals {
            deal.state = State::Publishing;
            deal.message.clear();
            deal.publish_cid = Some(message);
        }
        let note = format!("published with message {message}");
        self.0.store.update_all(deals, &note)?;
        deals.iter().for_each(|deal| self.resume(deal.proposal_cid));
        Ok(())
    }

    /// Of deals that may have been published before the process was killed: those that were not. The
    /// others go on.
    async fn not_yet_published(
        &self,
        marked: Vec<ProviderDeal>,
    ) -> Result<Vec<ProviderDeal>, BatchError> {
        if marked.is_empty() {
            return Ok(marked);
        }
        // A message goes from the pool into a block and from there into the state.
        let in_flight = self.0.chain.in_flight().await?;
        let on_chain = self.0.chain.deals_of(&self.0.config.miner).await?;
        let mut left = Vec::new();
        for mut deal in marked {
            if let Some((cid, index)) = sent_with(&in_flight, &deal.params.client_deal_proposal) {
                deal.publish_index = index;
                self.sent(std::slice::from_mut(&mut deal), cid)?;
            } else if let Some(id) = self.number_of(&on_chain, deal.proposal()).await? {
                deal.deal_id = id;
                deal.published = true;
                deal.state = State::Staged;
                let note = format!("found on chain as deal {id}");
                self.0.store.update(&deal, &note)?;
                self.resume(deal.proposal_cid);
            } else {
                left.push(deal);
            }
        }
        Ok(left)
    }

    /// The number of a proposal on chain, where its client stands as an ID address.
    async fn number_of(
        &self,
        on_chain: &[(DealId, lotus_rpc_api::types::state::MarketDeal)],
        proposal: &DealProposal,
    ) -> Result<Option<DealId>, ChainError> {
        let client = self.0.chain.id_address(&proposal.client).await?;
        let proposal = DealProposal {
            client: client.unwrap_or(proposal.client),
            ..proposal.clone()
        };
        let found = on_chain.iter().find(|(_, deal)| deal.proposal == proposal);
        Ok(found.map(|(id, _)| *id))
    }

    /// Gives up those that cannot be published, each with its reason.
    async fn without_failing(
        &self,
        from: &Address,
        batch: Vec<ProviderDeal>,
    ) -> Result<Vec<ProviderDeal>, BatchError> {
        let now = self.0.chain.height().await?;
        let mut good = Vec::new();
        for mut deal in batch {
            let start = deal.proposal().start_epoch;
            if now >= start {
                let reason = format!("start epoch {start} passed before it was published");
                self.fail(&mut deal, reason)?;
                continue;
            }
            let alone = message(from, std::iter::once(&deal))?;
            match self.0.chain.would_fail(&alone).await? {
                None => good.push(deal),
                Some(reason) => {
                    self.fail(&mut deal, format!("the deal cannot be published: {reason}"))?;
                }
            }
        }
        Ok(good)
    }
}

fn message<'a>(
    from: &Address,
    deals: impl Iterator<Item = &'a ProviderDeal>,
) -> Result<Message, lotus_actors::StateError> {
    let deals = deals.map(|deal| deal.params.client_deal_proposal.clone());
    let params = PublishStorageDealsParams {
        deals: deals.collect(),
    };
    let nothing = TokenAmount::zero();
    call::call(*from, MARKET_ACTOR, nothing, PUBLISH_STORAGE_DEALS, &params)
}

/// The message on its way that publishes a proposal, and the proposal's place in it.
fn sent_with(in_flight: &[(Cid, Message)], proposal: &ClientDealProposal) -> Option<(Cid, u64)> {
    let publishing = in_flight
        .iter()
        .filter(|(_, message)| message.method == PUBLISH_STORAGE_DEALS);
    for (cid, message) in publishing {
        let Ok(params) = wire::from_cbor::<PublishStorageDealsParams>(&message.params) else {
            continue;
        };
        if let Some(index) = params.deals.iter().position(|deal| deal == proposal) {
            return Some((*cid, u64::try_from(index).ok()?));
        }
    }
    None
}
