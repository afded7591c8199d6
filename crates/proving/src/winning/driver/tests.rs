use std::collections::BTreeMap;

use async_trait::async_trait;
use lotus_ports::{
    clock::ManualClock,
    proofs::{Randomness, WindowPoSt},
};
use lotus_types::{
    BeaconEntry, BigInt, ExtendedSectorInfo, PoStProof, RegisteredPoStProof, SectorNumber,
    SignedMessage, TipsetKey,
};
use parking_lot::Mutex;

use super::*;
use crate::winning::plan::tests::{TIMING, header, tipset};

#[derive(Debug)]
struct FakeNode {
    clock: ManualClock,
    head: Mutex<Tipset>,
    /// Epochs in which the VRF proof does not win.
    unlucky: Vec<ChainEpoch>,
    eligible: Mutex<bool>,
    templates: Mutex<Vec<BlockTemplate>>,
    submitted: Mutex<Vec<(MinedBlock, UnixTime)>>,
    /// Submissions that the node forgets.
    forget: Mutex<u32>,
    /// Calls to `base_info` that fail.
    fail: Mutex<u32>,
}

#[async_trait]
impl MiningChain for FakeNode {
    async fn head(&self) -> Result<Tipset, ChainError> {
        Ok(self.head.lock().clone())
    }

    async fn beacon_entry(&self, epoch: ChainEpoch) -> Result<BeaconEntry, ChainError> {
        Ok(BeaconEntry {
            round: u64::try_from(epoch).unwrap(),
            data: vec![1].into(),
        })
    }

    async fn base_info(
        &self,
        _: ActorId,
        epoch: ChainEpoch,
        _: &TipsetKey,
    ) -> Result<Option<BaseInfo>, ChainError> {
        {
            let mut fail = self.fail.lock();
            if *fail > 0 {
                *fail -= 1;
                return Err(ChainError::new("base info", "node restarts"));
            }
        }
        // All the power wins with nearly every proof; none wins with none.
        let power = if self.unlucky.contains(&epoch) {
            0
        } else {
            1000
        };
        Ok(Some(BaseInfo {
            miner_power: BigInt(power.into()),
            network_power: BigInt(1000.into()),
            sectors: vec![],
            worker: Address::new_id(100),
            sector_size: 2048,
            previous_beacon: BeaconEntry {
                round: 1,
                data: vec![9].into(),
            },
            beacon_entries: vec![],
            eligible: *self.eligible.lock(),
        }))
    }

    async fn vrf(&self, _: &Address, _: &[u8; 32]) -> Result<Vec<u8>, ChainError> {
        Ok(vec![0x55; 96])
    }

    async fn select_messages(
        &self,
        _: &TipsetKey,
        quality: f64,
    ) -> Result<Vec<SignedMessage>, ChainError> {
        assert!((0.0..=1.0).contains(&quality));
        Ok(vec![])
    }

    async fn create_block(&self, t: BlockTemplate) -> Result<MinedBlock, ChainError> {
        let mut header = header(t.epoch, &t.parents, 3);
        header.timestamp = t.timestamp;
        self.templates.lock().push(t);
        Ok(MinedBlock {
            header,
            bls_messages: vec![],
            secpk_messages: vec![],
        })
    }

    async fn submit_block(&self, block: MinedBlock) -> Result<(), ChainError> {
        self.submitted
            .lock()
            .push((block.clone(), self.clock.now()));
        let mut forget = self.forget.lock();
        if *forget > 0 {
            *forget -= 1;
        } else {
            *self.head.lock() = Tipset::new(vec![block.header]).unwrap();
        }
        Ok(())
    }
}

#[derive(Debug)]
struct FakeProver;

#[async_trait]
impl PoStProver for FakeProver {
    async fn winning_post(
        &self,
        post_proof: RegisteredPoStProof,
        _: ActorId,
        _: Vec<ExtendedSectorInfo>,
        _: Randomness,
    ) -> Result<Vec<PoStProof>, SealError> {
        Ok(vec![PoStProof {
            post_proof,
            proof_bytes: vec![1; 192].into(),
        }])
    }

    async fn window_post(
        &self,
        _: RegisteredPoStProof,
        _: ActorId,
        _: Vec<ExtendedSectorInfo>,
        _: Randomness,
    ) -> Result<WindowPoSt, SealError> {
        Err(SealError::Failed("not asked for".to_owned()))
    }

