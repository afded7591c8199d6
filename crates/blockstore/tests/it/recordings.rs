//! The CAR files that a Go Lotus wrote.

use std::path::PathBuf;

use lotus_blockstore::{
    Blockstore, DiskDatabase, DiskOptions, MemoryBlockstore,
    car::{CarReader, load_file},
    dag,
};

fn recording(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus")).join(path)
}

#[test]
fn every_block_of_the_recorded_chains_is_verified_and_stored() {
    let chains = [
        ("mock-chain/chain.car.zst", 1, 513_907),
        ("mock-chain-two/chain.car.zst", 1, 757_441),
        ("real-chain/chain.car.zst", 1, 194_573),
        ("real-chain/genesis.car", 1, 11_550),
    ];
    for (path, roots, bytes) in chains {
        let store = MemoryBlockstore::new();
        let loaded = load_file(&recording(path), &store).expect(path);
        assert_eq!(loaded.roots.len(), roots, "{path}");
        assert_eq!(loaded.bytes, bytes, "{path}");
        assert_eq!(loaded.blocks, store.len() as u64, "{path} repeats no block");
        assert!(store.has(&loaded.roots[0]).expect("memory"), "{path}");
    }
}

#[test]
fn a_genesis_is_one_dag_but_for_the_actors_code() {
    let store = MemoryBlockstore::new();
    let loaded = load_file(&recording("real-chain/genesis.car"), &store).expect("genesis");
    let mut seen = std::collections::HashSet::new();
    let mut visited = 0;
    let is_code = |cid: &cid::Cid| cid.codec() == dag::RAW;
    let walked = dag::walk(&loaded.roots[0], &store, &mut seen, is_code, |_, _| {
        visited += 1;
        Ok(())
    });
    walked.expect("complete");
    assert_eq!(visited, loaded.blocks);
}

#[test]
fn a_chain_goes_to_disk_and_comes_back() {
    let folder = tempfile::tempdir().expect("folder");
    let path = recording("mock-chain-two/chain.car.zst");
    {
        let database = DiskDatabase::open(folder.path(), DiskOptions::default()).expect("opens");
        load_file(&path, &database.blocks("chain").expect("blocks")).expect("loads");
    }
    let database = DiskDatabase::open(folder.path(), DiskOptions::default()).expect("opens again");
    let blocks = database.blocks("chain").expect("blocks");
    for block in CarReader::open(&path).expect("opens") {
        let block = block.expect("good");
        assert_eq!(blocks.get(&block.cid).expect("reads"), Some(block.data));
    }
}
