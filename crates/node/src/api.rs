//! The FullNode API over the services of this process.
//!
//! # Invariants
//! - What reads the store, executes or signs runs on a blocking thread; an async method only waits.
//! - "Not there" and "the input is wrong" are told to the caller in Lotus' words where clients test
//!   for them; what went wrong inside is told with its causes.
//!
//! # Lotus parity
//! `node/impl/full`. As there, methods about actors look at the state *before* the tipset's own
//! messages (its `ParentStateRoot`).

mod actors;
mod base58;
mod chain;
mod deals;
mod decode;
mod escrow;
mod fevm;
mod ipld;
mod market_actor;
mod messages;
mod miner_actor;
mod miner_info;
mod mining;
mod mpool;
mod msig;
mod params;
mod paych;
mod pledge;
mod state;
mod sync;
mod trace;
mod wallet;

use std::{
    error::Error,
    fmt,
    sync::{Arc, OnceLock},
};

use lotus_actors::StateTree;
use lotus_blockstore::SharedBlockstore;
use lotus_chain::ChainStore;
use lotus_mpool::Mpool;
use lotus_net::NetService;
use lotus_networks::Network;
use lotus_paych::PaychManager;
use lotus_ports::{beacon::BeaconSchedule, clock::Clock, proofs::Verifier};
use lotus_rpc::Process;
use lotus_rpc_api::{
    RpcError, code,
    node::{CommonApi, HasHost, HasProcess, NetApi},
};
use lotus_runtime::supervisor::Tasks;
use lotus_state::StateManager;
use lotus_sync::ChainSync;
use lotus_types::{ActorId, Address, BlockHeader, Cid, Tipset, TipsetKey, TokenAmount, wire};
use lotus_wallet::MultiWallet;
use serde::Serialize;

use crate::BackupPlace;
pub use deals::ClientServices;
pub(crate) use paych::NodeLedger;

/// What the API's methods call.
pub(crate) struct Services {
    pub(crate) genesis: Arc<BlockHeader>,
    pub(crate) chain: ChainStore,
    pub(crate) states: StateManager,
    pub(crate) network: Arc<Network>,
    pub(crate) beacons: BeaconSchedule,
    pub(crate) verifier: Arc<dyn Verifier>,
    pub(crate) net: NetService,
    pub(crate) mpool: Mpool,
    pub(crate) sync: ChainSync,
    pub(crate) wallet: MultiWallet,
    pub(crate) process: Process,
    pub(crate) actors_manifest: Option<Cid>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: Tasks,
    /// Held from reading a nonce until the message with it is pooled.
    pub(crate) sending: tokio::sync::Mutex<()>,
    /// Held while escrow is looked at and paid into.
    pub(crate) funding: tokio::sync::Mutex<()>,
    /// The most that a message may cost in fees when its sender says nothing.
    pub(crate) default_max_fee: TokenAmount,
    /// What a backup holds beside the metadata, and where it may be written.
    pub(crate) backup: BackupPlace,
    /// Nothing is taken out of the stores.
    pub(crate) read_only: bool,
    /// The market client, once it runs.
    pub(crate) client: OnceLock<ClientServices>,
    /// The payment channels, once they run.
    pub(crate) paych: OnceLock<PaychManager>,
}

/// A full node in this process, as `lotus_rpc_api::full::FullNode`.
#[derive(Clone)]
pub struct FullNodeApi(Arc<Services>);

impl fmt::Debug for FullNodeApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FullNodeApi({})", self.0.network.name)
    }
}

impl HasProcess for FullNodeApi {
    fn process(&self) -> &dyn CommonApi {
        &self.0.process
    }
}

impl HasHost for FullNodeApi {
    fn host(&self) -> &dyn NetApi {
        &self.0.net
    }
}

pub(crate) type Answer<T> = Result<T, RpcError>;

