use lotus_ports::keystore::MemoryKeyStore;
use lotus_types::Address;

use super::*;
use crate::Wallet;

/// Fast enough for tests.
const CHEAP: KdfCost = KdfCost {
    memory_kib: 32,
    passes: 1,
    lanes: 1,
};

/// A keystore with two wallet keys, a default and a secret that is none of the wallet's.
fn plain() -> (Arc<MemoryKeyStore>, [Address; 2]) {
    let keys = Arc::new(MemoryKeyStore::new());
    let wallet = Wallet::new(keys.clone());
    let addresses =
        [KeyType::Bls, KeyType::Delegated].map(|kind| wallet.new_key(&kind).expect("makes one"));
    let host = KeyInfo::new(KeyType::from("libp2p-host"), vec![7; 36]);
    keys.put("libp2p-host", &host).expect("free");
    (keys, addresses)
}

/// All entries.
fn content(keys: &MemoryKeyStore) -> Vec<(String, KeyInfo)> {
    let names = keys.list().expect("lists");
    let read = |name: String| (name.clone(), keys.get(&name).expect("there"));
    names.into_iter().map(read).collect()
}

fn open(keys: &Arc<MemoryKeyStore>, passphrase: &str) -> Result<Wallet, SealError> {
    let sealed = SealedKeyStore::open(keys.clone(), passphrase)?;
    Ok(Wallet::new(Arc::new(sealed)))
}

mod an_encrypted_keystore {
    use super::*;

    #[test]
    fn signs_as_before_and_holds_no_key_in_the_clear() {
        let (keys, addresses) = plain();
        let before = content(&keys);
        assert_eq!(seal(&*keys, "secret", CHEAP).expect("seals"), 3);
        assert!(is_sealed(&*keys).expect("reads"));
        for (name, plain) in &before {
            let now = keys.get(name).expect("still there");
            if name == "libp2p-host" {
                assert_eq!(now, *plain, "none of the wallet's business");
                continue;
            }
            assert_eq!(now.key_type.name(), SEALED_TYPE);
            let secret = plain.private_key.as_slice();
            let found = now.private_key.windows(secret.len()).any(|w| w == secret);
            assert!(!found, "{name} is in the clear");
        }
        let wallet = open(&keys, "secret").expect("the passphrase");
        let mut expected = addresses.to_vec();
        expected.sort_by_key(ToString::to_string);
        assert_eq!(wallet.list().expect("lists"), expected);
        assert_eq!(wallet.default_address().expect("kept"), addresses[0]);
        let signature = wallet.sign(addresses[0], b"m").expect("signs");
        lotus_crypto::verify(&signature, &addresses[0], b"m").expect("its own");
    }

    #[test]
    fn takes_new_keys_and_throws_keys_away() {
        let (keys, addresses) = plain();
        seal(&*keys, "secret", CHEAP).expect("seals");
        let wallet = open(&keys, "secret").expect("the passphrase");
        let new = wallet.new_key(&KeyType::Secp256k1).expect("makes one");
        wallet.delete(addresses[1]).expect("deletes");
        let trash = keys.get(&format!("trash-{}", addresses[1])).expect("kept");
        assert_eq!(trash.key_type.name(), SEALED_TYPE);
        let again = open(&keys, "secret").expect("the passphrase");
        assert!(again.has(new).expect("reads"));
        assert!(!again.has(addresses[1]).expect("reads"));
    }

    #[test]
    fn does_not_open_with_a_wrong_passphrase_and_stays_as_it_is() {
        let (keys, _) = plain();
        seal(&*keys, "secret", CHEAP).expect("seals");
        let before = content(&keys);
        for wrong in ["Secret", ""] {
            let error = open(&keys, wrong).expect_err("wrong");
            assert!(matches!(error, SealError::WrongPassphrase), "{error}");
            assert!(matches!(
                unseal(&*keys, wrong),
                Err(SealError::WrongPassphrase)
            ));
        }
        assert_eq!(content(&keys), before);
    }

    #[test]
    fn refuses_an_entry_that_was_moved_to_another_name() {
        let (keys, addresses) = plain();
        seal(&*keys, "secret", CHEAP).expect("seals");
        let [one, other] = addresses.map(|a| format!("wallet-{a}"));
        let moved = keys.get(&one).expect("there");
        keys.delete(&other).expect("there");
        keys.put(&other, &moved).expect("free");
        let wallet = open(&keys, "secret").expect("the passphrase");
        let error = wallet.sign(addresses[1], b"m").expect_err("moved");
        assert!(!error.is_bad_request());
        assert!(format!("{error}").contains("does not belong"), "{error}");
    }

    #[test]
    fn refuses_a_header_that_asks_for_all_memory() {
        let (keys, _) = plain();
        seal(&*keys, "secret", CHEAP).expect("seals");
        let header = keys.get(HEADER).expect("there");
        let text = String::from_utf8(header.private_key.to_vec()).expect("JSON");
        let greedy = text.replace("\"memory_kib\":32", "\"memory_kib\":4294967295");
        assert_ne!(greedy, text);
        keys.delete(HEADER).expect("there");
        let info = KeyInfo::new(header.key_type.clone(), greedy.into_bytes());
        keys.put(HEADER, &info).expect("free");
        let error = open(&keys, "secret").expect_err("greedy");
        assert!(matches!(error, SealError::Damaged { .. }), "{error}");
    }
}

mod converting {
    use super::*;

