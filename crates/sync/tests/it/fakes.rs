//! A network of one peer that serves a chain store, and a judge that does what it is told.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lotus_blockstore::{MemoryMetadata, SharedBlockstore};
use lotus_chain::{ChainStore, ChainStoreOptions, messages::lists_root, weight::BlockCountWeigher};
use lotus_consensus::{BlockError, Violation, error::Rule};
use lotus_networks::Network;
use lotus_ports::{
    clock::ManualClock,
    network::{
        BlockMessages, ChainExchange, ExchangeError, FetchFrom, FetchedTipset, Gossip, Head, Inbox,
        Incoming, PeerHead, PeerHeads, PeerId, PublishError, Ticket as Judgement, Verdict,
    },
};
use lotus_state::StateFault;
use lotus_sync::{ChainSync, Judge, SyncConfig, SyncParts, SyncStatus};
use lotus_types::{
    Address, BigInt, BlockHeader, BlockMessage, Bytes, Cid, ElectionProof, Signature,
    SignedMessage, Ticket, Tipset, TipsetKey, TokenAmount, block::FullBlock,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const BLOCK_DELAY: u64 = 4;

/// Serves a chain store; may be told to lie.
pub(crate) struct Peer {
    pub(crate) store: ChainStore,
    /// Tipsets served so far.
    pub(crate) served: AtomicUsize,
    /// Gives everyone's messages as empty lists.
    pub(crate) forges_messages: bool,
}

impl Peer {
    pub(crate) fn of(store: ChainStore) -> Arc<Self> {
        Arc::new(Self {
            store,
            served: AtomicUsize::new(0),
            forges_messages: false,
        })
    }

    fn messages(&self, tipset: &Tipset) -> Vec<BlockMessages> {
        if self.forges_messages {
            let forged = BlockMessages {
                bls: vec![transfer()],
                secpk: Vec::new(),
            };
            return vec![forged; tipset.blocks().len()];
        }
        tipset
            .blocks()
            .iter()
            .map(|h| self.store.block_messages(h).unwrap())
            .collect()
    }
}

fn transfer() -> lotus_types::Message {
    lotus_types::Message::transfer(Address::new_id(1), Address::new_id(2), TokenAmount::zero())
}

#[async_trait]
impl ChainExchange for Peer {
    async fn fetch(
        &self,
        _: FetchFrom,
        head: &TipsetKey,
        length: u64,
        with_messages: bool,
    ) -> Result<Vec<FetchedTipset>, ExchangeError> {
        let Ok(head) = self.store.tipset(head) else {
            return Err(ExchangeError::NoPeers);
        };
        let chain = self
            .store
            .walk_back(head)
            .take(length as usize)
            .map(Result::unwrap);
        let answer: Vec<_> = chain
            .map(|tipset| FetchedTipset {
                messages: with_messages.then(|| self.messages(&tipset)),
                tipset,
            })
            .collect();
        self.served.fetch_add(answer.len(), Ordering::SeqCst);
        Ok(answer)
    }

    async fn fetch_messages(
        &self,
        _: FetchFrom,
        tipsets: &[Tipset],
    ) -> Result<Vec<Vec<BlockMessages>>, ExchangeError> {
        // Never more than three at once, so that the asking side has to go on asking.
        Ok(tipsets
            .iter()
            .take(3)
            .map(|tipset| self.messages(tipset))
            .collect())
    }
}

struct Queue<T>(mpsc::UnboundedReceiver<T>);

#[async_trait]
impl<T: Send> Inbox<T> for Queue<T> {
    async fn next(&mut self) -> Option<T> {
        self.0.recv().await
    }
}

/// What is gossiped and announced.
#[derive(Default)]
pub(crate) struct Air {
    blocks: Mutex<Option<mpsc::UnboundedSender<Incoming<BlockMessage>>>>,
    heads: Mutex<Option<mpsc::UnboundedSender<PeerHead>>>,
    pub(crate) published: Mutex<Vec<Cid>>,
}

#[async_trait]
impl Gossip for Air {
    async fn publish_block(&self, block: &BlockMessage) -> Result<(), PublishError> {
        self.published.lock().push(block.header.cid());
        Ok(())
    }

    async fn publish_message(&self, _: &SignedMessage) -> Result<(), PublishError> {
        Ok(())
    }

    fn blocks(&self) -> Box<dyn Inbox<Incoming<BlockMessage>>> {
        let (tx, rx) = mpsc::unbounded_channel();
        *self.blocks.lock() = Some(tx);
        Box::new(Queue(rx))
    }

    fn messages(&self) -> Box<dyn Inbox<Incoming<SignedMessage>>> {
        Box::new(Queue(mpsc::unbounded_channel().1))
    }
}

impl PeerHeads for Air {
    fn heads(&self) -> Box<dyn Inbox<PeerHead>> {
        let (tx, rx) = mpsc::unbounded_channel();
        *self.heads.lock() = Some(tx);
        Box::new(Queue(rx))
    }
}

/// Finds everything valid but what it is told not to.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) invalid: Mutex<HashSet<Cid>>,
    pub(crate) failing: Mutex<HashSet<Cid>>,
    pub(crate) future: Mutex<HashSet<Cid>>,
    pub(crate) forged: Mutex<HashSet<Cid>>,
}

