//! Storage deals between a client and a provider in one process: two hosts on loopback, a ledger in
//! place of the chain, and sectors that are sealed at once.
#![allow(clippy::unwrap_used, reason = "tests")]

mod deals;
mod offline;
mod refusals;
mod restarts;
mod support;
