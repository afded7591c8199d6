//! Connections, streams and descriptors in use, by scope, and the limits on them.
//!
//! A connection belongs to the system and, until its peer is known, to the transient scope; then to
//! its peer. A stream belongs to the system, its peer and, until its protocol is agreed on, to the
//! transient scope; then to its protocol, and to the service that has this protocol.
//!
//! # What is counted
//! - Connections from the moment that one is dialed or accepted; each has one file descriptor (while
//!   several addresses of a peer are dialed at once there are more for a moment).
//! - Streams from the moment that either side opens one.
//! - Memory: the 256 KiB that every stream lets its sender have in flight when it begins. Windows
//!   grow on fast streams, which is not counted; so there are no limits on memory.
//!
//! # Invariants
//! - What is taken is given back exactly once: by dropping its [`Connection`] or [`Stream`].
//! - What would exceed a limit is not taken. Configured peers' connections are the exception: they are
//!   counted, and never refused.
//!
//! # Lotus parity
//! The resource manager of go-libp2p, as `NetStat` and `NetLimit` show it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p::PeerId;
use lotus_rpc_api::types::net::{NetLimit, NetStat, ScopeStat};

pub(crate) mod limits;
pub(crate) mod scope;

use limits::{Defaults, LimitError};
pub(crate) use scope::Scope;

/// What a stream may have in flight when it begins: yamux' first window.
const WINDOW: i64 = 256 << 10;

/// Who opened a connection or stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The peer.
    Inbound,
    /// This host.
    Outbound,
}

/// A limit has been reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("resource limit exceeded: scope {scope} has {limit} {what} at most")]
pub(crate) struct Exceeded {
    scope: String,
    limit: i64,
    what: &'static str,
}

/// What one scope uses, and its own limit if it has one.
#[derive(Debug, Default)]
struct Account {
    used: ScopeStat,
    limit: Option<NetLimit>,
}

impl Account {
    fn is_unused(&self) -> bool {
        self.limit.is_none() && self.used == ScopeStat::default()
    }
}

/// What is taken or given back.
#[derive(Debug, Clone, Copy)]
enum Item {
    Connection(Direction),
    Stream(Direction),
}

impl Item {
    fn apply(self, used: &mut ScopeStat, sign: i64) {
        match self {
            Self::Connection(Direction::Inbound) => used.num_conns_inbound += sign,
            Self::Connection(Direction::Outbound) => used.num_conns_outbound += sign,
            Self::Stream(Direction::Inbound) => used.num_streams_inbound += sign,
            Self::Stream(Direction::Outbound) => used.num_streams_outbound += sign,
        }
        if matches!(self, Self::Connection(_)) {
            used.num_fd += sign;
        }
    }

    /// The numbers that one more would raise, each with its limit.
    fn checks(self, used: &ScopeStat, limit: &NetLimit) -> [(i64, i64, &'static str); 3] {
        let conns = used.num_conns_inbound + used.num_conns_outbound;
        let streams = used.num_streams_inbound + used.num_streams_outbound;
        let fd = (used.num_fd, limit.fd, "file descriptors");
        match self {
            Self::Connection(direction) => [
                match direction {
                    Direction::Inbound => (
                        used.num_conns_inbound,
                        limit.conns_inbound,
                        "inbound connections",
                    ),
                    Direction::Outbound => (
                        used.num_conns_outbound,
                        limit.conns_outbound,
                        "outbound connections",
                    ),
                },
                (conns, limit.conns, "connections"),
                fd,
            ],
            Self::Stream(direction) => {
                let one_way = match direction {
                    Direction::Inbound => (
                        used.num_streams_inbound,
                        limit.streams_inbound,
                        "inbound streams",
                    ),
                    Direction::Outbound => (
                        used.num_streams_outbound,
                        limit.streams_outbound,
                        "outbound streams",
                    ),
                };
                [one_way, (streams, limit.streams, "streams"), one_way]
            }
        }
    }
}

#[derive(Debug)]
struct Books {
    accounts: HashMap<Scope, Account>,
    defaults: Defaults,
}

impl Books {
    fn limit(&self, scope: &Scope) -> &NetLimit {
        let own = self.accounts.get(scope).and_then(|a| a.limit.as_ref());
        own.unwrap_or_else(|| self.defaults.limit(scope))
    }

    fn used(&self, scope: &Scope) -> ScopeStat {
        let account = self.accounts.get(scope);
        let mut used = account.map(|a| a.used.clone()).unwrap_or_default();
        if matches!(scope, Scope::System | Scope::Peer(_)) {
            used.memory = WINDOW * (used.num_streams_inbound + used.num_streams_outbound);
        }
        used
    }

    fn check(&self, scope: &Scope, item: Item) -> Result<(), Exceeded> {
        let nothing = ScopeStat::default();
        let used = self.accounts.get(scope).map_or(&nothing, |a| &a.used);
        let full = item.checks(used, self.limit(scope)).into_iter();
        match full.into_iter().find(|(used, limit, _)| used >= limit) {
            Some((_, limit, what)) => Err(Exceeded {
                scope: scope.to_string(),
                limit,
                what,
            }),
            None => Ok(()),
        }
    }

    fn take(&mut self, scope: &Scope, item: Item) {
        let account = self.accounts.entry(scope.clone()).or_default();
        item.apply(&mut account.used, 1);
    }

