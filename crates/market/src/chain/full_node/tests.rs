use lotus_rpc_api::{
    full,
    node::{CommonApi, NetApi},
    types::{chain::ApiMessage, go::NilVec, state::MarketBalance},
};
use lotus_types::{BlockHeader, SignedMessage, Tipset};

use super::*;

/// A node that knows one deal, and has one message in its pool and one in its head.
#[derive(Debug)]
struct Node;

const NOBODY: Address = Address::new_id(404);

fn message(to: Address, nonce: u64) -> Message {
    Message {
        nonce,
        ..Message::transfer(Address::new_id(100), to, TokenAmount::zero())
    }
}

fn genesis() -> Tipset {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/wire/mainnet-genesis-header.json"
    );
    let text = std::fs::read(path).unwrap();
    let recorded: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let hex = recorded["header_hex"].as_str().unwrap();
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let header: BlockHeader = lotus_types::wire::from_cbor(&bytes).unwrap();
    Tipset::new(vec![header]).unwrap()
}

macro_rules! nothing {
    ($($group:ty),*) => { $(impl $group for Node {})* };
}
nothing!(
    CommonApi,
    NetApi,
    full::StateMinerApi,
    full::MinerApi,
    full::GasApi,
    full::WalletApi,
    full::SyncApi,
    full::MarketApi,
    full::ClientApi,
    full::MsigApi,
    full::PaychApi,
    full::FevmApi
);

#[async_trait]
impl full::ChainApi for Node {
    async fn chain_head(&self) -> Result<Tipset, RpcError> {
        Ok(genesis())
    }

    async fn chain_get_messages_in_tipset(
        &self,
        key: TipsetKey,
    ) -> Result<NilVec<ApiMessage>, RpcError> {
        assert_eq!(key, *genesis().key());
        let message = message(MARKET_ACTOR, 1);
        let cid = message.cid();
        Ok(vec![ApiMessage { cid, message }].into())
    }
}

#[async_trait]
impl full::MpoolApi for Node {
    async fn mpool_pending(&self, _: TipsetKey) -> Result<Vec<SignedMessage>, RpcError> {
        let signed = |message| SignedMessage {
            message,
            signature: Signature::new_bls(vec![0; 96]),
        };
        let messages = [message(MARKET_ACTOR, 2), message(NOBODY, 3)];
        Ok(messages.map(signed).to_vec())
    }

    async fn mpool_push_message(
        &self,
        message: Message,
        _: Option<MessageSendSpec>,
    ) -> Result<SignedMessage, RpcError> {
        if message.nonce == 9 {
            return Err(RpcError::Unreachable {
                peer: "node".to_owned(),
                reason: "gone".to_owned(),
            });
        }
        Err(RpcError::new("not enough funds"))
    }
}

#[async_trait]
impl full::StateApi for Node {
    async fn state_lookup_id(&self, _: Address, _: TipsetKey) -> Result<Address, RpcError> {
        Err(RpcError::with_code(
            code::ACTOR_NOT_FOUND,
            "actor not found",
        ))
    }
}

#[async_trait]
impl full::StateMarketApi for Node {
    async fn state_market_balance(
        &self,
        address: Address,
        _: TipsetKey,
    ) -> Result<MarketBalance, RpcError> {
        match address {
            NOBODY => Err(RpcError::new("resolve address f0404: actor not found")),
            _ => Err(RpcError::new("disk failed")),
        }
    }

    async fn state_market_storage_deal(
        &self,
        deal: DealId,
        _: TipsetKey,
    ) -> Result<MarketDeal, RpcError> {
        match deal {
            1 => Err(RpcError::new("deal 1 not found - it may have been slashed")),
            _ => Err(RpcError::new("disk failed")),
        }
    }
}

fn chain() -> FullNodeChain {
    FullNodeChain::new(Arc::new(Node))
}

mod what_is_missing {
    use super::*;

    #[tokio::test]
    async fn is_told_apart_from_what_failed() {
        let chain = chain();
        assert_eq!(chain.deal(1).await.unwrap(), None);
        assert!(chain.deal(2).await.is_err());
        let nothing = chain.escrow(&NOBODY).await.unwrap();
        assert_eq!(nothing, MarketBalance::default());
        assert!(chain.escrow(&Address::new_id(1)).await.is_err());
        let key = Address::new_actor(b"somebody");
        assert_eq!(chain.id_address(&key).await.unwrap(), None);
    }
}

mod messages {
    use super::*;

    #[tokio::test]
    async fn to_the_market_are_found_in_pool_and_head() {
        let found = chain().in_flight().await.unwrap();
        let nonces: Vec<_> = found.iter().map(|(_, m)| m.nonce).collect();
        assert_eq!(nonces, [2, 1]);
    }

    #[tokio::test]
    async fn that_were_refused_are_told_apart_from_those_of_which_nothing_is_known() {
        let fee = TokenAmount::zero();
        let refused = chain().push(message(MARKET_ACTOR, 0), &fee).await;
        assert!(matches!(refused, Err(PushError::Refused(reason)) if reason == "not enough funds"));
        let unknown = chain().push(message(MARKET_ACTOR, 9), &fee).await;
        assert!(matches!(unknown, Err(PushError::Chain(_))));
    }
}
