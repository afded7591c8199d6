//! A network that runs: its rounds, its parts, what is asked of it.
//!
//! ```text
//!  epoch begins ─► every miner tries: election, proof, block
//!  block time   ─► winners publish ─► every node of their part of the network has the blocks
//! ```
//!
//! Between the two moments of a round, and between rounds, the clock stands still.

use std::time::Duration;

use futures::StreamExt as _;
use lotus_networks::Network;
use lotus_ports::clock::ManualClock;
use lotus_proving::{window::WindowPoStScheduler, winning::plan::Timing};
use lotus_rpc_api::types::state::MsgLookup;
use lotus_types::{Address, ChainEpoch, Cid, Message, Tipset, TipsetKey};
use tempfile::TempDir;

use crate::{Proofs, TestMiner, TestNode, eventually, node::Common};

/// Rounds after which something that was waited for will not come any more.
const MOST_ROUNDS: u32 = 1000;

/// A running network. Its nodes are numbered from 0, its miners too.
pub struct TestNet {
    common: Common,
    timing: Timing,
    nodes: Vec<TestNode>,
    miners: Vec<TestMiner>,
    /// Nodes that hear each other.
    parts: Vec<Vec<usize>>,
    /// The last epoch that was mined.
    epoch: ChainEpoch,
    /// Signs alone for the root of the verified registry; node 0 has its key.
    registry_root: Address,
    /// Where the sectors are.
    _dir: TempDir,
}

impl std::fmt::Debug for TestNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestNet")
            .field("epoch", &self.epoch)
            .field("nodes", &self.nodes.len())
            .field("miners", &self.miners.len())
            .finish_non_exhaustive()
    }
}

impl TestNet {
    pub(crate) fn new(
        common: Common,
        timing: Timing,
        registry_root: Address,
        dir: TempDir,
    ) -> Self {
        Self {
            common,
            timing,
            nodes: Vec::new(),
            miners: Vec::new(),
            parts: vec![Vec::new()],
            epoch: 0,
            registry_root,
            _dir: dir,
        }
    }

    /// The network's rules; its genesis is named.
    pub fn network(&self) -> &Network {
        &self.common.network
    }

    /// How the network's sectors are proven.
    pub fn proofs(&self) -> Proofs {
        self.common.proofs
    }

    /// The clock of all nodes and miners.
    pub fn clock(&self) -> &ManualClock {
        &self.common.clock
    }

    /// The only signer of the multisig that is the verified registry's root; node 0 has its key, with
    /// 50,000 FIL.
    pub fn registry_root(&self) -> Address {
        self.registry_root
    }

    /// The last epoch whose time has come.
    pub fn epoch(&self) -> ChainEpoch {
        self.epoch
    }

    /// A node.
    pub fn node(&self, node: usize) -> &TestNode {
        &self.nodes[node]
    }

    /// All nodes.
    pub fn nodes(&self) -> &[TestNode] {
        &self.nodes
    }

    /// A miner.
    pub fn miner(&self, miner: usize) -> &TestMiner {
        &self.miners[miner]
    }

    /// The node that a miner works with.
    pub fn node_of(&self, miner: usize) -> &TestNode {
        self.node(self.miner(miner).node)
    }

    /// The head that a node follows.
    pub fn head(&self, node: usize) -> Tipset {
        self.node(node).head()
    }

    /// Starts one more node, with nothing but the genesis, connects it to all others of the first
    /// part and gives its number. It follows them from there on; [`TestNet::agree`] waits for it.
    pub async fn add_node(&mut self) -> usize {
        let node = TestNode::start(&self.common).await;
        for other in &self.parts[0] {
            self.nodes[*other].connect(&node).await;
        }
        self.nodes.push(node);
        let number = self.nodes.len() - 1;
        self.parts[0].push(number);
        number
    }

    pub(crate) fn add_miner(&mut self, miner: TestMiner) {
        self.miners.push(miner);
    }

    /// Lets a miner make blocks from now on.
    pub(crate) fn start_mining(&mut self, miner: usize) {
        let node = self.node_of(miner).api();
        let (clock, timing) = (self.common.clock.clone(), self.timing);
        self.miners[miner].produce(node, clock, timing, &self.common.tasks);
    }

