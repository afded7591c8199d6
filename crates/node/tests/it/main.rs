//! A whole node in one process, against what a Go Lotus answered.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod channels;
mod for_ethereum;
mod genesis_file;
mod importing;
mod lotus_words;
mod odd_requests;
mod recorded_answers;
mod rest;
mod samples;
mod starting;
mod surface;
