//! JSON-RPC 2.0 over HTTP and WebSocket, in the dialect of go-jsonrpc that Lotus speaks.
//!
//! - [`Server`]: endpoints such as `/rpc/v1`, each with a [`Dispatcher`](lotus_rpc_api::Dispatcher),
//!   on an axum router that the caller may extend; permissions from JSON web tokens.
//! - [`connect`] and [`ApiInfo`]: clients over HTTP ([`HttpClient`]) and WebSocket ([`WsClient`]),
//!   which carry [`ApiClient`](lotus_rpc_api::ApiClient).
//! - [`JwtSecret`]: makes and verifies tokens.
//! - [`Process`]: what every API says of its process.
//! - [`PushStreams`]: bytes that a caller sends beside a call (`AddPiece`).
//!
//! # The dialect
//! Beyond JSON-RPC 2.0: requests need no `"jsonrpc"`; a request without id is run and not answered;
//! over a WebSocket a method may answer with a channel number, whose values come as `xrpc.ch.val`
//! and whose end comes as `xrpc.ch.close`; `xrpc.cancel` (never answered, id or not) stops a call
//! or a channel by the id of its request; protocol errors have HTTP status 500 or 400, an error of
//! the method has 200.
//!
//! # Invariants
//! - Nothing that a caller sends is trusted: bodies, frames, batches, nesting, calls in flight and
//!   channels are bounded ([`Limits`]); a panic in a method is answered and ends nothing else.
//! - A caller never waits for ever: calls have a time limit, dead connections are noticed by pings.

mod api_info;
mod auth;
mod client;
mod frame;
mod limits;
mod operation;
mod process;
mod server;
mod streams;

pub use api_info::{ApiInfo, ApiInfoError, multiaddr_to_url};
pub use auth::{AskVerifier, AuthError, Caller, JwtSecret, Verifier};
pub use client::{ClientOptions, DownloadError, HttpClient, WsClient, connect, download, push};
pub use limits::{LimitError, Limits};
pub use operation::{Health, health_routes, metrics_routes};
pub use process::Process;
pub use server::{Server, ServerHandle};
pub use streams::{PushError, PushReader, PushStreams};
