//! The libp2p host.

use std::time::Duration;

use async_trait::async_trait;
use lotus_ports::network::PeerId as Peer;
use lotus_rpc_api::{
    RpcError,
    node::NetApi,
    types::{
        go::Nanos,
        net::{AddrInfo, PeerId},
    },
};

use super::{Answer, StorageMinerApi, Told as _};

/// How long a ping may take.
const PING_LIMIT: Duration = Duration::from_secs(10);

#[async_trait]
impl NetApi for StorageMinerApi {
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
        self.0.net.disconnect(&Peer::from_text(id)).await.told()?;
        Ok(())
    }

    async fn net_ping(&self, id: PeerId) -> Answer<Nanos> {
        let peer = Peer::from_text(id);
        Ok(self.0.net.ping(&peer, PING_LIMIT).await.told()?.into())
    }
}
