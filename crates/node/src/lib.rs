//! A full node, assembled: chain, state, network, message pool, sync, wallet and their API.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | what a node is made of |
//! | [`start`](mod@start) | putting it together, in order of dependency |
//! | [`client`] | the market client beside it |
//! | [`genesis`] | giving a new store its genesis, or checking that an old one has the right one |
//! | [`import`] | a chain out of a file |
//! | `heads` | what executing the newest heads gave, kept over restarts |
//! | [`rest`] | files of deals over plain HTTP |
//! | `health` | how the node does, for whoever watches over it |
//! | `watch` | what is raised as an alert |
//! | [`backup`] | the node's metadata in one file, and back |
//! | [`keys`] | the repo's keystore as the wallet sees it, and the node's wallets |
//! | [`offline`] | a node over a chain export, without a network |
//! | [`api`] | the FullNode API over the services, one file per group |
//!
//! # Invariants
//! - Wiring only: what a service decides, it decides in its own crate.
//! - Every task runs under the supervisor that is passed in, by name.
//! - A method whose service is not there answers "not supported".
//!
//! # Lotus parity
//! Takes the place of `node/builder*.go`, `node/modules` and `node/impl/full`.

pub mod api;
pub mod backup;
pub mod client;
pub mod config;
pub mod genesis;
mod heads;
mod health;
pub mod import;
pub mod keys;
pub mod offline;
pub mod rest;
pub mod start;
mod watch;

pub use api::FullNodeApi;
pub use backup::BackupPlace;
pub use config::{ClientPlace, FullNodeConfig, Stores};
pub use genesis::{GenesisError, ensure_genesis};
pub use health::NodeHealth;
pub use keys::{RepoKeys, Wallets};
pub use start::{RunningNode, StartError, start_full_node};
