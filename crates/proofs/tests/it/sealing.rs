//! Sealing without parameters: what each step refuses, and whom it blames.

use std::fs;

use lotus_ports::proofs::{ProofError, Prover, UnsealRange};
use lotus_proofs::FilecoinProver;
use lotus_types::sector::{SectorCids, UnpaddedPieceSize};

use crate::support::{MINER, SEAL, TICKET, pre_commit, stage};

fn is_bad_input<T>(result: &Result<T, ProofError>) -> bool {
    result.as_ref().is_err_and(ProofError::is_bad_input)
}

mod an_unsealed_sector {
    use super::*;

    #[test]
    fn is_not_sealed_with_pieces_that_do_not_fill_or_match_it() {
        let (prover, dir) = (
            FilecoinProver::new(),
            tempfile::tempdir().expect("directory"),
        );
        let (sector, paths, pieces, _) = stage(&prover, dir.path(), 1);
        let half = prover.seal_pre_commit1(&sector, &TICKET, &pieces[..1], &paths);
        assert!(is_bad_input(&half), "{half:?}");
        let swapped: Vec<_> = pieces.into_iter().rev().collect();
        let result = prover.seal_pre_commit1(&sector, &TICKET, &swapped, &paths);
        assert!(result.is_err(), "CommD of the file is another one");
    }

    #[test]
    fn that_is_missing_or_cut_off_is_a_storage_error() {
        let (prover, dir) = (
            FilecoinProver::new(),
            tempfile::tempdir().expect("directory"),
        );
        let (sector, paths, pieces, _) = stage(&prover, dir.path(), 1);
        let seal = || prover.seal_pre_commit1(&sector, &TICKET, &pieces, &paths);
        fs::OpenOptions::new()
            .write(true)
            .open(&paths.unsealed)
            .and_then(|f| f.set_len(100))
            .expect("cut");
        assert!(matches!(seal(), Err(ProofError::Storage { .. })));
        fs::remove_file(&paths.unsealed).expect("there");
        assert!(matches!(seal(), Err(ProofError::Storage { .. })));
    }

    /// Lotus keeps a trailer behind the sector's bytes in its unsealed files.
    #[test]
    fn may_have_a_trailer() {
        let (prover, dir) = (
            FilecoinProver::new(),
            tempfile::tempdir().expect("directory"),
        );
        let plain = pre_commit(&prover, dir.path(), 1);
        let (sector, paths, pieces, _) = stage(&prover, dir.path(), 1);
        let mut file = fs::read(&paths.unsealed).expect("file");
        file.extend([7; 12]);
        fs::write(&paths.unsealed, file).expect("file");
        let phase1 = prover
            .seal_pre_commit1(&sector, &TICKET, &pieces, &paths)
            .expect("PC1");
        assert_eq!(
            prover
                .seal_pre_commit2(&sector, &phase1, &paths)
                .expect("PC2"),
            plain.cids
        );
    }
}

mod a_replica {
    use super::*;

    #[test]
    fn unseals_to_its_data_in_whole_and_in_part_before_and_after_its_cache_is_cleared() {
        let (prover, dir) = (
            FilecoinProver::new(),
            tempfile::tempdir().expect("directory"),
        );
        let s = pre_commit(&prover, dir.path(), 4);
        fs::remove_file(&s.paths.unsealed).expect("there");
        let unseal = |offset: u64, size: u64| {
            let (mut out, range) = (
                Vec::new(),
                UnsealRange {
                    offset,
                    size: UnpaddedPieceSize(size),
                },
            );
            prover
                .unseal_range(
                    &s.sector,
                    &s.paths,
                    &s.cids.unsealed,
                    &TICKET,
                    range,
                    &mut out,
                )
                .map(|()| out)
        };
        for _ in 0..2 {
            assert!(unseal(0, 2032).expect("whole") == s.data);
            assert!(unseal(127, 254).expect("part") == s.data[127..381]);
            prover
                .clear_cache(&s.sector, &s.paths.cache)
                .expect("clears");
        }
        assert!(is_bad_input(&unseal(127, 2032)));
        assert!(is_bad_input(&unseal(u64::MAX, 1)));
    }

