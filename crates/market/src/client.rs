//! The client's side of storage deals: proposes, serves the data, follows each deal until it is active
//! and beyond.
//!
//! ```text
//!  start_deal ─► ReserveClientFunds ─► ClientFunding ─► FundsReserved ─► StartDataTransfer
//!                                                       (proposes)            │ status protocol
//!  Active ◄─ Sealing ◄─ AwaitingPreCommit ◄─ ProposalAccepted ◄─ CheckForAcceptance ◄─ Transferring
//!     │ chain                                  (published: checked on chain)
//!     └─► Expired, Slashed
//! ```
//!
//! # Invariants
//! - Every step is on disk before the next begins; a restarted client goes on with every deal where it
//!   was, proposes none twice and pays no deposit twice.
//! - What a provider says is believed about its own work only; that a deal is published and active is
//!   read from the chain, and the published proposal is compared with the signed one.
//!
//! # Lotus parity
//! States, their numbers, and the fields of `ClientListDeals` are Lotus'. Data go by HTTP (ADR 0003);
//! a transfer of type `graphsync`, which is what the commands ask for, is taken to mean "over the
//! network".

use std::{
    fmt,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use lotus_net::NetService;
use lotus_types::{Cid, TokenAmount};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::MarketChain,
    deal_store::{DealStore, DealStoreError},
    imports::Imports,
    transfer::server::TransferServer,
    walk::Walk as _,
};

mod api;
mod deal;
mod drive;
mod error;
mod info;
mod start;

use deal::ClientDeal;
pub use error::StartDealError;

/// The database's file.
const DATABASE: &str = "deals.sqlite";

/// How the client works.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Folder for its database; made where it is missing.
    pub folder: PathBuf,
    /// Where providers fetch data. A fixed port: proposals name it, and a restarted client must be
    /// found again.
    pub listen: SocketAddr,
    /// Base URL that providers are told, where it is not the listener's own address.
    pub announce: Option<String>,
    /// The network's block time.
    pub block_time: Duration,
    /// How often a deal on its way is looked at.
    pub poll: Duration,
    /// Most to be paid for gas of a deposit; zero: the node's default.
    pub max_fee: TokenAmount,
}

impl ClientConfig {
    /// The usual settings: a listener on loopback, deals looked at every ten seconds.
    pub fn new(folder: impl Into<PathBuf>, block_time: Duration) -> Self {
        Self {
            folder: folder.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            announce: None,
            block_time,
            poll: Duration::from_secs(10),
            max_fee: TokenAmount::zero(),
        }
    }
}

/// What the client needs.
#[derive(Debug, Clone)]
pub struct ClientDeps {
    /// The full node.
    pub chain: Arc<dyn MarketChain>,
    /// Its libp2p host.
    pub net: NetService,
    /// The data to be stored.
    pub imports: Arc<Imports>,
}

/// The client could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientStartError {
    /// Its database cannot be opened.
    #[error(transparent)]
    Store(#[from] DealStoreError),
    /// A file or socket cannot be had.
    #[error("{what}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        source: std::io::Error,
    },
}

struct Inner {
    config: ClientConfig,
    chain: Arc<dyn MarketChain>,
    net: NetService,
    imports: Arc<Imports>,
    store: DealStore<ClientDeal>,
    server: TransferServer,
    /// Deals to be followed.
    started: mpsc::UnboundedSender<Cid>,
    /// Held while escrow is filled, so that deals do not count on the same FIL.
    funds: tokio::sync::Mutex<()>,
}

/// Cloneable front of the client. Implements [`ClientApi`](lotus_rpc_api::full::ClientApi) for deals
/// and imports.
#[derive(Clone)]
pub struct MarketClient(Arc<Inner>);

impl fmt::Debug for MarketClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MarketClient({})", self.0.config.folder.display())
    }
}

impl MarketClient {
    /// Opens the database and the listener; returns the handle and the future that the supervisor runs
    /// until `stop`. Deals on their way are gone on with.
    ///
    /// # Errors
    /// [`ClientStartError`].
    pub async fn start(
        config: ClientConfig,
        deps: ClientDeps,
        stop: CancellationToken,
    ) -> Result<(Self, impl Future<Output = ()> + Send), ClientStartError> {
        let io = |what: String| move |source| ClientStartError::Io { what, source };
        let folder = &config.folder;
        std::fs::create_dir_all(folder).map_err(io(format!("making {}", folder.display())))?;
        let store = DealStore::open(&folder.join(DATABASE))?;
        let (server, listener) = TransferServer::bind(config.listen, config.announce.clone())
            .await
            .map_err(io(format!(
                "listening on {} for deals' data",
                config.listen
            )))?;
        let (started, inbox) = mpsc::unbounded_channel();
        let client = Self(Arc::new(Inner {
            config,
            chain: deps.chain,
            net: deps.net,
            imports: deps.imports,
            store,
            server,
            started,
            funds: tokio::sync::Mutex::new(()),
        }));
        Ok((client.clone(), client.run(listener, inbox, stop)))
    }

    async fn run(
        self,
        listener: TcpListener,
        mut inbox: mpsc::UnboundedReceiver<Cid>,
        stop: CancellationToken,
    ) {
        let serving = self.0.server.clone().run(listener, stop.clone());
        let following = async {
            let mut deals = FuturesUnordered::new();
            match self.0.store.all() {
                Ok(known) => {
                    let open = known.into_iter().filter(|deal| !deal.state.is_final());
                    deals.extend(open.map(|deal| self.boxed(deal.proposal_cid)));
                }
                Err(error) => tracing::error!(%error, "deals of earlier runs are not followed"),
            }
            loop {
                tokio::select! {
                    started = inbox.recv() => match started {
                        Some(deal) => deals.push(self.boxed(deal)),
                        None => return,
                    },
                    Some(_) = deals.next(), if !deals.is_empty() => {}
                }
            }
        };
        tokio::join!(serving, stop.run_until_cancelled(following));
    }

    fn boxed(&self, deal: Cid) -> futures::future::BoxFuture<'_, Cid> {
        Box::pin(self.follow(deal))
    }
}
