//! Expected Consensus: who may make a block, what a valid block is, which chain is heaviest.
//!
//! | module | what it holds |
//! |---|---|
//! | [`validate`] | every check of a block, from wherever it came: one code path |
//! | [`rules`] | the checks that need no chain: shape, time, signatures |
//! | [`messages`] | the checks of a block's messages |
//! | [`election`] | eligibility, power, the sectors that a WinningPoSt proves |
//! | [`draw`] | the randomness of tickets, elections and WinningPoSt |
//! | [`base_fee`], [`weight`] | what follows from a tipset for the next |
//!
//! # Invariants
//! - A block is refused only by a [`Violation`], which names the rule it breaks. A failure of this
//!   node is a [`StateFault`](lotus_state::StateFault) and says nothing about the block.
//!
//! # Lotus parity
//! `chain/consensus` and `chain/consensus/filcns`, `chain/store/{weight,basefee}.go`.

pub mod base_fee;
pub mod draw;
pub mod election;
pub mod error;
pub mod messages;
pub mod rules;
pub mod validate;
pub mod weight;

pub use error::{BlockError, Rule, Violation};
pub use validate::BlockValidator;
pub use weight::ExpectedConsensus;
