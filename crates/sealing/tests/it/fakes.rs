//! A chain and a sealer that answer at once, fail on demand, and can stop the world at any call.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lotus_actors::miner::{
    SectorLocation, SectorOnChainInfo, SectorPreCommitInfo, SectorPreCommitOnChainInfo, method,
    params as p,
};
use lotus_crypto::DomainSeparationTag;
use lotus_ports::{
    clock::SystemClock,
    proofs::{AggregateSealVerifyInfo, Randomness},
};
use lotus_sealer::{PieceData, SealError, Sealer};
use lotus_sealing::{
    BatchConfig, ChainApi, ChainError, RetryPolicy, Sealing, SealingConfig, SealingDeps,
    SealingPolicy, SectorStore, Senders,
    chain::{Head, Landed, MinerAddresses, PushError},
};
use lotus_types::{
    ActorId, Address, BigInt, BitField, Bytes, ChainEpoch, Cid, DealId, DealProposal, ExitCode,
    Message, PieceInfo, RegisteredSealProof, SectorId, SectorNumber, TipsetKey, TokenAmount,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize, sealed_cid, unsealed_cid},
    wire,
};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) const MINER: ActorId = 1000;

/// Stops the world at the n-th call of any port.
#[derive(Debug, Default)]
pub(crate) struct Freezer {
    calls: AtomicU64,
    /// 0: never.
    at: AtomicU64,
    pub(crate) frozen: Notify,
}

impl Freezer {
    pub(crate) fn freeze_at(&self, call: u64) {
        self.calls.store(0, Ordering::SeqCst);
        self.at.store(call, Ordering::SeqCst);
    }

    pub(crate) fn thaw(&self) {
        self.at.store(0, Ordering::SeqCst);
    }

    /// Counts a call; true when this is the one that never returns.
    fn hit(&self) -> bool {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let at = self.at.load(Ordering::SeqCst);
        at != 0 && call >= at
    }

    async fn stop(&self) {
        self.frozen.notify_one();
        std::future::pending::<()>().await;
    }

    /// Runs `call`; the world stops before or after its effect.
    async fn guard<T>(&self, after: bool, call: impl FnOnce() -> T) -> T {
        let hit = self.hit();
        if hit && !after {
            self.stop().await;
        }
        let answer = call();
        if hit && after {
            self.stop().await;
        }
        answer
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) height: ChainEpoch,
    pool: Vec<(Cid, Message, ChainEpoch)>,
    landed: BTreeMap<Cid, Landed>,
    pub(crate) pre_commits: BTreeMap<SectorNumber, SectorPreCommitOnChainInfo>,
    pub(crate) sectors: BTreeMap<SectorNumber, SectorOnChainInfo>,
    allocated: BTreeSet<SectorNumber>,
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

/// A sealer whose results are hashes of its inputs.
#[derive(Debug)]
pub(crate) struct FakeSealer {
    pub(crate) freezer: Arc<Freezer>,
    /// How often each call fails before it works.
    pub(crate) failures: Mutex<BTreeMap<&'static str, u32>>,
    pub(crate) calls: Mutex<Vec<(&'static str, SectorNumber)>>,
}

impl FakeSealer {
    async fn work<T>(
        &self,
        name: &'static str,
        sector: SectorId,
        result: impl FnOnce() -> T,
    ) -> Result<T, SealError> {
        let outcome = self.freezer.guard(true, || {
            self.calls.lock().push((name, sector.number));
            let mut failures = self.failures.lock();
            match failures.get_mut(name) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    Err(SealError::Temporary(format!("{name} failed")))
                }
                _ => Ok(result()),
            }
        });
        outcome.await
    }
}

pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    lotus_crypto::blake2b_256(&parts.concat())
}

pub(crate) fn zero_piece(size: UnpaddedPieceSize) -> PieceInfo {
    let piece_cid = unsealed_cid(&digest(&[b"piece", &size.0.to_be_bytes()]));
    PieceInfo {
        size: size.padded(),
        piece_cid,
    }
}

#[async_trait]
impl Sealer for FakeSealer {
    async fn add_piece(
        &self,
        sector: SectorRef,
        _: Vec<UnpaddedPieceSize>,
        size: UnpaddedPieceSize,
        _: PieceData,
    ) -> Result<PieceInfo, SealError> {
        self.work("add_piece", sector.id, || zero_piece(size)).await
    }

    async fn seal_pre_commit1(
        &self,
        sector: SectorRef,
        ticket: Randomness,
        _: Vec<PieceInfo>,
    ) -> Result<Bytes, SealError> {
        self.work("pc1", sector.id, || ticket.into()).await
    }

