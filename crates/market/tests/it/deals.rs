//! Deals from a file to an active sector.

use lotus_actors::market::method::{ADD_BALANCE, PUBLISH_STORAGE_DEALS};
use lotus_market::protocol::StorageDealStatus as State;
use lotus_rpc_api::miner::{MinerMarketApi as _, PiecesApi as _};

use crate::support::{
    eventually,
    sides::{Sides, client_sees, info, only_deal, provider_sees},
};

mod an_online_deal {
    use super::*;

    #[tokio::test]
    async fn becomes_active_on_both_sides_with_the_clients_bytes() {
        let sides = Sides::new().await;
        let (provider, _running, _) = sides.provider().await;
        let (client, _serving, _) = sides.client().await;
        let root = sides.import(1);

        let deal = client.start_deal(sides.wish(root)).await.unwrap();
        client_sees(&client, &deal, State::Active).await;
        provider_sees(&provider, State::Active).await;

        let (told, kept) = (info(&client, &deal), only_deal(&provider).await.unwrap());
        assert_eq!(told.proposal_cid, kept.proposal_cid);
        assert_eq!((told.deal_id, kept.deal_id), (7, 7));
        assert_eq!(told.message, "");
        assert_eq!(kept.client, sides.client_net.id().to_string());
        assert_eq!(sides.sealing.added(), [(7, sides.car(&root))]);
        assert_eq!(
            sides
                .ledger
                .count(PUBLISH_STORAGE_DEALS, &sides.ledger.worker),
            1
        );
        assert_eq!(sides.ledger.count(ADD_BALANCE, &sides.ledger.client), 1);
        assert!(
            !std::path::Path::new(&kept.inbound_car).exists(),
            "staged data stay"
        );
    }

    #[tokio::test]
    async fn ends_when_the_data_are_not_those_of_its_piece() {
        let sides = Sides::new().await;
        let (provider, _running, _) = sides.provider().await;
        let (client, _serving, _) = sides.client().await;
        let root = sides.import(1);
        // The piece is known from here on; then a byte of the file changes.
        sides.imports().data_cid_size(&root).unwrap();
        let mut data = sides.car(&root);
        *data.last_mut().unwrap() ^= 1;
        std::fs::write(sides.imports().car(&root).unwrap(), data).unwrap();

        let deal = client.start_deal(sides.wish(root)).await.unwrap();
        client_sees(&client, &deal, State::Error).await;
        provider_sees(&provider, State::Error).await;
        let reason = info(&client, &deal).message;
        assert!(reason.contains("CommP mismatch"), "{reason}");
        assert_eq!(
            sides
                .ledger
                .count(PUBLISH_STORAGE_DEALS, &sides.ledger.worker),
            0
        );
        let staged = only_deal(&provider).await.unwrap().inbound_car;
        assert!(!std::path::Path::new(&staged).exists(), "bad data stay");
    }

    #[tokio::test]
    async fn ends_at_its_start_epoch_when_the_provider_has_vanished() {
        let sides = Sides::new().await;
        let (provider, running, _) = sides.provider().await;
        let (client, _serving, _) = sides.client().await;
        let mut wish = sides.wish(sides.import(1));
        wish.deal_start_epoch = 10_000;
        let deal = client.start_deal(wish).await.unwrap();
        running.kill().await;
        drop(provider);
        sides.ledger.state.lock().height = 10_001;
        client_sees(&client, &deal, State::Error).await;
        let reason = info(&client, &deal).message;
        assert!(reason.contains("before its start epoch"), "{reason}");
    }

    #[tokio::test]
    async fn is_told_stage_by_stage() {
        let sides = Sides::new().await;
        let (_provider, _running, _) = sides.provider().await;
        let (client, _serving, _) = sides.client().await;
        let deal = client
            .start_deal(sides.wish(sides.import(1)))
            .await
            .unwrap();
        client_sees(&client, &deal, State::Active).await;
        let stages = info(&client, &deal).deal_stages;
        let names: Vec<_> = stages["Stages"].as_array().unwrap().iter().collect();
        assert_eq!(
            names.first().unwrap()["Name"],
            "StorageDealReserveClientFunds"
        );
        assert_eq!(names.last().unwrap()["Name"], "StorageDealActive");
    }

    #[tokio::test]
    async fn can_be_found_by_its_piece_and_its_blocks() {
        let sides = Sides::new().await;
        let (provider, _running, _) = sides.provider().await;
        let (client, _serving, _) = sides.client().await;
        let root = sides.import(1);
        let deal = client.start_deal(sides.wish(root)).await.unwrap();
        provider_sees(&provider, State::Active).await;

        let piece = info(&client, &deal).piece_cid;
        assert_eq!(provider.pieces_list_pieces().await.unwrap(), [piece]);
        assert_eq!(provider.pieces_list_cid_infos().await.unwrap(), [root]);
        let deals = provider.pieces_get_piece_info(piece).await.unwrap().deals;
        let [place] = deals.as_slice() else {
            panic!("one deal has the piece");
        };
        assert_eq!(
            (place.deal_id, place.sector_id, place.length.0),
            (7, 0, 2048)
        );
        let blocks = provider.pieces_get_cid_info(root).await.unwrap().locations;
        assert_eq!(
            blocks.first().map(|b| (b.piece_cid, b.size)),
            Some((piece, 1800))
        );
    }
}

mod several_deals {
    use super::*;

    #[tokio::test]
    async fn are_published_with_one_message_and_the_bad_one_is_left_out() {
        let mut sides = Sides::new().await;
        sides.config.policy.publish_period = std::time::Duration::from_secs(600);
        let (provider, _running, _) = sides.provider().await;
        let (client, _serving, _) = sides.client().await;
        let mut deals = Vec::new();
        for seed in 1..=3 {
            let root = sides.import(seed);
            deals.push(client.start_deal(sides.wish(root)).await.unwrap());
        }
        eventually("three deals wait", async || {
            provider.market_pending_deals().await.unwrap().deals.len() == 3
        })
        .await;
        let bad = info(&client, &deals[1]).piece_cid;
        sides.ledger.state.lock().refused.insert(bad);

        provider.market_publish_pending_deals().await.unwrap();
        client_sees(&client, &deals[0], State::Active).await;
        client_sees(&client, &deals[2], State::Active).await;
        client_sees(&client, &deals[1], State::Error).await;
        let reason = info(&client, &deals[1]).message;
        assert!(reason.contains("the piece is refused"), "{reason}");
        assert_eq!(
            sides
                .ledger
                .count(PUBLISH_STORAGE_DEALS, &sides.ledger.worker),
            1
        );
        let published = info(&client, &deals[2]).deal_id;
        let expected = sides.ledger.state.lock().deals[&published]
            .proposal
            .piece_cid;
        assert_eq!(info(&client, &deals[2]).piece_cid, expected);
    }
}

mod an_ended_deal {
    use super::*;

    #[tokio::test]
    async fn is_expired_after_its_end_and_slashed_before() {
        for (height, state) in [(i64::MAX, State::Expired), (200, State::Slashed)] {
            let sides = Sides::new().await;
            let (provider, _running, _) = sides.provider().await;
            let (client, _serving, _) = sides.client().await;
            let deal = client
                .start_deal(sides.wish(sides.import(1)))
                .await
                .unwrap();
            client_sees(&client, &deal, State::Active).await;
            provider_sees(&provider, State::Active).await;
            {
                let mut ledger = sides.ledger.state.lock();
                ledger.deals.clear();
                ledger.height = height;
            }
            client_sees(&client, &deal, state).await;
            provider_sees(&provider, state).await;
        }
    }
}
