//! The sections that this suite uses, as types.
//!
//! Field by field the keys of the schema; defaults live there alone, so these types have none.

use std::{fmt, ops::Deref};

use lotus_types::TokenAmount;
use serde::{Deserialize, Deserializer, de};

use super::GoDuration;

/// An amount as the file has it: `"0.07 FIL"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fil(pub TokenAmount);

impl Deref for Fil {
    type Target = TokenAmount;
    fn deref(&self) -> &TokenAmount {
        &self.0
    }
}

impl fmt::Display for Fil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Fil {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map(Self)
            .map_err(de::Error::custom)
    }
}

/// `[API]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApiConfig {
    /// Where the API listens, as a multiaddr.
    pub listen_address: String,
    /// Address under which others reach this API; written into links that are handed to them.
    pub remote_listen_address: String,
    /// Longest time that one API call may take to be read and answered over HTTP.
    pub timeout: GoDuration,
}

/// `[Libp2p]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Libp2pConfig {
    /// Multiaddrs to listen on; port 0 picks a free one at each start.
    pub listen_addresses: Vec<String>,
    /// Multiaddrs told to peers instead of the listen addresses, for a node behind a forwarded port.
    pub announce_addresses: Vec<String>,
    /// Multiaddrs never told to peers.
    pub no_announce_addresses: Vec<String>,
    /// Do not ask the router to forward a port.
    pub disable_nat_port_map: bool,
    /// Connections that are kept when too many are open.
    pub conn_mgr_low: u64,
    /// Open connections above which some are closed.
    pub conn_mgr_high: u64,
    /// A connection younger than this is never closed for being one too many.
    pub conn_mgr_grace: GoDuration,
}

/// `[Client]` of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClientConfig {
    /// Keep imported files in an external IPFS node.
    pub use_ipfs: bool,
    /// Let that IPFS node fetch from its peers.
    pub ipfs_online_mode: bool,
    /// Multiaddr of that IPFS node.
    pub ipfs_m_addr: String,
    /// Put retrieved files into that IPFS node.
    pub ipfs_use_for_retrieval: bool,
    /// Storage transfers that run at once; more wait.
    pub simultaneous_transfers_for_storage: u64,
    /// Retrieval transfers that run at once; more wait.
    pub simultaneous_transfers_for_retrieval: u64,
    /// Never pay on chain for a retrieval.
    pub off_chain_retrieval: bool,
}

/// `[Wallet]` of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WalletConfig {
    /// API address (token:multiaddr) of a lotus-wallet that holds the keys.
    pub remote_backend: String,
    /// Use keys of a connected Ledger device.
    pub enable_ledger: bool,
    /// Hold no keys in this repo's keystore.
    pub disable_local: bool,
}

/// `[Fees]` of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DaemonFees {
    /// Most that a message may cost in fees when its sender sets no limit.
    pub default_max_fee: Fil,
}

/// `[Subsystems]` of the miner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubsystemsConfig {
    /// Make blocks and submit proofs.
    pub enable_mining: bool,
    /// Run the sealing pipeline.
    pub enable_sealing: bool,
    /// Keep the index of sector files and serve them.
    pub enable_sector_storage: bool,
    /// Take storage and retrieval deals.
    pub enable_markets: bool,
    /// Where the sealing process is when it is another one (token:multiaddr).
    pub sealer_api_info: String,
    /// Where the sector index is when it is in another process (token:multiaddr).
    pub sector_index_api_info: String,
}

/// `[Dealmaking]` of the miner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DealmakingConfig {
    /// Take deals whose data comes over the network.
    pub consider_online_storage_deals: bool,
    /// Take deals whose data is imported by hand.
    pub consider_offline_storage_deals: bool,
    /// Serve retrievals over the network.
    pub consider_online_retrieval_deals: bool,
    /// Serve retrievals arranged by hand.
    pub consider_offline_retrieval_deals: bool,
    /// Take deals with verified data.
    pub consider_verified_storage_deals: bool,
    /// Take deals with data that is not verified.
    pub consider_unverified_storage_deals: bool,
    /// Pieces that are never taken.
    pub piece_cid_blocklist: Vec<String>,
    /// Time that sealing takes; a deal that starts earlier is refused.
    pub expected_seal_duration: GoDuration,
    /// Latest start of a deal, from now.
    pub max_deal_start_delay: GoDuration,
    /// How long accepted deals wait to be published together in one message.
    pub publish_msg_period: GoDuration,
    /// Deals in one publish message; reaching it ends the wait.
    pub max_deals_per_publish_msg: u64,
    /// Most collateral that is put up, as a multiple of the network's minimum.
    pub max_provider_collateral_multiplier: u64,
    /// Bytes of deal data that may wait for sealing; 0 means no limit.
    pub max_staging_deals_bytes: i64,
    /// Storage transfers that run at once.
    pub simultaneous_transfers_for_storage: u64,
    /// Storage transfers that run at once for one client; 0 means no limit.
    pub simultaneous_transfers_for_storage_per_client: u64,
    /// Retrieval transfers that run at once.
    pub simultaneous_transfers_for_retrieval: u64,
    /// Epochs before a deal's start in which its sector must be full.
    pub start_epoch_sealing_buffer: u64,
    /// Command asked about each storage deal: JSON on stdin, exit code 0 accepts.
    pub filter: String,
    /// Command asked about each retrieval: JSON on stdin, exit code 0 accepts.
    pub retrieval_filter: String,
}

