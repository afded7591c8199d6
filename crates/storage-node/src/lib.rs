//! A storage provider and its workers, assembled.
//!
//! | module | what it holds |
//! |---|---|
//! | [`chain`] | the full node's API behind the ports of sealing, WindowPoSt and block production |
//! | [`config`] | what a provider is made of; its settings, as its services take them |
//! | [`start`](mod@start) | putting a provider together, in order of dependency |
//! | [`api`] | the StorageMiner API over the services, one file per group |
//! | [`market`] | deals beside it, and the gateway that hands stored data out |
//! | [`worker`] | putting a worker of its own process together |
//! | [`preseal`] | taking sectors in that were sealed before the network began |
//! | [`remote`] | sector files for other processes, behind an admin token |
//!
//! # Invariants
//! - Wiring only: what a service decides, it decides in its own crate.
//! - The chain is seen through the FullNode API alone, so the node may be anywhere.
//! - Every task runs under the supervisor that is passed in, by name.
//!
//! # Lotus parity
//! Takes the place of `node/builder_miner.go`, `node/impl/storminer.go` and `cmd/lotus-worker`.

pub mod api;
pub mod chain;
pub mod config;
mod identity;
pub mod market;
pub mod preseal;
pub mod remote;
pub mod start;
pub mod worker;

pub use api::{ProviderMarketApi, StorageMinerApi};
pub use chain::NodeChain;
pub use config::{DatabaseError, Databases, StorageNodeConfig};
pub use market::{MARKET_FOLDER, MarketError, RunningMarket, start_market};
pub use start::{RunningStorageNode, StartError, start_storage_node};
pub use worker::{RunningWorker, WorkerConfig, start_worker};
