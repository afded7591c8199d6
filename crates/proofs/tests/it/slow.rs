//! Real SNARKs: a sector's whole life at 2 KiB.

use std::{fs, path::Path};

use lotus_ports::proofs::{
    AggregateSealVerifyInfo, AggregatedSeal, PoStVerifyInfo, ProofError, Prover, Randomness,
    Replica, SealVerifyInfo, Verifier,
};
use lotus_proofs::{
    FilecoinProver, FilecoinVerifier,
    params::{
        Circuit, DEVNET_SEED, GenerationRequest, Outcome, ParameterCache, generate_parameters,
    },
};
use lotus_types::{PoStProof, RegisteredPoStProof, SectorInfo};

use crate::support::{MINER, SEAL, Sector, TICKET, pre_commit, with_params};

/// The top bits are set: drawn randomness is not a field element.
const CHALLENGE: Randomness = [0xd7; 32];
const SEED: Randomness = [0x71; 32];

fn replica(s: &Sector) -> Replica {
    Replica {
        info: SectorInfo {
            seal_proof: SEAL,
            sector_number: s.sector.id.number,
            sealed_cid: s.cids.sealed,
        },
        sealed: s.paths.sealed.clone(),
        cache: s.paths.cache.clone(),
    }
}

fn post_info(proofs: &[PoStProof], replicas: &[Replica]) -> PoStVerifyInfo {
    PoStVerifyInfo {
        randomness: CHALLENGE,
        proofs: proofs.to_vec(),
        sectors: replicas.iter().map(|r| r.info.clone()).collect(),
        prover: MINER,
    }
}

/// Everything that a false claim can get wrong. (Not the miner: a proof is bound to replicas, and
/// through their commitments to the miner.)
fn false_claims(good: &PoStVerifyInfo) -> Vec<PoStVerifyInfo> {
    let mut other_seed = good.clone();
    other_seed.randomness[0] ^= 1;
    let mut other_number = good.clone();
    other_number.sectors[0].sector_number += 100;
    let mut flipped = good.clone();
    let mut bytes = flipped.proofs[0].proof_bytes.to_vec();
    bytes[7] ^= 1;
    flipped.proofs[0].proof_bytes = bytes.into();
    let mut short = good.clone();
    short.proofs[0].proof_bytes = vec![1; 100].into();
    let mut none = good.clone();
    none.proofs.clear();
    vec![other_seed, other_number, flipped, short, none]
}

#[test]
fn winning_and_window_posts_hold_and_false_claims_do_not() {
    let name = "slow::winning_and_window_posts_hold_and_false_claims_do_not";
    if !with_params(name, &[Circuit::WinningPoSt, Circuit::WindowPoSt]) {
        return;
    }
    let (prover, verifier) = (FilecoinProver::new(), FilecoinVerifier::new());
    let dir = tempfile::tempdir().expect("directory");
    let sectors: Vec<_> = (0..3).map(|n| pre_commit(&prover, dir.path(), n)).collect();
    for s in &sectors {
        prover
            .clear_cache(&s.sector, &s.paths.cache)
            .expect("clears");
    }
    let replicas: Vec<_> = sectors.iter().map(replica).collect();

    let winning = RegisteredPoStProof::STACKED_DRG_WINNING_2KIB_V1;
    let challenged = verifier
        .generate_winning_post_sector_challenge(winning, MINER, &CHALLENGE, 3)
        .expect("challenge");
    let chosen: Vec<_> = challenged
        .iter()
        .map(|i| replicas[*i as usize].clone())
        .collect();
    let proofs = prover
        .generate_winning_post(winning, MINER, &chosen, &CHALLENGE)
        .expect("post");
    let good = post_info(&proofs, &chosen);
    assert!(verifier.verify_winning_post(&good).expect("well-formed"));
    for claim in false_claims(&good) {
        assert!(
            !verifier.verify_winning_post(&claim).unwrap_or(false),
            "{claim:?}"
        );
    }
    assert!(
        verifier.verify_window_post(&good).is_err(),
        "the types differ"
    );

    // Old and new type; two partitions; a good sector listed twice in place of a faulty one.
    let mut listed = replicas.clone();
    listed.push(replicas[0].clone());
    for window in [5, 10].map(RegisteredPoStProof) {
        let post = prover
            .generate_window_post(window, MINER, &listed, &CHALLENGE)
            .expect("post");
        assert_eq!(post.skipped, [0; 0]);
        assert_eq!(post.proofs[0].proof_bytes.len(), 2 * 192);
        let good = post_info(&post.proofs, &listed);
        assert!(verifier.verify_window_post(&good).expect("well-formed"));
        for claim in false_claims(&good) {
            assert!(
                !verifier.verify_window_post(&claim).unwrap_or(false),
                "{claim:?}"
            );
        }
    }

    assert_eq!(prover.fallbacks(), 0, "the own prover proved all of it");

    let bad = [b"no vanilla proof".to_vec()];
    let refused = prover.winning_post_from_vanilla(winning, MINER, &CHALLENGE, &bad);
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(prover.fallbacks(), 1, "the library refused it");

    fs::remove_file(&replicas[1].sealed).expect("there");
    let window = RegisteredPoStProof::STACKED_DRG_WINDOW_2KIB_V1;
    let post = prover
        .generate_window_post(window, MINER, &replicas, &CHALLENGE)
        .expect("asks");
    assert_eq!((post.skipped, post.proofs), (vec![1], vec![]));
}

