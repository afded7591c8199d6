//! The libp2p behaviour under request streams.
//!
//! # Why not `libp2p-stream`
//! That crate hands incoming streams over through a channel of one place and drops the second of
//! two that arrive together, opens one outgoing stream per connection at a time, and dials unknown
//! peers as a side effect. Here the queue has [`QUEUE`] places, negotiations run side by side, and a
//! stream is opened on an existing connection or not at all.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, InboundUpgrade, OutboundUpgrade, UpgradeInfo, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};
use tokio::sync::{mpsc, oneshot};

use super::{IncomingStreams, OpenError, RegisterError, RequestStream};
use crate::{metrics::Metrics, peers::port_id};

/// Incoming streams of one protocol that may wait to be taken up.
pub(crate) const QUEUE: usize = 64;

type Reply = oneshot::Sender<Result<RequestStream, OpenError>>;

/// Which protocols are spoken, and where their streams go. Shared by handle, behaviour and handlers.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    protocols: Arc<Mutex<HashMap<StreamProtocol, mpsc::Sender<RequestStream>>>>,
    metrics: Metrics,
}

impl Registry {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            protocols: Arc::default(),
            metrics,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamProtocol, mpsc::Sender<RequestStream>>> {
        // Every critical section leaves the map whole, so a panic elsewhere does not matter.
        self.protocols
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to accept streams of `protocol`.
    pub(crate) fn register(&self, protocol: &str) -> Result<IncomingStreams, RegisterError> {
        let refused = |reason| RegisterError {
            protocol: protocol.to_owned(),
            reason,
        };
        let id = StreamProtocol::try_from_owned(protocol.to_owned())
            .map_err(|_| refused("not a protocol id"))?;
        let mut protocols = self.lock();
        if protocols.get(&id).is_some_and(|s| !s.is_closed()) {
            return Err(refused("it has a handler already"));
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        protocols.insert(id, sender);
        Ok(IncomingStreams(receiver))
    }

    fn spoken(&self) -> Vec<StreamProtocol> {
        let mut protocols = self.lock();
        protocols.retain(|_, sender| !sender.is_closed());
        protocols.keys().cloned().collect()
    }

    fn deliver(&self, peer: PeerId, protocol: &StreamProtocol, io: Stream) {
        let sender = self.lock().get(protocol).cloned();
        let stream = RequestStream::new(port_id(&peer), protocol.to_string(), io);
        if sender.is_none_or(|s| s.try_send(stream).is_err()) {
            tracing::debug!(%peer, %protocol, "dropping an incoming stream: the service is busy");
            self.metrics.streams_dropped.inc();
        }
    }
}

/// Opens streams on existing connections and accepts those of registered protocols.
#[derive(Debug)]
pub(crate) struct Behaviour {
    registry: Registry,
    negotiation: Duration,
    connected: HashSet<PeerId>,
    queue: VecDeque<ToSwarm<Infallible, Open>>,
}

impl Behaviour {
    pub(crate) fn new(registry: Registry, negotiation: Duration) -> Self {
        Self {
            registry,
            negotiation,
            connected: HashSet::new(),
            queue: VecDeque::new(),
        }
    }

    /// Opens a stream to a connected peer; the outcome goes to `reply`.
    pub(crate) fn open(&mut self, peer: PeerId, protocol: StreamProtocol, reply: Reply) {
        if !self.connected.contains(&peer) {
            drop(reply.send(Err(OpenError::NotConnected(port_id(&peer)))));
            return;
        }
        self.queue.push_back(ToSwarm::NotifyHandler {
            peer_id: peer,
            handler: NotifyHandler::Any,
            event: Open { protocol, reply },
        });
    }

    fn handler(&self, peer: PeerId) -> Handler {
        Handler {
            peer,
            registry: self.registry.clone(),
            negotiation: self.negotiation,
            queue: VecDeque::new(),
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(e) => {
                self.connected.insert(e.peer_id);
            }
            FromSwarm::ConnectionClosed(e) if e.remaining_established == 0 => {
                self.connected.remove(&e.peer_id);
            }
            _ => {}
        }
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
        // Only `open` fills the queue, and the swarm is polled after each use of its behaviour.
        self.queue.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Asks a connection for a stream.
#[derive(Debug)]
pub(crate) struct Open {
    protocol: StreamProtocol,
    reply: Reply,
}

/// The part of the behaviour that lives on one connection.
#[derive(Debug)]
pub(crate) struct Handler {
    peer: PeerId,
    registry: Registry,
    negotiation: Duration,
    queue: VecDeque<Open>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = Infallible;
    type InboundProtocol = Negotiate;
    type OutboundProtocol = Negotiate;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Open;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(Negotiate(self.registry.spoken()), ()).with_timeout(self.negotiation)
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Negotiate, Open, Infallible>> {
        while let Some(open) = self.queue.pop_front() {
            if open.reply.is_closed() {
                continue;
            }
            let protocol = SubstreamProtocol::new(Negotiate(vec![open.protocol.clone()]), open)
                .with_timeout(self.negotiation);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, open: Open) {
        self.queue.push_back(open);
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Negotiate, Negotiate, (), Open>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (stream, protocol),
                ..
            }) => self.registry.deliver(self.peer, &protocol, stream),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (stream, protocol),
                info,
            }) => {
                let peer = port_id(&self.peer);
                let stream = RequestStream::new(peer, protocol.to_string(), stream);
                drop(info.reply.send(Ok(stream)));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let why = match error {
                    StreamUpgradeError::Timeout => OpenError::TimedOut,
                    StreamUpgradeError::NegotiationFailed => {
                        OpenError::Unsupported(info.protocol.to_string())
                    }
                    StreamUpgradeError::Io(e) => OpenError::Failed(e.to_string()),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                drop(info.reply.send(Err(why)));
            }
            _ => {}
        }
    }
}

/// Agrees on one of some protocols and gives the bare stream.
#[derive(Debug)]
pub(crate) struct Negotiate(Vec<StreamProtocol>);

impl UpgradeInfo for Negotiate {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Negotiate {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, info: StreamProtocol) -> Self::Future {
        ready(Ok((stream, info)))
    }
}

impl OutboundUpgrade<Stream> for Negotiate {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, info: StreamProtocol) -> Self::Future {
        ready(Ok((stream, info)))
    }
}
