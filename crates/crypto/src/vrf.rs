//! The verifiable random function behind tickets and election proofs: a BLS signature of the miner's
//! worker over 32 bytes of drawn randomness. BLS signatures are unique, so nobody can choose among
//! several outputs.
//!
//! # Lotus parity
//! `ComputeVRF` and `VerifyVRF`. The input is signed as it is: the hashing with blake2b-256 is that
//! of [`draw_randomness`](crate::draw_randomness).

use crate::{SignatureError, bls};

/// Proves `input` with the worker's key.
pub fn compute_vrf(worker: &bls::SecretKey, input: &[u8; 32]) -> [u8; bls::SIGNATURE_LEN] {
    worker.sign(input)
}

/// Checks a VRF proof over `input` against the worker's 48-byte public key.
///
/// # Errors
/// When key or proof is malformed, or the proof is of another key or input.
pub fn verify_vrf(
    worker_public_key: &[u8],
    input: &[u8; 32],
    proof: &[u8],
) -> Result<(), SignatureError> {
    bls::verify(proof, worker_public_key, input)
}

/// The value that elections and ticket comparisons look at: blake2b-256 of the proof.
pub fn vrf_digest(proof: &[u8]) -> [u8; 32] {
    crate::hash::blake2b_256(proof)
}
