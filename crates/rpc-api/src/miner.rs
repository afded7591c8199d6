//! The API of a storage miner (port 2345, `/rpc/v0`).

mod admin;
mod market;
pub mod returns;
mod sectors;
mod storage;

use std::sync::Arc;

pub use admin::{ActorApi, SealingApi, WorkersApi};
pub use market::{DealsApi, MinerMarketApi, PiecesApi};
pub use returns::WorkerReturnApi;
pub use sectors::SectorsApi;
pub use storage::StorageIndexApi;

use crate::{
    Dispatcher, MethodInfo,
    node::{CommonApi, NetApi},
};

macro_rules! storage_miner {
    ($($group:ident),* $(,)?) => {
        /// A whole storage miner. Hold it as `Arc<dyn StorageMiner>`.
        pub trait StorageMiner: $($group +)* 'static {}
        impl<T: $($group +)* ?Sized + 'static> StorageMiner for T {}

        /// All methods of a storage miner.
        pub fn methods() -> impl Iterator<Item = &'static MethodInfo> {
            [$(<dyn $group>::METHODS),*].into_iter().flatten()
        }

        /// Binds a storage miner to its methods.
        pub fn dispatcher<M: StorageMiner + ?Sized>(miner: &Arc<M>) -> Dispatcher {
            Dispatcher::new()
                $(.with(<dyn $group>::handlers(Arc::clone(miner))))*
                .alias("rpc.discover", "Filecoin.Discover")
        }
    };
}

storage_miner! {
    CommonApi, NetApi, ActorApi, SealingApi, WorkersApi, SectorsApi, StorageIndexApi,
    WorkerReturnApi, MinerMarketApi, DealsApi, PiecesApi,
}
