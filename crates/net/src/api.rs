//! The host's part of every node's API: [`NetApi`].
//!
//! # Lotus parity
//! `node/impl/net`. Not supported: bandwidth by peer and protocol, scores, protected peers and
//! resource limits, which this host does not keep, and blocking by IP address.

use std::time::Duration;

use async_trait::async_trait;
use lotus_ports::network::PeerId as Peer;
use lotus_rpc_api::{
    RpcError,
    node::NetApi,
    types::{
        go::Nanos,
        net::{AddrInfo, ExtendedPeerInfo, NatInfo, NetBlockList, PeerId},
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
            conn_mgr_meta: None,
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
        let mut last = RpcError::new(format_args!("no addresses for peer {}", target.id));
        for address in target.addrs.iter().take(MOST_ADDRESSES) {
            let whole = if address.contains("/p2p/") {
                address.clone()
            } else {
                format!("{address}/p2p/{}", target.id)
            };
            match self.connect(&whole).await {
                Ok(()) => return Ok(()),
                Err(error) => last = told(error),
            }
        }
        Err(last)
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

    async fn net_auto_nat_status(&self) -> Answer<NatInfo> {
        // There is no NAT traversal: nobody was asked, so the answer is Lotus' "not known".
        Ok(NatInfo::default())
    }

    async fn net_block_add(&self, list: NetBlockList) -> Answer<()> {
        only_peers(&list)?;
        for id in &list.peers {
            self.block(&peer(id)).await.map_err(told)?;
        }
        Ok(())
    }

    async fn net_block_remove(&self, list: NetBlockList) -> Answer<()> {
        only_peers(&list)?;
        for id in &list.peers {
            self.unblock(&peer(id)).await.map_err(told)?;
        }
        Ok(())
    }

    async fn net_block_list(&self) -> Answer<NetBlockList> {
        let peers = self.blocked().await.map_err(told)?;
        Ok(NetBlockList {
            peers: peers.iter().map(ToString::to_string).collect(),
            ..NetBlockList::default()
        })
    }
}

fn only_peers(list: &NetBlockList) -> Answer<()> {
    if list.ip_addrs.is_empty() && list.ip_subnets.is_empty() {
        return Ok(());
    }
    Err(RpcError::new(
        "blocking IP addresses and subnets is not supported; block peers",
    ))
}
