//! Randomness drawn from the chain's tickets and beacon entries.
//!
//! Every use of randomness has its own domain separation tag, so that one draw says nothing about
//! another: `blake2b-256(tag as 8 bytes BE ‖ blake2b-256(base) ‖ epoch as 8 bytes BE ‖ entropy)`.

use crate::hash::blake2b_256;

/// What randomness is drawn for. The numbers are consensus (the protocol's `DomainSeparationTag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i64)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum DomainSeparationTag {
    TicketProduction = 1,
    ElectionProofProduction = 2,
    WinningPoStChallengeSeed = 3,
    WindowedPoStChallengeSeed = 4,
    SealRandomness = 5,
    InteractiveSealChallengeSeed = 6,
    WindowedPoStDeadlineAssignment = 7,
    MarketDealCronSeed = 8,
    PoStChainCommit = 9,
}

impl From<DomainSeparationTag> for i64 {
    fn from(tag: DomainSeparationTag) -> Self {
        tag as Self
    }
}

/// Draws 32 bytes from `base`, the bytes of a ticket's VRF proof or of a beacon entry.
///
/// `tag` is a [`DomainSeparationTag`] or, as the API allows, any number.
pub fn draw_randomness(base: &[u8], tag: impl Into<i64>, epoch: i64, entropy: &[u8]) -> [u8; 32] {
    draw_randomness_from_digest(&blake2b_256(base), tag, epoch, entropy)
}

/// The same from a base that is hashed already (what the VM's externs hand out).
pub fn draw_randomness_from_digest(
    digest: &[u8; 32],
    tag: impl Into<i64>,
    epoch: i64,
    entropy: &[u8],
) -> [u8; 32] {
    let mut preimage = Vec::with_capacity(48 + entropy.len());
    preimage.extend_from_slice(&tag.into().to_be_bytes());
    preimage.extend_from_slice(digest);
    preimage.extend_from_slice(&epoch.to_be_bytes());
    preimage.extend_from_slice(entropy);
    blake2b_256(&preimage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_preimage_counts() {
        let drawn = draw_randomness(b"base", DomainSeparationTag::SealRandomness, 7, b"entropy");
        for other in [
            draw_randomness(b"bass", DomainSeparationTag::SealRandomness, 7, b"entropy"),
            draw_randomness(b"base", DomainSeparationTag::PoStChainCommit, 7, b"entropy"),
            draw_randomness(b"base", DomainSeparationTag::SealRandomness, 8, b"entropy"),
            draw_randomness(b"base", DomainSeparationTag::SealRandomness, 7, b""),
        ] {
            assert_ne!(drawn, other);
        }
    }

    #[test]
    fn negative_epochs_are_written_in_twos_complement() {
        let preimage = [&5_i64.to_be_bytes()[..], &[9; 32], &[0xff; 8], b"e"].concat();
        assert_eq!(
            draw_randomness_from_digest(&[9; 32], DomainSeparationTag::SealRandomness, -1, b"e"),
            blake2b_256(&preimage)
        );
    }
}
