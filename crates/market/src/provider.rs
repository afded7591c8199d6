//! The provider's side of storage deals: takes proposals, fetches and checks data, publishes, has the
//! pieces sealed, and follows each deal to its end.
//!
//! ```text
//!  proposal ─► checks ─► Transferring ─► VerifyData ─► ReserveProviderFunds ─► Publish   (queue)
//!              (refused: told why)        CommP, index    ProviderFunding        │ batch
//!  Active ◄─ Finalizing ◄─ Sealing ◄─ AwaitingPreCommit ◄─ Staged ◄─ Publishing ◄┘ one message
//!     └─► Expired, Slashed                         PieceSealing
//! ```
//!
//! # Invariants
//! - Every step is on disk before the next begins. A deal that may have been published is looked for in
//!   the pool and on chain before a message is sent, one that may be in a sector is looked for there:
//!   whenever the process is killed, nothing is done twice.
//! - A proposal is accepted only when it can be carried out as it stands; what is refused says why.
//! - Data reach a sector only when their CommP is the proposal's.
//!
//! # Lotus parity
//! States and API are those of `lotus-miner`'s markets; deals come by Boost's protocol and data by HTTP
//! (ADR 0003). The settings of `[Dealmaking]` keep their meaning; those changed by command
//! (`storage-deals selection`) are kept in the deals' database and win over the file.

use std::{fmt, future::Future, path::PathBuf, sync::Arc, time::Duration};

use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use lotus_net::{NetService, RegisterError};
use lotus_types::{Address, Cid, TokenAmount};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::{ChainError, MarketChain},
    deal_store::{DealStore, DealStoreError},
    piece_index::PieceIndex,
    transfer::FetchLimits,
    walk::Walk as _,
};

mod accept;
mod api;
mod book;
mod deal;
mod drive;
mod filter;
mod policy;
mod publish;
mod sealing;
mod settings;
mod streams;

pub use accept::Refusal;
use deal::ProviderDeal;
pub use policy::{BlocklistError, DealPolicy};
use publish::Queue;
pub(crate) use sealing::is_pre_committed;
pub use sealing::{PieceSealing, PieceSealingError};

/// The database's file, and the folder of data on their way.
const DATABASE: &str = "deals.sqlite";
const STAGING: &str = "deal-staging";

/// How the provider works.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// The miner.
    pub miner: Address,
    /// Folder for database and staged data; made where it is missing.
    pub folder: PathBuf,
    /// Which deals are taken, and how they are published.
    pub policy: DealPolicy,
    /// The network's block time.
    pub block_time: Duration,
    /// How often a deal on its way is looked at.
    pub poll: Duration,
    /// Limits of fetching data.
    pub fetch: FetchLimits,
    /// Addresses that publish deals, in order of preference; the worker where none can.
    pub publish_from: Vec<Address>,
    /// Most to be paid for gas of a publish message; zero: the node's default.
    pub max_publish_fee: TokenAmount,
    /// Most to be paid for gas of a deposit into escrow; zero: the node's default.
    pub max_deposit_fee: TokenAmount,
    /// Epochs on top of a publish message before its deals count as published.
    pub confidence: u64,
}

impl ProviderConfig {
    /// Lotus' settings.
    pub fn new(miner: Address, folder: impl Into<PathBuf>, block_time: Duration) -> Self {
        Self {
            miner,
            folder: folder.into(),
            policy: DealPolicy::default(),
            block_time,
            poll: Duration::from_secs(10),
            fetch: FetchLimits::default(),
            publish_from: Vec::new(),
            max_publish_fee: TokenAmount::zero(),
            max_deposit_fee: TokenAmount::zero(),
            confidence: lotus_networks::policy::MESSAGE_CONFIDENCE,
        }
    }
}

/// What the provider needs.
#[derive(Debug, Clone)]
pub struct ProviderDeps {
    /// The full node.
    pub chain: Arc<dyn MarketChain>,
    /// The libp2p host that clients reach.
    pub net: NetService,
    /// Takes pieces into sectors.
    pub sealing: Arc<dyn PieceSealing>,
    /// Where blocks lie in pieces.
    pub index: Arc<PieceIndex>,
}

