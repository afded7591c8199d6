//! Times every step of a 2 KiB sector through this crate against a bare loop of the library's own
//! calls: `cargo run -p lotus-proofs --example sealing-bench [ROUNDS]`, with
//! `FIL_PROOFS_PARAMETER_CACHE` set for the PoSt rows.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use filecoin_proofs_api as api;
use lotus_ports::proofs::{PoStVerifyInfo, Prover, Replica, SectorPaths, UnsealRange, Verifier};
use lotus_proofs::{
    FilecoinProver, FilecoinVerifier,
    commp::CommP,
    params::{Circuit, ParameterCache},
    presealing::sector_paths,
};
use lotus_types::{
    PieceInfo, RegisteredPoStProof, RegisteredSealProof, SectorId, SectorInfo,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize, comm_d, comm_r},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const SEAL: RegisteredSealProof = RegisteredSealProof::STACKED_DRG_2KIB_V1_1;
const API_SEAL: api::RegisteredSealProof = api::RegisteredSealProof::StackedDrg2KiBV1_1;
const TICKET: [u8; 32] = [5; 32];
/// Actor 1000 as the library wants it.
const PROVER_ID: [u8; 32] = {
    let mut id = [0; 32];
    (id[0], id[1]) = (0xe8, 0x07);
    id
};

/// Prints the fastest of `rounds` runs of ours and of the bare calls.
fn row<A, B>(
    name: &str,
    rounds: u32,
    mut ours: impl FnMut() -> Outcome<A>,
    mut bare: impl FnMut() -> Outcome<B>,
) -> Outcome<(A, B)> {
    let (a, b) = (ours()?, bare()?);
    let mut best = [Duration::MAX; 2];
    for _ in 0..rounds {
        let start = Instant::now();
        ours()?;
        best[0] = best[0].min(start.elapsed());
        let start = Instant::now();
        bare()?;
        best[1] = best[1].min(start.elapsed());
    }
    let [ours, bare] = best.map(|d| d.as_secs_f64() * 1e3);
    println!(
        "{name:<24} {ours:>10.2} ms {bare:>10.2} ms {:>6.2}",
        ours / bare
    );
    Ok((a, b))
}

fn main() -> Outcome<()> {
    let rounds = env::args().nth(1).map_or(Ok(3), |r| r.parse())?;
    let root = env::temp_dir().join(format!("lotus-sealing-bench-{}", std::process::id()));
    let result = run(&root, rounds);
    fs::remove_dir_all(&root)?;
    result
}

fn run(root: &Path, rounds: u32) -> Outcome<()> {
    let sector = SectorRef {
        id: SectorId {
            miner: 1000,
            number: 1,
        },
        proof_type: SEAL,
    };
    let paths = sector_paths(root, sector.id);
    for kind in ["unsealed", "sealed", "cache"] {
        fs::create_dir_all(root.join(kind))?;
    }
    println!(
        "{:<24} {:>13} {:>13} {:>6}",
        "step", "lotus-proofs", "bare calls", "ratio"
    );
    commitment(rounds)?;
    let (pieces, cids) = seal(&sector, &paths, rounds)?;
    open_and_unseal(&sector, &paths, &pieces, &cids, rounds)?;
    let cache = ParameterCache::of_this_process();
    if cache.check_params(Circuit::WinningPoSt, 2048).is_ok() {
        post(&sector, &paths, &cids, rounds)?;
    }
    Ok(())
}

fn commitment(rounds: u32) -> Outcome<()> {
    let data: Vec<u8> = (0..127_u64 << 17).map(|i| (i * i) as u8).collect();
    row(
        "CommP of 16 MiB",
        rounds,
        || {
            let mut commp = CommP::new();
            commp.update(&data);
            Ok(commp.finish()?)
        },
        || {
            let size = api::UnpaddedBytesAmount(data.len() as u64);
            Ok(api::seal::generate_piece_commitment(
                API_SEAL,
                &data[..],
                size,
            )?)
        },
    )?;
    Ok(())
}

fn api_pieces(pieces: &[PieceInfo]) -> Outcome<Vec<api::PieceInfo>> {
    pieces
        .iter()
        .map(|piece| {
            let size = api::UnpaddedBytesAmount(piece.size.unpadded().0);
            Ok(api::PieceInfo::new(comm_d(&piece.piece_cid)?, size)?)
        })
        .collect()
}

/// The library would go on with the labels of an earlier run, so those are removed as ours are.
fn bare_phase1(
    sector: &SectorRef,
    paths: &SectorPaths,
    pieces: &[api::PieceInfo],
) -> Outcome<api::seal::SealPreCommitPhase1Output> {
    fs::remove_dir_all(&paths.cache)?;
    fs::create_dir_all(&paths.cache)?;
    fs::File::create(&paths.sealed)?;
    Ok(api::seal::seal_pre_commit_phase1(
        API_SEAL,
        &paths.cache,
        &paths.unsealed,
        &paths.sealed,
        PROVER_ID,
        sector.id.number.into(),
        TICKET,
        pieces,
    )?)
}

