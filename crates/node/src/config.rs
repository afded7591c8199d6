//! What a node is made of: everything that differs between a daemon and a node inside a test.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use lotus_blockstore::{MemoryMetadata, MetadataStore, SharedBlockstore};
use lotus_net::{HostKey, NetConfig};
use lotus_networks::Network;
use lotus_ports::{
    beacon::BeaconSchedule,
    clock::Clock,
    keystore::{KeyStore, MemoryKeyStore},
    proofs::Verifier,
    vm::Vm,
};
use lotus_rpc::JwtSecret;
use lotus_runtime::{alerts::Alerts, logging::LogHandle};
pub use lotus_runtime::{
    clock::system_clock,
    version::{agent, version},
};
use lotus_types::{Cid, TokenAmount};

use crate::{BackupPlace, Wallets};

/// Where the market client keeps and serves its data.
#[derive(Debug, Clone)]
pub struct ClientPlace {
    /// Folder for imports, deals and retrieved data: the repo.
    pub folder: PathBuf,
    /// Where providers fetch deals' data; `None`: a port of this machine, kept over restarts.
    pub listen: Option<SocketAddr>,
    /// Base URL that providers are told, where it is not the listener's own address.
    pub announce: Option<String>,
}

/// Where a node keeps the chain.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Blocks of data: headers, messages, state.
    pub blocks: SharedBlockstore,
    /// What is known by name: head, genesis, settings.
    pub metadata: Arc<dyn MetadataStore>,
}

impl Stores {
    /// Stores in memory, for tests.
    pub fn memory() -> Self {
        Self {
            blocks: SharedBlockstore::memory(),
            metadata: Arc::new(MemoryMetadata::new()),
        }
    }
}

/// What a full node is made of. The stores must have a genesis
/// ([`ensure_genesis`](crate::ensure_genesis)).
pub struct FullNodeConfig {
    /// The network's rules.
    pub network: Arc<Network>,
    /// The chain's place.
    pub stores: Stores,
    /// The VM of this process.
    pub vm: Arc<dyn Vm>,
    /// Checks proofs.
    pub verifier: Arc<dyn Verifier>,
    /// Public randomness.
    pub beacons: BeaconSchedule,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The wallet's keys.
    pub keys: Arc<dyn KeyStore>,
    /// Wallets beside the one of these keys.
    pub wallets: Wallets,
    /// The node's libp2p identity.
    pub host_key: HostKey,
    /// Listening addresses, bootstrap peers, limits.
    pub net: NetConfig,
    /// Makes API tokens.
    pub jwt: JwtSecret,
    /// Log levels that the API may change; `None` when the process does not let it.
    pub log: Option<LogHandle>,
    /// The actor bundle's manifest, when it is known.
    pub actors_manifest: Option<Cid>,
    /// Peers that must have told their head before the node chooses one. Default: the network's.
    pub bootstrap_threshold: usize,
    /// How often pending local messages are gossiped again. Lotus: 10 epochs and propagation delay.
    pub republish_interval: Duration,
    /// The most that a message may cost in fees when its sender says nothing (`[Fees] DefaultMaxFee`).
    pub default_max_fee: TokenAmount,
    /// The market client; `None`: its methods answer "not supported".
    pub client: Option<ClientPlace>,
    /// Where alerts are raised.
    pub alerts: Alerts,
    /// What a backup holds beside the stores' metadata, and where callers may have it written.
    pub backup: BackupPlace,
    /// Nothing is taken out of the stores, whoever asks: they belong to somebody else.
    pub read_only: bool,
}

impl std::fmt::Debug for FullNodeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FullNodeConfig")
            .field("network", &self.network.name)
            .field("net", &self.net)
            .finish_non_exhaustive()
    }
}

impl FullNodeConfig {
    /// A node in memory on the given network: fresh stores, keys and identity, listening on a free
    /// port of this machine only, connecting to nobody.
    pub fn in_memory(
        network: Network,
        vm: Arc<dyn Vm>,
        verifier: Arc<dyn Verifier>,
        beacons: BeaconSchedule,
    ) -> Self {
        let mut net = NetConfig::new(network.name.clone(), agent());
        net.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
        Self {
            republish_interval: republish_interval(&network),
            default_max_fee: default_max_fee(),
            client: None,
            alerts: Alerts::default(),
            backup: BackupPlace::default(),
            read_only: false,
            network: Arc::new(network),
            stores: Stores::memory(),
            vm,
            verifier,
            beacons,
            clock: system_clock(),
            keys: Arc::new(MemoryKeyStore::new()),
            wallets: Wallets::default(),
            host_key: HostKey::generate(),
            net,
            jwt: JwtSecret::generate(),
            log: None,
            actors_manifest: None,
            bootstrap_threshold: 0,
        }
    }
}

/// Lotus' default of `[Fees] DefaultMaxFee`: 0.07 FIL.
pub fn default_max_fee() -> TokenAmount {
    TokenAmount::from_atto(70_000_000_000_000_000_i64)
}

/// Lotus' interval between two gossips of a pending message.
pub fn republish_interval(network: &Network) -> Duration {
    Duration::from_secs(network.block_delay_secs * 10 + network.propagation_delay_secs)
}
