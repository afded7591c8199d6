//! The node's libp2p host: peers, gossip, hello, chain exchange, request streams.
//!
//! This is the only crate that names libp2p. [`NetService`] is the handle; it implements the ports of
//! [`lotus_ports::network`], which is all that sync, the message pool and block production see, and
//! answers the API's methods about the host ([`lotus_rpc_api::node::NetApi`]).
//!
//! ```text
//!            NetService (handle)                       one task
//!   connect, peers, open, publish ──commands──► Host: swarm, peer table, redial
//!   fetch ──open──► request stream ◄────────────┘   │ identify, ping, gossipsub, streams
//!   blocks(), messages(), heads() ◄──bounded inboxes┘
//! ```
//!
//! # Invariants
//! - Everything that comes from a peer is bounded: sizes before decoding, list lengths while decoding,
//!   time on every wait, streams and connections per peer and in total, and what waits for a consumer.
//! - Every stream passes the counters around the multiplexer, every connection the gate: what the API
//!   tells of bytes, connections and streams is what there is.
//! - Nothing received is used before it was checked: chain exchange answers are linked to the
//!   question, gossip is passed on only after its consumer accepted it.
//!
//! # Lotus parity
//! Replaces `node/hello`, `chain/exchange`, `node/modules/lp2p` and `lib/peermgr`. Wire forms and
//! identifiers are Lotus' (checked against recordings). Not here yet: Kademlia, bitswap, QUIC, NAT
//! traversal; peers are found through configured addresses.

#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod address;
mod api;
mod behaviour;
mod capped;
mod cbor;
mod config;
mod exchange;
mod gate;
mod gossip;
mod hello;
mod key;
mod metrics;
mod muxer;
mod peers;
mod resources;
mod service;
mod streams;
mod traffic;
mod trim;

pub use address::ConnectError;
pub use behaviour::StartError;
pub use capped::Capped;
pub use cbor::ScanError;
pub use config::{ConnectionSettings, ExchangeSettings, GossipSettings, NetConfig};
pub use exchange::{
    CompactedMessages, EXCHANGE_PROTOCOL, HEADERS, Includes, MESSAGES, Request, Response, Status,
    WireTipset,
};
pub use gossip::MAX_SIZE as MAX_GOSSIP_SIZE;
pub use hello::{HELLO_PROTOCOL, HelloMessage, LatencyMessage};
pub use key::{HostKey, HostKeyError, KEYSTORE_NAME, KeptKeyError};
pub use metrics::Metrics;
pub use peers::PeerInfo;
pub use service::{NetService, PingError, Stopped};
pub use streams::{
    IncomingStreams, OpenError, ReadLimits, RegisterError, RequestStream, StreamError,
};
