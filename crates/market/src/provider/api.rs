//! The provider's part of the miner's API.

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_rpc_api::{
    RpcError, Subscription,
    miner::{DealsApi, MinerMarketApi, PiecesApi},
    types::{
        deals::{DataTransferChannel, StorageAsk},
        market::{
            CidInfo, MinerDeal, PendingDealInfo, PieceBlockLocation, PieceDeals, RetrievalAsk,
            SignedStorageAsk,
        },
        state::MarketDeal,
    },
};
use lotus_types::{ChainEpoch, Cid, TokenAmount, sector::PaddedPieceSize};
use serde_json::Value;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{MarketProvider, ProviderDeal, book, policy::Switches};
use crate::protocol::StorageDealStatus as State;

fn answer(error: impl std::error::Error + 'static) -> RpcError {
    RpcError::from_error(&error)
}

impl MarketProvider {
    fn switch(&self, change: impl FnOnce(&mut Switches)) -> Result<(), RpcError> {
        self.change(change).map_err(answer)
    }

    fn switches(&self) -> Switches {
        self.policy().switches
    }

    /// Deals as they change from now on, mapped; a listener that is too slow misses some.
    fn updates<T: Send + 'static>(
        &self,
        map: impl Fn(&ProviderDeal) -> Option<T> + Send + 'static,
    ) -> Subscription<T> {
        let changes = stream::unfold(self.0.store.subscribe(), next);
        Box::pin(changes.filter_map(move |deal| std::future::ready(map(&deal))))
    }
}

