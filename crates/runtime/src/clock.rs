//! The machine's clock, with tokio's timer.

use std::sync::Arc;

use lotus_ports::clock::{Clock, SystemClock};

/// The clock that services of a process share.
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new(|duration| {
        Box::pin(tokio::time::sleep(duration))
    }))
}
