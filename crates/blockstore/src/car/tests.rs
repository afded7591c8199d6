#![allow(clippy::unwrap_used, reason = "tests")]

use std::{io::Cursor, ops::ControlFlow};

use cid::Cid;
use multihash_codetable::{Code, MultihashDigest};
use proptest::prelude::*;

use super::*;
use crate::{Blockstore, MemoryBlockstore, dag, verify::VerifyError};

fn raw(data: &[u8]) -> (Cid, Vec<u8>) {
    (
        Cid::new_v1(dag::RAW, Code::Blake2b256.digest(data)),
        data.to_vec(),
    )
}

fn car(roots: &[Cid], blocks: &[(Cid, Vec<u8>)]) -> Vec<u8> {
    let mut writer = CarWriter::new(Vec::new(), roots).unwrap();
    for (cid, data) in blocks {
        writer.write(cid, data).unwrap();
    }
    writer.finish().unwrap()
}

fn wrapped_in_v2(inner: &[u8]) -> Vec<u8> {
    const PADDING: usize = 7;
    let mut out = b"\x0a\xa1\x67version\x02".to_vec();
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&(51 + PADDING as u64).to_le_bytes());
    out.extend_from_slice(&(inner.len() as u64).to_le_bytes());
    out.extend_from_slice(&(51 + PADDING as u64 + inner.len() as u64).to_le_bytes());
    out.extend_from_slice(&[0; PADDING]);
    out.extend_from_slice(inner);
    out.extend_from_slice(b"an index that is not read");
    out
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 3).unwrap()
}

fn open(bytes: &[u8]) -> Result<CarReader<Cursor<&[u8]>>, CarError> {
    CarReader::new(Cursor::new(bytes), CarLimits::default())
}

/// Roots and blocks of a file.
type Content = (Vec<Cid>, Vec<(Cid, Vec<u8>)>);

fn read(bytes: &[u8]) -> Result<Content, CarError> {
    let mut reader = open(bytes)?;
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block()? {
        blocks.push((block.cid, block.data));
    }
    Ok((reader.roots().to_vec(), blocks))
}

fn sample() -> (Vec<Cid>, Vec<(Cid, Vec<u8>)>) {
    let blocks = vec![raw(b"one"), raw(&[7; 300]), raw(b""), raw(b"four")];
    (vec![blocks[0].0, blocks[1].0], blocks)
}

mod a_round_trip {
    use super::*;

    fn blocks() -> impl Strategy<Value = Vec<(Cid, Vec<u8>)>> {
        let block = proptest::collection::vec(any::<u8>(), 0..400).prop_map(|data| raw(&data));
        proptest::collection::vec(block, 0..20)
    }

    proptest! {
        #[test]
        fn keeps_roots_and_blocks_in_every_container(blocks in blocks(), roots in 0usize..4) {
            let roots: Vec<Cid> = blocks.iter().take(roots).map(|(cid, _)| *cid).collect();
            let v1 = car(&roots, &blocks);
            let v2 = wrapped_in_v2(&v1);
            for file in [compressed(&v1), compressed(&v2), v2, v1] {
                prop_assert_eq!(read(&file).unwrap(), (roots.clone(), blocks.clone()));
            }
        }

        #[test]
        fn never_panics_on_altered_bytes(at in 0usize..500, to in any::<u8>(), v2 in any::<bool>()) {
            let (roots, blocks) = sample();
            let plain = car(&roots, &blocks);
            let mut file = if v2 { wrapped_in_v2(&plain) } else { plain };
            let at = at % file.len();
            file[at] = to;
            if let Ok((_, read)) = read(&file) {
                prop_assert!(read.iter().all(|(cid, data)| crate::verify::verify(cid, data).is_ok()));
            }
        }
    }

    #[test]
    fn tells_version_and_compression() {
        let (roots, blocks) = sample();
        let v1 = car(&roots, &blocks);
        let v2 = compressed(&wrapped_in_v2(&v1));
        let (v1, v2) = (open(&v1).unwrap(), open(&v2).unwrap());
        assert_eq!((v1.version(), v1.is_compressed()), (CarVersion::V1, false));
        assert_eq!((v2.version(), v2.is_compressed()), (CarVersion::V2, true));
    }

