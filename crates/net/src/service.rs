//! The handle of the network service.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p::StreamProtocol;
use lotus_ports::network::{ChainSource, PeerId, PublishError};
use lotus_rpc_api::types::net::{NetBlockList, PubsubScore};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    address::{ConnectError, LONGEST_PEER_ID, Target},
    behaviour::StartError,
    config::NetConfig,
    exchange::client::Client,
    gate::{ip::IpGate, kept},
    gossip::{Subscriber, Topic},
    hello::Hello,
    key::HostKey,
    metrics::Metrics,
    muxer::Counters,
    peers::PeerInfo,
    resources::{Resources, limits::Defaults},
    streams::{
        IncomingStreams, OpenError, RegisterError, RequestStream, StreamError, behaviour::Registry,
    },
    traffic::Traffic,
};

mod keeping;
mod ports;
mod redial;
mod task;

/// Commands that may wait for the task.
const INBOX: usize = 256;
/// Slack beyond the limits inside the service, after which a caller stops waiting for it.
const GRACE: Duration = Duration::from_secs(5);
/// The protocol of ping, and what one ping carries.
const PING_PROTOCOL: &str = "/ipfs/ping/1.0.0";
const PING_SIZE: usize = 32;

/// The service's task is gone: the node is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the network service has stopped")]
pub struct Stopped;

/// Why a ping failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// No stream to the peer.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The peer did not send the bytes back.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The peer sent other bytes back.
    #[error("the peer sent back other bytes than it got")]
    WrongEcho,
}

/// What the handle asks of the task.
#[derive(Debug)]
pub(crate) enum Command {
    Connect(Target, oneshot::Sender<Result<(), ConnectError>>),
    Disconnect(libp2p::PeerId, oneshot::Sender<bool>),
    /// Keep a connection to a peer from now on.
    Keep(Target),
    /// Never let peers go for being too many, or do so again.
    Protect(Vec<libp2p::PeerId>, bool, oneshot::Sender<()>),
    Protected(oneshot::Sender<Vec<PeerId>>),
    /// A peer said hello and is of this network.
    Greeted(libp2p::PeerId),
    Scores(oneshot::Sender<Vec<PubsubScore>>),
    /// End the connections that the rules about IP addresses forbid now.
    CloseForbidden(oneshot::Sender<()>),
    Peers(oneshot::Sender<Vec<PeerInfo>>),
    Peer(libp2p::PeerId, oneshot::Sender<Option<PeerInfo>>),
    Addresses(libp2p::PeerId, oneshot::Sender<Vec<String>>),
    Block(libp2p::PeerId, oneshot::Sender<bool>),
    Unblock(libp2p::PeerId, oneshot::Sender<bool>),
    Blocked(oneshot::Sender<Vec<PeerId>>),
    Open(
        libp2p::PeerId,
        StreamProtocol,
        oneshot::Sender<Result<RequestStream, OpenError>>,
    ),
    Publish(Topic, Vec<u8>, oneshot::Sender<Result<(), PublishError>>),
    Subscribe(Subscriber),
}

struct Inner {
    id: PeerId,
    config: NetConfig,
    commands: mpsc::Sender<Command>,
    /// Subscriptions: sent without waiting, and few.
    subscriptions: mpsc::UnboundedSender<Command>,
    listening: watch::Receiver<Vec<String>>,
    registry: Registry,
    exchange: Client,
    hello: Option<Hello>,
    counters: Counters,
    ips: IpGate,
    /// Held while rules are changed and written down.
    changing: tokio::sync::Mutex<()>,
}

/// Cloneable front of a libp2p host; the host itself lives in one task.
///
/// It implements the ports [`ChainExchange`], [`Gossip`] and [`PeerHeads`]; what only the node's own
/// API needs (`net peers`, `net connect`…) is on the type itself.
#[derive(Clone)]
pub struct NetService(Arc<Inner>);

impl fmt::Debug for NetService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetService({})", self.0.id)
    }
}

