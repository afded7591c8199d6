//! Two miners on two nodes.

use lotus_testkit::{Ensemble, TestNet, replay};
use lotus_types::{Address, Message, Tipset, TokenAmount};

/// Tipsets of more than one block that the chain shall have.
const WANTED: usize = 50;

fn of_several_blocks(chain: &[Tipset]) -> usize {
    chain.iter().filter(|t| t.blocks().len() > 1).count()
}

async fn pay(net: &TestNet, from: usize, to: usize) {
    let (from, to) = (net.miner(from), net.miner(to));
    let value = TokenAmount::from_atto(1);
    let message = Message::transfer(from.worker, to.worker, value);
    net.node(from.node).send(message).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn make_fifty_tipsets_of_several_blocks_that_both_nodes_and_a_replay_agree_on() {
    let mut net = Ensemble::new().nodes(2).miners(2).start().await;
    while of_several_blocks(&net.chain(0)) < WANTED {
        if net.epoch() % 4 == 1 {
            pay(&net, 0, 1).await;
            pay(&net, 1, 0).await;
        }
        net.mine(1).await;
        assert!(
            net.epoch() < 200,
            "84 of 100 tipsets should have two blocks"
        );
    }
    let chain = net.chain(0);
    assert_eq!(chain, net.chain(1));
    let producers: std::collections::BTreeSet<Address> = chain[1..]
        .iter()
        .flat_map(|t| t.blocks().iter().map(|b| b.miner))
        .collect();
    assert_eq!(producers.len(), 2);

    let export = net.export(1).await;
    let network = net.network().clone();
    let replayed = tokio::task::spawn_blocking(move || replay(&network, &export));
    let replayed = replayed.await.unwrap();
    assert_eq!(replayed.mismatches, []);
    assert_eq!(replayed.tipsets as usize, chain.len() - 1);
    assert!(replayed.messages >= 20, "{} messages", replayed.messages);
}