    /// Lets a miner prove its sectors in every deadline from now on.
    pub fn prove_windows(&self, miner: usize) -> WindowPoStScheduler {
        let (scheduler, work) = self.window_post(miner);
        let name = format!("WindowPoSt {}", self.miner(miner).id);
        self.common.tasks.background(name, async move {
            work.await;
            Ok::<_, std::io::Error>(())
        });
        scheduler
    }

    /// A miner's scheduler that does nothing by itself: it computes what it is asked for.
    pub fn window_prover(&self, miner: usize) -> WindowPoStScheduler {
        self.window_post(miner).0
    }

    fn window_post(
        &self,
        miner: usize,
    ) -> (WindowPoStScheduler, impl Future<Output = ()> + Send + use<>) {
        let (node, clock) = (self.node_of(miner).api(), self.common.clock.clone());
        self.miner(miner)
            .window_post(node, clock, &self.common.tasks)
    }

    /// `rounds` rounds. In some of them nobody may be elected.
    pub async fn mine(&mut self, rounds: u32) {
        for _ in 0..rounds {
            self.round(1).await;
        }
    }

    /// Rounds until every node's head has at least this height.
    pub async fn mine_to(&mut self, height: ChainEpoch) {
        let reached = |net: &Self| net.nodes.iter().all(|node| node.head().height() >= height);
        self.mine_until(reached).await;
    }

    /// Rounds until `condition` holds.
    pub async fn mine_until(&mut self, condition: impl Fn(&Self) -> bool) {
        let mut rounds = 0;
        while !condition(self) {
            assert!(rounds < MOST_ROUNDS, "{rounds} rounds did not bring it");
            self.round(1).await;
            rounds += 1;
        }
    }

    /// Sends a message at a node that has its sender's key, and rounds until it is executed.
    pub async fn land(&mut self, node: usize, message: Message) -> MsgLookup {
        let sent = self.node(node).send(message).await.cid();
        let api = self.node(node).api();
        let landed = self.mine_for(api.state_wait_msg(sent, 1, -1, true)).await;
        landed.unwrap_or_else(|error| panic!("waiting for {sent}: {error}"))
    }

