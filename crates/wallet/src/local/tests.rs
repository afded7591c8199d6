use lotus_crypto::{parse_exported_key, verify};
use lotus_ports::keystore::MemoryKeyStore;

use super::*;

/// A key that Lotus exported, and its address.
const EXPORTED: &str = "7b2254797065223a22626c73222c22507269766174654b6579223a2253724b67624e376442413036596e3156504d36716854577773343435614b324e47724e6d4634694b4d6a513d227d";
const ADDRESS: &str =
    "t3se3vndtxzmmqir6ihhwr7emgzsfleex5dnnmxg4vqphf3gjo3nbpfkgctpvw5qmiqko6sixcdot567sx7yiq";

fn wallet() -> (Wallet, Arc<MemoryKeyStore>) {
    let keystore = Arc::new(MemoryKeyStore::new());
    (Wallet::new(keystore.clone()), keystore)
}

fn exported() -> KeyInfo {
    parse_exported_key(EXPORTED).expect("exported by Lotus")
}

mod a_new_key {
    use super::*;

    #[test]
    fn signs_for_its_address() {
        for key_type in [KeyType::Bls, KeyType::Secp256k1] {
            let (wallet, _) = wallet();
            let address = wallet.new_key(&key_type).expect("makes one");
            let signature = wallet.sign(address, b"hello").expect("has the key");
            verify(&signature, &address, b"hello").expect("its own signature");
        }
    }

    #[test]
    fn becomes_the_default_when_there_is_none() {
        let (wallet, _) = wallet();
        assert!(matches!(
            wallet.default_address(),
            Err(WalletError::NoDefault)
        ));
        let first = wallet.new_key(&KeyType::Bls).expect("makes one");
        wallet.new_key(&KeyType::Secp256k1).expect("makes one");
        assert_eq!(wallet.default_address().expect("the first"), first);
    }

    #[test]
    fn is_there_after_a_restart_under_its_name() {
        let (wallet, keystore) = wallet();
        let address = wallet.new_key(&KeyType::Secp256k1).expect("makes one");
        let signature = wallet.sign(address, b"m").expect("has the key");
        assert_eq!(
            keystore.list().expect("lists"),
            ["default", &format!("wallet-{address}")]
        );
        let again = Wallet::new(keystore);
        assert_eq!(again.sign(address, b"m").expect("reads the key"), signature);
    }

    #[test]
    fn of_a_type_that_cannot_sign_is_refused() {
        let (wallet, keystore) = wallet();
        for name in ["secp256k1-ledger", "nonsense"] {
            let error = wallet
                .new_key(&KeyType::from(name))
                .expect_err("cannot sign");
            assert!(error.is_bad_request());
            assert_eq!(error.to_string(), format!("unknown sig type: {name}"));
        }
        assert!(keystore.list().expect("lists").is_empty());
    }

    #[test]
    fn that_is_delegated_has_an_f410_address_that_is_listed_behind_the_others() {
        let (wallet, keystore) = wallet();
        let delegated = wallet.new_key(&KeyType::Delegated).expect("makes one");
        assert!(delegated.to_string().starts_with("t410f"), "{delegated}");
        let bls = wallet.new_key(&KeyType::Bls).expect("makes one");
        assert_eq!(wallet.list().expect("lists"), [bls, delegated]);
        let again = Wallet::new(keystore);
        let signature = again.sign(delegated, b"m").expect("reads the key");
        lotus_crypto::delegated::verify(&signature.data, &delegated, b"m").expect("its own");
        let info = again.export(delegated).expect("has it");
        assert_eq!(info.key_type, KeyType::Delegated);
        again.delete(delegated).expect("deletes");
        assert_eq!(again.import(&info).expect("imports"), delegated);
    }
}

mod an_imported_key {
    use super::*;

    #[test]
    fn has_the_address_that_lotus_gave_it_and_is_exported_alike() {
        let (wallet, _) = wallet();
        let address = wallet.import(&exported()).expect("imports");
        assert_eq!(address.to_string(), ADDRESS);
        assert_eq!(wallet.export(address).expect("has it"), exported());
        assert!(matches!(
            wallet.default_address(),
            Err(WalletError::NoDefault)
        ));
    }

    #[test]
    fn is_not_taken_twice() {
        let (wallet, _) = wallet();
        let address = wallet.import(&exported()).expect("imports");
        let error = wallet.import(&exported()).expect_err("has it");
        assert!(matches!(error, WalletError::Exists(a) if a == address));
        assert!(error.to_string().contains(ADDRESS), "{error}");
    }

    #[test]
    fn that_is_no_key_is_refused() {
        let (wallet, keystore) = wallet();
        let short = KeyInfo::new(KeyType::Bls, vec![1; 31]);
        assert!(
            wallet
                .import(&short)
                .expect_err("too short")
                .is_bad_request()
        );
        assert!(keystore.list().expect("lists").is_empty());
    }
}

mod signing {
    use super::*;

