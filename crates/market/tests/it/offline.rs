//! Deals whose data come otherwise.

use lotus_market::protocol::StorageDealStatus as State;
use lotus_rpc_api::{miner::MinerMarketApi as _, types::deals::StartDealParams};
use lotus_types::Cid;

use crate::support::sides::{Sides, client_sees, provider_sees};

/// A manual deal for the piece of an imported file.
fn manual(sides: &Sides, root: Cid) -> StartDealParams {
    let known = sides.imports().data_cid_size(&root).unwrap();
    let mut wish = sides.wish(root);
    wish.data.transfer_type = "manual".to_owned();
    wish.data.piece_cid = Some(known.piece_cid);
    wish.data.piece_size = known.piece_size.unpadded();
    wish
}

#[tokio::test]
async fn a_manual_deal_waits_for_its_data_and_takes_no_others() {
    let sides = Sides::new().await;
    let (provider, _running, _) = sides.provider().await;
    let (client, _serving, _) = sides.client().await;
    let (root, other) = (sides.import(1), sides.import(2));
    let deal = client.start_deal(manual(&sides, root)).await.unwrap();
    provider_sees(&provider, State::WaitingForData).await;
    let car = sides.imports().car(&root).unwrap().display().to_string();
    provider.market_import_deal_data(deal, car).await.unwrap();
    client_sees(&client, &deal, State::Active).await;
    assert_eq!(sides.sealing.added(), [(7, sides.car(&root))]);

    let refused = provider
        .market_import_deal_data(other, "x".to_owned())
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("no deal with proposal")
    );
    let again = provider.market_import_deal_data(deal, "x".to_owned()).await;
    assert!(again.unwrap_err().to_string().contains("waits for no data"));
}

#[tokio::test]
async fn data_of_another_piece_end_the_deal() {
    let sides = Sides::new().await;
    let (provider, _running, _) = sides.provider().await;
    let (client, _serving, _) = sides.client().await;
    let (root, other) = (sides.import(1), sides.import(2));
    let deal = client.start_deal(manual(&sides, root)).await.unwrap();
    provider_sees(&provider, State::WaitingForData).await;
    let wrong = sides.imports().car(&other).unwrap().display().to_string();
    provider.market_import_deal_data(deal, wrong).await.unwrap();
    client_sees(&client, &deal, State::Error).await;
    let reason = client.deal_info(&deal).unwrap().unwrap().message;
    assert!(reason.contains("CommP mismatch"), "{reason}");
    assert_eq!(sides.sealing.added(), []);
}

#[tokio::test]
async fn a_stateless_deal_is_proposed_and_forgotten() {
    let sides = Sides::new().await;
    let (provider, _running, _) = sides.provider().await;
    let (client, _serving, _) = sides.client().await;
    let root = sides.import(1);
    let refused = client.stateless_deal(manual(&sides, root)).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("not enough to meet storage cost"),
        "{refused}"
    );
    let mut free = manual(&sides, root);
    free.epoch_price = lotus_types::TokenAmount::zero();
    provider
        .market_set_ask(
            lotus_types::TokenAmount::zero(),
            lotus_types::TokenAmount::zero(),
            1000,
            lotus_types::sector::PaddedPieceSize(256),
            lotus_types::sector::PaddedPieceSize(2048),
        )
        .await
        .unwrap();
    let deal = client.stateless_deal(free).await.unwrap();
    provider_sees(&provider, State::WaitingForData).await;
    assert!(client.deal_info(&deal).unwrap().is_none());
}
