use std::fs;

use lotus_ports::proofs::{PoStVerifyInfo, SealVerifyInfo, Verifier};
use sha2::{Digest, Sha256};

use super::*;
use crate::presealing::sector_paths;

const MINER: ActorId = 1000;
const SEAL: RegisteredSealProof = RegisteredSealProof::STACKED_DRG_2KIB_V1_1;
const WINDOW: RegisteredPoStProof = RegisteredPoStProof::STACKED_DRG_WINDOW_2KIB_V1;
const WINNING: RegisteredPoStProof = RegisteredPoStProof::STACKED_DRG_WINNING_2KIB_V1;

struct Sealed {
    sector: SectorRef,
    paths: SectorPaths,
    pieces: Vec<PieceInfo>,
    cids: SectorCids,
    data: Vec<u8>,
}

fn seal(prover: &MockProver, root: &Path, number: SectorNumber) -> Sealed {
    let sector = SectorRef {
        id: SectorId {
            miner: MINER,
            number,
        },
        proof_type: SEAL,
    };
    let paths = sector_paths(root, sector.id);
    for kind in ["unsealed", "sealed"] {
        fs::create_dir_all(root.join(kind)).expect("dir");
    }
    let data: Vec<u8> = (0..2032_u64).map(|i| (i * i + number) as u8).collect();
    let mut staged = fs::File::create(&paths.unsealed).expect("file");
    let size = UnpaddedPieceSize(2032);
    let piece = prover
        .add_piece(SEAL, size, &mut &data[..], &mut staged)
        .expect("piece");
    let pieces = vec![piece];
    let phase1 = prover
        .seal_pre_commit1(&sector, &[1; 32], &pieces, &paths)
        .expect("PC1");
    let cids = prover
        .seal_pre_commit2(&sector, &phase1, &paths)
        .expect("PC2");
    prover.clear_cache(&sector, &paths.cache).expect("cache");
    Sealed {
        sector,
        paths,
        pieces,
        cids,
        data,
    }
}

fn replica(s: &Sealed) -> Replica {
    let info = SectorInfo {
        seal_proof: SEAL,
        sector_number: s.sector.id.number,
        sealed_cid: s.cids.sealed,
    };
    Replica {
        info,
        sealed: s.paths.sealed.clone(),
        cache: s.paths.cache.clone(),
    }
}

fn post_info(
    proofs: Vec<PoStProof>,
    replicas: &[Replica],
    randomness: Randomness,
) -> PoStVerifyInfo {
    let sectors = replicas.iter().map(|r| r.info.clone()).collect();
    PoStVerifyInfo {
        randomness,
        proofs,
        sectors,
        prover: MINER,
    }
}

mod a_mock_sector {
    use super::*;

    #[test]
    fn is_sealed_verified_and_unsealed() {
        let (prover, dir) = (MockProver::new(), tempfile::tempdir().expect("dir"));
        let s = seal(&prover, dir.path(), 7);
        let seed = [2; 32];
        let vanilla = prover
            .seal_commit1(&s.sector, &[1; 32], &seed, &s.pieces, &s.cids, &s.paths)
            .expect("C1");
        let proof = prover.seal_commit2(&s.sector, &vanilla).expect("C2");
        assert_eq!(proof.len(), 192);
        let mut info = SealVerifyInfo {
            seal_proof: SEAL,
            sector: s.sector.id,
            ticket: [1; 32],
            seed,
            proof,
            sealed: s.cids.sealed,
            unsealed: s.cids.unsealed,
        };
        assert!(MockVerifier.verify_seal(&info).expect("well-formed"));
        info.seed = [3; 32];
        assert!(!MockVerifier.verify_seal(&info).expect("well-formed"));

        let mut out = Vec::new();
        let range = UnsealRange {
            offset: 100,
            size: UnpaddedPieceSize(254),
        };
        prover
            .unseal_range(
                &s.sector,
                &s.paths,
                &s.cids.unsealed,
                &[1; 32],
                range,
                &mut out,
            )
            .expect("unseals");
        assert_eq!(out, &s.data[100..354]);
    }

