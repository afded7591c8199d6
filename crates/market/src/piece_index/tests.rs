#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::piece::testing::{car, raw};

fn index() -> (tempfile::TempDir, PieceIndex) {
    let folder = tempfile::tempdir().unwrap();
    let index = PieceIndex::open(&folder.path().join("index")).unwrap();
    (folder, index)
}

fn piece(name: &[u8]) -> Cid {
    Cid::of_raw(name)
}

fn cid(block: &(Link, Vec<u8>)) -> Cid {
    block.0.cid().unwrap()
}

#[test]
fn finds_blocks_where_they_are_in_every_piece() {
    let (_folder, index) = index();
    let (a, b, c) = (raw(b"a"), raw(&[9; 400]), raw(b"c"));
    let one = car(&a.0, &[a.clone(), b.clone()]);
    let two = car(&b.0, &[b.clone(), c.clone()]);
    let entered = index.index(&piece(b"one"), &one[..]).unwrap();
    assert_eq!((entered.blocks, entered.skipped), (2, 0));
    assert_eq!(entered.roots, [cid(&a)]);
    index.index(&piece(b"two"), &two[..]).unwrap();
    let places = index.find(&cid(&b)).unwrap();
    assert_eq!(places.len(), 2);
    for (place, (name, data)) in places.iter().zip([(&b"one"[..], &one), (b"two", &two)]) {
        assert_eq!(place.piece, piece(name));
        let at = usize::try_from(place.offset).unwrap();
        assert_eq!(data[at..at + 400], [9; 400]);
    }
    assert_eq!(index.find(&cid(&c)).unwrap().len(), 1);
    assert_eq!(index.find(&piece(b"nowhere")).unwrap(), []);
}

#[test]
fn knows_the_payload_without_its_padding() {
    let (_folder, index) = index();
    let a = raw(b"a");
    let mut data = car(&a.0, std::slice::from_ref(&a));
    let payload = data.len() as u64;
    data.resize(2032, 0);
    index.index(&piece(b"one"), &data[..]).unwrap();
    let expected = IndexedPiece {
        piece: piece(b"one"),
        payload,
        blocks: 1,
    };
    assert_eq!(index.piece(&piece(b"one")).unwrap(), Some(expected.clone()));
    assert_eq!(index.pieces().unwrap(), [expected]);
    assert_eq!(index.piece(&piece(b"two")).unwrap(), None);
}

#[test]
fn forgets_a_piece_with_its_blocks() {
    let (_folder, index) = index();
    let a = raw(b"a");
    let data = car(&a.0, std::slice::from_ref(&a));
    index.index(&piece(b"one"), &data[..]).unwrap();
    index.index(&piece(b"one"), &data[..]).unwrap();
    assert_eq!(index.find(&cid(&a)).unwrap().len(), 1, "entered twice");
    assert!(index.remove(&piece(b"one")).unwrap());
    assert!(!index.remove(&piece(b"one")).unwrap());
    assert_eq!(index.find(&cid(&a)).unwrap(), []);
}

#[test]
fn is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = (folder.path().join("index"), folder.path().join("car"));
    let a = raw(b"a");
    std::fs::write(&file, car(&a.0, std::slice::from_ref(&a))).unwrap();
    let index = PieceIndex::open(&path).unwrap();
    index.index_file(&piece(b"one"), &file).unwrap();
    drop(index);
    let again = PieceIndex::open(&path).unwrap();
    assert_eq!(again.find(&cid(&a)).unwrap().len(), 1);
    let gone = again.index_file(&piece(b"two"), &folder.path().join("gone"));
    assert!(!gone.unwrap_err().is_bad_piece());
}

#[test]
fn many_blocks_take_several_batches() {
    let (_folder, index) = index();
    let blocks: Vec<_> = (0_u32..10_000).map(|n| raw(&n.to_le_bytes())).collect();
    let data = car(&blocks[0].0, &blocks);
    let entered = index.index(&piece(b"one"), &data[..]).unwrap();
    assert_eq!(entered.blocks, 10_000);
    assert_eq!(index.find(&cid(&blocks[9_999])).unwrap().len(), 1);
}

mod a_hostile_piece {
    use super::*;

    /// Enters a good piece, then a bad one under the same name.
    fn refused(bad: &[u8]) -> PieceIndexError {
        let (_folder, index) = index();
        let good = raw(b"good");
        let data = car(&good.0, std::slice::from_ref(&good));
        index.index(&piece(b"one"), &data[..]).unwrap();
        let error = index.index(&piece(b"one"), bad).unwrap_err();
        assert!(error.is_bad_piece());
        assert_eq!(index.pieces().unwrap().len(), 1);
        assert_eq!(index.find(&cid(&good)).unwrap().len(), 1, "unchanged");
        error
    }

    #[test]
    fn cannot_answer_for_blocks_that_it_does_not_have() {
        let (good, mut false_one) = (raw(b"one"), raw(b"two"));
        false_one.1 = b"something else".to_vec();
        let error = refused(&car(&good.0, &[good.clone(), false_one.clone()]));
        assert!(
            error.to_string().contains(&false_one.0.to_string()),
            "{error}"
        );
    }

    #[test]
    fn is_refused_when_it_is_cut_or_no_car() {
        let a = raw(&[3; 100]);
        let data = car(&a.0, std::slice::from_ref(&a));
        let cut = refused(&data[..data.len() - 1]);
        assert!(cut.to_string().contains("truncated"), "{cut}");
        refused(b"anything else");
        refused(&[0xff; 4096]);
    }

    #[test]
    fn may_have_blocks_that_cannot_be_checked() {
        use multihash_codetable::{Code, MultihashDigest as _};
        let (_folder, index) = index();
        let unknown: Cid = cid::Cid::new_v1(0x55, Code::Sha2_512.digest(b"x")).into();
        let block = (Link::from(unknown), b"x".to_vec());
        let data = car(&block.0, std::slice::from_ref(&block));
        let entered = index.index(&piece(b"one"), &data[..]).unwrap();
        assert_eq!((entered.blocks, entered.skipped), (0, 1));
        assert_eq!(index.find(&unknown).unwrap(), []);
    }
}
