//! What resources are counted for.

use std::fmt;

use libp2p::PeerId;

use crate::address::LONGEST_PEER_ID;

/// A part of the host that has resources.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// All of it.
    System,
    /// Connections whose peer, and streams whose protocol, is not known yet.
    Transient,
    /// A part of libp2p that has streams: `libp2p.identify`, `libp2p.ping`.
    Service(String),
    /// Streams of a protocol.
    Protocol(String),
    /// Connections and streams of a peer.
    Peer(PeerId),
}

/// The longest name of a service or protocol that is taken.
const LONGEST_NAME: usize = 512;

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScopeError {
    #[error(
        "invalid scope {0}: it must be system, transient, svc:SERVICE, proto:PROTOCOL or peer:PEER-ID"
    )]
    Unknown(String),
    #[error("invalid peer ID: {0}")]
    Peer(String),
}

impl Scope {
    /// Reads `system`, `transient`, `svc:NAME`, `proto:NAME` or `peer:ID`.
    pub(crate) fn parse(text: &str) -> Result<Self, ScopeError> {
        let shown = || text.chars().take(100).collect();
        if text.len() > LONGEST_NAME {
            return Err(ScopeError::Unknown(shown()));
        }
        Ok(match text.split_once(':') {
            None if text == "system" => Self::System,
            None if text == "transient" => Self::Transient,
            Some(("svc", name)) => Self::Service(name.to_owned()),
            Some(("proto", name)) => Self::Protocol(name.to_owned()),
            Some(("peer", id)) => {
                let invalid = || ScopeError::Peer(id.chars().take(LONGEST_PEER_ID).collect());
                if id.len() > LONGEST_PEER_ID {
                    return Err(invalid());
                }
                Self::Peer(id.parse().map_err(|_| invalid())?)
            }
            _ => return Err(ScopeError::Unknown(shown())),
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Transient => f.write_str("transient"),
            Self::Service(name) => write!(f, "svc:{name}"),
            Self::Protocol(name) => write!(f, "proto:{name}"),
            Self::Peer(id) => write!(f, "peer:{id}"),
        }
    }
}

/// The service that a protocol's streams belong to as well, under go-libp2p's names.
pub(super) fn service_of(protocol: &str) -> Option<&'static str> {
    match protocol {
        "/ipfs/id/1.0.0" | "/ipfs/id/push/1.0.0" => Some("libp2p.identify"),
        "/ipfs/ping/1.0.0" => Some("libp2p.ping"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        let peer = format!("peer:{}", PeerId::random());
        for text in [
            "system",
            "transient",
            "svc:libp2p.ping",
            "proto:/a/1.0",
            &peer,
        ] {
            let scope = Scope::parse(text).expect("a scope");
            assert_eq!(scope.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for text in ["", "all", "system:", "service:x", "SYSTEM"] {
            let error = Scope::parse(text).expect_err("no scope");
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("invalid scope {text}:"))
            );
        }
        let error = Scope::parse("peer:nobody").expect_err("no peer");
        assert_eq!(error.to_string(), "invalid peer ID: nobody");
        let long = format!("proto:{}", "x".repeat(5000));
        assert!(Scope::parse(&long).expect_err("too long").to_string().len() < 300);
    }
}
