//! Storage deals: files in, deals with providers, files back.
//!
//! | module | what it holds |
//! |---|---|
//! | [`client`] | the client of storage deals |
//! | [`provider`] | the provider of storage deals |
//! | [`protocol`], [`ask`], [`transfer`] | what goes between them |
//! | [`chain`] | what both ask the full node |
//! | [`dag_pb`], [`unixfs`] | files as DAGs of blocks, and back |
//! | [`piece`] | the payload of a piece: a CAR of one DAG |
//! | [`gateway`] | retrieval over HTTP, both sides |
//! | [`retrieval`], [`retrieval_query`] | a client's retrievals, and what it asks before |
//! | [`imports`] | the client's store of imported files |
//! | [`piece_index`] | the provider's index of blocks in pieces |
//! | [`snapshot`] | copies of databases that are in use, for backups |
//!
//! # Lotus parity
//! `lotus client …` and the deal making of `lotus-miner`, over the protocols that Boost speaks.

pub mod ask;
pub mod chain;
pub mod client;
pub mod dag_pb;
mod deal_store;
pub mod gateway;
pub mod imports;
pub mod piece;
pub mod piece_index;
pub mod protocol;
pub mod provider;
pub mod retrieval;
pub mod retrieval_query;
pub mod snapshot;
mod sql;
pub mod transfer;
pub mod unixfs;
mod walk;

pub use chain::{FullNodeChain, MarketChain};
pub use client::{ClientConfig, ClientDeps, MarketClient};
pub use deal_store::DealStoreError;
pub use provider::{DealPolicy, MarketProvider, PieceSealing, ProviderConfig, ProviderDeps};
