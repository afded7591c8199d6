//! Imports, deals and retrievals: the client's side of the market.
//!
//! # Invariants
//! - Where no market client runs (a node inside a test, a node that was told not to), every method
//!   answers "not supported".
//!
//! # Lotus parity
//! `node/impl/client`. Retrievals go over the providers' HTTP gateways (ADR 0003).

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lotus_market::{
    MarketClient, gateway,
    imports::{self, Imports},
    retrieval::Retrievals,
};
use lotus_rpc_api::{
    RpcError, Subscription,
    full::{ClientApi, StateMinerApi as _},
    types::{
        deals::{
            CommPRet, DataCidSize, DataSize, DataTransferChannel, DealInfo, ExportRef, FileRef,
            Import, ImportRes, QueryOffer, RetrievalInfo, RetrievalOrder, RetrievalStarted,
            StartDealParams, StorageAskAnswer,
        },
        net::PeerId,
    },
};
use lotus_types::{Address, Cid, TipsetKey};
use tokio::sync::broadcast::error::RecvError;

use super::{Answer, FullNodeApi, Told as _};

/// The market client of a node: deals and imports, retrievals.
#[derive(Debug, Clone)]
pub struct ClientServices {
    /// Deals and imports.
    pub deals: MarketClient,
    /// The files that deals are made of.
    pub imports: Arc<Imports>,
    /// Retrievals.
    pub retrievals: Retrievals,
}

/// A provider, as far as fetching from it goes.
struct Gateways {
    peer: PeerId,
    urls: Vec<String>,
}

impl FullNodeApi {
    fn client(&self, method: &'static str) -> Answer<&ClientServices> {
        let client = self.0.client.get();
        client.ok_or_else(|| RpcError::not_supported(method))
    }

    /// Where a provider hands data out, by its addresses on chain.
    async fn gateways(&self, miner: Address) -> Answer<Gateways> {
        let info = self.state_miner_info(miner, TipsetKey::default()).await?;
        Ok(Gateways {
            peer: info.peer_id.unwrap_or_default(),
            urls: gateway::gateway_urls(&info.multiaddrs),
        })
    }
}

#[async_trait]
impl ClientApi for FullNodeApi {
    async fn client_import(&self, file: FileRef) -> Answer<ImportRes> {
        let client = self.client("Filecoin.ClientImport")?;
        client.deals.client_import(file).await
    }

    async fn client_remove_import(&self, id: u64) -> Answer<()> {
        let client = self.client("Filecoin.ClientRemoveImport")?;
        client.deals.client_remove_import(id).await
    }

    async fn client_list_imports(&self) -> Answer<Vec<Import>> {
        let client = self.client("Filecoin.ClientListImports")?;
        client.deals.client_list_imports().await
    }

    async fn client_has_local(&self, root: Cid) -> Answer<bool> {
        let client = self.client("Filecoin.ClientHasLocal")?;
        client.deals.client_has_local(root).await
    }

    async fn client_start_deal(&self, params: StartDealParams) -> Answer<Option<Cid>> {
        let client = self.client("Filecoin.ClientStartDeal")?;
        client.deals.client_start_deal(params).await
    }

    async fn client_stateless_deal(&self, params: StartDealParams) -> Answer<Option<Cid>> {
        let client = self.client("Filecoin.ClientStatelessDeal")?;
        client.deals.client_stateless_deal(params).await
    }

    async fn client_get_deal_info(&self, proposal: Cid) -> Answer<DealInfo> {
        let client = self.client("Filecoin.ClientGetDealInfo")?;
        client.deals.client_get_deal_info(proposal).await
    }

    async fn client_list_deals(&self) -> Answer<Vec<DealInfo>> {
        let client = self.client("Filecoin.ClientListDeals")?;
        client.deals.client_list_deals().await
    }

    async fn client_get_deal_updates(&self) -> Answer<Subscription<DealInfo>> {
        let client = self.client("Filecoin.ClientGetDealUpdates")?;
        client.deals.client_get_deal_updates().await
    }

    async fn client_get_deal_status(&self, state: u64) -> Answer<String> {
        let client = self.client("Filecoin.ClientGetDealStatus")?;
        client.deals.client_get_deal_status(state).await
    }

    async fn client_query_ask(&self, peer: PeerId, miner: Address) -> Answer<StorageAskAnswer> {
        let client = self.client("Filecoin.ClientQueryAsk")?;
        client.deals.client_query_ask(peer, miner).await
    }

