//! Same template, bundle and drawn values: same genesis.

use std::collections::BTreeMap;

use lotus_actors::{ActorKind, StateTree, init, multisig};
use lotus_blockstore::{MemoryBlockstore, car};
use lotus_crypto::SigningKey;
use lotus_genesis::{make_genesis, write_car};
use lotus_types::{Address, BlockHeader, Cid, KeyType, TokenAmount};

use crate::{fixture, localnet, recorded_values, store_with_actors, vm};

const GENESIS: &str = "bafy2bzaceb4edxtxkoqwvxfhrscssqrb4udtghh67c7ybjjxucdtx7b57csye";

/// Actor by actor, so that a difference is named and not just a CID that differs.
fn compare_states(ours: &StateTree<'_, impl lotus_blockstore::Blockstore>) {
    let store = MemoryBlockstore::new();
    let path = fixture("real-chain/genesis.car");
    car::load_file(&path, &store).expect("loads");
    let header: BlockHeader =
        lotus_actors::load(&store, &GENESIS.parse().expect("cid"), "header").expect("header");
    let theirs = StateTree::load(&store, &header.parent_state_root).expect("state");
    let mut expected = BTreeMap::new();
    theirs
        .for_each(|address, actor| {
            expected.insert(address, actor.clone());
            Ok(())
        })
        .expect("walks");
    let mut got = BTreeMap::new();
    ours.for_each(|address, actor| {
        got.insert(address, actor.clone());
        Ok(())
    })
    .expect("walks");
    for (address, actor) in &expected {
        assert_eq!(got.get(address), Some(actor), "{address}");
    }
    assert_eq!(got, expected);
}

#[test]
fn the_genesis_of_the_recorded_template_has_the_recorded_cid() {
    let (store, bundle) = store_with_actors();
    let genesis =
        make_genesis(vm(), &store, &bundle, &localnet(), &recorded_values()).expect("genesis");
    let tree = StateTree::load(&store, &genesis.header.parent_state_root).expect("state");
    compare_states(&tree);
    assert_eq!(genesis.cid.to_string(), GENESIS);

    // The file holds what Lotus' holds, in its order; the recording leaves the actors' code out.
    let mut file = Vec::new();
    write_car(&store, &genesis.cid, &mut file).expect("writes");
    let cids = |bytes: &[u8]| -> Vec<Cid> {
        let reader = car::CarReader::new(bytes, car::CarLimits::default()).expect("a CAR");
        assert_eq!(reader.roots(), [*genesis.cid.inner()]);
        reader
            .map(|block| block.expect("block").cid.into())
            .collect()
    };
    let (code, ours): (Vec<_>, Vec<_>) =
        cids(&file).into_iter().partition(|cid| cid.codec() == 0x55);
    assert_eq!(code.len(), 12);
    let theirs = cids(&std::fs::read(fixture("real-chain/genesis.car")).expect("fixture"));
    assert_eq!(ours, theirs);
}

