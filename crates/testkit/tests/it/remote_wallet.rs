//! A node whose keys are in another process: a `lotus-wallet` in this one, asked over HTTP.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use lotus_node::Wallets;
use lotus_ports::keystore::MemoryKeyStore;
use lotus_rpc::{JwtSecret, Server, Verifier};
use lotus_rpc_api::{
    Permission,
    wallet::{self, WalletBackend},
};
use lotus_testkit::{Ensemble, TestNet};
use lotus_types::{Address, KeyType, Message, TipsetKey, TokenAmount};
use lotus_wallet::{
    LocalWallet, Wallet,
    guard::{Action, Approver, AskingWallet, Refusal},
    remote,
};
use tokio_util::sync::CancellationToken;

/// Approves until it is told otherwise.
#[derive(Debug, Default)]
struct Person {
    refuses: AtomicBool,
}

#[async_trait]
impl Approver for Person {
    async fn approve(&self, _: &Action) -> Result<(), Refusal> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(Refusal::Rejected);
        }
        Ok(())
    }
}

/// A wallet that is served, and who approves what it does.
struct Served {
    keys: Arc<Wallet>,
    person: Arc<Person>,
    secret: JwtSecret,
    url: String,
    stop: CancellationToken,
}

impl Served {
    async fn start() -> Self {
        let keys = Arc::new(Wallet::new(Arc::new(MemoryKeyStore::new())));
        let (person, secret) = (Arc::new(Person::default()), JwtSecret::generate());
        let local = Arc::new(LocalWallet::new(keys.clone()));
        let asking = Arc::new(AskingWallet::new(local, person.clone()));
        let server = Server::new(Verifier::Secret(secret.clone()))
            .endpoint("/rpc/v0", wallet::dispatcher(asking))
            .bind("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let (url, stop) = (
            format!("http://{}", server.address()),
            CancellationToken::new(),
        );
        let until = stop.clone();
        tokio::spawn(async move { server.serve(until).await.unwrap() });
        Self {
            keys,
            person,
            secret,
            url,
            stop,
        }
    }

    /// What stands in a node's configuration.
    async fn backend(&self, allow: &[Permission]) -> Arc<dyn WalletBackend> {
        let token = self.secret.token(allow).unwrap();
        remote::connect(&format!("{token}:{}", self.url))
            .await
            .unwrap()
    }

    /// A network of one node that uses this wallet.
    async fn network(&self) -> TestNet {
        let remote = Some(self.backend(&[Permission::Admin]).await);
        let wallets = Wallets {
            remote,
            ..Wallets::default()
        };
        let mut net = Ensemble::new().wallets(wallets).start().await;
        net.mine(1).await;
        net
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn transfer(from: Address, to: Address) -> Message {
    Message::transfer(from, to, TokenAmount::from_fil(1))
}

/// Sends a message and mines until it is executed.
async fn land(net: &mut TestNet, message: Message) {
    let landed = net.land(0, message).await;
    assert!(landed.receipt.exit_code.is_success(), "{landed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signs_what_its_node_sends_and_nothing_that_is_refused() {
    let served = Served::start().await;
    let mut net = served.network().await;
    let api = net.node(0).api();
    let from = api.wallet_new(KeyType::Secp256k1).await.unwrap();
    assert!(served.keys.has(from).unwrap(), "a new key is made there");
    let worker = net.miner(0).worker;
    assert!(!served.keys.has(worker).unwrap(), "blocks are signed here");
    let listed = api.wallet_list().await.unwrap();
    let mut own = [worker, net.registry_root()];
    own.sort_by_cached_key(ToString::to_string);
    assert_eq!(listed[0], from, "the remote wallet's keys come first");
    assert_eq!(listed[1..], own);

    let funds = Message {
        value: TokenAmount::from_fil(10),
        ..transfer(worker, from)
    };
    land(&mut net, funds).await;
    land(&mut net, transfer(from, worker)).await;

    served.person.refuses.store(true, Ordering::SeqCst);
    let refused = api.mpool_push_message(transfer(from, worker), None).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "failed to sign message: action rejected"
    );
    let refused = api.wallet_export(from).await.unwrap_err().to_string();
    assert_eq!(refused, "action rejected");
    let pending = api.mpool_pending(TipsetKey::default()).await.unwrap();
    assert!(pending.is_empty(), "{pending:?}");
    // Its own key does not depend on anybody.
    land(&mut net, transfer(worker, from)).await;

    served.person.refuses.store(false, Ordering::SeqCst);
    land(&mut net, transfer(from, worker)).await;
}

#[tokio::test]
async fn serves_nobody_without_the_right_token() {
    let served = Served::start().await;
    served.keys.new_key(&KeyType::Bls).unwrap();
    let admin = served.backend(&[Permission::Admin]).await;
    assert_eq!(admin.list().await.unwrap().len(), 1);
    let reader = served.backend(&[Permission::Read]).await;
    let text = reader.list().await.unwrap_err().to_string();
    assert!(
        text.contains("missing permission to invoke 'WalletList'"),
        "{text}"
    );
    let nobody = remote::connect(&served.url).await.unwrap();
    assert!(nobody.list().await.is_err());
    let forged = JwtSecret::generate().token(&[Permission::Admin]).unwrap();
    let forged = remote::connect(&format!("{forged}:{}", served.url))
        .await
        .unwrap();
    let text = forged.list().await.unwrap_err().to_string();
    assert!(text.contains("refused the API token"), "{text}");
}
