use lotus_blockstore::MemoryMetadata;
use lotus_types::{Address, Bytes, Ticket};

use super::*;
use crate::{HeadChange, weight::BlockCountWeigher};

fn header(parents: &TipsetKey, height: i64, miner: u64, ticket: u8) -> BlockHeader {
    BlockHeader {
        ticket: Some(Ticket {
            vrf_proof: Bytes::from(vec![ticket; 96]),
        }),
        parent_weight: BigInt::from(height),
        ..BlockHeader::bare(Address::new_id(miner), height, parents.clone())
    }
}

fn single(header: BlockHeader) -> Tipset {
    Tipset::new(vec![header]).expect("a tipset")
}

fn genesis() -> Tipset {
    single(header(
        &TipsetKey::new(vec![Cid::of_block(&[0xa0])]),
        0,
        0,
        0,
    ))
}

struct Chain {
    blocks: SharedBlockstore,
    meta: Arc<MemoryMetadata>,
    store: ChainStore,
}

fn open(blocks: &SharedBlockstore, meta: &Arc<MemoryMetadata>, fork_limit: usize) -> ChainStore {
    let options = ChainStoreOptions {
        fork_limit,
        ..ChainStoreOptions::default()
    };
    let meta = Arc::clone(meta);
    ChainStore::open(blocks.clone(), meta, Arc::new(BlockCountWeigher), options).expect("opens")
}

fn chain() -> Chain {
    let (blocks, meta) = (SharedBlockstore::memory(), Arc::new(MemoryMetadata::new()));
    let store = open(&blocks, &meta, 10);
    store
        .set_genesis(genesis().min_ticket_block())
        .expect("set");
    store.add_tipset(&genesis()).expect("added");
    Chain {
        blocks,
        meta,
        store,
    }
}

/// A chain of single blocks on top of `base`; `ticket` tells forks apart.
fn grow(
    store: &ChainStore,
    base: &Tipset,
    heights: impl IntoIterator<Item = i64>,
    ticket: u8,
) -> Vec<Tipset> {
    let mut tip = base.clone();
    let grown = heights.into_iter().map(|height| {
        tip = single(header(tip.key(), height, 1000, ticket));
        store.add_tipset(&tip).expect("added");
        tip.clone()
    });
    grown.collect()
}

mod blocks_that_arrive_one_by_one {
    use super::*;

    #[test]
    fn form_one_tipset_when_height_and_parents_are_the_same() {
        let Chain { store, .. } = chain();
        let parents = genesis().key().clone();
        let (a, b) = (header(&parents, 1, 1000, 9), header(&parents, 1, 1001, 3));
        store.add_block(&a).expect("added");
        let (tipset, taken) = store.add_block(&b).expect("added");
        assert!(taken);
        assert_eq!(store.head().as_ref(), Some(&tipset));
        // The smaller ticket's digest comes first.
        let expected = Tipset::new(vec![a, b]).expect("a tipset");
        assert_eq!(tipset.key(), expected.key());
    }

    #[test]
    fn stay_apart_when_the_parents_differ() {
        let Chain { store, .. } = chain();
        let fork = grow(&store, &genesis(), [1], 1).remove(0);
        store
            .add_block(&header(genesis().key(), 2, 1000, 1))
            .expect("added");
        let (tipset, _) = store
            .add_block(&header(fork.key(), 2, 1001, 1))
            .expect("added");
        assert_eq!(tipset.blocks().len(), 1);
    }

    #[test]
    fn count_once_per_miner() {
        let Chain { store, .. } = chain();
        let parents = genesis().key().clone();
        let other = header(&parents, 1, 1001, 5);
        for block in [
            &header(&parents, 1, 1000, 1),
            &header(&parents, 1, 1000, 2),
            &other,
        ] {
            store.add_block(block).expect("added");
        }
        assert_eq!(store.expand(&other).blocks().len(), 2);
    }
}

mod the_head {
    use super::*;

    #[test]
    fn is_the_heaviest_and_not_the_latest() {
        let Chain { store, .. } = chain();
        let long = grow(&store, &genesis(), 1..=5, 1);
        grow(&store, &genesis(), 1..=4, 2);
        assert_eq!(store.head().as_ref(), long.last());
    }

    #[test]
    fn is_chosen_by_ticket_when_weights_are_equal_whatever_comes_first() {
        let candidates = [1, 2].map(|ticket| single(header(genesis().key(), 1, 1000, ticket)));
        let heads = [[0, 1], [1, 0]].map(|order| {
            let Chain { store, .. } = chain();
            for candidate in order {
                store
                    .take_if_heavier(&candidates[candidate])
                    .expect("compared");
            }
            store.head()
        });
        assert_eq!(heads[0], heads[1]);
        let digest = |tipset: &Tipset| {
            tipset
                .min_ticket_block()
                .ticket
                .as_ref()
                .map(Ticket::digest)
        };
        let smallest = candidates.iter().min_by_key(|tipset| digest(tipset));
        assert_eq!(heads[0].as_ref(), smallest);
    }

    #[test]
    fn is_not_moved_by_a_heavier_chain_that_forks_off_beyond_the_limit() {
        let Chain { store, .. } = chain();
        let honest = grow(&store, &genesis(), 1..=12, 1);
        let late = grow(&store, &genesis(), 1..=14, 2);
        assert_eq!(store.head().as_ref(), honest.last());
        let shallow = grow(&store, &honest[1], 3..=14, 3);
        assert_eq!(store.head().as_ref(), shallow.last());
        store.set_head(&late[13]).expect("by hand it moves");
        assert_eq!(store.head().as_ref(), late.last());
    }

