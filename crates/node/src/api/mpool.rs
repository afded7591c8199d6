//! Messages on their way to the chain, and their gas.
//!
//! # Invariants
//! - From reading a nonce until the message with it is pooled, no other message is sent: two callers
//!   at the same time get two nonces.

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_mpool::{Update, gas};
use lotus_rpc_api::{
    RpcError, Subscription, code,
    full::{GasApi, MpoolApi},
    types::{
        go::NilVec,
        mpool::{MessageSendSpec, MpoolConfig, MpoolUpdate},
    },
};
use lotus_types::{
    Address, Cid, Gas, Message, SignedMessage, Tipset, TipsetKey, TokenAmount, wire,
};
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::{Answer, FullNodeApi, Told as _, told};

/// Blocks within which a message is to be included, when its premium is estimated.
const PREMIUM_BLOCKS: u64 = 10;
/// Where the message that was sent under a UUID is kept.
fn sent_as(id: &Uuid) -> String {
    format!("/mpool/sent/{id}")
}

fn update(update: Update) -> MpoolUpdate {
    match update {
        Update::Added(message) => MpoolUpdate {
            kind: MpoolUpdate::ADD,
            message,
        },
        Update::Removed(message) => MpoolUpdate {
            kind: MpoolUpdate::REMOVE,
            message,
        },
    }
}

impl FullNodeApi {
    async fn key_of(&self, address: Address) -> Answer<Address> {
        self.run(move |s| s.key_behind(&address)).await
    }

    /// Pending messages of a sender, by nonce, and the tipset that they follow.
    async fn pending_of(&self, sender: Address) -> Answer<(Tipset, Vec<SignedMessage>)> {
        let (tipset, pending) = self.0.mpool.pending_for(sender).await.told()?;
        Ok((tipset, pending.iter().map(|m| m.signed.clone()).collect()))
    }

    async fn limit_of(&self, message: Message) -> Answer<Gas> {
        let sender = self.key_of(message.from).await?;
        let (tipset, pending) = self.pending_of(sender).await?;
        self.run(move |s| {
            gas::gas_limit(&s.states, &message, &pending, &tipset).map_err(|e| match e {
                gas::EstimateError::OutOfGas => RpcError::with_code(code::OUT_OF_GAS, e),
                other => RpcError::from_error(&other),
            })
        })
        .await
    }

    async fn premium(&self, blocks: u64) -> Answer<TokenAmount> {
        self.run(move |s| {
            let head = s.chain.require_head().told()?;
            let noise = gas::noise(&mut rand::thread_rng());
            gas::premium(s.states.view(), &head, blocks, noise).told()
        })
        .await
    }

    fn cap(&self, base: &Tipset, message: &Message, blocks: i64) -> TokenAmount {
        let blocks = u32::try_from(blocks.max(0)).unwrap_or(u32::MAX);
        gas::fee_cap(base.parent_base_fee(), &message.gas_premium, blocks)
    }

    async fn estimate(
        &self,
        mut message: Message,
        spec: Option<MessageSendSpec>,
    ) -> Answer<Message> {
        if message.gas_limit == 0 {
            let limit = self
                .limit_of(message.clone())
                .await
                .map_err(|e| wrapped("estimating gas used", e))?;
            let config = self.0.mpool.config().await.told()?;
            message.gas_limit = gas::with_margin(limit, config.gas_limit_overestimation);
        }
        if message.gas_premium.is_zero() {
            message.gas_premium = self.premium(PREMIUM_BLOCKS).await?;
        }
        if message.gas_fee_cap.is_zero() {
            let head = self.0.chain.require_head().told()?;
            message.gas_fee_cap = self.cap(&head, &message, gas::FEE_CAP_BLOCKS.into());
        }
        let spec = spec.unwrap_or_default();
        let most = if spec.max_fee.is_zero() {
            self.0.default_max_fee.clone()
        } else {
            spec.max_fee
        };
        gas::cap_fees(&mut message, &most, spec.maximize_fee_cap);
        Ok(message)
    }

    /// The message that was sent under this UUID, so that a caller who asks twice pays once.
    async fn sent_before(&self, id: Option<Uuid>) -> Answer<Option<SignedMessage>> {
        let Some(id) = id else { return Ok(None) };
        self.run(move |s| {
            let kept = s.chain.metadata().get(&sent_as(&id)).map_err(told)?;
            kept.map(|bytes| wire::from_cbor(&bytes).told()).transpose()
        })
        .await
    }

    async fn remember(&self, id: Option<Uuid>, sent: &SignedMessage) -> Answer<()> {
        let Some(id) = id else { return Ok(()) };
        let bytes = wire::to_cbor(sent);
        self.run(move |s| s.chain.metadata().set(&sent_as(&id), &bytes).map_err(told))
            .await
    }