impl Judge for Told {
    fn validate(&self, block: &FullBlock, now: u64) -> Result<(), BlockError> {
        let cid = block.header.cid();
        if self.invalid.lock().contains(&cid) {
            return Err(Violation::new(Rule::WinningPoSt, "made up").into());
        }
        if self.failing.lock().contains(&cid) {
            return Err(StateFault::Store("the disk is on fire".to_owned()).into());
        }
        if self.future.lock().contains(&cid) {
            return Err(BlockError::Future {
                timestamp: block.header.timestamp,
                now,
            });
        }
        Ok(())
    }

    fn check_signature(&self, header: &BlockHeader, _: &Tipset) -> Result<(), BlockError> {
        if self.forged.lock().contains(&header.cid()) {
            return Err(Violation::new(Rule::BlockSignature, "forged").into());
        }
        Ok(())
    }
}

/// A node that syncs.
pub(crate) struct Node {
    pub(crate) sync: ChainSync,
    pub(crate) chain: ChainStore,
    pub(crate) air: Arc<Air>,
    pub(crate) clock: ManualClock,
    _stop: DropGuard,
}

impl Node {
    pub(crate) fn start(chain: ChainStore, peer: Arc<Peer>, judge: Arc<dyn Judge>) -> Self {
        Self::with_threshold(chain, peer, judge, 1)
    }

