//! Escrow that a node fills for its deals: paid in once, whenever the node is killed.

use lotus_actors::market;
use lotus_networks::singletons::MARKET_ACTOR;
use lotus_rpc_api::types::mpool::MessageSendSpec;
use lotus_testkit::{Ensemble, TestNet};
use lotus_types::{Address, TipsetKey, TokenAmount};

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
