//! Sealing the sectors that a network is born with: `lotus-seed pre-seal`.
//!
//! # Lotus parity
//! The ticket of every sector is the BLAKE2b-256 hash of the preimage ("lotus is fire"), one piece
//! of the caller's data fills the sector, and the unsealed files are removed at the end. The
//! directory gets Lotus' `cache`, `sealed` and `unsealed` layout.

use std::{
    fs::{self, File},
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use filecoin_proofs_api as api;
use lotus_ports::proofs::{ProofError, Prover, Randomness, SectorPaths};
use lotus_types::{
    ActorId, Cid, RegisteredSealProof, SectorId, SectorNumber,
    sector::{PaddedPieceSize, SectorCids, SectorRef, sealed_cid},
};

use crate::{
    commp,
    convert::{seal_proof, sector_size, storage, work_call},
};

/// Which sectors to seal, and where.
#[derive(Debug, Clone)]
pub struct PresealRequest {
    /// The genesis miner.
    pub miner: ActorId,
    /// How to seal, and so the sector size.
    pub seal_proof: RegisteredSealProof,
    /// Number of the first sector.
    pub first: SectorNumber,
    /// How many sectors.
    pub count: u64,
    /// The sealing ticket: the hash of the ticket preimage.
    pub ticket: Randomness,
    /// The storage directory to fill; made when missing.
    pub root: PathBuf,
    /// Do not seal, but fake replicas that can be proven (`--fake-sectors`).
    pub fake: bool,
}

/// A sector that the genesis block can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preseal {
    /// Which sector.
    pub sector: SectorRef,
    /// Its commitments. The self-deal that fills it has CommD as its piece CID.
    pub cids: SectorCids,
}

/// Where a sector's files are below a storage directory.
pub fn sector_paths(root: &Path, sector: SectorId) -> SectorPaths {
    let path = |kind: &str| root.join(kind).join(sector.to_string());
    SectorPaths {
        unsealed: path("unsealed"),
        sealed: path("sealed"),
        cache: path("cache"),
    }
}

/// Seals the requested sectors with data from `data`, one after the other. The same request and
/// data give the same sectors; `lotus-seed` passes random data.
///
/// # Errors
/// See [`ProofError`]; [`ProofError::Invalid`] when `data` ends early. Sectors sealed before the
/// failure stay; sealing starts over with the same request.
pub fn preseal(
    prover: &dyn Prover,
    request: &PresealRequest,
    data: &mut dyn Read,
) -> Result<Vec<Preseal>, ProofError> {
    for kind in ["unsealed", "sealed", "cache"] {
        let dir = request.root.join(kind);
        fs::create_dir_all(&dir).map_err(storage("creating", &dir))?;
    }
    let end = request.first.checked_add(request.count);
    let end = end.ok_or_else(|| ProofError::Invalid("sector numbers overflow".to_owned()))?;
    (request.first..end)
        .map(|number| preseal_one(prover, request, number, data))
        .collect()
}

fn preseal_one(
    prover: &dyn Prover,
    request: &PresealRequest,
    number: SectorNumber,
    data: &mut dyn Read,
) -> Result<Preseal, ProofError> {
    let id = SectorId {
        miner: request.miner,
        number,
    };
    let sector = SectorRef {
        id,
        proof_type: request.seal_proof,
    };
    let paths = sector_paths(&request.root, id);
    let size = PaddedPieceSize(sector_size(request.seal_proof)?);
    if request.fake {
        let sealed = fake_replica(request.seal_proof, &paths.sealed, &paths.cache)?;
        let unsealed = commp::zero_piece(size)?.piece_cid;
        return Ok(Preseal {
            sector,
            cids: SectorCids { unsealed, sealed },
        });
    }

    let file = File::create(&paths.unsealed).map_err(storage("creating", &paths.unsealed))?;
    let mut staged = BufWriter::new(file);
    let piece = prover.add_piece(request.seal_proof, size.unpadded(), data, &mut staged)?;
    staged
        .flush()
        .map_err(storage("writing", &paths.unsealed))?;

    let phase1 = prover.seal_pre_commit1(&sector, &request.ticket, &[piece], &paths)?;
    let cids = prover.seal_pre_commit2(&sector, &phase1, &paths)?;
    prover.clear_cache(&sector, &paths.cache)?;
    fs::remove_file(&paths.unsealed).map_err(storage("removing", &paths.unsealed))?;
    Ok(Preseal { sector, cids })
}

