//! Payment channels: the manager's answers, and the node as the manager sees it.
//!
//! # Lotus parity
//! `node/impl/paych`. A payment of no vouchers is refused; Lotus panics.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use lotus_actors::{ActorKind, paych::SignedVoucher};
use lotus_networks::policy::MESSAGE_CONFIDENCE;
use lotus_paych::{Kind, Ledger, OnChain, PaychManager, lanes::Lane, manager};
use lotus_rpc_api::{
    RpcError,
    full::{MpoolApi as _, PaychApi, StateApi as _, WalletApi as _},
    types::{
        mpool::MessageSendSpec,
        paych::{
            ChannelAvailableFunds, ChannelInfo, PaychGetOpts, PaychStatus, PaymentInfo,
            VoucherCreateResult, VoucherSpec,
        },
    },
};
use lotus_types::{Address, Bytes, Cid, Message, Receipt, Signature, TokenAmount};
use uuid::Uuid;

use super::{Answer, FullNodeApi, Services, Told as _};

/// As far back as the chain goes.
const NO_LIMIT: i64 = -1;

impl FullNodeApi {
    fn paych(&self) -> Answer<&PaychManager> {
        self.0.paych.get().ok_or_else(|| {
            RpcError::new("payment channels are not there yet: the node is starting")
        })
    }

    /// Puts the payment channels behind their methods; the first ones stay.
    pub(crate) fn set_paych(&self, manager: PaychManager) {
        // Second ones would be a second start: nobody starts one.
        let _ = self.0.paych.set(manager);
    }

    /// An item for each new head.
    pub(crate) fn heads(&self) -> BoxStream<'static, ()> {
        let heads = self.0.chain.subscribe();
        futures::stream::unfold(heads, |mut heads| async move {
            // Whoever was too slow for some heads looks at the next.
            heads.next().await.map(|_| ((), heads))
        })
        .boxed()
    }
}

fn info((channel, wait_sentinel): manager::Got) -> ChannelInfo {
    ChannelInfo {
        channel: channel.unwrap_or_default(),
        wait_sentinel,
    }
}

/// Vouchers have a secret to be shown, and no proof.
fn unproven(proof: &Bytes) -> Answer<()> {
    if proof.is_empty() {
        return Ok(());
    }
    Err(RpcError::new(
        "payment channel proof parameter is not supported",
    ))
}

#[async_trait]
impl PaychApi for FullNodeApi {
    async fn paych_get(
        &self,
        from: Address,
        to: Address,
        amount: TokenAmount,
        options: PaychGetOpts,
    ) -> Answer<ChannelInfo> {
        let kind = if options.off_chain {
            Kind::OffChain
        } else {
            Kind::Reserve
        };
        Ok(info(self.paych()?.get(from, to, amount, kind).await?))
    }

    async fn paych_fund(
        &self,
        from: Address,
        to: Address,
        amount: TokenAmount,
    ) -> Answer<ChannelInfo> {
        let got = self.paych()?.get(from, to, amount, Kind::Fund);
        Ok(info(got.await?))
    }

    async fn paych_get_wait_ready(&self, sentinel: Cid) -> Answer<Address> {
        Ok(self.paych()?.wait_ready(sentinel).await?)
    }

    async fn paych_available_funds(&self, channel: Address) -> Answer<ChannelAvailableFunds> {
        Ok(self.paych()?.funds(channel).await?)
    }

    async fn paych_available_funds_by_from_to(
        &self,
        from: Address,
        to: Address,
    ) -> Answer<ChannelAvailableFunds> {
        Ok(self.paych()?.funds_between(from, to).await?)
    }

    async fn paych_list(&self) -> Answer<Vec<Address>> {
        Ok(self.paych()?.list().await?)
    }

    async fn paych_status(&self, channel: Address) -> Answer<PaychStatus> {
        Ok(self.paych()?.status(channel).await?)
    }

    async fn paych_settle(&self, channel: Address) -> Answer<Cid> {
        Ok(self.paych()?.settle(channel).await?)
    }

    async fn paych_collect(&self, channel: Address) -> Answer<Cid> {
        Ok(self.paych()?.collect(channel).await?)
    }

    async fn paych_allocate_lane(&self, channel: Address) -> Answer<u64> {
        Ok(self.paych()?.allocate_lane(channel).await?)
    }

    async fn paych_new_payment(
        &self,
        from: Address,
        to: Address,
        specs: Vec<VoucherSpec>,
    ) -> Answer<PaymentInfo> {
        // Vouchers on one lane name its total: the last one is what all cost.
        let Some(last) = specs.last() else {
            return Err(RpcError::new("a payment needs at least one voucher"));
        };
        let manager = self.paych()?;
        let got = manager.get(from, to, last.amount.clone(), Kind::Reserve);
        let ChannelInfo {
            channel,
            wait_sentinel,
        } = info(got.await?);
        let lane = manager.allocate_lane(channel).await?;
        let mut vouchers = Vec::with_capacity(specs.len());
        for spec in specs {
            let draft = manager::Draft::on_lane(lane, spec);
            let made = manager.create_voucher(channel, draft).await?;
            vouchers.push(made.voucher.ok_or_else(|| {
                RpcError::new(format_args!(
                    "Could not create voucher - shortfall of {}",
                    made.shortfall.atto()
                ))
            })?);
        }
        Ok(PaymentInfo {
            channel,
            wait_sentinel,
            vouchers,
        })
    }

    async fn paych_voucher_check_valid(
        &self,
        channel: Address,
        voucher: SignedVoucher,
    ) -> Answer<()> {
        Ok(self.paych()?.check_valid(channel, voucher).await?)
    }

