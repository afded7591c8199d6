//! Peers and connections.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::go;

/// A libp2p peer id as text: `12D3Koo…`.
pub type PeerId = String;

/// A peer and where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddrInfo {
    /// Who.
    #[serde(rename = "ID")]
    pub id: PeerId,
    /// Multiaddrs, without the `/p2p/…` part.
    #[serde(deserialize_with = "go::or_default")]
    pub addrs: Vec<String>,
}

/// How the world reaches this node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NatInfo {
    /// 0: not known, 1: public, 2: private.
    pub reachability: i64,
    /// Multiaddrs.
    #[serde(with = "go::nil")]
    pub public_addrs: Vec<String>,
}

/// Bytes in and out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BandwidthStats {
    /// Received so far.
    pub total_in: i64,
    /// Sent so far.
    pub total_out: i64,
    /// Per second now.
    pub rate_in: f64,
    /// Per second now.
    pub rate_out: f64,
}

/// A peer's standing with gossipsub.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PubsubScore {
    /// Who.
    #[serde(rename = "ID")]
    pub id: PeerId,
    /// How well; parts and per topic.
    pub score: Value,
}

/// Whom not to speak to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetBlockList {
    /// Peers.
    #[serde(default, with = "go::nil")]
    pub peers: Vec<PeerId>,
    /// Addresses.
    #[serde(rename = "IPAddrs", default, with = "go::nil")]
    pub ip_addrs: Vec<String>,
    /// Networks, as `10.0.0.0/8`.
    #[serde(rename = "IPSubnets", default, with = "go::nil")]
    pub ip_subnets: Vec<String>,
}

/// All that is known of a peer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExtendedPeerInfo {
    /// Who.
    #[serde(rename = "ID")]
    pub id: PeerId,
    /// Its program.
    pub agent: String,
    /// Multiaddrs.
    #[serde(with = "go::nil")]
    pub addrs: Vec<String>,
    /// What it speaks.
    #[serde(with = "go::nil")]
    pub protocols: Vec<String>,
    /// Its standing with the connection manager.
    pub conn_mgr_meta: Option<Value>,
}

/// Resources of a scope in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScopeStat {
    /// Streams opened by others.
    pub num_streams_inbound: i64,
    /// Streams opened here.
    pub num_streams_outbound: i64,
    /// Connections opened by others.
    pub num_conns_inbound: i64,
    /// Connections opened here.
    pub num_conns_outbound: i64,
    /// File descriptors.
    #[serde(rename = "NumFD")]
    pub num_fd: i64,
    /// Bytes.
    pub memory: i64,
}

/// Resources in use by scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetStat {
    /// All.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<ScopeStat>,
    /// Not yet negotiated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transient: Option<ScopeStat>,
    /// By service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, ScopeStat>,
    /// By protocol.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub protocols: BTreeMap<String, ScopeStat>,
    /// By peer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<PeerId, ScopeStat>,
}

/// Limits of a scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetLimit {
    /// Bytes.
    pub memory: i64,
    /// Streams.
    pub streams: i64,
    /// Streams opened by others.
    pub streams_inbound: i64,
    /// Streams opened here.
    pub streams_outbound: i64,
    /// Connections.
    pub conns: i64,
    /// Connections opened by others.
    pub conns_inbound: i64,
    /// Connections opened here.
    pub conns_outbound: i64,
    /// File descriptors.
    #[serde(rename = "FD")]
    pub fd: i64,
}
