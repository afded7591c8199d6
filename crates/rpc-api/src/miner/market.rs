//! The provider's side of deals.

use lotus_types::{ChainEpoch, Cid, TokenAmount, sector::PaddedPieceSize};
use serde_json::Value;

use crate::{
    rpc_api,
    types::{
        deals::DataTransferChannel,
        market::{CidInfo, MinerDeal, PendingDealInfo, PieceDeals, RetrievalAsk, SignedStorageAsk},
        net::PeerId,
        state::MarketDeal,
    },
};

rpc_api! {
    /// Deals.
    pub trait MinerMarketApi {
        /// The miner's deals on chain.
        #[method("MarketListDeals", Read)]
        fn market_list_deals() -> Vec<MarketDeal>;
        /// Deals that are worked on.
        #[method("MarketListIncompleteDeals", Read)]
        fn market_list_incomplete_deals() -> Vec<MinerDeal>;
        /// Deals as they change.
        #[method("MarketGetDealUpdates", Read, Channel)]
        fn market_get_deal_updates() => MinerDeal;
        /// Retrievals.
        #[method("MarketListRetrievalDeals", Read)]
        fn market_list_retrieval_deals() -> Vec<Value>;
        /// Deals that wait to be published.
        #[method("MarketPendingDeals", Write)]
        fn market_pending_deals() -> PendingDealInfo;
        /// Publishes deals that wait.
        #[method("MarketPublishPendingDeals", Admin)]
        fn market_publish_pending_deals();
        /// Publishes a deal again.
        #[method("MarketRetryPublishDeal", Admin)]
        fn market_retry_publish_deal(proposal: Cid);
        /// Data for an offline deal.
        #[method("MarketImportDealData", Write, Waits)]
        fn market_import_deal_data(proposal: Cid, path: String);
        /// The conditions.
        #[method("MarketGetAsk", Read)]
        fn market_get_ask() -> SignedStorageAsk;
        /// Changes the conditions; prices in attoFIL per GiB and epoch.
        #[method("MarketSetAsk", Admin)]
        fn market_set_ask(
            price: TokenAmount, verified_price: TokenAmount, duration: ChainEpoch,
            min_piece_size: PaddedPieceSize, max_piece_size: PaddedPieceSize
        );
        /// The conditions for retrieval.
        #[method("MarketGetRetrievalAsk", Read)]
        fn market_get_retrieval_ask() -> RetrievalAsk;
        /// Changes the conditions for retrieval.
        #[method("MarketSetRetrievalAsk", Admin)]
        fn market_set_retrieval_ask(ask: RetrievalAsk);
        /// Transfers that go on.
        #[method("MarketListDataTransfers", Write)]
        fn market_list_data_transfers() -> Vec<DataTransferChannel>;
        /// Transfers as they change.
        #[method("MarketDataTransferUpdates", Write, Channel)]
        fn market_data_transfer_updates() => DataTransferChannel;
        /// Begins a transfer again.
        #[method("MarketRestartDataTransfer", Write)]
        fn market_restart_data_transfer(id: u64, peer: PeerId, initiator: bool);
        /// Gives a transfer up.
        #[method("MarketCancelDataTransfer", Write)]
        fn market_cancel_data_transfer(id: u64, peer: PeerId, initiator: bool);
    }
}

rpc_api! {
    /// Which deals are taken.
    pub trait DealsApi {
        /// Data for an offline deal.
        #[method("DealsImportData", Admin, Waits)]
        fn deals_import_data(proposal: Cid, file: String);
        /// The miner's deals on chain.
        #[method("DealsList", Admin)]
        fn deals_list() -> Vec<MarketDeal>;
        /// Are deals taken whose data comes over the network?
        #[method("DealsConsiderOnlineStorageDeals", Admin)]
        fn deals_consider_online_storage_deals() -> bool;
        /// Takes them or not.
        #[method("DealsSetConsiderOnlineStorageDeals", Admin)]
        fn deals_set_consider_online_storage_deals(consider: bool);
        /// Are deals taken whose data comes otherwise?
        #[method("DealsConsiderOfflineStorageDeals", Admin)]
        fn deals_consider_offline_storage_deals() -> bool;
        /// Takes them or not.
        #[method("DealsSetConsiderOfflineStorageDeals", Admin)]
        fn deals_set_consider_offline_storage_deals(consider: bool);
        /// Are retrievals over the network served?
        #[method("DealsConsiderOnlineRetrievalDeals", Admin)]
        fn deals_consider_online_retrieval_deals() -> bool;
        /// Serves them or not.
        #[method("DealsSetConsiderOnlineRetrievalDeals", Admin)]
        fn deals_set_consider_online_retrieval_deals(consider: bool);
        /// Are other retrievals served?
        #[method("DealsConsiderOfflineRetrievalDeals", Admin)]
        fn deals_consider_offline_retrieval_deals() -> bool;
        /// Serves them or not.
        #[method("DealsSetConsiderOfflineRetrievalDeals", Admin)]
        fn deals_set_consider_offline_retrieval_deals(consider: bool);
        /// Are deals with DataCap taken?
        #[method("DealsConsiderVerifiedStorageDeals", Admin)]
        fn deals_consider_verified_storage_deals() -> bool;
        /// Takes them or not.
        #[method("DealsSetConsiderVerifiedStorageDeals", Admin)]
        fn deals_set_consider_verified_storage_deals(consider: bool);
        /// Are deals without DataCap taken?
        #[method("DealsConsiderUnverifiedStorageDeals", Admin)]
        fn deals_consider_unverified_storage_deals() -> bool;
        /// Takes them or not.
        #[method("DealsSetConsiderUnverifiedStorageDeals", Admin)]
        fn deals_set_consider_unverified_storage_deals(consider: bool);
        /// Pieces that are never taken.
        #[method("DealsPieceCidBlocklist", Admin)]
        fn deals_piece_cid_blocklist() -> Vec<Cid>;
        /// Changes the pieces that are never taken.
        #[method("DealsSetPieceCidBlocklist", Admin)]
        fn deals_set_piece_cid_blocklist(pieces: Vec<Cid>);
        /// Tells indexers of a deal.
        #[method("IndexerAnnounceDeal", Admin)]
        fn indexer_announce_deal(proposal: Cid);
        /// Tells indexers of all deals.
        #[method("IndexerAnnounceAllDeals", Admin)]
        fn indexer_announce_all_deals();
    }
}

rpc_api! {
    /// Pieces.
    pub trait PiecesApi {
        /// All pieces.
        #[method("PiecesListPieces", Read)]
        fn pieces_list_pieces() -> Vec<Cid>;
        /// Roots of all DAGs.
        #[method("PiecesListCidInfos", Read)]
        fn pieces_list_cid_infos() -> Vec<Cid>;
        /// A piece's deals.
        #[method("PiecesGetPieceInfo", Read)]
        fn pieces_get_piece_info(piece: Cid) -> PieceDeals;
        /// Where a DAG lies.
        #[method("PiecesGetCIDInfo", Read)]
        fn pieces_get_cid_info(payload: Cid) -> CidInfo;
    }
}
