//! Every JSON-RPC API of Lotus, described once: FullNode, StorageMiner, Worker and Wallet.
//!
//! One [`rpc_api!`] description of a group of methods yields
//! - an object-safe async trait: the server implements it, and callers hold `Arc<dyn …>`;
//! - the same trait for [`ApiClient`], which speaks to a remote server through a [`Transport`];
//! - a list of [`Handler`]s that a [`Dispatcher`] calls with a method name and JSON parameters;
//! - a `METHODS` table (names, permissions, parameters, results, docs) for authorisation,
//!   `rpc.discover`, documentation and the parity ledger.
//!
//! So a miner that runs in the daemon's process and one on another machine are one code path.
//!
//! # Invariants
//! - A method that an implementation does not provide answers "method … not supported"; no method
//!   answers a made-up value.
//! - No tokio and no I/O in here. A method that returns a channel returns a boxed stream.
//! - Names, permissions, parameter order and JSON shapes are those of Lotus v1.20; where a newer
//!   Lotus sends more or fewer trailing parameters both are accepted.
//!
//! # Lotus parity
//! Replaces `api/`, `api/v0api` and the generated proxies. The dialect of the wire is go-jsonrpc's;
//! the server and client that speak it are in `lotus-rpc`.

mod client;
mod dispatch;
mod error;
mod macros;
mod method;
mod openrpc;
mod params;
mod reference;
mod type_name;

pub mod full;
pub mod miner;
pub mod node;
pub mod types;
pub mod wallet;
pub mod worker;

pub use client::{ApiClient, Subscription, Transport};
pub use dispatch::{CallStyle, Dispatcher, Handler, Outcome, go_json};
pub use error::{ErrorObject, RpcError, code};
pub use method::{MethodInfo, MethodKind, ParamInfo, Permission};
pub use openrpc::document as openrpc_document;
pub use params::{ParamReader, ParamWriter, RawJson, why_no_address};
pub use reference::markdown as reference_markdown;

/// Names that the [`rpc_api!`] macro needs at its call site.
#[doc(hidden)]
pub mod __private {
    pub use async_trait::async_trait;
    pub use futures::StreamExt;

    pub use crate::dispatch::{encode_empty, encode_stream, encode_value};
}

#[cfg(test)]
mod tests;
