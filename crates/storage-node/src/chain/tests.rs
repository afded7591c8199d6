//! The adapters against a full node that answers what a test gives it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use lotus_proving::winning::MiningChain;
use lotus_rpc_api::{
    full::{
        ClientApi, FevmApi, FullNode, GasApi, MarketApi, MinerApi, MpoolApi, MsigApi, PaychApi,
        StateApi, StateMarketApi, StateMinerApi, SyncApi, WalletApi,
    },
    node::{CommonApi, NetApi},
    types::state::{MarketDeal, SectorLocation},
};
use lotus_sealing::ChainApi as SealingChain;
use lotus_types::{SectorNumber, Signature, SignedMessage};

use super::*;

/// What a fake node answers, in the words of a Lotus node.
#[derive(Default)]
struct Node {
    /// The answer to questions about things that may be missing.
    refusal: Option<RpcError>,
    pending: Vec<SignedMessage>,
    keys: Vec<Address>,
    vrf: Option<Signature>,
    sent: Mutex<Vec<(Message, Option<MessageSendSpec>)>>,
}

impl Node {
    fn refusing(error: RpcError) -> NodeChain {
        let refusal = Some(error);
        NodeChain::new(Arc::new(Self {
            refusal,
            ..Self::default()
        }))
    }

    fn refuse<T>(&self) -> Result<T, RpcError> {
        Err(self.refusal.clone().expect("the test asks this"))
    }
}

impl CommonApi for Node {}
impl NetApi for Node {}
impl lotus_rpc_api::full::ChainApi for Node {}
impl MinerApi for Node {}
impl GasApi for Node {}
impl SyncApi for Node {}
impl MarketApi for Node {}
impl ClientApi for Node {}
impl MsigApi for Node {}
impl PaychApi for Node {}
impl FevmApi for Node {}

#[async_trait]
impl StateMarketApi for Node {
    async fn state_market_storage_deal(
        &self,
        _: u64,
        _: TipsetKey,
    ) -> Result<MarketDeal, RpcError> {
        self.refuse()
    }
}

#[async_trait]
impl StateMinerApi for Node {
    async fn state_sector_partition(
        &self,
        _: Address,
        _: SectorNumber,
        _: TipsetKey,
    ) -> Result<Option<SectorLocation>, RpcError> {
        self.refuse()
    }
}

#[async_trait]
impl StateApi for Node {
    async fn state_account_key(&self, address: Address, _: TipsetKey) -> Result<Address, RpcError> {
        match (&self.refusal, address.id()) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(id)) => Ok(key(u8::try_from(id).expect("small"))),
            (None, None) => Ok(address),
        }
    }
}

#[async_trait]
impl MpoolApi for Node {
    async fn mpool_pending(&self, _: TipsetKey) -> Result<Vec<SignedMessage>, RpcError> {
        Ok(self.pending.clone())
    }

    async fn mpool_push_message(
        &self,
        message: Message,
        spec: Option<MessageSendSpec>,
    ) -> Result<SignedMessage, RpcError> {
        if self.refusal.is_some() {
            return self.refuse();
        }
        let with_nonce = Message {
            nonce: 7,
            ..message.clone()
        };
        self.sent.lock().expect("whole").push((message, spec));
        Ok(signed(with_nonce))
    }
}

#[async_trait]
impl WalletApi for Node {
    async fn wallet_has(&self, address: Address) -> Result<bool, RpcError> {
        Ok(self.keys.contains(&address))
    }

    async fn wallet_sign(&self, _: Address, _: Bytes) -> Result<Signature, RpcError> {
        Ok(self.vrf.clone().expect("the test asks for it"))
    }
}

fn key(n: u8) -> Address {
    Address::new_bls([n; 48])
}

fn message_to(id: ActorId) -> Message {
    Message {
        version: 0,
        to: Address::new_id(id),
        from: key(1),
        nonce: 0,
        value: TokenAmount::zero(),
        gas_limit: 0,
        gas_fee_cap: TokenAmount::zero(),
        gas_premium: TokenAmount::zero(),
        method: 6,
        params: Bytes::default(),
    }
}

fn signed(message: Message) -> SignedMessage {
    let signature = Signature::new_bls([0; 96]);
    SignedMessage { message, signature }
}

fn unreachable() -> RpcError {
    RpcError::Unreachable {
        peer: "ws://127.0.0.1:1234/rpc/v1".to_owned(),
        reason: "connection refused".to_owned(),
    }
}

