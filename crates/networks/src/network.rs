//! One network's description.
//!
//! Every process of a network reads the same description: a built-in one, or a `network.toml`
//! (`--network FILE`, `LOTUS_NETWORK`), so that daemon, miner, worker and tools cannot disagree.
//!
//! # Invariants
//! - What is here is consensus-relevant or addresses the network; nothing here is a preference.
//! - An unknown key in the file is an error: a misspelt upgrade height must not pass silently.

use std::path::{Path, PathBuf};

use lotus_types::{BigInt, ChainEpoch, Cid, SectorSize, TokenAmount};
use serde::{Deserialize, Serialize};

use crate::{
    bundles, policy,
    proofs::{MockProofs, Proofs},
};

/// A version of the protocol (17 is "Shark").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetworkVersion(pub u32);

impl NetworkVersion {
    /// Shark: actors v9.
    pub const V17: Self = Self(17);
}

impl std::fmt::Display for NetworkVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A protocol upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upgrade {
    /// The first epoch after which `version` holds: tipsets above it are executed with it.
    pub height: ChainEpoch,
    /// The new version.
    pub version: NetworkVersion,
}

/// The heights of the upgrades that still matter. Those up to Shark lie before genesis on every
/// network that can be made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpgradeHeights {
    /// Liftoff: vesting is counted from here. Default: -6.
    pub liftoff: ChainEpoch,
    /// Shark (network version 17). Default: -20.
    pub shark: ChainEpoch,
}

impl Default for UpgradeHeights {
    fn default() -> Self {
        Self {
            liftoff: -6,
            shark: -20,
        }
    }
}

/// What a drand chain says of itself (`/info`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainInfo {
    /// Public key, in hex.
    pub public_key: String,
    /// Seconds between two rounds.
    pub period: u64,
    /// Unix seconds of round 1.
    pub genesis_time: u64,
    /// Chain hash, in hex.
    pub hash: String,
    /// Hash of the group, in hex.
    #[serde(rename = "groupHash", default)]
    pub group_hash: String,
    /// `pedersen-bls-chained`, `pedersen-bls-unchained` or `bls-unchained-g1-rfc9380`.
    #[serde(rename = "schemeID", default = "default_scheme")]
    pub scheme_id: String,
    /// Name of the beacon.
    #[serde(default)]
    pub metadata: ChainMetadata,
}

fn default_scheme() -> String {
    "pedersen-bls-chained".to_owned()
}

/// The `metadata` of [`ChainInfo`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainMetadata {
    /// `default` or the beacon's name.
    #[serde(rename = "beaconID")]
    pub beacon_id: String,
}

impl Default for ChainMetadata {
    fn default() -> Self {
        Self {
            beacon_id: "default".to_owned(),
        }
    }
}

/// Where a network's randomness comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum BeaconConfig {
    /// entry(round) = blake2b-256(round); round = epoch + 100. For tests: anyone can predict it.
    Mock,
    /// A drand chain.
    Drand {
        /// Servers that are asked, in order.
        #[serde(default)]
        servers: Vec<String>,
        /// The chain that they must serve.
        chain: ChainInfo,
    },
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Name, part of every gossip topic: `localnet-…`. The init actor of the genesis state holds
    /// the same.
    pub name: String,
    /// Addresses print as `f…` (mainnet) instead of `t…`.
    #[serde(default)]
    pub mainnet_addresses: bool,
    /// Seconds of an epoch.
    pub block_delay_secs: u64,
    /// Seconds that a block gets to reach everyone before the next is begun.
    pub propagation_delay_secs: u64,
    /// Seconds that a block's timestamp may lie in the future.
    #[serde(default = "default_clock_drift")]
    pub allowable_clock_drift_secs: u64,
    /// Upgrade heights.
    #[serde(default)]
    pub upgrades: UpgradeHeights,
    /// The VM charges for and prints debug logs of actors: consensus-relevant.
    #[serde(default)]
    pub actor_debugging: bool,
    /// CID of the actor bundle's manifest (actors v9).
    #[serde(default, with = "cid_text", skip_serializing_if = "Option::is_none")]
    pub actors_manifest: Option<Cid>,
    /// CID of the genesis block; none before it is made.
    #[serde(default, with = "cid_text", skip_serializing_if = "Option::is_none")]
    pub genesis: Option<Cid>,
    /// Randomness.
    pub beacon: BeaconConfig,
    /// Least power with which a miner may mine alone of others, in bytes.
    pub consensus_miner_min_power: u64,
    /// Sector sizes that can be sealed, in bytes.
    pub sector_sizes: Vec<SectorSize>,
    /// Epochs between a pre-commit and its challenge.
    pub pre_commit_challenge_delay: ChainEpoch,
    /// Peers needed before a node follows the network.
    #[serde(default = "default_bootstrap_threshold")]
    pub bootstrap_peer_threshold: usize,
    /// Multiaddrs of peers to begin with.
    #[serde(default)]
    pub bootstrap_peers: Vec<String>,
    /// How long mock proofs take. Only where the actors take such ([`Network::proofs`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mock_proofs: Option<MockProofs>,
}

fn default_clock_drift() -> u64 {
    1
}

fn default_bootstrap_threshold() -> usize {
    1
}