    async fn seal_pre_commit2(
        &self,
        sector: SectorRef,
        phase1: Bytes,
    ) -> Result<SectorCids, SealError> {
        let number = sector.id.number.to_be_bytes();
        let sealed = sealed_cid(&digest(&[&phase1, &number]));
        let unsealed = unsealed_cid(&digest(&[b"data"]));
        self.work("pc2", sector.id, || SectorCids { unsealed, sealed })
            .await
    }

    async fn seal_commit1(
        &self,
        sector: SectorRef,
        _: Randomness,
        seed: Randomness,
        _: Vec<PieceInfo>,
        _: SectorCids,
    ) -> Result<Bytes, SealError> {
        self.work("c1", sector.id, || seed.into()).await
    }

    async fn seal_commit2(&self, sector: SectorRef, phase1: Bytes) -> Result<Bytes, SealError> {
        self.work("c2", sector.id, || digest(&[&phase1]).into())
            .await
    }

    async fn aggregate(
        &self,
        info: AggregateSealVerifyInfo,
        _: Vec<Bytes>,
    ) -> Result<Bytes, SealError> {
        let sector = SectorId {
            miner: info.miner,
            number: 0,
        };
        self.work("aggregate", sector, || vec![7; 100].into()).await
    }

    async fn finalize_sector(&self, sector: SectorRef, _: bool) -> Result<(), SealError> {
        self.work("finalize", sector.id, || ()).await
    }

    async fn remove(&self, sector: SectorId) -> Result<(), SealError> {
        self.work("remove", sector, || ()).await
    }
}

/// Everything that outlives a process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) chain: Arc<FakeChain>,
    pub(crate) sealer: Arc<FakeSealer>,
    pub(crate) freezer: Arc<Freezer>,
}

impl World {
    pub(crate) fn new(stop_after: bool) -> Self {
        let freezer = Arc::new(Freezer::default());
        let ledger = Ledger {
            height: 2000,
            ..Ledger::default()
        };
        Self {
            chain: Arc::new(FakeChain {
                ledger: Mutex::new(ledger),
                freezer: Arc::clone(&freezer),
                stop_after,
            }),
            sealer: Arc::new(FakeSealer {
                freezer: Arc::clone(&freezer),
                failures: Mutex::default(),
                calls: Mutex::default(),
            }),
            freezer,
        }
    }

    /// Starts the process on the database at `path`.
    pub(crate) fn start(&self, path: &Path, config: SealingConfig) -> Process {
        let stop = CancellationToken::new();
        let deps = SealingDeps {
            miner: MINER,
            store: SectorStore::open(path).unwrap(),
            chain: Arc::clone(&self.chain) as Arc<dyn ChainApi>,
            sealer: Arc::clone(&self.sealer) as Arc<dyn Sealer>,
            verifier: None,
            clock: Arc::new(SystemClock::new(|d| Box::pin(tokio::time::sleep(d)))),
            config,
            policy: SealingPolicy::new(Duration::from_secs(4), 10),
            senders: Senders::default(),
        };
        let (sealing, run) = Sealing::start(deps, stop);
        Process {
            sealing,
            task: tokio::spawn(async move { run.await.unwrap() }),
        }
    }
}

/// A running process. Dropping it is `kill -9`.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) sealing: Sealing,
    task: tokio::task::JoinHandle<()>,
}

impl Process {
    pub(crate) async fn kill(self) {
        self.task.abort();
        drop(self.task.await);
    }

    /// Waits until the sector is in `state`.
    pub(crate) async fn reaches(&self, sector: SectorNumber, state: lotus_sealing::SectorState) {
        let reached = async {
            while self.sealing.store().sector(sector).unwrap().state != state {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), reached)
            .await
            .is_err()
        {
            let sector = self.sealing.store().sector(sector).unwrap();
            panic!("waiting for {state}, but {sector:#?}");
        }
    }
}

/// Everything at once and without pauses.
pub(crate) fn quick() -> SealingConfig {
    let batch = BatchConfig {
        min: 2,
        max: 2,
        wait: Duration::from_millis(5),
        slack: Duration::ZERO,
    };
    SealingConfig {
        batch_pre_commits: false,
        aggregate_commits: false,
        pre_commit_batch: BatchConfig { min: 1, ..batch },
        commit_batch: batch,
        batch_pre_commit_above_base_fee: TokenAmount::zero(),
        aggregate_above_base_fee: TokenAmount::zero(),
        wait_deals_delay: Duration::from_millis(1),
        retry: RetryPolicy {
            base: Duration::ZERO,
            max: Duration::ZERO,
            limit: 5,
        },
        chain_retry: Duration::from_millis(1),
        head_poll: Duration::from_millis(1),
        ..SealingConfig::default()
    }
}
