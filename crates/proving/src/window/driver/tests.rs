use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use lotus_actors::miner::{
    Schedule, method,
    params::{DeclareFaultsRecoveredParams, SubmitWindowedPoStParams},
};
use lotus_crypto::DomainSeparationTag;
use lotus_ports::{
    clock::SystemClock,
    proofs::{Randomness, WindowPoSt},
};
use lotus_sealer::SealError;
use lotus_sealing::chain::{MinerAddresses, PushError};
use lotus_types::{
    BitField, Cid, ExtendedSectorInfo, Message, PoStProof, RegisteredPoStProof,
    RegisteredSealProof, SectorNumber, TipsetKey, sector::sealed_cid,
};
use parking_lot::Mutex;

use super::*;
use crate::window::chain::{DeadlineState, PartitionState};

fn set(numbers: impl IntoIterator<Item = u64>) -> BitField {
    BitField::try_from_numbers(numbers).unwrap()
}

#[derive(Debug, Default)]
struct State {
    height: ChainEpoch,
    partitions: BTreeMap<u64, Vec<PartitionState>>,
    proven: BTreeMap<u64, BTreeSet<u64>>,
    /// By deadline: when its proofs were executed.
    posts: Vec<(ChainEpoch, SubmitWindowedPoStParams)>,
    recoveries: Vec<DeclareFaultsRecoveredParams>,
    pool: Vec<(Cid, Message, ChainEpoch)>,
    /// Changes the challenge, as a reorganisation does.
    twist: u8,
    refuse: u32,
}

/// A chain that is one epoch further every time somebody asks for its head.
#[derive(Debug, Default)]
struct FakeChain(Mutex<State>);

impl State {
    fn tick(&mut self) {
        self.height += 1;
        let current = Schedule::default().current(0, self.height);
        if current.open == self.height {
            self.proven.clear();
        }
        for (_, message, _) in std::mem::take(&mut self.pool) {
            if message.method == method::SUBMIT_WINDOWED_POST {
                let post: SubmitWindowedPoStParams = wire::from_cbor(&message.params).unwrap();
                assert_eq!(post.deadline, current.index, "sent for the open deadline");
                for partition in &post.partitions {
                    let fresh = self
                        .proven
                        .entry(post.deadline)
                        .or_default()
                        .insert(partition.index);
                    assert!(fresh, "partition {} is proven once", partition.index);
                }
                self.posts.push((self.height, post));
            } else {
                self.recoveries
                    .push(wire::from_cbor(&message.params).unwrap());
            }
        }
    }
}

#[async_trait]
impl PoStChain for FakeChain {
    async fn head(&self) -> Result<Head, ChainError> {
        let mut state = self.0.lock();
        state.tick();
        let key = TipsetKey::new(vec![Cid::of(&state.height)]);
        Ok(Head {
            key,
            height: state.height,
            base_fee: TokenAmount::zero(),
        })
    }

    async fn proving_deadline(
        &self,
        _: ActorId,
        _: &TipsetKey,
    ) -> Result<DeadlineInfo, ChainError> {
        Ok(Schedule::default().current(0, self.0.lock().height))
    }

    async fn partitions(
        &self,
        _: ActorId,
        deadline: u64,
        _: &TipsetKey,
    ) -> Result<Vec<PartitionState>, ChainError> {
        Ok(self
            .0
            .lock()
            .partitions
            .get(&deadline)
            .cloned()
            .unwrap_or_default())
    }

    async fn deadline(
        &self,
        _: ActorId,
        deadline: u64,
        _: &TipsetKey,
    ) -> Result<DeadlineState, ChainError> {
        let proven = self
            .0
            .lock()
            .proven
            .get(&deadline)
            .cloned()
            .unwrap_or_default();
        Ok(DeadlineState {
            proven: set(proven),
        })
    }

    async fn sectors(
        &self,
        _: ActorId,
        numbers: &BitField,
        _: &TipsetKey,
    ) -> Result<Vec<ExtendedSectorInfo>, ChainError> {
        let info = |sector_number| ExtendedSectorInfo {
            seal_proof: RegisteredSealProof::STACKED_DRG_2KIB_V1_1,
            sector_number,
            sector_key: None,
            sealed_cid: sealed_cid(&[1; 32]),
        };
        Ok(numbers
            .numbers(1000)
            .unwrap()
            .into_iter()
            .map(info)
            .collect())
    }

    async fn window_post_proof(
        &self,
        _: ActorId,
        _: &TipsetKey,
    ) -> Result<RegisteredPoStProof, ChainError> {
        Ok(RegisteredPoStProof::STACKED_DRG_WINDOW_2KIB_V1)
    }

