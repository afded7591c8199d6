//! A network that falls apart.

use lotus_testkit::{Ensemble, TestNet};
use lotus_types::{BigInt, Tipset};

use crate::heads::Follower;

fn weight(net: &TestNet, node: usize, tipset: &Tipset) -> BigInt {
    net.node(node).parts().chain.weight(tipset).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comes_together_on_the_heaviest_chain() {
    let mut net = Ensemble::new().nodes(2).miners(2).start().await;
    net.mine_to(4).await;
    let common = net.head(0);
    let mut followers = [
        Follower::of(net.node(0)).await,
        Follower::of(net.node(1)).await,
    ];

    net.split(&[&[0], &[1]]).await;
    let enough = |net: &TestNet| {
        (0..2).all(|node| {
            let grown = net
                .chain(node)
                .into_iter()
                .filter(|t| t.height() > common.height());
            grown.count() >= 4
        })
    };
    net.mine_until(enough).await;
    let heads = [net.head(0), net.head(1)];
    assert_ne!(heads[0], heads[1], "they did not hear of each other");
    for (node, other) in [(0, 1), (1, 0)] {
        let chain = &net.node(node).parts().chain;
        assert!(!chain.has_tipset(heads[other].key()).unwrap());
    }
    let weights = [0, 1].map(|node| weight(&net, node, &heads[node]));

    net.heal().await;
    let head = net.head(0);
    assert!(heads.contains(&head), "no block was made meanwhile");
    let best = weights.iter().max().unwrap();
    assert_eq!(weight(&net, 0, &head), *best);

    // The loser took its own tipsets back down to the common one, then applied the winner's.
    let loser = usize::from(head == heads[0]);
    let lost = heads[loser].clone();
    for (node, follower) in followers.iter_mut().enumerate() {
        follower.catch_up();
        assert_eq!(follower.head(), Some(&head));
        assert!(node != loser || follower.reverted >= 4);
    }

    net.mine_to(head.height() + 5).await;
    let chain = net.chain(0);
    assert_eq!(chain, net.chain(1));
    assert!(chain.contains(&common) && chain.contains(&head) && !chain.contains(&lost));
    assert!(
        chain
            .iter()
            .any(|t| t.height() > head.height() && t.blocks().len() > 1),
        "both miners make blocks on the common chain again"
    );
}
