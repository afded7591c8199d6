//! Checks bytes against the CID they claim.

use cid::Cid;
use multihash_codetable::{Code, MultihashDigest};

/// Multihash code of the identity hash: the digest is the data.
pub const IDENTITY: u64 = 0x00;
/// Multihash code of SHA2-256.
pub const SHA2_256: u64 = 0x12;
/// Multihash code of BLAKE2b-256, which nearly all of Filecoin's chain uses.
pub const BLAKE2B_256: u64 = 0xb220;

/// Why a block was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The bytes hash to something else.
    #[error("block does not hash to its CID {cid}")]
    Mismatch {
        /// The CID that was claimed.
        cid: Cid,
    },
    /// The CID uses a hash function that is not checked here.
    #[error("CID {cid} uses hash function {code:#x}, which is not supported")]
    UnknownHash {
        /// The CID that was claimed.
        cid: Cid,
        /// Multihash code of its hash function.
        code: u64,
    },
}

/// Checks that `data` is the block of `cid`.
///
/// Knows [`BLAKE2B_256`], [`SHA2_256`] and [`IDENTITY`]; any other hash function is an error, never
/// a pass.
///
/// # Errors
/// [`VerifyError`] says which of the two went wrong.
pub fn verify(cid: &Cid, data: &[u8]) -> Result<(), VerifyError> {
    let hash = cid.hash();
    let matches = match hash.code() {
        IDENTITY => hash.digest() == data,
        SHA2_256 => *hash == Code::Sha2_256.digest(data),
        BLAKE2B_256 => *hash == Code::Blake2b256.digest(data),
        code => return Err(VerifyError::UnknownHash { cid: *cid, code }),
    };
    if matches {
        Ok(())
    } else {
        Err(VerifyError::Mismatch { cid: *cid })
    }
}

/// The block that an identity CID carries in itself; `None` for every other CID.
pub fn inlined(cid: &Cid) -> Option<&[u8]> {
    (cid.hash().code() == IDENTITY).then(|| cid.hash().digest())
}

#[cfg(test)]
mod checking_a_block {
    use super::*;

    const RAW: u64 = 0x55;

    #[test]
    fn accepts_the_three_known_hashes() {
        let data = b"a block";
        for code in [Code::Blake2b256, Code::Sha2_256] {
            assert_eq!(verify(&Cid::new_v1(RAW, code.digest(data)), data), Ok(()));
        }
        let inline = cid::multihash::Multihash::<64>::wrap(IDENTITY, data).expect("short");
        assert_eq!(verify(&Cid::new_v1(RAW, inline), data), Ok(()));
    }

    #[test]
    fn refuses_other_bytes() {
        let cid = Cid::new_v1(RAW, Code::Blake2b256.digest(b"a block"));
        assert_eq!(verify(&cid, b"a clock"), Err(VerifyError::Mismatch { cid }));
    }

    #[test]
    fn refuses_a_truncated_digest() {
        let full = Code::Blake2b256.digest(b"a block");
        let short = cid::multihash::Multihash::<64>::wrap(BLAKE2B_256, &full.digest()[..20]);
        let cid = Cid::new_v1(RAW, short.expect("short"));
        assert_eq!(verify(&cid, b"a block"), Err(VerifyError::Mismatch { cid }));
    }

    #[test]
    fn names_a_hash_it_does_not_know() {
        let cid = Cid::new_v1(RAW, Code::Sha2_512.digest(b"a block"));
        let refused = verify(&cid, b"a block").expect_err("unknown");
        assert_eq!(refused, VerifyError::UnknownHash { cid, code: 0x13 });
        assert!(refused.to_string().contains("0x13"));
    }
}
