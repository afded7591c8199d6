//! Peers.

use std::time::Duration;

use async_trait::async_trait;
use lotus_ports::network::PeerId as Peer;
use lotus_rpc_api::{
    RpcError,
    node::NetApi,
    types::{
        go::Nanos,
        net::{AddrInfo, ExtendedPeerInfo, NetBlockList, PeerId},
    },
};

use super::{Answer, FullNodeApi, Told as _};

/// How long a ping may take.
const PING_LIMIT: Duration = Duration::from_secs(10);
/// libp2p's numbers of connectedness.
const NOT_CONNECTED: i64 = 0;
const CONNECTED: i64 = 1;

fn peer(id: PeerId) -> Peer {
    Peer::from_text(id)
}

fn not_connected(id: &PeerId) -> RpcError {
    RpcError::new(format_args!("not connected to peer {id}"))
}

#[async_trait]
impl NetApi for FullNodeApi {
    async fn id(&self) -> Answer<PeerId> {
        Ok(self.0.net.id().to_string())
    }

    async fn net_addrs_listen(&self) -> Answer<AddrInfo> {
        Ok(AddrInfo {
            id: self.0.net.id().to_string(),
            addrs: self.0.net.listening(),
        })
    }

    async fn net_peers(&self) -> Answer<Vec<AddrInfo>> {
        let peers = self.0.net.peers().await.told()?;
        let info = |p: lotus_net::PeerInfo| AddrInfo {
            id: p.id.to_string(),
            addrs: p.addresses,
        };
        Ok(peers.into_iter().map(info).collect())
    }

    async fn net_peer_info(&self, id: PeerId) -> Answer<ExtendedPeerInfo> {
        let found = self.0.net.peer(&peer(id.clone())).await.told()?;
        let found = found.ok_or_else(|| not_connected(&id))?;
        Ok(ExtendedPeerInfo {
            id,
            agent: found.agent,
            addrs: found.addresses,
            protocols: found.protocols,
            conn_mgr_meta: None,
        })
    }

    async fn net_agent_version(&self, id: PeerId) -> Answer<String> {
        let found = self.0.net.peer(&peer(id.clone())).await.told()?;
        found.map(|p| p.agent).ok_or_else(|| not_connected(&id))
    }

    async fn net_connectedness(&self, id: PeerId) -> Answer<i64> {
        let found = self.0.net.peer(&peer(id)).await.told()?;
        Ok(if found.is_some() {
            CONNECTED
        } else {
            NOT_CONNECTED
        })
    }

    async fn net_connect(&self, target: AddrInfo) -> Answer<()> {
        let mut last = RpcError::new(format_args!("no addresses for peer {}", target.id));
        for address in &target.addrs {
            let whole = if address.contains("/p2p/") {
                address.clone()
            } else {
                format!("{address}/p2p/{}", target.id)
            };
            match self.0.net.connect(&whole).await {
                Ok(()) => return Ok(()),
                Err(error) => last = RpcError::from_error(&error),
            }
        }
        Err(last)
    }

    async fn net_disconnect(&self, id: PeerId) -> Answer<()> {
        self.0.net.disconnect(&peer(id)).await.told()?;
        Ok(())
    }

    async fn net_find_peer(&self, id: PeerId) -> Answer<AddrInfo> {
        let addrs = self.0.net.find_peer(&peer(id.clone())).await.told()?;
        if addrs.is_empty() {
            return Err(RpcError::new("routing: not found"));
        }
        Ok(AddrInfo { id, addrs })
    }

    async fn net_ping(&self, id: PeerId) -> Answer<Nanos> {
        Ok(self.0.net.ping(&peer(id), PING_LIMIT).await.told()?.into())
    }

    async fn net_block_add(&self, list: NetBlockList) -> Answer<()> {
        only_peers(&list)?;
        for id in list.peers {
            self.0.net.block(&peer(id)).await.told()?;
        }
        Ok(())
    }

    async fn net_block_remove(&self, list: NetBlockList) -> Answer<()> {
        only_peers(&list)?;
        for id in list.peers {
            self.0.net.unblock(&peer(id)).await.told()?;
        }
        Ok(())
    }

    async fn net_block_list(&self) -> Answer<NetBlockList> {
        let peers = self.0.net.blocked().await.told()?;
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
