//! What full nodes and miners have in common: themselves, their tokens, their log, their network.
//!
//! `lotus_rpc::Process` answers for the process, `lotus_net::NetService` for the host; a node that
//! has both says so by [`HasProcess`] and [`HasHost`].

use std::collections::BTreeMap;

use lotus_types::Bytes;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Permission, rpc_api,
    types::{
        go::{Empty, Nanos, Time},
        net::{
            AddrInfo, BandwidthStats, ExtendedPeerInfo, NatInfo, NetBlockList, NetLimit, NetStat,
            PeerId, PubsubScore,
        },
        node::{Alert, ApiVersion},
    },
};

rpc_api! {
    /// The process itself.
    pub trait CommonApi, answered by HasProcess::process {
        /// Version of the program and of the API.
        #[method("Version", Read)]
        fn version() -> ApiVersion;
        /// A UUID that is new at every start.
        #[method("Session", Read)]
        fn session() -> Uuid;
        /// Ends the process.
        #[method("Shutdown", Admin)]
        fn shutdown();
        /// A channel that is closed when the process ends.
        #[method("Closing", Read, Channel)]
        fn closing() => Empty;
        /// The API's methods as an OpenRPC document.
        #[method("Discover", Read)]
        fn discover() -> Value;
        /// When the process was started.
        #[method("StartTime", Read)]
        fn start_time() -> Time;
        /// Makes a token with these permissions.
        #[method("AuthNew", Admin)]
        fn auth_new(permissions: Vec<Permission>) -> Bytes;
        /// The permissions of a token.
        #[method("AuthVerify", Read)]
        fn auth_verify(token: String) -> Vec<Permission>;
        /// Parts of the program that log.
        #[method("LogList", Write)]
        fn log_list() -> Vec<String>;
        /// How much a part of the program logs.
        #[method("LogSetLevel", Write)]
        fn log_set_level(subsystem: String, level: String);
        /// What an operator should know.
        #[method("LogAlerts", Admin)]
        fn log_alerts() -> Vec<Alert>;
    }
}

rpc_api! {
    /// The process' libp2p host.
    pub trait NetApi, answered by HasHost::host {
        /// Its own peer id.
        #[method("ID", Read)]
        fn id() -> PeerId;
        /// Where it listens.
        #[method("NetAddrsListen", Read)]
        fn net_addrs_listen() -> AddrInfo;
        /// Connected peers.
        #[method("NetPeers", Read)]
        fn net_peers() -> Vec<AddrInfo>;
        /// All that is known of a peer.
        #[method("NetPeerInfo", Read)]
        fn net_peer_info(peer: PeerId) -> ExtendedPeerInfo;
        /// A peer's program.
        #[method("NetAgentVersion", Read)]
        fn net_agent_version(peer: PeerId) -> String;
        /// 0: not connected, 1: connected, 2: can be, 3: cannot.
        #[method("NetConnectedness", Read)]
        fn net_connectedness(peer: PeerId) -> i64;
        /// Connects.
        #[method("NetConnect", Write)]
        fn net_connect(peer: AddrInfo);
        /// Disconnects.
        #[method("NetDisconnect", Write)]
        fn net_disconnect(peer: PeerId);
        /// Looks for a peer's addresses.
        #[method("NetFindPeer", Read)]
        fn net_find_peer(peer: PeerId) -> AddrInfo;
        /// Time there and back.
        #[method("NetPing", Read)]
        fn net_ping(peer: PeerId) -> Nanos;
        /// Gossipsub's opinion of peers.
        #[method("NetPubsubScores", Read)]
        fn net_pubsub_scores() -> Vec<PubsubScore>;
        /// Can it be reached from outside?
        #[method("NetAutoNatStatus", Read)]
        fn net_auto_nat_status() -> NatInfo;
        /// Traffic: what streams carried, without encryption and framing.
        #[method("NetBandwidthStats", Read)]
        fn net_bandwidth_stats() -> BandwidthStats;
        /// Traffic by peer.
        #[method("NetBandwidthStatsByPeer", Read)]
        fn net_bandwidth_stats_by_peer() -> BTreeMap<PeerId, BandwidthStats>;
        /// Traffic by protocol; under no name that of streams which agreed on none.
        #[method("NetBandwidthStatsByProtocol", Read)]
        fn net_bandwidth_stats_by_protocol() -> BTreeMap<String, BandwidthStats>;
        /// Never connect to these.
        #[method("NetBlockAdd", Admin)]
        fn net_block_add(list: NetBlockList);
        /// Connect to these again.
        #[method("NetBlockRemove", Admin)]
        fn net_block_remove(list: NetBlockList);
        /// Whom it never connects to.
        #[method("NetBlockList", Read)]
        fn net_block_list() -> NetBlockList;
        /// Never drop these when there are too many.
        #[method("NetProtectAdd", Admin)]
        fn net_protect_add(peers: Vec<PeerId>);
        /// Drop these like others.
        #[method("NetProtectRemove", Admin)]
        fn net_protect_remove(peers: Vec<PeerId>);
        /// Whom it does not drop, connected or not.
        #[method("NetProtectList", Read)]
        fn net_protect_list() -> Vec<PeerId>;
        /// Resources in use; `all`, `system`, `transient`, or one service, protocol or peer.
        #[method("NetStat", Read)]
        fn net_stat(scope: String) -> NetStat;
        /// Limits of a scope.
        #[method("NetLimit", Read)]
        fn net_limit(scope: String) -> NetLimit;
        /// Sets limits of a scope; refused when they cannot be kept (memory, connections of protocols).
        #[method("NetSetLimit", Admin)]
        fn net_set_limit(scope: String, limit: NetLimit);
    }
}
