//! Retrieval: DAGs over HTTP, every block checked by whoever receives it.
//!
//! | module | what it does |
//! |---|---|
//! | [`server`] | the provider's side: `/ipfs/{cid}` and `/piece/{cid}` |
//! | [`client`] | fetches a DAG from a provider that need not be trusted |
//! | [`address`] | where a provider's gateway is, from its multiaddrs on chain |
//!
//! # Lotus parity
//! Takes the place of retrieval by graphsync and payment channels (ADR 0003). The protocol is the
//! trustless HTTP gateway of IPFS, which other providers and clients speak as well.

pub mod address;
pub mod client;
mod error;
mod request;
pub mod server;
mod stream;

pub use address::gateway_urls;
pub use client::{RetrieveLimits, Retrieved, retrieve};
pub use error::RetrieveError;
pub use server::{ServeLimits, router};

/// Media type of a CAR in an `Accept` header.
const CAR_TYPE: &str = "application/vnd.ipld.car";
/// Media type of a single block.
const RAW_TYPE: &str = "application/vnd.ipld.raw";
/// What is sent and asked for: a CAR v1, depth first, every block once.
pub(crate) const CAR_CONTENT: &str = "application/vnd.ipld.car; version=1; order=dfs; dups=n";

#[cfg(test)]
mod tests;
