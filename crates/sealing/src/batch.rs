//! Queues of sectors that are sent to the chain in one message.
//!
//! # Invariants
//! - A queue lives in memory only: each waiting sector has its own state on disk, and takes its place
//!   again after a restart.
//! - A sector whose task is gone (removed, restarted) is no longer in the queue.
//!
//! # Lotus parity
//! The pre-commit and commit batchers: sent when full, when the first sector has waited long enough,
//! when a sector would come too late, or when the operator flushes.

use std::{collections::BTreeMap, time::Duration};

use lotus_ports::clock::UnixTime;
use lotus_types::SectorNumber;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::{config::BatchConfig, event::Event};

/// When a queue is to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Send now.
    Send,
    /// Not before this time.
    Wait(UnixTime),
    /// Nothing waits.
    Idle,
}

/// What is known of a waiting sector when the decision is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// In the queue since.
    pub(crate) since: UnixTime,
    /// Must be sent before.
    pub(crate) cutoff: UnixTime,
}

/// Is it time to send? Pure.
pub(crate) fn decide(
    waiting: &[Waiting],
    now: UnixTime,
    flush: bool,
    config: &BatchConfig,
) -> Decision {
    if waiting.is_empty() {
        return Decision::Idle;
    }
    if flush || waiting.len() >= config.max.max(1) {
        return Decision::Send;
    }
    let due = |w: &Waiting| {
        w.since
            .saturating_add(config.wait)
            .min(w.cutoff.saturating_sub(config.slack))
    };
    match waiting.iter().map(due).min() {
        Some(due) if due > now => Decision::Wait(due),
        _ => Decision::Send,
    }
}

struct Entry {
    waiting: Waiting,
    reply: oneshot::Sender<Option<Event>>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.waiting.fmt(f)
    }
}

/// A sector that was taken out of the queue, to be answered.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Which.
    pub(crate) sector: SectorNumber,
    reply: oneshot::Sender<Option<Event>>,
}

impl Taken {
    /// Tells the sector's task what became of it; `None`: ask again.
    pub(crate) fn answer(self, event: Option<Event>) {
        drop(self.reply.send(event)); // The task may be gone.
    }
}

/// One queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: Mutex<(BTreeMap<SectorNumber, Entry>, bool)>,
    changed: Notify,
}

impl Queue {
    /// Waits in the queue; `None` when the sector must look again before it is sent.
    pub(crate) async fn wait(&self, sector: SectorNumber, waiting: Waiting) -> Option<Event> {
        let (reply, answer) = oneshot::channel();
        self.entries
            .lock()
            .0
            .insert(sector, Entry { waiting, reply });
        self.changed.notify_one();
        answer.await.ok().flatten()
    }

    /// Sectors that wait.
    pub(crate) fn sectors(&self) -> Vec<SectorNumber> {
        let mut entries = self.entries.lock();
        entries.0.retain(|_, e| !e.reply.is_closed());
        entries.0.keys().copied().collect()
    }

    /// Sends what waits, soon.
    pub(crate) fn flush(&self) {
        self.entries.lock().1 = true;
        self.changed.notify_one();
    }

    /// Takes the sectors to send if it is time, else says when it is.
    pub(crate) fn take(&self, now: UnixTime, config: &BatchConfig) -> Result<Vec<Taken>, Decision> {
        let mut entries = self.entries.lock();
        entries.0.retain(|_, e| !e.reply.is_closed());
        let waiting: Vec<_> = entries.0.values().map(|e| e.waiting).collect();
        let decision = decide(&waiting, now, entries.1, config);
        if decision != Decision::Send {
            // A flush of an empty queue must not send the first sector that comes later.
            entries.1 = false;
            return Err(decision);
        }
        let mut taken = Vec::new();
        while taken.len() < config.max.max(1) {
            let Some((sector, entry)) = entries.0.pop_first() else {
                break;
            };
            taken.push(Taken {
                sector,
                reply: entry.reply,
            });
        }
        entries.1 = entries.1 && !entries.0.is_empty();
        Ok(taken)
    }

    /// Ends when something has changed since the last look.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// Far enough away to mean "never" and to be added to.
pub(crate) const NEVER: UnixTime = Duration::from_secs(u32::MAX as u64 * 4);

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BatchConfig = BatchConfig {
        min: 4,
        max: 3,
        wait: Duration::from_secs(100),
        slack: Duration::from_secs(10),
    };

    const fn secs(n: u64) -> UnixTime {
        Duration::from_secs(n)
    }

    const fn since(n: u64) -> Waiting {
        Waiting {
            since: secs(n),
            cutoff: NEVER,
        }
    }

    mod a_queue_is_sent {
        use super::*;

        #[test]
        fn when_it_is_full() {
            let waiting = [since(1), since(2), since(3)];
            assert_eq!(decide(&waiting, secs(3), false, &CONFIG), Decision::Send);
            assert_eq!(
                decide(&waiting[..2], secs(3), false, &CONFIG),
                Decision::Wait(secs(101))
            );
        }

        #[test]
        fn when_the_first_sector_has_waited_long_enough() {
            let waiting = [since(50), since(1)];
            assert_eq!(decide(&waiting, secs(101), false, &CONFIG), Decision::Send);
        }

        #[test]
        fn before_a_sector_would_come_too_late() {
            let waiting = [
                since(1),
                Waiting {
                    since: secs(2),
                    cutoff: secs(60),
                },
            ];
            assert_eq!(
                decide(&waiting, secs(49), false, &CONFIG),
                Decision::Wait(secs(50))
            );
            assert_eq!(decide(&waiting, secs(50), false, &CONFIG), Decision::Send);
        }

        #[test]
        fn when_the_operator_says_so_unless_it_is_empty() {
            assert_eq!(decide(&[since(1)], secs(2), true, &CONFIG), Decision::Send);
            assert_eq!(decide(&[], secs(2), true, &CONFIG), Decision::Idle);
        }
    }

    #[tokio::test]
    async fn a_sector_whose_task_is_gone_is_not_sent() {
        let queue = Queue::default();
        {
            let mut gone = Box::pin(queue.wait(1, since(1)));
            assert!(futures::poll!(&mut gone).is_pending());
            assert_eq!(queue.sectors(), [1]);
        }
        let mut here = Box::pin(queue.wait(2, since(1)));
        assert!(futures::poll!(&mut here).is_pending());
        queue.flush();
        let taken = queue.take(secs(2), &CONFIG).expect("flushed");
        assert_eq!(taken.iter().map(|t| t.sector).collect::<Vec<_>>(), [2]);
        taken
            .into_iter()
            .for_each(|t| t.answer(Some(Event::Proving {})));
        assert_eq!(here.await, Some(Event::Proving {}));
        assert_eq!(
            queue.take(secs(2), &CONFIG).expect_err("empty"),
            Decision::Idle
        );
    }
}
