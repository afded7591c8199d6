#![allow(clippy::unwrap_used, reason = "tests")]

use multihash_codetable::{Code, MultihashDigest};

use super::*;
use crate::MemoryBlockstore;

/// A DAG-CBOR block: an array of links behind some payload.
pub(crate) fn node(payload: u64, children: &[Cid]) -> (Cid, Vec<u8>) {
    let data = fvm_ipld_encoding::to_vec(&(payload, children)).unwrap();
    (Cid::new_v1(DAG_CBOR, Code::Blake2b256.digest(&data)), data)
}

fn commitment() -> Cid {
    Cid::new_v1(COMMITMENT_SEALED, Code::Sha2_256.digest(b"sector"))
}

fn collect(root: &Cid, store: &MemoryBlockstore) -> Result<Vec<Cid>, DagError> {
    let mut order = Vec::new();
    walk(
        root,
        store,
        &mut HashSet::new(),
        |_| false,
        |cid, _| {
            order.push(*cid);
            Ok(())
        },
    )?;
    Ok(order)
}

fn stored(blocks: &[&(Cid, Vec<u8>)]) -> MemoryBlockstore {
    let store = MemoryBlockstore::new();
    for (cid, data) in blocks {
        store.put_keyed(cid, data).unwrap();
    }
    store
}

mod links_of_a_block {
    use super::*;

    #[test]
    fn come_in_order_from_any_depth() {
        let (a, b) = (node(1, &[]).0, node(2, &[]).0);
        let nested = (
            b"text",
            vec![(1u64, a), (u64::MAX, b)],
            -5i64,
            Some(a),
            1.5f64,
        );
        let data = fvm_ipld_encoding::to_vec(&nested).unwrap();
        let cid = Cid::new_v1(DAG_CBOR, Code::Blake2b256.digest(&data));
        assert_eq!(links(&cid, &data).unwrap(), [a, b, a]);
    }

    #[test]
    fn of_a_raw_block_are_none_whatever_it_holds() {
        let (_, data) = node(0, &[node(1, &[]).0]);
        let cid = Cid::new_v1(RAW, Code::Blake2b256.digest(&data));
        assert!(links(&cid, &data).unwrap().is_empty());
    }

    #[test]
    fn survive_nesting_of_a_million_levels() {
        let mut data = vec![0x81; 1_000_000];
        data.push(0x00);
        let cid = Cid::new_v1(DAG_CBOR, Code::Blake2b256.digest(&data));
        assert!(links(&cid, &data).unwrap().is_empty());
    }

    #[test]
    fn are_refused_when_the_block_lies_about_its_size() {
        let huge_array = [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let huge_map = [0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let huge_bytes = [0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let indefinite = [0x9f, 0x00, 0xff];
        let link_to_text = [0xd8, 0x2a, 0x61, 0x61];
        let link_without_prefix = [0xd8, 0x2a, 0x42, 0x01, 0x71];
        let lies: [&[u8]; 7] = [
            &[],
            &huge_array,
            &huge_map,
            &huge_bytes,
            &indefinite,
            &link_to_text,
            &link_without_prefix,
        ];
        for lie in lies {
            let cid = Cid::new_v1(DAG_CBOR, Code::Blake2b256.digest(lie));
            let error = links(&cid, lie).expect_err("a lie");
            assert!(matches!(error, DagError::Malformed { .. }), "{lie:02x?}");
        }
    }
}

mod walking {
    use super::*;

    #[test]
    fn visits_depth_first_and_each_block_once() {
        let shared = node(1, &[]);
        let left = node(2, &[shared.0]);
        let right = node(3, &[shared.0, left.0]);
        let root = node(4, &[left.0, right.0, commitment()]);
        let store = stored(&[&shared, &left, &right, &root]);
        assert_eq!(
            collect(&root.0, &store).unwrap(),
            [root.0, left.0, shared.0, right.0]
        );
    }

    #[test]
    fn follows_links_inside_identity_cids() {
        let leaf = node(1, &[]);
        let inline = fvm_ipld_encoding::to_vec(&[leaf.0]).unwrap();
        let inline = cid::multihash::Multihash::wrap(crate::verify::IDENTITY, &inline).unwrap();
        let root = node(2, &[Cid::new_v1(DAG_CBOR, inline)]);
        let store = stored(&[&leaf, &root]);
        assert_eq!(collect(&root.0, &store).unwrap(), [root.0, leaf.0]);
    }

    #[test]
    fn names_a_missing_block() {
        let gone = node(1, &[]);
        let root = node(2, &[gone.0]);
        let error = collect(&root.0, &stored(&[&root])).expect_err("missing");
        assert!(matches!(error, DagError::Missing { cid } if cid == gone.0));
    }

    #[test]
    fn goes_deeper_than_any_stack() {
        let store = MemoryBlockstore::new();
        let mut top = node(0, &[]);
        store.put_keyed(&top.0, &top.1).unwrap();
        for level in 1..100_000 {
            top = node(level, &[top.0]);
            store.put_keyed(&top.0, &top.1).unwrap();
        }
        assert_eq!(collect(&top.0, &store).unwrap().len(), 100_000);
    }
}

mod copying {
    use super::*;

    #[test]
    fn moves_what_is_under_the_root_and_not_under_what_is_skipped() {
        let below = node(1, &[]);
        let known = node(2, &[below.0]);
        let fresh = node(3, &[]);
        let root = node(4, &[known.0, fresh.0]);
        let unrelated = node(5, &[]);
        let from = stored(&[&below, &known, &fresh, &root, &unrelated]);
        let to = stored(&[&known]);
        let stats = copy_dag(&root.0, &from, &to, |cid| to.has(cid).unwrap()).unwrap();
        assert_eq!(stats.blocks, 2);
        assert_eq!(stats.bytes, (root.1.len() + fresh.1.len()) as u64);
        assert!(to.has(&root.0).unwrap() && to.has(&fresh.0).unwrap());
        assert!(!to.has(&below.0).unwrap() && !to.has(&unrelated.0).unwrap());
    }
}