/// Makes a replica of zeros that can be proven but was never sealed (`--fake-sectors`), with its
/// cache; returns CommR. In a moment, where sealing takes hours at large sizes.
///
/// # Errors
/// [`ProofError::Unsupported`] or [`ProofError::Storage`].
pub fn fake_replica(
    proof: RegisteredSealProof,
    sealed: &Path,
    cache: &Path,
) -> Result<Cid, ProofError> {
    let proof_type = seal_proof(proof)?;
    let size = sector_size(proof)?;
    fs::create_dir_all(cache).map_err(storage("creating", cache))?;
    File::create(sealed)
        .and_then(|file| file.set_len(size))
        .map_err(storage("creating", sealed))?;
    let comm_r = work_call("fauxrep", cache, || {
        api::seal::fauxrep(proof_type, cache, sealed)
    })?;
    Ok(sealed_cid(&comm_r))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::prover::FilecoinProver;

    fn request(root: &Path) -> PresealRequest {
        PresealRequest {
            miner: 1000,
            seal_proof: RegisteredSealProof::STACKED_DRG_2KIB_V1_1,
            first: 0,
            count: 2,
            ticket: [9; 32],
            root: root.to_path_buf(),
            fake: false,
        }
    }

    fn data() -> Cursor<Vec<u8>> {
        Cursor::new((0..2 * 2032_u32).map(|i| (i * i % 253) as u8).collect())
    }

    fn files(root: &Path, kind: &str) -> Vec<String> {
        let names = fs::read_dir(root.join(kind)).expect("dir").flatten();
        let mut names: Vec<_> = names
            .map(|f| f.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn seals_the_same_sectors_from_the_same_data() {
        let prover = FilecoinProver::new();
        let (one, two) = (
            tempfile::tempdir().expect("dir"),
            tempfile::tempdir().expect("dir"),
        );
        let first = preseal(&prover, &request(one.path()), &mut data()).expect("seals");
        let again = preseal(&prover, &request(two.path()), &mut data()).expect("seals");
        assert_eq!(first, again);
        assert_ne!(first[0].cids, first[1].cids);
        assert_eq!(first[1].sector.id.number, 1);

        assert_eq!(files(one.path(), "sealed"), ["s-t01000-0", "s-t01000-1"]);
        assert_eq!(files(one.path(), "unsealed"), [""; 0]);
        let cache = files(one.path(), "cache/s-t01000-0");
        assert_eq!(cache, ["p_aux", "sc-02-data-tree-r-last.dat", "t_aux"]);
    }

    #[test]
    fn starts_over_where_a_run_was_interrupted() {
        let (prover, dir) = (FilecoinProver::new(), tempfile::tempdir().expect("dir"));
        let short = preseal(
            &prover,
            &request(dir.path()),
            &mut &data().get_ref()[..3000],
        );
        assert!(
            short.is_err_and(|e| e.is_bad_input()),
            "the data ends in the second sector"
        );
        let whole = preseal(&prover, &request(dir.path()), &mut data()).expect("seals");
        assert_eq!(whole.len(), 2);
    }

    #[test]
    fn fakes_replicas_of_zeros() {
        let (prover, dir) = (FilecoinProver::new(), tempfile::tempdir().expect("dir"));
        let request = PresealRequest {
            fake: true,
            ..request(dir.path())
        };
        let sectors = preseal(&prover, &request, &mut std::io::empty()).expect("fakes");
        assert_eq!(
            sectors[0].cids.unsealed.to_string(),
            "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"
        );
        assert_eq!(files(dir.path(), "sealed").len(), 2);
    }
}
