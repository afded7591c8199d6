//! From the chain's nouns to the proof library's, and from its failures to ours.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use filecoin_proofs_api as api;
use lotus_ports::proofs::{ProofError, Randomness};
use lotus_types::{
    ActorId, Cid, PieceInfo, RegisteredPoStProof, RegisteredSealProof, SectorNumber, sector,
};

/// A commitment as the library takes it.
pub(crate) type Commitment = [u8; 32];

pub(crate) fn seal_proof(
    proof: RegisteredSealProof,
) -> Result<api::RegisteredSealProof, ProofError> {
    use api::RegisteredSealProof as P;
    Ok(match proof.0 {
        0 => P::StackedDrg2KiBV1,
        1 => P::StackedDrg8MiBV1,
        2 => P::StackedDrg512MiBV1,
        3 => P::StackedDrg32GiBV1,
        4 => P::StackedDrg64GiBV1,
        5 => P::StackedDrg2KiBV1_1,
        6 => P::StackedDrg8MiBV1_1,
        7 => P::StackedDrg512MiBV1_1,
        8 => P::StackedDrg32GiBV1_1,
        9 => P::StackedDrg64GiBV1_1,
        other => return Err(ProofError::Unsupported(format!("seal proof type {other}"))),
    })
}

/// Bytes of a sector sealed so.
pub(crate) fn sector_size(proof: RegisteredSealProof) -> Result<u64, ProofError> {
    proof
        .sector_size()
        .ok_or_else(|| ProofError::Unsupported(format!("seal proof type {proof}")))
}

pub(crate) fn post_proof(
    proof: RegisteredPoStProof,
) -> Result<api::RegisteredPoStProof, ProofError> {
    use api::RegisteredPoStProof as P;
    Ok(match proof.0 {
        0 => P::StackedDrgWinning2KiBV1,
        1 => P::StackedDrgWinning8MiBV1,
        2 => P::StackedDrgWinning512MiBV1,
        3 => P::StackedDrgWinning32GiBV1,
        4 => P::StackedDrgWinning64GiBV1,
        5 => P::StackedDrgWindow2KiBV1,
        6 => P::StackedDrgWindow8MiBV1,
        7 => P::StackedDrgWindow512MiBV1,
        8 => P::StackedDrgWindow32GiBV1,
        9 => P::StackedDrgWindow64GiBV1,
        // The chain's V1_1 (network version 19) is the library's V1_2.
        10 => P::StackedDrgWindow2KiBV1_2,
        11 => P::StackedDrgWindow8MiBV1_2,
        12 => P::StackedDrgWindow512MiBV1_2,
        13 => P::StackedDrgWindow32GiBV1_2,
        14 => P::StackedDrgWindow64GiBV1_2,
        other => return Err(ProofError::Unsupported(format!("PoSt proof type {other}"))),
    })
}

pub(crate) fn update_proof(number: i64) -> Result<api::RegisteredUpdateProof, ProofError> {
    use api::RegisteredUpdateProof as P;
    Ok(match number {
        0 => P::StackedDrg2KiBV1,
        1 => P::StackedDrg8MiBV1,
        2 => P::StackedDrg512MiBV1,
        3 => P::StackedDrg32GiBV1,
        4 => P::StackedDrg64GiBV1,
        other => {
            return Err(ProofError::Unsupported(format!(
                "update proof type {other}"
            )));
        }
    })
}

pub(crate) fn aggregation(number: i64) -> Result<api::RegisteredAggregationProof, ProofError> {
    use api::RegisteredAggregationProof as P;
    match number {
        0 => Ok(P::SnarkPackV1),
        1 => Ok(P::SnarkPackV2),
        other => Err(ProofError::Unsupported(format!(
            "aggregate proof type {other}"
        ))),
    }
}

/// The prover's identity inside proofs: the payload of its ID address, filled up with zeros.
pub(crate) fn prover_id(miner: ActorId) -> api::ProverId {
    let mut id = [0; 32];
    let mut rest = miner;
    for byte in &mut id {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        *byte = if rest == 0 { low & 0x7f } else { low | 0x80 };
        if rest == 0 {
            break;
        }
    }
    id
}

pub(crate) fn sector_id(number: SectorNumber) -> api::SectorId {
    number.into()
}

/// Challenge seeds are field elements: 254 bits.
pub(crate) fn field_element(randomness: &Randomness) -> Randomness {
    let mut element = *randomness;
    element[31] &= 0x3f;
    element
}

pub(crate) fn comm_r(sealed: &Cid) -> Result<Commitment, ProofError> {
    sector::comm_r(sealed).map_err(|e| ProofError::Invalid(e.to_string()))
}

