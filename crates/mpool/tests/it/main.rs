//! Gas estimates on a recorded chain, against what Go Lotus answered.
#![allow(clippy::unwrap_used, reason = "tests")]

mod gas;
