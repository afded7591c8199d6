//! Server and clients in one process, over real sockets.
#![allow(clippy::unwrap_used, reason = "tests")]

mod clients;
mod http;
mod operation;
mod permissions;
mod push;
mod recorded;
mod stopping;
mod toy;
mod websocket;
