use lotus_blockstore::MemoryMetadata;
use lotus_crypto::{SigningKey, blake2b_256};
use lotus_types::TokenAmount;

use super::*;

/// A device in software: the app's side of the protocol, written from its description.
#[derive(Debug, Clone, Default)]
struct Device(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Another device has other keys.
    seed: u8,
    /// What every command is refused with.
    refuses: Option<u16>,
    /// What its user is asked is refused.
    user_refuses: bool,
    /// What is being signed: path and message so far.
    signing: Option<(Vec<u8>, Vec<u8>)>,
    shown: usize,
}

impl State {
    fn key(&self, path: &[u8]) -> SigningKey {
        let secret = blake2b_256(&[&[self.seed], path].concat());
        let info = KeyInfo::new(KeyType::Secp256k1, secret.to_vec());
        SigningKey::from_key_info(&info).expect("a scalar")
    }

    fn answer(&mut self, command: &[u8]) -> Result<Vec<u8>, u16> {
        let [0x06, instruction, p1, 0, len, payload @ ..] = command else {
            return Err(0x6e00);
        };
        if payload.len() != usize::from(*len) {
            return Err(0x6700);
        }
        if let Some(status) = self.refuses {
            return Err(status);
        }
        match (*instruction, *p1) {
            (0, _) => Ok(vec![0, 0, 20, 6, 0]),
            (1, confirm) if payload.len() == 20 => {
                if confirm == 1 {
                    self.shown += 1;
                    if self.user_refuses {
                        return Err(0x6986);
                    }
                }
                let SigningKey::Secp256k1(key) = self.key(payload) else {
                    return Err(0x6f00);
                };
                let public = key.public_key();
                let address = Address::new_secp256k1(&public);
                let (bytes, text) = (address.to_bytes(), address.to_string());
                Ok([
                    public.as_slice(),
                    &[bytes.len() as u8],
                    &bytes,
                    &[text.len() as u8],
                    text.as_bytes(),
                ]
                .concat())
            }
            (2, 0) if payload.len() == 20 => {
                self.signing = Some((payload.to_vec(), Vec::new()));
                Ok(Vec::new())
            }
            (2, more @ (1 | 2)) => {
                let Some((path, message)) = &mut self.signing else {
                    return Err(0x6984);
                };
                message.extend(payload);
                if more == 1 {
                    return Ok(Vec::new());
                }
                let (path, message) = (path.clone(), std::mem::take(message));
                if self.user_refuses {
                    return Err(0x6986);
                }
                let message: Message = wire::from_cbor(&message).map_err(|_| 0x6984_u16)?;
                let signature = self.key(&path).sign(&message.cid().to_bytes());
                Ok([&*signature.data, b"DER"].concat())
            }
            _ => Err(0x6d00),
        }
    }
}

impl Transport for Device {
    fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>, AppError> {
        Ok(match self.0.lock().answer(command) {
            Ok(mut answer) => {
                answer.extend([0x90, 0x00]);
                answer
            }
            Err(status) => [b"why".as_slice(), &status.to_be_bytes()].concat(),
        })
    }
}

impl Devices for Device {
    fn open(&self) -> Result<Box<dyn Transport>, AppError> {
        Ok(Box::new(self.clone()))
    }
}

/// Nothing plugged in.
#[derive(Debug)]
struct Nothing;

impl Devices for Nothing {
    fn open(&self) -> Result<Box<dyn Transport>, AppError> {
        Err(AppError::NoDevice)
    }
}

fn wallet() -> (LedgerWallet, Device, Arc<MemoryMetadata>) {
    let (device, store) = (Device::default(), Arc::new(MemoryMetadata::new()));
    let wallet = LedgerWallet::new(store.clone(), Arc::new(device.clone()));
    (wallet, device, store)
}

async fn new_key(wallet: &LedgerWallet) -> Result<Address, RpcError> {
    wallet.new_key(KeyType::Secp256k1Ledger).await
}