    #[test]
    fn works_through_the_compressing_writer() {
        let (roots, blocks) = sample();
        let mut writer = CarWriter::compressed(Vec::new(), &roots, 0).unwrap();
        for (cid, data) in &blocks {
            writer.write(cid, data).unwrap();
        }
        assert_eq!(writer.blocks_written(), 4);
        let file = writer.finish_frame().unwrap();
        assert_eq!(read(&file).unwrap(), (roots, blocks));
    }

    #[test]
    fn writes_the_header_that_lotus_writes() {
        let recorded = include_bytes!("../../../../fixtures/lotus/real-chain/genesis.car");
        let reader = open(recorded).unwrap();
        let header = car(reader.roots(), &[]);
        assert_eq!(&recorded[..header.len()], &header[..]);
    }
}

mod a_file_that_ends_early {
    use super::*;

    /// Start of the header's end, then of each block's end.
    fn boundaries(roots: &[Cid], blocks: &[(Cid, Vec<u8>)]) -> Vec<usize> {
        (0..=blocks.len())
            .map(|count| car(roots, &blocks[..count]).len())
            .collect()
    }

    #[test]
    fn is_refused_at_every_offset_that_is_no_boundary() {
        let (roots, blocks) = sample();
        let file = car(&roots, &blocks);
        let boundaries = boundaries(&roots, &blocks);
        for end in 0..file.len() {
            let outcome = read(&file[..end]);
            if let Some(count) = boundaries.iter().position(|at| *at == end) {
                assert_eq!(outcome.unwrap().1, blocks[..count], "cut at boundary {end}");
                continue;
            }
            let error = outcome.expect_err("cut inside");
            let inside = boundaries.iter().filter(|at| **at < end).count();
            match &error {
                CarError::NotACar { .. } if end == 0 => {}
                CarError::Truncated {
                    offset,
                    inside: part,
                } => {
                    assert_eq!(*offset, end as u64);
                    let expected = match inside {
                        0 => "the header".to_owned(),
                        blocks => format!("block {}", blocks - 1),
                    };
                    assert_eq!(*part, expected, "cut at {end}");
                }
                other => panic!("cut at {end}: {other}"),
            }
            assert!(error.is_bad_file());
        }
    }

    #[test]
    fn is_refused_at_every_offset_of_a_v2_up_to_the_end_of_its_data() {
        let (roots, blocks) = sample();
        let inner = car(&roots, &blocks);
        let file = wrapped_in_v2(&inner);
        let data_end = 58 + inner.len();
        for end in 1..data_end {
            let error = read(&file[..end]).expect_err("cut");
            assert!(
                matches!(error, CarError::Truncated { .. }),
                "cut at {end}: {error}"
            );
        }
        assert_eq!(read(&file[..data_end]).unwrap().1, blocks);
    }

    #[test]
    fn is_refused_at_every_offset_of_a_zstd_frame() {
        let (roots, blocks) = sample();
        let file = compressed(&car(&roots, &blocks));
        for end in 4..file.len() {
            let error = read(&file[..end]).expect_err("cut");
            assert!(
                matches!(error, CarError::Truncated { .. }),
                "cut at {end}: {error}"
            );
        }
    }

    #[test]
    fn is_noticed_by_a_load_when_the_root_is_gone() {
        let (_, blocks) = sample();
        let last = blocks[3].0;
        let cut = car(&[last], &blocks[..3]);
        let store = MemoryBlockstore::new();
        let nothing = |_: LoadProgress| ControlFlow::Continue(());
        let outcome = load(open(&cut).unwrap(), &store, LoadOptions::default(), nothing);
        let error = outcome.expect_err("root missing");
        assert!(matches!(error, CarError::RootMissing { root, blocks: 3 } if root == last));
    }
}

mod a_hostile_file {
    use super::*;

    #[test]
    fn is_refused_when_it_is_something_else() {
        for other in [
            &b""[..],
            b"\0\0\0\0",
            b"#!/bin/sh\necho",
            &[0xff; 64],
            b"PK\x03\x04 zip file",
        ] {
            let error = read(other).expect_err("no CAR");
            assert!(error.is_bad_file(), "{error}");
        }
    }

