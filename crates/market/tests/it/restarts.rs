//! Killed at the worst moment and started again: nothing is done twice, nothing is lost.

use lotus_actors::market::method::{ADD_BALANCE, PUBLISH_STORAGE_DEALS};
use lotus_market::protocol::StorageDealStatus as State;

use crate::support::{
    Trap, eventually,
    sides::{Sides, client_sees, provider_sees},
};

async fn sprung(trap: &Trap) {
    eventually("the trap", async || trap.sprung()).await;
}

mod a_provider {
    use super::*;

    async fn killed_in(call: &'static str) {
        let sides = Sides::new().await;
        let (_, running, chain) = sides.provider().await;
        let traps = [&chain, &sides.sealing.trap];
        traps.iter().for_each(|trap| trap.set(call));
        let (client, _serving, _) = sides.client().await;
        let root = sides.import(1);
        let deal = client.start_deal(sides.wish(root)).await.unwrap();
        eventually(call, async || traps.iter().any(|trap| trap.sprung())).await;
        running.kill().await;
        traps.iter().for_each(|trap| trap.clear());

        let (provider, _running, _) = sides.provider().await;
        provider_sees(&provider, State::Active).await;
        client_sees(&client, &deal, State::Active).await;
        let worker = &sides.ledger.worker;
        assert_eq!(
            sides.ledger.count(PUBLISH_STORAGE_DEALS, worker),
            1,
            "{call}"
        );
        assert_eq!(sides.ledger.count(ADD_BALANCE, worker), 1, "{call}");
        assert_eq!(sides.sealing.added(), [(7, sides.car(&root))], "{call}");
    }

    #[tokio::test]
    async fn killed_while_it_decides_is_asked_again() {
        killed_in("escrow").await;
    }

    #[tokio::test]
    async fn killed_after_it_sent_a_deposit_sends_no_other() {
        killed_in("push").await;
    }

    #[tokio::test]
    async fn killed_while_a_deposit_lands_goes_on() {
        killed_in("wait").await;
    }

    #[tokio::test]
    async fn killed_before_it_publishes_publishes() {
        killed_in("would_fail").await;
    }

    #[tokio::test]
    async fn killed_after_it_published_publishes_once() {
        killed_in("push publish").await;
    }

    #[tokio::test]
    async fn killed_when_the_deal_is_on_chain_goes_on() {
        killed_in("wait publish").await;
    }

    #[tokio::test]
    async fn killed_before_the_piece_is_in_a_sector_adds_it() {
        killed_in("find").await;
    }

    #[tokio::test]
    async fn killed_after_the_piece_was_added_adds_it_once() {
        killed_in("add_piece").await;
    }

    #[tokio::test]
    async fn killed_while_the_sector_is_sealed_goes_on() {
        killed_in("state").await;
        killed_in("deal").await;
    }

    #[tokio::test]
    async fn finds_its_deal_on_chain_when_the_message_has_landed_meanwhile() {
        let sides = Sides::new().await;
        let (_, running, trap) = sides.provider().await;
        trap.set("push publish");
        let (client, _serving, _) = sides.client().await;
        let deal = client
            .start_deal(sides.wish(sides.import(1)))
            .await
            .unwrap();
        sprung(&trap).await;
        running.kill().await;
        // Anybody who waits makes blocks.
        let (chain, _) = sides.ledger.port();
        let nothing = lotus_types::Cid::of_block(b"");
        drop(chain.wait(&nothing, 0).await);

        let (provider, _running, _) = sides.provider().await;
        provider_sees(&provider, State::Active).await;
        client_sees(&client, &deal, State::Active).await;
        let worker = &sides.ledger.worker;
        assert_eq!(sides.ledger.count(PUBLISH_STORAGE_DEALS, worker), 1);
    }
}

mod a_client {
    use super::*;

    async fn killed_in(call: &'static str) {
        let sides = Sides::new().await;
        let (provider, _running, _) = sides.provider().await;
        let (client, serving, trap) = sides.client().await;
        let root = sides.import(1);
        // Starting a deal signs, so that trap is set later.
        let early = matches!(call, "push" | "wait");
        if early {
            trap.set(call);
        }
        let deal = client.start_deal(sides.wish(root)).await.unwrap();
        if !early {
            trap.set(call);
        }
        sprung(&trap).await;
        serving.kill().await;
        drop(client);

        let (client, _serving, _) = sides.client().await;
        client_sees(&client, &deal, State::Active).await;
        provider_sees(&provider, State::Active).await;
        let payer = &sides.ledger.client;
        assert_eq!(sides.ledger.count(ADD_BALANCE, payer), 1, "{call}");
        assert_eq!(sides.sealing.added(), [(7, sides.car(&root))], "{call}");
    }

    #[tokio::test]
    async fn killed_after_it_sent_a_deposit_sends_no_other() {
        killed_in("push").await;
    }

    #[tokio::test]
    async fn killed_while_its_deposit_lands_goes_on() {
        killed_in("wait").await;
    }

    #[tokio::test]
    async fn killed_while_it_asks_how_far_the_deal_is_goes_on() {
        killed_in("sign").await;
    }

    #[tokio::test]
    async fn killed_while_the_deal_is_sealed_goes_on() {
        killed_in("deal").await;
    }
}
