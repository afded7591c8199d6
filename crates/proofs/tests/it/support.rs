//! Sectors, and re-running a test with the parameter directory set.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use lotus_ports::proofs::{Prover, Randomness, SectorPaths};
use lotus_proofs::{
    FilecoinProver,
    params::{
        Circuit, DEVNET_SEED, GenerationRequest, PARAMETER_CACHE_ENV, ParameterCache,
        generate_parameters,
    },
    presealing::sector_paths,
};
use lotus_types::{
    PieceInfo, RegisteredSealProof, SectorId, SectorNumber,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize},
};

pub(crate) const SEAL: RegisteredSealProof = RegisteredSealProof::STACKED_DRG_2KIB_V1_1;
pub(crate) const MINER: u64 = 1000;
pub(crate) const TICKET: Randomness = [0x25; 32];
const INSIDE: &str = "LOTUS_PROOFS_TEST_INSIDE";

pub(crate) struct Sector {
    pub(crate) sector: SectorRef,
    pub(crate) paths: SectorPaths,
    pub(crate) pieces: Vec<PieceInfo>,
    pub(crate) cids: SectorCids,
    pub(crate) data: Vec<u8>,
}

/// Stages and pre-commits a sector of two pieces.
pub(crate) fn pre_commit(prover: &FilecoinProver, root: &Path, number: SectorNumber) -> Sector {
    let (sector, paths, pieces, data) = stage(prover, root, number);
    let phase1 = prover
        .seal_pre_commit1(&sector, &TICKET, &pieces, &paths)
        .expect("PC1");
    let cids = prover
        .seal_pre_commit2(&sector, &phase1, &paths)
        .expect("PC2");
    Sector {
        sector,
        paths,
        pieces,
        cids,
        data,
    }
}

/// Writes the unsealed file of a sector with two pieces.
pub(crate) fn stage(
    prover: &FilecoinProver,
    root: &Path,
    number: SectorNumber,
) -> (SectorRef, SectorPaths, Vec<PieceInfo>, Vec<u8>) {
    let sector = SectorRef {
        id: SectorId {
            miner: MINER,
            number,
        },
        proof_type: SEAL,
    };
    let paths = sector_paths(root, sector.id);
    for kind in ["unsealed", "sealed"] {
        fs::create_dir_all(root.join(kind)).expect("directory");
    }
    let data: Vec<u8> = (0..2032_u64)
        .map(|i| (i * i + 3 * i + number) as u8)
        .collect();
    let mut staged = fs::File::create(&paths.unsealed).expect("file");
    let mut add = |mut piece: &[u8]| {
        let size = UnpaddedPieceSize(piece.len() as u64);
        prover
            .add_piece(SEAL, size, &mut piece, &mut staged)
            .expect("piece")
    };
    let pieces = vec![add(&data[..1016]), add(&data[1016..])];
    (sector, paths, pieces, data)
}

/// Runs the test `name` of this binary again with the parameter directory in its environment: the
/// library reads it once per process. Answers true inside of that second run, where the test does
/// its work, and false when the work is done or there are no parameters to do it with.
pub(crate) fn with_params(name: &str, circuits: &[Circuit]) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let Some(dir) = params_dir(circuits) else {
        eprintln!("{name}: skipped, there are no 2 KiB parameters (LOTUS_SLOW=1 makes them)");
        return false;
    };
    let status = Command::new(env::current_exe().expect("this test"))
        .args([name, "--exact", "--nocapture"])
        .env(PARAMETER_CACHE_ENV, dir)
        .env(INSIDE, "1")
        .status()
        .expect("this binary runs");
    assert!(status.success(), "{name} failed, see above");
    false
}

fn params_dir(circuits: &[Circuit]) -> Option<PathBuf> {
    let dir = env::var_os(PARAMETER_CACHE_ENV)
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cache/lotus-rs/params-2048")))?;
    let cache = ParameterCache::at(&dir);
    if circuits
        .iter()
        .all(|c| cache.check_params(*c, 2048).is_ok())
    {
        return Some(dir);
    }
    env::var_os("LOTUS_SLOW")?;
    let request = GenerationRequest {
        sector_size: 2048,
        dir: dir.clone(),
        seed: DEVNET_SEED,
        circuits: circuits.to_vec(),
        aggregation: true,
        allow_default_dir: false,
    };
    generate_parameters(&request, &mut |_| {}).expect("parameters");
    Some(dir)
}
