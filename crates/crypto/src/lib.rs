//! Cryptography of the chain, without I/O, clock or async: signatures, VRFs, randomness, leader
//! election and the verification of drand rounds.
//!
//! - [`verify`], [`verify_batch`], [`bls::verify_aggregate`]: signatures of messages and blocks
//! - [`SigningKey`]: keys that sign, from and to Lotus' `KeyInfo`
//! - [`compute_vrf`], [`verify_vrf`], [`draw_randomness`], [`compute_win_count`]: what a block proves
//! - [`drand`]: what a beacon entry proves
//!
//! # Invariants
//! - Nothing from outside panics; every refusal says which part of the input is wrong.
//! - Secret keys are wiped when dropped and have no readable `Debug`.
//! - Costs: about 1 ms per BLS verification, 0.2 ms per secp256k1 recovery. Callers in async code run
//!   checks on a blocking pool; batches and aggregates spread over rayon's threads.

pub mod bls;
pub mod delegated;
pub mod drand;
mod election;
mod error;
mod hash;
mod key;
mod randomness;
pub mod secp256k1;
mod signature;
mod vrf;

pub use election::{MAX_WIN_COUNT, compute_win_count};
pub use error::{KeyError, SignatureError};
pub use hash::{blake2b_256, sha256};
pub use key::{SigningKey, export_key, parse_exported_key};
pub use randomness::{DomainSeparationTag, draw_randomness, draw_randomness_from_digest};
pub use signature::{BatchError, Claim, aggregate, verify, verify_aggregate, verify_batch};
pub use vrf::{compute_vrf, verify_vrf, vrf_digest};

#[cfg(test)]
mod fixtures;
