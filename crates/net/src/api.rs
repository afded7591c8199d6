//! The host's part of every node's API: [`NetApi`].
//!
//! # Lotus parity
//! `node/impl/net`. `NetProtectList` names all protected peers, where Lotus leaves out those that are
//! not connected; `NetSetLimit` refuses limits that nothing would keep.

mod rules;
mod usage;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use lotus_ports::network::PeerId as Peer;
use lotus_rpc_api::{
    RpcError,
    node::NetApi,
    types::{
        go::Nanos,
        net::{
            AddrInfo, BandwidthStats, ExtendedPeerInfo, NatInfo, NetBlockList, NetLimit, NetStat,
            PeerId, PubsubScore,
        },
    },
};

use crate::{NetService, PeerInfo};

/// How long a ping may take.
const PING_LIMIT: Duration = Duration::from_secs(10);
/// libp2p's numbers of connectedness.
const NOT_CONNECTED: i64 = 0;
const CONNECTED: i64 = 1;
/// Most addresses that one call tries to connect to.
const MOST_ADDRESSES: usize = 64;

type Answer<T> = Result<T, RpcError>;

fn told(error: impl std::error::Error + 'static) -> RpcError {
    RpcError::from_error(&error)
}

fn peer(id: &PeerId) -> Peer {
    Peer::from_text(id.clone())
}

fn peers(ids: &[PeerId]) -> Vec<Peer> {
    ids.iter().map(peer).collect()
}

fn texts(peers: &[Peer]) -> Vec<PeerId> {
    peers.iter().map(ToString::to_string).collect()
}

impl NetService {
    async fn connected(&self, id: &PeerId) -> Answer<PeerInfo> {
        let found = self.peer(&peer(id)).await.map_err(told)?;
        found.ok_or_else(|| RpcError::new(format_args!("not connected to peer {id}")))
    }
}

#[async_trait]
impl NetApi for NetService {
    async fn id(&self) -> Answer<PeerId> {
        Ok(self.id().to_string())
    }

    async fn net_addrs_listen(&self) -> Answer<AddrInfo> {
        Ok(AddrInfo {
            id: self.id().to_string(),
            addrs: self.listening(),
        })
    }

    async fn net_peers(&self) -> Answer<Vec<AddrInfo>> {
        let peers = self.peers().await.map_err(told)?;
        let info = |p: PeerInfo| AddrInfo {
            id: p.id.to_string(),
            addrs: p.addresses,
        };
        Ok(peers.into_iter().map(info).collect())
    }

    async fn net_peer_info(&self, id: PeerId) -> Answer<ExtendedPeerInfo> {
        let found = self.connected(&id).await?;
        Ok(ExtendedPeerInfo {
            id,
            agent: found.agent,
            addrs: found.addresses,
            protocols: found.protocols,
            conn_mgr_meta: Some(found.meta),
        })
    }

    async fn net_agent_version(&self, id: PeerId) -> Answer<String> {
        self.connected(&id).await.map(|p| p.agent)
    }

    async fn net_connectedness(&self, id: PeerId) -> Answer<i64> {
        let found = self.peer(&peer(&id)).await.map_err(told)?;
        Ok(if found.is_some() {
            CONNECTED
        } else {
            NOT_CONNECTED
        })
    }

    async fn net_connect(&self, target: AddrInfo) -> Answer<()> {
        // Fails for what is no peer id at all, before it is repeated in an error.
        self.peer(&peer(&target.id)).await.map_err(told)?;
        let mut texts = vec![target.id.clone()];
        for address in target.addrs.iter().take(MOST_ADDRESSES) {
            texts.push(if address.contains("/p2p/") {
                address.clone()
            } else {
                format!("{address}/p2p/{}", target.id)
            });
        }
        self.connect_any(&texts).await.map_err(told)
    }

    async fn net_disconnect(&self, id: PeerId) -> Answer<()> {
        self.disconnect(&peer(&id)).await.map_err(told)?;
        Ok(())
    }

    async fn net_find_peer(&self, id: PeerId) -> Answer<AddrInfo> {
        let addrs = self.find_peer(&peer(&id)).await.map_err(told)?;
        if addrs.is_empty() {
            return Err(RpcError::new("routing: not found"));
        }
        Ok(AddrInfo { id, addrs })
    }

    async fn net_ping(&self, id: PeerId) -> Answer<Nanos> {
        let time = self.ping(&peer(&id), PING_LIMIT).await.map_err(told)?;
        Ok(time.into())
    }

    async fn net_pubsub_scores(&self) -> Answer<Vec<PubsubScore>> {
        self.scores().await.map_err(told)
    }

    async fn net_auto_nat_status(&self) -> Answer<NatInfo> {
        // There is no NAT traversal: nobody was asked, so the answer is Lotus' "not known".
        Ok(NatInfo::default())
    }

    async fn net_bandwidth_stats(&self) -> Answer<BandwidthStats> {
        Ok(self.counters().traffic.stats())
    }

    async fn net_bandwidth_stats_by_peer(&self) -> Answer<BTreeMap<PeerId, BandwidthStats>> {
        Ok(self.counters().traffic.by_peer())
    }

    async fn net_bandwidth_stats_by_protocol(&self) -> Answer<BTreeMap<String, BandwidthStats>> {
        Ok(self.counters().traffic.by_protocol())
    }

    async fn net_block_add(&self, list: NetBlockList) -> Answer<()> {
        rules::add(self, &list).await
    }

    async fn net_block_remove(&self, list: NetBlockList) -> Answer<()> {
        rules::remove(self, &list).await
    }

    async fn net_block_list(&self) -> Answer<NetBlockList> {
        rules::list(self).await
    }

    async fn net_protect_add(&self, ids: Vec<PeerId>) -> Answer<()> {
        self.protect(&peers(&ids)).await.map_err(told)
    }

    async fn net_protect_remove(&self, ids: Vec<PeerId>) -> Answer<()> {
        self.unprotect(&peers(&ids)).await.map_err(told)
    }

    async fn net_protect_list(&self) -> Answer<Vec<PeerId>> {
        let protected = self.protected().await.map_err(told)?;
        Ok(texts(&protected))
    }

    async fn net_stat(&self, scope: String) -> Answer<NetStat> {
        usage::stat(self, &scope)
    }

    async fn net_limit(&self, scope: String) -> Answer<NetLimit> {
        usage::limit(self, &scope)
    }

    async fn net_set_limit(&self, scope: String, limit: NetLimit) -> Answer<()> {
        usage::set_limit(self, &scope, limit)
    }
}
