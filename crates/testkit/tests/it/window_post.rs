//! A WindowPoSt on chain: a proof is taken unchecked when it is submitted, and can be disputed when
//! its window is over.
//!
//! Three miners: one makes the blocks, one lets its scheduler prove, one sends a proof with one bit
//! changed. The ids decide when proving periods begin: the deadlines of these two open at epochs 154
//! and 146, with few rounds to skip before.

use lotus_actors::{
    call,
    miner::{
        DeadlineInfo, Schedule, method,
        params::{DisputeWindowedPoStParams, SubmitWindowedPoStParams},
    },
};
use lotus_crypto::DomainSeparationTag;
use lotus_ports::proofs::PoStVerifyInfo;
use lotus_proving::window::plan::Stage;
use lotus_rpc_api::types::state::{MessageMatch, MsgLookup};
use lotus_sealing::chain::Head;
use lotus_testkit::{Ensemble, Proofs, TestNet};
use lotus_types::{ActorId, Address, Bytes, Message, SectorInfo, TipsetKey, TokenAmount, wire};

use crate::parameters::with_parameters;

/// The block producer, the honest prover, the liar.
const PRODUCER: usize = 0;
const HONEST: usize = 1;
const LIAR: usize = 29;
const SECTORS: u64 = 2;
/// The exit code of an illegal argument: what the actor answers to a wrong dispute.
const ILLEGAL_ARGUMENT: i64 = 16;
/// Enough for any of these messages: they are not estimated, since some of them fail.
const GAS: i64 = 1_000_000_000;

/// Stands for the head in questions.
const HEAD: TipsetKey = TipsetKey::new(Vec::new());

/// The first deadline of a miner that is proven: its sectors are in deadline 0.
async fn first_deadline(net: &TestNet, miner: usize) -> DeadlineInfo {
    let (api, address) = (net.node(0).api(), net.miner(miner).address());
    let now = api
        .state_miner_proving_deadline(address, HEAD)
        .await
        .unwrap();
    let location = api.state_sector_partition(address, 0, HEAD).await.unwrap();
    assert_eq!(location.unwrap().deadline, 0);
    let next = now.next_period_start();
    Schedule::default().deadline(next, 0, now.current_epoch)
}

async fn land(net: &mut TestNet, message: Message) -> MsgLookup {
    let message = Message {
        gas_limit: GAS,
        ..message
    };
    net.land(0, message).await
}

