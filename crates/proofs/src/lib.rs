//! Filecoin's proofs behind the ports of `lotus-ports`: sealing, proofs of spacetime, their
//! verification, piece commitments, and the parameter files they need.
//!
//! # Invariants
//! - The only crate that names `filecoin-proofs`; panics of that library end here, as errors.
//! - "The input is wrong" and "we failed" stay apart ([`ProofError::is_bad_input`]): parameters
//!   are checked before foreign input is looked at, so a missing file never makes a proof invalid.
//! - Everything blocks. Callers run it on a thread pool for CPU work.
//!
//! # Lotus parity
//! Replaces `storage/sealer/ffiwrapper` (and `mock`), `lib/commp` and the parameter handling of
//! `lotus fetch-params`. Deviations: 2 KiB parameters can be generated, and circuit proofs of 2 KiB
//! sectors come from an own prover (ADR 5, `docs/adr/`).
//!
//! [`ProofError::is_bad_input`]: lotus_ports::proofs::ProofError::is_bad_input

pub mod commp;
pub mod fr32;
pub mod mock;
pub mod params;
pub mod presealing;
pub mod prover;
pub mod verifier;

mod convert;
mod groth16;

pub use mock::{MockProver, MockVerifier};
pub use prover::FilecoinProver;
pub use verifier::FilecoinVerifier;
