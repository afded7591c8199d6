//! A sector that a Go Lotus sealed: the same inputs must give the same commitments and phases.

use std::{env, fs, path::Path, process::Command};

use data_encoding::{BASE64, HEXLOWER};
use lotus_ports::proofs::{Prover, Randomness, SealVerifyInfo, Verifier};
use lotus_proofs::{
    FilecoinProver, FilecoinVerifier, params::PARAMETER_CACHE_ENV, presealing::sector_paths,
};
use lotus_types::{
    PieceInfo,
    sector::{SectorCids, SectorRef, UnpaddedPieceSize},
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus");

#[derive(Deserialize)]
struct Recording {
    sector: SectorRef,
    ticket: String,
    seed: String,
    pieces: Vec<PieceInfo>,
    pre_commit1: Value,
    cids: SectorCids,
    commit1_bytes: usize,
    commit1_sha256: String,
    proof: String,
}

fn recording() -> Recording {
    let text = fs::read(Path::new(FIXTURES).join("worker/sealing.json")).expect("fixture");
    serde_json::from_slice(&text).expect("recording")
}

fn randomness(base64: &str) -> Randomness {
    let bytes = BASE64.decode(base64.as_bytes()).expect("base64");
    bytes.try_into().expect("32 bytes")
}

/// Paths differ from machine to machine; nothing else may.
fn without_paths(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.remove("path");
            for field in fields.values_mut() {
                *field = without_paths(field.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_paths(item.take());
            }
        }
        _ => {}
    }
    value
}

#[test]
fn sealing_gives_what_lotus_got_in_every_phase() {
    let (recorded, prover) = (recording(), FilecoinProver::new());
    let (ticket, seed) = (randomness(&recorded.ticket), randomness(&recorded.seed));
    let dir = tempfile::tempdir().expect("directory");
    let (sector, paths) = (
        recorded.sector,
        sector_paths(dir.path(), recorded.sector.id),
    );
    for kind in ["unsealed", "sealed"] {
        fs::create_dir_all(dir.path().join(kind)).expect("directory");
    }

    let mut staged = fs::File::create(&paths.unsealed).expect("file");
    let size = UnpaddedPieceSize(2032);
    let piece = prover.add_piece(
        sector.proof_type,
        size,
        &mut std::io::repeat(0),
        &mut staged,
    );
    let pieces = vec![piece.expect("piece")];
    assert_eq!(pieces, recorded.pieces);

    let phase1 = prover
        .seal_pre_commit1(&sector, &ticket, &pieces, &paths)
        .expect("PC1");
    let json: Value = serde_json::from_slice(&phase1).expect("json");
    assert_eq!(without_paths(json), without_paths(recorded.pre_commit1));

    let cids = prover
        .seal_pre_commit2(&sector, &phase1, &paths)
        .expect("PC2");
    assert_eq!(cids, recorded.cids);

    let phase1 = prover
        .seal_commit1(&sector, &ticket, &seed, &pieces, &cids, &paths)
        .expect("C1");
    assert_eq!(phase1.len(), recorded.commit1_bytes);
    assert_eq!(
        HEXLOWER.encode(&Sha256::digest(&phase1)),
        recorded.commit1_sha256
    );
}

/// PreCommit1's output as Lotus wrote it, paths of another machine included, is as good as ours.
#[test]
fn pre_commit2_takes_the_phase_1_output_that_lotus_wrote() {
    let (recorded, prover) = (recording(), FilecoinProver::new());
    let dir = tempfile::tempdir().expect("directory");
    let (sector, paths) = (
        recorded.sector,
        sector_paths(dir.path(), recorded.sector.id),
    );
    for kind in ["unsealed", "sealed"] {
        fs::create_dir_all(dir.path().join(kind)).expect("directory");
    }
    fs::write(&paths.unsealed, [0; 2048]).expect("file");
    let ticket = randomness(&recorded.ticket);
    prover
        .seal_pre_commit1(&sector, &ticket, &recorded.pieces, &paths)
        .expect("PC1");
    let theirs = serde_json::to_vec(&recorded.pre_commit1).expect("json");
    assert_eq!(
        prover
            .seal_pre_commit2(&sector, &theirs, &paths)
            .expect("PC2"),
        recorded.cids
    );
}

/// With nothing but the recorded verifying keys in the parameter directory.
#[test]
fn the_recorded_proof_verifies_and_altered_claims_do_not() {
    const INSIDE: &str = "LOTUS_PROOFS_TEST_RECORDED";
    if env::var_os(INSIDE).is_none() {
        let name = "recorded::the_recorded_proof_verifies_and_altered_claims_do_not";
        let status = Command::new(env::current_exe().expect("this test"))
            .args([name, "--exact", "--nocapture"])
            .env(
                PARAMETER_CACHE_ENV,
                Path::new(FIXTURES).join("real-chain/vk"),
            )
            .env(INSIDE, "1")
            .status();
        assert!(
            status.expect("this binary runs").success(),
            "failed, see above"
        );
        return;
    }
    let (recorded, verifier) = (recording(), FilecoinVerifier::new());
    let good = SealVerifyInfo {
        seal_proof: recorded.sector.proof_type,
        sector: recorded.sector.id,
        ticket: randomness(&recorded.ticket),
        seed: randomness(&recorded.seed),
        proof: BASE64.decode(recorded.proof.as_bytes()).expect("base64"),
        sealed: recorded.cids.sealed,
        unsealed: recorded.cids.unsealed,
    };
    assert!(verifier.verify_seal(&good).expect("well-formed"));

    let mut seed = good.clone();
    seed.seed[0] ^= 1;
    let mut number = good.clone();
    number.sector.number += 1;
    let mut miner = good.clone();
    miner.sector.miner += 1;
    for altered in [seed, number, miner] {
        assert!(
            !verifier.verify_seal(&altered).expect("well-formed"),
            "{altered:?}"
        );
    }

    let mut flipped = good.clone();
    flipped.proof[5] ^= 1;
    let mut short = good.clone();
    short.proof.pop();
    let swapped = SealVerifyInfo {
        sealed: good.unsealed,
        ..good.clone()
    };
    let unknown = SealVerifyInfo {
        seal_proof: lotus_types::RegisteredSealProof(99),
        ..good
    };
    for malformed in [flipped, short, swapped, unknown] {
        let verdict = verifier.verify_seal(&malformed);
        assert!(
            verdict.as_ref().is_err_and(|e| e.is_bad_input()),
            "{verdict:?}"
        );
    }
}