/// The provider could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderStartError {
    /// Its database cannot be opened.
    #[error(transparent)]
    Store(#[from] DealStoreError),
    /// A protocol has another handler.
    #[error(transparent)]
    Protocol(#[from] RegisterError),
    /// A folder cannot be made.
    #[error("making {folder}")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The first ask cannot be made.
    #[error("making the storage ask: {0}")]
    Ask(#[from] ChainError),
    /// The address is no miner's.
    #[error("{0} is not a storage provider on this network")]
    NoMiner(Address),
}

struct Inner {
    config: ProviderConfig,
    chain: Arc<dyn MarketChain>,
    net: NetService,
    sealing: Arc<dyn PieceSealing>,
    index: Arc<PieceIndex>,
    store: DealStore<ProviderDeal>,
    /// The settings that commands change.
    policy: Mutex<DealPolicy>,
    /// Deals to be gone on with.
    started: mpsc::UnboundedSender<Cid>,
    queue: Queue,
    /// Held while escrow is filled, so that deals do not count on the same FIL.
    funds: tokio::sync::Mutex<()>,
    /// Held while a proposal is decided on, so that two cannot take the same room.
    deciding: tokio::sync::Mutex<()>,
    transfers: Semaphore,
}

/// Cloneable front of the provider. Implements the API's
/// [`MinerMarketApi`](lotus_rpc_api::miner::MinerMarketApi),
/// [`DealsApi`](lotus_rpc_api::miner::DealsApi) and
/// [`PiecesApi`](lotus_rpc_api::miner::PiecesApi).
#[derive(Clone)]
pub struct MarketProvider(Arc<Inner>);

impl fmt::Debug for MarketProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MarketProvider({})", self.0.config.miner)
    }
}

impl MarketProvider {
    /// Opens the database, makes the first ask where there is none, registers the protocols; returns
    /// the handle and the future that the supervisor runs until `stop`. Deals on their way are gone on
    /// with.
    ///
    /// # Errors
    /// [`ProviderStartError`].
    pub async fn start(
        config: ProviderConfig,
        deps: ProviderDeps,
        stop: CancellationToken,
    ) -> Result<(Self, impl Future<Output = ()> + Send), ProviderStartError> {
        let folder = config.folder.join(STAGING);
        std::fs::create_dir_all(&folder)
            .map_err(|source| ProviderStartError::Folder { folder, source })?;
        let store = DealStore::open(&config.folder.join(DATABASE))?;
        let (started, inbox) = mpsc::unbounded_channel();
        let policy = settings::load(&store, &config.policy)?;
        let transfers = config.policy.simultaneous_transfers.max(1);
        let provider = Self(Arc::new(Inner {
            policy: Mutex::new(policy),
            transfers: Semaphore::new(transfers.min(Semaphore::MAX_PERMITS)),
            chain: deps.chain,
            net: deps.net,
            sealing: deps.sealing,
            index: deps.index,
            queue: Queue::default(),
            funds: tokio::sync::Mutex::new(()),
            deciding: tokio::sync::Mutex::new(()),
            config,
            store,
            started,
        }));
        provider.ensure_ask().await?;
        let streams = streams::Streams::register(&provider.0.net)?;
        Ok((provider.clone(), provider.run(streams, inbox, stop)))
    }

    async fn run(
        self,
        streams: streams::Streams,
        inbox: mpsc::UnboundedReceiver<Cid>,
        stop: CancellationToken,
    ) {
        let work = async {
            tokio::join!(
                self.answer_streams(streams),
                self.follow_all(inbox),
                self.publish_batches(),
            )
        };
        stop.run_until_cancelled(work).await;
    }

    /// Walks all deals, each in one future at a time.
    async fn follow_all(&self, mut inbox: mpsc::UnboundedReceiver<Cid>) {
        let mut running: FuturesUnordered<BoxFuture<'_, Cid>> = FuturesUnordered::new();
        // Deals in `running`; true where one was started again meanwhile.
        let mut known = std::collections::BTreeMap::new();
        match self.0.store.all() {
            Ok(deals) => {
                for deal in deals.iter().filter(|deal| !deal.state.is_final()) {
                    known.insert(deal.proposal_cid, false);
                    running.push(Box::pin(self.follow(deal.proposal_cid)));
                }
            }
            Err(error) => tracing::error!(%error, "deals of earlier runs are not gone on with"),
        }
        loop {
            tokio::select! {
                started = inbox.recv() => {
                    let Some(deal) = started else { return };
                    let again = known.insert(deal, false).is_some();
                    if again {
                        known.insert(deal, true);
                    } else {
                        running.push(Box::pin(self.follow(deal)));
                    }
                }
                Some(deal) = running.next(), if !running.is_empty() => {
                    if known.remove(&deal) == Some(true) {
                        known.insert(deal, false);
                        running.push(Box::pin(self.follow(deal)));
                    }
                }
            }
        }
    }

    /// Goes on with a deal.
    fn resume(&self, deal: Cid) {
        // When the task is gone the deal is gone on with at the next start.
        let _ = self.0.started.send(deal);
    }
}
