//! Checks through the pool: which nonce and funds count.

use lotus_rpc_api::types::mpool::{MessageCheckStatus, MessagePrototype};

use super::*;
use crate::checks::code;

fn prototype(nonce: u64, valid_nonce: bool) -> MessagePrototype {
    MessagePrototype {
        message: message(1, nonce, 100).message,
        valid_nonce,
    }
}

fn failed(checks: &[Vec<MessageCheckStatus>]) -> Vec<i64> {
    let bad = checks.iter().flatten().filter(|check| !check.ok);
    bad.map(|check| check.code).collect()
}

#[test]
fn a_new_message_comes_after_all_that_wait() {
    let mut s = setup();
    for nonce in 0..2 {
        s.pool.add(message(1, nonce, 100), Source::Gossip).unwrap();
    }
    let check = |prototype| s.pool.check_messages(vec![prototype]).unwrap();
    assert_eq!(failed(&check(prototype(2, true))), [] as [i64; 0]);
    assert_eq!(failed(&check(prototype(0, false))), [] as [i64; 0]);
    assert_eq!(failed(&check(prototype(0, true))), [code::NONCE]);
    let needed = &check(prototype(2, true))[0];
    let one = message(1, 0, 100).message.required_gas_funds();
    let hint = &needed.last().unwrap().hint["requiredFunds"];
    assert_eq!(*hint, serde_json::json!((&one * 3).atto().to_string()));
}

#[test]
fn waiting_messages_are_checked_from_the_chains_nonce_on() {
    let mut s = setup();
    s.pool.add(message(1, 0, 100), Source::Gossip).unwrap();
    s.pool.add(message(1, 2, 100), Source::Gossip).unwrap();
    let checks = s.pool.check_pending(&who(1)).unwrap();
    assert_eq!(checks.len(), 2);
    assert_eq!(failed(&checks), [code::NONCE], "nonce 1 is missing");
    assert!(s.pool.check_pending(&who(2)).unwrap().is_empty());
    assert!(s.pool.check_pending(&who(77)).unwrap().is_empty());
}

#[test]
fn a_replacement_is_checked_among_what_waits() {
    let mut s = setup();
    for nonce in 0..3 {
        s.pool.add(message(1, nonce, 100), Source::Gossip).unwrap();
    }
    let mut dear = message(1, 1, 100).message;
    dear.value = TokenAmount::from_fil(999_999_999);
    let cid = dear.cid();
    let checks = s.pool.check_replacing(vec![dear]).unwrap();
    assert_eq!(checks.len(), 3);
    assert_eq!(checks[1][0].cid, cid);
    // It leaves nothing for the message after it.
    assert_eq!(failed(&checks), [code::BALANCE, code::BALANCE]);
}

#[test]
fn senders_that_do_not_exist_are_told_so() {
    let s = setup();
    let mut stranger = prototype(0, true);
    stranger.message.from = who(77);
    let mut nobody = prototype(0, true);
    nobody.message.from = Address::default();
    let checks = s.pool.check_messages(vec![stranger, nobody]).unwrap();
    assert_eq!(failed(&checks), [code::GET_STATE_NONCE; 2]);
}
