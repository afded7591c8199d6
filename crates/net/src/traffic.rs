//! Bytes that this host sends and receives: in all, by peer, by protocol.
//!
//! # What is counted
//! What streams carry, their negotiation included, of every protocol: gossip, identify and ping as
//! well as the house's own. Not what goes around it: encryption, the multiplexer's frames, TCP. So it
//! is with Lotus. A stream's bytes count for its protocol from the moment that is agreed on, those
//! before it then too; a stream that ends without a protocol counts for the one with no name.
//!
//! # Invariants
//! - What all protocols have carried is never more than the total; neither is what all peers have.
//! - Peers that went are remembered up to a bound; those that were silent for longest go first.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use libp2p::PeerId;
use lotus_rpc_api::types::net::BandwidthStats;

pub(crate) mod negotiation;
mod rate;

use rate::Rate;

/// Peers and protocols that are remembered when nothing speaks to or with them.
const REMEMBERED: usize = 1024;

/// What flowed in both directions. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Flows>);

#[derive(Debug, Default)]
struct Flows {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Meter {
    pub(crate) fn received(&self, bytes: u64) {
        self.0.received.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.0.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    fn read(&self) -> (u64, u64) {
        let read = |flow: &AtomicU64| flow.load(Ordering::Relaxed);
        (read(&self.0.received), read(&self.0.sent))
    }
}

/// A meter and how fast it runs.
#[derive(Debug)]
struct Watched {
    meter: Meter,
    /// What it showed at the last look.
    seen: (u64, u64),
    rates: (Rate, Rate),
    /// When it last moved.
    moved: Instant,
}

impl Watched {
    fn new() -> Self {
        Self {
            meter: Meter::default(),
            seen: (0, 0),
            rates: Default::default(),
            moved: Instant::now(),
        }
    }

    fn look(&mut self, passed: Duration, now: Instant) {
        let shown = self.meter.read();
        if shown != self.seen {
            self.moved = now;
        }
        let since = |shown: u64, seen: u64| shown.saturating_sub(seen);
        self.rates.0.look(since(shown.0, self.seen.0), passed);
        self.rates.1.look(since(shown.1, self.seen.1), passed);
        self.seen = shown;
    }

    fn stats(&self) -> BandwidthStats {
        let (received, sent) = self.meter.read();
        let total = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        BandwidthStats {
            total_in: total(received),
            total_out: total(sent),
            rate_in: self.rates.0.get(),
            rate_out: self.rates.1.get(),
        }
    }

    /// Nobody holds the meter outside of the books.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.meter.0) == 1
    }
}

#[derive(Debug)]
struct Books {
    total: Watched,
    peers: HashMap<PeerId, Watched>,
    protocols: HashMap<String, Watched>,
    looked: Instant,
}

/// All meters of a host. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Traffic(Arc<Mutex<Books>>);

impl Traffic {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Books {
            total: Watched::new(),
            peers: HashMap::new(),
            protocols: HashMap::new(),
            looked: Instant::now(),
        })))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Each change leaves the books whole, so a panic elsewhere does not matter.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The meter of everything.
    pub(crate) fn total(&self) -> Meter {
        self.books().total.meter.clone()
    }

    /// The meter of a peer.
    pub(crate) fn peer(&self, peer: PeerId) -> Meter {
        let mut books = self.books();
        let entry = books.peers.entry(peer).or_insert_with(Watched::new);
        entry.meter.clone()
    }

    /// The meter of a protocol; that of no name counts what never agreed on one.
    pub(crate) fn protocol(&self, name: &str) -> Meter {
        let mut books = self.books();
        if let Some(known) = books.protocols.get(name) {
            return known.meter.clone();
        }
        let entry = books.protocols.entry(name.to_owned());
        entry.or_insert_with(Watched::new).meter.clone()
    }

    /// Brings the rates up to date; to be called about once a second.
    pub(crate) fn look(&self, now: Instant) {
        let mut books = self.books();
        let passed = now.saturating_duration_since(books.looked);
        books.looked = now;
        books.total.look(passed, now);
        for watched in books.peers.values_mut() {
            watched.look(passed, now);
        }
        for watched in books.protocols.values_mut() {
            watched.look(passed, now);
        }
        forget(&mut books.peers, REMEMBERED);
        forget(&mut books.protocols, REMEMBERED);
    }

    /// Of everything.
    pub(crate) fn stats(&self) -> BandwidthStats {
        self.books().total.stats()
    }

    /// Of each peer.
    pub(crate) fn by_peer(&self) -> BTreeMap<String, BandwidthStats> {
        let books = self.books();
        let peers = books.peers.iter();
        peers
            .map(|(peer, watched)| (peer.to_base58(), watched.stats()))
            .collect()
    }

    /// Of each protocol.
    pub(crate) fn by_protocol(&self) -> BTreeMap<String, BandwidthStats> {
        let books = self.books();
        let protocols = books.protocols.iter();
        protocols
            .map(|(name, watched)| (name.clone(), watched.stats()))
            .collect()
    }
}

/// Drops those that were silent for longest, until `most` are left or all that are left are in use.
fn forget<K: Clone + Eq + Hash>(all: &mut HashMap<K, Watched>, most: usize) {
    let Some(surplus) = all.len().checked_sub(most).filter(|surplus| *surplus > 0) else {
        return;
    };
    let idle = all.iter().filter(|(_, watched)| watched.is_idle());
    let mut idle: Vec<_> = idle
        .map(|(key, watched)| (watched.moved, key.clone()))
        .collect();
    idle.sort_by_key(|(moved, _)| *moved);
    for (_, key) in idle.into_iter().take(surplus) {
        all.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_comes_back_goes_on_where_it_was() {
        let traffic = Traffic::new();
        let peer = PeerId::random();
        traffic.peer(peer).received(10);
        traffic.peer(peer).sent(7);
        let all = traffic.by_peer();
        let stats = all.get(&peer.to_base58()).expect("counted");
        assert_eq!((stats.total_in, stats.total_out), (10, 7));
    }

    #[test]
    fn rates_follow_what_flowed_since_the_last_look() {
        let traffic = Traffic::new();
        let start = Instant::now();
        traffic.look(start);
        traffic.total().sent(5000);
        traffic.look(start + Duration::from_secs(1));
        let stats = traffic.stats();
        assert!((stats.rate_out - 5000.0).abs() < 1.0, "{stats:?}");
        assert!(stats.rate_in == 0.0);
        for second in 2..60 {
            traffic.look(start + Duration::from_secs(second));
        }
        assert!(traffic.stats().rate_out == 0.0);
        assert_eq!(traffic.stats().total_out, 5000);
    }

    #[test]
    fn of_too_many_peers_the_silent_ones_that_went_are_forgotten() {
        let traffic = Traffic::new();
        let start = Instant::now();
        let (first, stays) = (PeerId::random(), PeerId::random());
        traffic.peer(first).sent(1);
        let held = traffic.peer(stays);
        traffic.look(start);
        for _ in 0..REMEMBERED {
            traffic.peer(PeerId::random()).sent(1);
        }
        traffic.look(start + Duration::from_secs(9));
        let all = traffic.by_peer();
        assert_eq!(all.len(), REMEMBERED);
        assert!(!all.contains_key(&first.to_base58()));
        assert!(all.contains_key(&stays.to_base58()));
        drop(held);
    }
}