impl NetService {
    /// Starts a host: listens, and returns the handle and the future that the supervisor runs until
    /// `stop`. Must be called within a tokio runtime.
    ///
    /// With a `chain` the host says and answers hello and serves chain exchange; a storage provider's
    /// host has none.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        config: NetConfig,
        key: &HostKey,
        chain: Option<Arc<dyn ChainSource>>,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), StartError> {
        let rules = match &config.rules {
            Some(path) => kept::read(path).map_err(|e| StartError::Rules(e.to_string()))?,
            None => NetBlockList::default(),
        };
        let registry = Registry::new(metrics.clone());
        let (commands, inbox) = mpsc::channel(INBOX);
        let (subscriptions, subscribing) = mpsc::unbounded_channel();
        let (listening_tx, listening) = watch::channel(Vec::new());
        let hello = chain
            .clone()
            .map(|chain| Hello::new(chain, config.hello_timeout, metrics.clone()));
        let net = Self(Arc::new(Inner {
            id: key.peer_id(),
            config: config.clone(),
            commands,
            subscriptions,
            listening,
            registry: registry.clone(),
            exchange: Client::new(config.exchange.clone(), metrics.clone()),
            hello,
            counters: Counters {
                traffic: Traffic::new(),
                resources: Resources::new(Defaults::of(&config.connections)),
            },
            ips: IpGate::new(&rules),
            changing: tokio::sync::Mutex::new(()),
        }));
        let inputs = task::Inputs {
            inbox,
            subscribing,
            listening: listening_tx,
        };
        let mut host = task::Host::new(&config, key, registry, net.clone(), metrics.clone())?;
        host.block(&rules.peers);
        let services = task::services(net.clone(), chain, metrics)
            .map_err(|e| StartError::Setup(e.to_string()))?;
        let work = async move {
            tokio::join!(
                host.run(inputs, stop.clone()),
                stop.run_until_cancelled(services)
            );
        };
        Ok((net, work))
    }

    /// This host's peer id.
    pub fn id(&self) -> &PeerId {
        &self.0.id
    }

    /// The settings it was started with.
    pub fn config(&self) -> &NetConfig {
        &self.0.config
    }

    pub(crate) fn hello(&self) -> Option<&Hello> {
        self.0.hello.as_ref()
    }

    /// The addresses it listens on, without its peer id.
    pub fn listening(&self) -> Vec<String> {
        self.0.listening.borrow().clone()
    }

    /// The same with `/p2p/ID`, ready to be given to others; waits up to `limit` for the first one.
    ///
    /// # Errors
    /// When there is none by then.
    pub async fn dial_addresses(&self, limit: Duration) -> Result<Vec<String>, Stopped> {
        let mut listening = self.0.listening.clone();
        let some = timeout(limit, listening.wait_for(|a| !a.is_empty())).await;
        let addresses = some.map_err(|_| Stopped)?.map_err(|_| Stopped)?;
        Ok(addresses
            .iter()
            .map(|a| format!("{a}/p2p/{}", self.0.id))
            .collect())
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.0
            .commands
            .send(make(reply))
            .await
            .map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Connects to a peer given as `/ip4/…/tcp/PORT/p2p/ID`, or by its bare id when an address of it
    /// is known. Done at once when it is connected already.
    ///
    /// # Errors
    /// [`ConnectError`] says which address failed, and why.
    pub async fn connect(&self, address: &str) -> Result<(), ConnectError> {
        self.connect_to(Target::parse(address)?).await
    }

    /// As [`connect`](Self::connect), at whichever of a peer's addresses answers first. An address that
    /// cannot be read is passed over when there are others.
    ///
    /// # Errors
    /// [`ConnectError`] says how each address failed.
    pub(crate) async fn connect_any(&self, addresses: &[String]) -> Result<(), ConnectError> {
        self.connect_to(Target::join(addresses)?).await
    }

    async fn connect_to(&self, target: Target) -> Result<(), ConnectError> {
        let limit = self.0.config.connections.dial_timeout + GRACE;
        timeout(limit, self.ask(|reply| Command::Connect(target, reply)))
            .await
            .map_err(|_| ConnectError::TimedOut(limit))?
            .map_err(|_| ConnectError::Stopped)?
    }

    /// Keeps a connection to a peer from now on: dials it again whenever it is lost, and counts it
    /// outside of the limits.
    ///
    /// # Errors
    /// When the text is not an address with a peer id, or the service has stopped.
    pub async fn keep(&self, address: &str) -> Result<(), ConnectError> {
        let target = Target::parse(address)?;
        self.0
            .commands
            .send(Command::Keep(target))
            .await
            .map_err(|_| ConnectError::Stopped)
    }

    /// Ends all connections with a peer; false when there was none. A kept peer comes back.
    ///
    /// # Errors
    /// When the text is not a peer id, or the service has stopped ([`OpenError`] for both).
    pub async fn disconnect(&self, peer: &PeerId) -> Result<bool, OpenError> {
        let peer = parse(peer)?;
        self.ask(|reply| Command::Disconnect(peer, reply))
            .await
            .map_err(|_| OpenError::Stopped)
    }

    /// The connected peers, in the order of their ids.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn peers(&self) -> Result<Vec<PeerInfo>, Stopped> {
        self.ask(Command::Peers).await
    }

    /// What is known of a connected peer.
    ///
    /// # Errors
    /// When the text is not a peer id, or the service has stopped.
    pub async fn peer(&self, peer: &PeerId) -> Result<Option<PeerInfo>, OpenError> {
        let peer = parse(peer)?;
        self.ask(|reply| Command::Peer(peer, reply))
            .await
            .map_err(|_| OpenError::Stopped)
    }

    /// Known addresses of a peer, connected or seen before; empty when none is known.
    ///
    /// # Errors
    /// When the text is not a peer id, or the service has stopped.
    pub async fn find_peer(&self, peer: &PeerId) -> Result<Vec<String>, OpenError> {
        let peer = parse(peer)?;
        self.ask(|reply| Command::Addresses(peer, reply))
            .await
            .map_err(|_| OpenError::Stopped)
    }

    /// Refuses a peer from now on and disconnects it; false when it was blocked already.
    ///
    /// # Errors
    /// When the text is not a peer id, or the service has stopped.
    pub async fn block(&self, peer: &PeerId) -> Result<bool, OpenError> {
        let peer = parse(peer)?;
        self.ask(|reply| Command::Block(peer, reply))
            .await
            .map_err(|_| OpenError::Stopped)
    }

    /// Accepts a blocked peer again; false when it was not blocked.
    ///
    /// # Errors
    /// When the text is not a peer id, or the service has stopped.
    pub async fn unblock(&self, peer: &PeerId) -> Result<bool, OpenError> {
        let peer = parse(peer)?;
        self.ask(|reply| Command::Unblock(peer, reply))
            .await
            .map_err(|_| OpenError::Stopped)
    }

    /// Blocked peers, in the order of their ids.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn blocked(&self) -> Result<Vec<PeerId>, Stopped> {
        self.ask(Command::Blocked).await
    }

    /// Opens a stream to a connected peer.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(&self, peer: &PeerId, protocol: &str) -> Result<RequestStream, OpenError> {
        let peer = parse(peer)?;
        let id = StreamProtocol::try_from_owned(protocol.to_owned())
            .map_err(|_| OpenError::InvalidProtocol(protocol.to_owned()))?;
        let limit = self.0.config.connections.dial_timeout + GRACE;
        timeout(limit, self.ask(|reply| Command::Open(peer, id, reply)))
            .await
            .map_err(|_| OpenError::TimedOut)?
            // The reply is dropped when the connection ends first.
            .unwrap_or_else(|_| match self.0.commands.is_closed() {
                true => Err(OpenError::Stopped),
                false => Err(OpenError::Failed("the connection was closed".to_owned())),
            })
    }

    /// Begins to accept streams of a protocol. Peers connected already are told.
    ///
    /// # Errors
    /// When it is no protocol id or has a handler already.
    pub fn register(&self, protocol: &str) -> Result<IncomingStreams, RegisterError> {
        self.0.registry.register(protocol)
    }

    /// Measures a round trip to a connected peer.
    ///
    /// # Errors
    /// [`PingError`].
    pub async fn ping(&self, peer: &PeerId, limit: Duration) -> Result<Duration, PingError> {
        use futures::AsyncReadExt as _;
        let what = "the ping";
        let round_trip = async {
            let mut stream = self.open(peer, PING_PROTOCOL).await?;
            let sent = tokio::task::spawn_blocking(random_bytes);
            let sent = sent
                .await
                .map_err(|e| StreamError::Io(std::io::Error::other(e)))?;
            // The first exchange may wait for the negotiation of the protocol, the second does not.
            let mut took = Duration::ZERO;
            for _ in 0..2 {
                let started = Instant::now();
                stream.write(&sent, limit).await?;
                let mut echo = [0; PING_SIZE];
                stream
                    .read_exact(&mut echo)
                    .await
                    .map_err(StreamError::Io)?;
                took = started.elapsed();
                if echo != sent {
                    return Err(PingError::WrongEcho);
                }
            }
            drop(stream.finish(limit).await);
            Ok(took)
        };
        timeout(limit, round_trip)
            .await
            .unwrap_or(Err(StreamError::TimedOut { what, limit }.into()))
    }

    async fn publish(&self, topic: Topic, data: Vec<u8>) -> Result<(), PublishError> {
        self.ask(|reply| Command::Publish(topic, data, reply))
            .await
            .map_err(|_| PublishError::Stopped)?
    }

    fn subscribe(&self, subscriber: Subscriber) {
        // When the task is gone the sender is dropped here, and the inbox ends.
        drop(self.0.subscriptions.send(Command::Subscribe(subscriber)));
    }
}

/// Bytes that an earlier answer cannot contain: a fresh key's public half.
fn random_bytes() -> [u8; PING_SIZE] {
    let public = libp2p::identity::ed25519::Keypair::generate().public();
    public.to_bytes()
}

fn parse(peer: &PeerId) -> Result<libp2p::PeerId, OpenError> {
    let text = peer.as_str();
    // Base58 takes time by the square of its length: no peer id is so long.
    if text.len() > LONGEST_PEER_ID {
        let begin: String = text.chars().take(LONGEST_PEER_ID).collect();
        return Err(OpenError::InvalidPeer(PeerId::from_text(begin)));
    }
    text.parse()
        .map_err(|_| OpenError::InvalidPeer(peer.clone()))
}
