//! A chain that is one epoch further every time somebody looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lotus_actors::miner::params as p;
use lotus_actors::miner::{
    SectorLocation, SectorOnChainInfo, SectorPreCommitInfo, SectorPreCommitOnChainInfo, method,
};
use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::Randomness;
use lotus_sealing::chain::{Head, Landed, MinerAddresses, PushError};
use lotus_sealing::{ChainApi, ChainError};
use lotus_types::{
    ActorId, Address, BigInt, BitField, ChainEpoch, Cid, DealId, DealProposal, ExitCode, Message,
    RegisteredSealProof, SectorNumber, TipsetKey, TokenAmount, wire,
};
use parking_lot::Mutex;

use super::Freezer;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) height: ChainEpoch,
    pub(super) pool: Vec<(Cid, Message, ChainEpoch)>,
    pub(super) landed: BTreeMap<Cid, Landed>,
    pub(crate) pre_commits: BTreeMap<SectorNumber, SectorPreCommitOnChainInfo>,
    pub(crate) sectors: BTreeMap<SectorNumber, SectorOnChainInfo>,
    pub(super) allocated: BTreeSet<SectorNumber>,
    pub(crate) deals: BTreeMap<DealId, DealProposal>,
    /// Everything that was ever sent.
    pub(crate) sent: Vec<Message>,
    /// How many messages to drop from the pool without a trace.
    pub(crate) lose: u32,
    /// How many messages fail when executed.
    pub(crate) fail: u32,
    /// How many pushes are refused.
    pub(crate) refuse: u32,
}

/// A chain that is one epoch further every time somebody looks.
#[derive(Debug)]
pub(crate) struct FakeChain {
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) freezer: Arc<Freezer>,
    pub(crate) stop_after: bool,
}

fn key(height: ChainEpoch) -> TipsetKey {
    TipsetKey::new(vec![Cid::of(&height)])
}

fn draw(epoch: ChainEpoch, tag: DomainSeparationTag) -> Randomness {
    let mut out = [0; 32];
    out[..8].copy_from_slice(&epoch.to_be_bytes());
    out[8] = u8::try_from(i64::from(tag)).unwrap();
    out
}

impl Ledger {
    /// Messages that are two epochs old are executed.
    fn tick(&mut self) {
        self.height += 1;
        let due = self.height - 2;
        let (ripe, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pool)
            .into_iter()
            .partition(|m| m.2 <= due);
        self.pool = rest;
        for (cid, message, _) in ripe {
            if self.lose > 0 {
                self.lose -= 1;
                continue;
            }
            let mut exit_code = ExitCode(16);
            if self.fail > 0 {
                self.fail -= 1;
            } else if self.execute(&message) {
                exit_code = ExitCode::OK;
            }
            let landed = Landed {
                tipset: key(self.height),
                height: self.height,
                exit_code,
                message: cid,
            };
            self.landed.insert(cid, landed);
        }
    }

    fn execute(&mut self, message: &Message) -> bool {
        match message.method {
            method::PRE_COMMIT_SECTOR_BATCH2 => {
                let p: p::PreCommitSectorBatchParams2 = wire::from_cbor(&message.params).unwrap();
                p.sectors.into_iter().all(|info| self.pre_commit(info))
            }
            method::PROVE_COMMIT_SECTOR => {
                let p: p::ProveCommitSectorParams = wire::from_cbor(&message.params).unwrap();
                self.prove(p.sector_number)
            }
            method::PROVE_COMMIT_AGGREGATE => {
                let p: p::ProveCommitAggregateParams = wire::from_cbor(&message.params).unwrap();
                p.sector_numbers
                    .numbers(1000)
                    .unwrap()
                    .into_iter()
                    .all(|n| self.prove(n))
            }
            method::TERMINATE_SECTORS => {
                let p: p::TerminateSectorsParams = wire::from_cbor(&message.params).unwrap();
                let numbers = p.terminations[0].sectors.numbers(10).unwrap();
                numbers.iter().all(|n| self.sectors.remove(n).is_some())
            }
            _ => false,
        }
    }

    fn pre_commit(&mut self, info: SectorPreCommitInfo) -> bool {
        if !self.allocated.insert(info.sector_number) {
            return false;
        }
        let number = info.sector_number;
        let on_chain = SectorPreCommitOnChainInfo {
            info,
            pre_commit_deposit: TokenAmount::from_atto(10),
            pre_commit_epoch: self.height,
        };
        self.pre_commits.insert(number, on_chain);
        true
    }

    fn prove(&mut self, number: SectorNumber) -> bool {
        let Some(pre) = self.pre_commits.remove(&number) else {
            return false;
        };
        let info = SectorOnChainInfo {
            sector_number: number,
            seal_proof: pre.info.seal_proof,
            sealed_cid: pre.info.sealed_cid,
            deal_ids: pre.info.deal_ids,
            activation: self.height,
            expiration: pre.info.expiration,
            deal_weight: BigInt::default(),
            verified_deal_weight: BigInt::default(),
            initial_pledge: TokenAmount::from_atto(30),
            expected_day_reward: TokenAmount::zero(),
            expected_storage_pledge: TokenAmount::zero(),
            replaced_sector_age: 0,
            replaced_day_reward: TokenAmount::zero(),
            sector_key_cid: None,
            simple_qa_power: true,
        };
        self.sectors.insert(number, info);
        true
    }
}

impl FakeChain {
    async fn ask<T>(&self, call: impl FnOnce(&mut Ledger) -> T) -> Result<T, ChainError> {
        Ok(self
            .freezer
            .guard(self.stop_after, || call(&mut self.ledger.lock()))
            .await)
    }