mod a_node_that_says_that_there_is_none {
    use super::*;

    #[tokio::test]
    async fn has_answered_the_question() {
        let at = TipsetKey::default();
        let words = "sector 7 not due at any deadline";
        let chain = Node::refusing(RpcError::new(words));
        assert_eq!(chain.location(1000, 7, &at).await, Ok(None));
        let words = "deal 3 not found - deal may not have completed sealing before deal proposal \
                     start epoch, or deal may have been slashed";
        let chain = Node::refusing(RpcError::new(words));
        assert_eq!(chain.deal(3, &at).await, Ok(None));
        let gone = RpcError::with_code(code::ACTOR_NOT_FOUND, "no such actor");
        let chain = Node::refusing(gone);
        assert_eq!(chain.can_sign_for(99).await, Ok(false));
    }

    #[tokio::test]
    async fn differs_from_one_that_cannot_be_asked() {
        let at = TipsetKey::default();
        for error in [unreachable(), RpcError::new("blockstore: read failed")] {
            let chain = Node::refusing(error);
            assert!(chain.location(1000, 7, &at).await.is_err());
            assert!(chain.deal(3, &at).await.is_err());
            assert!(chain.can_sign_for(99).await.is_err());
        }
    }
}

impl NodeChain {
    async fn can_sign_for(&self, id: ActorId) -> Result<bool, ChainError> {
        SealingChain::can_sign(self, &Address::new_id(id)).await
    }
}

mod sending {
    use super::*;

    #[tokio::test]
    async fn bounds_the_fee_and_names_the_message_as_it_was_signed() {
        let node = Arc::new(Node::default());
        let chain = NodeChain::new(Arc::clone(&node) as Arc<dyn FullNode>);
        let max = TokenAmount::from_fil(2);
        let cid = SealingChain::push(&chain, message_to(1000), &max).await;
        let nonced = Message {
            nonce: 7,
            ..message_to(1000)
        };
        assert_eq!(cid, Ok(signed(nonced).cid()));
        let sent = node.sent.lock().expect("whole");
        let spec = sent[0].1.as_ref().expect("a spec");
        assert_eq!(spec.max_fee, max);
    }

    #[tokio::test]
    async fn tells_a_refusal_from_not_knowing() {
        let words = "message execution failed: exit SysErrInsufficientFunds(6)";
        let chain = Node::refusing(RpcError::new(words));
        let refused = SealingChain::push(&chain, message_to(1000), &TokenAmount::zero()).await;
        assert_eq!(refused, Err(PushError::Refused(words.to_owned())));
        let chain = Node::refusing(unreachable());
        let unknown = SealingChain::push(&chain, message_to(1000), &TokenAmount::zero()).await;
        assert!(matches!(unknown, Err(PushError::Chain(_))), "{unknown:?}");
    }
}

#[tokio::test]
async fn only_messages_to_the_miner_are_its_pending_ones() {
    let node = Node {
        pending: vec![signed(message_to(1000)), signed(message_to(1001))],
        ..Node::default()
    };
    let chain = NodeChain::new(Arc::new(node));
    let pending = SealingChain::pending(&chain, &Address::new_id(1000)).await;
    let expected = signed(message_to(1000));
    assert_eq!(pending, Ok(vec![(expected.cid(), expected.message)]));
}

#[tokio::test]
async fn the_key_behind_an_id_decides_who_can_sign() {
    let node = Node {
        keys: vec![key(5)],
        ..Node::default()
    };
    let chain = NodeChain::new(Arc::new(node));
    assert_eq!(chain.can_sign_for(5).await, Ok(true));
    assert_eq!(chain.can_sign_for(6).await, Ok(false));
}

#[tokio::test]
async fn a_vrf_proof_is_a_bls_signature_or_nothing() {
    let with = |signature: Signature| {
        let vrf = Some(signature);
        NodeChain::new(Arc::new(Node {
            vrf,
            ..Node::default()
        }))
    };
    let bls = with(Signature::new_bls([9; 96]));
    assert_eq!(bls.vrf(&key(1), &[0; 32]).await, Ok(vec![9; 96]));
    let other = with(Signature {
        kind: lotus_types::SignatureType::Secp256k1,
        data: Bytes::from(vec![9; 65]),
    });
    assert!(other.vrf(&key(1), &[0; 32]).await.is_err());
}