#[test]
fn ids_and_balances_are_those_of_lotus() {
    let (store, bundle) = store_with_actors();
    let mut template = localnet();
    let lotus_genesis::template::Meta::Account(owner) = template.accounts[0].meta.clone() else {
        panic!("an account");
    };
    let known: Address = "t1ceb34gnsc6qk5dt6n7xg6ycwzasjhbxm3iylkiy"
        .parse()
        .expect("address");
    // A multisig account: its signers get ids before it, and it gets one of its own.
    template.accounts.push(lotus_genesis::template::Actor {
        balance: TokenAmount::from_fil(7),
        meta: lotus_genesis::template::Meta::Multisig(lotus_genesis::template::MultisigMeta {
            signers: vec![owner.owner, known],
            threshold: 2,
            vesting_duration: 100,
            vesting_start: 3,
        }),
    });
    let genesis =
        make_genesis(vm(), &store, &bundle, &template, &recorded_values()).expect("genesis");
    let tree = StateTree::load(&store, &genesis.header.parent_state_root).expect("state");
    assert_eq!(tree.lookup_id(&owner.owner).expect("looks up"), Some(100));
    assert_eq!(tree.lookup_id(&known).expect("looks up"), Some(101));
    let msig: multisig::State = tree
        .state(&Address::new_id(102), "multisig")
        .expect("reads")
        .expect("exists");
    assert_eq!(msig.signers, [Address::new_id(100), Address::new_id(101)]);
    assert_eq!(
        msig.locked_at(53),
        TokenAmount::from_atto(35 * 10_u64.pow(17))
    );

    let manifest = tree.manifest().expect("manifest");
    let kind = |id| manifest.kind(&tree.actor_by_id(id).expect("reads").expect("exists").code);
    assert_eq!(kind(1000), Some(ActorKind::Miner));
    assert_eq!(
        (kind(80), kind(90)),
        (Some(ActorKind::Multisig), Some(ActorKind::Multisig))
    );
    assert_eq!(
        (kind(81), kind(99)),
        (Some(ActorKind::Account), Some(ActorKind::Account))
    );
    let balance = |id| {
        tree.actor_by_id(id)
            .expect("reads")
            .expect("exists")
            .balance
    };
    assert_eq!(balance(2), TokenAmount::from_fil(1_100_000_000));
    assert_eq!(balance(90), TokenAmount::from_fil(850_000_000 - 7));
    // The owner paid deposit and pledge of its sectors.
    assert_eq!(
        &balance(100) + &balance(1000),
        TokenAmount::from_fil(50_000_000)
    );
    let mut sum = TokenAmount::zero();
    tree.for_each(|_, actor| {
        sum += &actor.balance;
        Ok(())
    })
    .expect("walks");
    assert_eq!(sum, TokenAmount::from_fil(2_000_000_000));
    let init: init::State = tree.init_state().expect("init");
    assert_eq!(
        (init.next_id, init.network_name),
        (1001, template.network_name)
    );
    let power = tree.power_state().expect("power");
    assert_eq!(power.total_raw_byte_power, 4096.into());
    assert_eq!(power.total_quality_adj_power, 40960.into());
}

#[test]
fn a_second_miner_shares_the_power() {
    let (store, bundle) = store_with_actors();
    let mut template = localnet();
    let key = SigningKey::generate(&KeyType::Bls, &mut rand::thread_rng()).expect("key");
    let id = Address::new_id(1001);
    let mut miner = template.miners[0].clone();
    (miner.id, miner.owner, miner.worker) = (id, key.address(), key.address());
    miner.market_balance = TokenAmount::from_fil(3);
    for sector in &mut miner.sectors {
        (sector.deal.provider, sector.deal.client) = (id, key.address());
        sector.deal_client_key = key.to_key_info();
    }
    template.add_miner(miner).expect("is the next one");
    let genesis =
        make_genesis(vm(), &store, &bundle, &template, &recorded_values()).expect("genesis");
    let tree = StateTree::load(&store, &genesis.header.parent_state_root).expect("state");
    let power = tree.power_state().expect("power");
    assert_eq!(
        (power.miner_count, power.miner_above_min_power_count),
        (2, 2)
    );
    assert_eq!(power.total_quality_adj_power, (4 * 20480).into());
    let claim = power.claim(&store, &id).expect("reads").expect("has one");
    assert_eq!(claim.raw_byte_power, 4096.into());
    let market = tree.market_state().expect("market");
    assert_eq!(
        (
            market.next_id,
            market.proposals(&store).expect("deals").count()
        ),
        (4, 4)
    );
    assert_eq!(
        market.balance(&store, &id).expect("reads").escrow,
        TokenAmount::from_fil(3)
    );
    let state = tree.miner_state(&id).expect("reads").expect("exists");
    assert_eq!(state.sectors(&store).expect("sectors").count(), 2);
    let location = state
        .find_sector(&store, 1)
        .expect("reads")
        .expect("is in a deadline");
    let deadline = state
        .deadline(&store, location.deadline)
        .expect("reads")
        .expect("exists");
    let partitions = deadline.partitions(&store).expect("reads");
    let partition = partitions
        .get(location.partition)
        .expect("reads")
        .expect("exists");
    assert!(partition.unproven.is_empty() && partition.active_sectors().contains(1));
}
