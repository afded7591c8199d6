//! Which deals are taken, and how they are published.

use std::{collections::BTreeSet, time::Duration};

use lotus_runtime::config::DealmakingConfig;
use lotus_types::Cid;
use serde::{Deserialize, Serialize};

/// The settings of `[Dealmaking]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DealPolicy {
    /// What commands may change.
    pub switches: Switches,
    /// Time that sealing takes; a deal that starts earlier is refused.
    pub expected_seal_duration: Duration,
    /// Latest start of a deal, from now.
    pub max_start_delay: Duration,
    /// How long accepted deals wait to be published together.
    pub publish_period: Duration,
    /// Deals in one publish message; reaching it ends the wait.
    pub max_deals_per_message: usize,
    /// Most collateral that is put up, as a multiple of the network's least.
    pub max_collateral_multiplier: u64,
    /// Bytes of data that may wait for sealing; 0: any number.
    pub max_staging_bytes: u64,
    /// Transfers that run at once.
    pub simultaneous_transfers: usize,
    /// Command asked about each deal: JSON on its input, exit code 0 accepts. Empty: none.
    pub filter: String,
}

/// The settings that `storage-deals selection` and `set-blocklist` change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// Take deals whose data comes over the network.
    pub online: bool,
    /// Take deals whose data is imported by hand.
    pub offline: bool,
    /// Serve retrievals over the network.
    pub online_retrieval: bool,
    /// Serve retrievals arranged by hand.
    pub offline_retrieval: bool,
    /// Take deals with DataCap.
    pub verified: bool,
    /// Take deals without DataCap.
    pub unverified: bool,
    /// Pieces that are never taken.
    pub blocklist: BTreeSet<Cid>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            online: true,
            offline: true,
            online_retrieval: true,
            offline_retrieval: true,
            verified: true,
            unverified: true,
            blocklist: BTreeSet::new(),
        }
    }
}

impl Default for DealPolicy {
    /// Lotus' defaults.
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            switches: Switches::default(),
            expected_seal_duration: HOUR * 24,
            max_start_delay: HOUR * 24 * 14,
            publish_period: HOUR,
            max_deals_per_message: 8,
            max_collateral_multiplier: 2,
            max_staging_bytes: 0,
            simultaneous_transfers: 20,
            filter: String::new(),
        }
    }
}

/// An entry of `PieceCidBlocklist` is no CID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[Dealmaking] PieceCidBlocklist: {0}")]
pub struct BlocklistError(#[from] lotus_types::CidError);

impl TryFrom<&DealmakingConfig> for DealPolicy {
    type Error = BlocklistError;

    fn try_from(config: &DealmakingConfig) -> Result<Self, BlocklistError> {
        let blocklist = config.piece_cid_blocklist.iter().map(|cid| cid.parse());
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(Self {
            switches: Switches {
                online: config.consider_online_storage_deals,
                offline: config.consider_offline_storage_deals,
                online_retrieval: config.consider_online_retrieval_deals,
                offline_retrieval: config.consider_offline_retrieval_deals,
                verified: config.consider_verified_storage_deals,
                unverified: config.consider_unverified_storage_deals,
                blocklist: blocklist.collect::<Result<_, _>>()?,
            },
            expected_seal_duration: config.expected_seal_duration.0,
            max_start_delay: config.max_deal_start_delay.0,
            publish_period: config.publish_msg_period.0,
            max_deals_per_message: count(config.max_deals_per_publish_msg).max(1),
            max_collateral_multiplier: config.max_provider_collateral_multiplier,
            max_staging_bytes: u64::try_from(config.max_staging_deals_bytes).unwrap_or(0),
            simultaneous_transfers: count(config.simultaneous_transfers_for_storage),
            filter: config.filter.clone(),
        })
    }
}
