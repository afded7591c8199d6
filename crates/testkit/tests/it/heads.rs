//! What `ChainNotify` tells of the head.

use futures::{FutureExt as _, StreamExt as _};
use lotus_rpc_api::{
    Subscription,
    types::chain::{HeadChange, HeadChangeType},
};
use lotus_testkit::{Ensemble, TestNode};
use lotus_types::Tipset;

/// Follows the head as a client does that knows nothing but the notifications.
pub(crate) struct Follower {
    changes: Subscription<Vec<HeadChange>>,
    chain: Vec<Tipset>,
    pub(crate) applied: usize,
    pub(crate) reverted: usize,
}

impl Follower {
    pub(crate) async fn of(node: &TestNode) -> Self {
        let mut changes = node.api().chain_notify().await.unwrap();
        let first = changes.next().await.expect("where the chain is");
        let [HeadChange { kind, val }] = &first[..] else {
            panic!("one step at first, not {first:?}")
        };
        assert_eq!(*kind, HeadChangeType::Current);
        Self {
            chain: vec![val.clone()],
            changes,
            applied: 0,
            reverted: 0,
        }
    }

    /// Takes all that was told so far. Every step must fit the one before.
    pub(crate) fn catch_up(&mut self) {
        while let Some(Some(batch)) = self.changes.next().now_or_never() {
            let first_apply = batch.iter().position(|s| s.kind == HeadChangeType::Apply);
            let late_revert = batch[first_apply.unwrap_or(batch.len())..]
                .iter()
                .any(|s| s.kind != HeadChangeType::Apply);
            assert!(!late_revert, "reverts come before applies: {batch:?}");
            batch.into_iter().for_each(|step| self.take(step));
        }
    }

    fn take(&mut self, HeadChange { kind, val }: HeadChange) {
        let top = self.chain.last();
        match kind {
            HeadChangeType::Current => panic!("current comes once"),
            HeadChangeType::Apply => {
                if let Some(top) = top {
                    assert_eq!(val.parents(), top.key(), "applied on something else");
                }
                self.chain.push(val);
                self.applied += 1;
            }
            HeadChangeType::Revert => {
                assert_eq!(top, Some(&val), "only the top is taken off");
                self.chain.pop();
                self.reverted += 1;
            }
        }
    }

    pub(crate) fn head(&self) -> Option<&Tipset> {
        self.chain.last()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_told_step_by_step() {
    let mut net = Ensemble::new().nodes(2).miners(2).start().await;
    net.mine_to(3).await;
    let mut followers = [
        Follower::of(net.node(0)).await,
        Follower::of(net.node(1)).await,
    ];
    for (k, follower) in followers.iter().enumerate() {
        assert_eq!(follower.head(), Some(&net.head(k)));
    }
    let before = net.chain(0).len();
    net.mine(12).await;
    let grown = net.chain(0).len() - before;
    for (k, follower) in followers.iter_mut().enumerate() {
        follower.catch_up();
        assert_eq!(follower.head(), Some(&net.head(k)));
        assert_eq!(follower.applied - follower.reverted, grown);
    }
}
