//! Shapes that only the APIs have. Chain nouns are in `lotus-types`, parts of actors' state in
//! `lotus-actors`.
//!
//! # Lotus parity
//! JSON field names and the difference between `null` and `[]` are those that Lotus sends; reading
//! takes either. Recorded samples are read and written again in the tests.

pub mod chain;
pub mod deals;
pub mod go;
pub mod market;
pub mod mining;
pub mod mpool;
pub mod net;
pub mod node;
pub mod paych;
pub mod sealing;
pub mod state;
pub mod storage;
pub mod trace;
pub mod worker;

#[cfg(test)]
mod tests;
