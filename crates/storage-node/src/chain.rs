//! The chain as the provider's services see it: the full node's API behind their ports.
//!
//! [`NodeChain`] takes any [`FullNode`]: one in this process and one on another machine are the same
//! code path.
//!
//! | module | port |
//! |---|---|
//! | [`sealing`] | [`lotus_sealing::ChainApi`] |
//! | [`window`] | [`lotus_proving::window::PoStChain`] |
//! | [`mining`] | [`lotus_proving::winning::MiningChain`] |
//!
//! # Invariants
//! - "There is none" is told apart from "the node could not say": the first is an answer, the second a
//!   [`ChainError`], which the services try again.
//!
//! # Lotus parity
//! `storage/pipeline`'s `SealingAPIAdapter` and the full-node half of `storage/wdpost` and `miner`.

mod mining;
mod sealing;
mod window;

use std::{fmt, sync::Arc};

use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::Randomness;
use lotus_rpc_api::{
    RpcError, code,
    full::FullNode,
    types::{mpool::MessageSendSpec, state::MinerInfo},
};
use lotus_sealing::{
    ChainError,
    chain::{Head, MinerAddresses, PushError},
};
use lotus_types::{ActorId, Address, Bytes, ChainEpoch, Cid, Message, TipsetKey, TokenAmount};

/// A full node as sealing, WindowPoSt and block production see it. Cheap to clone.
#[derive(Clone)]
pub struct NodeChain(Arc<dyn FullNode>);

impl fmt::Debug for NodeChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeChain")
    }
}

impl NodeChain {
    /// The chain behind a full node, which is in this process or elsewhere.
    pub fn new(node: Arc<dyn FullNode>) -> Self {
        Self(node)
    }

    /// The full node itself.
    pub fn node(&self) -> &Arc<dyn FullNode> {
        &self.0
    }
}

/// For errors of calls: names what was asked for.
fn asking(what: &'static str) -> impl Fn(RpcError) -> ChainError {
    move |error| ChainError::new(what, error)
}

/// Did the node say that there is no such thing? Lotus has no code for it, only these words.
fn says_missing(error: &RpcError) -> bool {
    let RpcError::Answered(object) = error else {
        return false;
    };
    object.code == code::ACTOR_NOT_FOUND
        || ["not found", "not due at any deadline"]
            .iter()
            .any(|words| object.message.contains(words))
}

/// `None` for an answer that says that there is no such thing.
fn found<T>(
    what: &'static str,
    answer: Result<Option<T>, RpcError>,
) -> Result<Option<T>, ChainError> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(error) if says_missing(&error) => Ok(None),
        Err(error) => Err(ChainError::new(what, error)),
    }
}

fn randomness(what: &'static str, drawn: &Bytes) -> Result<Randomness, ChainError> {
    Randomness::try_from(&drawn[..]).map_err(|_| {
        let length = drawn.len();
        ChainError::new(what, format_args!("{length} bytes are no randomness"))
    })
}

/// What more than one port asks.
impl NodeChain {
    async fn newest(&self) -> Result<Head, ChainError> {
        let head = self.0.chain_head().await.map_err(asking("the head"))?;
        Ok(Head {
            key: head.key().clone(),
            height: head.height(),
            base_fee: head.parent_base_fee().clone(),
        })
    }

    async fn miner_info(&self, miner: ActorId, at: &TipsetKey) -> Result<MinerInfo, ChainError> {
        let info = self.0.state_miner_info(Address::new_id(miner), at.clone());
        info.await.map_err(asking("the miner"))
    }

    async fn addresses(
        &self,
        miner: ActorId,
        at: &TipsetKey,
    ) -> Result<MinerAddresses, ChainError> {
        let info = self.miner_info(miner, at).await?;
        Ok(MinerAddresses {
            owner: info.owner,
            worker: info.worker,
            control: info.control_addresses,
        })
    }

    async fn drawn_from_tickets(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        at: &TipsetKey,
    ) -> Result<Randomness, ChainError> {
        let what = "randomness from tickets";
        let entropy = Bytes::from(entropy.to_vec());
        let drawn =
            self.0
                .state_get_randomness_from_tickets(tag.into(), epoch, entropy, at.clone());
        randomness(what, &drawn.await.map_err(asking(what))?)
    }

    async fn drawn_from_beacon(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        at: &TipsetKey,
    ) -> Result<Randomness, ChainError> {
        let what = "randomness from the beacon";
        let entropy = Bytes::from(entropy.to_vec());
        let drawn = self
            .0
            .state_get_randomness_from_beacon(tag.into(), epoch, entropy, at.clone());
        randomness(what, &drawn.await.map_err(asking(what))?)
    }

    async fn funds(&self, address: &Address) -> Result<TokenAmount, ChainError> {
        let balance = self.0.wallet_balance(*address).await;
        balance.map_err(asking("a balance"))
    }

    /// The node's wallet knows keys, the chain knows ids: the key behind the address decides.
    async fn has_key(&self, address: &Address) -> Result<bool, ChainError> {
        let what = "the key of an address";
        let key = self
            .0
            .state_account_key(*address, TipsetKey::default())
            .await
            .map(Some);
        let Some(key) = found(what, key)? else {
            return Ok(false);
        };
        self.0.wallet_has(key).await.map_err(asking(what))
    }

    async fn pooled(&self, to: &Address) -> Result<Vec<(Cid, Message)>, ChainError> {
        let pending = self.0.mpool_pending(TipsetKey::default()).await;
        let pending = pending.map_err(asking("pending messages"))?;
        Ok(pending
            .into_iter()
            .filter(|signed| signed.message.to == *to)
            .map(|signed| (signed.cid(), signed.message))
            .collect())
    }

    async fn send(&self, message: Message, max_fee: &TokenAmount) -> Result<Cid, PushError> {
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
}

#[cfg(test)]
mod tests;
