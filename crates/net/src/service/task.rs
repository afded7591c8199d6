//! The task that owns the libp2p host.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm, gossipsub, identify, ping,
    swarm::{
        ConnectionId, DialError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use lotus_ports::network::ChainSource;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant as TokioInstant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{Command, NetService, redial::Redial};
use crate::{
    address::{ConnectError, Target, explain},
    behaviour::{self, Behaviour, BehaviourEvent, StartError},
    config::NetConfig,
    exchange::{EXCHANGE_PROTOCOL, server::Server},
    gossip::{Desk, Judged},
    hello::HELLO_PROTOCOL,
    key::HostKey,
    metrics::Metrics,
    peers::{PeerInfo, PeerTable, port_id},
    streams::{
        RegisterError,
        behaviour::Registry,
        serve::{ServeLimits, serve},
    },
};

/// How often at most the list of configured peers is looked through.
const IDLE: Duration = Duration::from_secs(3600);

/// Hellos answered at once.
const HELLOS: usize = 64;
/// Hellos said at once; more wait in the runtime.
const MAX_SAYING: usize = 256;

/// What the task receives and announces.
pub(super) struct Inputs {
    pub(super) inbox: mpsc::Receiver<Command>,
    pub(super) subscribing: mpsc::UnboundedReceiver<Command>,
    pub(super) listening: watch::Sender<Vec<String>>,
}

/// The services that run on the host's streams, until their protocols are gone.
///
/// # Errors
/// When a protocol is registered already.
pub(super) fn services(
    net: NetService,
    chain: Option<Arc<dyn ChainSource>>,
    metrics: Metrics,
) -> Result<impl Future<Output = ()> + Send, RegisterError> {
    let parts = match (chain, net.hello().cloned()) {
        (Some(chain), Some(hello)) => {
            let hellos = net.register(HELLO_PROTOCOL)?;
            let requests = net.register(EXCHANGE_PROTOCOL)?;
            Some((chain, hello, hellos, requests))
        }
        _ => None,
    };
    Ok(async move {
        let Some((chain, hello, hellos, requests)) = parts else {
            return;
        };
        let settings = net.config().exchange.clone();
        let hello_limits = ServeLimits {
            per_peer: 2,
            total: HELLOS,
            time: 3 * net.config().hello_timeout,
        };
        let exchange_limits = ServeLimits {
            per_peer: settings.serving_per_peer,
            total: settings.serving,
            time: 2 * settings.request_timeout,
        };
        let server = Server::new(chain, settings, metrics.clone());
        tokio::join!(
            serve(hellos, hello_limits, metrics.clone(), |stream| {
                hello.clone().answer(net.clone(), stream)
            }),
            serve(requests, exchange_limits, metrics.clone(), |stream| {
                server.clone().serve(stream)
            }),
        );
    })
}

type Waiting = (PeerId, oneshot::Sender<Result<(), ConnectError>>);

/// The libp2p host and what belongs to it.
pub(super) struct Host {
    swarm: Swarm<Behaviour>,
    peers: PeerTable,
    redial: Redial,
    /// Callers waiting for a dial.
    dials: HashMap<ConnectionId, Waiting>,
    desk: Desk,
    verdicts: mpsc::UnboundedReceiver<Judged>,
    net: NetService,
    metrics: Metrics,
    /// Hellos being said.
    saying: JoinSet<()>,
}

impl Host {
    /// Builds the host and begins to listen.
    pub(super) fn new(
        config: &NetConfig,
        key: &HostKey,
        registry: Registry,
        net: NetService,
        metrics: Metrics,
    ) -> Result<Self, StartError> {
        let mut swarm = behaviour::build(config, key, registry)?;
        for address in &config.listen {
            let failed = |reason: String| StartError::Listen {
                address: address.clone(),
                reason,
            };
            let parsed: Multiaddr = address.parse().map_err(|e| failed(format!("{e}")))?;
            swarm
                .listen_on(parsed)
                .map_err(|e| failed(crate::address::chain(&e)))?;
        }
        let (desk, verdicts) = Desk::new(&config.network, metrics.clone());
        let c = &config.connections;
        let mut host = Self {
            swarm,
            peers: PeerTable::default(),
            redial: Redial::new(c.redial_min, c.redial_max),
            dials: HashMap::new(),
            desk,
            verdicts,
            net,
            metrics,
            saying: JoinSet::new(),
        };
        for address in &config.bootstrap {
            host.protect(Target::parse(address)?);
        }
        Ok(host)
    }

    /// Runs until `stop`; then closes all connections.
    pub(super) async fn run(mut self, mut inputs: Inputs, stop: CancellationToken) {
        loop {
            let due = self
                .redial
                .next_due()
                .unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                () = stop.cancelled() => break,
                Some(command) = inputs.subscribing.recv() => self.command(command),
                Some(command) = inputs.inbox.recv() => self.command(command),
                Some(judged) = self.verdicts.recv() => {
                    self.desk.judged(&mut self.swarm.behaviour_mut().gossip, &judged);
                }
                event = self.swarm.select_next_some() => self.event(event, &inputs.listening),
                () = sleep_until(TokioInstant::from_std(due)) => self.redial_due(),
                Some(done) = self.saying.join_next() => {
                    if let Err(error) = done && error.is_panic() {
                        tracing::error!(%error, "saying hello panicked");
                    }
                }
            }
        }
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that it is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        self.metrics.peers.set(0);
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Connect(target, reply) => self.connect(target, reply),
            Command::Protect(target) => self.protect(target),
            Command::Disconnect(peer, reply) => {
                answer(reply, self.swarm.disconnect_peer_id(peer).is_ok());
            }
            Command::Peers(reply) => {
                let mut list: Vec<_> = self.peers.ids().filter_map(|p| self.info(p)).collect();
                list.sort_by(|a, b| a.id.cmp(&b.id));
                answer(reply, list);
            }
            Command::Peer(peer, reply) => answer(reply, self.info(&peer)),
            Command::Addresses(peer, reply) => {
                let list = self
                    .addresses(&peer)
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                answer(reply, list);
            }
            Command::Block(peer, reply) => {
                answer(reply, self.swarm.behaviour_mut().blocked.block_peer(peer));
            }
            Command::Unblock(peer, reply) => {
                answer(reply, self.swarm.behaviour_mut().blocked.unblock_peer(peer));
            }
            Command::Blocked(reply) => {
                let blocked = self.swarm.behaviour().blocked.blocked_peers();
                let mut list: Vec<_> = blocked.iter().map(port_id).collect();
                list.sort();
                answer(reply, list);
            }
            Command::Open(peer, protocol, reply) => {
                self.swarm
                    .behaviour_mut()
                    .streams
                    .open(peer, protocol, reply);
            }
            Command::Publish(topic, data, reply) => {
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                answer(reply, self.desk.publish(gossip, topic, data));
            }
            Command::Subscribe(subscriber) => {
                self.desk
                    .subscribe(&mut self.swarm.behaviour_mut().gossip, subscriber);
            }
        }
    }

    /// All that is known of a connected peer.
    fn info(&self, peer: &PeerId) -> Option<PeerInfo> {
        let gossip = &self.swarm.behaviour().gossip;
        let mut topics: Vec<_> = gossip
            .all_peers()
            .find(|(id, _)| *id == peer)
            .map(|(_, topics)| topics.into_iter().map(ToString::to_string).collect())
            .unwrap_or_default();
        topics.sort();
        let score = gossip.peer_score(peer);
        let protected = self.redial.contains(peer);
        Some(PeerInfo {
            protected,
            topics,
            score,
            ..self.peers.info(peer)?
        })
    }

    /// Configured and remembered addresses of a peer.
    fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let mut addresses = self.redial.addresses(peer);
        for known in self.peers.addresses(peer) {
            if !addresses.contains(&known) {
                addresses.push(known);
            }
        }
        addresses
    }

    /// Dials a peer at the given addresses, or at the known ones, unless it is connected.
    fn connect(&mut self, target: Target, reply: oneshot::Sender<Result<(), ConnectError>>) {
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
    fn protect(&mut self, Target { peer, addresses }: Target) {
        if peer == *self.swarm.local_peer_id() {
            return;
        }
        self.redial.add(peer, addresses, Instant::now());
        self.swarm.behaviour_mut().limits.bypass_peer_id(&peer);
    }

    fn redial_due(&mut self) {
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

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>, listening: &watch::Sender<Vec<String>>) {
        match event {
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                let remote = endpoint.get_remote_address().clone();
                let first =
                    self.peers
                        .connected(peer_id, connection_id, remote, endpoint.is_dialer());
                self.redial.connected(&peer_id);
                self.finish_dials(&peer_id);
                if first {
                    tracing::info!(peer = %peer_id, "connected");
                    self.count_peers();
                }
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                cause,
                ..
            } => {
                let cause = cause.map(|c| crate::address::chain(&c));
                let last = self.peers.disconnected(&peer_id, connection_id);
                tracing::debug!(peer = %peer_id, cause, last, "connection closed");
                if last {
                    tracing::info!(peer = %peer_id, "disconnected");
                    self.redial.lost(&peer_id, Instant::now());
                    self.count_peers();
                }
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                peer_id,
                error,
            } => {
                self.dial_failed(connection_id, peer_id, error);
            }
            SwarmEvent::IncomingConnectionError {
                send_back_addr,
                error,
                ..
            } => {
                tracing::debug!(from = %send_back_addr, %error, "incoming connection failed");
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening");
                self.announce(listening);
            }
            SwarmEvent::ExpiredListenAddr { .. } | SwarmEvent::ListenerClosed { .. } => {
                self.announce(listening);
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a listener reported an error");
            }
            SwarmEvent::Behaviour(event) => self.behaviour_event(event),
            _ => {}
        }
    }

    fn behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                let first = self.peers.identified(peer_id, info);
                if first {
                    self.say_hello(peer_id);
                }
            }
            BehaviourEvent::Ping(ping::Event {
                peer,
                result: Ok(time),
                ..
            }) => {
                self.peers.pinged(&peer, time);
            }
            BehaviourEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            }) => self.desk.received(propagation_source, message_id, &message),
            _ => {}
        }
    }

    /// Says hello to a peer that has just told that it speaks it.
    fn say_hello(&mut self, peer: PeerId) {
        let Some(hello) = self.net.hello().cloned() else {
            return;
        };
        if !self.peers.speaks(&peer, HELLO_PROTOCOL) || self.saying.len() >= MAX_SAYING {
            return;
        }
        let (net, peer) = (self.net.clone(), port_id(&peer));
        self.saying.spawn(async move {
            match hello.say(&net, &peer).await {
                Ok((_, took)) => tracing::debug!(%peer, ?took, "said hello"),
                Err(error) => tracing::debug!(%peer, %error, "cannot say hello"),
            }
        });
    }

    /// Tells all who wait for this peer that it is connected.
    fn finish_dials(&mut self, peer: &PeerId) {
        for (_, (_, reply)) in self.dials.extract_if(|_, (waiting, _)| waiting == peer) {
            answer(reply, Ok(()));
        }
    }

    fn dial_failed(&mut self, id: ConnectionId, peer: Option<PeerId>, error: DialError) {
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

    fn announce(&self, listening: &watch::Sender<Vec<String>>) {
        listening.send_replace(self.swarm.listeners().map(ToString::to_string).collect());
    }

    fn count_peers(&self) {
        self.metrics
            .peers
            .set(i64::try_from(self.peers.len()).unwrap_or(i64::MAX));
    }
}

/// Replies to a caller; one that has left does not mind.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _ = reply.send(value);
}