pub(crate) fn comm_d(unsealed: &Cid) -> Result<Commitment, ProofError> {
    sector::comm_d(unsealed).map_err(|e| ProofError::Invalid(e.to_string()))
}

pub(crate) fn pieces(pieces: &[PieceInfo]) -> Result<Vec<api::PieceInfo>, ProofError> {
    let convert = |piece: &PieceInfo| {
        let size = api::UnpaddedBytesAmount(piece.size.unpadded().0);
        api::PieceInfo::new(comm_d(&piece.piece_cid)?, size)
            .map_err(|e| ProofError::Invalid(format!("{e:#}")))
    };
    pieces.iter().map(convert).collect()
}

/// Calls the library to verify something. Its own files were checked before, so whatever makes it
/// fail is in what is being verified. A panic is a fault of this node: the library answers bad
/// input with errors, and a block must not be called bad for what may be a lack of memory.
pub(crate) fn verify_call(
    verify: impl FnOnce() -> anyhow::Result<bool>,
) -> Result<bool, ProofError> {
    match catch_unwind(AssertUnwindSafe(verify)) {
        Ok(Ok(verdict)) => Ok(verdict),
        Ok(Err(error)) => Err(ProofError::Invalid(format!("{error:#}"))),
        Err(panic) => Err(ProofError::Failed {
            call: "verifying",
            reason: panic_text(&*panic),
        }),
    }
}

/// Calls the library to work on a sector's files at `path`.
pub(crate) fn work_call<T>(
    call: &'static str,
    path: &Path,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> Result<T, ProofError> {
    let error = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => error,
        Err(panic) => {
            return Err(ProofError::Failed {
                call,
                reason: panic_text(&*panic),
            });
        }
    };
    let io_kind = error
        .chain()
        .find_map(|e| e.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    let reason = format!("{error:#}");
    Err(match io_kind {
        Some(kind) => ProofError::Storage {
            action: call,
            path: path.to_path_buf(),
            source: io::Error::new(kind, reason),
        },
        None => ProofError::Failed { call, reason },
    })
}

/// Says what was tried on which path when the system refuses.
pub(crate) fn storage<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> ProofError + 'a {
    move |source| ProofError::Storage {
        action,
        path: path.to_path_buf(),
        source,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the proof library panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prover_ids_are_the_payload_of_id_addresses() {
        let mut expected = [0; 32];
        assert_eq!(prover_id(0), expected);
        expected[..2].copy_from_slice(&[0xe8, 0x07]);
        assert_eq!(prover_id(1000), expected);
        expected[..10].copy_from_slice(&[0xff; 10]);
        expected[9] = 1;
        assert_eq!(prover_id(u64::MAX), expected);
    }

    #[test]
    fn sizes_agree_with_the_proof_librarys_for_every_type() {
        for number in 0..10 {
            let ours = RegisteredSealProof(number);
            let theirs = seal_proof(ours).expect("known");
            assert_eq!(
                ours.sector_size(),
                Some(u64::from(theirs.sector_size())),
                "{number}"
            );
            let winning = post_proof(ours.winning_post().expect("known")).expect("known");
            let window = post_proof(ours.window_post().expect("known")).expect("known");
            assert_eq!(winning.typ(), api::PoStType::Winning);
            assert_eq!(window.typ(), api::PoStType::Window);
            assert_eq!(winning.sector_size(), theirs.sector_size());
            assert_eq!(window.sector_size(), theirs.sector_size());
        }
        for number in 5..15 {
            let ours = RegisteredPoStProof(number);
            let theirs = post_proof(ours).expect("known");
            assert_eq!(
                ours.sector_size(),
                Some(u64::from(theirs.sector_size())),
                "{number}"
            );
            let sectors = u64::try_from(theirs.sector_count()).expect("small");
            assert_eq!(ours.window_partition_sectors(), Some(sectors), "{number}");
        }
    }

    #[test]
    fn an_error_while_verifying_blames_the_input_but_a_panic_this_node() {
        let refused = verify_call(|| anyhow::bail!("odd proof"));
        assert!(refused.is_err_and(|e| e.is_bad_input()));
        let panicked = verify_call(|| panic!("no memory"));
        assert!(panicked.is_err_and(|e| !e.is_bad_input() && e.to_string().contains("no memory")));
        let worked = work_call("sealing", Path::new("x"), || -> anyhow::Result<()> {
            panic!("no memory");
        });
        assert!(worked.is_err_and(|e| !e.is_bad_input() && e.to_string().contains("no memory")));
    }
}
