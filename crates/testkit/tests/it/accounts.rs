//! Money that more than one key decides about: a multisig of two signers, a payment channel between
//! two nodes.
//!
//! The block producer is the fourth miner: its id decides that its first deadline opens at epoch 2518,
//! so that the twelve hours of epochs for which a channel settles can be skipped without its losing
//! power.

use std::sync::Arc;

use lotus_actors::{
    init::ExecReturn,
    multisig::{ApproveReturn, ProposeReturn},
    paych,
};
use lotus_rpc_api::{
    full::FullNode,
    types::{mpool::MessagePrototype, state::MsgLookup},
};
use lotus_testkit::{Ensemble, TestNet};
use lotus_types::{
    Address, Bytes, ChainEpoch, Cid, KeyType, Message, TipsetKey, TokenAmount, wire,
};

const PRODUCER: usize = 3;
/// Epochs for which a channel settles.
const SETTLE_DELAY: ChainEpoch = 12 * 120;
/// Stands for the head in questions.
const HEAD: TipsetKey = TipsetKey::new(Vec::new());

fn fil(n: i64) -> TokenAmount {
    TokenAmount::from_fil(n)
}

async fn network(nodes: usize) -> TestNet {
    let mut sectors = vec![0; PRODUCER + 1];
    sectors[PRODUCER] = 1;
    let mut net = Ensemble::new().nodes(nodes).sectors(sectors).start().await;
    net.mine(1).await;
    net
}

/// Waits for a message at the node that it was sent at: others hear of it by gossip.
async fn wait(net: &mut TestNet, api: &Arc<dyn FullNode>, message: Cid) -> MsgLookup {
    let lookup = net.mine_for(api.state_wait_msg(message, 1, -1, true)).await;
    let lookup = lookup.unwrap();
    assert!(lookup.receipt.exit_code.is_success(), "{lookup:?}");
    lookup
}

/// Sends at the producer's node, which has its key, and waits until it is executed; what it returned.
async fn land(net: &mut TestNet, message: Message) -> Bytes {
    let landed = net.land(net.miner(PRODUCER).node, message).await;
    assert!(landed.receipt.exit_code.is_success(), "{landed:?}");
    landed.receipt.return_data
}

async fn land_prototype(net: &mut TestNet, prototype: MessagePrototype) -> Bytes {
    assert!(!prototype.valid_nonce);
    land(net, prototype.message).await
}

/// A key at a node, with this many FIL.
async fn funded(net: &mut TestNet, node: usize, n: i64) -> Address {
    let key = net.node(node).api().wallet_new(KeyType::Secp256k1).await;
    let key = key.unwrap();
    let from = net.miner(PRODUCER).worker;
    land(net, Message::transfer(from, key, fil(n))).await;
    key
}

