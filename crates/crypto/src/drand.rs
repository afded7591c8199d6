//! drand: what a beacon's signature covers in each scheme, and its verification.
//!
//! | scheme | public key | signature | message |
//! |---|---|---|---|
//! | `pedersen-bls-chained` | G1, 48 bytes | G2, 96 bytes | sha256(previous signature ‖ round) |
//! | `pedersen-bls-unchained` | G1, 48 bytes | G2, 96 bytes | sha256(round) |
//! | `bls-unchained-g1-rfc9380` ("quicknet") | G2, 96 bytes | G1, 48 bytes | sha256(round) |
//!
//! The round is 8 bytes big-endian; the randomness of a round is sha256 of its signature. Filecoin
//! uses the signature itself as the entry's data.

use std::{fmt, str::FromStr};

use blstrs::{G1Affine, G2Affine, Gt, PairingG2G1};
use group::prime::PrimeCurveAffine as _;

use crate::{SignatureError, bls, hash::sha256};

/// Hash-to-curve domain of signatures in G1, as RFC 9380 names it.
const G1_DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
const G1_LEN: usize = 48;
const G2_LEN: usize = 96;

/// A drand scheme that Filecoin networks use or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `pedersen-bls-chained`: each round signs the previous signature too (drand mainnet).
    PedersenBlsChained,
    /// `pedersen-bls-unchained`: rounds are independent.
    PedersenBlsUnchained,
    /// `bls-unchained-g1-rfc9380`: independent rounds, short signatures (quicknet).
    BlsUnchainedG1Rfc9380,
}

/// The name of a scheme that is not supported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("drand scheme \"{0}\" is not supported")]
pub struct UnknownScheme(pub String);

impl Scheme {
    /// The scheme's id in drand's chain info.
    pub const fn id(self) -> &'static str {
        match self {
            Self::PedersenBlsChained => "pedersen-bls-chained",
            Self::PedersenBlsUnchained => "pedersen-bls-unchained",
            Self::BlsUnchainedG1Rfc9380 => "bls-unchained-g1-rfc9380",
        }
    }

    /// True when a round can only be verified with the signature of the round before.
    pub const fn is_chained(self) -> bool {
        matches!(self, Self::PedersenBlsChained)
    }

    /// Bytes of a signature.
    pub const fn signature_len(self) -> usize {
        match self {
            Self::PedersenBlsChained | Self::PedersenBlsUnchained => G2_LEN,
            Self::BlsUnchainedG1Rfc9380 => G1_LEN,
        }
    }

    /// The 32 bytes that are signed in `round`. `previous_signature` counts in the chained scheme
    /// only; round 1 of a chain uses its group hash there.
    pub fn message(self, round: u64, previous_signature: &[u8]) -> [u8; 32] {
        if self.is_chained() {
            sha256(&[previous_signature, &round.to_be_bytes()])
        } else {
            sha256(&[&round.to_be_bytes()])
        }
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(id: &str) -> Result<Self, UnknownScheme> {
        [
            Self::PedersenBlsChained,
            Self::PedersenBlsUnchained,
            Self::BlsUnchainedG1Rfc9380,
        ]
        .into_iter()
        .find(|scheme| scheme.id() == id)
        .ok_or_else(|| UnknownScheme(id.to_owned()))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// The randomness that a round's signature stands for.
pub fn randomness(signature: &[u8]) -> [u8; 32] {
    sha256(&[signature])
}

/// Verifies the rounds of one drand chain.
#[derive(Debug, Clone)]
pub struct Verifier {
    scheme: Scheme,
    key: Key,
}

#[derive(Debug, Clone)]
enum Key {
    G1([u8; G1_LEN]),
    G2(G2Affine),
}

impl Verifier {
    /// For a chain with this scheme and distributed public key.
    ///
    /// # Errors
    /// When the key is not a point of the scheme's key group, or is the point at infinity.
    pub fn new(scheme: Scheme, public_key: &[u8]) -> Result<Self, SignatureError> {
        const PART: &str = "drand public key";
        let wrong_length = |expected| SignatureError::WrongLength {
            part: PART,
            expected,
            got: public_key.len(),
        };
        let key = match scheme {
            Scheme::PedersenBlsChained | Scheme::PedersenBlsUnchained => {
                let bytes = public_key.try_into().map_err(|_| wrong_length(G1_LEN))?;
                if !bls::is_valid_public_key(public_key) {
                    return Err(SignatureError::MalformedPoint(PART));
                }
                Key::G1(bytes)
            }
            Scheme::BlsUnchainedG1Rfc9380 => {
                let bytes = public_key.try_into().map_err(|_| wrong_length(G2_LEN))?;
                let point = Option::<G2Affine>::from(G2Affine::from_compressed(bytes))
                    .ok_or(SignatureError::MalformedPoint(PART))?;
                if point.is_identity().into() {
                    return Err(SignatureError::InfinityKey);
                }
                Key::G2(point)
            }
        };
        Ok(Self { scheme, key })
    }

    /// The chain's scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Checks the signature of `round`; `previous_signature` is looked at in the chained scheme only.
    ///
    /// # Errors
    /// When the signature is malformed or does not match.
    pub fn verify(
        &self,
        round: u64,
        previous_signature: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let message = self.scheme.message(round, previous_signature);
        match &self.key {
            Key::G1(key) => bls::verify(signature, key, &message),
            Key::G2(key) => verify_in_g1(key, &message, signature),
        }
    }
}

/// Signature in G1, key in G2: e(signature, g2) = e(H(message), key).
fn verify_in_g1(key: &G2Affine, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    const PART: &str = "drand signature";
    let bytes: &[u8; G1_LEN] = signature
        .try_into()
        .map_err(|_| SignatureError::WrongLength {
            part: PART,
            expected: G1_LEN,
            got: signature.len(),
        })?;
    let signature = Option::<G1Affine>::from(G1Affine::from_compressed(bytes))
        .ok_or(SignatureError::MalformedPoint(PART))?;
    let mut pairing = PairingG2G1::new(true, G1_DOMAIN);
    pairing
        .aggregate(key, None, message, &[])
        .map_err(|_| SignatureError::InfinityKey)?;
    pairing.commit();
    let mut expected = Gt::default();
    PairingG2G1::aggregated(&mut expected, &signature);
    if pairing.finalverify(Some(&expected)) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

#[cfg(test)]
mod tests;