    async fn beacon_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        _: &[u8],
        _: &TipsetKey,
    ) -> Result<Randomness, ChainError> {
        assert_eq!(tag, DomainSeparationTag::WindowedPoStChallengeSeed);
        let mut out = [self.0.lock().twist; 32];
        out[..8].copy_from_slice(&epoch.to_be_bytes());
        Ok(out)
    }

    async fn ticket_randomness(
        &self,
        tag: DomainSeparationTag,
        epoch: ChainEpoch,
        entropy: &[u8],
        _: &TipsetKey,
    ) -> Result<Randomness, ChainError> {
        assert_eq!(
            (tag, entropy),
            (DomainSeparationTag::PoStChainCommit, &[][..])
        );
        Ok([u8::try_from(epoch.rem_euclid(200)).unwrap(); 32])
    }

    async fn miner_addresses(
        &self,
        _: ActorId,
        _: &TipsetKey,
    ) -> Result<MinerAddresses, ChainError> {
        let control = vec![Address::new_id(102)];
        Ok(MinerAddresses {
            owner: Address::new_id(100),
            worker: Address::new_id(101),
            control,
        })
    }

    async fn balance(&self, _: &Address) -> Result<TokenAmount, ChainError> {
        Ok(TokenAmount::from_fil(100))
    }

    async fn can_sign(&self, _: &Address) -> Result<bool, ChainError> {
        Ok(true)
    }

    async fn pending(&self, _: &Address) -> Result<Vec<(Cid, Message)>, ChainError> {
        Ok(self
            .0
            .lock()
            .pool
            .iter()
            .map(|(c, m, _)| (*c, m.clone()))
            .collect())
    }

    async fn push(&self, message: Message, _: &TokenAmount) -> Result<Cid, PushError> {
        let mut state = self.0.lock();
        if state.refuse > 0 {
            state.refuse -= 1;
            return Err(PushError::Refused("no".to_owned()));
        }
        assert_eq!(
            message.from,
            Address::new_id(102),
            "control addresses send first"
        );
        let (cid, height) = (message.cid(), state.height);
        state.pool.push((cid, message, height));
        Ok(cid)
    }
}

#[derive(Debug, Default)]
struct FakeProver {
    /// Missing files: seen by the check.
    missing: Mutex<BTreeSet<SectorNumber>>,
    /// Damaged files: seen when proving only.
    damaged: Mutex<BTreeSet<SectorNumber>>,
    proven: Mutex<Vec<Vec<SectorNumber>>>,
}

#[async_trait]
impl PoStProver for FakeProver {
    async fn winning_post(
        &self,
        _: RegisteredPoStProof,
        _: ActorId,
        _: Vec<ExtendedSectorInfo>,
        _: Randomness,
    ) -> Result<Vec<PoStProof>, SealError> {
        Err(SealError::Failed("not asked for".to_owned()))
    }

    async fn window_post(
        &self,
        post_proof: RegisteredPoStProof,
        _: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
        randomness: Randomness,
    ) -> Result<WindowPoSt, SealError> {
        let numbers: Vec<_> = sectors.iter().map(|s| s.sector_number).collect();
        let damaged = self.damaged.lock().clone();
        let skipped: Vec<_> = numbers
            .iter()
            .copied()
            .filter(|n| damaged.contains(n))
            .collect();
        if !skipped.is_empty() {
            return Ok(WindowPoSt {
                proofs: vec![],
                skipped,
            });
        }
        self.proven.lock().push(numbers);
        let proof_bytes = randomness.to_vec().into();
        Ok(WindowPoSt {
            proofs: vec![PoStProof {
                post_proof,
                proof_bytes,
            }],
            skipped,
        })
    }

    async fn check_provable(
        &self,
        _: RegisteredPoStProof,
        _: ActorId,
        sectors: Vec<ExtendedSectorInfo>,
    ) -> Result<BTreeMap<SectorNumber, String>, SealError> {
        let missing = self.missing.lock();
        let bad = sectors
            .iter()
            .map(|s| s.sector_number)
            .filter(|n| missing.contains(n));
        Ok(bad
            .map(|n| (n, "sealed file is missing".to_owned()))
            .collect())
    }
}

struct Setup {
    chain: Arc<FakeChain>,
    prover: Arc<FakeProver>,
}

fn setup(partitions: &[(u64, Vec<PartitionState>)]) -> Setup {
    let chain = FakeChain::default();
    chain.0.lock().partitions = partitions.iter().cloned().collect();
    Setup {
        chain: Arc::new(chain),
        prover: Arc::default(),
    }
}

fn healthy(numbers: &[u64]) -> PartitionState {
    let all = set(numbers.iter().copied());
    PartitionState {
        live: all.clone(),
        all,
        ..PartitionState::default()
    }
}

