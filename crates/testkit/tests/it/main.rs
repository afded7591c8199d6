//! Networks of several nodes and miners in one process.
//!
//! Needs the actor bundles, which `make bundle` builds; the test with real proofs also the 2 KiB
//! parameters.
#![allow(clippy::unwrap_used, reason = "tests")]

mod accounts;
mod datacap;
mod escrow;
mod following;
mod heads;
mod javascript;
mod messages;
mod parameters;
mod partitions;
mod pool;
mod remote_wallet;
mod tipsets;
mod window_post;