async fn balance(net: &TestNet, of: Address) -> TokenAmount {
    net.node(0).api().wallet_balance(of).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_multisig_pays_when_both_signers_agree() {
    let mut net = network(1).await;
    let first = net.miner(PRODUCER).worker;
    let second = funded(&mut net, 0, 10).await;
    let api = net.node(0).api();
    let stranger = api.wallet_new(KeyType::Bls).await.unwrap();

    let signers = vec![first, second];
    let create = api.msig_create(2, signers, 0, fil(5), first, fil(0)).await;
    let made = land_prototype(&mut net, create.unwrap()).await;
    let made: ExecReturn = wire::from_cbor(&made).unwrap();
    let msig = made.robust_address;
    assert_eq!(balance(&net, msig).await, fil(5));

    let propose = api.msig_propose(msig, stranger, fil(2), first, 0, Bytes::new());
    let proposed = land_prototype(&mut net, propose.await.unwrap()).await;
    let proposed: ProposeReturn = wire::from_cbor(&proposed).unwrap();
    assert!(!proposed.applied);
    let pending = api.msig_get_pending(msig, HEAD).await.unwrap();
    let [waiting] = &pending[..] else {
        panic!("{pending:?}")
    };
    assert_eq!((waiting.id, &waiting.value), (proposed.txn_id, &fil(2)));
    assert_eq!(waiting.approved.len(), 1);

    // Another payment than the proposed one is not approved by mistake.
    let id = u64::try_from(proposed.txn_id).unwrap();
    let approve = |value| {
        let api = net.node(0).api();
        async move {
            let none = Bytes::new();
            api.msig_approve_txn_hash(msig, id, first, stranger, value, second, 0, none)
                .await
                .unwrap()
        }
    };
    let (wrong, right) = (approve(fil(3)).await, approve(fil(2)).await);
    let refused = api.mpool_push_message(wrong.message, None).await;
    assert!(refused.is_err(), "{refused:?}");
    let approved: ApproveReturn = wire::from_cbor(&land_prototype(&mut net, right).await).unwrap();
    assert!(
        approved.applied && approved.code.is_success(),
        "{approved:?}"
    );
    assert_eq!(balance(&net, stranger).await, fil(2));
    assert_eq!(balance(&net, msig).await, fil(3));
    assert!(api.msig_get_pending(msig, HEAD).await.unwrap().is_empty());
    let available = api.msig_get_available_balance(msig, HEAD).await;
    assert_eq!(available.unwrap(), fil(3));
}

async fn channel_state(net: &TestNet, channel: Address) -> paych::State {
    let read = net.node(0).api().state_read_state(channel, HEAD).await;
    serde_json::from_value(read.unwrap().state).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_channel_pays_what_its_vouchers_promise() {
    let mut net = network(2).await;
    let payer = net.miner(PRODUCER).worker;
    // The miners are in turn on the nodes: this one's key is at the second.
    let payee = funded(&mut net, 0, 10).await;
    let (ours, theirs) = (net.node_of(PRODUCER).api(), net.node(0).api());

    // Made, and paid into once more.
    let made = ours.paych_fund(payer, payee, fil(4)).await.unwrap();
    assert!(made.channel.is_undefined());
    let ready = ours.paych_get_wait_ready(made.wait_sentinel.unwrap());
    let channel = net.mine_for(ready).await.unwrap();
    let more = ours.paych_fund(payer, payee, fil(6)).await.unwrap();
    assert_eq!(more.channel, channel);
    let ready = ours.paych_get_wait_ready(more.wait_sentinel.unwrap());
    assert_eq!(net.mine_for(ready).await.unwrap(), channel);
    let funds = ours.paych_available_funds(channel).await.unwrap();
    assert_eq!(
        (&funds.confirmed_amt, &funds.non_reserved_amt),
        (&fil(10), &fil(10))
    );

    // Vouchers on two lanes reach the payee.
    for (lane, total, adds) in [(0, 1, 1), (0, 3, 2), (1, 2, 2)] {
        let made = ours.paych_voucher_create(channel, fil(total), lane).await;
        let voucher = made.unwrap().voucher.unwrap();
        let added = theirs.paych_voucher_add(channel, voucher.clone(), Bytes::new(), fil(adds));
        assert_eq!(added.await.unwrap(), fil(adds));
        if total == 1 {
            let (secret, proof) = (Bytes::new(), Bytes::new());
            let sent = theirs.paych_voucher_submit(channel, voucher, secret, proof);
            let sent = sent.await.unwrap();
            wait(&mut net, &theirs, sent).await;
        }
    }
    assert_eq!(channel_state(&net, channel).await.to_send, fil(1));
    let short = ours.paych_voucher_create(channel, fil(9), 2).await.unwrap();
    assert_eq!((short.voucher, short.shortfall), (None, fil(4)));

    // The payer closes the channel; the payee's node redeems what it holds by itself.
    let settle = ours.paych_settle(channel).await.unwrap();
    let settled = wait(&mut net, &ours, settle).await;
    for _ in 0..20 {
        if channel_state(&net, channel).await.to_send == fil(5) {
            break;
        }
        net.mine(1).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let state = channel_state(&net, channel).await;
    assert_eq!(state.to_send, fil(5));
    // It counts from the epoch of execution, a little below that of the tipset with the receipt.
    let delay = state.settling_at - settled.height;
    assert!(
        (SETTLE_DELAY - 20..SETTLE_DELAY).contains(&delay),
        "{delay}"
    );
    assert!(ours.paych_collect(channel).await.is_err(), "too early");

    net.skip_to(state.settling_at + 1).await;
    net.mine_to(state.settling_at + 2).await;
    let before = balance(&net, payee).await;
    let collect = ours.paych_collect(channel).await.unwrap();
    wait(&mut net, &ours, collect).await;
    assert_eq!(&balance(&net, payee).await - &before, fil(5));
    assert!(ours.state_get_actor(channel, HEAD).await.is_err());
}