    /// Rounds until `work` is done, which waits for something on chain.
    pub async fn mine_for<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        for _ in 0..MOST_ROUNDS {
            // What can be done without another round is done first, within reason.
            let moment = tokio::time::timeout(Duration::from_millis(20), &mut work);
            if let Ok(done) = moment.await {
                return done;
            }
            self.round(1).await;
        }
        panic!("{MOST_ROUNDS} rounds did not bring it")
    }

    /// Lets time pass without blocks, up to the round of `epoch`: those before it, except perhaps the
    /// last, are null rounds.
    pub async fn skip_to(&mut self, epoch: ChainEpoch) {
        assert!(epoch > self.epoch, "time does not go back");
        self.round(epoch - self.epoch).await;
    }

    /// The round so many epochs after the last one.
    async fn round(&mut self, epochs: ChainEpoch) {
        self.epoch += epochs;
        let epoch = self.epoch;
        self.common
            .clock
            .set(self.time_of(epoch - 1) + self.timing.propagation_delay);
        eventually(
            "every miner to try",
            || async { self.miners.iter().all(|m| m.has_tried(epoch)) },
            || self.describe(),
        )
        .await;
        self.common.clock.set(self.time_of(epoch));
        eventually(
            "blocks to be published",
            || async { !self.miners.iter().any(TestMiner::holds_block) },
            || self.describe(),
        )
        .await;
        let published: Vec<(usize, Cid)> = self.miners.iter().flat_map(blocks_of).collect();
        for part in &self.parts {
            let here = published.iter().filter(|(node, _)| part.contains(node));
            self.spread(part, here.map(|(_, cid)| *cid).collect()).await;
        }
    }

    /// When an epoch's blocks are due.
    fn time_of(&self, epoch: ChainEpoch) -> Duration {
        let genesis = self.common.genesis_time;
        Duration::from_secs(self.common.network.epoch_time(genesis, epoch))
    }

    /// Waits until every node of a part has these blocks, and they have one head.
    async fn spread(&self, part: &[usize], blocks: Vec<Cid>) {
        let arrived = || async {
            let keys = blocks.iter().map(|cid| TipsetKey::new(vec![*cid]));
            let keys: Vec<_> = keys.collect();
            let has = |node: &TestNode| {
                let chain = &node.parts().chain;
                keys.iter()
                    .all(|key| chain.has_tipset(key).unwrap_or(false))
            };
            part.iter().all(|node| has(&self.nodes[*node]))
        };
        eventually("blocks to spread", arrived, || self.describe()).await;
        self.agree_on(part).await;
    }

    /// Waits until all nodes that can hear each other follow the same head.
    pub async fn agree(&self) {
        for part in &self.parts {
            self.agree_on(part).await;
        }
    }

    async fn agree_on(&self, part: &[usize]) {
        let agree = || async {
            let heads: Vec<Tipset> = part.iter().map(|node| self.head(*node)).collect();
            heads.windows(2).all(|pair| pair[0] == pair[1])
        };
        eventually("nodes to agree", agree, || self.describe()).await;
    }

    /// Cuts all connections between the given parts; every node is in one of them.
    pub async fn split(&mut self, parts: &[&[usize]]) {
        for (k, part) in parts.iter().enumerate() {
            for one in *part {
                let others = parts.iter().skip(k + 1).copied().flatten();
                for other in others {
                    self.nodes[*one].cut(&self.nodes[*other]).await;
                    self.nodes[*other].cut(&self.nodes[*one]).await;
                }
            }
        }
        self.parts = parts.iter().map(|part| part.to_vec()).collect();
    }

    /// Connects all nodes again and waits until they follow the same head.
    pub async fn heal(&mut self) {
        for (k, one) in self.nodes.iter().enumerate() {
            for other in &self.nodes[k + 1..] {
                one.allow(other).await;
                other.allow(one).await;
                one.connect(other).await;
            }
        }
        self.parts = vec![(0..self.nodes.len()).collect()];
        self.agree().await;
    }

    /// A node's chain as `lotus chain export` gives it.
    pub async fn export(&self, node: usize) -> Vec<u8> {
        let chunks = self.node(node).api();
        let chunks = chunks.chain_export(0, false, TipsetKey::default()).await;
        let chunks = chunks.unwrap_or_else(|error| panic!("exporting: {error}"));
        let chunks: Vec<_> = chunks.collect().await;
        // As with Lotus, an empty chunk at the end says that nothing is missing.
        assert!(
            chunks.last().is_some_and(|chunk| chunk.is_empty()),
            "the export ended early"
        );
        chunks
            .iter()
            .flat_map(|chunk| chunk.iter().copied())
            .collect()
    }

    /// The chain of a node, genesis first.
    pub fn chain(&self, node: usize) -> Vec<Tipset> {
        let chain = &self.node(node).parts().chain;
        let back = chain.walk_back(self.head(node));
        let mut tipsets: Vec<Tipset> = back
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("walking the chain: {error}"));
        tipsets.reverse();
        tipsets
    }

    /// What everybody is doing, for whoever reads why a test failed.
    fn describe(&self) -> String {
        let nodes = self.nodes.iter().enumerate().map(|(k, node)| {
            let head = node.head();
            format!("node {k} is at {} {}", head.height(), head.key())
        });
        let miners = self.miners.iter().filter(|m| m.is_producing()).map(|m| {
            let status = m.status();
            format!(
                "miner {} has tried {} and made {} blocks, last error {:?}",
                m.id, status.epoch, status.blocks, status.last_error
            )
        });
        let lines: Vec<String> = nodes.chain(miners).collect();
        format!("epoch {}: {}", self.epoch, lines.join("; "))
    }
}

fn blocks_of(miner: &TestMiner) -> Vec<(usize, Cid)> {
    let cids = miner.take_published().into_iter();
    cids.map(|cid| (miner.node, cid)).collect()
}
