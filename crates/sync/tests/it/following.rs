//! Following a peer whose chain is made up, judged by a judge that does what it is told.

use std::sync::{Arc, atomic::Ordering};

use lotus_ports::network::Verdict;
use lotus_sync::Stage;
use lotus_types::{BlockHeader, Tipset};

use crate::fakes::{Node, Peer, Told, as_gossip, block, genesis, grow, store};

mod an_announced_head {
    use super::*;

    #[tokio::test]
    async fn is_followed_from_genesis() {
        let peer = Peer::of(store());
        let chain = grow(&peer.store, &genesis(), 40, 1);
        let node = Node::start(store(), Arc::clone(&peer), Arc::new(Told::default()));
        node.announce("peer", &chain[39], 40);
        node.wait_for_head(&chain[39]).await;
        let status = node.ended(1).await;
        assert_eq!(status.works[0].stage, Stage::SyncComplete);
        assert_eq!(status.works[0].target.as_ref(), Some(&chain[39]));
        assert_eq!(status.works[0].height, 40);
    }

    #[tokio::test]
    async fn waits_until_enough_peers_were_heard() {
        let peer = Peer::of(store());
        let chain = grow(&peer.store, &genesis(), 3, 1);
        let judge = Arc::new(Told::default());
        let node = Node::with_threshold(store(), Arc::clone(&peer), judge, 2);
        node.announce("one", &chain[2], 3);
        let mut status = node.sync.status();
        status.wait_for(|s| s.peers_heard == 1).await.unwrap();
        assert_eq!(peer.served.load(Ordering::SeqCst), 0);
        node.announce("two", &chain[1], 2);
        node.wait_for_head(&chain[2]).await;
    }

    #[tokio::test]
    async fn that_is_a_lie_costs_one_attempt_and_honest_peers_are_still_heard() {
        let peer = Peer::of(store());
        let chain = grow(&peer.store, &genesis(), 3, 1);
        let nowhere = grow(&store(), &genesis(), 9, 7).remove(8);
        let node = Node::start(store(), Arc::clone(&peer), Arc::new(Told::default()));
        node.announce("liar", &nowhere, i64::MAX);
        let status = node.ended(1).await;
        assert_eq!(status.works[0].stage, Stage::SyncErrored);
        node.announce("honest", &chain[2], 3);
        node.wait_for_head(&chain[2]).await;
    }

    #[tokio::test]
    async fn lighter_than_ours_does_not_move_our_head() {
        let peer = Peer::of(store());
        let light = grow(&peer.store, &genesis(), 3, 1);
        let ours = store();
        let heavy = grow(&ours, &genesis(), 5, 2);
        let node = Node::start(ours, Arc::clone(&peer), Arc::new(Told::default()));
        // It claims to be heavier than it is.
        node.announce("peer", &light[2], 1000);
        node.ended(1).await;
        assert_eq!(node.chain.head().as_ref(), Some(&heavy[4]));
        assert!(node.chain.has_tipset(light[2].key()).unwrap());
        let longer = grow(&peer.store, &light[2], 4, 1);
        node.announce("peer", &longer[3], 1);
        node.wait_for_head(&longer[3]).await;
    }

    #[tokio::test]
    async fn on_another_genesis_is_refused() {
        let peer = Peer::of(store());
        let other = Tipset::new(vec![block(genesis().parents().clone(), 0, 0, 9)]).unwrap();
        peer.store.put_headers(other.blocks()).unwrap();
        let mut foreign = other;
        for height in 1..=5 {
            let header = block(foreign.key().clone(), height, 1000, 1);
            foreign = Tipset::new(vec![header]).unwrap();
            peer.store.put_headers(foreign.blocks()).unwrap();
        }
        let node = Node::start(store(), Arc::clone(&peer), Arc::new(Told::default()));
        node.announce("peer", &foreign, 1000);
        let status = node.ended(1).await;
        assert!(
            status.works[0].message.contains("fork detected"),
            "{status:?}"
        );
        assert_eq!(node.chain.head(), Some(genesis()));
    }

    #[tokio::test]
    async fn that_forks_off_below_finality_is_refused_without_fetching_all_of_it() {
        let ours = store();
        grow(&ours, &genesis(), 1000, 1);
        let head = ours.head();
        let peer = Peer::of(store());
        let long = grow(&peer.store, &genesis(), 1200, 2);
        let node = Node::start(ours, Arc::clone(&peer), Arc::new(Told::default()));
        node.announce("peer", &long[1199], 100_000);
        let status = node.ended(1).await;
        assert!(
            status.works[0].message.contains("fork detected"),
            "{status:?}"
        );
        assert_eq!(node.chain.head(), head);
        assert!(peer.served.load(Ordering::SeqCst) <= 1200 - 99);
    }
}

