//! The network service against recordings of Lotus and against peers of every kind, over loopback.
#![allow(clippy::unwrap_used, reason = "tests")]

mod answering_chain_exchange;
mod asking_chain_exchange;
mod gossip;
mod hello;
mod hosts;
mod keeping;
mod limits;
mod peers;
mod recordings;
mod streams;
mod traffic;
