#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use super::*;
use crate::{
    dag_pb::PbLink,
    piece::testing::{link, pb, raw},
};

type Store = HashMap<Link, Vec<u8>>;

fn node(children: &[&Link]) -> (Link, Vec<u8>) {
    let links = children.iter().map(|target| PbLink {
        target: (*target).clone(),
        name: None,
        size: None,
    });
    let node = PbNode {
        links: links.collect(),
        data: None,
    };
    pb(&node.encode())
}

fn walk(root: &Link, store: &Store, limits: WalkLimits) -> Result<Vec<Link>, WalkError> {
    let mut walk = DagWalk::new(root.clone(), limits);
    let mut met = Vec::new();
    while let Some(link) = walk.step()? {
        let block = match link.inlined() {
            Some(block) => block.to_vec(),
            None => store[&link].clone(),
        };
        walk.enter(&link, &block)?;
        met.push(link);
    }
    assert_eq!(walk.blocks(), met.len());
    Ok(met)
}

fn store(blocks: &[&(Link, Vec<u8>)]) -> Store {
    blocks.iter().map(|block| (*block).clone()).collect()
}

#[test]
fn blocks_come_depth_first_and_once() {
    let (a, b, c) = (raw(b"a"), raw(b"b"), raw(b"c"));
    let left = node(&[&a.0, &b.0]);
    let right = node(&[&b.0, &c.0, &a.0]);
    let inline = Link::inline(DAG_PB, &node(&[&c.0]).1);
    let root = node(&[&left.0, &inline, &right.0, &left.0]);
    let store = store(&[&a, &b, &c, &left, &right, &root]);
    let met = walk(&root.0, &store, WalkLimits::default()).unwrap();
    assert_eq!(met, [root.0, left.0, a.0, b.0, inline, c.0, right.0]);
}

#[test]
fn links_in_dag_cbor_are_followed() {
    let a = raw(b"a");
    let cid = a.0.cid().unwrap();
    let block = lotus_types::wire::to_cbor(&(1_u8, cid, "x"));
    let root = (link(DAG_CBOR, &block), block);
    let met = walk(&root.0, &store(&[&a, &root]), WalkLimits::default()).unwrap();
    assert_eq!(met, [root.0, a.0]);
}

#[test]
fn a_dag_has_limits() {
    let mut top = raw(b"bottom");
    let mut blocks = Store::from([top.clone()]);
    for _ in 0..50 {
        top = node(&[&top.0]);
        blocks.insert(top.0.clone(), top.1.clone());
    }
    let limits = |blocks, depth| WalkLimits { blocks, depth };
    assert_eq!(walk(&top.0, &blocks, limits(51, 51)).unwrap().len(), 51);
    let few = walk(&top.0, &blocks, limits(50, 51));
    assert_eq!(few, Err(WalkError::TooManyBlocks(50)));
    let shallow = walk(&top.0, &blocks, limits(51, 20));
    assert_eq!(shallow, Err(WalkError::TooDeep(20)));
}

#[test]
fn what_cannot_be_followed_is_named() {
    let bad = pb(&[0xff; 3]);
    let error = walk(&bad.0, &store(&[&bad]), WalkLimits::default()).unwrap_err();
    assert!(matches!(&error, WalkError::BadNode { link, .. } if **link == bad.0));
    let cbor = (link(DAG_CBOR, b"\xff"), b"\xff".to_vec());
    let error = walk(&cbor.0, &store(&[&cbor]), WalkLimits::default()).unwrap_err();
    assert!(matches!(&error, WalkError::BadCbor { link, .. } if **link == cbor.0));
    let json = (link(0x0129, b"{}"), b"{}".to_vec());
    let error = walk(&json.0, &store(&[&json]), WalkLimits::default()).unwrap_err();
    assert!(matches!(
        error,
        WalkError::UnknownCodec { codec: 0x0129, .. }
    ));
}
