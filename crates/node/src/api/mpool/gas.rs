//! Gas: how much a message needs and what it should offer.
//!
//! # Lotus parity
//! `node/impl/full/gas.go`. A gas limit is tried on top of the pool's tipset and the sender's waiting
//! messages, whatever tipset is named; premium and fee cap go by the head. The named tipset only tells
//! whose key an ID address is.

use async_trait::async_trait;
use lotus_mpool::gas;
use lotus_rpc_api::{RpcError, code, full::GasApi, types::mpool::MessageSendSpec};
use lotus_types::{Address, Gas, Message, TipsetKey, TokenAmount};

use super::super::{Answer, FullNodeApi, Told as _, while_doing};

/// Blocks within which a message is to be included, when its premium is estimated.
const PREMIUM_BLOCKS: u64 = 10;

impl FullNodeApi {
    async fn limit_of(&self, message: Message, key: TipsetKey) -> Answer<Gas> {
        let from = message.from;
        let sender = self.run(move |s| {
            let tipset = s
                .tipset(&key)
                .map_err(|e| while_doing("getting tipset", e))?;
            s.account_key(&from, &tipset)
                .map_err(|e| while_doing("gas estimation failed: getting key address", e))
        });
        let sender = sender.await?;
        let (tipset, pending) = self.pending_of(sender).await?;
        self.run(move |s| {
            gas::gas_limit(&s.states, &message, &pending, &tipset).map_err(|e| match e {
                gas::EstimateError::OutOfGas => RpcError::with_code(code::OUT_OF_GAS, e),
                gas::EstimateError::Failed { .. } => RpcError::from_error(&e),
                other => RpcError::new(format_args!(
                    "gas estimation failed: {}",
                    RpcError::from_error(&other)
                )),
            })
        })
        .await
    }

    async fn premium(&self, blocks: u64) -> Answer<TokenAmount> {
        self.run(move |s| {
            let base = s.chain.require_head().told()?;
            let noise = gas::noise(&mut rand::thread_rng());
            gas::premium(s.states.view(), s.mpool.prices(), &base, blocks, noise).told()
        })
        .await
    }

    async fn cap(&self, premium: TokenAmount, blocks: i64) -> Answer<TokenAmount> {
        self.run(move |s| {
            let base = s.chain.require_head().told()?;
            let blocks = u32::try_from(blocks.max(0)).unwrap_or(u32::MAX);
            Ok(gas::fee_cap(base.parent_base_fee(), &premium, blocks))
        })
        .await
    }

    /// Fills in what is zero, and keeps the fees within what may be paid.
    pub(super) async fn estimate(
        &self,
        mut message: Message,
        spec: Option<MessageSendSpec>,
    ) -> Answer<Message> {
        if message.to.is_undefined() {
            return Err(RpcError::new("message To address is undefined"));
        }
        if message.from.is_undefined() {
            return Err(RpcError::new("message From address is undefined"));
        }
        if message.gas_limit == 0 {
            let limit = self.limit_of(message.clone(), TipsetKey::default()).await?;
            let config = self.0.mpool.config().await.told()?;
            message.gas_limit = gas::with_margin(limit, config.gas_limit_overestimation);
        }
        if message.gas_premium.is_zero() {
            message.gas_premium = self
                .premium(PREMIUM_BLOCKS)
                .await
                .map_err(|e| RpcError::new(format_args!("estimating gas price: {e}")))?;
        }
        if message.gas_fee_cap.is_zero() {
            let premium = message.gas_premium.clone();
            message.gas_fee_cap = self
                .cap(premium, gas::FEE_CAP_BLOCKS.into())
                .await
                .map_err(|e| RpcError::new(format_args!("estimating fee cap: {e}")))?;
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

    async fn gas_estimate_gas_limit(&self, message: Message, key: TipsetKey) -> Answer<Gas> {
        self.limit_of(message, key).await
    }

    async fn gas_estimate_fee_cap(
        &self,
        message: Message,
        max_blocks: i64,
        _key: TipsetKey,
    ) -> Answer<TokenAmount> {
        self.cap(message.gas_premium, max_blocks).await
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
