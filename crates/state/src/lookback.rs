//! The tipset that elections look back to.
//!
//! # Lotus parity
//! `stmgr.GetLookbackTipSetForRound`.

use lotus_networks::policy::WINNING_POST_SECTOR_SET_LOOKBACK;
use lotus_types::{ChainEpoch, Cid, Tipset};

use crate::{ChainView, StateFault, view};

/// Where an election at some epoch looks for power, sectors and worker keys.
#[derive(Debug, Clone)]
pub enum Lookback {
    /// A tipset and the state after it, which a later tipset names.
    Known {
        /// The tipset.
        tipset: Tipset,
        /// State after executing it.
        state_root: Cid,
    },
    /// The tipset itself that was asked from: its state must be computed.
    Base,
}

/// The lookback of an election at `epoch` on top of `base`: the last tipset at or before
/// `epoch` − 900; `base` itself when that lies no deeper.
///
/// # Errors
/// [`StateFault::Chain`].
pub fn for_epoch(
    view: &dyn ChainView,
    base: &Tipset,
    epoch: ChainEpoch,
) -> Result<Lookback, StateFault> {
    let target = epoch
        .saturating_sub(WINNING_POST_SECTOR_SET_LOOKBACK)
        .max(0);
    if target >= base.height() {
        return Ok(Lookback::Base);
    }
    // The state after a tipset stands in the next one.
    let next = view
        .tipset_at(target + 1, base, false)
        .map_err(StateFault::Chain)?;
    let tipset = view::load(view, next.parents())?;
    Ok(Lookback::Known {
        tipset,
        state_root: next.parent_state_root(),
    })
}
