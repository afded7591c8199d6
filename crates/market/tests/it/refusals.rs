//! Proposals that are not taken, each by name, and wishes that are refused before they are proposed.

use lotus_market::protocol::{DEAL_PROTOCOL, DealParams, DealResponse, HttpRequest, Transfer};
use lotus_net::ReadLimits;
use lotus_ports::network::PeerId;
use lotus_rpc_api::miner::{DealsApi as _, MinerMarketApi as _};
use lotus_types::{
    Address, ClientDealProposal, DealLabel, DealProposal, TokenAmount, sector::PaddedPieceSize,
    wire,
};
use uuid::Uuid;

use crate::support::{SOON, ledger::COLLATERAL, sides::Sides};

/// Escrow that pays any deal here.
fn fill_escrow(sides: &Sides) {
    let client = sides.ledger.client;
    let mut ledger = sides.ledger.state.lock();
    ledger.escrow.entry(client).or_default().escrow = TokenAmount::from_fil(1);
}

/// A proposal that would be taken.
fn good(sides: &Sides) -> DealParams {
    let root = sides.import(1);
    let known = sides.imports().data_cid_size(&root).unwrap();
    let proposal = DealProposal {
        piece_cid: known.piece_cid,
        piece_size: known.piece_size.0,
        verified_deal: false,
        client: sides.ledger.client,
        provider: crate::support::ledger::MINER,
        label: DealLabel::Text("a deal".to_owned()),
        start_epoch: 10_000,
        end_epoch: 10_000 + 518_400,
        storage_price_per_epoch: TokenAmount::from_atto(2000),
        provider_collateral: TokenAmount::from_atto(COLLATERAL),
        client_collateral: TokenAmount::zero(),
    };
    let request = HttpRequest {
        // Nobody is there: the deal waits for its data.
        url: "http://127.0.0.1:1/deal".to_owned(),
        ..HttpRequest::default()
    };
    DealParams {
        deal_uuid: Uuid::new_v4(),
        transfer: Transfer {
            size: 1901,
            kind: "http".to_owned(),
            params: serde_json::to_vec(&request).unwrap().into(),
            client_id: String::new(),
        },
        is_offline: false,
        deal_data_root: root,
        skip_ipni_announce: None,
        client_deal_proposal: sign(sides, proposal),
        remove_unsealed_copy: None,
    }
}

fn sign(sides: &Sides, proposal: DealProposal) -> ClientDealProposal {
    let client_signature = sides
        .ledger
        .sign(&sides.ledger.client, &wire::to_cbor(&proposal));
    ClientDealProposal {
        proposal,
        client_signature,
    }
}

/// The same with another proposal, signed.
fn with(sides: &Sides, change: impl FnOnce(&mut DealProposal)) -> DealParams {
    let mut params = good(sides);
    let mut proposal = params.client_deal_proposal.proposal;
    change(&mut proposal);
    params.client_deal_proposal = sign(sides, proposal);
    params
}

async fn propose(sides: &Sides, params: &DealParams) -> DealResponse {
    let peer = PeerId::from_text(sides.provider_net.id().as_str());
    let address = sides.provider_net.dial_addresses(SOON).await.unwrap();
    sides.client_net.connect(&address[0]).await.unwrap();
    let mut stream = sides.client_net.open(&peer, DEAL_PROTOCOL).await.unwrap();
    stream.write_value(params, SOON).await.unwrap();
    stream.read(ReadLimits::new(4096, SOON)).await.unwrap()
}

async fn refused(sides: &Sides, params: &DealParams, words: &str) {
    let answer = propose(sides, params).await;
    assert!(!answer.accepted, "accepted, not refused with {words:?}");
    assert!(
        answer.message.contains(words),
        "{:?} has no {words:?}",
        answer.message
    );
}

mod a_proposal {
    use super::*;

    #[tokio::test]
    async fn is_taken_once_and_answered_the_same_again() {
        let sides = Sides::new().await;
        let (provider, _running, _) = sides.provider().await;
        fill_escrow(&sides);
        let params = good(&sides);
        for _ in 0..2 {
            let answer = propose(&sides, &params).await;
            assert!(answer.accepted, "{}", answer.message);
        }
        let known = provider.market_list_incomplete_deals().await.unwrap();
        assert_eq!(known.len(), 1);

        let mut same_uuid = with(&sides, |p| p.start_epoch += 1);
        same_uuid.deal_uuid = params.deal_uuid;
        refused(&sides, &same_uuid, "exists already").await;
        let mut same_proposal = params.clone();
        same_proposal.deal_uuid = Uuid::new_v4();
        refused(&sides, &same_proposal, "exists already").await;
    }

