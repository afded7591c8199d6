//! A full node behind the port.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use lotus_networks::singletons::MARKET_ACTOR;
use lotus_rpc_api::{
    RpcError, code,
    full::FullNode,
    types::{
        mpool::MessageSendSpec,
        state::{DealCollateralBounds, MarketBalance, MarketDeal},
    },
};
use lotus_types::{
    Address, BigInt, Bytes, ChainEpoch, Cid, DealId, Message, Signature, TipsetKey, TokenAmount,
    sector::PaddedPieceSize,
};

use super::{ChainError, Landed, MarketChain, MinerTerms, PushError, multiaddr};

/// As far back as the chain goes.
const NO_LIMIT: ChainEpoch = -1;

/// A full node as deals see it. Cheap to clone.
#[derive(Clone)]
pub struct FullNodeChain(Arc<dyn FullNode>);

impl fmt::Debug for FullNodeChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FullNodeChain")
    }
}

impl FullNodeChain {
    /// The chain behind a full node.
    pub fn new(node: Arc<dyn FullNode>) -> Self {
        Self(node)
    }
}

/// For errors of calls: names what was asked for.
fn asking(what: &'static str) -> impl Fn(RpcError) -> ChainError {
    move |error| ChainError::new(what, error)
}

/// `None` for an answer that says that there is no such thing. Lotus has a code for missing actors
/// only, and these words for the rest.
fn found<T>(what: &'static str, answer: Result<T, RpcError>) -> Result<Option<T>, ChainError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(RpcError::Answered(object))
            if object.code == code::ACTOR_NOT_FOUND || object.message.contains("not found") =>
        {
            Ok(None)
        }
        Err(error) => Err(ChainError::new(what, error)),
    }
}

fn head() -> TipsetKey {
    TipsetKey::default()
}

#[async_trait]
impl MarketChain for FullNodeChain {
    async fn height(&self) -> Result<ChainEpoch, ChainError> {
        let tipset = self.0.chain_head().await.map_err(asking("the head"))?;
        Ok(tipset.height())
    }

    async fn miner(&self, miner: &Address) -> Result<Option<MinerTerms>, ChainError> {
        let what = "the miner";
        let Some(info) = found(what, self.0.state_miner_info(*miner, head()).await)? else {
            return Ok(None);
        };
        let deadline = self.0.state_miner_proving_deadline(*miner, head()).await;
        let deadline = deadline.map_err(asking("the miner's proving period"))?;
        let multiaddrs = info.multiaddrs.iter();
        Ok(Some(MinerTerms {
            worker: info.worker,
            control: info.control_addresses,
            peer: info.peer_id.filter(|id| !id.is_empty()),
            multiaddrs: multiaddrs.filter_map(|b| multiaddr::to_text(b)).collect(),
            sector_size: info.sector_size,
            period_start: deadline.period_start,
            proving_period: deadline.proving_period,
        }))
    }

    async fn key_address(&self, account: &Address) -> Result<Option<Address>, ChainError> {
        if account.is_key() {
            return Ok(Some(*account));
        }
        let key = self.0.state_account_key(*account, head()).await;
        found("a key address", key)
    }

    async fn id_address(&self, address: &Address) -> Result<Option<Address>, ChainError> {
        if address.id().is_some() {
            return Ok(Some(*address));
        }
        let id = self.0.state_lookup_id(*address, head()).await;
        found("an ID address", id)
    }

    async fn can_sign(&self, address: &Address) -> Result<bool, ChainError> {
        let Some(key) = self.key_address(address).await? else {
            return Ok(false);
        };
        let answer = self.0.wallet_has(key).await;
        answer.map_err(asking("the key of an address"))
    }

    async fn sign(&self, signer: &Address, data: &[u8]) -> Result<Signature, ChainError> {
        let answer = self.0.wallet_sign(*signer, Bytes::from(data.to_vec()));
        answer.await.map_err(asking("a signature"))
    }

