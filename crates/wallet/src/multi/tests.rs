use lotus_ports::keystore::MemoryKeyStore;
use lotus_types::{SignatureType, TokenAmount};

use super::*;

const DEVNET: u64 = 31_415_926;

fn local() -> Arc<Wallet> {
    Arc::new(Wallet::new(Arc::new(MemoryKeyStore::new())))
}

fn backend(wallet: &Arc<Wallet>) -> Option<Arc<dyn WalletBackend>> {
    Some(Arc::new(LocalWallet::new(Arc::clone(wallet))))
}

/// A wallet that cannot be reached.
#[derive(Debug)]
struct Gone;

fn gone() -> RpcError {
    RpcError::Unreachable {
        peer: "http://127.0.0.1:1".to_owned(),
        reason: "refused".to_owned(),
    }
}

#[async_trait]
impl WalletBackend for Gone {
    async fn has(&self, _: Address) -> Result<bool, RpcError> {
        Err(gone())
    }
    async fn list(&self) -> Result<Vec<Address>, RpcError> {
        Err(gone())
    }
}

fn unknown() -> Address {
    Address::new_bls([7; 48])
}

mod keys {
    use super::*;

    #[tokio::test]
    async fn are_looked_for_in_the_remote_wallet_first_and_listed_once() {
        let (remote, here) = (local(), local());
        let wallet = MultiWallet::new(DEVNET)
            .local(here.clone())
            .remote(backend(&remote));
        let shared = here.new_key(&KeyType::Bls).expect("makes one");
        remote
            .import(&here.export(shared).expect("has it"))
            .expect("imports");
        let own = here.new_key(&KeyType::Secp256k1).expect("makes one");
        assert_eq!(wallet.list().await.expect("lists"), [shared, own]);
        for address in [shared, own] {
            let signed = wallet.sign(address, b"m".as_slice().into(), MsgMeta::default());
            let signature = signed.await.expect("has the key");
            lotus_crypto::verify(&signature, &address, b"m").expect("its own");
        }
        wallet.delete(shared).await.expect("deletes");
        assert!(!remote.has(shared).expect("reads") && !here.has(shared).expect("reads"));
    }

    #[tokio::test]
    async fn that_are_new_or_imported_go_to_the_remote_wallet() {
        let (remote, here) = (local(), local());
        let wallet = MultiWallet::new(DEVNET)
            .local(here.clone())
            .remote(backend(&remote));
        let address = wallet.new_key(KeyType::Bls).await.expect("makes one");
        assert!(remote.has(address).expect("reads") && !here.has(address).expect("reads"));
        let key = local();
        let other = key.new_key(&KeyType::Bls).expect("makes one");
        let imported = wallet.import(key.export(other).expect("has it")).await;
        assert_eq!(imported.expect("imports"), other);
        assert!(remote.has(other).expect("reads") && !here.has(other).expect("reads"));
        assert_eq!(
            wallet.export(other).await.expect("gives it out").key_type,
            KeyType::Bls
        );
    }

    #[tokio::test]
    async fn of_a_device_need_one() {
        let wallet = MultiWallet::new(DEVNET).local(local());
        let error = wallet.new_key(KeyType::Secp256k1Ledger).await;
        assert_eq!(
            error.expect_err("no device").to_string(),
            "no wallet backends supporting key type: secp256k1-ledger"
        );
    }

    #[tokio::test]
    async fn that_nobody_has_are_named() {
        let wallet = MultiWallet::new(DEVNET).local(local());
        let signed = wallet.sign(unknown(), Bytes::new(), MsgMeta::default());
        let text = signed.await.expect_err("no key").to_string();
        assert_eq!(text, format!("key not found for {}", unknown()));
        assert!(wallet.export(unknown()).await.is_err());
        wallet.delete(unknown()).await.expect("nothing to do");
    }
}

mod a_remote_wallet_that_is_gone {
    use super::*;

    #[tokio::test]
    async fn keeps_no_local_key_from_signing() {
        let here = local();
        let address = here.new_key(&KeyType::Bls).expect("makes one");
        let wallet = MultiWallet::new(DEVNET)
            .local(here)
            .remote(Some(Arc::new(Gone)));
        assert!(wallet.has(address).await.expect("found here"));
        let signed = wallet.sign(address, Bytes::new(), MsgMeta::default());
        signed.await.expect("signed here");
    }

    #[tokio::test]
    async fn is_told_of_when_the_key_may_be_there() {
        let wallet = MultiWallet::new(DEVNET)
            .local(local())
            .remote(Some(Arc::new(Gone)));
        assert_eq!(wallet.has(unknown()).await, Err(gone()));
        assert_eq!(wallet.list().await, Err(gone()));
        let signed = wallet.sign(unknown(), Bytes::new(), MsgMeta::default());
        assert_eq!(signed.await, Err(gone()));
    }
}

mod without_a_keystore {
    use super::*;

    #[tokio::test]
    async fn there_is_no_default_address_and_none_can_be_set() {
        let wallet = MultiWallet::new(DEVNET);
        let default = wallet.default_address().await;
        assert_eq!(default.expect("as Lotus"), Address::UNDEFINED);
        let error = wallet.set_default(unknown()).await.expect_err("nowhere");
        assert_eq!(error.to_string(), "not supported; local wallet disabled");
        let error = wallet.new_key(KeyType::Bls).await.expect_err("nowhere");
        assert!(error.to_string().contains("no wallet backends"), "{error}");
        assert!(wallet.list().await.expect("empty").is_empty());
    }
}

mod a_message {
    use super::*;

    #[tokio::test]
    async fn is_signed_by_its_cid_or_as_an_ethereum_transaction() {
        let here = local();
        let wallet = MultiWallet::new(DEVNET).local(here.clone());
        for kind in [KeyType::Bls, KeyType::Secp256k1, KeyType::Delegated] {
            let from = here.new_key(&kind).expect("makes one");
            let message = Message::transfer(from, Address::new_id(1000), TokenAmount::from_fil(1));
            let signed = wallet.sign_message(from, message.clone()).await;
            let signed = signed.expect("has the key");
            assert_eq!(signed.message, message);
            let data = &signed.signature.data;
            if kind == KeyType::Delegated {
                assert_eq!(signed.signature.kind, SignatureType::Delegated);
                let cbor = wire::to_cbor(&message);
                let bytes = signing_bytes(&message, &cbor, &from, DEVNET).expect("a transfer");
                lotus_crypto::delegated::verify(data, &from, &bytes).expect("its own");
            } else {
                let bytes = message.cid().to_bytes();
                lotus_crypto::verify(&signed.signature, &from, &bytes).expect("its own");
            }
        }
    }

    #[tokio::test]
    async fn without_a_receiver_is_refused() {
        let here = local();
        let from = here.new_key(&KeyType::Bls).expect("makes one");
        let wallet = MultiWallet::new(DEVNET).local(here);
        let message = Message::transfer(from, Address::UNDEFINED, TokenAmount::zero());
        let error = wallet.sign_message(from, message).await.expect_err("none");
        assert!(
            error.to_string().starts_with("serializing message: "),
            "{error}"
        );
    }
}