    #[tokio::test]
    async fn is_refused_by_name_when_its_terms_are_wrong() {
        let sides = Sides::new().await;
        let (_provider, _running, _) = sides.provider().await;
        fill_escrow(&sides);
        type Change = fn(&mut DealProposal);
        let cases: [(Change, &str); 15] = [
            (|p| p.provider = Address::new_id(1001), "incorrect provider"),
            (
                |p| p.piece_cid = lotus_types::Cid::of_block(b""),
                "not a piece commitment",
            ),
            (|p| p.piece_size = 2000, "piece size 2000"),
            (|p| p.piece_size = 8192, "sector size 4096"),
            (|p| p.piece_size = 1024, "do not fit a piece of 1016 bytes"),
            (
                |p| p.label = DealLabel::Text("a".repeat(257)),
                "at most 256 bytes, is 257",
            ),
            (|p| p.end_epoch = 9_999, "before proposal start"),
            (|p| p.start_epoch = 101, "too soon"),
            (|p| p.start_epoch = 50_000, "too far in the future"),
            (|p| p.end_epoch = 20_000, "deal duration out of bounds"),
            (
                |p| (p.start_epoch, p.end_epoch) = (30_000, 1_560_000),
                "invalid deal end epoch",
            ),
            (
                |p| p.storage_price_per_epoch = TokenAmount::from_atto(1),
                "less than asking price",
            ),
            (
                |p| p.storage_price_per_epoch = TokenAmount::from_atto(-1),
                "negative",
            ),
            (
                |p| p.provider_collateral = TokenAmount::from_atto(999),
                "collateral 999",
            ),
            (
                |p| p.provider_collateral = TokenAmount::from_atto(2001),
                "1000 to 2000",
            ),
        ];
        for (change, words) in cases {
            refused(&sides, &with(&sides, change), words).await;
        }
        let unsigned = DealParams {
            client_deal_proposal: ClientDealProposal {
                client_signature: sides.ledger.sign(&sides.ledger.worker, b"x"),
                ..good(&sides).client_deal_proposal
            },
            ..good(&sides)
        };
        refused(&sides, &unsigned, "invalid signature").await;
        let verified = with(&sides, |p| p.verified_deal = true);
        refused(&sides, &verified, "DataCap 0 too small").await;
    }

    #[tokio::test]
    async fn is_refused_when_its_client_cannot_pay() {
        let sides = Sides::new().await;
        let (_provider, _running, _) = sides.provider().await;
        refused(&sides, &good(&sides), "not enough to meet storage cost").await;
    }

    #[tokio::test]
    async fn is_refused_when_its_data_cannot_be_fetched() {
        let mut sides = Sides::new().await;
        sides.config.fetch.allow_private_hosts = false;
        let (_provider, _running, _) = sides.provider().await;
        fill_escrow(&sides);
        let transfer = |change: fn(&mut Transfer)| {
            let mut params = good(&sides);
            change(&mut params.transfer);
            params
        };
        refused(&sides, &good(&sides), "127.0.0.1 is a private address").await;
        refused(
            &sides,
            &transfer(|t| t.kind = "libp2p".to_owned()),
            "only \"http\"",
        )
        .await;
        refused(&sides, &transfer(|t| t.size = 0), "size is 0").await;
        refused(
            &sides,
            &transfer(|t| {
                t.params = br#"{"URL":"http://example.com/"}"#.to_vec().into();
                t.size = 4000;
            }),
            "4000 bytes of data",
        )
        .await;
        refused(
            &sides,
            &transfer(|t| t.params = b"{".to_vec().into()),
            "malformed",
        )
        .await;
        let params = transfer(|t| {
            let file = br#"{"URL":"file:///etc/passwd"}"#;
            t.params = file.to_vec().into();
        });
        refused(&sides, &params, "\"file\" are not supported").await;
    }

    #[tokio::test]
    async fn is_refused_when_the_operator_does_not_want_it() {
        let sides = Sides::new().await;
        let (provider, running, _) = sides.provider().await;
        fill_escrow(&sides);
        let mut offline = good(&sides);
        (offline.is_offline, offline.transfer) = (true, Transfer::default());
        provider
            .deals_set_consider_offline_storage_deals(false)
            .await
            .unwrap();
        refused(&sides, &offline, "no offline storage deals").await;
        provider
            .deals_set_consider_unverified_storage_deals(false)
            .await
            .unwrap();
        refused(&sides, &good(&sides), "no unverified storage deals").await;
        provider
            .deals_set_consider_unverified_storage_deals(true)
            .await
            .unwrap();
        let piece = good(&sides).client_deal_proposal.proposal.piece_cid;
        provider
            .deals_set_piece_cid_blocklist(vec![piece])
            .await
            .unwrap();
        running.kill().await;
        drop(provider);

        // What commands have set stays.
        let (provider, _running, _) = sides.provider().await;
        refused(&sides, &good(&sides), "blocklist").await;
        provider
            .deals_set_piece_cid_blocklist(Vec::new())
            .await
            .unwrap();
        assert!(propose(&sides, &good(&sides)).await.accepted);
    }