    async fn balance(&self, address: &Address) -> Result<TokenAmount, ChainError> {
        let answer = self.0.wallet_balance(*address).await;
        answer.map_err(asking("a balance"))
    }

    async fn escrow(&self, address: &Address) -> Result<MarketBalance, ChainError> {
        let what = "a balance in escrow";
        let answer = self.0.state_market_balance(*address, head()).await;
        // Who was never seen on chain has nothing there.
        Ok(found(what, answer)?.unwrap_or_default())
    }

    async fn datacap(&self, client: &Address) -> Result<Option<BigInt>, ChainError> {
        let what = "a client's DataCap";
        let answer = self.0.state_verified_client_status(*client, head()).await;
        Ok(found(what, answer)?.flatten())
    }

    async fn collateral_bounds(
        &self,
        size: PaddedPieceSize,
        verified: bool,
    ) -> Result<DealCollateralBounds, ChainError> {
        let answer = self
            .0
            .state_deal_provider_collateral_bounds(size, verified, head());
        answer.await.map_err(asking("the bounds of collateral"))
    }

    async fn deal(&self, deal: DealId) -> Result<Option<MarketDeal>, ChainError> {
        let answer = self.0.state_market_storage_deal(deal, head()).await;
        found("a deal", answer)
    }

    async fn deals_of(&self, provider: &Address) -> Result<Vec<(DealId, MarketDeal)>, ChainError> {
        let what = "the deals on chain";
        let all = self.0.state_market_deals(head()).await;
        let provider = self.id_address(provider).await?.unwrap_or(*provider);
        let mut deals = Vec::new();
        for (number, deal) in all.map_err(asking(what))? {
            if deal.proposal.provider == provider {
                let number = number.parse();
                deals.push((number.map_err(|e| ChainError::new(what, e))?, deal));
            }
        }
        deals.sort_unstable_by_key(|(number, _)| *number);
        Ok(deals)
    }

    async fn in_flight(&self) -> Result<Vec<(Cid, Message)>, ChainError> {
        // A message goes from the pool into a block, so the pool is looked at first.
        let pending = self.0.mpool_pending(head()).await;
        let pending = pending.map_err(asking("pending messages"))?;
        let tipset = self.0.chain_head().await.map_err(asking("the head"))?;
        let included = self
            .0
            .chain_get_messages_in_tipset(tipset.key().clone())
            .await
            .map_err(asking("the messages of the head"))?;
        let pending = pending.into_iter().map(|m| (m.cid(), m.message));
        let included = included.into_iter().map(|m| (m.cid, m.message));
        Ok(pending
            .chain(included)
            .filter(|(_, message)| message.to == MARKET_ACTOR)
            .collect())
    }

    async fn would_fail(&self, message: &Message) -> Result<Option<String>, ChainError> {
        let tried = self.0.state_call(message.clone(), head()).await;
        let tried = tried.map_err(asking("a message to be tried"))?;
        if tried.msg_rct.exit_code.is_success() {
            return Ok(None);
        }
        let code = tried.msg_rct.exit_code.0;
        Ok(Some(format!("exit code {code}: {}", tried.error)))
    }

    async fn push(&self, message: Message, max_fee: &TokenAmount) -> Result<Cid, PushError> {
        let spec = MessageSendSpec {
            max_fee: max_fee.clone(),
            ..MessageSendSpec::default()
        };
        match self.0.mpool_push_message(message, Some(spec)).await {
            Ok(signed) => Ok(signed.cid()),
            Err(RpcError::Answered(object)) => Err(PushError::Refused(object.message)),
            Err(error) => Err(ChainError::new("a message to be sent", error).into()),
        }
    }

    async fn wait(&self, message: &Cid, confidence: u64) -> Result<Landed, ChainError> {
        let answer = self
            .0
            .state_wait_msg(*message, confidence, NO_LIMIT, true)
            .await
            .map_err(asking("a message"))?;
        Ok(Landed {
            message: answer.message,
            height: answer.height,
            receipt: answer.receipt,
        })
    }
}

#[cfg(test)]
mod tests;