    async fn send(
        &self,
        mut message: Message,
        spec: Option<MessageSendSpec>,
    ) -> Answer<SignedMessage> {
        if message.nonce != 0 {
            return Err(RpcError::new(format_args!(
                "MpoolPushMessage expects message nonce to be 0, was {}",
                message.nonce
            )));
        }
        message.from = self.key_of(message.from).await?;
        let sending = self.0.sending.lock().await;
        let id = spec.as_ref().map(|s| s.msg_uuid).filter(|id| !id.is_nil());
        if let Some(sent) = self.sent_before(id).await? {
            return Ok(sent);
        }
        let message = self
            .estimate(message, spec)
            .await
            .map_err(|e| wrapped("GasEstimateMessageGas error", e))?;
        if message.gas_premium > message.gas_fee_cap {
            return Err(RpcError::new(
                "after estimation, GasPremium is greater than GasFeeCap",
            ));
        }
        let sender = message.from;
        let balance = self
            .run(move |s| {
                let head = s.chain.require_head().told()?;
                s.tree(&head)?.balance(&sender).told()
            })
            .await?;
        if balance < message.value {
            return Err(RpcError::new(format_args!(
                "mpool push: not enough funds: {balance} < {}",
                message.value
            )));
        }
        let nonce = self.mpool_get_nonce(sender).await?;
        let signed = self
            .run(move |s| {
                let message = Message { nonce, ..message };
                s.wallet.sign_message(sender, message).told()
            })
            .await?;
        self.mpool_push(signed.clone()).await?;
        self.remember(id, &signed).await?;
        drop(sending);
        Ok(signed)
    }
}

/// The same failure with what was being done in front; callers still see its code.
fn wrapped(what: &str, error: RpcError) -> RpcError {
    match error.code() {
        Some(code) => RpcError::with_code(code, format_args!("{what}: {error}")),
        None => error,
    }
}

#[async_trait]
impl MpoolApi for FullNodeApi {
    async fn mpool_pending(&self, key: TipsetKey) -> Answer<Vec<SignedMessage>> {
        // The pool follows the head; for another tipset it would have to be undone.
        let (tipset, pending) = self.0.mpool.pending().await.told()?;
        if !key.is_empty() && *tipset.key() != key {
            return Err(RpcError::new(
                "pending messages are known as of the head only",
            ));
        }
        Ok(pending.iter().map(|m| m.signed.clone()).collect())
    }

    async fn mpool_select(
        &self,
        key: TipsetKey,
        ticket_quality: f64,
    ) -> Answer<NilVec<SignedMessage>> {
        let target = self.run(move |s| s.tipset(&key)).await?;
        let chosen = self.0.mpool.select(target, ticket_quality).await.told()?;
        Ok(chosen.iter().map(|m| m.signed.clone()).collect())
    }

    async fn mpool_push(&self, message: SignedMessage) -> Answer<Cid> {
        self.0.mpool.push(message).await.told()?.told()
    }

    async fn mpool_push_untrusted(&self, message: SignedMessage) -> Answer<Cid> {
        self.0.mpool.push_untrusted(message).await.told()?.told()
    }

    async fn mpool_push_message(
        &self,
        message: Message,
        spec: Option<MessageSendSpec>,
    ) -> Answer<SignedMessage> {
        self.send(message, spec).await
    }

    async fn mpool_batch_push(&self, messages: Vec<SignedMessage>) -> Answer<Vec<Cid>> {
        let mut cids = Vec::with_capacity(messages.len());
        for message in messages {
            cids.push(self.mpool_push(message).await?);
        }
        Ok(cids)
    }

    async fn mpool_batch_push_untrusted(&self, messages: Vec<SignedMessage>) -> Answer<Vec<Cid>> {
        let mut cids = Vec::with_capacity(messages.len());
        for message in messages {
            cids.push(self.mpool_push_untrusted(message).await?);
        }
        Ok(cids)
    }

    async fn mpool_batch_push_message(
        &self,
        messages: Vec<Message>,
        spec: Option<MessageSendSpec>,
    ) -> Answer<Vec<SignedMessage>> {
        let mut sent = Vec::with_capacity(messages.len());
        for message in messages {
            sent.push(self.send(message, spec.clone()).await?);
        }
        Ok(sent)
    }

    async fn mpool_get_nonce(&self, sender: Address) -> Answer<u64> {
        let sender = self.key_of(sender).await.unwrap_or(sender);
        let nonce = self.0.mpool.next_nonce(sender).await.told()?;
        nonce.ok_or_else(|| {
            RpcError::new(format_args!(
                "resolution lookup failed ({sender}): actor not found"
            ))
        })
    }

    async fn mpool_sub(&self) -> Answer<Subscription<MpoolUpdate>> {
        let updates = self.0.mpool.subscribe().await.told()?;
        let stream = stream::unfold(updates, |mut updates| async move {
            loop {
                match updates.recv().await {
                    Ok(change) => return Some((update(change), updates)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        Ok(stream.boxed())
    }

    async fn mpool_clear(&self, local: bool) -> Answer<()> {
        self.0.mpool.clear(local).await.told()
    }

    async fn mpool_get_config(&self) -> Answer<MpoolConfig> {
        self.0.mpool.config().await.told()
    }

    async fn mpool_set_config(&self, config: MpoolConfig) -> Answer<()> {
        self.0.mpool.set_config(config).await.told()
    }
}

#[async_trait]
impl GasApi for FullNodeApi {
    async fn gas_estimate_message_gas(
        &self,
        message: Message,
        spec: Option<MessageSendSpec>,
        _key: TipsetKey,
    ) -> Answer<Message> {
        self.estimate(message, spec).await
    }

    async fn gas_estimate_gas_limit(&self, message: Message, _key: TipsetKey) -> Answer<Gas> {
        self.limit_of(message).await
    }

    async fn gas_estimate_fee_cap(
        &self,
        message: Message,
        max_blocks: i64,
        _key: TipsetKey,
    ) -> Answer<TokenAmount> {
        let head = self.0.chain.require_head().told()?;
        Ok(self.cap(&head, &message, max_blocks))
    }

    async fn gas_estimate_gas_premium(
        &self,
        blocks: u64,
        _sender: Address,
        _gas_limit: Gas,
        _key: TipsetKey,
    ) -> Answer<TokenAmount> {
        self.premium(blocks).await
    }
}