    #[test]
    fn keeps_only_what_proving_needs_once_its_cache_is_cleared() {
        let (prover, dir) = (
            FilecoinProver::new(),
            tempfile::tempdir().expect("directory"),
        );
        let s = pre_commit(&prover, dir.path(), 4);
        prover
            .clear_cache(&s.sector, &s.paths.cache)
            .expect("clears");
        let mut names: Vec<_> = fs::read_dir(&s.paths.cache)
            .expect("cache")
            .map(|f| f.expect("entry").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        assert_eq!(names, ["p_aux", "sc-02-data-tree-r-last.dat", "t_aux"]);
    }

    #[test]
    fn that_is_damaged_is_found_before_gas_is_spent_on_it() {
        let (prover, dir) = (
            FilecoinProver::new(),
            tempfile::tempdir().expect("directory"),
        );
        let (sector, paths, pieces, _) = stage(&prover, dir.path(), 5);
        let phase1 = prover
            .seal_pre_commit1(&sector, &TICKET, &pieces, &paths)
            .expect("PC1");
        let label = paths.cache.join("sc-02-data-layer-1.dat");
        let mut bytes = fs::read(&label).expect("labels");
        for byte in &mut bytes {
            *byte ^= 1;
        }
        fs::write(&label, bytes).expect("labels");
        let result = prover.seal_pre_commit2(&sector, &phase1, &paths);
        assert!(
            result.as_ref().is_err_and(|e| !e.is_bad_input()),
            "{result:?}"
        );
    }

    #[test]
    fn opens_at_any_seed_and_only_with_its_own_commitments() {
        let (prover, dir) = (
            FilecoinProver::new(),
            tempfile::tempdir().expect("directory"),
        );
        let s = pre_commit(&prover, dir.path(), 6);
        let open = |cids: &SectorCids| {
            prover.seal_commit1(&s.sector, &TICKET, &[0xff; 32], &s.pieces, cids, &s.paths)
        };
        open(&s.cids).expect("C1");
        let swapped = SectorCids {
            unsealed: s.cids.sealed,
            sealed: s.cids.unsealed,
        };
        assert!(is_bad_input(&open(&swapped)));
        let other = pre_commit(&prover, dir.path(), 7).cids;
        assert!(
            open(&SectorCids {
                sealed: other.sealed,
                ..s.cids
            })
            .is_err()
        );
    }
}

mod phase_outputs {
    use super::*;

    #[test]
    fn that_are_not_what_they_should_be_are_refused() {
        let (prover, dir) = (
            FilecoinProver::new(),
            tempfile::tempdir().expect("directory"),
        );
        let (sector, paths, pieces, _) = stage(&prover, dir.path(), 8);
        let phase1 = prover
            .seal_pre_commit1(&sector, &TICKET, &pieces, &paths)
            .expect("PC1");
        let cut = &phase1[..phase1.len() / 2];
        let other = String::from_utf8(phase1.clone())
            .expect("json")
            .replace("StackedDrg2KiBV1_1", "StackedDrg8MiBV1_1");
        for bad in [&b""[..], b"null", cut, other.as_bytes()] {
            assert!(is_bad_input(&prover.seal_pre_commit2(&sector, bad, &paths)));
            assert!(is_bad_input(&prover.seal_commit2(&sector, bad)));
        }
    }
}

mod proving_challenges {
    use super::*;
    use lotus_ports::proofs::Verifier;
    use lotus_proofs::FilecoinVerifier;
    use lotus_types::RegisteredPoStProof;

    #[test]
    fn ignore_the_bits_that_no_field_element_has() {
        let prover = FilecoinProver::new();
        let winning = RegisteredPoStProof::STACKED_DRG_WINNING_2KIB_V1;
        let draw = |byte| {
            let mut seed = [1; 32];
            seed[31] = byte;
            let leaves = prover
                .post_challenges(winning, MINER, &seed, &[1, 2])
                .expect("draws");
            let verifier = FilecoinVerifier::new();
            let sectors = verifier
                .generate_winning_post_sector_challenge(winning, MINER, &seed, 100)
                .expect("draws");
            (leaves, sectors)
        };
        assert_eq!(draw(0x3f), draw(0xff));
        assert!(draw(1).1.iter().all(|index| *index < 100));
    }

    #[test]
    fn are_refused_without_sectors_or_for_the_wrong_type() {
        let verifier = FilecoinVerifier::new();
        let ask = |number, eligible| {
            let proof = RegisteredPoStProof(number);
            verifier.generate_winning_post_sector_challenge(proof, MINER, &[0; 32], eligible)
        };
        assert!(is_bad_input(&ask(0, 0)), "no sector");
        assert!(is_bad_input(&ask(5, 10)), "a WindowPoSt type");
        assert!(is_bad_input(&ask(77, 10)), "an unknown type");
        assert_eq!(SEAL.winning_post(), Some(RegisteredPoStProof(0)));
    }
}
