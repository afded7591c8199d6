//! One node follows another, honest or not: fakes for the network, real chain stores.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fakes;
mod following;
mod recorded;
