//! What clients of a node meet at its message pool, through the API.

use lotus_rpc_api::types::mpool::{MessageCheckStatus, MessagePrototype, MessageSendSpec};
use lotus_testkit::Ensemble;
use lotus_types::{Address, KeyType, Message, SignedMessage, TipsetKey, TokenAmount};
use uuid::Uuid;

fn failed(checks: impl IntoIterator<Item = Vec<MessageCheckStatus>>) -> Vec<(i64, String)> {
    let all = checks.into_iter().flatten();
    let bad = all.filter(|check| !check.ok);
    bad.map(|check| (check.code, check.err)).collect()
}

fn nonces(messages: &[SignedMessage]) -> Vec<u64> {
    messages.iter().map(|m| m.message.nonce).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_sent_once_checked_replaced_and_put_on_chain() {
    let mut net = Ensemble::new().start().await;
    net.mine(1).await;
    let from = net.miner(0).worker;
    let api = net.node(0).api();
    let to = api.wallet_new(KeyType::Bls).await.unwrap();
    let transfer = |fil: i64| Message::transfer(from, to, TokenAmount::from_fil(fil));

    // Asked twice under one UUID, it is one message; those of a batch are several.
    let spec = Some(MessageSendSpec {
        msg_uuid: Uuid::from_u128(7),
        ..MessageSendSpec::default()
    });
    let first = api
        .mpool_push_message(transfer(1), spec.clone())
        .await
        .unwrap();
    let again = api.mpool_push_message(transfer(1), spec).await.unwrap();
    assert_eq!(first, again);
    let batch = Some(MessageSendSpec {
        msg_uuid: Uuid::from_u128(100),
        ..MessageSendSpec::default()
    });
    let several = vec![transfer(2), transfer(3)];
    let sent = api
        .mpool_batch_push_message(several.clone(), batch.clone())
        .await
        .unwrap();
    let resent = api.mpool_batch_push_message(several, batch).await.unwrap();
    assert_eq!(sent, resent);
    let start = first.message.nonce;
    assert_eq!(nonces(&sent), [start + 1, start + 2]);
    assert_eq!(api.mpool_get_nonce(from).await.unwrap(), start + 3);

    // Checks know what waits.
    let prototype = |nonce| MessagePrototype {
        message: Message {
            nonce,
            ..first.message.clone()
        },
        valid_nonce: true,
    };
    let check = |nonce| api.mpool_check_messages(vec![prototype(nonce)]);
    assert_eq!(failed(check(start + 3).await.unwrap()), []);
    let expected = format!("message nonce doesn't match next nonce ({})", start + 3);
    assert_eq!(failed(check(9999).await.unwrap()), [(10, expected)]);
    let waiting = api.mpool_check_pending_messages(from).await.unwrap();
    assert_eq!((waiting.len(), failed(waiting)), (3, vec![]));

    // The same nonce with a quarter more premium takes the place of the first one.
    let dearer = |premium: &TokenAmount, percent: i64| Message {
        gas_premium: TokenAmount::from_atto(premium.atto() * percent / 100 + 1),
        gas_fee_cap: TokenAmount::from_fil(0) + first.message.gas_fee_cap.clone() * 2,
        ..first.message.clone()
    };
    let premium = &first.message.gas_premium;
    let little = api
        .wallet_sign_message(from, dearer(premium, 110))
        .await
        .unwrap();
    let refused = api.mpool_push(little).await.unwrap_err().to_string();
    assert!(
        refused.contains("replace by fee has too low GasPremium"),
        "{refused}"
    );
    let enough = api
        .wallet_sign_message(from, dearer(premium, 125))
        .await
        .unwrap();
    let replacement = api.mpool_push(enough).await.unwrap();
    let pending = api.mpool_pending(TipsetKey::default()).await.unwrap();
    assert_eq!(nonces(&pending), [start, start + 1, start + 2]);
    assert_eq!(pending[0].cid(), replacement);

    // On chain it is found where the first one is asked for.
    let lookup = net
        .mine_for(api.state_wait_msg(first.cid(), 0, -1, true))
        .await
        .unwrap();
    assert_eq!(lookup.message, replacement);
    assert!(lookup.receipt.exit_code.is_success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn estimates_say_what_is_wrong_in_lotus_words() {
    let mut net = Ensemble::new().start().await;
    net.mine(1).await;
    let from = net.miner(0).worker;
    let api = net.node(0).api();
    let nobody = api.wallet_new(KeyType::Secp256k1).await.unwrap();
    let estimate = |message| api.gas_estimate_message_gas(message, None, TipsetKey::default());

    let unknown = Message::transfer(nobody, from, TokenAmount::zero());
    let refused = estimate(unknown).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        format!(
            "gas estimation failed: CallWithGas failed: call raw get actor: resolution lookup failed \
             ({nobody}): resolve address {nobody}: actor not found"
        )
    );
    let too_much = Message::transfer(from, nobody, TokenAmount::from_fil(99_999_999_999_i64));
    let refused = estimate(too_much).await.unwrap_err().to_string();
    let begin = "message execution failed: exit SysErrInsufficientFunds(6), reason: ";
    assert!(refused.starts_with(begin), "{refused}");
    assert!(refused.ends_with("(RetCode=6)"), "{refused}");
    let nowhere = Message::transfer(from, Address::default(), TokenAmount::zero());
    let refused = estimate(nowhere).await.unwrap_err().to_string();
    assert_eq!(refused, "message To address is undefined");

    // What is given is kept, what is not is filled in.
    let given = Message {
        gas_premium: TokenAmount::from_atto(123_456),
        ..Message::transfer(from, nobody, TokenAmount::from_fil(1))
    };
    let estimated = estimate(given).await.unwrap();
    assert_eq!(estimated.gas_premium, TokenAmount::from_atto(123_456));
    assert!(estimated.gas_fee_cap > estimated.gas_premium);
    assert!(estimated.gas_limit > 100_000);
}
