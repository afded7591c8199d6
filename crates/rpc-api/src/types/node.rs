//! What every process can say of itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::go::Time;

/// The version of a program and of the API that it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApiVersion {
    /// Of the program, with the network it was built for: `1.27.0+2k`.
    pub version: String,
    /// Of the API: major, minor and patch in one byte each.
    #[serde(rename = "APIVersion")]
    pub api_version: u32,
    /// Seconds between blocks.
    pub block_delay: u64,
}

impl ApiVersion {
    /// Full node, v0 (1.5.0).
    pub const FULL_V0: u32 = version(1, 5, 0);
    /// Full node, v1 (2.3.0).
    pub const FULL_V1: u32 = version(2, 3, 0);
    /// Miner (1.5.0).
    pub const MINER: u32 = version(1, 5, 0);
    /// Worker (1.7.0); its `Version` method answers this number alone.
    pub const WORKER: u32 = version(1, 7, 0);

    /// The API version in dotted form.
    pub fn api_text(&self) -> String {
        let v = self.api_version;
        format!("{}.{}.{}", (v >> 16) & 0xff, (v >> 8) & 0xff, v & 0xff)
    }

    /// Same major and minor? Go clients refuse to work with another one.
    pub const fn is_compatible(&self, api_version: u32) -> bool {
        self.api_version >> 8 == api_version >> 8
    }
}

const fn version(major: u32, minor: u32, patch: u32) -> u32 {
    (major << 16) | (minor << 8) | patch
}

/// What an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AlertType {
    /// Part of the program.
    pub system: String,
    /// Part of that part.
    pub subsystem: String,
}

/// An alert going on or off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AlertEvent {
    /// `raised` or `resolved`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Details.
    pub message: Value,
    /// When.
    pub time: Time,
}

/// Something that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alert {
    /// What it is about.
    #[serde(rename = "Type")]
    pub kind: AlertType,
    /// Is it on?
    pub active: bool,
    /// Last time it went on.
    pub last_active: Option<AlertEvent>,
    /// Last time it went off.
    pub last_resolved: Option<AlertEvent>,
}

/// How a full node does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeStatus {
    /// Its chain.
    pub sync_status: NodeSyncStatus,
    /// Its peers.
    pub peer_status: NodePeerStatus,
    /// How full tipsets are.
    pub chain_status: NodeChainStatus,
}

/// How far a node is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeSyncStatus {
    /// Height of its head.
    pub epoch: u64,
    /// Epochs that it is behind the clock.
    pub behind: u64,
}

/// How many peers take what a node publishes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodePeerStatus {
    /// Messages.
    pub peers_to_publish_msgs: i64,
    /// Blocks.
    pub peers_to_publish_blocks: i64,
}

/// How full tipsets are, on average; zero when it was not asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeChainStatus {
    /// Of the last 100.
    pub blocks_per_tipset_last100: f64,
    /// Of the last finality.
    pub blocks_per_tipset_last_finality: f64,
}