    #[test]
    fn cannot_make_the_header_large() {
        let limits = CarLimits {
            max_header: 100,
            ..CarLimits::default()
        };
        let (_, blocks) = sample();
        let roots: Vec<Cid> = blocks.iter().map(|(cid, _)| *cid).collect();
        let file = car(&roots, &blocks);
        let error = CarReader::new(&file[..], limits).expect_err("too large");
        assert!(matches!(error, CarError::HeaderTooLarge { max: 100, .. }));
    }

    #[test]
    fn cannot_make_a_block_large() {
        let mut file = car(&[], &[raw(b"fine")]);
        let offset = file.len() as u64;
        file.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x7f]);
        let error = read(&file).expect_err("too large");
        let CarError::BlockTooLarge {
            index,
            offset: at,
            max,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((index, at, max), (1, offset, 8 << 20));
    }

    #[test]
    fn cannot_use_an_overlong_varint_or_an_empty_block() {
        for tail in [&[0x80, 0x00][..], &[0xff; 10], &[0x00]] {
            let mut file = car(&[], &[raw(b"fine")]);
            file.extend_from_slice(tail);
            let error = read(&file).expect_err("malformed");
            assert!(
                matches!(error, CarError::BadBlock { index: 1, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn cannot_slip_in_a_wrong_block() {
        let (roots, mut blocks) = sample();
        blocks[1].1[17] ^= 1;
        let error = read(&car(&roots, &blocks)).expect_err("wrong block");
        let CarError::Unverified {
            index: 1, source, ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(source, VerifyError::Mismatch { cid: blocks[1].0 });
    }

    #[test]
    fn cannot_use_an_unknown_hash() {
        let cid = Cid::new_v1(dag::RAW, Code::Sha2_512.digest(b"x"));
        let error = read(&car(&[], &[(cid, b"x".to_vec())])).expect_err("unknown hash");
        let CarError::Unverified { source, .. } = error else {
            panic!("{error}")
        };
        assert!(matches!(
            source,
            VerifyError::UnknownHash { code: 0x13, .. }
        ));
    }

    #[test]
    fn cannot_place_the_data_of_a_v2_wildly() {
        let (roots, blocks) = sample();
        let good = wrapped_in_v2(&car(&roots, &blocks));
        for (at, value) in [
            (27, 0u64),
            (27, 50),
            (27, u64::MAX),
            (35, 0),
            (35, 10),
            (35, u64::MAX),
        ] {
            let mut bad = good.clone();
            bad[at..at + 8].copy_from_slice(&value.to_le_bytes());
            assert!(read(&bad).is_err(), "field at {at} set to {value}");
        }
    }

    #[test]
    fn of_a_future_version_is_named() {
        let mut file = car(&[], &[]);
        *file.last_mut().unwrap() = 3;
        assert!(matches!(read(&file), Err(CarError::UnsupportedVersion(3))));
    }
}

mod loading {
    use super::*;

    #[test]
    fn fills_the_store_and_reports_progress() {
        let (roots, blocks) = sample();
        let file = car(&roots, &blocks);
        let store = MemoryBlockstore::new();
        let mut seen = Vec::new();
        let options = LoadOptions {
            batch_bytes: 1,
            ..LoadOptions::default()
        };
        let loaded = load(open(&file).unwrap(), &store, options, |so_far| {
            seen.push(so_far.blocks);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(
            loaded,
            Loaded {
                roots,
                blocks: 4,
                bytes: file.len() as u64
            }
        );
        for (cid, data) in blocks {
            assert_eq!(store.get(&cid).unwrap(), Some(data));
        }
        assert!(seen.is_sorted() && seen.last() == Some(&4), "{seen:?}");
    }

    #[test]
    fn can_be_stopped() {
        let (roots, blocks) = sample();
        let file = car(&roots, &blocks);
        let store = MemoryBlockstore::new();
        let options = LoadOptions {
            batch_bytes: 1,
            ..LoadOptions::default()
        };
        let outcome = load(open(&file).unwrap(), &store, options, |_| {
            ControlFlow::Break(())
        });
        let error = outcome.expect_err("stopped");
        assert!(matches!(error, CarError::Stopped { blocks: 1 }));
        assert!(!error.is_bad_file());
        assert_eq!(store.len(), 1);
    }
}
