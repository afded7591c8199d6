//! Keeping configured peers connected: when to dial which of them next.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId};

/// One configured peer.
#[derive(Debug)]
struct Entry {
    /// Where it was configured to be. Kept here, because what is remembered of peers in general is
    /// bounded and can be pushed out by strangers.
    addresses: Vec<Multiaddr>,
    /// When to dial it next, unless it is connected by then.
    due: Instant,
    /// The pause after the next failure.
    pause: Duration,
}

/// Due times of configured peers, with pauses that double on each failure.
#[derive(Debug)]
pub(crate) struct Redial {
    min: Duration,
    max: Duration,
    entries: HashMap<PeerId, Entry>,
}

impl Redial {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self {
            min: min.max(Duration::from_millis(1)),
            max: max.max(min),
            entries: HashMap::new(),
        }
    }

    /// Adds a peer, due at once; or more addresses of one that is there already.
    pub(crate) fn add(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, now: Instant) {
        let pause = self.min;
        let new = || Entry {
            addresses: Vec::new(),
            due: now,
            pause,
        };
        let entry = self.entries.entry(peer).or_insert_with(new);
        for address in addresses {
            if !entry.addresses.contains(&address) {
                entry.addresses.push(address);
            }
        }
    }

    /// The configured addresses of a peer.
    pub(crate) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.entries
            .get(peer)
            .map(|e| e.addresses.clone())
            .unwrap_or_default()
    }

    pub(crate) fn contains(&self, peer: &PeerId) -> bool {
        self.entries.contains_key(peer)
    }

    /// The peer connected: the next loss starts from the shortest pause.
    pub(crate) fn connected(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.pause = self.min;
        }
    }

    /// The connection was lost: dial again after the shortest pause.
    pub(crate) fn lost(&mut self, peer: &PeerId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.due = now + self.min;
        }
    }

    /// Peers to dial now. Each is due again after its pause, which has then doubled.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<PeerId> {
        let mut due = Vec::new();
        for (peer, entry) in &mut self.entries {
            if entry.due <= now {
                entry.due = now + entry.pause;
                entry.pause = (entry.pause * 2).min(self.max);
                due.push(*peer);
            }
        }
        due
    }

    /// When [`take_due`](Self::take_due) has something next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.entries.values().map(|e| e.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_peer_that_cannot_be_reached_is_dialed_at_doubling_pauses_up_to_the_longest() {
        let start = Instant::now();
        let mut redial = Redial::new(SECOND, 4 * SECOND);
        let peer = PeerId::random();
        redial.add(peer, Vec::new(), start);
        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..5 {
            assert_eq!(redial.take_due(now), [peer]);
            assert!(redial.take_due(now).is_empty());
            let next = redial.next_due().expect("there is a peer");
            pauses.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(pauses, [1, 2, 4, 4, 4]);
    }

    #[test]
    fn the_configured_addresses_add_up() {
        let mut redial = Redial::new(SECOND, SECOND);
        let peer = PeerId::random();
        let [a, b] = ["/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2"]
            .map(|a| a.parse::<Multiaddr>().expect("an address"));
        redial.add(peer, vec![a.clone()], Instant::now());
        redial.add(peer, vec![a.clone(), b.clone()], Instant::now());
        assert_eq!(redial.addresses(&peer), [a, b]);
        assert!(redial.addresses(&PeerId::random()).is_empty());
    }

    #[test]
    fn a_lost_connection_starts_over_with_the_shortest_pause() {
        let start = Instant::now();
        let mut redial = Redial::new(SECOND, 60 * SECOND);
        let peer = PeerId::random();
        redial.add(peer, Vec::new(), start);
        for k in 0..4 {
            redial.take_due(start + k * 60 * SECOND);
        }
        let later = start + 1000 * SECOND;
        redial.connected(&peer);
        redial.lost(&peer, later);
        assert_eq!(redial.next_due(), Some(later + SECOND));
        assert_eq!(redial.take_due(later + SECOND), [peer]);
        assert_eq!(redial.next_due(), Some(later + 2 * SECOND));
    }
}