/// Rounds until the honest miner's scheduler has sent its proof, and the proof has landed.
async fn prove_by_schedule(net: &mut TestNet, deadline: &DeadlineInfo) -> SubmitWindowedPoStParams {
    let scheduler = net.prove_windows(HONEST);
    loop {
        match scheduler.status().progress.get(&deadline.open) {
            Some(Stage::Done) => break,
            Some(Stage::Failed(_)) => panic!("{}", scheduler.status().last_error),
            Some(Stage::Proving | Stage::Submitting) => {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            Some(Stage::Proved) | None => net.mine(1).await,
        }
        assert!(net.epoch() < deadline.close, "{:?}", scheduler.status());
    }
    let (api, miner) = (net.node(0).api(), net.miner(HONEST).address());
    let to_miner = MessageMatch {
        to: Some(miner),
        from: None,
    };
    loop {
        net.mine(1).await;
        let found = api.state_list_messages(to_miner.clone(), HEAD, deadline.open);
        if let [cid] = found.await.unwrap()[..] {
            let lookup = net.mine_for(api.state_wait_msg(cid, 1, -1, true)).await;
            assert!(lookup.unwrap().receipt.exit_code.is_success());
            let message = api.chain_get_message(cid).await.unwrap();
            assert_eq!(message.method, method::SUBMIT_WINDOWED_POST);
            return wire::from_cbor(&message.params).unwrap();
        }
        assert!(net.epoch() < deadline.close, "the proof does not land");
    }
}

/// The liar's proof with one bit changed, ready to be sent.
async fn corrupted(net: &TestNet, deadline: &DeadlineInfo) -> SubmitWindowedPoStParams {
    let (api, head) = (net.node(0).api(), net.head(0));
    let at = Head {
        key: head.key().clone(),
        height: head.height(),
        base_fee: head.parent_base_fee().clone(),
    };
    let computed = net
        .window_prover(LIAR)
        .compute(deadline, &at)
        .await
        .unwrap();
    let [mut params] = <[_; 1]>::try_from(computed).expect("one partition");
    assert!(holds(net, LIAR, deadline, &params).await);
    let mut bytes = params.proofs[0].proof_bytes.to_vec();
    bytes[5] ^= 1;
    params.proofs[0].proof_bytes = bytes.into();
    let tag = DomainSeparationTag::PoStChainCommit.into();
    params.chain_commit_epoch = deadline.open;
    params.chain_commit_rand = api
        .state_get_randomness_from_tickets(tag, deadline.open, Bytes::new(), HEAD)
        .await
        .unwrap();
    params
}

/// Does the proof hold, by the verifier, off chain?
async fn holds(
    net: &TestNet,
    miner: usize,
    deadline: &DeadlineInfo,
    params: &SubmitWindowedPoStParams,
) -> bool {
    let (api, address) = (net.node(0).api(), net.miner(miner).address());
    let tag = DomainSeparationTag::WindowedPoStChallengeSeed.into();
    let entropy = Bytes::from(wire::to_cbor(&address));
    let drawn = api
        .state_get_randomness_from_beacon(tag, deadline.challenge, entropy, HEAD)
        .await
        .unwrap();
    let sectors = api.state_miner_sectors(address, None, HEAD).await.unwrap();
    assert_eq!(sectors.len() as u64, SECTORS);
    let sector = |s: lotus_actors::miner::SectorOnChainInfo| SectorInfo {
        seal_proof: s.seal_proof,
        sector_number: s.sector_number,
        sealed_cid: s.sealed_cid,
    };
    let prover: ActorId = net.miner(miner).id;
    let claim = PoStVerifyInfo {
        randomness: drawn[..].try_into().unwrap(),
        proofs: params.proofs.clone(),
        sectors: sectors.into_iter().map(sector).collect(),
        prover,
    };
    let verifier = net.proofs().verifier();
    // A malformed proof is an error of its own; it does not hold either.
    tokio::task::spawn_blocking(move || verifier.verify_window_post(&claim).unwrap_or(false))
        .await
        .unwrap()
}

fn dispute(from: Address, to: Address) -> Message {
    let params = DisputeWindowedPoStParams {
        deadline: 0,
        post_index: 0,
    };
    let method = method::DISPUTE_WINDOWED_POST;
    call(from, to, TokenAmount::zero(), method, &params).unwrap()
}

async fn faulty(net: &TestNet, miner: usize) -> u64 {
    let (api, address) = (net.node(0).api(), net.miner(miner).address());
    api.state_miner_faults(address, HEAD).await.unwrap().len()
}

async fn is_disputed_in_vain_when_good_and_successfully_when_corrupted(proofs: Proofs) {
    let mut sectors = vec![0; LIAR + 1];
    sectors[PRODUCER] = 1;
    sectors[HONEST] = SECTORS;
    sectors[LIAR] = SECTORS;
    let network = Ensemble::new().sectors(sectors).idle([HONEST, LIAR]);
    let mut net = network.proofs(proofs).start().await;
    net.mine_to(1).await;
    let (honest, liar) = (
        first_deadline(&net, HONEST).await,
        first_deadline(&net, LIAR).await,
    );
    assert_eq!(
        (honest.open, liar.open),
        (154, 146),
        "see the module's words"
    );
    net.skip_to(honest.open).await;
    net.mine_to(honest.open).await;

    let good = prove_by_schedule(&mut net, &honest).await;
    assert!(holds(&net, HONEST, &honest, &good).await);
    let lie = corrupted(&net, &liar).await;
    assert!(!holds(&net, LIAR, &liar, &lie).await);
    let honests = net.miner(HONEST).address();
    let (worker, liars) = (net.miner(LIAR).worker, net.miner(LIAR).address());
    let submit = method::SUBMIT_WINDOWED_POST;
    let message = call(worker, liars, TokenAmount::zero(), submit, &lie).unwrap();
    let taken = land(&mut net, message).await;
    // Nobody has checked it.
    assert!(taken.receipt.exit_code.is_success(), "{:?}", taken.receipt);
    assert!(taken.height < liar.close);

    // While the window is open nothing can be disputed.
    let disputer = net.miner(PRODUCER).worker;
    let early = land(&mut net, dispute(disputer, liars)).await;
    assert!(!early.receipt.exit_code.is_success());
    assert!(early.height <= liar.close, "this was to be early");

    net.skip_to(honest.close + 2).await;
    net.mine_to(honest.close + 2).await;
    for miner in [HONEST, LIAR] {
        assert_eq!(faulty(&net, miner).await, 0, "both have submitted in time");
    }
    let in_vain = land(&mut net, dispute(disputer, honests)).await;
    assert_eq!(in_vain.receipt.exit_code.0, ILLEGAL_ARGUMENT);
    let upheld = land(&mut net, dispute(disputer, liars)).await;
    assert!(
        upheld.receipt.exit_code.is_success(),
        "{:?}",
        upheld.receipt
    );
    net.mine(2).await;
    assert_eq!(faulty(&net, HONEST).await, 0);
    assert_eq!(faulty(&net, LIAR).await, SECTORS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_mock_proofs() {
    is_disputed_in_vain_when_good_and_successfully_when_corrupted(Proofs::Mock).await;
}

#[test]
fn of_real_proofs() {
    if !with_parameters("window_post::of_real_proofs") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let story = is_disputed_in_vain_when_good_and_successfully_when_corrupted(Proofs::RealOnChain);
    runtime.block_on(story);
}