/// CIDs as plain text: a file for people does not need the JSON form's wrapping.
mod cid_text {
    use lotus_types::Cid;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(cid: &Option<Cid>, s: S) -> Result<S::Ok, S::Error> {
        match cid {
            Some(cid) => s.collect_str(cid),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Cid>, D::Error> {
        let text = Option::<String>::deserialize(d)?;
        text.map(|t| t.parse().map_err(de::Error::custom))
            .transpose()
    }
}

/// Why a network description cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The file cannot be read.
    #[error("cannot read the network description {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no network description.
    #[error("{path} is not a network description: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
}

impl Network {
    /// A 2 KiB network as Lotus' `make 2k` build has it, with the mock beacon; callers set name,
    /// block delay, beacon, bundle and genesis.
    pub fn devnet(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            mainnet_addresses: false,
            block_delay_secs: 4,
            propagation_delay_secs: 1,
            allowable_clock_drift_secs: default_clock_drift(),
            upgrades: UpgradeHeights::default(),
            actor_debugging: true,
            actors_manifest: None,
            genesis: None,
            beacon: BeaconConfig::Mock,
            consensus_miner_min_power: 2048,
            sector_sizes: vec![2 << 10, 8 << 20],
            pre_commit_challenge_delay: 10,
            bootstrap_peer_threshold: default_bootstrap_threshold(),
            bootstrap_peers: Vec::new(),
            mock_proofs: None,
        }
    }

    /// Reads a `network.toml`.
    ///
    /// # Errors
    /// [`NetworkError`], naming the file and the place in it.
    pub fn load(path: &Path) -> Result<Self, NetworkError> {
        let text = std::fs::read_to_string(path).map_err(|source| NetworkError::Read {
            path: path.to_owned(),
            source,
        })?;
        let malformed = |reason: String| NetworkError::Malformed {
            path: path.to_owned(),
            reason,
        };
        let network: Self = toml::from_str(&text).map_err(|e| malformed(e.to_string()))?;
        if network.block_delay_secs == 0 {
            return Err(malformed("block_delay_secs must be at least 1".to_owned()));
        }
        if network.mock_proofs.is_some() && !network.proofs().are_mock() {
            return Err(malformed(format!(
                "[mock_proofs]: only a network with the actors {} takes mock proofs, see \
                 actors_manifest",
                bundles::TESTING_FAKE_PROOFS
            )));
        }
        Ok(network)
    }

    /// Which proofs it takes: mock ones if its actors do, and only then.
    pub fn proofs(&self) -> Proofs {
        if self.actors_manifest == Some(bundles::testing_fake_proofs()) {
            Proofs::Mock(self.mock_proofs.unwrap_or_default())
        } else {
            Proofs::Real
        }
    }

    /// The text of a `network.toml`.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a network description has only TOML values")
    }

    /// The version with which tipsets of `height` are executed.
    pub fn version_at(&self, _height: ChainEpoch) -> NetworkVersion {
        // Every network here begins at version 17 and nothing is scheduled after it.
        NetworkVersion::V17
    }

    /// Unix seconds at which an epoch begins, given the genesis timestamp.
    pub fn epoch_time(&self, genesis_timestamp: u64, epoch: ChainEpoch) -> u64 {
        let epoch = u64::try_from(epoch).unwrap_or_default();
        genesis_timestamp.saturating_add(epoch.saturating_mul(self.block_delay_secs))
    }

    /// The base fee of genesis.
    pub fn initial_base_fee() -> TokenAmount {
        TokenAmount::from_atto(policy::INITIAL_BASE_FEE)
    }

    /// [`Network::consensus_miner_min_power`] as the number that power is counted in.
    pub fn min_power(&self) -> BigInt {
        BigInt::from(self.consensus_miner_min_power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_through_toml_unchanged() {
        let network = Network {
            genesis: Some(Cid::of_block(b"genesis")),
            ..Network::devnet("localnet-1")
        };
        let read: Network = toml::from_str(&network.to_toml()).expect("reads back");
        assert_eq!(read, network);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let text = format!("upgrade_sharkk = 3\n{}", Network::devnet("x").to_toml());
        let err = toml::from_str::<Network>(&text).expect_err("misspelt");
        assert!(err.to_string().contains("upgrade_sharkk"), "{err}");
    }

    mod mock_proofs {
        use super::*;

        const SLOW: MockProofs = MockProofs {
            pre_commit1_ms: 10,
            pre_commit2_ms: 20,
            commit2_ms: 30,
            winning_post_ms: 0,
            window_post_ms: 0,
        };

        fn with_actors(actors: Option<Cid>) -> Network {
            Network {
                actors_manifest: actors,
                mock_proofs: Some(SLOW),
                ..Network::devnet("localnet-1")
            }
        }

        fn loaded(name: &str, network: &Network) -> Result<Network, NetworkError> {
            let file = format!("lotus-networks-{}-{name}.toml", std::process::id());
            let path = std::env::temp_dir().join(file);
            std::fs::write(&path, network.to_toml()).expect("writes");
            let loaded = Network::load(&path);
            std::fs::remove_file(&path).expect("removes");
            loaded
        }

        #[test]
        fn are_taken_where_the_actors_take_them() {
            let fake = with_actors(Some(bundles::testing_fake_proofs()));
            let read = loaded("fake", &fake).expect("a description");
            assert_eq!(read.proofs(), Proofs::Mock(SLOW));
            let silent = Network {
                mock_proofs: None,
                ..fake
            };
            assert_eq!(silent.proofs(), Proofs::Mock(MockProofs::default()));
        }

        #[test]
        fn are_taken_by_no_other_network_whatever_its_description_says() {
            for actors in [None, Some(bundles::devnet()), Some(Cid::of_block(b"other"))] {
                let network = with_actors(actors);
                assert_eq!(network.proofs(), Proofs::Real, "{actors:?}");
                let refused = loaded("real", &network).expect_err("says mock_proofs");
                assert!(refused.to_string().contains("mock_proofs"), "{refused}");
            }
        }
    }
}