/// `[Proving]` of the miner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProvingConfig {
    /// Sectors checked at once before a proof.
    pub parallel_check_limit: i64,
    /// Longest check of one sector; a slower one counts as faulty.
    pub single_check_timeout: GoDuration,
    /// Longest check of a partition; sectors not checked by then are left out.
    pub partition_check_timeout: GoDuration,
    /// Leave WindowPoSt to workers.
    #[serde(rename = "DisableBuiltinWindowPoSt")]
    pub disable_builtin_window_post: bool,
    /// Leave WinningPoSt to workers.
    #[serde(rename = "DisableBuiltinWinningPoSt")]
    pub disable_builtin_winning_post: bool,
    /// Do not check sectors before proving them.
    #[serde(rename = "DisableWDPoStPreChecks")]
    pub disable_wd_post_pre_checks: bool,
    /// Partitions in one proof message; 0 means the network's limit.
    #[serde(rename = "MaxPartitionsPerPoStMessage")]
    pub max_partitions_per_post_message: i64,
    /// Partitions in one recovery message; 0 means the network's limit.
    pub max_partitions_per_recovery_message: i64,
    /// Prove recovering partitions one by one.
    pub single_recovering_partition_per_post_message: bool,
}

/// `[Sealing]` of the miner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SealingConfig {
    /// Sectors that may wait for deals at once.
    pub max_wait_deals_sectors: u64,
    /// Sectors that may be sealed at once, committed capacity included; 0 means no limit.
    pub max_sealing_sectors: u64,
    /// Sectors with deals that may be sealed at once; 0 means no limit.
    pub max_sealing_sectors_for_deals: u64,
    /// Put deals into new sectors before upgrading existing ones.
    pub prefer_new_sectors_for_deals: bool,
    /// Sectors that may be upgraded at once; 0 means as many as are sealed.
    pub max_upgrading_sectors: u64,
    /// A sector is upgraded only when it lives at least this many epochs more.
    pub min_upgrade_sector_expiration: u64,
    /// Upgrade sectors that expire after this many epochs first.
    pub min_target_upgrade_sector_expiration: u64,
    /// Lifetime of a sector without deals.
    pub committed_capacity_sector_lifetime: GoDuration,
    /// How long a sector waits for more deals before it is sealed.
    pub wait_deals_delay: GoDuration,
    /// Keep the unsealed data even when no deal asks for fast retrieval.
    pub always_keep_unsealed_copy: bool,
    /// Move a sector to long-term storage before its proof is on chain.
    pub finalize_early: bool,
    /// Open new sectors for deals.
    pub make_new_sector_for_deals: bool,
    /// Mark finished sectors without deals as ready for an upgrade.
    #[serde(rename = "MakeCCSectorsAvailable")]
    pub make_cc_sectors_available: bool,
    /// Take collateral from the miner actor's balance first.
    pub collateral_from_miner_balance: bool,
    /// Balance of the miner actor that is never used for collateral.
    pub available_balance_buffer: Fil,
    /// Never take collateral from the sender when the miner actor has too little.
    pub disable_collateral_fallback: bool,
    /// Send pre-commits of several sectors in one message.
    pub batch_pre_commits: bool,
    /// Sectors in one pre-commit message.
    pub max_pre_commit_batch: i64,
    /// How long a pre-commit waits for others.
    pub pre_commit_batch_wait: GoDuration,
    /// A batch is sent this long before its first sector would be too late.
    pub pre_commit_batch_slack: GoDuration,
    /// Send proofs of several sectors in one aggregate.
    pub aggregate_commits: bool,
    /// Fewer proofs than this are sent one by one.
    pub min_commit_batch: i64,
    /// Proofs in one aggregate.
    pub max_commit_batch: i64,
    /// How long a proof waits for others.
    pub commit_batch_wait: GoDuration,
    /// An aggregate is sent this long before its first sector would be too late.
    pub commit_batch_slack: GoDuration,
    /// Below this base fee pre-commits go one by one.
    pub batch_pre_commit_above_base_fee: Fil,
    /// Below this base fee proofs go one by one.
    pub aggregate_above_base_fee: Fil,
    /// Sectors in one termination message.
    pub terminate_batch_max: u64,
    /// Terminations that are worth a message.
    pub terminate_batch_min: u64,
    /// How long a termination waits for others.
    pub terminate_batch_wait: GoDuration,
}

