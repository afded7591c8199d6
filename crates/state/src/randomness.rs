//! What the chain says about an epoch at random: tickets and beacon entries.
//!
//! # Lotus parity
//! `chain/rand` at network version 14 and later: both searches take the tipset *after* a null
//! round; the beacon entry is the one whose round belongs to the epoch, looked for up to 20 tipsets
//! back. Recorded: epoch 0 has no beacon entry, an epoch below 0 takes genesis' last one.

use std::sync::Arc;

use lotus_crypto::blake2b_256;
use lotus_networks::policy::BEACON_SEARCH_DEPTH;
use lotus_types::{BeaconEntry, ChainEpoch, Tipset};

use crate::{ChainView, StateFault, view};

/// The beacon's newest round that an epoch may use. From the network's beacon schedule.
pub type RoundOfEpoch = Arc<dyn Fn(ChainEpoch) -> u64 + Send + Sync>;

/// Randomness as seen from one tipset.
pub struct ChainRandomness<'a> {
    view: &'a dyn ChainView,
    from: &'a Tipset,
    round_of: &'a RoundOfEpoch,
}

impl std::fmt::Debug for ChainRandomness<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainRandomness")
            .field("from", self.from)
            .finish_non_exhaustive()
    }
}

impl<'a> ChainRandomness<'a> {
    /// Randomness on the chain that ends in `from`.
    pub fn new(view: &'a dyn ChainView, from: &'a Tipset, round_of: &'a RoundOfEpoch) -> Self {
        Self {
            view,
            from,
            round_of,
        }
    }

    /// blake2b-256 of the smallest ticket at `epoch`; below 0 that of genesis.
    ///
    /// # Errors
    /// [`StateFault::Refused`] for an epoch above the tipset.
    pub fn ticket_digest(&self, epoch: ChainEpoch) -> Result<[u8; 32], StateFault> {
        let tipset = self.tipset_for(epoch)?;
        let ticket = tipset.min_ticket_block().ticket.as_ref();
        ticket
            .map(lotus_types::Ticket::digest)
            .ok_or_else(|| StateFault::Refused(format!("tipset {} has no ticket", tipset.key())))
    }

    /// blake2b-256 of the beacon entry for `epoch`.
    ///
    /// # Errors
    /// [`StateFault::Refused`] when the epoch lies above the tipset or has no entry, and
    /// [`StateFault::Chain`] when the search for it comes to genesis.
    pub fn beacon_digest(&self, epoch: ChainEpoch) -> Result<[u8; 32], StateFault> {
        Ok(blake2b_256(&self.beacon_entry(epoch)?.data))
    }

    /// The beacon entry for `epoch`.
    ///
    /// # Errors
    /// [`StateFault::Refused`] when the epoch lies above the tipset or has no entry, and
    /// [`StateFault::Chain`] when the search for it comes to genesis.
    pub fn beacon_entry(&self, epoch: ChainEpoch) -> Result<BeaconEntry, StateFault> {
        let mut tipset = self.tipset_for(epoch)?;
        if epoch < 0 {
            return self.latest_entry(tipset);
        }
        let round = (self.round_of)(epoch);
        for _ in 0..BEACON_SEARCH_DEPTH {
            let entries = &tipset.min_ticket_block().beacon_entries;
            if let Some(entry) = entries.iter().find(|e| e.round == round) {
                return Ok(entry.clone());
            }
            // Below genesis there is no tipset; the error says so, as Lotus' does.
            tipset = view::load(self.view, tipset.parents())?;
        }
        Err(StateFault::Refused(format!(
            "didn't find beacon for round {round} (epoch {epoch})"
        )))
    }

    /// The newest entry at or before a tipset.
    fn latest_entry(&self, from: Tipset) -> Result<BeaconEntry, StateFault> {
        latest_beacon_entry(self.view, &from)
    }

    fn tipset_for(&self, epoch: ChainEpoch) -> Result<Tipset, StateFault> {
        if epoch > self.from.height() {
            return Err(StateFault::Refused(
                "cannot draw randomness from the future".to_owned(),
            ));
        }
        self.view
            .tipset_at(epoch.max(0), self.from, false)
            .map_err(StateFault::Chain)
    }
}

/// The newest beacon entry at or before `from`, at most 20 tipsets back.
///
/// # Errors
/// [`StateFault::Refused`] when there is none so near.
pub fn latest_beacon_entry(view: &dyn ChainView, from: &Tipset) -> Result<BeaconEntry, StateFault> {
    let mut tipset = from.clone();
    for _ in 0..BEACON_SEARCH_DEPTH {
        if let Some(entry) = tipset.min_ticket_block().last_beacon_entry() {
            return Ok(entry.clone());
        }
        if tipset.height() == 0 {
            return Err(StateFault::Refused(
                "made it back to genesis block without finding beacon entry".to_owned(),
            ));
        }
        tipset = view::load(view, tipset.parents())?;
    }
    Err(StateFault::Refused(
        "found NO beacon entries in the 20 latest tipsets".to_owned(),
    ))
}
