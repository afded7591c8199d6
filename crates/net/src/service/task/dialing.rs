//! Connecting: on request, and again and again for configured peers.

use std::time::Instant;

use libp2p::{
    Multiaddr, PeerId,
    swarm::{
        ConnectionId, DialError,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::sync::oneshot;

use super::{Host, answer};
use crate::{
    address::{ConnectError, Target, explain},
    peers::port_id,
};

impl Host {
    /// Configured and remembered addresses of a peer.
    pub(super) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let mut addresses = self.redial.addresses(peer);
        for known in self.peers.addresses(peer) {
            if !addresses.contains(&known) {
                addresses.push(known);
            }
        }
        addresses
    }

    /// Dials a peer at the given addresses, or at the known ones, unless it is connected.
    pub(super) fn connect(
        &mut self,
        target: Target,
        reply: oneshot::Sender<Result<(), ConnectError>>,
    ) {
        let Target { peer, addresses } = target;
        if peer == *self.swarm.local_peer_id() {
            answer(reply, Err(ConnectError::Myself(peer.to_string())));
            return;
        }
        if self.peers.is_connected(&peer) {
            answer(reply, Ok(()));
            return;
        }
        let addresses = if addresses.is_empty() {
            self.addresses(&peer)
        } else {
            addresses
        };
        if addresses.is_empty() {
            answer(reply, Err(ConnectError::NoAddress(port_id(&peer))));
            return;
        }
        let dial = DialOpts::peer_id(peer)
            .addresses(addresses)
            .condition(PeerCondition::Always)
            .build();
        let id = dial.connection_id();
        match self.swarm.dial(dial) {
            Ok(()) => {
                self.dials.insert(id, (peer, reply));
            }
            Err(error) => {
                self.metrics.dial_failures.inc();
                answer(reply, Err(explain(error)));
            }
        }
    }

    /// Keeps a peer connected from now on, outside the connection limits.
    pub(super) fn keep(&mut self, Target { peer, addresses }: Target) {
        if peer == *self.swarm.local_peer_id() {
            return;
        }
        self.redial.add(peer, addresses, Instant::now());
        self.swarm.behaviour_mut().gate.unlimited(peer);
    }

    pub(super) fn redial_due(&mut self) {
        for peer in self.redial.take_due(Instant::now()) {
            if self.peers.is_connected(&peer) {
                continue;
            }
            let addresses = self.addresses(&peer);
            let dial = DialOpts::peer_id(peer)
                .addresses(addresses)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .build();
            if let Err(error) = self.swarm.dial(dial)
                && !matches!(error, DialError::DialPeerConditionFalse(_))
            {
                tracing::warn!(%peer, "cannot dial a configured peer: {}", explain(error));
            }
        }
    }

    /// Tells all who wait for this peer that it is connected.
    pub(super) fn finish_dials(&mut self, peer: &PeerId) {
        for (_, (_, reply)) in self.dials.extract_if(|_, (waiting, _)| waiting == peer) {
            answer(reply, Ok(()));
        }
    }

    pub(super) fn dial_failed(&mut self, id: ConnectionId, peer: Option<PeerId>, error: DialError) {
        if matches!(error, DialError::DialPeerConditionFalse(_)) {
            return;
        }
        self.metrics.dial_failures.inc();
        let error = explain(error);
        if let Some((_, reply)) = self.dials.remove(&id) {
            answer(reply, Err(error));
        } else if peer.is_some_and(|p| self.redial.contains(&p)) {
            tracing::warn!(peer = ?peer, "cannot connect to a configured peer: {error}");
        } else {
            tracing::debug!(peer = ?peer, %error, "dial failed");
        }
    }
}