#[test]
fn the_seal_circuits_generated_key_is_the_one_that_a_recorded_network_used() {
    let name = "slow::the_seal_circuits_generated_key_is_the_one_that_a_recorded_network_used";
    if !with_params(name, &[Circuit::PoRep]) {
        return;
    }
    let cache = ParameterCache::of_this_process();
    let request = GenerationRequest {
        sector_size: 2048,
        dir: cache.dir().to_path_buf(),
        seed: DEVNET_SEED,
        circuits: vec![Circuit::PoRep],
        aggregation: false,
        allow_default_dir: true,
    };
    match generate_parameters(&request, &mut |_| {}) {
        Ok(files) => assert_eq!(files[0].outcome, Outcome::Present, "they are kept"),
        // A directory of official files is as good for the other tests.
        Err(ProofError::BadParameters { .. }) => return,
        Err(error) => panic!("{error}"),
    }
    let key = cache.key_path(Circuit::PoRep, 2048).expect("path");
    let fixtures = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/real-chain/vk"
    );
    let recorded = Path::new(fixtures).join(key.file_name().expect("name"));
    assert_eq!(
        fs::read(key).expect("key"),
        fs::read(recorded).expect("fixture")
    );
}

#[test]
fn a_sector_is_sealed_proven_and_aggregated() {
    let name = "slow::a_sector_is_sealed_proven_and_aggregated";
    if !with_params(name, &[Circuit::PoRep]) {
        return;
    }
    let (prover, verifier) = (FilecoinProver::new(), FilecoinVerifier::new());
    let dir = tempfile::tempdir().expect("directory");
    let s = pre_commit(&prover, dir.path(), 9);
    let vanilla = prover
        .seal_commit1(&s.sector, &TICKET, &SEED, &s.pieces, &s.cids, &s.paths)
        .expect("C1");
    let proof = prover.seal_commit2(&s.sector, &vanilla).expect("C2");
    assert_eq!(prover.fallbacks(), 0, "the own prover proved it");
    let good = SealVerifyInfo {
        seal_proof: SEAL,
        sector: s.sector.id,
        ticket: TICKET,
        seed: SEED,
        proof: proof.clone(),
        sealed: s.cids.sealed,
        unsealed: s.cids.unsealed,
    };
    assert!(verifier.verify_seal(&good).expect("well-formed"));
    let wrong_seed = SealVerifyInfo {
        seed: TICKET,
        ..good.clone()
    };
    assert!(!verifier.verify_seal(&wrong_seed).expect("well-formed"));

    let seal = AggregatedSeal {
        number: s.sector.id.number,
        ticket: TICKET,
        seed: SEED,
        sealed: s.cids.sealed,
        unsealed: s.cids.unsealed,
    };
    let mut aggregate = AggregateSealVerifyInfo {
        seal_proof: SEAL,
        aggregate_proof: 0,
        miner: MINER,
        proof: Vec::new(),
        infos: vec![seal; 4],
    };
    match prover.aggregate_seal_proofs(&aggregate, &vec![proof; 4]) {
        Ok(proof) => aggregate.proof = proof,
        Err(error) => {
            // Caches made for single proofs only lack the reference string.
            assert!(error.to_string().contains("inner-product"), "{error}");
            return;
        }
    }
    assert!(
        verifier
            .verify_aggregate_seals(&aggregate)
            .expect("well-formed")
    );
    aggregate.infos[2].seed[0] ^= 1;
    assert!(!verifier.verify_aggregate_seals(&aggregate).unwrap_or(false));
}
