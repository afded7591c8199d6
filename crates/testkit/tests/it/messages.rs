//! Messages that are sent at one node.

use futures::future::join_all;
use lotus_testkit::{Ensemble, TestNet, TestNode, eventually};
use lotus_types::{Address, KeyType, Message, TipsetKey, TokenAmount};

/// An address that nobody has used.
async fn stranger(node: &TestNode) -> Address {
    node.api().wallet_new(KeyType::Bls).await.unwrap()
}

async fn pending(node: &TestNode) -> usize {
    let pending = node.api().mpool_pending(TipsetKey::default()).await;
    pending.unwrap().len()
}

async fn balance(net: &TestNet, node: usize, of: Address) -> TokenAmount {
    net.node(node).api().wallet_balance(of).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn land_with_the_same_receipts_at_both_nodes() {
    let mut net = Ensemble::new().nodes(2).miners(2).start().await;
    net.mine(1).await;
    let from = net.miner(0).worker;
    let strangers = join_all((0..3).map(|_| stranger(net.node(0)))).await;
    let mut sent = Vec::new();
    for (fil, to) in (1..).zip(&strangers) {
        let message = Message::transfer(from, *to, TokenAmount::from_fil(fil));
        sent.push(net.node(0).send(message).await.cid());
    }
    let other = net.node(1);
    eventually(
        "gossip of messages",
        || async { pending(other).await == sent.len() },
        || "node 1 does not have them".to_owned(),
    )
    .await;

    let apis = [net.node(0).api(), net.node(1).api()];
    let waits = apis.iter().map(|api| {
        let lookups = sent.iter().map(|cid| api.state_wait_msg(*cid, 2, -1, true));
        join_all(lookups)
    });
    let lookups = net.mine_for(join_all(waits)).await;
    let [here, there] = &lookups[..] else {
        panic!("two nodes were asked")
    };
    for ((cid, one), two) in sent.iter().zip(here).zip(there) {
        let (one, two) = (one.as_ref().unwrap(), two.as_ref().unwrap());
        assert_eq!(one.message, *cid);
        assert!(one.receipt.exit_code.is_success(), "{:?}", one.receipt);
        assert!(one.receipt.gas_used > 0);
        assert_eq!(one, two);
    }

    // The state that answers is the one before the head's own messages.
    net.mine(2).await;
    for node in 0..2 {
        assert_eq!(pending(net.node(node)).await, 0);
        for (fil, to) in (1..).zip(&strangers) {
            assert_eq!(balance(&net, node, *to).await, TokenAmount::from_fil(fil));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_one_key_sent_at_the_same_time_get_a_nonce_each() {
    let mut net = Ensemble::new().start().await;
    net.mine(1).await;
    let from = net.miner(0).worker;
    let node = net.node(0);
    let to = stranger(node).await;
    let send = |fil| node.send(Message::transfer(from, to, TokenAmount::from_fil(fil)));
    let sent = join_all((1..=10).map(send)).await;
    let mut nonces: Vec<u64> = sent.iter().map(|m| m.message.nonce).collect();
    nonces.sort_unstable();
    let first = nonces[0];
    assert_eq!(nonces, (first..first + 10).collect::<Vec<_>>());

    let api = net.node(0).api();
    let waits = sent
        .iter()
        .map(|m| api.state_wait_msg(m.cid(), 0, -1, true));
    for lookup in net.mine_for(join_all(waits)).await {
        assert!(lookup.unwrap().receipt.exit_code.is_success());
    }
}
