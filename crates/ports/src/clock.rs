//! Time as a port: everything that waits for a block time or a deadline asks a [`Clock`].
//!
//! [`SystemClock`] is the real one; it gets its sleeping from the runtime that is in use, so that
//! this crate needs none. [`ManualClock`] stands still until it is moved: a proving period passes in
//! a test as fast as the code can follow.
//!
//! # Invariants
//! - [`Clock::sleep_until`] ends when `now` is at or after the given time, never before.
//! - A clock may be set back by its machine; sleepers then sleep longer, they do not miss the time.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A point in time, as the time since 1970-01-01 00:00 UTC.
pub type UnixTime = Duration;

/// A future that somebody else's runtime drives.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time and waits for it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> UnixTime;

    /// Ends when `at` has come; at once when it is past.
    fn sleep_until(&self, at: UnixTime) -> Sleep;

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now().saturating_add(duration))
    }

    /// Now, in whole seconds, as block headers count.
    fn unix_seconds(&self) -> u64 {
        self.now().as_secs()
    }
}

/// The machine's clock.
#[derive(Clone)]
pub struct SystemClock {
    sleep: Arc<dyn Fn(Duration) -> Sleep + Send + Sync>,
}

impl SystemClock {
    /// A clock that sleeps with the runtime's timer, for example
    /// `SystemClock::new(|d| Box::pin(tokio::time::sleep(d)))`.
    pub fn new(sleep: impl Fn(Duration) -> Sleep + Send + Sync + 'static) -> Self {
        Self {
            sleep: Arc::new(sleep),
        }
    }
}

impl fmt::Debug for SystemClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemClock")
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        system_now()
    }

    fn sleep_until(&self, at: UnixTime) -> Sleep {
        let sleep = Arc::clone(&self.sleep);
        Box::pin(async move {
            // Timers run on a monotonic clock: look again, in case this one was set back meanwhile.
            loop {
                let left = at.saturating_sub(system_now());
                if left.is_zero() {
                    return;
                }
                sleep(left).await;
            }
        })
    }
}

fn system_now() -> UnixTime {
    // A machine that thinks it is before 1970 gets the epoch itself.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A clock for tests: it moves only when told to.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug, Default)]
struct Hands {
    now: UnixTime,
    sleepers: Vec<(UnixTime, Waker)>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: UnixTime) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            now,
            sleepers: Vec::new(),
        })))
    }

    /// Moves the clock on and wakes whoever waited for that.
    pub fn advance(&self, by: Duration) {
        let to = self.hands().now.saturating_add(by);
        self.set(to);
    }

    /// Sets the clock (back, too) and wakes whoever waited for that time.
    pub fn set(&self, to: UnixTime) {
        let woken: Vec<Waker> = {
            let mut hands = self.hands();
            hands.now = to;
            let (due, waiting) = std::mem::take(&mut hands.sleepers)
                .into_iter()
                .partition(|(at, _)| *at <= to);
            hands.sleepers = waiting;
            let due: Vec<(UnixTime, Waker)> = due;
            due.into_iter().map(|(_, waker)| waker).collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// The next time that somebody waits for.
    pub fn next_sleeper(&self) -> Option<UnixTime> {
        self.hands().sleepers.iter().map(|(at, _)| *at).min()
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        self.hands().now
    }

    fn sleep_until(&self, at: UnixTime) -> Sleep {
        Box::pin(ManualSleep {
            clock: self.clone(),
            at,
        })
    }
}

struct ManualSleep {
    clock: ManualClock,
    at: UnixTime,
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.clock.hands();
        if hands.now >= self.at {
            return Poll::Ready(());
        }
        let waker = cx.waker();
        let known = hands
            .sleepers
            .iter()
            .any(|(at, w)| *at == self.at && w.will_wake(waker));
        if !known {
            hands.sleepers.push((self.at, waker.clone()));
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        task::Wake,
    };

    use super::*;

    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    mod a_manual_clock {
        use super::*;

        #[test]
        fn wakes_a_sleeper_when_its_time_has_come_and_not_before() {
            let clock = ManualClock::at(Duration::from_secs(100));
            let flag = Arc::new(Flag(AtomicBool::new(false)));
            let waker = Waker::from(Arc::clone(&flag));
            let mut cx = Context::from_waker(&waker);
            let mut sleep = clock.sleep(Duration::from_secs(10));
            assert!(sleep.as_mut().poll(&mut cx).is_pending());
            clock.advance(Duration::from_secs(9));
            assert!(!flag.0.load(Ordering::SeqCst));
            assert_eq!(clock.next_sleeper(), Some(Duration::from_secs(110)));
            clock.advance(Duration::from_secs(1));
            assert!(flag.0.load(Ordering::SeqCst));
            assert!(sleep.as_mut().poll(&mut cx).is_ready());
            assert_eq!(clock.next_sleeper(), None);
        }

        #[test]
        fn lets_a_sleeper_wait_longer_after_it_was_set_back() {
            let clock = ManualClock::at(Duration::from_secs(100));
            let mut cx = Context::from_waker(Waker::noop());
            let mut sleep = clock.sleep(Duration::from_secs(10));
            clock.set(Duration::from_secs(50));
            assert!(sleep.as_mut().poll(&mut cx).is_pending());
            clock.set(Duration::from_secs(110));
            assert!(sleep.as_mut().poll(&mut cx).is_ready());
        }
    }

    #[test]
    fn the_system_clock_does_not_sleep_for_a_time_that_is_past() {
        let clock = SystemClock::new(|_| Box::pin(std::future::pending()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(
            clock
                .sleep_until(Duration::ZERO)
                .as_mut()
                .poll(&mut cx)
                .is_ready()
        );
        assert!(clock.now() > Duration::from_secs(1_600_000_000));
        assert!(
            clock
                .sleep(Duration::from_secs(60))
                .as_mut()
                .poll(&mut cx)
                .is_pending()
        );
    }
}
