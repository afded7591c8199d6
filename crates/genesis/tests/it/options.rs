//! What is drawn, and what is refused.

use lotus_blockstore::SharedBlockstore;
use lotus_genesis::{Drawn, GenesisError, make_genesis};
use lotus_networks::bundles;
use lotus_types::{Address, KeyInfo, KeyType};

use crate::{fixture, localnet, recorded_values, store_with_actors, vm};

#[test]
fn values_are_taken_from_a_recorded_genesis() {
    let drawn = recorded_values();
    assert_eq!(drawn.timestamp, Some(1_795_354_620));
    let ticket = data_encoding::BASE64.encode(&drawn.ticket);
    assert_eq!(ticket, "nVYRZ8YCjRGeg/ATFGRT69w55ee0CCKp0xpuoNtchxY=");
    assert!(drawn.verifier.is_key());
}

#[test]
fn two_geneses_differ_in_ticket_and_verifier() {
    let rng = &mut rand::thread_rng();
    let (one, two) = (
        Drawn::random(rng).expect("draws"),
        Drawn::random(rng).expect("draws"),
    );
    assert_ne!(one.ticket, two.ticket);
    assert_ne!(one.verifier, two.verifier);
    assert_eq!(one.timestamp, None);
}

#[test]
fn a_file_that_is_no_genesis_is_named() {
    let path = fixture("real-chain/localnet.json");
    let error = Drawn::like(&path).expect_err("is JSON");
    assert!(error.is_templates_fault());
    assert!(error.to_string().contains("localnet.json"), "{error}");
    let chain = fixture("real-chain/chain.car.zst");
    let error = Drawn::like(&chain)
        .expect_err("has a head above 0")
        .to_string();
    assert!(error.contains("chain.car.zst"), "{error}");
}

#[test]
fn a_short_ticket_and_a_verifier_without_key_are_refused() {
    let store = SharedBlockstore::memory();
    let bundle = bundles::devnet();
    let refused = |drawn: &Drawn| {
        let error = make_genesis(vm(), &store, &bundle, &localnet(), drawn).expect_err("refused");
        assert!(error.is_templates_fault());
        error.to_string()
    };
    let good = recorded_values();
    let short = Drawn {
        ticket: vec![1; 31].into(),
        ..good.clone()
    };
    assert!(refused(&short).contains("31"));
    let keyless = Drawn {
        verifier: Address::new_id(5),
        ..good
    };
    assert!(refused(&keyless).contains("t05"));
}

#[test]
fn a_missing_bundle_is_not_the_templates_fault() {
    let store = SharedBlockstore::memory();
    let bundle = bundles::devnet();
    let error = make_genesis(vm(), &store, &bundle, &localnet(), &recorded_values());
    let error = error.expect_err("no actors");
    assert!(!error.is_templates_fault());
    assert!(error.to_string().contains(bundles::DEVNET), "{error}");
}

#[test]
fn a_deal_signed_with_the_wrong_key_is_refused_by_the_market() {
    let (store, bundle) = store_with_actors();
    let mut template = localnet();
    let other = KeyInfo::new(KeyType::Bls, vec![1; 32]);
    template.miners[0].sectors[0].deal_client_key = other;
    let error = make_genesis(vm(), &store, &bundle, &template, &recorded_values());
    let error = error.expect_err("refused");
    assert!(
        matches!(
            &error,
            GenesisError::Template(_) | GenesisError::Refused { .. }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("publishing"), "{error}");
}
