//! How much each scope may use, and which limits this host can keep.
//!
//! # Lotus parity
//! Shape and defaults follow `node/modules/lp2p` (`LOTUS_RCMGR` is not read: the limits are always
//! on): the system's limits are powers of two above multiples of `ConnMgrHigh`, the others those of
//! go-libp2p on a small machine. Lotus takes any limit; here one that nothing would enforce is refused.

use lotus_rpc_api::types::net::NetLimit;

use super::Scope;
use crate::config::ConnectionSettings;

/// No limit, as Go writes it.
pub(crate) const UNLIMITED: i64 = i64::MAX;

/// Limits of scopes that have none of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(super) system: NetLimit,
    pub(super) transient: NetLimit,
    pub(super) service: NetLimit,
    pub(super) protocol: NetLimit,
    pub(super) peer: NetLimit,
}

/// The power of two above a number.
fn above(number: i64) -> i64 {
    let number = u64::try_from(number).unwrap_or(0).min(1 << 40);
    let bits = u64::BITS - number.leading_zeros();
    1 << bits
}

const fn streams(inbound: i64, outbound: i64) -> NetLimit {
    NetLimit {
        memory: UNLIMITED,
        streams: if inbound > outbound {
            inbound
        } else {
            outbound
        },
        streams_inbound: inbound,
        streams_outbound: outbound,
        conns: 0,
        conns_inbound: 0,
        conns_outbound: 0,
        fd: 0,
    }
}

impl Defaults {
    /// The limits that go with the connection manager's settings.
    pub(crate) fn of(settings: &ConnectionSettings) -> Self {
        let high = i64::from(settings.high.max(32));
        let (pending, per_peer) = (
            i64::from(settings.max_pending),
            i64::from(settings.max_per_peer),
        );
        Self {
            system: NetLimit {
                conns: above(4 * high),
                conns_inbound: above(2 * high),
                conns_outbound: above(2 * high),
                fd: above(4 * high),
                ..streams(above(16 * high), above(64 * high))
            },
            transient: NetLimit {
                conns: pending.saturating_mul(2),
                conns_inbound: pending,
                conns_outbound: pending,
                fd: pending.saturating_mul(2),
                ..streams(above(2 * high), above(2 * high))
            },
            service: streams(above(8 * high), above(32 * high)),
            protocol: streams(above(8 * high), above(32 * high)),
            peer: NetLimit {
                conns: per_peer,
                conns_inbound: per_peer,
                conns_outbound: per_peer,
                fd: per_peer,
                ..streams(256, 512)
            },
        }
    }

    pub(super) const fn limit(&self, scope: &Scope) -> &NetLimit {
        match scope {
            Scope::System => &self.system,
            Scope::Transient => &self.transient,
            Scope::Service(_) => &self.service,
            Scope::Protocol(_) => &self.protocol,
            Scope::Peer(_) => &self.peer,
        }
    }
}

/// A limit that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitError {
    /// Less than nothing.
    #[error("the limit {name} of scope {scope} is {value}; it must not be negative")]
    Negative {
        scope: String,
        name: &'static str,
        value: i64,
    },
    /// Memory is not measured.
    #[error(
        "cannot limit the memory of scope {scope} to {value} bytes: this host does not measure what \
         streams hold; leave Memory at {UNLIMITED} and limit Streams"
    )]
    Memory { scope: String, value: i64 },
    /// Services and protocols have streams, not connections.
    #[error(
        "cannot limit {name} of scope {scope}: connections belong to no service or protocol; leave it \
         at 0 and limit connections of system, transient or a peer"
    )]
    NoConnections { scope: String, name: &'static str },
}

/// Refuses a limit that could not be kept.
pub(super) fn check(scope: &Scope, limit: &NetLimit) -> Result<(), LimitError> {
    let fields = [
        ("Memory", limit.memory),
        ("Streams", limit.streams),
        ("StreamsInbound", limit.streams_inbound),
        ("StreamsOutbound", limit.streams_outbound),
        ("Conns", limit.conns),
        ("ConnsInbound", limit.conns_inbound),
        ("ConnsOutbound", limit.conns_outbound),
        ("FD", limit.fd),
    ];
    if let Some((name, value)) = fields.into_iter().find(|(_, value)| *value < 0) {
        return Err(LimitError::Negative {
            scope: scope.to_string(),
            name,
            value,
        });
    }
    if limit.memory != UNLIMITED {
        return Err(LimitError::Memory {
            scope: scope.to_string(),
            value: limit.memory,
        });
    }
    let [.., conns @ (_, _), inbound, outbound, fd] = fields;
    if matches!(scope, Scope::Service(_) | Scope::Protocol(_))
        && let Some((name, _)) = [conns, inbound, outbound, fd]
            .into_iter()
            .find(|(_, value)| *value != 0)
    {
        return Err(LimitError::NoConnections {
            scope: scope.to_string(),
            name,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_that_lotus_was_recorded_with() {
        let defaults = Defaults::of(&ConnectionSettings::default());
        let system = defaults.system;
        assert_eq!(
            (system.conns, system.conns_inbound, system.conns_outbound),
            (1024, 512, 512)
        );
        assert_eq!(
            (
                system.streams,
                system.streams_inbound,
                system.streams_outbound
            ),
            (16384, 4096, 16384)
        );
    }

    #[test]
    fn every_default_can_be_set_again() {
        let defaults = Defaults::of(&ConnectionSettings::default());
        for scope in [
            Scope::System,
            Scope::Transient,
            Scope::Service("libp2p.ping".to_owned()),
            Scope::Protocol("/a/1".to_owned()),
            Scope::Peer(libp2p::PeerId::random()),
        ] {
            assert_eq!(check(&scope, defaults.limit(&scope)), Ok(()), "{scope}");
        }
    }

    #[test]
    fn a_limit_that_nothing_would_keep_is_refused_with_the_way_out() {
        let defaults = Defaults::of(&ConnectionSettings::default());
        let memory = NetLimit {
            memory: 1 << 30,
            ..defaults.system.clone()
        };
        let error = check(&Scope::System, &memory).expect_err("not kept");
        assert!(
            error
                .to_string()
                .contains("leave Memory at 9223372036854775807")
        );
        let protocol = NetLimit {
            conns_inbound: 5,
            ..defaults.protocol
        };
        let error = check(&Scope::Protocol("/a/1".to_owned()), &protocol).expect_err("not kept");
        assert!(
            error
                .to_string()
                .contains("ConnsInbound of scope proto:/a/1")
        );
        let negative = NetLimit {
            streams: -1,
            ..defaults.system
        };
        let error = check(&Scope::System, &negative).expect_err("not kept");
        assert!(error.to_string().contains("Streams of scope system is -1"));
    }
}
