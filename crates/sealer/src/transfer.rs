//! Sector files between processes, over HTTP.
//!
//! ```text
//! GET    /remote/{type}/{sector}          a file as it is, a directory as tar
//! DELETE /remote/{type}/{sector}?keep=ID  everywhere in the process but in path ID
//! GET    /remote/stat/{path id}           room
//! ```
//!
//! # Lotus parity
//! `paths.FetchHandler` and `paths.Remote`: what is fetched from and by Go miners and workers.
//! Authorisation is the mounting server's.

mod client;
mod server;
mod tarball;

pub use client::Client;
pub use server::router;
