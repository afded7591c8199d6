//! What the pool does when the chain grows or turns to another fork.

use super::*;

#[test]
fn takes_included_messages_out_and_brings_reverted_ones_back() {
    let mut s = setup();
    for nonce in 0..3 {
        s.pool.add(message(1, nonce, 100), Source::Gossip).unwrap();
    }
    let included = [message(1, 0, 100), message(1, 1, 100)];
    let tip = s.mine(&s.genesis, &included, 1);
    s.set_nonce(who(1), 2);
    s.pool.follow_head().unwrap();
    assert_eq!(s.nonces(who(1)), [2]);
    assert_eq!(s.pool.tipset(), &tip);

    // A heavier fork has only the first message.
    let fork = s.mine(&s.genesis, &included[..1], 2);
    let fork = s.mine(&fork, &[], 3);
    s.set_nonce(who(1), 1);
    s.pool.follow_head().unwrap();
    assert_eq!(s.pool.tipset(), &fork);
    assert_eq!(s.nonces(who(1)), [1, 2]);
    assert_eq!(s.pool.next_nonce(&who(1)).unwrap(), Some(3));
}

#[test]
fn brings_bls_messages_back_with_the_signatures_that_blocks_leave_out() {
    let mut s = setup();
    let bls = |nonce| SignedMessage {
        signature: Signature::new_bls(vec![nonce as u8; 96]),
        ..message(1, nonce, 100)
    };
    s.pool.add(bls(0), Source::Gossip).unwrap();
    // The second one this node has never seen: its signature cannot be had.
    s.mine(&s.genesis, &[bls(0), bls(1)], 1);
    s.set_nonce(who(1), 2);
    s.pool.follow_head().unwrap();
    assert!(s.pool.pending().is_empty());
    let fork = s.mine(&s.genesis, &[], 2);
    s.mine(&fork, &[], 3);
    s.set_nonce(who(1), 0);
    s.pool.follow_head().unwrap();
    let back: Vec<_> = s.pool.pending().iter().map(|m| m.signed.clone()).collect();
    assert_eq!(back, [bls(0)]);
}

#[test]
fn that_cannot_be_followed_leaves_the_pool_as_it_was() {
    let mut s = setup();
    s.pool.add(message(1, 0, 100), Source::Gossip).unwrap();
    let tip = s.mine(&s.genesis, &[message(1, 0, 100)], 1);
    s.pool.follow_head().unwrap();
    let fork = s.mine(&s.genesis, &[], 2);
    s.mine(&fork, &[], 3);
    *s.chain.broken.lock() = true;
    assert!(s.pool.follow_head().is_err());
    assert_eq!(s.pool.tipset(), &tip);
    *s.chain.broken.lock() = false;
    s.pool.follow_head().unwrap();
    assert_eq!(s.nonces(who(1)), [0]);
}

#[test]
fn is_seen_by_who_asks_for_the_pending_messages_at_another_tipset() {
    let mut s = setup();
    s.pool.add(message(1, 0, 100), Source::Gossip).unwrap();
    let tip = s.mine(&s.genesis, &[message(2, 0, 100)], 1);
    // The pool still stands on genesis: to it what the newer block holds is pending.
    let senders =
        |list: Vec<SignedMessage>| -> Vec<_> { list.iter().map(|m| m.message.from).collect() };
    let at = |s: &Setup, tipset: &Tipset| senders(s.pool.pending_at(tipset).unwrap());
    assert_eq!(at(&s, &tip), [who(1), who(2)]);
    assert_eq!(at(&s, &s.genesis), [who(1)]);
    s.set_nonce(who(2), 1);
    s.pool.follow_head().unwrap();
    assert_eq!(at(&s, &tip), [who(1)]);
    assert_eq!(at(&s, &s.genesis), [who(1)]);
    // On a fork of the same height the pool's own block counts as included.
    let fork = s.mine(&s.genesis, &[message(2, 0, 100), message(3, 0, 100)], 2);
    assert_eq!(at(&s, &fork), [who(1), who(3)]);
}

#[test]
fn is_seen_by_a_selection_for_another_tipset() {
    let mut s = setup();
    let included = message(1, 0, 100);
    s.pool.add(included.clone(), Source::Gossip).unwrap();
    let target = s.mine(&s.genesis, &[included], 1);
    // The pool still stands on genesis.
    s.set_nonce(who(1), 1);
    assert!(s.pool.snapshot(&target).unwrap().senders.is_empty());
    assert_eq!(s.pool.pending().len(), 1);
}
