//! How fast bytes flow: an exponentially weighted average.
//!
//! # Lotus parity
//! As `go-flow-metrics`: looked at once a second, each look moves the rate by 1 − 1/e of the way to
//! what was seen since the last one; a first look is believed as a whole, and what has all but stopped
//! has stopped.

use std::time::Duration;

/// Bytes per second below which nothing flows.
const STOPPED: f64 = 1e-3;

/// A rate in bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rate(f64);

impl Rate {
    /// Notes the bytes of the time since the last look.
    pub(crate) fn look(&mut self, bytes: u64, passed: Duration) {
        let seconds = passed.as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let now = bytes as f64 / seconds;
        if self.0 == 0.0 {
            self.0 = now;
        } else {
            self.0 += (now - self.0) * (1.0 - (-seconds).exp());
        }
        if self.0 < STOPPED {
            self.0 = 0.0;
        }
    }

    /// In bytes per second.
    pub(crate) const fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_look_is_believed() {
        let mut rate = Rate::default();
        rate.look(3000, 2 * SECOND);
        assert!((rate.get() - 1500.0).abs() < 1e-9);
    }

    #[test]
    fn it_goes_to_nothing_when_nothing_flows() {
        let mut rate = Rate::default();
        rate.look(1_000_000, SECOND);
        rate.look(0, SECOND);
        assert!((rate.get() - 1_000_000.0 / std::f64::consts::E).abs() < 1e-3);
        for _ in 0..40 {
            rate.look(0, SECOND);
        }
        assert_eq!(rate, Rate::default());
    }

    #[test]
    fn two_looks_in_no_time_change_nothing() {
        let mut rate = Rate::default();
        rate.look(100, Duration::ZERO);
        assert_eq!(rate, Rate::default());
    }

    proptest! {
        #[test]
        fn a_steady_flow_is_its_own_rate(bytes in 1_u64..1_000_000_000, looks in 1_usize..100) {
            let mut rate = Rate::default();
            for _ in 0..looks {
                rate.look(bytes, SECOND);
            }
            prop_assert!((rate.get() - bytes as f64).abs() <= bytes as f64 * 1e-9);
        }

        #[test]
        fn it_stays_between_the_slowest_and_the_fastest_look(
            looks in proptest::collection::vec(1_u64..1_000_000, 1..50)
        ) {
            let mut rate = Rate::default();
            for bytes in &looks {
                rate.look(*bytes, SECOND);
            }
            let (min, max) = (looks.iter().min(), looks.iter().max());
            prop_assert!(rate.get() >= *min.expect("one") as f64 - 1e-3);
            prop_assert!(rate.get() <= *max.expect("one") as f64 + 1e-3);
        }
    }
}