mod a_bad_block {
    use super::*;

    #[tokio::test]
    async fn is_refused_and_remembered_with_all_that_builds_on_it() {
        let peer = Peer::of(store());
        let chain = grow(&peer.store, &genesis(), 5, 1);
        let judge = Arc::new(Told::default());
        let bad = chain[2].cids()[0];
        judge.invalid.lock().insert(bad);
        let node = Node::start(store(), Arc::clone(&peer), Arc::clone(&judge) as _);
        node.announce("peer", &chain[4], 5);
        node.ended(1).await;
        assert_eq!(node.chain.head().as_ref(), Some(&chain[1]));
        assert_eq!(
            node.sync.bad_reason(&bad).as_deref(),
            Some("WinningPoSt: made up")
        );
        let linked = node.sync.bad_reason(&chain[4].cids()[0]).unwrap();
        assert!(linked.contains(&bad.to_string()), "{linked}");
        // Found good again, it stays refused until somebody says otherwise.
        judge.invalid.lock().clear();
        node.announce("peer", &chain[4], 5);
        let status = node.ended(2).await;
        assert_eq!(status.works[1].stage, Stage::SyncErrored);
        node.sync.unmark_all_bad();
        node.announce("peer", &chain[4], 5);
        node.wait_for_head(&chain[4]).await;
    }

    #[tokio::test]
    async fn is_not_what_a_failure_of_ours_or_a_slow_clock_makes_of_a_block() {
        let peer = Peer::of(store());
        let chain = grow(&peer.store, &genesis(), 5, 1);
        let judge = Arc::new(Told::default());
        judge.failing.lock().insert(chain[3].cids()[0]);
        judge.future.lock().insert(chain[1].cids()[0]);
        let node = Node::start(store(), Arc::clone(&peer), Arc::clone(&judge) as _);
        node.announce("peer", &chain[4], 5);
        let status = node.ended(1).await;
        assert!(status.works[0].message.contains("future"), "{status:?}");
        judge.future.lock().clear();
        node.announce("peer", &chain[4], 5);
        let status = node.ended(2).await;
        assert!(
            status.works[1].message.contains("disk is on fire"),
            "{status:?}"
        );
        assert!(
            chain
                .iter()
                .all(|t| node.sync.bad_reason(&t.cids()[0]).is_none())
        );
        judge.failing.lock().clear();
        node.announce("peer", &chain[4], 5);
        node.wait_for_head(&chain[4]).await;
    }

    #[tokio::test]
    async fn is_not_what_forged_messages_make_of_a_good_one() {
        let forger = Peer::of(store());
        let chain = grow(&forger.store, &genesis(), 2, 1);
        let forger = Arc::new(Peer {
            store: forger.store.clone(),
            served: 0.into(),
            forges_messages: true,
        });
        let node = Node::start(store(), forger, Arc::new(Told::default()));
        node.announce("forger", &chain[1], 2);
        let status = node.ended(1).await;
        assert!(
            status.works[0]
                .message
                .contains("not those that its header names"),
            "{status:?}"
        );
        assert!(
            chain
                .iter()
                .all(|t| node.sync.bad_reason(&t.cids()[0]).is_none())
        );
    }
}

mod a_gossiped_block {
    use super::*;