    pub(crate) fn with_threshold(
        chain: ChainStore,
        peer: Arc<Peer>,
        judge: Arc<dyn Judge>,
        bootstrap_peers: usize,
    ) -> Self {
        let (air, stop) = (Arc::new(Air::default()), CancellationToken::new());
        let genesis = chain.genesis().unwrap().timestamp;
        let clock = ManualClock::at(Duration::from_secs(genesis + 5000 * BLOCK_DELAY));
        let network = Network {
            block_delay_secs: BLOCK_DELAY,
            ..Network::devnet("test")
        };
        let parts = SyncParts {
            chain: chain.clone(),
            judge,
            exchange: peer,
            gossip: Arc::clone(&air) as _,
            heads: Arc::clone(&air) as _,
            clock: Arc::new(clock.clone()),
            network: Arc::new(network),
            config: SyncConfig { bootstrap_peers },
        };
        let (sync, task) = ChainSync::start(parts, stop.clone()).unwrap();
        tokio::spawn(task);
        Self {
            sync,
            chain,
            air,
            clock,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) fn announce(&self, peer: &str, head: &Tipset, weight: i64) {
        let head = Head {
            key: head.key().clone(),
            height: head.height(),
            weight: BigInt::from(weight),
        };
        let peer = PeerId::from_text(peer);
        self.air
            .heads
            .lock()
            .as_ref()
            .unwrap()
            .send(PeerHead { peer, head })
            .unwrap();
    }

    /// Gossips a block and waits for the verdict.
    pub(crate) async fn gossip(&self, block: BlockMessage) -> Verdict {
        let (tell, verdict) = oneshot::channel();
        let ticket = Judgement::new(move |v| tell.send(v).expect("the test waits"));
        let from = PeerId::from_text("gossiper");
        let incoming = Incoming {
            from,
            value: block,
            ticket,
        };
        self.air
            .blocks
            .lock()
            .as_ref()
            .unwrap()
            .send(incoming)
            .unwrap();
        verdict.await.unwrap()
    }

    pub(crate) async fn wait_for_head(&self, head: &Tipset) {
        let mut heads = self.chain.subscribe();
        let reached = async {
            while self.chain.head().as_ref() != Some(head) {
                heads.next().await.unwrap().unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(300), reached)
            .await
            .unwrap_or_else(|_| {
                panic!(
                    "head is {:?}: {:?}",
                    self.chain.head(),
                    self.sync.status().borrow()
                )
            });
    }

    /// The status once `count` syncs have ended.
    pub(crate) async fn ended(&self, count: usize) -> SyncStatus {
        let mut status = self.sync.status();
        let ended = |s: &SyncStatus| s.works.iter().filter(|w| w.end.is_some()).count() >= count;
        let waited = tokio::time::timeout(Duration::from_secs(60), status.wait_for(ended));
        waited.await.unwrap().unwrap().clone()
    }
}

pub(crate) fn block(parents: TipsetKey, height: i64, miner: u64, ticket: u8) -> BlockHeader {
    BlockHeader {
        ticket: Some(Ticket {
            vrf_proof: Bytes::from(vec![ticket; 96]),
        }),
        election_proof: Some(ElectionProof {
            win_count: 1,
            vrf_proof: Bytes::new(),
        }),
        parent_weight: BigInt::from(height),
        messages: lists_root(&[], &[]).unwrap(),
        bls_aggregate: Some(Signature::new_bls(vec![0; 96])),
        timestamp: height.unsigned_abs() * BLOCK_DELAY,
        block_signature: Some(Signature::new_bls(vec![0; 96])),
        ..BlockHeader::bare(Address::new_id(miner), height, parents)
    }
}

pub(crate) fn genesis() -> Tipset {
    let foreign = TipsetKey::new(vec![Cid::of_block(&[0xa0])]);
    Tipset::new(vec![block(foreign, 0, 0, 0)]).unwrap()
}

/// A store with the genesis block.
pub(crate) fn store() -> ChainStore {
    let store = ChainStore::open(
        SharedBlockstore::memory(),
        Arc::new(MemoryMetadata::new()),
        Arc::new(BlockCountWeigher),
        ChainStoreOptions::default(),
    );
    let store = store.unwrap();
    store.put_messages(&BlockMessages::default()).unwrap();
    store.set_genesis(genesis().min_ticket_block()).unwrap();
    store.add_tipset(&genesis()).unwrap();
    store
}

/// Grows a chain of single blocks.
pub(crate) fn grow(store: &ChainStore, base: &Tipset, count: i64, ticket: u8) -> Vec<Tipset> {
    let mut tip = base.clone();
    let heights = base.height() + 1..=base.height() + count;
    heights
        .map(|height| {
            tip = Tipset::new(vec![block(tip.key().clone(), height, 1000, ticket)]).unwrap();
            store.add_tipset(&tip).unwrap();
            tip.clone()
        })
        .collect()
}

pub(crate) fn as_gossip(tipset: &Tipset) -> BlockMessage {
    BlockMessage {
        header: tipset.min_ticket_block().clone(),
        bls_messages: Vec::new(),
        secpk_messages: Vec::new(),
    }
}