fn seal(
    sector: &SectorRef,
    paths: &SectorPaths,
    rounds: u32,
) -> Outcome<(Vec<PieceInfo>, SectorCids)> {
    // The library has no counterpart of the replica check.
    let prover = FilecoinProver::new().with_check_rounds(0);
    let data = [7; 2032];
    let size = UnpaddedPieceSize(2032);
    let (piece, _) = row(
        "AddPiece",
        rounds,
        || {
            let mut staged = fs::File::create(&paths.unsealed)?;
            Ok(prover.add_piece(SEAL, size, &mut &data[..], &mut staged)?)
        },
        || {
            let staged = fs::File::options()
                .read(true)
                .write(true)
                .truncate(true)
                .open(&paths.unsealed)?;
            let size = api::UnpaddedBytesAmount(2032);
            Ok(api::seal::add_piece(
                API_SEAL,
                &data[..],
                staged,
                size,
                &[],
            )?)
        },
    )?;
    let pieces = vec![piece];
    let theirs = api_pieces(&pieces)?;
    let (phase1, api_phase1) = row(
        "PreCommit1",
        rounds,
        || Ok(prover.seal_pre_commit1(sector, &TICKET, &pieces, paths)?),
        || bare_phase1(sector, paths, &theirs),
    )?;
    let (cids, _) = row(
        "PreCommit1 and 2",
        rounds,
        || {
            prover.seal_pre_commit1(sector, &TICKET, &pieces, paths)?;
            Ok(prover.seal_pre_commit2(sector, &phase1, paths)?)
        },
        || {
            bare_phase1(sector, paths, &theirs)?;
            let phase1 = api_phase1.clone();
            Ok(api::seal::seal_pre_commit_phase2(
                phase1,
                &paths.cache,
                &paths.sealed,
            )?)
        },
    )?;
    Ok((pieces, cids))
}

fn open_and_unseal(
    sector: &SectorRef,
    paths: &SectorPaths,
    pieces: &[PieceInfo],
    cids: &SectorCids,
    rounds: u32,
) -> Outcome<()> {
    let prover = FilecoinProver::new();
    let theirs = api_pieces(pieces)?;
    let (comm_r, comm_d) = (comm_r(&cids.sealed)?, comm_d(&cids.unsealed)?);
    row(
        "Commit1",
        rounds,
        || Ok(prover.seal_commit1(sector, &TICKET, &[9; 32], pieces, cids, paths)?),
        || {
            let output = api::seal::seal_commit_phase1(
                &paths.cache,
                &paths.sealed,
                PROVER_ID,
                sector.id.number.into(),
                TICKET,
                [9; 32],
                api::seal::SealPreCommitPhase2Output {
                    registered_proof: API_SEAL,
                    comm_r,
                    comm_d,
                },
                &theirs,
            )?;
            Ok(serde_json::to_vec(&output)?)
        },
    )?;
    row(
        "Unseal",
        rounds,
        || {
            let range = UnsealRange {
                offset: 0,
                size: UnpaddedPieceSize(2032),
            };
            let unsealed = &cids.unsealed;
            Ok(prover.unseal_range(sector, paths, unsealed, &TICKET, range, &mut io::sink())?)
        },
        || {
            Ok(api::seal::unseal_range(
                API_SEAL,
                paths.cache.clone(),
                fs::File::open(&paths.sealed)?,
                io::sink(),
                PROVER_ID,
                sector.id.number.into(),
                comm_d,
                TICKET,
                api::UnpaddedByteIndex(0),
                api::UnpaddedBytesAmount(2032),
            )?)
        },
    )?;
    Ok(())
}

fn post(sector: &SectorRef, paths: &SectorPaths, cids: &SectorCids, rounds: u32) -> Outcome<()> {
    let (prover, verifier) = (FilecoinProver::new(), FilecoinVerifier::new());
    let proof = RegisteredPoStProof::STACKED_DRG_WINNING_2KIB_V1;
    let api_proof = api::RegisteredPoStProof::StackedDrgWinning2KiBV1;
    let number = sector.id.number;
    let info = SectorInfo {
        seal_proof: SEAL,
        sector_number: number,
        sealed_cid: cids.sealed,
    };
    let (sealed, cache) = (paths.sealed.clone(), paths.cache.clone());
    let replicas = [Replica {
        info: info.clone(),
        sealed: sealed.clone(),
        cache: cache.clone(),
    }];
    let comm_r = comm_r(&cids.sealed)?;
    let private: BTreeMap<_, _> = [(
        api::SectorId::from(number),
        api::PrivateReplicaInfo::new(api_proof, comm_r, cache, sealed),
    )]
    .into();
    let public: BTreeMap<_, _> = [(
        api::SectorId::from(number),
        api::PublicReplicaInfo::new(api_proof, comm_r),
    )]
    .into();
    let (proofs, bare) = row(
        "WinningPoSt",
        rounds,
        || Ok(prover.generate_winning_post(proof, 1000, &replicas, &TICKET)?),
        || {
            Ok(api::post::generate_winning_post(
                &TICKET, &private, PROVER_ID,
            )?)
        },
    )?;
    let claim = PoStVerifyInfo {
        randomness: TICKET,
        proofs,
        sectors: vec![info],
        prover: 1000,
    };
    row(
        "verify WinningPoSt",
        rounds,
        || Ok(verifier.verify_winning_post(&claim)?),
        || {
            Ok(api::post::verify_winning_post(
                &TICKET, &bare[0].1, &public, PROVER_ID,
            )?)
        },
    )?;
    Ok(())
}
