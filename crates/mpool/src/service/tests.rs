#![allow(clippy::unwrap_used, reason = "tests")]

use async_trait::async_trait;
use lotus_crypto::SigningKey;
use lotus_ports::{
    clock::ManualClock,
    network::{PeerId, PublishError, Ticket},
};
use lotus_types::{BlockMessage, KeyType, TokenAmount};
use parking_lot::Mutex;

use super::*;
use crate::pool::tests::{Setup, setup};

const INTERVAL: Duration = Duration::from_secs(40);

/// Notes what is published, and passes on what a test sends.
#[derive(Default)]
struct FakeGossip {
    published: Mutex<Vec<SignedMessage>>,
    incoming: Mutex<Option<mpsc::UnboundedReceiver<Gossiped>>>,
}

struct Queue<T>(Option<mpsc::UnboundedReceiver<T>>);

#[async_trait]
impl<T: Send> Inbox<T> for Queue<T> {
    async fn next(&mut self) -> Option<T> {
        self.0.as_mut()?.recv().await
    }
}

#[async_trait]
impl Gossip for FakeGossip {
    async fn publish_block(&self, _: &BlockMessage) -> Result<(), PublishError> {
        Ok(())
    }

    async fn publish_message(&self, message: &SignedMessage) -> Result<(), PublishError> {
        self.published.lock().push(message.clone());
        Ok(())
    }

    fn blocks(&self) -> Box<dyn Inbox<Incoming<BlockMessage>>> {
        Box::new(Queue(None))
    }

    fn messages(&self) -> Box<dyn Inbox<Gossiped>> {
        Box::new(Queue(self.incoming.lock().take()))
    }
}

/// A running pool whose clock and network are a test's.
struct World {
    setup: Setup,
    mpool: Mpool,
    gossip: Arc<FakeGossip>,
    send: mpsc::UnboundedSender<Gossiped>,
    clock: ManualClock,
    key: SigningKey,
    stop: CancellationToken,
    task: tokio::task::JoinSet<()>,
}

impl World {
    async fn start() -> Self {
        let setup = setup();
        let key = SigningKey::generate(&KeyType::Secp256k1, &mut rand::thread_rng()).unwrap();
        setup.add_account(key.address());
        let (send, receive) = mpsc::unbounded_channel();
        let gossip = Arc::new(FakeGossip::default());
        *gossip.incoming.lock() = Some(receive);
        let clock = ManualClock::at(Duration::from_secs(1000));
        let parts = MpoolParts {
            chain: setup.chain(),
            metadata: setup.metadata(),
            gossip: Arc::clone(&gossip) as _,
            clock: Arc::new(clock.clone()),
            republish_interval: INTERVAL,
        };
        let stop = CancellationToken::new();
        let (mpool, task) = Mpool::start(parts, stop.clone()).await.unwrap();
        let mut running = tokio::task::JoinSet::new();
        running.spawn(task);
        Self {
            setup,
            mpool,
            gossip,
            send,
            clock,
            key,
            stop,
            task: running,
        }
    }

    fn message(&self, nonce: u64) -> SignedMessage {
        let message = Message {
            nonce,
            gas_limit: 1_000_000,
            gas_fee_cap: TokenAmount::from_atto(10_000_000),
            gas_premium: TokenAmount::from_atto(100),
            ..Message::transfer(self.key.address(), Address::new_id(99), TokenAmount::zero())
        };
        let signature = self.key.sign(&message.cid().to_bytes());
        SignedMessage { message, signature }
    }

    /// Sends a message as another node; gives what became of it.
    async fn receive(&self, value: SignedMessage) -> Verdict {
        let (told, verdict) = oneshot::channel();
        let ticket = Ticket::new(move |verdict| {
            // The test waits for it.
            let _ = told.send(verdict);
        });
        let from = PeerId::from_text("12D3KooWPeer");
        let sent = self.send.send(Incoming {
            from,
            value,
            ticket,
        });
        sent.ok().unwrap();
        verdict.await.unwrap()
    }

    fn published(&self) -> Vec<u64> {
        let published = self.gossip.published.lock();
        published.iter().map(|m| m.message.nonce).collect()
    }

    /// Moves the clock on, step by step, until this has been published.
    async fn until_published(&self, nonces: &[u64]) {
        let waiting = async {
            while self.published() != nonces {
                self.clock.advance(REPUBLISH_PAUSE);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        assert!(done.is_ok(), "{:?} were published", self.published());
    }

    async fn end(mut self) {
        self.stop.cancel();
        self.task.join_next().await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_messages_are_gossiped_at_once_and_again_in_order() {
    let world = World::start().await;
    for nonce in 0..2 {
        world
            .mpool
            .push(world.message(nonce))
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(world.published(), [0, 1]);
    world.clock.advance(INTERVAL);
    world.until_published(&[0, 1, 0, 1]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_gossiped_early_when_a_message_before_it_found_its_block() {
    let world = World::start().await;
    for nonce in 0..2 {
        world
            .mpool
            .push(world.message(nonce))
            .await
            .unwrap()
            .unwrap();
    }
    world.clock.advance(INTERVAL);
    world.until_published(&[0, 1, 0, 1]).await;
    let sender = world.key.address();
    world.setup.set_nonce(sender, 1);
    let genesis = world.setup.genesis.clone();
    world.setup.mine(&genesis, &[world.message(0)], 1);
    world.until_published(&[0, 1, 0, 1, 1]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossiped_messages_are_judged_by_whose_fault_it_is() {
    let world = World::start().await;
    assert_eq!(world.receive(world.message(0)).await, Verdict::Accept);
    let (_, pending) = world.mpool.pending().await.unwrap();
    assert_eq!(pending.len(), 1);
    // Known already, or out of reach: no honest peer is to blame.
    assert_eq!(world.receive(world.message(0)).await, Verdict::Ignore);
    assert_eq!(world.receive(world.message(50)).await, Verdict::Ignore);
    let mut forged = world.message(1);
    forged.message.value = TokenAmount::from_fil(1);
    assert_eq!(world.receive(forged).await, Verdict::Reject);
    // Others' messages are not gossiped again by this pool.
    assert!(world.published().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_hear_what_comes_and_goes() {
    let world = World::start().await;
    let mut updates = world.mpool.subscribe().await.unwrap();
    let message = world.message(0);
    world.mpool.push(message.clone()).await.unwrap().unwrap();
    assert_eq!(
        updates.recv().await.unwrap(),
        Update::Added(message.clone())
    );
    world.mpool.clear(true).await.unwrap();
    assert_eq!(updates.recv().await.unwrap(), Update::Removed(message));
    world.end().await;
}
