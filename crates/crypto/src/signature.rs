//! Signatures as they stand on the chain, checked against the address that made them.
//!
//! # Lotus parity
//! `sigs.Verify`. The signer must be a key address: an ID address is resolved by the caller.

use lotus_types::{Address, Payload, Signature, SignatureType};
use rayon::prelude::*;

use crate::{SignatureError, bls, secp256k1};

/// Checks that `signer` signed `message`.
///
/// # Errors
/// When the signature is malformed, of a type that the address cannot make, or does not match.
pub fn verify(
    signature: &Signature,
    signer: &Address,
    message: &[u8],
) -> Result<(), SignatureError> {
    match (signature.kind, signer.payload()) {
        (SignatureType::Bls, Some(Payload::Bls(key))) => bls::verify(&signature.data, key, message),
        (SignatureType::Secp256k1, Some(Payload::Secp256k1(_))) => {
            let key = secp256k1::recover(&signature.data, message)?;
            if Address::new_secp256k1(&key) == *signer {
                Ok(())
            } else {
                Err(SignatureError::Mismatch)
            }
        }
        (SignatureType::Bls | SignatureType::Secp256k1, _) => Err(wrong_address(signature, signer)),
        (SignatureType::Delegated, _) => Err(SignatureError::UnsupportedType(signature.kind)),
    }
}

/// Something to check: that `signer` made `signature` over `message`.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The signature.
    pub signature: &'a Signature,
    /// The key address that is said to have made it.
    pub signer: &'a Address,
    /// What was signed.
    pub message: &'a [u8],
}

/// The first claim of a batch that is false.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("signature {index} by {signer}: {reason}")]
pub struct BatchError {
    /// Its position in the batch.
    pub index: usize,
    /// Who was said to have signed.
    pub signer: Address,
    /// What is wrong.
    #[source]
    pub reason: Box<SignatureError>,
}

/// Checks independent signatures on all of rayon's threads.
///
/// # Errors
/// The false claim with the lowest index, whatever the order in which they were checked.
pub fn verify_batch(claims: &[Claim<'_>]) -> Result<(), BatchError> {
    let first_false = claims
        .par_iter()
        .enumerate()
        .find_map_first(|(index, claim)| {
            verify(claim.signature, claim.signer, claim.message)
                .err()
                .map(|reason| BatchError {
                    index,
                    signer: *claim.signer,
                    reason: Box::new(reason),
                })
        });
    first_false.map_or(Ok(()), Err)
}

/// Adds up BLS signatures, for a block header's `BLSAggregate`. No signatures give the point at
/// infinity.
///
/// # Errors
/// When one of them is of another type or malformed.
pub fn aggregate(signatures: &[Signature]) -> Result<Signature, SignatureError> {
    let data: Vec<&[u8]> = signatures.iter().map(bls_data).collect::<Result<_, _>>()?;
    Ok(Signature::new_bls(bls::aggregate(&data)?))
}

/// Checks a block header's `BLSAggregate` over (signer, message) pairs, one pair per BLS message.
///
/// # Errors
/// When the aggregate is not a BLS signature, a signer is not an `f3` address, or see
/// [`bls::verify_aggregate`].
pub fn verify_aggregate<M: AsRef<[u8]> + Sync>(
    signature: &Signature,
    pairs: &[(Address, M)],
) -> Result<(), SignatureError> {
    let data = bls_data(signature)?;
    let pairs = pairs
        .iter()
        .map(|(signer, message)| match signer.payload() {
            Some(Payload::Bls(key)) => Ok((key, message.as_ref())),
            _ => Err(wrong_address(signature, signer)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    bls::verify_aggregate(data, &pairs)
}

fn bls_data(signature: &Signature) -> Result<&[u8], SignatureError> {
    match signature.kind {
        SignatureType::Bls => Ok(&signature.data),
        other => Err(SignatureError::NotBls(other)),
    }
}

fn wrong_address(signature: &Signature, signer: &Address) -> SignatureError {
    SignatureError::WrongAddress {
        signature: signature.kind,
        signer: *signer,
    }
}

#[cfg(test)]
mod tests;
