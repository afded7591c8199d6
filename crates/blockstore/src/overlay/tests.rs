#![allow(clippy::unwrap_used, reason = "tests")]

use multihash_codetable::{Code, MultihashDigest};

use super::*;

fn node(payload: u64, children: &[Cid]) -> (Cid, Vec<u8>) {
    let data = fvm_ipld_encoding::to_vec(&(payload, children)).unwrap();
    (
        Cid::new_v1(crate::dag::DAG_CBOR, Code::Blake2b256.digest(&data)),
        data,
    )
}

fn put(store: &impl Blockstore, block: &(Cid, Vec<u8>)) {
    store.put_keyed(&block.0, &block.1).unwrap();
}

#[test]
fn reads_fall_through_and_writes_stay() {
    let base = MemoryBlockstore::new();
    let (below, above) = (node(1, &[]), node(2, &[]));
    put(&base, &below);
    let overlay = OverlayBlockstore::new(base);
    put(&overlay, &above);
    assert_eq!(overlay.get(&below.0).unwrap(), Some(below.1));
    assert_eq!(overlay.get(&above.0).unwrap(), Some(above.1));
    assert!(!overlay.base().has(&above.0).unwrap());
    assert_eq!(overlay.flush_to_base().unwrap(), 1);
    assert!(overlay.base().has(&above.0).unwrap());
    assert_eq!(overlay.buffered(), 0);
}

#[test]
fn flushing_a_root_leaves_garbage_behind() {
    let overlay = OverlayBlockstore::new(MemoryBlockstore::new());
    let old = node(1, &[]);
    put(overlay.base(), &old);
    let leaf = node(2, &[]);
    let garbage = node(3, &[leaf.0]);
    let root = node(4, &[old.0, leaf.0, leaf.0]);
    for block in [&leaf, &garbage, &root] {
        put(&overlay, block);
    }
    assert_eq!(overlay.flush_reachable(&root.0).unwrap(), 2);
    assert!(overlay.has(&root.0).unwrap() && overlay.has(&leaf.0).unwrap());
    assert!(!overlay.has(&garbage.0).unwrap());
}

#[test]
fn children_are_written_before_their_parents() {
    let leaf = node(1, &[]);
    let left = node(2, &[leaf.0]);
    let right = node(3, &[leaf.0, left.0]);
    let root = node(4, &[right.0, left.0]);
    let all = [&leaf, &left, &right, &root];
    let order = children_first(&root.0, |cid| {
        all.iter()
            .find(|block| block.0 == *cid)
            .map(|block| &block.1[..])
    });
    let order: Vec<Cid> = order.unwrap().into_iter().map(|(cid, _)| cid).collect();
    assert_eq!(order, [leaf.0, left.0, right.0, root.0]);
}

#[test]
fn a_malformed_block_stops_the_flush_and_keeps_the_buffer() {
    let overlay = OverlayBlockstore::new(MemoryBlockstore::new());
    let bad = (
        Cid::new_v1(crate::dag::DAG_CBOR, Code::Blake2b256.digest(&[0x9f])),
        vec![0x9f],
    );
    put(&overlay, &bad);
    overlay.flush_reachable(&bad.0).expect_err("not DAG-CBOR");
    assert_eq!(overlay.buffered(), 1);
    assert!(overlay.base().is_empty());
}
