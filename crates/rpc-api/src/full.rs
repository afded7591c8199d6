//! The API of a full node (port 1234, `/rpc/v1`; `/rpc/v0` for older clients).

mod chain;
mod deals;
mod fevm;
mod mpool;
mod msig;
mod paych;
mod state;
mod state_miner;
mod sync;
pub mod v0;
mod wallet;

use std::sync::Arc;

pub use chain::ChainApi;
pub use deals::{ClientApi, MarketApi};
pub use fevm::FevmApi;
pub use mpool::{GasApi, MpoolApi};
pub use msig::MsigApi;
pub use paych::PaychApi;
pub use state::StateApi;
pub use state_miner::{StateMarketApi, StateMinerApi};
pub use sync::{MinerApi, SyncApi};
pub use wallet::WalletApi;

use crate::{
    Dispatcher, MethodInfo,
    node::{CommonApi, NetApi},
};

macro_rules! full_node {
    ($($group:ident),* $(,)?) => {
        /// A whole full node. Hold it as `Arc<dyn FullNode>`: a node in this process and a remote
        /// one ([`ApiClient`](crate::ApiClient)) look the same.
        pub trait FullNode: $($group +)* 'static {}
        impl<T: $($group +)* ?Sized + 'static> FullNode for T {}

        /// All methods of a full node, v1.
        pub fn methods() -> impl Iterator<Item = &'static MethodInfo> {
            [$(<dyn $group>::METHODS),*].into_iter().flatten()
        }

        /// Binds a full node to its methods, v1.
        pub fn dispatcher<N: FullNode + ?Sized>(node: &Arc<N>) -> Dispatcher {
            Dispatcher::new()
                $(.with(<dyn $group>::handlers(Arc::clone(node))))*
                .alias("rpc.discover", "Filecoin.Discover")
        }
    };
}

full_node! {
    CommonApi, NetApi, ChainApi, StateApi, StateMinerApi, StateMarketApi, MinerApi, MpoolApi,
    GasApi, WalletApi, SyncApi, MarketApi, ClientApi, MsigApi, PaychApi, FevmApi,
}