fn message(from: Address, params: usize) -> Message {
    Message {
        params: vec![7; params].into(),
        ..Message::transfer(from, Address::new_id(1000), TokenAmount::from_fil(1))
    }
}

async fn sign(wallet: &LedgerWallet, message: &Message) -> Result<Signature, RpcError> {
    let meta = MsgMeta::chain_message(wire::to_cbor(message));
    let bytes = message.cid().to_bytes();
    wallet.sign(message.from, bytes.into(), meta).await
}

mod a_new_key {
    use super::*;

    #[tokio::test]
    async fn is_shown_on_the_device_and_numbered_after_the_highest() {
        let (wallet, device, store) = wallet();
        let first = new_key(&wallet).await.expect("accepted");
        let second = new_key(&wallet).await.expect("accepted");
        assert_ne!(first, second);
        assert_eq!(device.0.lock().shown, 2);
        let json = store.get(&format!("/ledgerkey/{second}")).expect("memory");
        let key: LedgerKey = serde_json::from_slice(&json.expect("stored")).expect("a key");
        assert_eq!(key.path, [0x8000_002c, 0x8000_01cd, 0x8000_0000, 0, 1]);
        wallet.delete(first).await.expect("deletes");
        assert_eq!(wallet.list().await.expect("lists"), [second]);
        let third = new_key(&wallet).await.expect("accepted");
        let text = String::from_utf8(
            store
                .get(&format!("/ledgerkey/{third}"))
                .expect("memory")
                .expect("stored"),
        );
        let path = "[2147483692,2147484109,2147483648,0,2]";
        assert_eq!(
            text.expect("text"),
            format!("{{\"Address\":\"{third}\",\"Path\":{path}}}"),
            "Lotus' form"
        );
    }

    #[tokio::test]
    async fn that_its_user_rejects_is_not_kept() {
        let (wallet, device, _) = wallet();
        device.0.lock().user_refuses = true;
        let error = new_key(&wallet).await.expect_err("rejected");
        assert_eq!(error.to_string(), "rejected on the Ledger device");
        assert!(wallet.list().await.expect("lists").is_empty());
    }

    #[tokio::test]
    async fn of_another_type_is_refused() {
        let (wallet, ..) = wallet();
        let error = wallet.new_key(KeyType::Bls).await.expect_err("bls");
        assert_eq!(
            error.to_string(),
            "unsupported key type: 'bls', only 'secp256k1-ledger' supported"
        );
    }
}

mod signing {
    use super::*;

    #[tokio::test]
    async fn a_message_of_any_length_gives_the_keys_signature() {
        let (wallet, ..) = wallet();
        let from = new_key(&wallet).await.expect("accepted");
        for params in [0, 100, 250, 251, 2000] {
            let message = message(from, params);
            let signature = sign(&wallet, &message).await.expect("accepted");
            let bytes = message.cid().to_bytes();
            lotus_crypto::verify(&signature, &from, &bytes).expect("its own");
        }
    }

    #[tokio::test]
    async fn is_for_messages_that_the_device_can_show() {
        let (wallet, ..) = wallet();
        let from = new_key(&wallet).await.expect("accepted");
        let block = MsgMeta::of(MsgMeta::BLOCK);
        let error = wallet.sign(from, Bytes::new(), block).await;
        assert_eq!(
            error.expect_err("a block").to_string(),
            "ledger can only sign chain messages"
        );
        let meta = MsgMeta::chain_message(wire::to_cbor(&message(from, 1)));
        let other = message(from, 2).cid().to_bytes();
        let error = wallet.sign(from, other.into(), meta).await;
        assert_eq!(
            error.expect_err("another message").to_string(),
            "cid(meta.Extra).bytes() != toSign"
        );
    }

