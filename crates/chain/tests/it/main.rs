//! The chain store over chains that a Go Lotus recorded.

mod recording;
mod served;
