//! Nodes that make no blocks themselves: one that comes late, one in the middle.

use lotus_testkit::Ensemble;
use lotus_types::{Message, TokenAmount};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_one_fetches_the_chain_and_follows_the_head() {
    let mut net = Ensemble::new().nodes(2).miners(2).start().await;
    net.mine_to(25).await;
    let late = net.add_node().await;
    net.agree().await;
    assert!(net.head(late).height() >= 25);
    assert_eq!(net.chain(late), net.chain(0));

    // From here on it hears of blocks as everyone.
    let before = net.head(late).height();
    net.mine_to(before + 5).await;
    assert_eq!(net.chain(late), net.chain(1));
    let status = net.node(late).parts().sync.status().borrow().clone();
    let last = status.works.last().expect("it has fetched a chain");
    assert!(
        last.height <= before,
        "blocks above {before} came by gossip, not by fetching: {last:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_between_two_others_passes_blocks_and_messages_on() {
    // Only the miner of node 2 makes blocks; the message is sent at node 0.
    let mut net = Ensemble::new().nodes(3).sectors([0, 0, 1]).start().await;
    net.node(0).cut(net.node(2)).await;
    net.node(2).cut(net.node(0)).await;
    net.mine_to(3).await;

    let (from, to) = (net.miner(0).worker, net.miner(1).worker);
    let message = Message::transfer(from, to, TokenAmount::from_fil(1));
    let sent = net.node(0).send(message).await.cid();
    let api = net.node(0).api();
    let lookup = net.mine_for(api.state_wait_msg(sent, 1, -1, false)).await;
    assert!(lookup.unwrap().receipt.exit_code.is_success());
    assert_eq!(net.chain(0), net.chain(2));
    for (one, other) in [(0, 2), (2, 0)] {
        let peer = net.node(other).peer();
        let connection = net.node(one).parts().net.peer(peer).await.unwrap();
        assert!(connection.is_none(), "{connection:?}");
    }
}
