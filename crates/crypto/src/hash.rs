//! The two digests that the chain uses.

use sha2::Digest as _;

pub use lotus_types::block::blake2b256 as blake2b_256;

/// SHA-256 over the concatenation of `parts`: drand's hash.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}
