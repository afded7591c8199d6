//! FIL in the storage market's escrow: putting in, taking out, reserving for deals that are not on
//! chain yet.
//!
//! # Invariants
//! - What is reserved survives a restart, and so does the payment that brings it: the UUID under which
//!   it is sent is written down before it is sent, its CID after. A node that was killed in between
//!   finds the payment by its UUID and does not make it again.
//! - Requests are taken one after the other; one that finds a payment under way waits for it first,
//!   since until then the escrow on chain says nothing about it.
//!
//! # Lotus parity
//! `chain/market.FundManager` behind `MarketAddBalance`, `MarketReserveFunds` and their kin. A payment
//! that was dropped from the pool is forgotten and made again; Lotus waits for it for ever.

use async_trait::async_trait;
use lotus_actors::market::{self, WithdrawBalanceParams};
use lotus_networks::singletons::MARKET_ACTOR;
use lotus_rpc_api::{
    RpcError,
    full::{MarketApi, MpoolApi as _, StateMarketApi as _},
    types::mpool::MessageSendSpec,
};
use lotus_types::{Address, Cid, Message, TipsetKey, TokenAmount};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Answer, FullNodeApi, Services, Told as _, told};

/// Epochs after which a payment counts as made.
const CONFIDENCE: i64 = 0;
/// How far back a payment is looked for: as far as the chain goes.
const NO_LIMIT: i64 = -1;

/// What is kept of an address, under `/market/funds/<key address>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Funds {
    /// Reserved for deals that are not on chain, in attoFIL.
    reserved: TokenAmount,
    /// A payment under way.
    payment: Option<Cid>,
    /// The UUID of a payment whose CID is not known yet; it may never have been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sending: Option<Uuid>,
}

fn name(address: &Address) -> String {
    format!("/market/funds/{address}")
}

impl Services {
    fn funds(&self, address: &Address) -> Answer<Funds> {
        match self.chain.metadata().get(&name(address)).map_err(told)? {
            Some(text) => serde_json::from_slice(&text).told(),
            None => Ok(Funds::default()),
        }
    }

    fn set_funds(&self, address: &Address, funds: &Funds) -> Answer<()> {
        let metadata = self.chain.metadata();
        if *funds == Funds::default() {
            return metadata.remove(&name(address)).map_err(told);
        }
        let text = serde_json::to_vec(funds).told()?;
        metadata.set(&name(address), &text).map_err(told)
    }
}

/// How much must be paid in so that `available` covers what is `reserved`.
fn shortfall(reserved: &TokenAmount, available: &TokenAmount) -> Option<TokenAmount> {
    (reserved > available).then(|| reserved - available)
}

impl FullNodeApi {
    /// The address under which funds are kept: the key address, or the actor's ID.
    async fn holder(&self, address: Address) -> Answer<Address> {
        self.run(move |s| Ok(s.key_behind(&address).unwrap_or(address)))
            .await
    }

    /// Escrow that no deal on chain locks.
    async fn available(&self, address: Address) -> Answer<TokenAmount> {
        match self
            .state_market_balance(address, TipsetKey::default())
            .await
        {
            Ok(held) => Ok(&held.escrow - &held.locked),
            Err(e) if e.to_string().contains("actor not found") => Ok(TokenAmount::zero()),
            Err(e) => Err(e),
        }
    }

    /// Waits for a payment that is under way, if it still is.
    async fn settle(&self, address: Address, mut funds: Funds) -> Answer<Funds> {
        let unnoted = match funds.sending.take() {
            Some(id) => self.sent_again(id).await?,
            None => None,
        };
        let Some(payment) = funds.payment.take().or(unnoted) else {
            return Ok(funds);
        };
        if let Ok(wanted) = self.run(move |s| s.wanted(payment, true)).await {
            let message = self.run(move |s| s.chain.message(&payment).told()).await?;
            // Pooled, in the newest blocks or executed: in all three its nonce is taken.
            let next = self.0.mpool.next_nonce(message.from).await.told()?;
            if next.is_some_and(|next| next > message.nonce) {
                self.wait_for(wanted, CONFIDENCE, NO_LIMIT).await?;
            }
        }
        let kept = funds.clone();
        self.run(move |s| s.set_funds(&address, &kept)).await?;
        Ok(funds)
    }

    /// The payment that an earlier run has signed under `id`, in the pool again if it still can be.
    async fn sent_again(&self, id: Uuid) -> Answer<Option<Cid>> {
        let Some(sent) = self.sent_before(Some(id)).await? else {
            return Ok(None);
        };
        let cid = sent.cid();
        if let Err(error) = self.mpool_push(sent).await {
            tracing::debug!(%cid, %error, "a payment that was sent before");
        }
        Ok(Some(cid))
    }