    #[test]
    fn has_a_commitment_of_its_own() {
        let (prover, dir) = (MockProver::new(), tempfile::tempdir().expect("dir"));
        let (one, two) = (seal(&prover, dir.path(), 1), seal(&prover, dir.path(), 2));
        assert_ne!(one.cids.sealed, two.cids.sealed);
        let phase1 = prover
            .seal_pre_commit1(&one.sector, &[1; 32], &one.pieces, &one.paths)
            .expect("PC1");
        let mixed_up = prover.seal_pre_commit2(&two.sector, &phase1, &two.paths);
        assert!(mixed_up.is_err_and(|e| e.is_bad_input()));
    }
}

mod a_mock_window_post {
    use super::*;

    /// The rule of the fake-proofs actors: SHA-256 over the seed, its top bits cleared, and the
    /// CBOR of the sectors in the order of the chain.
    #[test]
    fn is_what_the_fake_proofs_actors_accept() {
        let (prover, dir) = (MockProver::new(), tempfile::tempdir().expect("dir"));
        let s = replica(&seal(&prover, dir.path(), 3));
        let listed = [s.clone(), s];
        let post = prover
            .generate_window_post(WINDOW, MINER, &listed, &[0xff; 32])
            .expect("post");

        let mut bytes = vec![0xff; 31];
        bytes.push(0x3f);
        for replica in &listed {
            bytes.extend([0x83, 5, 3, 0xd8, 0x2a, 0x58, 0x28 + 1, 0]);
            bytes.extend(replica.info.sealed_cid.to_bytes());
        }
        assert_eq!(*post.proofs[0].proof_bytes, Sha256::digest(&bytes)[..]);

        let mut info = post_info(post.proofs, &listed, [0xff; 32]);
        assert!(MockVerifier.verify_window_post(&info).expect("one proof"));
        info.sectors.pop();
        assert!(!MockVerifier.verify_window_post(&info).expect("one proof"));
        info.proofs.clear();
        assert!(MockVerifier.verify_window_post(&info).is_err());
    }

    #[test]
    fn skips_faulty_sectors_until_they_recover() {
        let (prover, dir) = (MockProver::new(), tempfile::tempdir().expect("dir"));
        let sectors = [1, 2].map(|n| replica(&seal(&prover, dir.path(), n)));
        let faulty = SectorId {
            miner: MINER,
            number: 2,
        };
        prover.clone().set_faulty(faulty, true);
        let post = prover
            .generate_window_post(WINDOW, MINER, &sectors, &[1; 32])
            .expect("asks");
        assert_eq!((post.skipped, post.proofs), (vec![2], vec![]));
        prover.set_faulty(faulty, false);
        let post = prover
            .generate_window_post(WINDOW, MINER, &sectors, &[1; 32])
            .expect("asks");
        assert_eq!((post.skipped.len(), post.proofs.len()), (0, 1));
    }
}

#[test]
fn a_mock_winning_post_is_the_text_that_recorded_blocks_carry() {
    let (prover, dir) = (MockProver::new(), tempfile::tempdir().expect("dir"));
    let sectors = [replica(&seal(&prover, dir.path(), 1))];
    let proofs = prover
        .generate_winning_post(WINNING, MINER, &sectors, &[1; 32])
        .expect("post");
    // base64 of every ProofBytes in the recorded mock chains
    assert_eq!(
        data_encoding::BASE64.encode(&proofs[0].proof_bytes),
        "dmFsaWQgcHJvb2Y="
    );
    let mut info = post_info(proofs, &sectors, [1; 32]);
    assert!(MockVerifier.verify_winning_post(&info).expect("answers"));
    info.proofs[0].proof_bytes = b"invalid".to_vec().into();
    assert!(!MockVerifier.verify_winning_post(&info).expect("answers"));
}

#[test]
fn steps_take_the_time_that_the_network_says() {
    let pace = MockProofs {
        pre_commit1_ms: 40,
        pre_commit2_ms: 40,
        ..MockProofs::default()
    };
    let dir = tempfile::tempdir().expect("dir");
    let begun = std::time::Instant::now();
    seal(&MockProver::paced(pace), dir.path(), 1);
    assert!(begun.elapsed() >= MockProofs::time(80));
}
