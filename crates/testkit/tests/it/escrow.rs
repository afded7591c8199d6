//! Escrow that a node fills for its deals: paid in once, whenever the node is killed; reserved, released
//! and taken out again.

use lotus_actors::market;
use lotus_networks::singletons::MARKET_ACTOR;
use lotus_rpc_api::types::mpool::MessageSendSpec;
use lotus_testkit::{Ensemble, TestNet};
use lotus_types::{Address, Cid, TipsetKey, TokenAmount};

/// What an earlier run of the node was about to send, as its store has it.
const SENDING: &str = "5f0d6b1e-95b8-4b7e-9a0d-0c6f4e0e8a11";

fn three() -> TokenAmount {
    TokenAmount::from_fil(3)
}

/// A network whose node was killed while it paid in.
async fn killed() -> (TestNet, Address) {
    let mut net = Ensemble::new().start().await;
    net.mine(1).await;
    let payer = net.miner(0).worker;
    let begun = format!(r#"{{"reserved":"0","payment":null,"sending":"{SENDING}"}}"#);
    let metadata = net.node_of(0).parts().chain.metadata();
    let name = format!("/market/funds/{payer}");
    metadata.set(&name, begun.as_bytes()).unwrap();
    (net, payer)
}

/// Asks for the same again, as whoever got no answer does; gives what lies in escrow in the end.
async fn asked_again(net: &mut TestNet, payer: Address) -> TokenAmount {
    let api = net.node_of(0).api();
    let reserving = api.market_reserve_funds(payer, payer, three());
    let payment = net.mine_for(reserving).await.unwrap();
    if let Some(payment) = payment {
        let waiting = api.state_wait_msg(payment, 1, -1, true);
        net.mine_for(waiting).await.unwrap();
    }
    net.mine(2).await;
    assert_eq!(api.market_get_reserved(payer).await.unwrap(), three());
    let held = api.state_market_balance(payer, TipsetKey::default()).await;
    held.unwrap().escrow
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_not_paid_in_again_when_the_payment_was_sent_but_not_noted() {
    let (mut net, payer) = killed().await;
    let message = lotus_actors::call(
        payer,
        MARKET_ACTOR,
        three(),
        market::method::ADD_BALANCE,
        &payer,
    );
    let spec = MessageSendSpec {
        max_fee: TokenAmount::zero(),
        msg_uuid: SENDING.parse().unwrap(),
        maximize_fee_cap: false,
    };
    let api = net.node_of(0).api();
    let sent = api.mpool_push_message(message.unwrap(), Some(spec)).await;
    sent.unwrap();
    assert_eq!(asked_again(&mut net, payer).await, three());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_paid_in_when_the_payment_was_never_sent() {
    let (mut net, payer) = killed().await;
    assert_eq!(asked_again(&mut net, payer).await, three());
}

/// Escrow of an address.
async fn held(net: &TestNet, of: Address) -> TokenAmount {
    let api = net.node_of(0).api();
    let held = api.state_market_balance(of, TipsetKey::default()).await;
    held.unwrap().escrow
}

/// Rounds until a message that was sent at the first miner's node is executed.
async fn executed(net: &mut TestNet, message: Cid) {
    let api = net.node_of(0).api();
    let landed = net.mine_for(api.state_wait_msg(message, 1, -1, true)).await;
    assert!(landed.unwrap().receipt.exit_code.is_success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_reserved_for_deals_stays_when_the_rest_is_taken_out() {
    let mut net = Ensemble::new().start().await;
    net.mine(1).await;
    let owner = net.miner(0).worker;
    let api = net.node_of(0).api();
    let fil = TokenAmount::from_fil;

    let paid = api.market_add_balance(owner, owner, fil(5)).await.unwrap();
    executed(&mut net, paid).await;
    assert_eq!(held(&net, owner).await, fil(5));

    // The escrow covers it: nothing is sent.
    let reserved = api
        .market_reserve_funds(owner, owner, fil(4))
        .await
        .unwrap();
    assert_eq!(reserved, None);
    // It does not any more: what is missing is paid in.
    let missing = api
        .market_reserve_funds(owner, owner, fil(3))
        .await
        .unwrap();
    executed(&mut net, missing.unwrap()).await;
    assert_eq!(held(&net, owner).await, fil(7));
    assert_eq!(api.market_get_reserved(owner).await.unwrap(), fil(7));

    let refused = api.market_withdraw(owner, owner, fil(1)).await.unwrap_err();
    assert!(
        refused.to_string().contains("reserved for deals"),
        "{refused}"
    );
    assert!(api.market_release_funds(owner, fil(8)).await.is_err());
    api.market_release_funds(owner, fil(2)).await.unwrap();
    let taken = api.market_withdraw(owner, owner, fil(2)).await.unwrap();
    executed(&mut net, taken).await;
    assert_eq!(held(&net, owner).await, fil(5));
    assert_eq!(api.market_get_reserved(owner).await.unwrap(), fil(5));
}