    #[test]
    fn is_found_again_after_a_restart_and_so_are_blocks_of_its_epoch() {
        let Chain {
            blocks,
            meta,
            store,
        } = chain();
        let head = grow(&store, &genesis(), 1..=3, 1).pop();
        drop(store);
        let store = open(&blocks, &meta, 10);
        assert_eq!(store.head(), head);
        assert_eq!(
            store.genesis().map(|header| header.cid()),
            genesis().cids().first().copied()
        );
        let parents = head.expect("a head").parents().clone();
        let (joined, taken) = store
            .add_block(&header(&parents, 3, 1001, 9))
            .expect("added");
        assert!(taken && joined.blocks().len() == 2);
    }

    #[test]
    fn cannot_be_of_another_network() {
        let Chain { store, .. } = chain();
        let other = header(&TipsetKey::new(vec![Cid::of_block(&[0xa0])]), 0, 0, 7);
        let error = store.set_genesis(&other).expect_err("other");
        assert!(matches!(error, ChainError::OtherGenesis(_)) && !error.is_fault());
    }
}

mod head_changes {
    use super::*;

    fn kinds(batch: &[HeadChange]) -> Vec<(&'static str, i64)> {
        batch
            .iter()
            .map(|change| (change.kind(), change.tipset().height()))
            .collect()
    }

    #[tokio::test]
    async fn start_with_the_present_and_tell_the_way() {
        let Chain { store, .. } = chain();
        let base = grow(&store, &genesis(), 1..=2, 1);
        let mut stream = store.subscribe();
        grow(&store, &base[0], [2, 4], 2);
        let mut seen = Vec::new();
        while seen.last() != Some(&("apply", 4)) {
            let batch = stream.next().await.expect("open").expect("in time");
            seen.extend(kinds(&batch));
        }
        // Which fork has the smaller ticket at height 2 is up to the hash; both ways end the same.
        assert_eq!(seen.first(), Some(&("current", 2)));
        assert_eq!(
            seen.iter().filter(|step| **step == ("revert", 2)).count(),
            1
        );
        assert_eq!(seen.last(), Some(&("apply", 4)));
    }

    #[tokio::test]
    async fn that_were_missed_are_admitted() {
        let Chain { store, .. } = chain();
        let mut stream = store.subscribe();
        grow(&store, &genesis(), 1..=300, 1);
        assert!(
            stream.next().await.expect("open").is_ok(),
            "the present head is kept apart"
        );
        let lagged = stream.next().await.expect("open").expect_err("too late");
        assert_eq!(lagged.missed, 300 - 256);
        let oldest = stream.next().await.expect("open").expect("kept");
        assert_eq!(kinds(&oldest), [("apply", 45)]);
    }
}

mod looking_up {
    use super::*;

    #[test]
    fn by_height_skips_null_rounds_either_way_on_every_fork() {
        let Chain { store, .. } = chain();
        // Null rounds: all multiples of 3, and 41..=79, a stretch wider than a jump.
        let heights = || (1..200).filter(|h| h % 3 != 0 && !(41..80).contains(h));
        let main = grow(&store, &genesis(), heights(), 1);
        let fork = grow(
            &store,
            &main[30],
            heights().filter(|h| *h > main[30].height()),
            2,
        );
        for tipsets in [main.clone(), [&main[..=30], &fork[..]].concat()] {
            let all: Vec<Tipset> = std::iter::once(genesis()).chain(tipsets).collect();
            let head = all.last().expect("not empty");
            for height in 0..=head.height() {
                let after = all
                    .iter()
                    .find(|t| t.height() >= height)
                    .expect("below the head");
                let before = all
                    .iter()
                    .rfind(|t| t.height() <= height)
                    .expect("above genesis");
                let found = |prefer| store.tipset_by_height(height, head, prefer).expect("found");
                assert_eq!(
                    (&found(true), &found(false)),
                    (before, after),
                    "height {height}"
                );
            }
        }
    }

    #[test]
    fn a_path_needs_a_common_chain() {
        let Chain { store, .. } = chain();
        let other = single(header(
            &TipsetKey::new(vec![Cid::of_block(&[0xa0])]),
            0,
            0,
            7,
        ));
        store.put_headers(other.blocks()).expect("stored");
        let error = store.path(&genesis(), &other).expect_err("no way");
        assert!(matches!(error, ChainError::NotOneChain { .. }));
    }

    #[test]
    fn says_what_is_missing() {
        let Chain { store, .. } = chain();
        let gone = Cid::of_block(&[0x01]);
        let error = store.tipset(&TipsetKey::new(vec![gone])).expect_err("gone");
        assert_eq!(error.to_string(), format!("block {gone} not found"));
        assert!(!error.is_fault());
        store.tipset(&TipsetKey::default()).expect_err("no blocks");
    }

    #[test]
    fn does_not_follow_a_parent_that_is_not_lower() {
        let Chain { store, .. } = chain();
        let high = single(header(genesis().key(), 9, 1000, 1));
        let low = single(header(high.key(), 9, 1000, 2));
        store.put_headers(high.blocks()).expect("stored");
        store.put_headers(low.blocks()).expect("stored");
        let error = store
            .tipset_by_height(3, &low, true)
            .expect_err("heights do not fall");
        assert!(matches!(error, ChainError::NotOneChain { .. }));
        assert!(store.walk_back(low).last().expect("ends").is_err());
    }
}