    async fn pay_in(
        &self,
        wallet: Address,
        of: Address,
        amount: TokenAmount,
        id: Uuid,
    ) -> Answer<Cid> {
        let message = lotus_actors::call(
            wallet,
            MARKET_ACTOR,
            amount,
            market::method::ADD_BALANCE,
            &of,
        );
        self.push(message.told()?, id).await
    }

    async fn push(&self, message: Message, id: Uuid) -> Answer<Cid> {
        let spec = MessageSendSpec {
            max_fee: TokenAmount::zero(),
            msg_uuid: id,
            maximize_fee_cap: false,
        };
        Ok(self.mpool_push_message(message, Some(spec)).await?.cid())
    }
}

#[async_trait]
impl MarketApi for FullNodeApi {
    async fn market_add_balance(
        &self,
        wallet: Address,
        address: Address,
        amount: TokenAmount,
    ) -> Answer<Cid> {
        self.pay_in(wallet, address, amount, Uuid::nil()).await
    }

    async fn market_withdraw(
        &self,
        wallet: Address,
        address: Address,
        amount: TokenAmount,
    ) -> Answer<Cid> {
        let holder = self.holder(address).await?;
        let _turn = self.0.funding.lock().await;
        let funds = self.run(move |s| s.funds(&holder)).await?;
        let funds = self.settle(holder, funds).await?;
        let free = &self.available(address).await? - &funds.reserved;
        if amount > free {
            return Err(RpcError::new(format_args!(
                "cannot withdraw {} from the escrow of {address}: {} are available, {} of them \
                 reserved for deals",
                amount,
                &free + &funds.reserved,
                funds.reserved
            )));
        }
        let params = WithdrawBalanceParams {
            provider_or_client: address,
            amount,
        };
        let message = lotus_actors::call(
            wallet,
            MARKET_ACTOR,
            TokenAmount::zero(),
            market::method::WITHDRAW_BALANCE,
            &params,
        );
        self.push(message.told()?, Uuid::nil()).await
    }

    async fn market_get_reserved(&self, address: Address) -> Answer<TokenAmount> {
        let holder = self.holder(address).await?;
        Ok(self.run(move |s| s.funds(&holder)).await?.reserved)
    }

    async fn market_reserve_funds(
        &self,
        wallet: Address,
        address: Address,
        amount: TokenAmount,
    ) -> Answer<Option<Cid>> {
        let holder = self.holder(address).await?;
        let _turn = self.0.funding.lock().await;
        let funds = self.run(move |s| s.funds(&holder)).await?;
        let mut funds = self.settle(holder, funds).await?;
        let wanted = &funds.reserved + &amount;
        let missing = shortfall(&wanted, &self.available(address).await?);
        if let Some(missing) = missing {
            let id = Uuid::new_v4();
            let begun = Funds {
                sending: Some(id),
                ..funds.clone()
            };
            self.run(move |s| s.set_funds(&holder, &begun)).await?;
            funds.payment = Some(self.pay_in(wallet, address, missing, id).await?);
        }
        funds.reserved = wanted;
        let payment = funds.payment;
        self.run(move |s| s.set_funds(&holder, &funds)).await?;
        Ok(payment)
    }

    async fn market_release_funds(&self, address: Address, amount: TokenAmount) -> Answer<()> {
        let holder = self.holder(address).await?;
        let _turn = self.0.funding.lock().await;
        let mut funds = self.run(move |s| s.funds(&holder)).await?;
        if amount > funds.reserved {
            return Err(RpcError::new(format_args!(
                "cannot release {} of {address}: only {} are reserved",
                amount, funds.reserved
            )));
        }
        funds.reserved = &funds.reserved - &amount;
        self.run(move |s| s.set_funds(&holder, &funds)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atto(n: i64) -> TokenAmount {
        TokenAmount::from_atto(n)
    }

    #[test]
    fn nothing_is_paid_in_while_the_escrow_covers_what_is_reserved() {
        assert_eq!(shortfall(&atto(5), &atto(5)), None);
        assert_eq!(shortfall(&atto(0), &atto(3)), None);
    }

    #[test]
    fn exactly_what_is_missing_is_paid_in() {
        assert_eq!(shortfall(&atto(7), &atto(5)), Some(atto(2)));
        // A locked balance above the escrow is no reason to pay less.
        assert_eq!(shortfall(&atto(7), &atto(-1)), Some(atto(8)));
    }

    #[test]
    fn what_is_kept_reads_back() {
        let funds = Funds {
            reserved: atto(12),
            payment: Some(lotus_types::Cid::of_block(b"payment")),
            sending: Some(Uuid::from_u128(7)),
        };
        let text = serde_json::to_string(&funds).expect("prints");
        let read: Funds = serde_json::from_str(&text).expect("reads");
        assert_eq!(read, funds);
        // As earlier versions have kept it.
        let old = r#"{"reserved":"12","payment":null}"#;
        let read: Funds = serde_json::from_str(old).expect("reads");
        assert_eq!((read.reserved, read.sending), (atto(12), None));
    }
}
