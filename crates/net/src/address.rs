//! Multiaddresses of peers, and readable reasons why dialing them failed.

use std::error::Error;

use libp2p::{Multiaddr, PeerId, TransportError, multiaddr::Protocol, swarm::DialError};

use crate::peers::port_id;

/// No peer id has a longer text, in bytes; those of keys in use have about 50.
pub(crate) const LONGEST_PEER_ID: usize = 200;
/// No multiaddress has a longer text, in bytes.
const LONGEST_ADDRESS: usize = 1000;

/// Why there is no connection to a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is not a multiaddress that names a peer.
    #[error("invalid peer address {address:?}: {reason}")]
    InvalidAddress {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No address of the peer is known.
    #[error("no address of peer {0} is known")]
    NoAddress(lotus_ports::network::PeerId),
    /// It is this host.
    #[error("{0} is an address of this host itself")]
    Myself(String),
    /// Somebody else lives at the address.
    #[error("the host at {address} is peer {obtained}, not the one asked for")]
    WrongPeer {
        /// Where.
        address: String,
        /// Who answered.
        obtained: lotus_ports::network::PeerId,
    },
    /// This host does not want the connection: blocked peer, or too many connections.
    #[error("connection refused by this host: {0}")]
    Refused(String),
    /// Every address failed.
    #[error("cannot reach peer: {}", reasons(.0))]
    Unreachable(
        /// Each address and what happened there.
        Vec<(String, String)>,
    ),
    /// No outcome in time.
    #[error("connecting took longer than {0:?}")]
    TimedOut(std::time::Duration),
    /// The network service is stopping.
    #[error("the network service has stopped")]
    Stopped,
}

fn reasons(attempts: &[(String, String)]) -> String {
    let parts: Vec<_> = attempts
        .iter()
        .map(|(address, why)| format!("{address}: {why}"))
        .collect();
    parts.join("; ")
}

/// A dialable peer: who, and where if that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) peer: PeerId,
    pub(crate) addresses: Vec<Multiaddr>,
}

impl Target {
    /// Reads `/ip4/…/tcp/…/p2p/ID`, `/p2p/ID`, or a bare peer id.
    pub(crate) fn parse(text: &str) -> Result<Self, ConnectError> {
        let invalid = |reason: String| ConnectError::InvalidAddress {
            address: text.chars().take(300).collect(),
            reason,
        };
        if text.len() > LONGEST_ADDRESS {
            return Err(invalid("it is too long".to_owned()));
        }
        if let Ok(peer) = text.parse::<PeerId>() {
            return Ok(Self {
                peer,
                addresses: Vec::new(),
            });
        }
        let mut address: Multiaddr = text.parse().map_err(|e| invalid(format!("{e}")))?;
        let Some(Protocol::P2p(peer)) = address.pop() else {
            return Err(invalid("it does not end in /p2p/PEER-ID".to_owned()));
        };
        let addresses = if address.is_empty() {
            Vec::new()
        } else {
            vec![address]
        };
        Ok(Self { peer, addresses })
    }

    /// Reads several of one peer: that of the first text that names one.
    pub(crate) fn join(texts: &[String]) -> Result<Self, ConnectError> {
        let mut whole: Option<Self> = None;
        let mut wrong = None;
        for text in texts {
            match (Self::parse(text), &mut whole) {
                (Ok(target), None) => whole = Some(target),
                (Ok(more), Some(whole)) if more.peer == whole.peer => {
                    whole.addresses.extend(more.addresses);
                }
                (Ok(other), Some(whole)) => {
                    wrong = Some(ConnectError::InvalidAddress {
                        address: text.chars().take(300).collect(),
                        reason: format!("it is one of peer {}, not of {}", other.peer, whole.peer),
                    });
                }
                (Err(error), _) => wrong = Some(error),
            }
        }
        match (whole, wrong) {
            (Some(whole), None) => Ok(whole),
            (Some(whole), Some(_)) if !whole.addresses.is_empty() => Ok(whole),
            (_, Some(error)) => Err(error),
            (None, None) => Err(ConnectError::Unreachable(Vec::new())),
        }
    }
}

/// The error of a dial, in words: which address, and why.
pub(crate) fn explain(error: DialError) -> ConnectError {
    match error {
        DialError::LocalPeerId { address } => ConnectError::Myself(address.to_string()),
        DialError::NoAddresses => ConnectError::Unreachable(Vec::new()),
        DialError::WrongPeerId { obtained, address } => ConnectError::WrongPeer {
            address: address.to_string(),
            obtained: port_id(&obtained),
        },
        DialError::Denied { cause } => ConnectError::Refused(chain(&cause)),
        DialError::Transport(attempts) => ConnectError::Unreachable(
            attempts
                .into_iter()
                .map(|(address, error)| (address.to_string(), reason(&address, &error)))
                .collect(),
        ),
        other @ (DialError::DialPeerConditionFalse(_) | DialError::Aborted) => {
            ConnectError::Refused(other.to_string())
        }
    }
}