    pub(crate) fn sent(&self, methods: &[u64]) -> usize {
        self.ledger
            .lock()
            .sent
            .iter()
            .filter(|m| methods.contains(&m.method))
            .count()
    }
}

#[async_trait]
impl ChainApi for FakeChain {
    async fn head(&self) -> Result<Head, ChainError> {
        self.ask(|l| {
            l.tick();
            let base_fee = TokenAmount::from_atto(100);
            Head {
                key: key(l.height),
                height: l.height,
                base_fee,
            }
        })
        .await
    }

    async fn miner_addresses(
        &self,
        _: ActorId,
        _: &TipsetKey,
    ) -> Result<MinerAddresses, ChainError> {
        let owner = Address::new_id(100);
        self.ask(|_| MinerAddresses {
            owner,
            worker: owner,
            control: vec![],
        })
        .await
    }

    async fn seal_proof(
        &self,
        _: ActorId,
        _: &TipsetKey,
    ) -> Result<RegisteredSealProof, ChainError> {
        self.ask(|_| RegisteredSealProof::STACKED_DRG_2KIB_V1_1)
            .await
    }

    async fn allocated(&self, _: ActorId, _: &TipsetKey) -> Result<BitField, ChainError> {
        self.ask(|l| BitField::try_from_numbers(l.allocated.iter().copied()).unwrap())
            .await
    }

    async fn pre_commit(
        &self,
        _: ActorId,
        sector: SectorNumber,
        _: &TipsetKey,
    ) -> Result<Option<SectorPreCommitOnChainInfo>, ChainError> {
        self.ask(|l| l.pre_commits.get(&sector).cloned()).await
    }

    async fn sector(
        &self,
        _: ActorId,
        sector: SectorNumber,
        _: &TipsetKey,
    ) -> Result<Option<SectorOnChainInfo>, ChainError> {
        self.ask(|l| l.sectors.get(&sector).cloned()).await
    }

    async fn location(
        &self,
        _: ActorId,
        sector: SectorNumber,
        _: &TipsetKey,
    ) -> Result<Option<SectorLocation>, ChainError> {
        let at = SectorLocation {
            deadline: 1,
            partition: 0,
        };
        self.ask(|l| l.sectors.contains_key(&sector).then_some(at))
            .await
    }

    async fn deal(&self, deal: DealId, _: &TipsetKey) -> Result<Option<DealProposal>, ChainError> {
        self.ask(|l| l.deals.get(&deal).cloned()).await
    }

    async fn ticket_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        _: &[u8],
        _: &TipsetKey,
    ) -> Result<Randomness, ChainError> {
        self.ask(|_| draw(epoch, tag)).await
    }

    async fn beacon_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        _: &[u8],
        _: &TipsetKey,
    ) -> Result<Randomness, ChainError> {
        self.ask(|_| draw(epoch, tag)).await
    }

    async fn pre_commit_deposit(
        &self,
        _: ActorId,
        _: &SectorPreCommitInfo,
        _: &TipsetKey,
    ) -> Result<TokenAmount, ChainError> {
        self.ask(|_| TokenAmount::from_atto(10)).await
    }

    async fn initial_pledge(
        &self,
        _: ActorId,
        _: &SectorPreCommitInfo,
        _: &TipsetKey,
    ) -> Result<TokenAmount, ChainError> {
        self.ask(|_| TokenAmount::from_atto(30)).await
    }

    async fn available_balance(
        &self,
        _: ActorId,
        _: &TipsetKey,
    ) -> Result<TokenAmount, ChainError> {
        self.ask(|_| TokenAmount::zero()).await
    }

    async fn balance(&self, _: &Address) -> Result<TokenAmount, ChainError> {
        self.ask(|_| TokenAmount::from_fil(100)).await
    }

    async fn can_sign(&self, _: &Address) -> Result<bool, ChainError> {
        self.ask(|_| true).await
    }

    async fn pending(&self, _: &Address) -> Result<Vec<(Cid, Message)>, ChainError> {
        self.ask(|l| l.pool.iter().map(|(c, m, _)| (*c, m.clone())).collect())
            .await
    }

    async fn included(
        &self,
        _: &Address,
        _: &TipsetKey,
    ) -> Result<Vec<(Cid, Message)>, ChainError> {
        // Messages go from the pool into the state at once.
        self.ask(|_| Vec::new()).await
    }

    async fn push(&self, mut message: Message, _: &TokenAmount) -> Result<Cid, PushError> {
        let outcome = self.ask(|l| {
            if l.refuse > 0 {
                l.refuse -= 1;
                return Err(PushError::Refused("not today".to_owned()));
            }
            message.nonce = u64::try_from(l.sent.len()).unwrap();
            let cid = message.cid();
            l.sent.push(message.clone());
            let height = l.height;
            l.pool.push((cid, message, height));
            Ok(cid)
        });
        outcome.await?
    }

    async fn search(&self, message: &Cid) -> Result<Option<Landed>, ChainError> {
        self.ask(|l| l.landed.get(message).cloned()).await
    }

    async fn wait(&self, message: &Cid, confidence: u64) -> Result<Landed, ChainError> {
        let confidence = ChainEpoch::try_from(confidence).unwrap();
        loop {
            let landed = self.ask(|l| {
                l.tick();
                l.landed
                    .get(message)
                    .filter(|m| m.height + confidence <= l.height)
                    .cloned()
            });
            if let Some(landed) = landed.await? {
                return Ok(landed);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
