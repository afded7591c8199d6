//! Loading, walking and exporting `mock-chain-two`: 918 tipsets, 70 of two blocks, 1000 epochs.

use std::{fs::File, ops::ControlFlow, path::PathBuf, sync::Arc};

use lotus_blockstore::{
    MemoryMetadata, SharedBlockstore,
    car::{CarReader, CarWriter},
};
use lotus_chain::{
    ChainError, ChainStore, ChainStoreOptions, ExportOptions, Imported, messages,
    weight::BlockCountWeigher,
};
use lotus_types::{Tipset, TipsetKey};
use serde::Deserialize;

fn recorded(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/lotus")).join(path)
}

fn empty() -> ChainStore {
    let (meta, weigher) = (Arc::new(MemoryMetadata::new()), Arc::new(BlockCountWeigher));
    let options = ChainStoreOptions::default();
    ChainStore::open(SharedBlockstore::memory(), meta, weigher, options).expect("opens")
}

pub(crate) fn imported(chain: &str) -> (ChainStore, Imported) {
    let store = empty();
    let car = CarReader::open(&recorded(chain).join("chain.car.zst")).expect("a CAR");
    let imported = store
        .import(car, |_| ControlFlow::Continue(()))
        .expect("imports");
    (store, imported)
}

/// An answer of Lotus to one of the calls that look at the chain.
#[derive(Deserialize)]
struct Answer {
    method: String,
    height: Option<i64>,
    #[serde(default)]
    from: Vec<String>,
    #[serde(default)]
    to: Vec<String>,
    block: Option<String>,
    cids: Option<Vec<String>>,
    bls: Option<usize>,
    steps: Option<Vec<Step>>,
    error: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
struct Step {
    #[serde(rename = "type")]
    kind: String,
    cids: Vec<String>,
}

fn answers(method: &str) -> Vec<Answer> {
    let text = std::fs::read_to_string(recorded("mock-chain-two/chain-walks.jsonl"));
    let answers = text.expect("fixture");
    let answers = answers
        .lines()
        .map(|line| serde_json::from_str::<Answer>(line).expect("JSON"));
    let answers: Vec<_> = answers.filter(|answer| answer.method == method).collect();
    assert!(!answers.is_empty(), "no {method} recorded");
    answers
}

fn key(cids: &[String]) -> TipsetKey {
    cids.iter().map(|cid| cid.parse().expect("a CID")).collect()
}

fn texts(tipset: &Tipset) -> Vec<String> {
    tipset.cids().iter().map(ToString::to_string).collect()
}

#[test]
fn has_the_tipsets_that_were_recorded() {
    let (store, imported) = imported("mock-chain-two");
    assert_eq!(imported.tipsets, 918);
    let tipsets: Vec<Tipset> = store
        .walk_back(imported.head.clone())
        .collect::<Result<_, _>>()
        .expect("complete");
    assert_eq!(tipsets.iter().map(|t| t.blocks().len()).sum::<usize>(), 988);
    assert_eq!(tipsets.iter().filter(|t| t.blocks().len() == 2).count(), 70);
    assert_eq!(
        texts(&imported.head),
        answers("ChainHead")[0].cids.clone().expect("recorded")
    );
    let genesis = answers("ChainGetGenesis").remove(0).cids.expect("recorded");
    assert_eq!([imported.genesis.cid().to_string()], genesis[..]);
}

#[test]
fn puts_its_blocks_together_when_they_come_one_by_one() {
    let (source, imported) = imported("mock-chain-two");
    let mut tipsets: Vec<Tipset> = source
        .walk_back(imported.head.clone())
        .collect::<Result<_, _>>()
        .expect("complete");
    tipsets.reverse();
    let store = empty();
    store.set_genesis(&imported.genesis).expect("set");
    for tipset in &tipsets {
        // The other order than in the tipset.
        for header in tipset.blocks().iter().rev() {
            store.add_block(header).expect("added");
        }
        assert_eq!(store.head().as_ref(), Some(tipset));
    }
}

#[test]
fn answers_heights_as_lotus_did() {
    let (store, _) = imported("mock-chain-two");
    let mut null_rounds = 0;
    for (method, before) in [
        ("ChainGetTipSetByHeight", true),
        ("ChainGetTipSetAfterHeight", false),
    ] {
        for answer in answers(method) {
            let from = store.tipset(&key(&answer.from)).expect("start");
            let height = answer.height.expect("recorded");
            match (store.tipset_by_height(height, &from, before), answer.error) {
                (Ok(tipset), None) => {
                    assert_eq!(Some(texts(&tipset)), answer.cids, "{method} {height}");
                    null_rounds += usize::from(tipset.height() != height);
                }
                (Err(error), Some(recorded)) => assert_eq!(error.to_string(), recorded),
                (ours, theirs) => panic!("{method} {height}: {ours:?} where Lotus had {theirs:?}"),
            }
        }
    }
    assert!(null_rounds > 0, "the recording has null rounds");
}

#[test]
fn answers_paths_as_lotus_did() {
    let (store, _) = imported("mock-chain-two");
    for answer in answers("ChainGetPath") {
        let [from, to] =
            [&answer.from, &answer.to].map(|end| store.tipset(&key(end)).expect("end"));
        let path = store.path(&from, &to).expect("a way").into_changes();
        let steps = path.iter().map(|change| Step {
            kind: change.kind().to_owned(),
            cids: texts(change.tipset()),
        });
        assert_eq!(Some(steps.collect::<Vec<_>>()), answer.steps);
    }
}

#[test]
fn lists_messages_as_lotus_did() {
    let (store, _) = imported("mock-chain-two");
    let mut messages_seen = 0;
    for answer in answers("ChainGetBlockMessages") {
        let cid = answer.block.expect("recorded").parse().expect("a CID");
        let header = store.header(&cid).expect("there");
        let listed = store.message_cids(&header).expect("readable");
        assert_eq!(
            Some(listed.iter().map(ToString::to_string).collect()),
            answer.cids
        );
        assert_eq!(Some(listed.bls.len()), answer.bls);
        let block = store.block_messages(&header).expect("complete");
        assert_eq!(
            (block.bls.len(), block.secpk.len()),
            (listed.bls.len(), listed.secpk.len())
        );
        for (cid, message) in listed.iter().zip(
            block
                .bls
                .iter()
                .chain(block.secpk.iter().map(|signed| &signed.message)),
        ) {
            assert_eq!(store.message(cid).expect("there"), *message);
        }
        assert_eq!(store.put_messages(&block).expect("stored"), header.messages);
        messages_seen += listed.iter().count();
    }
    assert!(messages_seen > 50, "{messages_seen}");
}

#[test]
fn names_its_message_lists_as_lotus_did() {
    let (store, imported) = imported("mock-chain-two");
    for tipset in store.walk_back(imported.head) {
        for header in tipset.expect("complete").blocks() {
            let cids = store.message_cids(header).expect("readable");
            let root = messages::lists_root(&cids.bls, &cids.secpk).expect("in memory");
            assert_eq!(root, header.messages, "block {}", header.cid());
        }
    }
}

#[test]
fn exports_byte_for_byte_what_lotus_exported() {
    for chain in ["mock-chain", "mock-chain-two", "real-chain"] {
        let (store, imported) = imported(chain);
        let options = ExportOptions {
            without_code: true,
            ..ExportOptions::default()
        };
        let mut out = CarWriter::new(Vec::new(), &roots(&imported.head)).expect("memory");
        let exported = store.export(&imported.head, options, &mut out, |_| {
            ControlFlow::Continue(())
        });
        assert_eq!(
            exported.expect("complete").blocks,
            imported.blocks,
            "{chain}"
        );
        let ours = out.finish().expect("memory");
        assert!(ours == decompressed(chain), "{chain}: the files differ");
    }
}

#[test]
fn exports_recent_states_and_leaves_out_old_messages_when_asked() {
    let (store, imported) = imported("mock-chain-two");
    let export = |options: ExportOptions| {
        let mut out = CarWriter::new(Vec::new(), &roots(&imported.head)).expect("memory");
        store.export(&imported.head, options, &mut out, |_| {
            ControlFlow::Continue(())
        })
    };
    let all = ExportOptions {
        without_code: true,
        ..ExportOptions::default()
    };
    let fewer = ExportOptions {
        skip_old_messages: true,
        ..all
    };
    assert!(export(fewer).expect("complete").blocks < imported.blocks);
    // The recording has no states but genesis': asking for them must fail, not leave them out.
    let states = ExportOptions {
        recent_states: 2,
        ..all
    };
    let error = export(states).expect_err("states are missing");
    assert!(matches!(error, ChainError::Dag(_)), "{error}");
}

#[test]
fn imports_nothing_as_genesis_when_the_network_is_another() {
    let (store, _) = imported("mock-chain");
    let car = CarReader::open(&recorded("mock-chain-two/chain.car.zst")).expect("a CAR");
    let error = store
        .import(car, |_| ControlFlow::Continue(()))
        .expect_err("another network");
    assert!(matches!(error, ChainError::OtherGenesis(_)), "{error}");
}

#[test]
fn imports_no_file_that_is_cut_short() {
    let bytes = decompressed("real-chain");
    let car = CarReader::new(&bytes[..bytes.len() / 2], Default::default()).expect("header");
    let store = empty();
    let error = store
        .import(car, |_| ControlFlow::Continue(()))
        .expect_err("cut");
    assert!(error.to_string().contains("truncated"), "{error}");
    assert!(store.head().is_none() && store.genesis().is_none());
}

fn roots(head: &Tipset) -> Vec<cid::Cid> {
    head.cids().iter().map(|cid| *cid.inner()).collect()
}

fn decompressed(chain: &str) -> Vec<u8> {
    let file = File::open(recorded(chain).join("chain.car.zst")).expect("fixture");
    zstd::decode_all(file).expect("a zstd frame")
}
