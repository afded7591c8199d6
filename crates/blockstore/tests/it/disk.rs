//! The disk store, closed politely and not.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use cid::Cid;
use lotus_blockstore::{Blockstore, DiskDatabase, DiskOptions, MetadataStore, Store};
use multihash_codetable::{Code, MultihashDigest};

const FOLDER: &str = "LOTUS_TEST_DISK_FOLDER";

fn open(folder: &Path) -> DiskDatabase {
    DiskDatabase::open(folder, DiskOptions::default()).expect("database opens")
}

fn block(number: u64) -> (Cid, Vec<u8>) {
    let data = number
        .to_be_bytes()
        .repeat(1 + usize::try_from(number % 97).expect("small"));
    (Cid::new_v1(0x55, Code::Blake2b256.digest(&data)), data)
}

#[test]
fn answers_identity_cids_without_storing_them() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).blocks("chain").expect("blocks");
    let inline = cid::multihash::Multihash::wrap(0, b"inline").expect("short");
    let cid = Cid::new_v1(0x55, inline);
    assert!(store.has(&cid).expect("has"));
    assert_eq!(store.get(&cid).expect("get"), Some(b"inline".to_vec()));
}

#[test]
fn a_deleted_block_is_gone_after_a_restart_and_can_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let ((cid, data), (other, more)) = (block(1), block(2));
    let database = open(folder.path());
    let store = database.blocks("chain").unwrap();
    store.put_keyed(&cid, &data).unwrap();
    store.put_keyed(&other, &more).unwrap();
    // Into the cache.
    assert!(store.get(&cid).unwrap().is_some());
    store.delete(&cid).unwrap();
    store.delete(&cid).unwrap();
    assert!(!store.has(&cid).unwrap());
    assert_eq!(store.get(&cid).unwrap(), None);
    store.flush().unwrap();
    drop((store, database));
    let database = open(folder.path());
    let store = database.blocks("chain").unwrap();
    assert!(!store.has(&cid).unwrap());
    assert!(store.has(&other).unwrap());
    store.put_keyed(&cid, &data).unwrap();
    assert_eq!(store.get(&cid).unwrap(), Some(data));
}

#[test]
fn keeps_block_sets_and_metadata_apart() {
    let folder = tempfile::tempdir().expect("folder");
    let database = open(folder.path());
    let (hot, cold) = (
        database.blocks("hot").expect("hot"),
        database.blocks("cold").expect("cold"),
    );
    let (cid, data) = block(1);
    hot.put_keyed(&cid, &data).expect("put");
    assert!(hot.has(&cid).expect("has") && !cold.has(&cid).expect("has"));

    let meta = database.metadata("metadata").expect("metadata");
    for (key, value) in [
        ("/mpool/b", "2"),
        ("/mpool/a", "1"),
        ("/mpoolx", "3"),
        ("/head", "4"),
    ] {
        meta.set(key, value.as_bytes()).expect("set");
    }
    meta.remove("/head").expect("remove");
    assert_eq!(meta.get("/head").expect("get"), None);
    let listed = meta.list("/mpool/").expect("list");
    let expected = [("/mpool/a", "1"), ("/mpool/b", "2")];
    assert_eq!(
        listed,
        expected.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
    );
}

#[test]
fn refuses_a_second_opener() {
    let folder = tempfile::tempdir().expect("folder");
    let _first = open(folder.path());
    let error = DiskDatabase::open(folder.path(), DiskOptions::default()).expect_err("locked");
    assert!(
        error.to_string().contains("open in another process"),
        "{error}"
    );
}

/// A child writes blocks without end and says after each flush how many are durable. It is killed in
/// the middle of it; everything it vouched for must be there.
#[test]
fn what_was_flushed_survives_a_kill() {
    let folder = tempfile::tempdir().expect("folder");
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args([
            "--exact",
            "disk::writes_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("child starts");
    let mut vouched = 0;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        if let Some(count) = line.expect("text").strip_prefix("durable ") {
            vouched = count.parse().expect("number");
        }
        if vouched >= 4_000 {
            break;
        }
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("ended");
    assert!(
        vouched >= 4_000,
        "the child ended early, after {vouched} blocks"
    );

    let database = open(folder.path());
    let store = database.blocks("chain").expect("blocks");
    for number in 0..vouched {
        let (cid, data) = block(number);
        assert_eq!(
            store.get(&cid).expect("get"),
            Some(data),
            "block {number} of {vouched}"
        );
    }
    let head = database
        .metadata("metadata")
        .expect("metadata")
        .get("head")
        .expect("get");
    let head = u64::from_be_bytes(head.expect("set").try_into().expect("8 bytes"));
    assert!(
        head >= vouched,
        "metadata of {head} is older than {vouched}"
    );
    assert!(
        store.has(&block(head - 1).0).expect("has"),
        "metadata names a block that is lost"
    );
}

#[test]
#[ignore = "the child process of what_was_flushed_survives_a_kill"]
fn writes_until_it_is_killed() {
    let folder = std::env::var_os(FOLDER).expect("run by its parent only");
    let database = open(Path::new(&folder));
    let store = database.blocks("chain").expect("blocks");
    let meta = database.metadata("metadata").expect("metadata");
    for round in 0u64.. {
        let numbers = round * 100..(round + 1) * 100;
        if round % 2 == 0 {
            store.put_many_keyed(numbers.map(block)).expect("batch");
            store.flush().expect("flush");
        } else {
            for (cid, data) in numbers.map(block) {
                store.put_keyed(&cid, &data).expect("put");
            }
            meta.set("head", &((round + 1) * 100).to_be_bytes())
                .expect("set");
        }
        println!("durable {}", (round + 1) * 100);
        std::io::stdout().flush().expect("stdout");
    }
}
