//! State that is incomplete or not what an actor wrote.

use lotus_blockstore::MemoryBlockstore;
use lotus_types::{Address, Cid, wire};

use super::genesis_of;
use crate::{StateError, StateTree, StateTreeWriter, address, load, power, save, tree::StateRoot};

#[test]
fn a_missing_block_is_named_and_not_called_malformed() {
    let (store, root) = genesis_of("mock-chain");
    let claims = StateTree::load(&store, &root)
        .unwrap()
        .power_state()
        .unwrap()
        .claims;
    assert!(store.remove(claims.inner()));
    let tree = StateTree::load(&store, &root).unwrap();
    let error = tree.power_state().unwrap().claims(&store).unwrap_err();
    assert!(matches!(&error, StateError::Missing { .. }), "{error:?}");
    assert!(error.to_string().contains(&claims.to_string()), "{error}");
    assert!(error.to_string().contains("power claims"), "{error}");
}

#[test]
fn a_missing_state_root_is_missing() {
    let store = MemoryBlockstore::new();
    let error = StateTree::load(&store, &Cid::of_block(b"x")).unwrap_err();
    assert!(
        matches!(
            error,
            StateError::Missing {
                what: "state root",
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn another_actors_state_is_malformed() {
    let (store, root) = genesis_of("mock-chain");
    let tree = StateTree::load(&store, &root).unwrap();
    let error = tree
        .state::<power::State>(&address::INIT, "power actor state")
        .unwrap_err();
    assert!(error.is_malformed(), "{error:?}");
    assert!(error.to_string().contains("power actor state"), "{error}");
}

#[test]
fn a_map_node_that_is_no_node_is_malformed() {
    let store = MemoryBlockstore::new();
    let junk = save(&store, &vec!["no", "map", "node"], "junk").unwrap();
    let info = save(&store, &Vec::<u64>::new(), "junk").unwrap();
    let root = save(
        &store,
        &StateRoot {
            version: 4,
            actors: junk,
            info,
        },
        "state root",
    )
    .unwrap();
    let error = StateTree::load(&store, &root).unwrap_err();
    assert!(error.is_malformed(), "{error:?}");
}

#[test]
fn another_version_of_the_tree_is_not_supported() {
    let store = MemoryBlockstore::new();
    let any = Cid::of_block(b"x");
    let root = StateRoot {
        version: 5,
        actors: any,
        info: any,
    };
    let root = save(&store, &root, "state root").unwrap();
    let error = StateTree::load(&store, &root).unwrap_err();
    assert!(
        matches!(error, StateError::Unsupported { version: 5, .. }),
        "{error:?}"
    );
}

#[test]
fn trailing_bytes_are_malformed() {
    let store = MemoryBlockstore::new();
    let mut block = wire::to_cbor(&7_u64);
    block.push(0);
    let cid = Cid::of_block(&block);
    fvm_ipld_blockstore::Blockstore::put_keyed(&store, cid.inner(), &block).unwrap();
    assert!(
        load::<u64>(&store, &cid, "number")
            .unwrap_err()
            .is_malformed()
    );
}

#[test]
fn a_state_written_again_has_the_same_root() {
    let (store, root) = genesis_of("mock-chain-two");
    let tree = StateTree::load(&store, &root).unwrap();
    let other = MemoryBlockstore::new();
    let mut writer = StateTreeWriter::empty(&other).unwrap();
    let mut count = 0;
    tree.for_each(|address, actor| {
        count += 1;
        writer.set_actor(address.id().unwrap(), actor.clone())
    })
    .unwrap();
    assert_eq!(count, 21);
    assert_eq!(writer.flush().unwrap(), root);
    assert_eq!(
        writer.actor(0).unwrap(),
        tree.actor(&Address::new_id(0)).unwrap()
    );
}