async fn next(
    mut updates: Receiver<ProviderDeal>,
) -> Option<(ProviderDeal, Receiver<ProviderDeal>)> {
    loop {
        match updates.recv().await {
            Ok(deal) => return Some((deal, updates)),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

#[async_trait]
impl MinerMarketApi for MarketProvider {
    async fn market_list_deals(&self) -> Result<Vec<MarketDeal>, RpcError> {
        let deals = self.0.chain.deals_of(&self.0.config.miner).await;
        let deals = deals.map_err(answer)?;
        Ok(deals.into_iter().map(|(_, deal)| deal).collect())
    }

    async fn market_list_incomplete_deals(&self) -> Result<Vec<MinerDeal>, RpcError> {
        let deals = self.0.store.all().map_err(answer)?;
        Ok(deals.iter().map(|deal| self.miner_deal(deal)).collect())
    }

    async fn market_get_deal_updates(&self) -> Result<Subscription<MinerDeal>, RpcError> {
        let provider = self.clone();
        Ok(self.updates(move |deal| Some(provider.miner_deal(deal))))
    }

    /// Retrieval is plain HTTP: there is no deal to list.
    async fn market_list_retrieval_deals(&self) -> Result<Vec<Value>, RpcError> {
        Ok(Vec::new())
    }

    async fn market_pending_deals(&self) -> Result<PendingDealInfo, RpcError> {
        self.pending().map_err(answer)
    }

    async fn market_publish_pending_deals(&self) -> Result<(), RpcError> {
        self.publish_pending();
        Ok(())
    }

    async fn market_retry_publish_deal(&self, proposal: Cid) -> Result<(), RpcError> {
        let deal = self.0.store.get(&proposal).map_err(answer)?;
        let mut deal =
            deal.ok_or_else(|| RpcError::new(format_args!("no deal with proposal {proposal}")))?;
        // Only a deal whose data are still here can be published again.
        let again = deal.state == State::Error && deal.verified && !deal.published;
        if !again || !deal.staged.exists() {
            return Err(RpcError::new(format_args!(
                "deal {proposal} is in state {}: only one that failed to be published, and whose \
                 data are still here, can be published again",
                deal.state
            )));
        }
        // It may be on chain all the same: it is looked for before it is sent.
        deal.publishing = true;
        deal.publish_cid = None;
        deal.message.clear();
        deal.state = State::ReserveProviderFunds;
        let note = "publishing is tried again";
        self.0.store.update(&deal, note).map_err(answer)?;
        self.resume(proposal);
        Ok(())
    }

    async fn market_import_deal_data(&self, proposal: Cid, path: String) -> Result<(), RpcError> {
        self.import_data(proposal, path).await.map_err(answer)
    }

    async fn market_get_ask(&self) -> Result<SignedStorageAsk, RpcError> {
        self.ask().map_err(answer)
    }

    async fn market_set_ask(
        &self,
        price: TokenAmount,
        verified_price: TokenAmount,
        duration: ChainEpoch,
        min_piece_size: PaddedPieceSize,
        max_piece_size: PaddedPieceSize,
    ) -> Result<(), RpcError> {
        let sector_size = self.terms().await.map_err(answer)?.sector_size;
        let refuse = |text: String| Err(RpcError::new(text));
        if !min_piece_size.is_valid() || !max_piece_size.is_valid() {
            return refuse("piece sizes are powers of two of at least 128 bytes".to_owned());
        }
        if min_piece_size > max_piece_size || max_piece_size.0 > sector_size {
            return refuse(format!(
                "piece sizes from {min_piece_size} to {max_piece_size} are not possible: the \
                 largest is the sector size {sector_size}"
            ));
        }
        if price.is_negative() || verified_price.is_negative() || duration <= 0 {
            return refuse("prices must not be negative, the duration must be positive".to_owned());
        }
        let now = self.0.chain.height().await.map_err(answer)?;
        let last = self.ask().map_err(answer)?.ask;
        self.set_ask(StorageAsk {
            price,
            verified_price,
            min_piece_size,
            max_piece_size,
            miner: self.0.config.miner,
            timestamp: now,
            expiry: now.saturating_add(duration),
            seq_no: last.map_or(0, |ask| ask.seq_no.saturating_add(1)),
        })
        .await
        .map_err(answer)
    }

    async fn market_get_retrieval_ask(&self) -> Result<RetrievalAsk, RpcError> {
        self.retrieval_ask().map_err(answer)
    }

    async fn market_set_retrieval_ask(&self, ask: RetrievalAsk) -> Result<(), RpcError> {
        self.set_retrieval_ask(&ask).map_err(answer)
    }

    async fn market_list_data_transfers(&self) -> Result<Vec<DataTransferChannel>, RpcError> {
        let deals = self.0.store.all().map_err(answer)?;
        Ok(deals.iter().filter_map(book::transfer).collect())
    }

    async fn market_data_transfer_updates(
        &self,
    ) -> Result<Subscription<DataTransferChannel>, RpcError> {
        Ok(self.updates(book::transfer))
    }
}

#[async_trait]
impl DealsApi for MarketProvider {
    async fn deals_import_data(&self, proposal: Cid, file: String) -> Result<(), RpcError> {
        self.import_data(proposal, file).await.map_err(answer)
    }

    async fn deals_list(&self) -> Result<Vec<MarketDeal>, RpcError> {
        self.market_list_deals().await
    }

    async fn deals_consider_online_storage_deals(&self) -> Result<bool, RpcError> {
        Ok(self.switches().online)
    }

    async fn deals_set_consider_online_storage_deals(&self, take: bool) -> Result<(), RpcError> {
        self.switch(|s| s.online = take)
    }

    async fn deals_consider_offline_storage_deals(&self) -> Result<bool, RpcError> {
        Ok(self.switches().offline)
    }

    async fn deals_set_consider_offline_storage_deals(&self, take: bool) -> Result<(), RpcError> {
        self.switch(|s| s.offline = take)
    }

    async fn deals_consider_online_retrieval_deals(&self) -> Result<bool, RpcError> {
        Ok(self.switches().online_retrieval)
    }

    async fn deals_set_consider_online_retrieval_deals(&self, take: bool) -> Result<(), RpcError> {
        self.switch(|s| s.online_retrieval = take)
    }

    async fn deals_consider_offline_retrieval_deals(&self) -> Result<bool, RpcError> {
        Ok(self.switches().offline_retrieval)
    }

    async fn deals_set_consider_offline_retrieval_deals(&self, take: bool) -> Result<(), RpcError> {
        self.switch(|s| s.offline_retrieval = take)
    }

    async fn deals_consider_verified_storage_deals(&self) -> Result<bool, RpcError> {
        Ok(self.switches().verified)
    }

    async fn deals_set_consider_verified_storage_deals(&self, take: bool) -> Result<(), RpcError> {
        self.switch(|s| s.verified = take)
    }

    async fn deals_consider_unverified_storage_deals(&self) -> Result<bool, RpcError> {
        Ok(self.switches().unverified)
    }

    async fn deals_set_consider_unverified_storage_deals(
        &self,
        take: bool,
    ) -> Result<(), RpcError> {
        self.switch(|s| s.unverified = take)
    }

    async fn deals_piece_cid_blocklist(&self) -> Result<Vec<Cid>, RpcError> {
        Ok(self.switches().blocklist.into_iter().collect())
    }

    async fn deals_set_piece_cid_blocklist(&self, pieces: Vec<Cid>) -> Result<(), RpcError> {
        self.switch(|s| s.blocklist = pieces.into_iter().collect())
    }
}

#[async_trait]
impl PiecesApi for MarketProvider {
    async fn pieces_list_pieces(&self) -> Result<Vec<Cid>, RpcError> {
        self.pieces().map_err(answer)
    }

    async fn pieces_list_cid_infos(&self) -> Result<Vec<Cid>, RpcError> {
        self.roots().map_err(answer)
    }

    async fn pieces_get_piece_info(&self, piece: Cid) -> Result<PieceDeals, RpcError> {
        let deals = self.piece_deals(&piece).map_err(answer)?;
        if deals.is_empty() {
            return Err(RpcError::new(format_args!(
                "piece {piece} is not stored here"
            )));
        }
        Ok(PieceDeals {
            piece_cid: piece,
            deals,
        })
    }

    async fn pieces_get_cid_info(&self, payload: Cid) -> Result<CidInfo, RpcError> {
        let places = self.0.index.find(&payload).map_err(answer)?;
        if places.is_empty() {
            return Err(RpcError::new(format_args!(
                "no stored piece has block {payload}"
            )));
        }
        let locations = places.into_iter().map(|place| PieceBlockLocation {
            offset: place.offset,
            size: place.len,
            piece_cid: place.piece,
        });
        Ok(CidInfo {
            cid: payload,
            locations: locations.collect(),
        })
    }
}
