//! Signals to a process that has just come up.
//!
//! The supervisor listens from the moment on in which it runs. Between that and the first answer of an
//! API there is a moment in which somebody may already ask for the end: a signal then must not kill the
//! process as it stands.

use std::task::Poll;

use futures::FutureExt as _;
use lotus_runtime::supervisor::{Outcome, Supervisor};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that come before the supervisor listens.
pub(crate) struct EarlySignals([Signal; 2]);

impl EarlySignals {
    /// From now on a signal does not end the process by itself: to be called when what takes long is
    /// done.
    ///
    /// # Errors
    /// When handlers cannot be installed.
    pub(crate) fn catch() -> std::io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ]))
    }

    /// Did one come?
    fn came(&mut self) -> bool {
        let mut signals = self.0.iter_mut();
        signals.any(|signal| signal.recv().now_or_never().flatten().is_some())
    }

    /// Runs a supervisor to its end, which has come already when there was a signal.
    ///
    /// # Errors
    /// As [`Supervisor::run`].
    pub(crate) async fn supervise(mut self, supervisor: Supervisor) -> std::io::Result<Outcome> {
        let tasks = supervisor.tasks();
        let mut running = std::pin::pin!(supervisor.run());
        // Polled once it listens itself, so that none is lost in between.
        if let Poll::Ready(outcome) = futures::poll!(&mut running) {
            return outcome;
        }
        if self.came() {
            tasks.request_stop("an early signal");
        }
        drop(self);
        running.await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lotus_runtime::supervisor::StopReason;

    use super::*;

    #[tokio::test]
    async fn a_signal_before_the_supervisor_runs_is_an_orderly_stop() {
        let early = EarlySignals::catch().expect("handlers");
        // A window change: nobody else in this process minds.
        let mut window = signal(SignalKind::window_change()).expect("handler");
        let early = EarlySignals([signal(SignalKind::window_change()).expect("handler"), {
            let [_, terminate] = early.0;
            terminate
        }]);
        let this = rustix::process::getpid();
        rustix::process::kill_process(this, rustix::process::Signal::WINCH).expect("sent");
        window.recv().await.expect("delivered");
        let supervisor = Supervisor::new(Duration::from_secs(5));
        let outcome = early.supervise(supervisor).await.expect("runs");
        assert!(matches!(outcome.reason, StopReason::Requested(_)));
    }
}
