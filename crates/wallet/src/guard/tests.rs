use lotus_ports::keystore::MemoryKeyStore;
use lotus_types::TokenAmount;
use parking_lot::Mutex;

use super::*;
use crate::{LocalWallet, MultiWallet, Wallet};

/// Decides as it was told, and remembers what it was asked.
#[derive(Debug)]
struct Person {
    says: Result<(), Refusal>,
    asked: Mutex<Vec<Action>>,
}

impl Person {
    fn who_says(says: Result<(), Refusal>) -> Arc<Self> {
        Arc::new(Self {
            says,
            asked: Mutex::default(),
        })
    }
}

#[async_trait]
impl Approver for Person {
    async fn approve(&self, action: &Action) -> Result<(), Refusal> {
        self.asked.lock().push(action.clone());
        self.says.clone()
    }
}

fn wallet() -> (Arc<Wallet>, Arc<dyn WalletBackend>) {
    let wallet = Arc::new(Wallet::new(Arc::new(MemoryKeyStore::new())));
    let backend = Arc::new(LocalWallet::new(wallet.clone()));
    (wallet, backend)
}

/// A node whose only wallet is this one.
fn node(wallet: Arc<dyn WalletBackend>) -> MultiWallet {
    MultiWallet::new(1).remote(Some(wallet))
}

fn transfer(from: Address) -> Message {
    Message::transfer(from, Address::new_id(1000), TokenAmount::from_fil(1))
}

mod a_wallet_that_asks {
    use super::*;

    #[tokio::test]
    async fn shows_the_message_and_signs_it_when_it_is_approved() {
        let (keys, under) = wallet();
        for kind in [KeyType::Bls, KeyType::Delegated] {
            let from = keys.new_key(&kind).expect("makes one");
            let person = Person::who_says(Ok(()));
            let asking = AskingWallet::new(under.clone(), person.clone());
            let node = node(Arc::new(asking));
            let signed = node.sign_message(from, transfer(from)).await;
            signed.expect("approved");
            let expected = Action::Sign {
                signer: from,
                kind: MsgMeta::CHAIN_MESSAGE.to_owned(),
                message: Some(Box::new(transfer(from))),
            };
            assert_eq!(*person.asked.lock(), [expected]);
        }
    }

    #[tokio::test]
    async fn does_nothing_that_is_rejected() {
        let (keys, under) = wallet();
        let from = keys.new_key(&KeyType::Bls).expect("makes one");
        let key = keys.export(from).expect("has it");
        let person = Person::who_says(Err(Refusal::Rejected));
        let asking = AskingWallet::new(under, person.clone());
        let rejected = RpcError::new("action rejected");
        let meta = MsgMeta::of(MsgMeta::BLOCK);
        assert_eq!(
            asking.sign(from, Bytes::new(), meta).await,
            Err(rejected.clone())
        );
        assert_eq!(asking.new_key(KeyType::Bls).await, Err(rejected.clone()));
        assert_eq!(asking.export(from).await, Err(rejected.clone()));
        assert_eq!(asking.import(key).await, Err(rejected.clone()));
        assert_eq!(asking.delete(from).await, Err(rejected));
        assert_eq!(person.asked.lock().len(), 5);
        assert_eq!(asking.list().await.expect("no secret"), [from]);
        assert!(asking.has(from).await.expect("no secret"));
        assert_eq!(person.asked.lock().len(), 5);
    }

    #[tokio::test]
    async fn tells_the_sender_that_it_was_rejected() {
        let (keys, under) = wallet();
        let from = keys.new_key(&KeyType::Bls).expect("makes one");
        let person = Person::who_says(Err(Refusal::Rejected));
        let asking = AskingWallet::new(under, person);
        let signed = node(Arc::new(asking))
            .sign_message(from, transfer(from))
            .await;
        let text = signed.expect_err("rejected").to_string();
        assert_eq!(text, "failed to sign message: action rejected");
    }

    #[tokio::test]
    async fn asks_nobody_about_bytes_that_are_not_what_they_are_said_to_be() {
        let (keys, under) = wallet();
        let from = keys.new_key(&KeyType::Bls).expect("makes one");
        let person = Person::who_says(Ok(()));
        let asking = AskingWallet::new(under.clone(), person.clone());
        let logged = LoggedWallet::new(under);
        let shown = transfer(from);
        let other = Message {
            nonce: 1,
            ..shown.clone()
        };
        let meta = MsgMeta::chain_message(wire::to_cbor(&shown));
        let garbage = MsgMeta::chain_message(vec![1]);
        let both: [&dyn WalletBackend; 2] = [&asking, &logged];
        for wallet in both {
            let bytes = Bytes::from(other.cid().to_bytes());
            let error = wallet.sign(from, bytes.clone(), meta.clone()).await;
            let text = error.expect_err("another message").to_string();
            assert_eq!(text, "cid(meta.Extra).bytes() != toSign");
            let error = wallet.sign(from, bytes, garbage.clone()).await;
            let text = error.expect_err("garbage").to_string();
            assert!(text.starts_with("unmarshalling message: "), "{text}");
        }
        assert!(person.asked.lock().is_empty());
    }
}

#[tokio::test]
async fn a_logged_wallet_does_what_the_wallet_does() {
    let (_, under) = wallet();
    let logged = LoggedWallet::new(under);
    let address = logged.new_key(KeyType::Secp256k1).await.expect("makes one");
    assert_eq!(logged.list().await.expect("lists"), [address]);
    let meta = MsgMeta::chain_message(wire::to_cbor(&transfer(address)));
    let bytes = transfer(address).cid().to_bytes();
    let signature = logged.sign(address, bytes.clone().into(), meta).await;
    lotus_crypto::verify(&signature.expect("signs"), &address, &bytes).expect("its own");
    let key = logged.export(address).await.expect("gives it out");
    logged.delete(address).await.expect("deletes");
    assert!(!logged.has(address).await.expect("reads"));
    assert_eq!(logged.import(key).await.expect("imports"), address);
}
