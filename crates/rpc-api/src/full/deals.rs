//! The client's side of deals.

use lotus_types::{Address, Cid, TokenAmount};

use crate::{
    rpc_api,
    types::{
        deals::{
            CommPRet, DataCidSize, DataSize, DataTransferChannel, DealInfo, ExportRef, FileRef,
            Import, ImportRes, QueryOffer, RetrievalInfo, RetrievalOrder, RetrievalStarted,
            StartDealParams, StorageAskAnswer,
        },
        net::PeerId,
    },
};

rpc_api! {
    /// FIL in the storage market's escrow.
    pub trait MarketApi {
        /// Puts FIL in.
        #[method("MarketAddBalance", Sign)]
        fn market_add_balance(wallet: Address, address: Address, amount: TokenAmount) -> Cid;
        /// Takes FIL out.
        #[method("MarketWithdraw", Sign)]
        fn market_withdraw(wallet: Address, address: Address, amount: TokenAmount) -> Cid;
        /// What is reserved for deals that are not on chain.
        #[method("MarketGetReserved", Sign)]
        fn market_get_reserved(address: Address) -> TokenAmount;
        /// Reserves FIL, putting more in where needed; nothing is sent otherwise.
        #[method("MarketReserveFunds", Sign)]
        fn market_reserve_funds(
            wallet: Address, address: Address, amount: TokenAmount
        ) -> Option<Cid>;
        /// Frees reserved FIL.
        #[method("MarketReleaseFunds", Sign)]
        fn market_release_funds(address: Address, amount: TokenAmount);
    }
}

rpc_api! {
    /// Imports, deals and retrievals.
    pub trait ClientApi {
        /// Takes a file in.
        #[method("ClientImport", Admin, Waits)]
        fn client_import(file: FileRef) -> ImportRes;
        /// Forgets an import.
        #[method("ClientRemoveImport", Admin)]
        fn client_remove_import(id: u64);
        /// All imports.
        #[method("ClientListImports", Write)]
        fn client_list_imports() -> Vec<Import>;
        /// Is a DAG here?
        #[method("ClientHasLocal", Write)]
        fn client_has_local(root: Cid) -> bool;
        /// Proposes a deal; the CID names it.
        #[method("ClientStartDeal", Admin, Waits)]
        fn client_start_deal(params: StartDealParams) -> Option<Cid>;
        /// Proposes a deal without keeping track of it.
        #[method("ClientStatelessDeal", Write, Waits)]
        fn client_stateless_deal(params: StartDealParams) -> Option<Cid>;
        /// A deal.
        #[method("ClientGetDealInfo", Read)]
        fn client_get_deal_info(proposal: Cid) -> DealInfo;
        /// All deals.
        #[method("ClientListDeals", Write)]
        fn client_list_deals() -> Vec<DealInfo>;
        /// Deals as they change.
        #[method("ClientGetDealUpdates", Write, Channel)]
        fn client_get_deal_updates() => DealInfo;
        /// The name of a deal's state.
        #[method("ClientGetDealStatus", Read)]
        fn client_get_deal_status(state: u64) -> String;
        /// A provider's conditions.
        #[method("ClientQueryAsk", Read)]
        fn client_query_ask(peer: PeerId, miner: Address) -> StorageAskAnswer;
        /// Who has a DAG.
        #[method("ClientFindData", Read)]
        fn client_find_data(root: Cid, piece: Option<Cid>) -> Vec<QueryOffer>;
        /// What a provider wants for a DAG.
        #[method("ClientMinerQueryOffer", Read)]
        fn client_miner_query_offer(miner: Address, root: Cid, piece: Option<Cid>) -> QueryOffer;
        /// Begins a retrieval.
        #[method("ClientRetrieve", Admin)]
        fn client_retrieve(order: RetrievalOrder) -> RetrievalStarted;
        /// Answers when a retrieval is done.
        #[method("ClientRetrieveWait", Admin, Waits)]
        fn client_retrieve_wait(id: u64);
        /// Pays again for retrievals that stopped because a channel held too little.
        #[method("ClientRetrieveTryRestartInsufficientFunds", Write)]
        fn client_retrieve_try_restart_insufficient_funds(channel: Address);
        /// Gives a retrieval up.
        #[method("ClientCancelRetrievalDeal", Write)]
        fn client_cancel_retrieval_deal(id: u64);
        /// All retrievals.
        #[method("ClientListRetrievals", Write)]
        fn client_list_retrievals() -> Vec<RetrievalInfo>;
        /// Retrievals as they change.
        #[method("ClientGetRetrievalUpdates", Write, Channel)]
        fn client_get_retrieval_updates() => RetrievalInfo;
        /// Writes a DAG to a file.
        #[method("ClientExport", Admin, Waits)]
        fn client_export(export: ExportRef, file: FileRef);
        /// CommP of a file.
        #[method("ClientCalcCommP", Write, Waits)]
        fn client_calc_comm_p(path: String) -> CommPRet;
        /// Makes a CAR of a file.
        #[method("ClientGenCar", Write, Waits)]
        fn client_gen_car(file: FileRef, path: String);
        /// How large a DAG is.
        #[method("ClientDealSize", Read)]
        fn client_deal_size(root: Cid) -> DataSize;
        /// How large a DAG is, and its CommP.
        #[method("ClientDealPieceCID", Read, Waits)]
        fn client_deal_piece_cid(root: Cid) -> DataCidSize;
        /// Transfers that go on.
        #[method("ClientListDataTransfers", Write)]
        fn client_list_data_transfers() -> Vec<DataTransferChannel>;
        /// Transfers as they change.
        #[method("ClientDataTransferUpdates", Write, Channel)]
        fn client_data_transfer_updates() => DataTransferChannel;
        /// Begins a transfer again.
        #[method("ClientRestartDataTransfer", Write)]
        fn client_restart_data_transfer(id: u64, peer: PeerId, initiator: bool);
        /// Gives a transfer up.
        #[method("ClientCancelDataTransfer", Write)]
        fn client_cancel_data_transfer(id: u64, peer: PeerId, initiator: bool);
    }
}