    #[tokio::test]
    async fn with_another_device_is_noticed() {
        let (wallet, device, _) = wallet();
        let from = new_key(&wallet).await.expect("accepted");
        device.0.lock().seed = 1;
        let error = sign(&wallet, &message(from, 0)).await.expect_err("other");
        assert!(error.to_string().contains("is another device"), "{error}");
    }

    #[tokio::test]
    async fn says_what_the_device_refused_it_for() {
        let (wallet, device, store) = wallet();
        let from = new_key(&wallet).await.expect("accepted");
        for (status, text) in [
            (0x6e00, "Filecoin app is not open on the device"),
            (0x5515, "the Ledger device is locked"),
            (0x6984, "the Ledger device refused: status 0x6984: why"),
        ] {
            device.0.lock().refuses = Some(status);
            let error = sign(&wallet, &message(from, 0)).await.expect_err("refused");
            assert_eq!(error.to_string(), text);
        }
        device.0.lock().refuses = None;
        device.0.lock().user_refuses = true;
        let error = sign(&wallet, &message(from, 0)).await.expect_err("refused");
        assert_eq!(error.to_string(), "rejected on the Ledger device");
        let unplugged = LedgerWallet::new(store, Arc::new(Nothing));
        let error = sign(&unplugged, &message(from, 0)).await.expect_err("none");
        assert!(error.to_string().contains("no Ledger device"), "{error}");
    }
}

mod keys {
    use super::*;

    #[tokio::test]
    async fn are_imported_in_lotus_form_and_never_exported() {
        let (from, device, _) = wallet();
        let address = new_key(&from).await.expect("accepted");
        let key = LedgerKey {
            address,
            path: vec![HARDENED | 44, HARDENED | 461, HARDENED, 0, 0],
        };
        let json = serde_json::to_vec(&key).expect("JSON");
        let store = Arc::new(MemoryMetadata::new());
        let wallet = LedgerWallet::new(store, Arc::new(device));
        let info = KeyInfo::new(KeyType::Secp256k1Ledger, json);
        assert_eq!(wallet.import(info).await.expect("imports"), address);
        assert!(wallet.has(address).await.expect("reads"));
        sign(&wallet, &message(address, 0)).await.expect("accepted");
        let error = wallet.export(address).await.expect_err("never");
        assert_eq!(error.to_string(), "cannot export keys from ledger wallets");
    }

    #[tokio::test]
    async fn that_are_none_are_refused() {
        let (wallet, ..) = wallet();
        for (json, text) in [
            (
                r#"{"Address":"t01","Path":[1,2]}"#,
                "bad hd path len: 2, expected: 5",
            ),
            (
                r#"{"Address":"<empty>","Path":[1,2,3,4,5]}"#,
                "no address given",
            ),
            ("[]", "not a ledger key"),
        ] {
            let info = KeyInfo::new(KeyType::Secp256k1Ledger, json.as_bytes().to_vec());
            let error = wallet.import(info).await.expect_err("none").to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}

#[test]
fn a_device_that_answers_garbage_is_refused() {
    #[derive(Debug)]
    struct Garbage(Vec<u8>);
    impl Transport for Garbage {
        fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>, AppError> {
            if command.get(1) == Some(&0) {
                return Ok(vec![0, 0, 20, 6, 0, 0x90, 0]);
            }
            Ok(self.0.clone())
        }
    }
    let long = [[4; 65].as_slice(), &[200], &[0; 20], &[0x90, 0]].concat();
    let other = [[4; 65].as_slice(), &[2, 0, 5], &[0x90, 0]].concat();
    for answer in [vec![], vec![0x90], vec![0x90, 0], long, other] {
        let mut garbage = Garbage(answer.clone());
        let mut app = FilecoinApp::open(&mut garbage).expect("a version");
        let path = [0; PATH_LEN];
        assert!(app.address(&path, false).is_err(), "{answer:?}");
        if answer.len() < 60 {
            assert!(app.sign(&path, b"m").is_err(), "{answer:?}");
        }
    }
}
