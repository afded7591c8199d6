//! Who is let in and out: limits on connections, and blocked IP addresses.
//!
//! # Lotus parity
//! Connection gater and resource manager of go-libp2p. Configured peers are outside the limits, as
//! Lotus' bootstrap peers are; nobody is outside the blocked addresses.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

use crate::resources::{Connection, Direction, Resources};

pub(crate) mod dialing;
pub(crate) mod ip;
pub(crate) mod kept;

use ip::IpGate;

/// Counts connections from the first packet to the end, and refuses those that may not be.
#[derive(Debug)]
pub(crate) struct Gate {
    resources: Resources,
    ips: IpGate,
    /// Configured peers.
    unlimited: HashSet<PeerId>,
    connections: HashMap<ConnectionId, Connection>,
}

impl Gate {
    pub(crate) fn new(resources: Resources, ips: IpGate) -> Self {
        Self {
            resources,
            ips,
            unlimited: HashSet::new(),
            connections: HashMap::new(),
        }
    }

    /// Lets a peer connect whatever the limits say.
    pub(crate) fn unlimited(&mut self, peer: PeerId) {
        self.unlimited.insert(peer);
    }

    fn begin(
        &mut self,
        id: ConnectionId,
        direction: Direction,
        forced: bool,
    ) -> Result<(), ConnectionDenied> {
        let connection = self.resources.connection(direction, forced);
        let connection = connection.map_err(ConnectionDenied::new)?;
        self.connections.insert(id, connection);
        Ok(())
    }

    fn established(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.ips.check(remote).map_err(ConnectionDenied::new)?;
        let forced = self.unlimited.contains(&peer);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection
                .with(peer, forced)
                .map_err(ConnectionDenied::new)?;
        }
        Ok(dummy::ConnectionHandler)
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.ips.check(remote).map_err(ConnectionDenied::new)?;
        self.begin(id, Direction::Inbound, false)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.established(id, peer, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        // Blocked addresses are left out when they are dialed: a peer may have others.
        let forced = peer.is_some_and(|peer| self.unlimited.contains(&peer));
        self.begin(id, Direction::Outbound, forced)?;
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.established(id, peer, remote)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        // Also after a refusal here or elsewhere: the count is given back in every case.
        let ended = match event {
            FromSwarm::ConnectionClosed(e) => e.connection_id,
            FromSwarm::DialFailure(e) => e.connection_id,
            FromSwarm::ListenFailure(e) => e.connection_id,
            _ => return,
        };
        self.connections.remove(&ended);
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
