//! The handle's part in whom the host keeps, refuses and counts.

use std::{net::IpAddr, path::Path};

use lotus_ports::network::PeerId;
use lotus_rpc_api::types::net::{NetBlockList, PubsubScore};
use tokio::sync::MutexGuard;

use super::{Command, NetService, Stopped, parse};
use crate::{
    gate::{
        ip::{IpRules, Subnet},
        kept::{self, KeptError},
    },
    muxer::Counters,
    streams::OpenError,
};

impl NetService {
    /// Bytes, connections and streams.
    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Never lets these peers go when there are too many. They need not be connected.
    ///
    /// # Errors
    /// When one is not a peer id (then none is protected), or the service has stopped.
    pub async fn protect(&self, peers: &[PeerId]) -> Result<(), OpenError> {
        self.set_protected(peers, true).await
    }

    /// Treats these peers like others again.
    ///
    /// # Errors
    /// As [`protect`](Self::protect).
    pub async fn unprotect(&self, peers: &[PeerId]) -> Result<(), OpenError> {
        self.set_protected(peers, false).await
    }

    async fn set_protected(&self, peers: &[PeerId], on: bool) -> Result<(), OpenError> {
        let peers = peers.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        self.ask(|reply| Command::Protect(peers, on, reply))
            .await
            .map_err(|_| OpenError::Stopped)
    }

    /// The peers that were protected, connected or not, in the order of their ids.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn protected(&self) -> Result<Vec<PeerId>, Stopped> {
        self.ask(Command::Protected).await
    }

    /// Notes that a peer said hello and is of this network.
    pub(crate) async fn greeted(&self, peer: &PeerId) {
        if let Ok(peer) = parse(peer) {
            // Only a stopped service loses this.
            drop(self.0.commands.send(Command::Greeted(peer)).await);
        }
    }

    /// Gossip's opinion of the connected peers, those with the last ids first.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(crate) async fn scores(&self) -> Result<Vec<PubsubScore>, Stopped> {
        self.ask(Command::Scores).await
    }

    /// Neither dials these addresses nor accepts connections from them, and ends those that there are.
    pub(crate) async fn block_ips(
        &self,
        addresses: &[IpAddr],
        subnets: &[Subnet],
    ) -> Result<(), Stopped> {
        {
            let mut rules = self.0.ips.rules();
            rules.addresses.extend(addresses);
            rules.subnets.extend(subnets);
        }
        self.ask(Command::CloseForbidden).await
    }

    /// Takes rules back.
    pub(crate) fn unblock_ips(&self, addresses: &[IpAddr], subnets: &[Subnet]) {
        let mut rules = self.0.ips.rules();
        rules.addresses.retain(|a| !addresses.contains(a));
        rules.subnets.retain(|s| !subnets.contains(s));
    }

    /// Held while rules are changed and written down, so that they are written in their order.
    pub(crate) async fn changing_rules(&self) -> MutexGuard<'_, ()> {
        self.0.changing.lock().await
    }

    /// Writes the rules down, where there is a file for them.
    pub(crate) async fn keep_rules(&self, list: NetBlockList) -> Result<(), KeptError> {
        let Some(path) = self.0.config.rules.clone() else {
            return Ok(());
        };
        let failed = |path: &Path, source| KeptError::Write {
            path: path.to_owned(),
            source,
        };
        let file = path.clone();
        tokio::task::spawn_blocking(move || kept::write(&file, &list))
            .await
            .unwrap_or_else(|died| Err(failed(&path, std::io::Error::other(died))))
    }

    /// The rules there are.
    pub(crate) fn blocked_ips(&self) -> IpRules {
        self.0.ips.rules().clone()
    }
}
