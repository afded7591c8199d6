//! A ledger in place of the chain: escrow, deals, messages. Each process sees it through a port of its
//! own, which can be trapped.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use lotus_actors::market::{
    PublishStorageDealsParams, PublishStorageDealsReturn,
    method::{ADD_BALANCE, PUBLISH_STORAGE_DEALS},
};
use lotus_crypto::SigningKey;
use lotus_market::chain::{ChainError, Landed, MarketChain, MinerTerms, PushError};
use lotus_networks::singletons::MARKET_ACTOR;
use lotus_rpc_api::types::state::{DealCollateralBounds, MarketBalance, MarketDeal};
use lotus_types::{
    Address, BigInt, BitField, Bytes, ChainEpoch, Cid, DealId, DealProposal, DealState, ExitCode,
    KeyType, Message, Receipt, Signature, TokenAmount, sector::PaddedPieceSize, wire,
};
use parking_lot::Mutex;

use super::Trap;

pub(crate) const MINER: Address = Address::new_id(1000);
pub(crate) const SECTOR_SIZE: u64 = 4096;
/// The network's least collateral of a provider, in attoFIL.
pub(crate) const COLLATERAL: u64 = 1000;

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) height: ChainEpoch,
    ids: BTreeMap<Address, Address>,
    balances: BTreeMap<Address, TokenAmount>,
    pub(crate) escrow: BTreeMap<Address, MarketBalance>,
    pub(crate) deals: BTreeMap<DealId, MarketDeal>,
    pub(crate) datacap: BTreeMap<Address, BigInt>,
    /// Sent and not executed yet.
    pool: Vec<(Cid, Message)>,
    landed: BTreeMap<Cid, Landed>,
    /// Everything that was ever sent.
    pub(crate) sent: Vec<Message>,
    /// Pieces whose deals the market actor refuses.
    pub(crate) refused: BTreeSet<Cid>,
    /// The provider's peer and where it is.
    pub(crate) peer: Option<(String, Vec<String>)>,
}

/// What is true on chain, for all.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) state: Mutex<State>,
    keys: BTreeMap<Address, SigningKey>,
    pub(crate) client: Address,
    pub(crate) worker: Address,
}

impl Ledger {
    /// A client and a miner with a worker, each with 10 FIL, at height 100.
    pub(crate) fn new() -> Arc<Self> {
        let key = || SigningKey::generate(&KeyType::Secp256k1, &mut rand::rngs::OsRng).unwrap();
        let (client, worker) = (key(), key());
        let (client_address, worker_address) = (client.address(), worker.address());
        let ids = [(client_address, 100), (worker_address, 101)];
        let mut state = State {
            height: 100,
            ..State::default()
        };
        for (address, id) in ids {
            state.ids.insert(address, Address::new_id(id));
            state.balances.insert(address, TokenAmount::from_fil(10));
        }
        Arc::new(Self {
            state: Mutex::new(state),
            keys: BTreeMap::from([(client_address, client), (worker_address, worker)]),
            client: client_address,
            worker: worker_address,
        })
    }

    /// A view of it for one process.
    pub(crate) fn port(self: &Arc<Self>) -> (Arc<dyn MarketChain>, Trap) {
        let trap = Trap::default();
        let port = Port {
            ledger: Arc::clone(self),
            trap: trap.clone(),
        };
        (Arc::new(port), trap)
    }

    pub(crate) fn sign(&self, signer: &Address, data: &[u8]) -> Signature {
        self.keys[signer].sign(data)
    }

    fn key_of(&self, address: &Address) -> Option<Address> {
        let state = self.state.lock();
        if self.keys.contains_key(address) {
            return Some(*address);
        }
        let found = state.ids.iter().find(|(_, id)| *id == address);
        found.map(|(key, _)| *key)
    }

    /// The deal's sector is proven.
    pub(crate) fn activate(&self, deal: DealId) {
        let mut state = self.state.lock();
        let height = state.height;
        state.deals.get_mut(&deal).unwrap().state.sector_start_epoch = height;
    }

