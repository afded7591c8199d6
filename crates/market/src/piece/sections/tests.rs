#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::piece::testing::{car, raw};

fn sample() -> (Link, Vec<(Link, Vec<u8>)>) {
    let inline = Link::inline(0x55, &[5; 126]);
    let blocks = vec![
        raw(b"one"),
        raw(&[7; 300]),
        (inline, vec![5; 126]),
        raw(b""),
    ];
    (blocks[0].0.clone(), blocks)
}

/// Parses a CAR that comes in parts.
fn parse(parts: &[&[u8]]) -> Result<Vec<Section>, SectionError> {
    let mut parser = Sections::new(1 << 20);
    let mut found = Vec::new();
    for part in parts {
        parser.push(part);
        while let Some(section) = parser.section()? {
            found.push(section);
        }
    }
    parser.finish()?;
    Ok(found)
}

#[test]
fn blocks_come_out_with_their_places() {
    let (root, blocks) = sample();
    let car = car(&root, &blocks);
    let found = parse(&[&car]).unwrap();
    for (section, (link, data)) in found.iter().zip(&blocks) {
        assert_eq!((&section.link, &section.data), (link, data));
        let at = usize::try_from(section.offset).unwrap();
        assert_eq!(car[at..at + data.len()], data[..]);
    }
    assert_eq!(found.len(), blocks.len());
    let mut parser = Sections::default();
    parser.push(&car);
    parser.section().unwrap();
    assert_eq!(parser.roots(), Some(&[root][..]));
}

#[test]
fn the_header_is_that_of_the_archive_reader() {
    let (root, blocks) = sample();
    let car = car(&root, &blocks[..2]);
    let reader = lotus_blockstore::car::CarReader::new(&car[..], Default::default()).unwrap();
    assert_eq!(reader.roots(), [cid::Cid::from(root.cid().unwrap())]);
    assert_eq!(reader.count(), 2);
}

#[test]
fn an_end_in_the_middle_is_noticed_everywhere_but_between_blocks() {
    let (root, blocks) = sample();
    let whole = car(&root, &blocks);
    let ends: Vec<_> = (0..=blocks.len())
        .map(|count| car(&root, &blocks[..count]).len())
        .collect();
    for end in 0..whole.len() {
        let outcome = parse(&[&whole[..end]]);
        if let Some(count) = ends.iter().position(|at| *at == end) {
            assert_eq!(outcome.unwrap().len(), count);
        } else {
            let error = outcome.expect_err("cut inside");
            let SectionError::Truncated { offset, .. } = error else {
                panic!("{error}")
            };
            assert_eq!(offset, end as u64);
        }
    }
}

#[test]
fn zeros_end_a_padded_payload() {
    let (root, blocks) = sample();
    let mut padded = car(&root, &blocks);
    padded.extend([0; 500]);
    assert_eq!(parse(&[&padded]).unwrap().len(), blocks.len());
    let (first, second) = padded.split_at(padded.len() - 300);
    assert_eq!(parse(&[first, second]).unwrap().len(), blocks.len());
}

mod a_hostile_car {
    use super::*;

    fn after_a_good_block(tail: &[u8]) -> SectionError {
        let good = raw(b"good");
        let mut bytes = car(&good.0, std::slice::from_ref(&good));
        bytes.extend_from_slice(tail);
        parse(&[&bytes]).unwrap_err()
    }

    #[test]
    fn cannot_use_huge_or_overlong_varints() {
        for tail in [&[0xff; 10][..], &[0x80, 0], &[0xff; 100]] {
            let error = after_a_good_block(tail);
            assert!(
                matches!(error, SectionError::BadLength { block: 1, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn cannot_announce_more_than_is_allowed() {
        // 2^63, and one byte more than fits.
        let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
        let mut large = Vec::new();
        write_uvarint(&mut large, (1 << 20) + MAX_CID as u64 + 1);
        for tail in [&huge[..], &large] {
            let error = after_a_good_block(tail);
            assert!(
                matches!(error, SectionError::TooLarge { block: 1, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn cannot_have_a_block_without_a_cid() {
        for tail in [&[1, 0][..], &[3, 1, 0x55, 0x12], &[2, 0x12, 0x20]] {
            let error = after_a_good_block(tail);
            assert!(
                matches!(error, SectionError::BadCid { block: 1, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn is_refused_when_its_header_is_none() {
        let version_two = b"\x0a\xa1\x67version\x02";
        let more = b"\x15\xa3\x65roots\x80\x67version\x01\x61x\x01";
        let long = [0xff, 0xff, 0xff, 0x7f];
        for bad in [
            &b"#!/bin/sh"[..],
            b"\0\0\0",
            version_two,
            more,
            &long,
            &[0xff; 20],
        ] {
            let error = parse(&[bad]).expect_err("no header");
            let known = matches!(
                error,
                SectionError::NotACar(_) | SectionError::Truncated { .. }
            );
            assert!(known, "{error}");
        }
    }
}

proptest! {
    #[test]
    fn it_does_not_matter_how_the_bytes_come(cuts in proptest::collection::vec(0usize..600, 0..8)) {
        let (root, blocks) = sample();
        let car = car(&root, &blocks);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % car.len()).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts {
            parts.push(&car[from..cut]);
            from = cut;
        }
        parts.push(&car[from..]);
        prop_assert_eq!(parse(&parts).unwrap(), parse(&[&car]).unwrap());
    }

    #[test]
    fn altered_bytes_never_panic(at in 0usize..600, to in any::<u8>()) {
        let (root, blocks) = sample();
        let mut car = car(&root, &blocks);
        let at = at % car.len();
        car[at] = to;
        let _ = parse(&[&car]);
    }
}
