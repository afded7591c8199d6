//! Serving a protocol: one bounded job per incoming stream, limited per peer and in total.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lotus_ports::network::PeerId;
use tokio::{task::JoinSet, time::timeout};

use super::{IncomingStreams, RequestStream};
use crate::metrics::Metrics;

/// How much of a service peers may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServeLimits {
    /// Streams of one peer at once.
    pub(crate) per_peer: usize,
    /// Streams at once.
    pub(crate) total: usize,
    /// Longest time for one stream.
    pub(crate) time: Duration,
}

/// Counts the streams of each peer that are being served.
#[derive(Debug, Clone, Default)]
struct Gate(Arc<Mutex<HashMap<PeerId, usize>>>);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, HashMap<PeerId, usize>> {
        // The counts are adjusted in one step each, so a panic elsewhere leaves them right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, peer: &PeerId, limit: usize) -> Option<Slot> {
        let mut busy = self.lock();
        let count = busy.entry(peer.clone()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Slot {
            gate: self.clone(),
            peer: peer.clone(),
        })
    }
}

/// One stream's place; given back when dropped, also by a job that panicked.
struct Slot {
    gate: Gate,
    peer: PeerId,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut busy = self.gate.lock();
        if let Some(count) = busy.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                busy.remove(&self.peer);
            }
        }
    }
}

/// Runs `handler` for every stream of `incoming` within `limits`, until the protocol is
/// unregistered. Streams above the limits are reset.
pub(crate) async fn serve<F, Fut>(
    mut incoming: IncomingStreams,
    limits: ServeLimits,
    metrics: Metrics,
    handler: F,
) where
    F: Fn(RequestStream) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let gate = Gate::default();
    let mut jobs = JoinSet::new();
    loop {
        tokio::select! {
            next = incoming.next() => {
                let Some(stream) = next else { return };
                let slot = gate.enter(stream.peer(), limits.per_peer);
                let Some(slot) = slot.filter(|_| jobs.len() < limits.total) else {
                    let (peer, protocol) = (stream.peer(), stream.protocol());
                    tracing::debug!(%peer, protocol, "too many streams at once");
                    metrics.streams_dropped.inc();
                    continue;
                };
                let job = handler(stream);
                jobs.spawn(async move {
                    let _slot = slot;
                    timeout(limits.time, job).await.is_ok()
                });
            }
            Some(done) = jobs.join_next() => {
                if let Err(error) = done && error.is_panic() {
                    tracing::error!(%error, "a stream handler panicked");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_gets_its_places_and_no_more_until_one_is_given_back() {
        let gate = Gate::default();
        let (a, b) = (PeerId::from_text("a"), PeerId::from_text("b"));
        let first = gate.enter(&a, 2);
        let second = gate.enter(&a, 2);
        assert!(first.is_some() && second.is_some());
        assert!(gate.enter(&a, 2).is_none());
        assert!(gate.enter(&b, 2).is_some());
        drop(first);
        assert!(gate.enter(&a, 2).is_some());
        drop(second);
        assert!(gate.lock().is_empty());
    }
}
