//! What a storage provider is made of, and what its settings mean to its services.

mod settings;

use std::{fmt, path::Path, path::PathBuf, sync::Arc};

use lotus_net::{HostKey, NetConfig};
use lotus_networks::Network;
use lotus_ports::{
    clock::Clock,
    proofs::{Prover, Verifier},
};
use lotus_proving::winning::{SlashError, SlashFilter};
use lotus_rpc::JwtSecret;
use lotus_rpc_api::full::FullNode;
use lotus_runtime::{alerts::Alerts, config::MinerConfig, logging::LogHandle};
use lotus_sealer::{SealError, calls::CallStore, resources::Table};
use lotus_sealing::{SectorStore, StoreError};
use lotus_types::ActorId;

pub use settings::{
    AddressError, address_config, local_tasks, mining_config, sealing_config, sealing_policy,
    senders, window_config,
};

/// Why a database of the provider cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The folder cannot be made.
    #[error("making {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The sectors.
    #[error("opening the sectors' database")]
    Sectors(#[from] StoreError),
    /// Work and calls.
    #[error("opening the record of calls")]
    Calls(#[from] SealError),
    /// Own blocks.
    #[error("opening the record of own blocks")]
    Blocks(#[from] SlashError),
}

/// What the provider keeps over restarts, apart from sector files.
#[derive(Debug)]
pub struct Databases {
    /// Sectors and their stories.
    pub sectors: SectorStore,
    /// Work given to workers.
    pub work: CallStore,
    /// Calls of the worker in this process.
    pub calls: CallStore,
    /// Own blocks.
    pub blocks: SlashFilter,
}

impl Databases {
    /// Opens the databases in `folder`, and makes those that are not there.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub fn open(folder: &Path) -> Result<Self, DatabaseError> {
        std::fs::create_dir_all(folder).map_err(|source| DatabaseError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            sectors: SectorStore::open(&folder.join("sectors.db"))?,
            work: CallStore::open(&folder.join("work.db"))?,
            calls: CallStore::open(&folder.join("calls.db"))?,
            blocks: SlashFilter::open(&folder.join("blocks.db"))?,
        })
    }

    /// Databases that are gone when they are dropped, for tests.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub fn in_memory() -> Result<Self, DatabaseError> {
        Ok(Self {
            sectors: SectorStore::in_memory()?,
            work: CallStore::in_memory()?,
            calls: CallStore::in_memory()?,
            blocks: SlashFilter::in_memory()?,
        })
    }
}

/// What a storage provider is made of: all that differs between a process and a test.
pub struct StorageNodeConfig {
    /// The miner's actor.
    pub miner: ActorId,
    /// The network's rules.
    pub network: Arc<Network>,
    /// The full node, in this process or elsewhere.
    pub node: Arc<dyn FullNode>,
    /// `config.toml`, environment and defaults.
    pub settings: MinerConfig,
    /// What is kept over restarts.
    pub databases: Databases,
    /// Directories of the own storage paths.
    pub storage_paths: Vec<PathBuf>,
    /// `storage.json`, where paths that are attached later are written down; `None`: nowhere.
    pub storage_file: Option<PathBuf>,
    /// Seals and proves in this process.
    pub prover: Arc<dyn Prover>,
    /// Checks proofs before they are sent; `None` to trust the workers.
    pub verifier: Option<Arc<dyn Verifier>>,
    /// What tasks need of the worker in this process.
    pub resources: Table,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The libp2p identity.
    pub host_key: HostKey,
    /// Listening addresses and limits of the libp2p host.
    pub net: NetConfig,
    /// Makes API tokens.
    pub jwt: JwtSecret,
    /// Log levels that the API may change; `None` when the process does not let it.
    pub log: Option<LogHandle>,
    /// Where alerts are raised.
    pub alerts: Alerts,
    /// Under which workers reach this process, such as `http://127.0.0.1:2345`.
    pub url: String,
}

impl fmt::Debug for StorageNodeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageNodeConfig")
            .field("miner", &self.miner)
            .field("network", &self.network.name)
            .field("storage_paths", &self.storage_paths)
            .finish_non_exhaustive()
    }
}