    /// How often messages of a method were sent by an address.
    pub(crate) fn count(&self, method: u64, from: &Address) -> usize {
        let from = [Some(*from), self.state.lock().ids.get(from).copied()];
        let state = self.state.lock();
        let by = state.sent.iter().filter(|m| from.contains(&Some(m.from)));
        by.filter(|m| m.method == method).count()
    }
}

impl State {
    fn execute(&mut self, message: &Message) -> Receipt {
        let (exit_code, return_data) = match message.method {
            ADD_BALANCE => {
                let owner: Address = wire::from_cbor(&message.params).unwrap();
                self.escrow.entry(owner).or_default().escrow += &message.value;
                (0, Bytes::new())
            }
            PUBLISH_STORAGE_DEALS => match self.publish(message) {
                Some(returned) => (0, wire::to_cbor(&returned).into()),
                None => (16, Bytes::new()),
            },
            other => panic!("nobody sends method {other}"),
        };
        Receipt {
            exit_code: ExitCode(exit_code),
            return_data,
            gas_used: 1,
        }
    }

    /// As the market actor: deals that are there already, or are refused, are left out.
    fn publish(&mut self, message: &Message) -> Option<PublishStorageDealsReturn> {
        let params: PublishStorageDealsParams = wire::from_cbor(&message.params).unwrap();
        let (mut ids, mut valid) = (Vec::new(), Vec::new());
        for (index, deal) in (0..).zip(&params.deals) {
            let Some(proposal) = self.publishable(&deal.proposal) else {
                continue;
            };
            let id = 7 + self.deals.len() as DealId;
            let duration = proposal.end_epoch - proposal.start_epoch;
            let price = proposal.storage_price_per_epoch.clone() * duration;
            self.escrow.entry(deal.proposal.client).or_default().locked += price;
            let collateral = &proposal.provider_collateral;
            self.escrow.entry(proposal.provider).or_default().locked += collateral;
            let state = DealState {
                sector_start_epoch: -1,
                last_updated_epoch: -1,
                slash_epoch: -1,
            };
            self.deals.insert(id, MarketDeal { proposal, state });
            ids.push(id);
            valid.push(index);
        }
        let valid_deals = BitField::try_from_numbers(valid).unwrap();
        (!ids.is_empty()).then_some(PublishStorageDealsReturn { ids, valid_deals })
    }

    fn publishable(&self, proposal: &DealProposal) -> Option<DealProposal> {
        let proposal = DealProposal {
            client: self.ids[&proposal.client],
            ..proposal.clone()
        };
        let known = self.deals.values().any(|deal| deal.proposal == proposal);
        (!known && !self.refused.contains(&proposal.piece_cid)).then_some(proposal)
    }

    /// Blocks are made: what waits is executed.
    fn mine(&mut self) {
        for (cid, message) in std::mem::take(&mut self.pool) {
            self.height += 1;
            let receipt = self.execute(&message);
            let landed = Landed {
                message: cid,
                height: self.height,
                receipt,
            };
            self.landed.insert(cid, landed);
        }
    }
}

#[derive(Debug)]
struct Port {
    ledger: Arc<Ledger>,
    trap: Trap,
}

#[async_trait]
impl MarketChain for Port {
    async fn height(&self) -> Result<ChainEpoch, ChainError> {
        Ok(self.ledger.state.lock().height)
    }

    async fn miner(&self, miner: &Address) -> Result<Option<MinerTerms>, ChainError> {
        let peer = self.ledger.state.lock().peer.clone();
        let (peer, multiaddrs) = peer.unzip();
        Ok((*miner == MINER).then(|| MinerTerms {
            worker: Address::new_id(101),
            control: Vec::new(),
            peer,
            multiaddrs: multiaddrs.unwrap_or_default(),
            sector_size: SECTOR_SIZE,
            period_start: 57,
            proving_period: 2880,
        }))
    }

    async fn key_address(&self, account: &Address) -> Result<Option<Address>, ChainError> {
        Ok(self.ledger.key_of(account))
    }

