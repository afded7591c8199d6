use std::{fs, io::Cursor};

use filecoin_proofs_api as api;
use serde_json::Value;

use super::*;

fn of(data: &[u8]) -> Commitment {
    let mut commp = CommP::new();
    commp.update(data);
    commp.finish().expect("fits")
}

/// The proof library's answer for data of exactly a piece's size.
fn library(data: &[u8]) -> Cid {
    let size = api::UnpaddedBytesAmount(data.len() as u64);
    let info = api::seal::generate_piece_commitment(
        api::RegisteredSealProof::StackedDrg32GiBV1_1,
        Cursor::new(data),
        size,
    );
    unsealed_cid(&info.expect("a piece").commitment)
}

fn sample(len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|i| ((i * i + 7 * i) % 251) as u8)
        .collect()
}

mod known_commitments {
    use super::*;

    #[test]
    fn of_1016_letters() {
        let piece = of(&[b'a'; 1016]).piece;
        assert_eq!(piece.size, PaddedPieceSize(1024));
        assert_eq!(
            piece.piece_cid.to_string(),
            "baga6ea4seaqlhznlutptgfwhffupyer6txswamerq5fc2jlwf2lys2mm5jtiaeq"
        );
    }

    /// What a Go Lotus said of sectors and pieces of 2 KiB of zeros.
    #[test]
    fn of_a_committed_capacity_sector() {
        let cid = "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy";
        assert_eq!(of(&[0; 2032]).piece.piece_cid.to_string(), cid);
        let size = PaddedPieceSize(2048);
        assert_eq!(zero_piece(size).expect("size").piece_cid.to_string(), cid);
        assert_eq!(data_commitment(size, &[]).expect("size").to_string(), cid);
    }
}

/// The CAR of a one-block file, built from the recorded facts about it.
#[test]
fn of_an_imported_file_equals_what_lotus_recorded() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/wire/import.json"
    );
    let recorded: Value = serde_json::from_slice(&fs::read(path).expect("fixture")).expect("json");
    let file = &recorded["files"][0];
    let root: Cid = file["root"].as_str().expect("text").parse().expect("cid");
    let data = sample(1800);

    let header = [
        &b"\xa2\x65roots\x81\xd8\x2a\x58\x27\x00"[..],
        &root.to_bytes(),
        b"\x67version\x01",
    ]
    .concat();
    let mut car = vec![u8::try_from(header.len()).expect("one byte")];
    car.extend(header);
    let block = [&root.to_bytes()[..], &data].concat();
    car.extend([(block.len() % 128 + 128) as u8, (block.len() / 128) as u8]);
    car.extend(block);
    assert_eq!(Some(car.len() as u64), file["car_bytes"].as_u64());

    let found = of(&car);
    assert_eq!(
        Some(found.piece.piece_cid.to_string().as_str()),
        file["piece_cid"].as_str()
    );
    assert_eq!(
        Some(found.piece.size.unpadded().0),
        file["piece_size_unpadded"].as_u64()
    );
    assert_eq!(found.payload, car.len() as u64);
}

mod any_data {
    use super::*;

    #[test]
    fn of_a_pieces_size_commits_to_what_the_proof_library_says() {
        for len in [127, 254, 2032, 127 << 14, 127 << 17] {
            let data = sample(len);
            assert_eq!(of(&data).piece.piece_cid, library(&data), "{len} bytes");
        }
    }

    #[test]
    fn is_filled_up_with_zeros() {
        for len in [0, 1, 126, 128, 1000, (127 << 13) + 1, 9 << 20] {
            let mut data = sample(len);
            let short = of(&data);
            let size = usize::try_from(short.piece.size.unpadded().0).expect("small");
            data.resize(size, 0);
            assert_eq!(short.piece.piece_cid, library(&data), "{len} bytes");
            assert_eq!(short.payload, len as u64);
        }
    }

    #[test]
    fn commits_alike_however_it_is_cut() {
        let data = sample(50_000);
        for step in [1, 126, 127, 128, 4096] {
            let mut commp = CommP::new();
            data.chunks(step).for_each(|c| commp.update(c));
            assert_eq!(
                commp.finish().expect("fits"),
                of(&data),
                "in steps of {step}"
            );
        }
    }