    #[test]
    fn there_and_back_gives_the_same_keystore() {
        let (keys, _) = plain();
        let before = content(&keys);
        seal(&*keys, "secret", CHEAP).expect("seals");
        assert_eq!(unseal(&*keys, "secret").expect("the passphrase"), 3);
        assert_eq!(content(&keys), before);
        assert!(matches!(
            unseal(&*keys, "secret"),
            Err(SealError::NotSealed)
        ));
    }

    #[test]
    fn is_refused_twice_and_without_a_passphrase() {
        let (keys, _) = plain();
        assert!(matches!(
            seal(&*keys, "", CHEAP),
            Err(SealError::EmptyPassphrase)
        ));
        assert!(!is_sealed(&*keys).expect("reads"));
        seal(&*keys, "secret", CHEAP).expect("seals");
        assert!(matches!(
            seal(&*keys, "other", CHEAP),
            Err(SealError::AlreadySealed)
        ));
    }

    #[test]
    fn to_another_passphrase_shuts_the_old_one_out() {
        let (keys, addresses) = plain();
        seal(&*keys, "old", CHEAP).expect("seals");
        change_passphrase(&*keys, "old", "new").expect("the passphrase");
        assert!(matches!(
            open(&keys, "old"),
            Err(SealError::WrongPassphrase)
        ));
        let wallet = open(&keys, "new").expect("the passphrase");
        assert!(wallet.has(addresses[0]).expect("reads"));
        assert!(matches!(
            change_passphrase(&*keys, "new", ""),
            Err(SealError::EmptyPassphrase)
        ));
    }
}

/// A keystore whose power goes after some changes.
#[derive(Debug)]
struct Failing {
    keys: Arc<MemoryKeyStore>,
    left: parking_lot::Mutex<usize>,
}

impl Failing {
    fn change(&self, name: &str) -> Result<(), KeyStoreError> {
        let mut left = self.left.lock();
        *left = left.checked_sub(1).ok_or_else(|| KeyStoreError::Failed {
            name: name.to_owned(),
            source: "the power is gone".into(),
        })?;
        Ok(())
    }
}

impl KeyStore for Failing {
    fn list(&self) -> Result<Vec<String>, KeyStoreError> {
        self.keys.list()
    }
    fn get(&self, name: &str) -> Result<KeyInfo, KeyStoreError> {
        self.keys.get(name)
    }
    fn put(&self, name: &str, key: &KeyInfo) -> Result<(), KeyStoreError> {
        self.change(name)?;
        self.keys.put(name, key)
    }
    fn delete(&self, name: &str) -> Result<(), KeyStoreError> {
        self.change(name)?;
        self.keys.delete(name)
    }
}

mod a_crash {
    use super::*;

    /// Lets `work` be cut off after every number of changes, until it is done.
    fn at_every_point(
        prepare: impl Fn(&MemoryKeyStore),
        work: impl Fn(&dyn KeyStore) -> Result<(), SealError>,
        check: impl Fn(&Arc<MemoryKeyStore>, [Address; 2], usize),
    ) {
        for changes in 0.. {
            assert!(changes < 100, "it never ends");
            let (keys, addresses) = plain();
            prepare(&keys);
            let failing = Failing {
                keys: keys.clone(),
                left: parking_lot::Mutex::new(changes),
            };
            let done = work(&failing).is_ok();
            check(&keys, addresses, changes);
            if done {
                return;
            }
        }
    }

    fn signs(wallet: &Wallet, addresses: [Address; 2], changes: usize) {
        for address in addresses {
            let signed = wallet.sign(address, b"m");
            signed.unwrap_or_else(|e| panic!("after {changes} changes: {e}"));
        }
        assert_eq!(wallet.default_address().expect("kept"), addresses[0]);
    }

    #[test]
    fn while_encrypting_loses_no_key_and_the_next_start_finishes() {
        at_every_point(
            |_| {},
            |keys| seal(keys, "secret", CHEAP).map(drop),
            |keys, addresses, changes| {
                if !is_sealed(&**keys).expect("reads") {
                    assert_eq!(changes, 0);
                    return signs(&Wallet::new(keys.clone()), addresses, changes);
                }
                let wallet = open(keys, "secret").expect("the passphrase");
                signs(&wallet, addresses, changes);
                for (name, info) in content(keys) {
                    assert!(!name.starts_with(PENDING), "{name} after {changes} changes");
                    assert_eq!(is_sealed_entry(&info), is_secret(&name), "{name}");
                }
            },
        );
    }

    #[test]
    fn while_decrypting_loses_no_key() {
        at_every_point(
            |keys| assert_eq!(seal(keys, "secret", CHEAP).expect("seals"), 3),
            |keys| unseal(keys, "secret").map(drop),
            |keys, addresses, changes| {
                if is_sealed(&**keys).expect("reads") {
                    unseal(&**keys, "secret").expect("the passphrase");
                }
                signs(&Wallet::new(keys.clone()), addresses, changes);
            },
        );
    }

    #[test]
    fn while_changing_the_passphrase_leaves_one_that_works() {
        at_every_point(
            |keys| assert_eq!(seal(keys, "old", CHEAP).expect("seals"), 3),
            |keys| change_passphrase(keys, "old", "new"),
            |keys, addresses, changes| {
                let wallet = open(keys, "old").or_else(|_| open(keys, "new"));
                signs(&wallet.expect("one of them"), addresses, changes);
            },
        );
    }
}