impl Setup {
    /// Runs a scheduler until the chain is at `height`.
    async fn run_to(&self, height: ChainEpoch) -> WindowStatus {
        let config = WindowConfig {
            head_poll: Duration::from_micros(50),
            ..WindowConfig::default()
        };
        let deps = WindowDeps {
            miner: 1000,
            chain: Arc::clone(&self.chain) as Arc<dyn PoStChain>,
            prover: Arc::clone(&self.prover) as Arc<dyn PoStProver>,
            clock: Arc::new(SystemClock::new(|d| Box::pin(tokio::time::sleep(d)))),
            config,
        };
        let stop = CancellationToken::new();
        let (scheduler, run) = WindowPoStScheduler::start(deps, stop.clone());
        let watch = async {
            while self.chain.0.lock().height < height {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            stop.cancel();
        };
        tokio::join!(run, watch);
        scheduler.status()
    }
}

#[tokio::test]
async fn every_partition_is_proven_once_in_its_window_with_the_chains_commitment() {
    let s = setup(&[
        (1, vec![healthy(&[1, 2]), healthy(&[3])]),
        (3, vec![healthy(&[4])]),
    ]);
    let status = s.run_to(300).await;
    let posts = std::mem::take(&mut s.chain.0.lock().posts);
    let deadlines: Vec<_> = posts
        .iter()
        .map(|(_, p)| (p.deadline, p.partitions.len()))
        .collect();
    assert_eq!(deadlines, [(1, 2), (3, 1)]);
    let (height, first) = &posts[0];
    assert!((64..120).contains(height), "{height}");
    assert_eq!(
        (first.chain_commit_epoch, first.chain_commit_rand[0]),
        (60, 60)
    );
    assert_eq!(first.proofs[0].proof_bytes[..8], 40_i64.to_be_bytes());
    assert_eq!(status.missed, 0);
}

#[tokio::test]
async fn after_a_restart_nothing_is_sent_twice() {
    let s = setup(&[(1, vec![healthy(&[1, 2]), healthy(&[3])])]);
    s.run_to(75).await;
    s.run_to(118).await;
    assert_eq!(s.chain.0.lock().posts.len(), 1);
}

#[tokio::test]
async fn sectors_that_cannot_be_read_are_skipped_and_cost_nothing_else() {
    let s = setup(&[(1, vec![healthy(&[1, 2, 3]), healthy(&[4])])]);
    s.prover.missing.lock().insert(2);
    s.prover.damaged.lock().extend([3, 4]);
    s.run_to(118).await;
    let posts = std::mem::take(&mut s.chain.0.lock().posts);
    assert_eq!(posts.len(), 1);
    // Partition 1 has no good sector: it is left out, partition 0 declares what it skips.
    let partitions = &posts[0].1.partitions;
    assert_eq!(partitions.len(), 1);
    assert_eq!(
        (partitions[0].index, &partitions[0].skipped),
        (0, &set([2, 3]))
    );
    assert_eq!(s.prover.proven.lock()[..], [vec![1]]);
}

#[tokio::test]
async fn a_restored_sector_is_declared_to_recover_and_a_lost_one_is_not() {
    let faulty = PartitionState {
        faulty: set([1, 2]),
        ..healthy(&[1, 2, 3])
    };
    let s = setup(&[(4, vec![faulty])]);
    s.prover.missing.lock().insert(2);
    s.run_to(235).await;
    let recoveries = std::mem::take(&mut s.chain.0.lock().recoveries);
    assert_eq!(recoveries.len(), 1);
    let declared = &recoveries[0].recoveries[0];
    assert_eq!((declared.deadline, &declared.sectors), (4, &set([1])));
}

#[tokio::test]
async fn a_proof_for_a_challenge_that_was_reorganised_away_is_made_again() {
    let s = setup(&[(1, vec![healthy(&[1])])]);
    s.run_to(50).await;
    let s2 = Setup {
        chain: Arc::clone(&s.chain),
        prover: Arc::clone(&s.prover),
    };
    let twist = async {
        while s.chain.0.lock().height < 58 {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        s.chain.0.lock().twist = 7;
    };
    tokio::join!(s2.run_to(118), twist);
    let posts = std::mem::take(&mut s.chain.0.lock().posts);
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].1.proofs[0].proof_bytes[8], 7);
}

#[tokio::test]
async fn a_refused_message_is_sent_again_while_the_window_is_open() {
    let s = setup(&[(1, vec![healthy(&[1])])]);
    s.chain.0.lock().refuse = 2;
    let status = s.run_to(118).await;
    assert_eq!(s.chain.0.lock().posts.len(), 1);
    assert!(status.last_error.contains("refused"));
}
