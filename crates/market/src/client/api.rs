//! [`ClientApi`] over the client: deals, imports and offers of providers. Retrieval itself is not part
//! of it.

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_rpc_api::{
    RpcError, Subscription,
    full::ClientApi,
    types::{
        deals::{
            CommPRet, DataCidSize, DataSize, DataTransferChannel, DealInfo, FileRef, Import,
            ImportRes, QueryOffer, StartDealParams, StorageAskAnswer,
        },
        net::PeerId,
    },
};
use lotus_types::{Address, Cid};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{ClientDeal, MarketClient, info};
use crate::{
    imports::{self, ImportError, Imports},
    protocol::{DEAL_PROTOCOL, StorageDealStatus},
    retrieval_query::query_offer,
};

fn answer(error: impl std::error::Error + 'static) -> RpcError {
    RpcError::from_error(&error)
}

impl MarketClient {
    /// Reads and hashes files on a thread that may block.
    async fn with_imports<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Imports) -> Result<T, ImportError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let imports = self.0.imports.clone();
        tokio::task::spawn_blocking(move || work(&imports))
            .await
            .map_err(answer)?
            .map_err(answer)
    }

    /// Deals as they change from now on, mapped; a listener that is too slow misses some.
    fn updates<T: Send + 'static>(
        &self,
        map: impl Fn(&ClientDeal) -> Option<T> + Send + 'static,
    ) -> Subscription<T> {
        let changes = stream::unfold(self.0.store.subscribe(), next);
        Box::pin(changes.filter_map(move |deal| std::future::ready(map(&deal))))
    }
}

async fn next(mut updates: Receiver<ClientDeal>) -> Option<(ClientDeal, Receiver<ClientDeal>)> {
    loop {
        match updates.recv().await {
            Ok(deal) => return Some((deal, updates)),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

#[async_trait]
impl ClientApi for MarketClient {
    async fn client_import(&self, file: FileRef) -> Result<ImportRes, RpcError> {
        self.with_imports(move |imports| imports.import(file.path.as_ref(), file.is_car))
            .await
    }

    async fn client_remove_import(&self, id: u64) -> Result<(), RpcError> {
        self.with_imports(move |imports| imports.remove(id)).await
    }

    async fn client_list_imports(&self) -> Result<Vec<Import>, RpcError> {
        self.with_imports(Imports::list).await
    }

    async fn client_has_local(&self, root: Cid) -> Result<bool, RpcError> {
        self.with_imports(move |imports| imports.has(&root)).await
    }

    async fn client_start_deal(&self, params: StartDealParams) -> Result<Option<Cid>, RpcError> {
        self.start_deal(params).await.map(Some).map_err(answer)
    }

    async fn client_stateless_deal(
        &self,
        params: StartDealParams,
    ) -> Result<Option<Cid>, RpcError> {
        self.stateless_deal(params).await.map(Some).map_err(answer)
    }

    async fn client_get_deal_info(&self, proposal: Cid) -> Result<DealInfo, RpcError> {
        let info = self.deal_info(&proposal).map_err(answer)?;
        info.ok_or_else(|| {
            RpcError::new(format_args!(
                "no deal with proposal {proposal}: see `lotus client list-deals`"
            ))
        })
    }

    async fn client_list_deals(&self) -> Result<Vec<DealInfo>, RpcError> {
        self.list_deals().map_err(answer)
    }

    async fn client_get_deal_updates(&self) -> Result<Subscription<DealInfo>, RpcError> {
        let client = self.clone();
        Ok(self.updates(move |deal| Some(client.info(deal))))
    }

    async fn client_get_deal_status(&self, state: u64) -> Result<String, RpcError> {
        StorageDealStatus::from_number(state)
            .map(|state| state.name().to_owned())
            .ok_or_else(|| RpcError::new(format_args!("no such deal state {state}")))
    }

    async fn client_query_ask(
        &self,
        peer: PeerId,
        miner: Address,
    ) -> Result<StorageAskAnswer, RpcError> {
        let response = self.query_ask(&peer, miner).await.map_err(answer)?;
        Ok(StorageAskAnswer {
            response,
            deal_protocols: vec![DEAL_PROTOCOL.to_owned()],
        })
    }

    async fn client_find_data(
        &self,
        root: Cid,
        piece: Option<Cid>,
    ) -> Result<Vec<QueryOffer>, RpcError> {
        let mut places = Vec::new();
        for deal in self.client_list_deals().await? {
            let about = deal.data_ref.is_some_and(|data| data.root == root);
            let of_piece = piece.is_none_or(|piece| piece == deal.piece_cid);
            let place = (deal.provider, deal.piece_cid);
            if about && of_piece && !places.contains(&place) {
                places.push(place);
            }
        }
        let mut offers = Vec::with_capacity(places.len());
        for (miner, piece) in places {
            let offer = self.client_miner_query_offer(miner, root, Some(piece));
            offers.push(offer.await?);
        }
        Ok(offers)
    }

    async fn client_miner_query_offer(
        &self,
        miner: Address,
        root: Cid,
        piece: Option<Cid>,
    ) -> Result<QueryOffer, RpcError> {
        let (chain, net) = (self.0.chain.as_ref(), &self.0.net);
        let offer = query_offer(chain, net, miner, root, piece).await;
        offer.map_err(answer)
    }

    async fn client_calc_comm_p(&self, path: String) -> Result<CommPRet, RpcError> {
        self.with_imports(move |_| imports::commp_of_car(path.as_ref()))
            .await
    }

    async fn client_gen_car(&self, file: FileRef, path: String) -> Result<(), RpcError> {
        self.with_imports(move |_| {
            imports::generate_car(file.path.as_ref(), file.is_car, path.as_ref()).map(drop)
        })
        .await
    }

    async fn client_deal_size(&self, root: Cid) -> Result<DataSize, RpcError> {
        let known = self.client_deal_piece_cid(root).await?;
        Ok(DataSize {
            payload_size: known.payload_size,
            piece_size: known.piece_size,
        })
    }

    async fn client_deal_piece_cid(&self, root: Cid) -> Result<DataCidSize, RpcError> {
        self.with_imports(move |imports| imports.data_cid_size(&root))
            .await
    }

    async fn client_list_data_transfers(&self) -> Result<Vec<DataTransferChannel>, RpcError> {
        self.data_transfers().map_err(answer)
    }

    async fn client_data_transfer_updates(
        &self,
    ) -> Result<Subscription<DataTransferChannel>, RpcError> {
        Ok(self.updates(info::transfer))
    }
}
