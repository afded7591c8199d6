//! Whole sectors through the state machine, on a fake chain and a fake sealer, with the process
//! killed at every single call.
#![allow(clippy::unwrap_used, reason = "tests")]

mod crash;
mod fakes;
mod flow;
