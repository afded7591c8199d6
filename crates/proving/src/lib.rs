//! Proving: showing every proving period that sectors are still there, and making blocks.
//!
//! | module | what it holds |
//! |---|---|
//! | [`window`] | WindowPoSt: which deadline is due, proofs, submissions, recoveries |
//! | [`winning`] | block production: election, WinningPoSt, the block, its publication |
//!
//! In both a pure plan says what is due at a height or time, and a thin driver does it against the
//! full node's API and the [`PoStProver`](lotus_sealer::PoStProver). Time comes from the
//! [`Clock`](lotus_ports::clock::Clock) port.
//!
//! # Invariants
//! - A proof is submitted once: what is proven on chain or waits in the pool is not sent again, also
//!   after a restart, and also when two provers run for one miner.
//! - A sector that cannot be read never costs its partition the proof: it is skipped.
//! - No two blocks are signed that together are a consensus fault.
//!
//! # Lotus parity
//! Replaces `storage/wdpost` and `miner`.

pub mod window;
pub mod winning;
