#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{
    build::{Content, Layout, Shape},
    *,
};
use crate::{
    dag_pb::{Link, PbNode},
    piece::testing::{pattern, recorded},
};

mod laying_a_file_out {
    use super::*;

    /// CIDs and lengths of all blocks, depth first.
    fn blocks(layout: &Layout) -> Vec<(String, usize)> {
        let len = |content: &Content| match content {
            Content::Leaf { len, .. } => *len,
            Content::Node(block) => block.len(),
        };
        let blocks = layout.blocks();
        blocks.map(|(link, c)| (link.to_string(), len(c))).collect()
    }

    fn of(len: usize, shape: Shape) -> Layout {
        Layout::of(&pattern(len)[..], shape).unwrap()
    }

    #[test]
    fn makes_the_blocks_that_lotus_makes() {
        for file in recorded() {
            let layout = of(file.bytes, Shape::default());
            assert_eq!(layout.root().to_string(), file.root);
            assert_eq!(layout.file_size(), file.bytes as u64);
            let expected = file.car_blocks.iter();
            let expected: Vec<_> = expected.map(|b| (b.cid.clone(), b.bytes)).collect();
            assert_eq!(blocks(&layout), expected);
        }
    }

    #[test]
    fn puts_an_empty_file_into_its_cid() {
        let layout = of(0, Shape::default());
        assert_eq!(layout.root().to_string(), "bafkqaaa");
        assert_eq!(blocks(&layout), [("bafkqaaa".to_owned(), 0)]);
    }

    #[test]
    fn inlines_small_leaves_but_no_root_that_nothing_else_could_hold() {
        let small = of(64, Shape::default());
        assert_eq!(small.root().hash().code(), 0);
        let wide = of(126, Shape::default());
        assert_eq!(wide.root().hash().code(), 0xb220);
        let tail = of(CHUNK + 100, Shape::default());
        let (last, _) = tail.blocks().last().unwrap();
        assert_eq!(last.inlined().unwrap(), &pattern(CHUNK + 100)[CHUNK..]);
    }

    /// How many leaves hang under each node of the lowest row, left to right.
    fn rows(leaves: usize) -> Vec<usize> {
        let shape = Shape {
            chunk: 200,
            links: 3,
        };
        let layout = of(200 * leaves, shape);
        let mut rows = Vec::new();
        for (link, content) in layout.blocks() {
            match (content, link) {
                (Content::Node(block), _) => {
                    let node = PbNode::decode(block).unwrap();
                    let leaf = |link: &Link| link.codec() == 0x55;
                    rows.push(node.links.iter().filter(|l| leaf(&l.target)).count());
                }
                (Content::Leaf { .. }, _) => {}
            }
        }
        rows
    }

    #[test]
    fn fills_nodes_from_the_left_and_grows_at_the_top() {
        assert!(rows(1).is_empty());
        assert_eq!(rows(3), [3]);
        assert_eq!(rows(4), [0, 3, 1]);
        assert_eq!(rows(9), [0, 3, 3, 3]);
        // Two rows above the leaves are full: the tenth makes a third.
        assert_eq!(rows(10), [0, 0, 3, 3, 3, 0, 1]);
    }

    #[test]
    fn counts_sizes_of_all_that_is_below() {
        let shape = Shape {
            chunk: 200,
            links: 3,
        };
        let layout = of(950, shape);
        let nodes: Vec<_> = layout
            .blocks()
            .filter_map(|(_, content)| match content {
                Content::Node(block) => Some((block.len() as u64, PbNode::decode(block).unwrap())),
                Content::Leaf { .. } => None,
            })
            .collect();
        let [(_, root), (left_len, left), (right_len, right)] = &nodes[..] else {
            panic!("{nodes:?}")
        };
        let sizes: Vec<_> = root.links.iter().map(|link| link.size.unwrap()).collect();
        assert_eq!(sizes, [left_len + 600, right_len + 350]);
        let unixfs = |node: &PbNode| Node::decode(node.data.as_ref().unwrap()).unwrap();
        assert_eq!(unixfs(root).block_sizes, [600, 350]);
        assert_eq!(unixfs(left).block_sizes, [200, 200, 200]);
        assert_eq!(unixfs(right).block_sizes, [200, 150]);
        assert_eq!(unixfs(root).file_size, Some(950));
    }
}

mod the_data_of_a_node {
    use super::*;

    #[test]
    fn comes_back_as_it_was_written() {
        let shard = Node {
            kind: NodeType::HamtShard,
            data: Some(vec![1, 2]),
            file_size: None,
            block_sizes: Vec::new(),
            fanout: Some(256),
        };
        for node in [Node::file(vec![1, 300, 1 << 40]), shard] {
            assert_eq!(Node::decode(&node.encode()), Ok(node));
        }
    }

    #[test]
    fn may_have_packed_sizes_and_file_attributes() {
        let message = [8, 2, 24, 3, 0x22, 2, 1, 2, 0x38, 0x24, 0x42, 2, 8, 1];
        let node = Node::decode(&message).unwrap();
        assert_eq!((node.block_sizes, node.file_size), (vec![1, 2], Some(3)));
    }

    #[test]
    fn is_refused_when_it_says_nothing_or_too_much() {
        assert_eq!(Node::decode(&[]), Err(UnixfsError::NoType));
        assert_eq!(Node::decode(&[8, 9]), Err(UnixfsError::UnknownType(9)));
        assert_eq!(
            Node::decode(&[8, 2, 8, 2]),
            Err(UnixfsError::UnexpectedField(1))
        );
        assert_eq!(
            Node::decode(&[0x48, 1]),
            Err(UnixfsError::UnexpectedField(9))
        );
        assert!(matches!(
            Node::decode(&[8, 2, 0x22, 1, 0x80]),
            Err(UnixfsError::Malformed(_))
        ));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Node::decode(&bytes);
        }
    }
}
