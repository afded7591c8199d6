//! The libp2p behaviours of a host, put together.

use std::time::Duration;

use libp2p::{
    PeerId, Swarm, Transport as _, allow_block_list,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    dns, gossipsub, identify, noise, ping,
    swarm::{self, NetworkBehaviour},
    tcp, yamux,
};

use crate::{
    config::NetConfig,
    gate::{Gate, dialing::Guarded, ip::IpGate},
    gossip::params,
    key::HostKey,
    muxer::{Counted, Counters},
    streams::behaviour::{Behaviour as Streams, Registry},
};

/// Identify's protocol version, as go-libp2p sends it.
const PROTOCOL_VERSION: &str = "ipfs/0.1.0";

/// Everything a host does on its connections.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    /// First, so that refused connections cost nothing.
    pub(crate) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(crate) gate: Gate,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
    pub(crate) gossip: gossipsub::Behaviour,
    pub(crate) streams: Streams,
}

/// Why the network service cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A configured address is unusable.
    #[error(transparent)]
    Address(#[from] crate::ConnectError),
    /// An address to listen on is not a multiaddress, or cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The configured address.
        address: String,
        /// Why.
        reason: String,
    },
    /// The file of blocked peers and addresses cannot be used.
    #[error("{0}")]
    Rules(String),
    /// The library refused its settings: a bug here, or a host key that cannot sign.
    #[error("cannot set up libp2p: {0}")]
    Setup(String),
}

/// Builds the swarm: TCP, noise, yamux, and the behaviours above. `counters` count what it carries,
/// `ips` says whom it does not speak to.
pub(crate) fn build(
    config: &NetConfig,
    key: &HostKey,
    registry: Registry,
    counters: Counters,
    ips: IpGate,
) -> Result<Swarm<Behaviour>, StartError> {
    let c = &config.connections;
    let behaviour = Behaviour {
        blocked: allow_block_list::Behaviour::default(),
        gate: Gate::new(counters.resources.clone(), ips.clone()),
        identify: identify::Behaviour::new(
            identify::Config::new(PROTOCOL_VERSION.to_owned(), key.pair().public())
                .with_agent_version(config.agent.clone())
                .with_push_listen_addr_updates(true),
        ),
        ping: ping::Behaviour::new(
            ping::Config::new()
                .with_interval(c.ping_interval)
                .with_timeout(c.dial_timeout),
        ),
        gossip: params::behaviour(config, key)?,
        streams: Streams::new(registry, c.dial_timeout),
    };
    // Connections are kept until the limits or a peer end them, as Lotus' hosts do.
    let keep = Duration::from_secs(1 << 31);
    let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(keep);
    let transport = transport(key, c.dial_timeout, counters, ips)?;
    let id = key.pair().public().to_peer_id();
    Ok(Swarm::new(transport, behaviour, id, settings))
}

/// TCP with names looked up, encrypted by noise and multiplexed by yamux. Dialing and handshakes end
/// within `limit`. Every stream is counted, and no blocked address is dialed.
fn transport(
    key: &HostKey,
    limit: Duration,
    counters: Counters,
    ips: IpGate,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, StartError> {
    let tcp = || {
        let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
        Guarded::new(tcp, ips.clone())
    };
    let named = dns::tokio::Transport::system(tcp()).unwrap_or_else(|error| {
        // A machine without resolver settings is no reason not to start.
        tracing::warn!(%error, "no system resolver: /dns addresses cannot be dialed");
        let (servers, options) = (dns::ResolverConfig::default(), dns::ResolverOpts::default());
        dns::tokio::Transport::custom(tcp(), servers, options)
    });
    let noise =
        noise::Config::new(key.pair()).map_err(|e| StartError::Setup(crate::address::chain(&e)))?;
    Ok(named
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux::Config::default())
        .timeout(limit)
        .map(move |(peer, muxer), _| {
            let counted = Counted::new(muxer, peer, counters.clone());
            (peer, StreamMuxerBox::new(counted))
        })
        .boxed())
}