    fn give_back(&mut self, scope: &Scope, item: Item) {
        if let Some(account) = self.accounts.get_mut(scope) {
            item.apply(&mut account.used, -1);
            if account.is_unused() {
                self.accounts.remove(scope);
            }
        }
    }
}

/// The resources of a host. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Resources(Arc<Mutex<Books>>);

impl Resources {
    pub(crate) fn new(defaults: Defaults) -> Self {
        Self(Arc::new(Mutex::new(Books {
            accounts: HashMap::new(),
            defaults,
        })))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Each change leaves the books whole, so a panic elsewhere does not matter.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is dialed or was accepted. `forced`: whatever the limits say.
    pub(crate) fn connection(
        &self,
        direction: Direction,
        forced: bool,
    ) -> Result<Connection, Exceeded> {
        let item = Item::Connection(direction);
        let held = Held::take(
            self,
            item,
            [Scope::System, Scope::Transient].to_vec(),
            forced,
        )?;
        Ok(Connection(held))
    }

    /// A stream with a peer.
    pub(crate) fn stream(&self, peer: PeerId, direction: Direction) -> Result<Stream, Exceeded> {
        let item = Item::Stream(direction);
        let scopes = [Scope::System, Scope::Transient, Scope::Peer(peer)].to_vec();
        Held::take(self, item, scopes, false).map(Stream)
    }

    /// What a scope uses.
    pub(crate) fn stat(&self, scope: &Scope) -> NetStat {
        let used = self.books().used(scope);
        let mut stat = NetStat::default();
        match scope {
            Scope::System => stat.system = Some(used),
            Scope::Transient => stat.transient = Some(used),
            Scope::Service(name) => drop(stat.services.insert(name.clone(), used)),
            Scope::Protocol(name) => drop(stat.protocols.insert(name.clone(), used)),
            Scope::Peer(id) => drop(stat.peers.insert(id.to_base58(), used)),
        }
        stat
    }

    /// What all scopes use that use something or have a limit of their own.
    pub(crate) fn stat_all(&self) -> NetStat {
        let books = self.books();
        let mut stat = NetStat {
            system: Some(books.used(&Scope::System)),
            transient: Some(books.used(&Scope::Transient)),
            ..NetStat::default()
        };
        for scope in books.accounts.keys() {
            let used = books.used(scope);
            match scope {
                Scope::System | Scope::Transient => {}
                Scope::Service(name) => drop(stat.services.insert(name.clone(), used)),
                Scope::Protocol(name) => drop(stat.protocols.insert(name.clone(), used)),
                Scope::Peer(id) => drop(stat.peers.insert(id.to_base58(), used)),
            }
        }
        stat
    }

    /// What a scope may use.
    pub(crate) fn limit(&self, scope: &Scope) -> NetLimit {
        self.books().limit(scope).clone()
    }

    /// Sets what a scope may use. What it uses already is not taken away.
    pub(crate) fn set_limit(&self, scope: Scope, limit: NetLimit) -> Result<(), LimitError> {
        limits::check(&scope, &limit)?;
        self.books().accounts.entry(scope).or_default().limit = Some(limit);
        Ok(())
    }
}

/// Something that is counted in some scopes, until it is dropped.
#[derive(Debug)]
struct Held {
    resources: Resources,
    item: Item,
    scopes: Vec<Scope>,
}

impl Held {
    fn take(
        resources: &Resources,
        item: Item,
        scopes: Vec<Scope>,
        forced: bool,
    ) -> Result<Self, Exceeded> {
        let mut books = resources.books();
        if !forced {
            scopes
                .iter()
                .try_for_each(|scope| books.check(scope, item))?;
        }
        scopes.iter().for_each(|scope| books.take(scope, item));
        drop(books);
        Ok(Self {
            resources: resources.clone(),
            item,
            scopes,
        })
    }

    /// Counts it for `scopes` in place of the transient one.
    fn settle(&mut self, scopes: Vec<Scope>, forced: bool) -> Result<(), Exceeded> {
        let mut books = self.resources.books();
        if !forced {
            scopes
                .iter()
                .try_for_each(|scope| books.check(scope, self.item))?;
        }
        if let Some(at) = self.scopes.iter().position(|s| *s == Scope::Transient) {
            self.scopes.swap_remove(at);
            books.give_back(&Scope::Transient, self.item);
        }
        scopes.iter().for_each(|scope| books.take(scope, self.item));
        drop(books);
        self.scopes.extend(scopes);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut books = self.resources.books();
        for scope in &self.scopes {
            books.give_back(scope, self.item);
        }
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(crate) struct Connection(Held);

impl Connection {
    /// Its peer is known now. `forced`: whatever the limits say.
    pub(crate) fn with(&mut self, peer: PeerId, forced: bool) -> Result<(), Exceeded> {
        self.0.settle(vec![Scope::Peer(peer)], forced)
    }
}

/// A stream that is counted.
#[derive(Debug)]
pub(crate) struct Stream(Held);

impl Stream {
    /// Its protocol is known now.
    pub(crate) fn speaks(&mut self, protocol: &str) -> Result<(), Exceeded> {
        let mut scopes = vec![Scope::Protocol(protocol.to_owned())];
        if let Some(service) = scope::service_of(protocol) {
            scopes.push(Scope::Service(service.to_owned()));
        }
        self.0.settle(scopes, false)
    }
}

#[cfg(test)]
mod tests;