    #[test]
    fn for_an_unknown_address_names_it() {
        let (wallet, _) = wallet();
        let unknown: Address = ADDRESS.parse().expect("an address");
        for address in [unknown, Address::new_id(1000), Address::UNDEFINED] {
            let error = wallet.sign(address, b"m").expect_err("no key");
            assert!(error.to_string().contains(&address.to_string()), "{error}");
            assert!(!wallet.has(address).expect("no failure"));
        }
    }
}

mod the_default {
    use super::*;

    #[test]
    fn can_be_changed_to_a_known_address_only() {
        let (wallet, _) = wallet();
        let first = wallet.new_key(&KeyType::Bls).expect("makes one");
        let unknown: Address = ADDRESS.parse().expect("an address");
        assert!(matches!(
            wallet.set_default(unknown),
            Err(WalletError::UnknownAddress(_))
        ));
        assert_eq!(wallet.default_address().expect("unchanged"), first);
        let second = wallet.import(&exported()).expect("imports");
        wallet.set_default(second).expect("has it");
        assert_eq!(wallet.default_address().expect("changed"), second);
    }
}

mod a_deleted_key {
    use super::*;

    #[test]
    fn is_in_the_trash_and_signs_no_more() {
        let (wallet, keystore) = wallet();
        let address = wallet.new_key(&KeyType::Bls).expect("makes one");
        let info = wallet.export(address).expect("has it");
        wallet.delete(address).expect("deletes");
        assert!(!wallet.has(address).expect("no failure"));
        assert!(matches!(
            wallet.sign(address, b"m"),
            Err(WalletError::UnknownAddress(_))
        ));
        assert!(matches!(
            wallet.default_address(),
            Err(WalletError::NoDefault)
        ));
        assert_eq!(
            keystore.get(&format!("trash-{address}")).expect("kept"),
            info
        );
    }

    #[test]
    fn can_come_back_and_be_deleted_again() {
        let (wallet, _) = wallet();
        for _ in 0..2 {
            let address = wallet.import(&exported()).expect("imports");
            wallet.delete(address).expect("deletes");
            wallet.delete(address).expect("nothing left to do");
        }
    }

    #[test]
    fn leaves_another_default_alone() {
        let (wallet, _) = wallet();
        let default = wallet.new_key(&KeyType::Bls).expect("makes one");
        let other = wallet.import(&exported()).expect("imports");
        wallet.delete(other).expect("deletes");
        assert_eq!(wallet.default_address().expect("unchanged"), default);
        assert_eq!(wallet.list().expect("lists"), [default]);
    }
}

mod a_keystore {
    use super::*;

    #[test]
    fn lists_wallet_keys_only_sorted() {
        let (wallet, keystore) = wallet();
        keystore
            .put(
                "libp2p-host",
                &KeyInfo::new(KeyType::from("libp2p-host"), vec![1]),
            )
            .expect("puts");
        let mut expected: Vec<Address> = (0..4)
            .map(|_| wallet.new_key(&KeyType::Secp256k1).expect("makes one"))
            .collect();
        expected.sort_by_key(ToString::to_string);
        assert_eq!(wallet.list().expect("lists"), expected);
    }

    #[test]
    fn written_under_the_mainnet_prefix_is_read() {
        let (wallet, keystore) = wallet();
        let address: Address = ADDRESS.parse().expect("an address");
        let name = format!("wallet-f{}", &ADDRESS[1..]);
        keystore.put(&name, &exported()).expect("puts");
        assert!(wallet.has(address).expect("no failure"));
        assert_eq!(wallet.list().expect("lists"), [address]);
        wallet.delete(address).expect("deletes");
        assert!(wallet.list().expect("lists").is_empty());
    }

    #[test]
    fn with_a_key_under_a_wrong_name_is_reported_with_both_addresses() {
        let (wallet, keystore) = wallet();
        let other = Address::new_bls([7; 48]);
        keystore
            .put(&format!("wallet-{other}"), &exported())
            .expect("puts");
        let error = wallet
            .sign(other, b"m")
            .expect_err("not its key")
            .to_string();
        assert!(
            error.contains(&other.to_string()) && error.contains(ADDRESS),
            "{error}"
        );
        keystore.put("wallet-nonsense", &exported()).expect("puts");
        assert!(
            matches!(wallet.list(), Err(WalletError::BadName { name }) if name.ends_with("nonsense"))
        );
    }

    #[test]
    fn with_a_damaged_key_names_it() {
        let (wallet, keystore) = wallet();
        let name = format!("wallet-{ADDRESS}");
        keystore
            .put(&name, &KeyInfo::new(KeyType::Bls, vec![0; 32]))
            .expect("puts");
        let address = ADDRESS.parse().expect("an address");
        let error = wallet.has(address).expect_err("damaged");
        assert!(
            !error.is_bad_request() && error.to_string().contains(ADDRESS),
            "{error}"
        );
    }
}