    #[tokio::test]
    async fn is_refused_by_the_filter_in_its_words() {
        let mut sides = Sides::new().await;
        sides.config.policy.filter =
            "grep -q '\"IsOffline\":true' || { echo no room; exit 1; }".to_owned();
        let (_provider, _running, _) = sides.provider().await;
        fill_escrow(&sides);
        refused(&sides, &good(&sides), "filter: no room").await;
        let mut offline = good(&sides);
        (offline.is_offline, offline.transfer) = (true, Transfer::default());
        assert!(propose(&sides, &offline).await.accepted);
    }

    #[tokio::test]
    async fn is_refused_when_the_staging_area_is_full() {
        let mut sides = Sides::new().await;
        sides.config.policy.max_staging_bytes = 2000;
        let (_provider, _running, _) = sides.provider().await;
        fill_escrow(&sides);
        assert!(propose(&sides, &good(&sides)).await.accepted);
        let second = with(&sides, |p| p.start_epoch += 1);
        refused(&sides, &second, "99 bytes are free, the deal has 1901").await;
    }
}

mod a_wish {
    use super::*;
    use lotus_rpc_api::types::deals::StartDealParams;

    #[tokio::test]
    async fn is_refused_before_anything_is_signed() {
        let sides = Sides::new().await;
        let (provider, _running, _) = sides.provider().await;
        let (client, _serving, _) = sides.client().await;
        let root = sides.import(1);
        type Change = fn(&mut StartDealParams);
        let cases: [(Change, &str); 9] = [
            (|w| w.miner = Address::new_id(1), "not a storage provider"),
            (|w| w.wallet = Address::new_id(77), "no key"),
            (
                |w| w.data.transfer_type = "pigeon".to_owned(),
                "\"pigeon\" is not supported",
            ),
            (
                |w| w.data.transfer_type = "manual".to_owned(),
                "--manual-piece-cid",
            ),
            (
                |w| w.data.root = lotus_types::Cid::of_block(b"x"),
                "bafy2bz",
            ),
            (|w| w.min_blocks_duration = 100, "choose 518400 to 1555200"),
            (
                |w| w.deal_start_epoch = 50,
                "has passed, the chain is at 100",
            ),
            (
                |w| w.epoch_price = TokenAmount::from_atto(1),
                "less than asking price: 1 < 953",
            ),
            (|w| w.epoch_price = TokenAmount::from_fil(1), "lacks"),
        ];
        for (change, words) in cases {
            let mut wish = sides.wish(root);
            change(&mut wish);
            let text = client.start_deal(wish).await.unwrap_err().to_string();
            assert!(text.contains(words), "{text:?} has no {words:?}");
        }
        assert!(client.list_deals().unwrap().is_empty());
        let (min, max) = (PaddedPieceSize(256), PaddedPieceSize(1024));
        let price = TokenAmount::zero();
        provider
            .market_set_ask(price.clone(), price, 10, min, max)
            .await
            .unwrap();
        let text = client
            .start_deal(sides.wish(root))
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("maximum allowed size: 2048 > 1024"), "{text}");
    }

    #[tokio::test]
    async fn gets_the_ask_that_was_set_last() {
        let sides = Sides::new().await;
        let (provider, _running, _) = sides.provider().await;
        let (client, _serving, _) = sides.client().await;
        let peer = sides.provider_net.id().to_string();
        let miner = crate::support::ledger::MINER;
        let ask = client.query_ask(&peer, miner).await.unwrap();
        assert_eq!((ask.seq_no, ask.expiry), (0, 1_000_100));
        assert_eq!(ask.price, TokenAmount::from_atto(500_000_000));
        let (price, verified) = (TokenAmount::from_atto(7), TokenAmount::from_atto(6));
        let (min, max) = (PaddedPieceSize(512), PaddedPieceSize(2048));
        provider
            .market_set_ask(price.clone(), verified, 10, min, max)
            .await
            .unwrap();
        let ask = client.query_ask(&peer, miner).await.unwrap();
        assert_eq!((ask.seq_no, ask.price, ask.min_piece_size), (1, price, min));
        let other = client.query_ask(&peer, Address::new_id(5)).await;
        assert!(
            other
                .unwrap_err()
                .to_string()
                .contains("not a storage provider")
        );
    }
}
