#![allow(clippy::unwrap_used, reason = "tests")]

use lotus_types::Cid;
use proptest::prelude::*;

use super::*;

fn link(name: Option<&str>, size: Option<u64>, block: &[u8]) -> PbLink {
    PbLink {
        target: Cid::of_raw(block).into(),
        name: name.map(str::to_owned),
        size,
    }
}

fn node() -> PbNode {
    PbNode {
        links: vec![
            link(Some(""), Some(3), b"one"),
            link(Some("b"), None, b"two"),
            PbLink {
                target: Link::inline(DAG_PB, &[7; 126]),
                name: None,
                size: Some(u64::MAX),
            },
        ],
        data: Some(b"data".to_vec()),
    }
}

mod a_node {
    use super::*;

    #[test]
    fn comes_back_as_it_was_written() {
        for node in [node(), PbNode::default()] {
            assert_eq!(PbNode::decode(&node.encode()), Ok(node));
        }
    }

    #[test]
    fn keeps_empty_data_apart_from_none() {
        let empty = PbNode {
            data: Some(Vec::new()),
            ..PbNode::default()
        };
        assert_eq!(empty.encode(), [0x0a, 0]);
        assert_eq!(PbNode::decode(&[0x0a, 0]), Ok(empty));
        assert_eq!(PbNode::decode(&[]), Ok(PbNode::default()));
    }

    #[test]
    fn may_have_its_data_first() {
        let links = PbNode {
            data: None,
            ..node()
        };
        let data_first = [&[0x0a, 4][..], b"data", &links.encode()].concat();
        assert_eq!(PbNode::decode(&data_first), Ok(node()));
    }

    #[test]
    fn may_not_have_its_data_between_links() {
        let one = PbNode {
            links: vec![link(None, None, b"one")],
            data: Some(b"x".to_vec()),
        }
        .encode();
        let twice = [&one[..], &one[..]].concat();
        let refused = PbNode::decode(&twice).unwrap_err();
        assert!(matches!(
            refused,
            DagPbError::UnexpectedField {
                message: "node",
                number: 2
            }
        ));
    }

    #[test]
    fn is_refused_with_unknown_or_repeated_fields() {
        for bad in [&[0x0a, 0, 0x0a, 0][..], &[0x1a, 0], &[0x08, 1], &[0x00, 0]] {
            assert!(PbNode::decode(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn is_refused_when_a_length_is_not_there() {
        let huge = [
            0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
        ];
        assert_eq!(
            PbNode::decode(&huge),
            Err(DagPbError::Malformed(Malformed { at: 0 }))
        );
        let overlong = [0x0a, 0x81, 0x00, b'x'];
        assert!(PbNode::decode(&overlong).is_err());
        let good = node().encode();
        for end in 1..good.len() {
            // Cut between two fields it is another good node.
            if let Ok(shorter) = PbNode::decode(&good[..end]) {
                assert_eq!(shorter.encode(), good[..end]);
            }
        }
    }
}

mod a_link {
    use super::*;

    fn decode(message: &[u8]) -> DagPbError {
        let mut block = Vec::new();
        proto::put_bytes(&mut block, 2, message);
        PbNode::decode(&block).unwrap_err()
    }

    #[test]
    fn needs_a_cid() {
        assert_eq!(decode(&[0x18, 1]), DagPbError::NoTarget);
        assert!(matches!(decode(&[0x0a, 1, 0]), DagPbError::BadTarget(_)));
    }

    #[test]
    fn has_its_fields_in_order() {
        let cid = Cid::of_raw(b"x").to_bytes();
        let mut message = vec![0x12, 0];
        proto::put_bytes(&mut message, 1, &cid);
        assert!(matches!(
            decode(&message),
            DagPbError::UnexpectedField {
                message: "link",
                number: 1
            }
        ));
    }

    #[test]
    fn may_carry_as_much_as_lotus_inlines() {
        for len in [0, 1, 64, 65, 126] {
            let link = Link::inline(0x55, &vec![9; len]);
            assert_eq!(Link::from_bytes(&link.to_bytes()), Ok(link.clone()));
            assert_eq!(link.to_string().parse::<Link>(), Ok(link.clone()));
            assert_eq!(link.cid().is_some(), len <= 64);
            assert!(link.verify(&vec![9; len]).is_ok() && link.verify(b"other").is_err());
        }
        // The CID of no bytes at all.
        assert_eq!(Link::inline(0x55, b"").to_string(), "bafkqaaa");
    }

    #[test]
    fn is_refused_with_bytes_behind_it_or_an_impossible_digest() {
        let mut bytes = Cid::of_raw(b"x").to_bytes();
        bytes.push(0);
        assert!(Link::from_bytes(&bytes).is_err());
        // A blake2b digest of 100 bytes, and an inlined block longer than is read.
        for (code, len) in [(&[0xa0_u8, 0xe4, 0x02][..], 100_u8), (&[0], 200)] {
            let head = [&[1, 0x55][..], code].concat();
            let len_bytes = if len < 128 { vec![len] } else { vec![len, 1] };
            let cid = [&head[..], &len_bytes, &vec![0; usize::from(len)]].concat();
            assert!(Link::from_bytes(&cid).is_err(), "{code:?}");
        }
    }
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(node) = PbNode::decode(&bytes) {
            prop_assert_eq!(PbNode::decode(&node.encode()), Ok(node));
        }
        let _ = Link::from_bytes(&bytes);
    }

    #[test]
    fn altered_nodes_never_panic(at in 0usize..400, to in any::<u8>()) {
        let mut block = node().encode();
        let at = at % block.len();
        block[at] = to;
        let _ = PbNode::decode(&block);
    }
}