    #[test]
    fn is_refused_in_a_piece_too_small_or_odd() {
        for size in [64, 1024, 3000] {
            let mut commp = CommP::new();
            commp.update(&[1; 1017]);
            assert!(commp.finish_in(PaddedPieceSize(size)).is_err(), "{size}");
        }
    }
}

mod a_sector {
    use super::*;

    fn piece(padded: usize, fill: u8) -> PieceInfo {
        of(&vec![fill; padded - padded / 128]).piece
    }

    fn library_comm_d(pieces: &[PieceInfo]) -> Cid {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|p| api::PieceInfo {
                commitment: comm_d(&p.piece_cid).expect("a piece"),
                size: api::UnpaddedBytesAmount(p.size.unpadded().0),
            })
            .collect();
        let proof = api::RegisteredSealProof::StackedDrg2KiBV1_1;
        unsealed_cid(&api::seal::compute_comm_d(proof, &pieces).expect("fits"))
    }

    #[test]
    fn commits_to_its_pieces_as_the_proof_library_does() {
        let layouts: [&[(usize, u8)]; 4] = [
            &[(2048, 1)],
            &[(1024, 1), (1024, 2)],
            &[(512, 1), (512, 2), (1024, 3)],
            &[(1024, 3), (256, 1), (256, 2), (512, 4)],
        ];
        for layout in layouts {
            let pieces: Vec<_> = layout
                .iter()
                .map(|(size, fill)| piece(*size, *fill))
                .collect();
            let found = data_commitment(PaddedPieceSize(2048), &pieces).expect("fits");
            assert_eq!(found, library_comm_d(&pieces), "{layout:?}");
        }
    }

    #[test]
    fn gets_zeros_before_unaligned_pieces_and_behind_the_last() {
        let zeros = |n| zero_piece(PaddedPieceSize(n)).expect("size");
        let given = [piece(128, 1), piece(512, 2)];
        let spelled_out = [
            piece(128, 1),
            zeros(128),
            zeros(256),
            piece(512, 2),
            zeros(1024),
        ];
        let sector = PaddedPieceSize(2048);
        assert_eq!(
            data_commitment(sector, &given).expect("fits"),
            library_comm_d(&spelled_out)
        );
        let gaps = alignment(PaddedPieceSize(128), PaddedPieceSize(512)).expect("sizes");
        assert_eq!(gaps, [PaddedPieceSize(128), PaddedPieceSize(256)]);
    }

    #[test]
    fn refuses_too_many_pieces_and_foreign_ones() {
        let sector = PaddedPieceSize(2048);
        let refused = |pieces: &[PieceInfo]| data_commitment(sector, pieces).is_err();
        assert!(refused(&[piece(1024, 1), piece(512, 1), piece(1024, 1)]));
        assert!(refused(&[PieceInfo {
            size: PaddedPieceSize(96),
            ..piece(128, 1)
        }]));
        assert!(refused(&[PieceInfo {
            size: PaddedPieceSize(1 << 63),
            ..piece(128, 1)
        }]));
        assert!(refused(&[PieceInfo {
            piece_cid: Cid::of_block(b"x"),
            ..piece(128, 1)
        }]));
    }
}

mod copying_a_piece {
    use super::*;

    #[test]
    fn stages_padded_data_and_leaves_the_rest_of_the_stream() {
        let data = sample(2032 + 5);
        let (mut reader, mut staged) = (&data[..], Vec::new());
        let size = UnpaddedPieceSize(2032);
        let piece = copy_piece(size, &mut reader, &mut staged).expect("enough data");
        assert_eq!(piece, of(&data[..2032]).piece);
        assert_eq!(staged, fr32::pad(&data[..2032]));
        assert_eq!(reader.len(), 5);
    }

    #[test]
    fn blames_data_that_ends_early_and_odd_sizes() {
        for size in [2032, 2000, 0] {
            let result = copy_piece(
                UnpaddedPieceSize(size),
                &mut &[7; 2031][..],
                &mut io::sink(),
            );
            assert!(
                result.as_ref().is_err_and(ProofError::is_bad_input),
                "{result:?}"
            );
        }
    }

    #[test]
    fn does_not_blame_the_data_for_a_full_disk() {
        let mut full: &mut [u8] = &mut [0; 100];
        let result = copy_piece(UnpaddedPieceSize(127), &mut &[7; 127][..], &mut full);
        assert!(
            matches!(result, Err(ProofError::Storage { .. })),
            "{result:?}"
        );
    }
}
