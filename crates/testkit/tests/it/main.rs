//! Networks of several nodes and miners in one process.
//!
//! Needs the actor bundles, which `make bundle` builds; the test with real proofs also the 2 KiB
//! parameters.
#![allow(clippy::unwrap_used, reason = "tests")]

mod following;
mod heads;
mod messages;
mod parameters;
mod partitions;
mod tipsets;
mod window_post;