/// `[Storage]` of the miner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StorageConfig {
    /// Sector files fetched at once.
    pub parallel_fetch_limit: i64,
    /// This process may fetch sector data.
    pub allow_sector_download: bool,
    /// This process may run AddPiece.
    pub allow_add_piece: bool,
    /// This process may run PreCommit1.
    pub allow_pre_commit1: bool,
    /// This process may run PreCommit2.
    pub allow_pre_commit2: bool,
    /// This process may run Commit2.
    pub allow_commit: bool,
    /// This process may unseal.
    pub allow_unseal: bool,
    /// This process may run ReplicaUpdate.
    pub allow_replica_update: bool,
    /// This process may run ProveReplicaUpdate2.
    pub allow_prove_replica_update2: bool,
    /// This process may regenerate sector keys.
    pub allow_regen_sector_key: bool,
    /// Name of this process in lists of workers; empty means the host's name.
    pub local_worker_name: String,
    /// How tasks are given to workers: `utilization` or `spread`.
    pub assigner: String,
    /// Finalize a sector only where its files are.
    pub disallow_remote_finalize: bool,
    /// What workers must have free: `hardware` or `disabled`.
    pub resource_filtering: String,
}

/// `[Fees]` of the miner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MinerFees {
    /// Most that a pre-commit may cost.
    pub max_pre_commit_gas_fee: Fil,
    /// Most that a proof of replication may cost.
    pub max_commit_gas_fee: Fil,
    /// Most that a termination may cost.
    pub max_terminate_gas_fee: Fil,
    /// Most that a WindowPoSt may cost; high, since a missed one costs more.
    #[serde(rename = "MaxWindowPoStGasFee")]
    pub max_window_post_gas_fee: Fil,
    /// Most that publishing deals may cost.
    pub max_publish_deals_fee: Fil,
    /// Most that adding to the market balance may cost.
    pub max_market_balance_add_fee: Fil,
    /// Most that a batch of pre-commits may cost.
    pub max_pre_commit_batch_gas_fee: BatchFee,
    /// Most that an aggregate may cost.
    pub max_commit_batch_gas_fee: BatchFee,
}

/// A limit that grows with the batch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchFee {
    /// Most that a batch may cost, apart from its sectors.
    pub base: Fil,
    /// What each sector of a batch adds to that.
    pub per_sector: Fil,
}

/// `[Addresses]` of the miner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddressesConfig {
    /// Addresses that send pre-commits.
    pub pre_commit_control: Vec<String>,
    /// Addresses that send proofs of replication.
    pub commit_control: Vec<String>,
    /// Addresses that send terminations.
    pub terminate_control: Vec<String>,
    /// Addresses that publish deals.
    pub deal_publish_control: Vec<String>,
    /// Never send from the owner when control addresses have no funds.
    pub disable_owner_fallback: bool,
    /// Never send from the worker when control addresses have no funds.
    pub disable_worker_fallback: bool,
}

/// `config.toml` of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FullNodeConfig {
    /// `[API]`
    #[serde(rename = "API")]
    pub api: ApiConfig,
    /// `[Libp2p]`
    pub libp2p: Libp2pConfig,
    /// `[Client]`
    pub client: ClientConfig,
    /// `[Wallet]`
    pub wallet: WalletConfig,
    /// `[Fees]`
    pub fees: DaemonFees,
}

/// `config.toml` of the miner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MinerConfig {
    /// `[API]`
    #[serde(rename = "API")]
    pub api: ApiConfig,
    /// `[Libp2p]`
    pub libp2p: Libp2pConfig,
    /// `[Subsystems]`
    pub subsystems: SubsystemsConfig,
    /// `[Dealmaking]`
    pub dealmaking: DealmakingConfig,
    /// `[Proving]`
    pub proving: ProvingConfig,
    /// `[Sealing]`
    pub sealing: SealingConfig,
    /// `[Storage]`
    pub storage: StorageConfig,
    /// `[Fees]`
    pub fees: MinerFees,
    /// `[Addresses]`
    pub addresses: AddressesConfig,
}
