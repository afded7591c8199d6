//! Messages on their way to the chain.
//!
//! | module | what it holds |
//! |---|---|
//! | this | pushing, listing, selecting, checking |
//! | [`gas`] | estimates |
//!
//! # Invariants
//! - From reading a nonce until the message with it is pooled, no other message is sent: two callers
//!   at the same time get two nonces.
//! - A message that was sent under a UUID is sent once, whoever asks again and whenever.
//!
//! # Lotus parity
//! `node/impl/full/mpool.go`.

mod gas;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_mpool::Update;
use lotus_rpc_api::{
    RpcError, Subscription,
    full::MpoolApi,
    types::{
        go::NilVec,
        mpool::{MessageCheckStatus, MessagePrototype, MessageSendSpec, MpoolConfig, MpoolUpdate},
    },
};
use lotus_types::{Address, Cid, Message, SignedMessage, Tipset, TipsetKey, wire};
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::{Answer, FullNodeApi, Told as _, told, while_doing};

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
        self.run(move |s| {
            let head = s.chain.require_head().told()?;
            let key = s.account_key(&address, &head);
            key.map_err(|e| while_doing("getting key address", e))
        })
        .await
    }

    /// The tipset of a key; the head for the empty one.
    async fn loaded(&self, key: TipsetKey) -> Answer<Tipset> {
        self.run(move |s| s.tipset_named("loading tipset", &key))
            .await
    }

    /// Pending messages of a sender, by nonce, and the tipset that they follow.
    async fn pending_of(&self, sender: Address) -> Answer<(Tipset, Vec<SignedMessage>)> {
        let (tipset, pending) = self.0.mpool.pending_for(sender).await.told()?;
        Ok((tipset, pending.iter().map(|m| m.signed.clone()).collect()))
    }

    /// The message that was sent under this UUID, so that a caller who asks twice pays once.
    pub(super) async fn sent_before(&self, id: Option<Uuid>) -> Answer<Option<SignedMessage>> {
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

    async fn forget(&self, id: Option<Uuid>) -> Answer<()> {
        let Some(id) = id else { return Ok(()) };
        self.run(move |s| s.chain.metadata().remove(&sent_as(&id)).map_err(told))
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
            // The node may have died before it was pooled; otherwise the pool says that it knows it.
            if let Err(error) = self.mpool_push(sent.clone()).await {
                tracing::debug!(cid = %sent.cid(), %error, "a message that was sent before");
            }
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
                "mpool push: not enough funds: {} < {}",
                balance.atto(),
                message.value.atto()
            )));
        }
        let nonce = self.mpool_get_nonce(sender).await?;
        let message = Message { nonce, ..message };
        let signed = self.0.wallet.sign_message(sender, message).await?;
        // Before it is pooled, so that a crash in between does not send it twice.
        self.remember(id, &signed).await?;
        if let Err(error) = self.mpool_push(signed.clone()).await {
            self.forget(id).await?;
            return Err(wrapped("mpool push: failed to push message", error));
        }
        drop(sending);
        Ok(signed)
    }
}

/// The UUID of the `k`-th message of a batch; none stays none.
fn nth(id: Uuid, k: u128) -> Uuid {
    if id.is_nil() {
        return id;
    }
    Uuid::from_u128(id.as_u128().wrapping_add(k))
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
        let target = self.loaded(key).await?;
        self.0.mpool.pending_at(target).await.told()
    }

    async fn mpool_select(
        &self,
        key: TipsetKey,
        ticket_quality: f64,
    ) -> Answer<NilVec<SignedMessage>> {
        let target = self.loaded(key).await?;
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
        for (k, message) in (0u128..).zip(messages) {
            // One UUID is for one message: each of a batch gets its own, the same when asked again.
            let spec = spec.clone().map(|spec| MessageSendSpec {
                msg_uuid: nth(spec.msg_uuid, k),
                ..spec
            });
            sent.push(self.send(message, spec).await?);
        }
        Ok(sent)
    }

    async fn mpool_get_nonce(&self, sender: Address) -> Answer<u64> {
        let sender = self.key_of(sender).await.unwrap_or(sender);
        let nonce = self.0.mpool.next_nonce(sender).await.told()?;
        nonce.ok_or_else(|| match sender.id() {
            Some(_) => RpcError::new("actor not found"),
            None => RpcError::new(format_args!(
                "resolution lookup failed ({sender}): resolve address {sender}: actor not found"
            )),
        })
    }

    async fn mpool_check_messages(
        &self,
        messages: Vec<MessagePrototype>,
    ) -> Answer<Vec<Vec<MessageCheckStatus>>> {
        self.0.mpool.check_messages(messages).await.told()
    }

    async fn mpool_check_pending_messages(
        &self,
        sender: Address,
    ) -> Answer<NilVec<Vec<MessageCheckStatus>>> {
        let checks = self.0.mpool.check_pending(sender).await.told()?;
        Ok(checks.into())
    }

    async fn mpool_check_replace_messages(
        &self,
        messages: Vec<Message>,
    ) -> Answer<Vec<Vec<MessageCheckStatus>>> {
        self.0.mpool.check_replacing(messages).await.told()
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
