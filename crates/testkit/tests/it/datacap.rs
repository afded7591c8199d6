//! DataCap, from the registry's root to a client's allocations and back.

use lotus_actors::{
    call, datacap,
    multisig::{self, ProposeReturn},
    verifreg,
};
use lotus_networks::singletons::{DATACAP_ACTOR, VERIFIED_REGISTRY_ACTOR, VERIFIED_REGISTRY_ROOT};
use lotus_testkit::{Ensemble, TestNet};
use lotus_types::{
    Address, BigInt, Bytes, ChainEpoch, KeyType, Message, TipsetKey, TokenAmount,
    sector::PaddedPieceSize, wire,
};

/// Stands for the head in questions.
const HEAD: TipsetKey = TipsetKey::new(Vec::new());
/// Bytes that the verifier may give, that the client gets, and that one allocation takes.
const ALLOWANCE: i64 = 8192;
const GIVEN: i64 = 4096;
const PIECE: u64 = 2048;
const ALLOCATED: i64 = 2048;
/// The shortest and the longest time for which an allocation may be made, in epochs.
const TERM_MIN: ChainEpoch = 180 * 2880;
const TERM_MAX: ChainEpoch = 5 * 365 * 2880;

fn none() -> TokenAmount {
    TokenAmount::zero()
}

async fn land(net: &mut TestNet, message: Message) -> Bytes {
    let landed = net.land(0, message).await;
    assert!(landed.receipt.exit_code.is_success(), "{landed:?}");
    landed.receipt.return_data
}

/// A key at node 0, with some FIL for gas.
async fn funded(net: &mut TestNet) -> Address {
    let key = net
        .node(0)
        .api()
        .wallet_new(KeyType::Secp256k1)
        .await
        .unwrap();
    let from = net.miner(0).worker;
    land(net, Message::transfer(from, key, TokenAmount::from_fil(10))).await;
    key
}

/// The root appoints a verifier: a proposal of the only signer is carried out at once.
async fn appoint(net: &mut TestNet, verifier: Address) {
    let params = verifreg::VerifierParams {
        address: verifier,
        allowance: BigInt::from(ALLOWANCE),
    };
    let proposal = multisig::ProposeParams {
        to: VERIFIED_REGISTRY_ACTOR,
        value: none(),
        method: verifreg::method::ADD_VERIFIER,
        params: wire::to_cbor(&params).into(),
    };
    let propose = call(
        net.registry_root(),
        VERIFIED_REGISTRY_ROOT,
        none(),
        multisig::method::PROPOSE,
        &proposal,
    );
    let done = land(net, propose.unwrap()).await;
    let done: ProposeReturn = wire::from_cbor(&done).unwrap();
    assert!(done.applied && done.code.is_success(), "{done:?}");
}

/// The client puts DataCap aside for the miner, until `expiration`.
fn allocate(net: &TestNet, client: Address, expiration: ChainEpoch) -> Message {
    let request = verifreg::AllocationRequest {
        provider: net.miner(0).address(),
        data: "baga6ea4seaqlhznlutptgfwhffupyer6txswamerq5fc2jlwf2lys2mm5jtiaeq"
            .parse()
            .unwrap(),
        size: PaddedPieceSize(PIECE),
        term_min: TERM_MIN,
        term_max: TERM_MAX,
        expiration,
    };
    let requests = verifreg::AllocationRequests {
        allocations: vec![request],
        extensions: Vec::new(),
    };
    let transfer = datacap::TransferParams {
        to: VERIFIED_REGISTRY_ACTOR,
        amount: TokenAmount::from_fil(PIECE),
        operator_data: wire::to_cbor(&requests).into(),
    };
    let message = call(
        client,
        DATACAP_ACTOR,
        none(),
        datacap::method::TRANSFER,
        &transfer,
    );
    message.unwrap()
}

/// What the client holds, in bytes.
async fn held(net: &TestNet, client: Address) -> Option<BigInt> {
    let api = net.node(0).api();
    api.state_verified_client_status(client, HEAD)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_from_the_root_to_an_allocation_and_back_when_that_expires() {
    let mut net = Ensemble::new().start().await;
    net.mine(1).await;
    let (verifier, client) = (funded(&mut net).await, funded(&mut net).await);
    let api = net.node(0).api();

    appoint(&mut net, verifier).await;
    let left = api.state_verifier_status(verifier, HEAD).await.unwrap();
    assert_eq!(left, Some(BigInt::from(ALLOWANCE)));
    let params = verifreg::VerifierParams {
        address: client,
        allowance: BigInt::from(GIVEN),
    };
    let grant = call(
        verifier,
        VERIFIED_REGISTRY_ACTOR,
        none(),
        verifreg::method::ADD_VERIFIED_CLIENT,
        &params,
    );
    land(&mut net, grant.unwrap()).await;
    assert_eq!(held(&net, client).await, Some(BigInt::from(GIVEN)));
    let left = api.state_verifier_status(verifier, HEAD).await.unwrap();
    assert_eq!(left, Some(BigInt::from(ALLOWANCE - GIVEN)));

    let expiration = net.epoch() + 20;
    let message = allocate(&net, client, expiration);
    land(&mut net, message).await;
    assert_eq!(
        held(&net, client).await,
        Some(BigInt::from(GIVEN - ALLOCATED))
    );
    let allocations = api.state_get_allocations(client, HEAD).await.unwrap();
    let [(id, allocation)] = &allocations.iter().collect::<Vec<_>>()[..] else {
        panic!("{allocations:?}")
    };
    assert_eq!(
        (allocation.size.0, allocation.expiration),
        (PIECE, expiration)
    );
    let one = api.state_get_allocation(client, **id, HEAD).await.unwrap();
    assert_eq!(one.as_ref(), Some(*allocation));

    // Too early nothing is given back; after it has expired, all is.
    let owner = api.state_lookup_id(client, HEAD).await.unwrap();
    let params = verifreg::RemoveExpiredAllocationsParams {
        client: owner.id().unwrap(),
        allocation_ids: Vec::new(),
    };
    let remove = || {
        let method = verifreg::method::REMOVE_EXPIRED_ALLOCATIONS;
        call(client, VERIFIED_REGISTRY_ACTOR, none(), method, &params).unwrap()
    };
    land(&mut net, remove()).await;
    assert_eq!(
        held(&net, client).await,
        Some(BigInt::from(GIVEN - ALLOCATED))
    );
    net.mine_to(expiration + 1).await;
    land(&mut net, remove()).await;
    assert_eq!(held(&net, client).await, Some(BigInt::from(GIVEN)));
    assert!(
        api.state_get_allocations(client, HEAD)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_not_given_by_who_is_no_verifier() {
    let mut net = Ensemble::new().start().await;
    net.mine(1).await;
    let (stranger, client) = (funded(&mut net).await, funded(&mut net).await);
    let params = verifreg::VerifierParams {
        address: client,
        allowance: BigInt::from(GIVEN),
    };
    let method = verifreg::method::ADD_VERIFIED_CLIENT;
    let grant = call(stranger, VERIFIED_REGISTRY_ACTOR, none(), method, &params).unwrap();
    let refused = net.node(0).api().mpool_push_message(grant, None).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(held(&net, client).await, None);
}