    #[tokio::test]
    async fn on_our_head_is_passed_on_and_becomes_the_head() {
        let peer = Peer::of(store());
        let chain = grow(&peer.store, &genesis(), 1, 1);
        let node = Node::start(store(), Arc::clone(&peer), Arc::new(Told::default()));
        let mut incoming = node.sync.incoming_blocks();
        assert_eq!(node.gossip(as_gossip(&chain[0])).await, Verdict::Accept);
        node.wait_for_head(&chain[0]).await;
        assert_eq!(&incoming.recv().await.unwrap(), chain[0].min_ticket_block());
        // Its messages were here: nothing was fetched.
        assert_eq!(peer.served.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn far_ahead_makes_us_fetch_what_lies_between() {
        let peer = Peer::of(store());
        let chain = grow(&peer.store, &genesis(), 20, 1);
        let node = Node::start(store(), Arc::clone(&peer), Arc::new(Told::default()));
        assert_eq!(node.gossip(as_gossip(&chain[19])).await, Verdict::Accept);
        node.wait_for_head(&chain[19]).await;
    }

    #[tokio::test]
    async fn joins_its_sibling_in_one_tipset() {
        let peer = Peer::of(store());
        let node = Node::start(store(), peer, Arc::new(Told::default()));
        let one = block(genesis().key().clone(), 1, 1000, 1);
        let two = block(genesis().key().clone(), 1, 1001, 2);
        let both = Tipset::new(vec![one.clone(), two.clone()]).unwrap();
        for header in [one, two] {
            let single = Tipset::new(vec![header]).unwrap();
            assert_eq!(node.gossip(as_gossip(&single)).await, Verdict::Accept);
        }
        node.wait_for_head(&both).await;
    }

    #[tokio::test]
    async fn is_rejected_only_for_what_no_honest_peer_passes_on() {
        let peer = Peer::of(store());
        let judge = Arc::new(Told::default());
        let node = Node::start(store(), peer, Arc::clone(&judge) as _);
        node.clock.set(std::time::Duration::from_secs(
            5 * crate::fakes::BLOCK_DELAY,
        ));
        let good = block(genesis().key().clone(), 1, 1000, 1);
        let node = &node;
        let gossip = |header| async move {
            let tipset = Tipset::new(vec![header]).unwrap();
            node.gossip(as_gossip(&tipset)).await
        };

        let unsigned = BlockHeader {
            block_signature: None,
            ..good.clone()
        };
        assert_eq!(gossip(unsigned).await, Verdict::Reject);
        let other_messages = BlockHeader {
            messages: good.parent_state_root,
            ..good.clone()
        };
        assert_eq!(gossip(other_messages).await, Verdict::Reject);
        judge.forged.lock().insert(good.cid());
        assert_eq!(gossip(good.clone()).await, Verdict::Reject);
        let early = BlockHeader {
            timestamp: u64::MAX,
            ..good.clone()
        };
        assert_eq!(gossip(early).await, Verdict::Ignore);
        // Far behind the present we cannot tell who the worker is.
        node.clock.set(std::time::Duration::from_secs(
            500 * crate::fakes::BLOCK_DELAY,
        ));
        assert_eq!(gossip(good.clone()).await, Verdict::Ignore);
        judge.forged.lock().clear();
        node.sync.mark_bad(good.cid());
        assert_eq!(gossip(good).await, Verdict::Reject);
    }
}

mod our_own_block {
    use super::*;

    #[tokio::test]
    async fn becomes_the_head_and_is_gossiped() {
        let node = Node::start(store(), Peer::of(store()), Arc::new(Told::default()));
        let mined = grow(&store(), &genesis(), 1, 1).remove(0);
        node.sync.submit_block(as_gossip(&mined)).await.unwrap();
        assert_eq!(node.chain.head().as_ref(), Some(&mined));
        assert_eq!(*node.air.published.lock(), mined.cids());
    }

    #[tokio::test]
    async fn that_is_invalid_is_neither_taken_nor_gossiped() {
        let judge = Arc::new(Told::default());
        let node = Node::start(store(), Peer::of(store()), Arc::clone(&judge) as _);
        let mined = grow(&store(), &genesis(), 1, 1).remove(0);
        judge.invalid.lock().extend(mined.cids());
        let refused = node.sync.submit_block(as_gossip(&mined)).await.unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("sync to submitted block failed"),
            "{refused}"
        );
        assert!(node.air.published.lock().is_empty());
        assert_eq!(node.chain.head(), Some(genesis()));
    }
}

mod a_checkpoint {
    use super::*;

    #[tokio::test]
    async fn holds_against_a_heavier_chain_without_it() {
        let ours = store();
        let chain = grow(&ours, &genesis(), 5, 1);
        let peer = Peer::of(store());
        let heavier = grow(&peer.store, &genesis(), 9, 2);
        let node = Node::start(ours, Arc::clone(&peer), Arc::new(Told::default()));
        node.sync
            .set_checkpoint(chain[2].key().clone())
            .await
            .unwrap();
        assert_eq!(node.sync.checkpoint().as_ref(), Some(&chain[2]));
        node.announce("peer", &heavier[8], 9);
        let status = node.ended(1).await;
        assert_eq!(status.works[0].stage, Stage::SyncErrored);
        assert_eq!(node.chain.head().as_ref(), Some(&chain[4]));
    }

    #[tokio::test]
    async fn on_another_chain_moves_the_head_and_survives_a_restart() {
        let ours = store();
        let chain = grow(&ours, &genesis(), 5, 1);
        let fork = grow(&ours, &genesis(), 2, 2);
        let peer = Peer::of(store());
        let node = Node::start(ours, Arc::clone(&peer), Arc::new(Told::default()));
        assert_eq!(node.chain.head().as_ref(), Some(&chain[4]));
        node.sync
            .set_checkpoint(fork[1].key().clone())
            .await
            .unwrap();
        assert_eq!(node.chain.head().as_ref(), Some(&fork[1]));
        let again = Node::start(node.chain.clone(), peer, Arc::new(Told::default()));
        assert_eq!(again.sync.checkpoint().as_ref(), Some(&fork[1]));
    }
}
