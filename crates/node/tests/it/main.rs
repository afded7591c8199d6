//! A whole node in one process, against what a Go Lotus answered.
#![allow(clippy::unwrap_used, reason = "tests")]

mod genesis_file;
mod recorded_answers;