    async fn id_address(&self, address: &Address) -> Result<Option<Address>, ChainError> {
        Ok(self.ledger.state.lock().ids.get(address).copied())
    }

    async fn can_sign(&self, address: &Address) -> Result<bool, ChainError> {
        Ok(self.ledger.key_of(address).is_some())
    }

    async fn sign(&self, signer: &Address, data: &[u8]) -> Result<Signature, ChainError> {
        let signature = self.ledger.sign(signer, data);
        self.trap.pass("sign").await;
        Ok(signature)
    }

    async fn balance(&self, address: &Address) -> Result<TokenAmount, ChainError> {
        let key = self.ledger.key_of(address);
        let state = self.ledger.state.lock();
        Ok(key
            .and_then(|key| state.balances.get(&key).cloned())
            .unwrap_or_default())
    }

    async fn escrow(&self, address: &Address) -> Result<MarketBalance, ChainError> {
        let held = self.ledger.state.lock().escrow.get(address).cloned();
        self.trap.pass("escrow").await;
        Ok(held.unwrap_or_default())
    }

    async fn datacap(&self, client: &Address) -> Result<Option<BigInt>, ChainError> {
        Ok(self.ledger.state.lock().datacap.get(client).cloned())
    }

    async fn collateral_bounds(
        &self,
        _: PaddedPieceSize,
        _: bool,
    ) -> Result<DealCollateralBounds, ChainError> {
        Ok(DealCollateralBounds {
            min: TokenAmount::from_atto(COLLATERAL),
            max: TokenAmount::from_fil(1),
        })
    }

    async fn deal(&self, deal: DealId) -> Result<Option<MarketDeal>, ChainError> {
        let deal = self.ledger.state.lock().deals.get(&deal).cloned();
        self.trap.pass("deal").await;
        Ok(deal)
    }

    async fn deals_of(&self, provider: &Address) -> Result<Vec<(DealId, MarketDeal)>, ChainError> {
        let state = self.ledger.state.lock();
        let deals = state.deals.iter().map(|(id, deal)| (*id, deal.clone()));
        Ok(deals
            .filter(|(_, deal)| deal.proposal.provider == *provider)
            .collect())
    }

    async fn in_flight(&self) -> Result<Vec<(Cid, Message)>, ChainError> {
        Ok(self.ledger.state.lock().pool.clone())
    }

    async fn would_fail(&self, message: &Message) -> Result<Option<String>, ChainError> {
        let failing = {
            let state = self.ledger.state.lock();
            let params: PublishStorageDealsParams = wire::from_cbor(&message.params).unwrap();
            let fails = |deal: &lotus_types::ClientDealProposal| {
                state.refused.contains(&deal.proposal.piece_cid)
            };
            params.deals.iter().any(fails)
        };
        self.trap.pass("would_fail").await;
        Ok(failing.then(|| "exit code 16: the piece is refused".to_owned()))
    }

    async fn push(&self, mut message: Message, _: &TokenAmount) -> Result<Cid, PushError> {
        assert_eq!(message.to, MARKET_ACTOR);
        let method = message.method;
        let cid = {
            let mut state = self.ledger.state.lock();
            message.nonce = state.sent.len() as u64;
            let cid = message.cid();
            state.pool.push((cid, message.clone()));
            state.sent.push(message);
            cid
        };
        self.trap.pass("push").await;
        if method == PUBLISH_STORAGE_DEALS {
            self.trap.pass("push publish").await;
        }
        Ok(cid)
    }

    async fn wait(&self, message: &Cid, _: u64) -> Result<Landed, ChainError> {
        let landed = {
            let mut state = self.ledger.state.lock();
            state.mine();
            state.landed.get(message).cloned()
        };
        self.trap.pass("wait").await;
        let published = landed
            .as_ref()
            .is_some_and(|l| !l.receipt.return_data.is_empty());
        if published {
            self.trap.pass("wait publish").await;
        }
        landed.ok_or_else(|| ChainError::new("a message", "nobody knows it"))
    }
}
