//! The task that owns the libp2p host.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm, gossipsub, identify, ping,
    swarm::{ConnectionId, SwarmEvent},
};
use lotus_ports::network::ChainSource;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant as TokioInstant, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{Command, NetService, redial::Redial};
use crate::{
    address::{ConnectError, Target},
    behaviour::{self, Behaviour, BehaviourEvent, StartError},
    config::NetConfig,
    exchange::{EXCHANGE_PROTOCOL, server::Server},
    gossip::{Desk, Judged},
    hello::HELLO_PROTOCOL,
    key::HostKey,
    metrics::Metrics,
    peers::{PeerTable, port_id},
    streams::{
        RegisterError,
        behaviour::Registry,
        serve::{ServeLimits, serve},
    },
    trim::Marks,
};

mod dialing;
mod keeping;

/// How often rates and standings are brought up to date, and too many connections are looked for.
const LOOK: Duration = Duration::from_secs(1);

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
    /// Peers that are never let go for being one too many.
    protected: HashSet<PeerId>,
    /// When peers are let go.
    marks: Marks,
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
        let (counters, ips) = (net.counters().clone(), net.0.ips.clone());
        let mut swarm = behaviour::build(config, key, registry, counters, ips)?;
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
            protected: HashSet::new(),
            marks: Marks {
                low: usize::try_from(c.low).unwrap_or(usize::MAX),
                high: usize::try_from(c.high).unwrap_or(usize::MAX),
                grace: c.grace,
            },
            dials: HashMap::new(),
            desk,
            verdicts,
            net,
            metrics,
            saying: JoinSet::new(),
        };
        for address in &config.bootstrap {
            host.keep(Target::parse(address)?);
        }
        Ok(host)
    }

    /// Runs until `stop`; then closes all connections.
    pub(super) async fn run(mut self, mut inputs: Inputs, stop: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
                _ = looks.tick() => self.look(Instant::now()),
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
            Command::Keep(target) => self.keep(target),
            Command::Protect(peers, on, reply) => {
                self.protect(peers, on);
                answer(reply, ());
            }
            Command::Protected(reply) => {
                let mut list: Vec<_> = self.protected.iter().map(port_id).collect();
                list.sort();
                answer(reply, list);
            }
            Command::Greeted(peer) => self.peers.greeted(&peer),
            Command::Scores(reply) => answer(reply, self.scores()),
            Command::CloseForbidden(reply) => {
                self.close_forbidden();
                answer(reply, ());
            }
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
                self.let_go(Instant::now());
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