    async fn check_provable(
        &self,
        _: RegisteredPoStProof,
        _: ActorId,
        _: Vec<ExtendedSectorInfo>,
    ) -> Result<BTreeMap<SectorNumber, String>, SealError> {
        Ok(BTreeMap::new())
    }
}

fn node(unlucky: &[ChainEpoch]) -> Arc<FakeNode> {
    Arc::new(FakeNode {
        clock: ManualClock::at(Duration::from_secs(1_000_070)),
        head: Mutex::new(tipset(7, 1)),
        unlucky: unlucky.to_vec(),
        eligible: Mutex::new(true),
        templates: Mutex::default(),
        submitted: Mutex::default(),
        forget: Mutex::default(),
        fail: Mutex::default(),
    })
}

/// Runs the miner until `until` unix seconds, time passing as fast as it can follow.
async fn mine(node: &Arc<FakeNode>, slash_filter: SlashFilter, until: u64) -> MinerStatus {
    let deps = MinerDeps {
        miner: 1000,
        chain: Arc::clone(node) as Arc<dyn MiningChain>,
        prover: Arc::new(FakeProver),
        clock: Arc::new(node.clock.clone()),
        slash_filter,
        config: MinerConfig {
            timing: TIMING,
            retry: Duration::from_secs(1),
        },
    };
    let stop = CancellationToken::new();
    let (miner, run) = Miner::start(deps, stop.clone());
    let clock = node.clock.clone();
    let pass_time = async {
        while clock.now() < Duration::from_secs(until) {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            if let Some(next) = clock.next_sleeper() {
                clock.set(next);
            }
        }
        stop.cancel();
    };
    tokio::join!(run, pass_time);
    miner.status()
}

fn epochs(node: &FakeNode) -> Vec<ChainEpoch> {
    node.submitted
        .lock()
        .iter()
        .map(|(b, _)| b.header.height)
        .collect()
}

#[tokio::test]
async fn every_elected_epoch_gets_a_block_published_at_its_time() {
    let node = node(&[]);
    let status = mine(&node, SlashFilter::in_memory().unwrap(), 1_000_121).await;
    assert_eq!(epochs(&node), [8, 9, 10, 11, 12]);
    for (block, at) in node.submitted.lock().iter() {
        assert_eq!(block.header.timestamp, at.as_secs());
        assert_eq!(
            block.header.timestamp,
            1_000_000 + block.header.height as u64 * 10
        );
    }
    assert_eq!((status.blocks, status.last_error.as_str()), (5, ""));
    let template = node.templates.lock()[0].clone();
    assert!(template.election_proof.win_count >= 1);
    assert_eq!(template.winning_post_proof[0].post_proof.0, 0);
}

#[tokio::test]
async fn epochs_without_a_win_are_null_rounds_on_the_same_parents() {
    let node = node(&[8, 9]);
    mine(&node, SlashFilter::in_memory().unwrap(), 1_000_121).await;
    assert_eq!(epochs(&node), [10, 11, 12]);
    let first = node.templates.lock()[0].clone();
    assert_eq!(
        (&first.parents, first.timestamp),
        (tipset(7, 1).key(), 1_000_100)
    );
}

#[tokio::test]
async fn a_miner_that_may_not_mine_makes_no_blocks() {
    let node = node(&[]);
    *node.eligible.lock() = false;
    mine(&node, SlashFilter::in_memory().unwrap(), 1_000_121).await;
    assert_eq!(epochs(&node), [0; 0]);
}

#[tokio::test]
async fn a_node_that_fails_costs_the_round_and_not_more() {
    let node = node(&[]);
    *node.fail.lock() = 1;
    let status = mine(&node, SlashFilter::in_memory().unwrap(), 1_000_121).await;
    assert_eq!(epochs(&node), [9, 10, 11, 12]);
    assert!(status.last_error.contains("node restarts"));
}

#[tokio::test]
async fn a_block_that_would_be_a_fault_is_held_back_and_the_lost_one_published_again() {
    let node = node(&[]);
    // The node loses the first block: the next one would be on the same parents.
    *node.forget.lock() = 1;
    let status = mine(&node, SlashFilter::in_memory().unwrap(), 1_000_121).await;
    assert_eq!(epochs(&node), [8, 8, 10, 11, 12]);
    {
        let submitted = node.submitted.lock();
        assert_eq!(submitted[0].0, submitted[1].0);
        let rebuilt = &submitted[2].0.header;
        assert_eq!(rebuilt.parents.cids(), [submitted[0].0.header.cid()]);
    }
    assert!(
        status.last_error.contains("held back"),
        "{}",
        status.last_error
    );
}
