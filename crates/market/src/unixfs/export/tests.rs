#![allow(clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;

use super::*;
use crate::piece::testing::{car, pb, raw};

type Blocks = Vec<(Link, Vec<u8>)>;

/// Exports a DAG of these blocks, of which the last is the root.
fn export_dag(blocks: Blocks, limits: ExportLimits) -> (TempDir, PathBuf, Result<(), ExportError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dag.car");
    let root = blocks.last().unwrap().0.clone();
    fs::write(&path, car(&root, &blocks)).unwrap();
    let to = folder.path().join("out");
    let outcome = export(&mut CarFile::open(&path).unwrap(), &root, &to, limits);
    (folder, to, outcome)
}

fn node(
    kind: NodeType,
    data: Option<&[u8]>,
    sizes: &[u64],
    links: &[(&str, &Link)],
) -> (Link, Vec<u8>) {
    let unixfs = Node {
        kind,
        data: data.map(<[u8]>::to_vec),
        file_size: (kind == NodeType::File)
            .then(|| sizes.iter().sum::<u64>() + data.map_or(0, |data| data.len() as u64)),
        block_sizes: sizes.to_vec(),
        fanout: (kind == NodeType::HamtShard).then_some(256),
    };
    let links = links.iter().map(|(name, target)| PbLink {
        target: (*target).clone(),
        name: Some((*name).to_owned()),
        size: None,
    });
    let node = PbNode {
        links: links.collect(),
        data: Some(unixfs.encode()),
    };
    pb(&node.encode())
}

/// Why a DAG was refused; nothing may be left then.
fn refusal(blocks: Blocks, limits: ExportLimits) -> String {
    let (folder, _, outcome) = export_dag(blocks, limits);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the CAR: {left:?}");
    outcome.expect_err("refused").to_string()
}

#[test]
fn a_file_has_the_bytes_of_its_nodes_in_order() {
    let (a, b) = (raw(b"one "), raw(b"two "));
    let inner = node(
        NodeType::File,
        Some(b"zero "),
        &[4, 4],
        &[("", &a.0), ("", &b.0)],
    );
    let root = node(
        NodeType::File,
        None,
        &[13, 4],
        &[("", &inner.0), ("", &b.0)],
    );
    let (_folder, to, outcome) = export_dag(vec![a, b, inner, root], ExportLimits::default());
    outcome.unwrap();
    assert_eq!(fs::read(to).unwrap(), b"zero one two two ");
}

#[test]
fn a_directory_has_its_entries_also_those_of_a_trie() {
    let (a, b) = (raw(b"A"), raw(b"B"));
    let link = node(NodeType::Symlink, Some(b"a"), &[], &[]);
    let trie = node(NodeType::HamtShard, None, &[], &[("7Fdeep", &b.0)]);
    let shards = node(
        NodeType::HamtShard,
        None,
        &[],
        &[("00a", &a.0), ("3C", &trie.0)],
    );
    let root = node(
        NodeType::Directory,
        None,
        &[],
        &[("a", &a.0), ("link", &link.0), ("sub", &shards.0)],
    );
    let blocks = vec![a, b, link, trie, shards, root];
    let (_folder, to, outcome) = export_dag(blocks, ExportLimits::default());
    outcome.unwrap();
    assert_eq!(fs::read(to.join("a")).unwrap(), b"A");
    assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("a"));
    assert_eq!(fs::read(to.join("sub/a")).unwrap(), b"A");
    assert_eq!(fs::read(to.join("sub/deep")).unwrap(), b"B");
}

#[test]
fn names_cannot_lead_out_of_the_directory() {
    let a = raw(b"A");
    for name in ["..", ".", "", "a/b", "/etc/x", "a\0"] {
        let root = node(NodeType::Directory, None, &[], &[(name, &a.0)]);
        let error = refusal(vec![a.clone(), root], ExportLimits::default());
        assert!(error.contains("is no name for a file"), "{name:?}: {error}");
    }
}

#[test]
fn nothing_is_written_through_a_link_of_the_same_name() {
    let (folder, a) = (tempfile::tempdir().unwrap(), raw(b"A"));
    let outside = folder.path().join("outside");
    let target = outside.display().to_string();
    let link = node(NodeType::Symlink, Some(target.as_bytes()), &[], &[]);
    let root = node(
        NodeType::Directory,
        None,
        &[],
        &[("x", &link.0), ("x", &a.0)],
    );
    refusal(vec![a, link, root], ExportLimits::default());
    assert!(!outside.exists());
}

#[test]
fn sizes_that_are_announced_must_come_out() {
    let a = raw(b"four");
    let one = node(NodeType::File, None, &[5], &[("", &a.0)]);
    let error = refusal(vec![a.clone(), one], ExportLimits::default());
    assert!(error.contains("announces 5 bytes and has 4"), "{error}");
    let none = node(NodeType::File, None, &[], &[("", &a.0)]);
    let error = refusal(vec![a, none], ExportLimits::default());
    assert!(error.contains("1 links and 0 sizes"), "{error}");
}

#[test]
fn a_small_dag_cannot_become_a_huge_file() {
    let mut blocks = vec![raw(&[0; 1000])];
    let mut size = 1000;
    for _ in 0..6 {
        let below = blocks.last().unwrap().0.clone();
        blocks.push(node(
            NodeType::File,
            None,
            &[size; 100],
            &[("", &below); 100],
        ));
        size *= 100;
    }
    let limits = ExportLimits {
        bytes: 1 << 20,
        ..ExportLimits::default()
    };
    assert!(refusal(blocks, limits).contains("larger than allowed: bytes"));
}

#[test]
fn a_file_of_nothing_does_not_take_for_ever() {
    let mut blocks = vec![raw(b"")];
    for _ in 0..6 {
        let below = blocks.last().unwrap().0.clone();
        blocks.push(node(NodeType::File, None, &[0; 100], &[("", &below); 100]));
    }
    let limits = ExportLimits {
        blocks: 10_000,
        ..ExportLimits::default()
    };
    assert!(refusal(blocks, limits).contains("larger than allowed: blocks"));
}

#[test]
fn directories_in_directories_have_an_end() {
    let mut blocks = vec![raw(b"A")];
    for _ in 0..20 {
        let below = blocks.last().unwrap().0.clone();
        blocks.push(node(NodeType::Directory, None, &[], &[("d", &below)]));
    }
    let limits = ExportLimits {
        depth: 10,
        ..ExportLimits::default()
    };
    assert!(refusal(blocks, limits).contains("larger than allowed: depth"));
}

#[test]
fn blocks_that_are_no_files_are_named() {
    let no_unixfs = pb(&[0x0a, 1, 0xff]);
    let name = no_unixfs.0.to_string();
    assert!(refusal(vec![no_unixfs], ExportLimits::default()).contains(&name));
    let missing = raw(b"gone");
    let root = node(NodeType::File, None, &[4], &[("", &missing.0)]);
    let error = refusal(vec![root], ExportLimits::default());
    assert!(error.contains(&missing.0.to_string()), "{error}");
}

#[test]
fn what_is_there_already_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("dag.car"), folder.path().join("out"));
    let a = raw(b"new");
    fs::write(&path, car(&a.0, std::slice::from_ref(&a))).unwrap();
    fs::write(&to, "old").unwrap();
    let mut source = CarFile::open(&path).unwrap();
    let error = export(&mut source, &a.0, &to, ExportLimits::default()).unwrap_err();
    assert!(error.to_string().contains("out"), "{error}");
    assert_eq!(fs::read_to_string(to).unwrap(), "old");
}