    async fn client_find_data(&self, root: Cid, piece: Option<Cid>) -> Answer<Vec<QueryOffer>> {
        let client = self.client("Filecoin.ClientFindData")?;
        client.deals.client_find_data(root, piece).await
    }

    async fn client_miner_query_offer(
        &self,
        miner: Address,
        root: Cid,
        piece: Option<Cid>,
    ) -> Answer<QueryOffer> {
        let client = self.client("Filecoin.ClientMinerQueryOffer")?;
        let deals = &client.deals;
        deals.client_miner_query_offer(miner, root, piece).await
    }

    async fn client_retrieve(&self, order: RetrievalOrder) -> Answer<RetrievalStarted> {
        let client = self.client("Filecoin.ClientRetrieve")?;
        if order.data_selector.as_ref().is_some_and(|s| !s.is_null()) {
            return Err(RpcError::new(
                "retrieving a part of a DAG is not supported: leave the selector out",
            ));
        }
        if order.remote_store.as_ref().is_some_and(|s| !s.is_null()) {
            return Err(RpcError::new(
                "retrieving into another node's store is not supported",
            ));
        }
        // `Miner` of an order is who would be paid, as in an offer; who has the data stands in the peer.
        let peer = order.miner_peer.as_ref();
        let provider = peer.map_or(order.miner, |peer| peer.address);
        let found = self.gateways(provider).await?;
        let begun = client.retrievals.begin(order, found.peer, found.urls);
        Ok(RetrievalStarted {
            deal_id: begun.told()?,
        })
    }

    async fn client_retrieve_wait(&self, id: u64) -> Answer<()> {
        let client = self.client("Filecoin.ClientRetrieveWait")?;
        client.retrievals.wait(id).await.told()
    }

    async fn client_cancel_retrieval_deal(&self, id: u64) -> Answer<()> {
        let client = self.client("Filecoin.ClientCancelRetrievalDeal")?;
        client.retrievals.cancel(id).told()
    }

    async fn client_list_retrievals(&self) -> Answer<Vec<RetrievalInfo>> {
        Ok(self
            .client("Filecoin.ClientListRetrievals")?
            .retrievals
            .list())
    }

    async fn client_get_retrieval_updates(&self) -> Answer<Subscription<RetrievalInfo>> {
        let client = self.client("Filecoin.ClientGetRetrievalUpdates")?;
        let updates = client.retrievals.subscribe();
        Ok(stream::unfold(updates, |mut updates| async move {
            loop {
                match updates.recv().await {
                    Ok(update) => return Some((update, updates)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed())
    }

    async fn client_export(&self, export: ExportRef, file: FileRef) -> Answer<()> {
        let client = self.client("Filecoin.ClientExport")?.clone();
        if !export.dags.is_null() {
            return Err(RpcError::new(
                "exporting parts of a DAG is not supported: leave DAGs out",
            ));
        }
        self.run(move |_| {
            let to = file.path.as_ref();
            if export.deal_id != 0 {
                let (id, root) = (export.deal_id, &export.root);
                return client.retrievals.export(id, root, to, file.is_car).told();
            }
            if !export.from_local_car.is_empty() {
                let car = export.from_local_car.as_ref();
                return imports::export_car(car, &export.root, to, file.is_car).told();
            }
            client.imports.export(&export.root, to, file.is_car).told()
        })
        .await
    }

    async fn client_calc_comm_p(&self, path: String) -> Answer<CommPRet> {
        let client = self.client("Filecoin.ClientCalcCommP")?;
        client.deals.client_calc_comm_p(path).await
    }

    async fn client_gen_car(&self, file: FileRef, path: String) -> Answer<()> {
        let client = self.client("Filecoin.ClientGenCar")?;
        client.deals.client_gen_car(file, path).await
    }

    async fn client_deal_size(&self, root: Cid) -> Answer<DataSize> {
        let client = self.client("Filecoin.ClientDealSize")?;
        client.deals.client_deal_size(root).await
    }

    async fn client_deal_piece_cid(&self, root: Cid) -> Answer<DataCidSize> {
        let client = self.client("Filecoin.ClientDealPieceCID")?;
        client.deals.client_deal_piece_cid(root).await
    }

    async fn client_list_data_transfers(&self) -> Answer<Vec<DataTransferChannel>> {
        let client = self.client("Filecoin.ClientListDataTransfers")?;
        client.deals.client_list_data_transfers().await
    }

    async fn client_data_transfer_updates(&self) -> Answer<Subscription<DataTransferChannel>> {
        let client = self.client("Filecoin.ClientDataTransferUpdates")?;
        client.deals.client_data_transfer_updates().await
    }
}
