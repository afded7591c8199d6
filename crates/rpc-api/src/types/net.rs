//! Peers and connections.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::go::{self, Nanos, Time};

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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PubsubScore {
    /// Who.
    #[serde(rename = "ID")]
    pub id: PeerId,
    /// How well.
    pub score: PeerScore,
}

/// A peer's score and its parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PeerScore {
    /// All parts together; below zero a peer loses trust.
    pub score: f64,
    /// By topic.
    #[serde(deserialize_with = "go::or_default")]
    pub topics: BTreeMap<String, TopicScore>,
    /// What the application says.
    pub app_specific_score: f64,
    /// Grows with the peers at the same address.
    #[serde(rename = "IPColocationFactor")]
    pub ip_colocation_factor: f64,
    /// For breaking the protocol's rules; left out by a node that cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behaviour_penalty: Option<f64>,
}

/// The part of a peer's score that one topic gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TopicScore {
    /// How long the peer has been in the topic's mesh.
    pub time_in_mesh: Nanos,
    /// Values that it was the first to deliver, fading.
    pub first_message_deliveries: f64,
    /// Values that it delivered as a member of the mesh, fading.
    pub mesh_message_deliveries: f64,
    /// Invalid values that it delivered, fading.
    pub invalid_message_deliveries: f64,
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
    pub conn_mgr_meta: Option<ConnMgrInfo>,
}

/// What speaks for keeping a peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ConnMgrInfo {
    /// Since when it is connected.
    pub first_seen: Time,
    /// All tags together; the peers with the least go first.
    pub value: i64,
    /// Why it is worth that.
    #[serde(deserialize_with = "go::or_default")]
    pub tags: BTreeMap<String, i64>,
    /// Its connections, by address, and their begin.
    #[serde(deserialize_with = "go::or_default")]
    pub conns: BTreeMap<String, Time>,
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
