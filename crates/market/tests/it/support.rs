//! What the tests of deals share.

pub(crate) mod ledger;
pub(crate) mod sealing;
pub(crate) mod sides;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Long enough for anything that should happen.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Waits for a condition; fails the test when it does not come soon.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition().await {
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Stops whoever makes a named call: the call has its effect, and never returns. So a test can kill a
/// process at the worst moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trap(Arc<Mutex<(Option<&'static str>, bool)>>);

impl Trap {
    /// The next call of that name does not return.
    pub(crate) fn set(&self, call: &'static str) {
        *self.0.lock() = (Some(call), false);
    }

    /// Every call returns again.
    pub(crate) fn clear(&self) {
        self.0.lock().0 = None;
    }

    /// Is somebody caught?
    pub(crate) fn sprung(&self) -> bool {
        self.0.lock().1
    }

    /// To be called at the end of a call.
    pub(crate) async fn pass(&self, call: &'static str) {
        let caught = {
            let mut trap = self.0.lock();
            let caught = trap.0 == Some(call);
            trap.1 |= caught;
            caught
        };
        if caught {
            std::future::pending::<()>().await;
        }
    }
}