impl FullNodeApi {
    pub(crate) fn new(services: Services) -> Self {
        Self(Arc::new(services))
    }

    /// Puts the market client behind its methods; the first one stays.
    pub(crate) fn set_client(&self, client: ClientServices) {
        // A second client would be a second start: nobody starts one.
        let _ = self.0.client.set(client);
    }

    /// Is anyone connected?
    pub(crate) async fn has_peers(&self) -> bool {
        let peers = self.0.net.peers().await;
        peers.is_ok_and(|peers| !peers.is_empty())
    }

    /// Runs `work` on a blocking thread.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Services) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let services = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || work(&services)).await {
            Ok(answer) => answer,
            Err(died) => Err(RpcError::new(format_args!("a worker thread died: {died}"))),
        }
    }

    /// As [`Self::run`], with the tipset of `key`; when there is none, told as most methods of Lotus do.
    async fn at<T: Send + 'static>(
        &self,
        key: TipsetKey,
        work: impl FnOnce(&Services, Tipset) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.run(move |s| {
            let tipset = s.tipset_named("loading tipset", &key)?;
            work(s, tipset)
        })
        .await
    }
}

impl Services {
    /// The tipset of a key; the head for the empty one.
    fn tipset(&self, key: &TipsetKey) -> Answer<Tipset> {
        if key.is_empty() {
            return self.chain.require_head().told();
        }
        self.given_tipset(key)
    }

    /// As [`Self::tipset`]; a failure says what was being done with which key.
    fn tipset_named(&self, doing: &str, key: &TipsetKey) -> Answer<Tipset> {
        self.tipset(key)
            .map_err(|e| while_doing(&format!("{doing} {key}"), e))
    }

    /// The tipset of a key that must name blocks.
    fn given_tipset(&self, key: &TipsetKey) -> Answer<Tipset> {
        if key.is_empty() {
            let text = "NewTipSet called with zero length array of blocks";
            return Err(RpcError::new(text));
        }
        self.chain.tipset(key).map_err(|e| self.no_tipset(&e))
    }

    /// The state before the tipset's own messages.
    fn tree(&self, tipset: &Tipset) -> Answer<StateTree<'_, SharedBlockstore>> {
        self.states.tree(&tipset.parent_state_root()).told()
    }

    fn store(&self) -> &SharedBlockstore {
        self.states.store()
    }
}

/// The ID address of `address`.
fn id_of(tree: &StateTree<'_, SharedBlockstore>, address: &Address) -> Answer<Address> {
    match tree.lookup_id(address).told()? {
        Some(id) => Ok(Address::new_id(id)),
        None => Err(RpcError::with_code(
            code::ACTOR_NOT_FOUND,
            "actor not found",
        )),
    }
}

/// The number behind `address`.
fn number_of(tree: &StateTree<'_, SharedBlockstore>, address: &Address) -> Answer<ActorId> {
    let id = id_of(tree, address)?;
    id.id().ok_or_else(|| RpcError::new("actor not found"))
}

/// The same failure with what was being done in front; callers still see its code.
fn while_doing(what: &str, error: RpcError) -> RpcError {
    match error.code() {
        Some(code) => RpcError::with_code(code, format_args!("{what}: {error}")),
        None => error,
    }
}

/// Refuses what a caller sent without an address that it needs: it would have no CID.
fn complete<T: Serialize>(noun: &T) -> Answer<()> {
    wire::try_to_cbor(noun).map(drop).told()
}

/// Tells an error with its causes to the caller.
pub(crate) trait Told<T> {
    fn told(self) -> Answer<T>;
}

impl<T, E: Error + 'static> Told<T> for Result<T, E> {
    fn told(self) -> Answer<T> {
        self.map_err(|e| RpcError::from_error(&e))
    }
}

/// For errors that are not [`Error`] themselves (`anyhow`, boxed).
pub(crate) fn told(error: impl fmt::Display) -> RpcError {
    RpcError::new(error)
}
