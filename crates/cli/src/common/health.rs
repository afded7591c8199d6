//! How the chain does: how far the node is behind, what gas costs, how full tipsets are.

use std::time::Duration;

use lotus_networks::policy;
use lotus_types::TokenAmount;

use crate::format::{Paint, go_duration};

/// Base fees in attoFIL above which Lotus changes the colour.
const DEAR: i64 = 3_000_000_000;
const USUAL: i64 = 750_000_000;
const CHEAP: i64 = 100_000_000;
/// Per cent of the blocks that are expected, above which a chain is called healthy.
const HEALTHY: f64 = 85.0;

/// How far a head of this age is behind, in seconds as the block time is.
pub(crate) fn sync(age: u64, delay: u64, paint: Paint) -> String {
    let behind = go_duration(Duration::from_secs(age));
    if age < delay.saturating_mul(3) / 2 {
        paint.green("sync ok")
    } else if age < delay.saturating_mul(5) {
        paint.yellow(format!("sync slow ({behind} behind)"))
    } else {
        paint.red(format!("sync behind! ({behind} behind)"))
    }
}

/// A base fee in the colour of how dear it is.
pub(crate) fn priced(fee: &TokenAmount, paint: Paint) -> String {
    let above = |atto: i64| *fee > TokenAmount::from_atto(atto);
    let text = fee.to_short();
    if above(DEAR) {
        paint.red(text)
    } else if above(USUAL) {
        paint.yellow(text)
    } else if above(CHEAP) {
        paint.green(text)
    } else {
        paint.blue(text)
    }
}

/// Blocks of the last finality, in per cent of those that are expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Health(f64);

impl Health {
    /// From blocks a tipset on average.
    pub(crate) fn of(blocks_per_tipset: f64) -> Self {
        Self(100.0 * blocks_per_tipset / policy::BLOCKS_PER_EPOCH as f64)
    }

    /// Nothing between healthy and not, as in Lotus.
    pub(crate) fn line(self, paint: Paint) -> Option<String> {
        let word = if self.0 > HEALTHY {
            paint.green("healthy")
        } else if self.0 < HEALTHY {
            paint.red("unhealthy")
        } else {
            return None;
        };
        Some(format!("Chain health: {:.0}% [{word}]", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Paint {
        Paint::default()
    }

    #[test]
    fn a_node_is_behind_after_five_block_times() {
        assert_eq!(sync(44, 30, plain()), "sync ok");
        assert_eq!(sync(45, 30, plain()), "sync slow (45s behind)");
        assert_eq!(sync(150, 30, plain()), "sync behind! (2m30s behind)");
        assert_eq!(
            sync(u64::MAX / 4, 30, plain()).split(' ').next(),
            Some("sync")
        );
    }

    #[test]
    fn a_chain_is_healthy_from_85_per_cent_of_five_blocks_on() {
        let line = |blocks| Health::of(blocks).line(plain());
        assert_eq!(line(1.07).as_deref(), Some("Chain health: 21% [unhealthy]"));
        assert_eq!(line(5.0).as_deref(), Some("Chain health: 100% [healthy]"));
        assert_eq!(line(4.25), None);
    }

    #[test]
    fn fees_are_told_in_short() {
        assert_eq!(priced(&TokenAmount::from_atto(100), plain()), "100 aFIL");
    }
}