    async fn paych_voucher_check_spendable(
        &self,
        channel: Address,
        voucher: SignedVoucher,
        secret: Bytes,
        proof: Bytes,
    ) -> Answer<bool> {
        unproven(&proof)?;
        let presented = manager::Presented { voucher, secret };
        Ok(self.paych()?.check_spendable(channel, presented).await?)
    }

    async fn paych_voucher_create(
        &self,
        channel: Address,
        amount: TokenAmount,
        lane: u64,
    ) -> Answer<VoucherCreateResult> {
        let draft = manager::Draft {
            amount,
            lane,
            ..manager::Draft::default()
        };
        Ok(self.paych()?.create_voucher(channel, draft).await?)
    }

    async fn paych_voucher_add(
        &self,
        channel: Address,
        voucher: SignedVoucher,
        proof: Bytes,
        least: TokenAmount,
    ) -> Answer<TokenAmount> {
        unproven(&proof)?;
        Ok(self.paych()?.add_voucher(channel, voucher, least).await?)
    }

    async fn paych_voucher_list(&self, channel: Address) -> Answer<Vec<SignedVoucher>> {
        Ok(self.paych()?.vouchers(channel).await?)
    }

    async fn paych_voucher_submit(
        &self,
        channel: Address,
        voucher: SignedVoucher,
        secret: Bytes,
        proof: Bytes,
    ) -> Answer<Cid> {
        unproven(&proof)?;
        let presented = manager::Presented { voucher, secret };
        Ok(self.paych()?.submit(channel, presented).await?)
    }
}

/// The node as its own payment channels see it. It does not keep the node alive, which holds them.
pub(crate) struct NodeLedger(Weak<Services>);

impl fmt::Debug for NodeLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeLedger")
    }
}

impl NodeLedger {
    pub(crate) fn new(api: &FullNodeApi) -> Self {
        Self(Arc::downgrade(&api.0))
    }

    fn node(&self) -> Answer<FullNodeApi> {
        let services = self.0.upgrade();
        services
            .map(FullNodeApi)
            .ok_or_else(|| RpcError::new("the node is stopping"))
    }
}

impl Services {
    fn payment_channel(&self, address: &Address) -> Answer<Option<OnChain>> {
        let head = self.chain.require_head().told()?;
        let tree = self.tree(&head)?;
        let Some(actor) = tree.actor(address).told()? else {
            return Ok(None);
        };
        if tree.manifest().told()?.kind(&actor.code) != Some(ActorKind::PaymentChannel) {
            return Err(RpcError::new(format_args!(
                "{address} is not a payment channel"
            )));
        }
        let state: lotus_actors::paych::State =
            lotus_actors::load(self.store(), &actor.head, "payment channel").told()?;
        let key = |side: &Address| {
            let key = tree.account_key(side).told()?;
            key.ok_or_else(|| RpcError::new(format_args!("{side} is not an account")))
        };
        let lanes = state.lanes(self.store()).told()?.entries().told()?;
        let lane = |(number, lane): (u64, lotus_actors::paych::LaneState)| {
            let lotus_actors::paych::LaneState { redeemed, nonce } = lane;
            (number, Lane { redeemed, nonce })
        };
        Ok(Some(OnChain {
            balance: actor.balance,
            from: key(&state.from)?,
            to: key(&state.to)?,
            to_send: state.to_send,
            settling_at: state.settling_at,
            lanes: lanes.into_iter().map(lane).collect(),
            height: head.height(),
        }))
    }
}

#[async_trait]
impl Ledger for NodeLedger {
    async fn channel(&self, channel: &Address) -> Answer<Option<OnChain>> {
        let channel = *channel;
        let node = self.node()?;
        node.run(move |s| s.payment_channel(&channel)).await
    }

    async fn key_address(&self, address: &Address) -> Answer<Address> {
        let address = *address;
        let node = self.node()?;
        node.run(move |s| Ok(s.key_behind(&address).unwrap_or(address)))
            .await
    }

    async fn has_key(&self, address: &Address) -> Answer<bool> {
        self.node()?.wallet_has(*address).await
    }

    async fn sign(&self, address: &Address, bytes: Vec<u8>) -> Answer<Signature> {
        self.node()?.wallet_sign(*address, bytes.into()).await
    }

    async fn payment_channel_code(&self) -> Answer<Cid> {
        let node = self.node()?;
        node.run(|s| {
            let head = s.chain.require_head().told()?;
            let manifest = s.tree(&head)?.manifest().told()?;
            manifest.code(ActorKind::PaymentChannel).told()
        })
        .await
    }

    async fn would_succeed(&self, message: Message) -> Answer<bool> {
        let node = self.node()?;
        node.run(move |s| {
            let head = s.chain.require_head().told()?;
            let called = s.states.call(&message, &head).told()?;
            Ok(called.applied.receipt.exit_code.is_success())
        })
        .await
    }

    async fn push(&self, message: Message, id: Option<Uuid>) -> Answer<Cid> {
        let spec = id.map(|msg_uuid| MessageSendSpec {
            msg_uuid,
            ..MessageSendSpec::default()
        });
        let sent = self.node()?.mpool_push_message(message, spec).await?;
        Ok(sent.cid())
    }

    async fn wait(&self, message: Cid) -> Answer<Receipt> {
        let node = self.node()?;
        let waited = node.state_wait_msg(message, MESSAGE_CONFIDENCE, NO_LIMIT, true);
        Ok(waited.await?.receipt)
    }
}
