//! The StorageMiner API over the services of this process, one file per group.
//!
//! # Invariants
//! - A method whose service is not there answers "not supported".
//! - Deals are another crate's: their groups are bound to its service when the API is bound
//!   ([`dispatcher`]).
//!
//! # Lotus parity
//! `node/impl/storminer.go`. `StorageLock` is not supported: a lock would have to live as long as its
//! caller's connection, and no worker asks for one.

mod actor;
mod sealing;
mod sectors;
mod status;
mod storage;
mod workers;

use std::{error::Error, fmt, path::PathBuf, sync::Arc};

use lotus_net::NetService;
use lotus_proving::{window::WindowPoStScheduler, winning::Miner};
use lotus_rpc::{Process, PushStreams};
use lotus_rpc_api::{
    Dispatcher, RpcError,
    full::FullNode,
    miner::{
        ActorApi, DealsApi, MinerMarketApi, PiecesApi, SealingApi, SectorsApi, StorageIndexApi,
        WorkerReturnApi, WorkersApi,
    },
    node::{CommonApi, HasHost, HasProcess, NetApi},
    types::market::AddressConfig,
};
use lotus_runtime::config::MinerConfig;
use lotus_sealer::{Manager, index::Index, store::Store};
use lotus_sealing::Sealing;
use lotus_types::{ActorId, Address};

use crate::NodeChain;

/// The part of the API that the deal service answers.
pub trait ProviderMarketApi: MinerMarketApi + DealsApi + PiecesApi + 'static {}
impl<T: MinerMarketApi + DealsApi + PiecesApi + ?Sized + 'static> ProviderMarketApi for T {}

/// Stands where no deal service runs: "not supported".
#[derive(Debug)]
struct NoMarket;

impl MinerMarketApi for NoMarket {}
impl DealsApi for NoMarket {}
impl PiecesApi for NoMarket {}

/// What the API's methods call.
pub(crate) struct Services {
    pub(crate) miner: ActorId,
    pub(crate) chain: NodeChain,
    pub(crate) index: Arc<Index>,
    pub(crate) store: Arc<Store>,
    pub(crate) storage_file: Option<PathBuf>,
    pub(crate) manager: Manager,
    pub(crate) sealing: Sealing,
    /// Data that callers send beside calls.
    pub(crate) streams: PushStreams,
    pub(crate) window: Option<WindowPoStScheduler>,
    pub(crate) mining: Option<Miner>,
    pub(crate) net: NetService,
    pub(crate) process: Process,
    /// An admin token, for calls to workers.
    pub(crate) token: String,
    pub(crate) address_config: AddressConfig,
    pub(crate) settings: MinerConfig,
}

impl Services {
    pub(crate) fn miner_address(&self) -> Address {
        Address::new_id(self.miner)
    }

    pub(crate) fn node(&self) -> &Arc<dyn FullNode> {
        self.chain.node()
    }
}

/// A storage provider in this process: every group of `lotus_rpc_api::miner::StorageMiner` but those
/// of deals and of workers' results, which [`dispatcher`] binds to their own services.
#[derive(Clone)]
pub struct StorageMinerApi(pub(crate) Arc<Services>);

impl fmt::Debug for StorageMinerApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorageMinerApi({})", self.0.miner_address())
    }
}

impl HasProcess for StorageMinerApi {
    fn process(&self) -> &dyn CommonApi {
        &self.0.process
    }
}

impl HasHost for StorageMinerApi {
    fn host(&self) -> &dyn NetApi {
        &self.0.net
    }
}

pub(crate) type Answer<T> = Result<T, RpcError>;

impl StorageMinerApi {
    pub(crate) fn new(services: Services) -> Self {
        Self(Arc::new(services))
    }

    /// The miner's actor.
    pub fn miner(&self) -> Address {
        self.0.miner_address()
    }
}

/// Binds the API to its methods. `market` is the deal service, when there is one.
pub fn dispatcher(
    api: &Arc<StorageMinerApi>,
    market: Option<Arc<dyn ProviderMarketApi>>,
) -> Dispatcher {
    let market = market.unwrap_or_else(|| Arc::new(NoMarket));
    let returns = Arc::new(api.0.manager.clone());
    Dispatcher::new()
        .with(<dyn CommonApi>::handlers(Arc::clone(api)))
        .with(<dyn NetApi>::handlers(Arc::clone(api)))
        .with(<dyn ActorApi>::handlers(Arc::clone(api)))
        .with(<dyn SealingApi>::handlers(Arc::clone(api)))
        .with(<dyn WorkersApi>::handlers(Arc::clone(api)))
        .with(<dyn SectorsApi>::handlers(Arc::clone(api)))
        .with(<dyn StorageIndexApi>::handlers(Arc::clone(api)))
        .with(<dyn WorkerReturnApi>::handlers(returns))
        .with(<dyn MinerMarketApi>::handlers(Arc::clone(&market)))
        .with(<dyn DealsApi>::handlers(Arc::clone(&market)))
        .with(<dyn PiecesApi>::handlers(market))
        .alias("rpc.discover", "Filecoin.Discover")
}

/// Tells an error with its causes to the caller.
pub(crate) trait Told<T> {
    fn told(self) -> Answer<T>;
}

impl<T, E: Error + 'static> Told<T> for Result<T, E> {
    fn told(self) -> Answer<T> {
        self.map_err(|e| RpcError::from_error(&e))
    }
}

fn not_supported(method: &str) -> RpcError {
    RpcError::not_supported(&format!("Filecoin.{method}"))
}

#[cfg(test)]
mod tests;