fn reason(address: &Multiaddr, error: &TransportError<std::io::Error>) -> String {
    match error {
        TransportError::Other(error) if is_tcp(address) => chain(error),
        // The transports tell this in several ways, none of them clear.
        _ => {
            "this kind of address is not supported (only /ip4, /ip6 and /dns with /tcp)".to_owned()
        }
    }
}

/// True for what the host's transport can dial: `/ip4/…/tcp/…` and its like, and `/dnsaddr/…`.
fn is_tcp(address: &Multiaddr) -> bool {
    use Protocol::{Dns, Dns4, Dns6, Dnsaddr, Ip4, Ip6, P2p, Tcp};
    let mut parts = address.iter();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Dnsaddr(_)), _, _) => true,
        (Some(Ip4(_) | Ip6(_) | Dns(_) | Dns4(_) | Dns6(_)), Some(Tcp(_)), rest) => {
            matches!(rest, None | Some(P2p(_)))
        }
        _ => false,
    }
}

/// An error and its sources in one line, without the repetitions that wrapping types make.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = inner.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const ID: &str = "12D3KooWNvSZnPi3RrhrTwEY4LuuBeB6K6facKUCJcyWG1aoDd2p";

    #[test]
    fn an_address_with_a_peer_id_is_taken_apart() {
        let target = Target::parse(&format!("/ip4/127.0.0.1/tcp/1347/p2p/{ID}")).unwrap();
        assert_eq!(target.peer.to_base58(), ID);
        assert_eq!(
            target.addresses,
            ["/ip4/127.0.0.1/tcp/1347".parse::<Multiaddr>().unwrap()]
        );
    }

    #[test]
    fn a_bare_peer_id_has_no_address() {
        for text in [ID.to_owned(), format!("/p2p/{ID}")] {
            let target = Target::parse(&text).unwrap();
            assert_eq!(
                (target.peer.to_base58().as_str(), target.addresses),
                (ID, Vec::new())
            );
        }
    }

    #[test]
    fn several_addresses_are_joined_and_those_that_cannot_be_read_are_passed_over() {
        let join = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
            Target::join(&texts)
        };
        let [a, b] = [1, 2].map(|port| format!("/ip4/127.0.0.1/tcp/{port}/p2p/{ID}"));
        let target = join(&[ID, &a, "/nonsense", &b]).unwrap();
        assert_eq!(
            (target.peer.to_base58().as_str(), target.addresses.len()),
            (ID, 2)
        );
        assert!(join(&[ID]).unwrap().addresses.is_empty());
        assert!(join(&[ID, "/nonsense"]).is_err());
        let other = format!("/ip4/127.0.0.1/tcp/1/p2p/{}", PeerId::random());
        let error = join(&[ID, &other]).unwrap_err();
        assert!(error.to_string().contains("it is one of peer"), "{error}");
    }

    #[test]
    fn only_tcp_addresses_can_be_dialed() {
        let dialable = |text: String| is_tcp(&text.parse().unwrap());
        for good in [
            "/ip4/1.2.3.4/tcp/1",
            "/ip6/::1/tcp/1",
            "/dns4/example.org/tcp/1",
        ] {
            assert!(
                dialable(good.to_owned()) && dialable(format!("{good}/p2p/{ID}")),
                "{good}"
            );
        }
        for bad in [
            "/ip4/1.2.3.4/udp/1/quic-v1",
            "/ip4/1.2.3.4/tcp/1/ws",
            "/ip4/1.2.3.4",
        ] {
            assert!(!dialable(bad.to_owned()), "{bad}");
        }
    }

    #[test]
    fn reasons_of_several_lines_become_one() {
        let error = std::io::Error::other("several things:\n - one\n - two");
        assert_eq!(chain(&error), "several things: - one - two");
    }

    #[test]
    fn an_address_without_a_peer_id_is_refused_with_the_reason() {
        let error = Target::parse("/ip4/127.0.0.1/tcp/1347").unwrap_err();
        assert!(
            error.to_string().contains("does not end in /p2p/"),
            "{error}"
        );
        assert!(Target::parse("not an address").is_err());
        assert!(Target::parse("").is_err());
    }
}
