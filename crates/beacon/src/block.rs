//! Which beacon entries a block carries.
//!
//! A block carries the entries since the last one that the chain holds, up to the round of its own
//! epoch; after null rounds these are several. A chained beacon needs every round between, since each
//! verifies the next; an unchained one has exactly one entry per epoch.
//!
//! # Lotus parity
//! `BeaconEntriesForBlock` and `ValidateBlockValues`. On the genesis block (whose entry is round 0,
//! 32 zero bytes) a chained beacon follows with the newest round alone, as Lotus up to v1.24 did, and
//! its first entry cannot be verified: nobody on the chain knows the round before. Later versions
//! also check nothing else of that one block; here its last round must still be right.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use lotus_ports::beacon::{BeaconError, BeaconSchedule};
use lotus_types::{BeaconEntry, ChainEpoch};

/// Most entries that a header can hold on the wire.
pub const MAX_ENTRIES: u64 = 8192;
/// Entries that are asked for at the same time.
const CONCURRENT: usize = 8;

/// Why a block's beacon entries are refused, or cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntriesError {
    /// The number of entries is wrong.
    #[error("expected {expected} beacon entries in this block, got {got}")]
    Count {
        /// How many there should be.
        expected: Expected,
        /// How many there are.
        got: usize,
    },
    /// The last entry is not of the epoch's round.
    #[error("expected the last beacon entry to be of round {expected}, got {got}")]
    LastRound {
        /// The round of the block's epoch.
        expected: u64,
        /// The round of its last entry.
        got: u64,
    },
    /// An entry of an unchained beacon is not of its epoch's round.
    #[error("expected beacon round {expected} for epoch {epoch}, got {got}")]
    Round {
        /// The epoch.
        epoch: ChainEpoch,
        /// Its round.
        expected: u64,
        /// The entry's round.
        got: u64,
    },
    /// An entry is not the beacon's.
    #[error("beacon entry {index}: {source}")]
    Entry {
        /// Its position in the block.
        index: usize,
        /// Why.
        source: BeaconError,
    },
    /// A block after so long a gap cannot be made: its entries would not fit into a header.
    #[error("{missing} beacon entries are missing since the parent; a block holds {MAX_ENTRIES}")]
    TooMany {
        /// How many a block would have to carry.
        missing: u64,
    },
    /// An entry could not be had.
    #[error(transparent)]
    Unavailable(BeaconError),
}

/// How many entries a block should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Exactly so many.
    Exactly(usize),
    /// One or more.
    AtLeastOne,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(0) => f.write_str("no"),
            Self::Exactly(n) => write!(f, "{n}"),
            Self::AtLeastOne => f.write_str("one or more"),
        }
    }
}

impl EntriesError {
    /// True when the block, not this node, is to blame.
    pub fn is_bad_block(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::TooMany { .. } => false,
            Self::Entry { source, .. } => source.is_bad_entry(),
            _ => true,
        }
    }
}

/// The rounds that a block at `epoch` must carry, in order. `previous` is the last entry that its
/// parents at `parent_epoch`, or their ancestors, carry.
///
/// # Errors
/// [`EntriesError::TooMany`].
pub fn rounds_for_block(
    schedule: &BeaconSchedule,
    epoch: ChainEpoch,
    parent_epoch: ChainEpoch,
    previous: &BeaconEntry,
) -> Result<Vec<u64>, EntriesError> {
    let beacon = schedule.beacon_for_epoch(epoch);
    let last = beacon.max_round_for_epoch(epoch);
    if beacon.is_chained() {
        if schedule.switches_between(parent_epoch, epoch) {
            // The first of the two lets the second be verified.
            return Ok(vec![last.saturating_sub(1), last]);
        }
        let known = if previous.round == 0 {
            last.saturating_sub(1)
        } else {
            previous.round
        };
        bounded(last.saturating_sub(known))?;
        return Ok((known.saturating_add(1)..=last).collect());
    }
    if last == previous.round {
        return Ok(Vec::new());
    }
    bounded(epoch.saturating_sub(parent_epoch).try_into().unwrap_or(0))?;
    let epochs = parent_epoch.saturating_add(1)..=epoch;
    Ok(epochs
        .map(|epoch| beacon.max_round_for_epoch(epoch))
        .collect())
}

/// The entries that a block at `epoch` must carry; waits for those to come.
///
/// # Errors
/// [`EntriesError::Unavailable`] or [`EntriesError::TooMany`].
pub async fn entries_for_block(
    schedule: &BeaconSchedule,
    epoch: ChainEpoch,
    parent_epoch: ChainEpoch,
    previous: &BeaconEntry,
) -> Result<Vec<BeaconEntry>, EntriesError> {
    let rounds = rounds_for_block(schedule, epoch, parent_epoch, previous)?;
    let beacon = schedule.beacon_for_epoch(epoch);
    stream::iter(rounds.into_iter().map(|round| beacon.entry(round)))
        .buffered(CONCURRENT)
        .try_collect()
        .await
        .map_err(EntriesError::Unavailable)
}

/// Checks the entries of a block at `epoch` whose parents are at `parent_epoch`, where `previous` is
/// the last entry that the chain holds up to them. About 1 ms of CPU for each entry.
///
/// # Errors
/// [`EntriesError`]; [`EntriesError::is_bad_block`] tells whom to blame.
pub fn validate_block_entries(
    schedule: &BeaconSchedule,
    epoch: ChainEpoch,
    entries: &[BeaconEntry],
    parent_epoch: ChainEpoch,
    previous: &BeaconEntry,
) -> Result<(), EntriesError> {
    let beacon = schedule.beacon_for_epoch(epoch);
    let last = beacon.max_round_for_epoch(epoch);
    let count = |expected| EntriesError::Count {
        expected,
        got: entries.len(),
    };
    let switches = beacon.is_chained() && schedule.switches_between(parent_epoch, epoch);
    if !switches && last == previous.round {
        return if entries.is_empty() {
            Ok(())
        } else {
            Err(count(Expected::Exactly(0)))
        };
    }
    let Some((first, rest)) = entries.split_first() else {
        return Err(count(if switches {
            Expected::Exactly(2)
        } else {
            Expected::AtLeastOne
        }));
    };
    if switches && rest.len() != 1 {
        return Err(count(Expected::Exactly(2)));
    }
    let last_entry = rest.last().unwrap_or(first);
    if last_entry.round != last {
        return Err(EntriesError::LastRound {
            expected: last,
            got: last_entry.round,
        });
    }
    if !beacon.is_chained() {
        let epochs = parent_epoch.saturating_add(1)..;
        for (entry, epoch) in entries.iter().zip(epochs) {
            let expected = beacon.max_round_for_epoch(epoch);
            if entry.round != expected {
                return Err(EntriesError::Round {
                    epoch,
                    expected,
                    got: entry.round,
                });
            }
        }
    }
    let verify = |index, entry, before| {
        beacon
            .verify_entry(entry, before)
            .map_err(|source| EntriesError::Entry { index, source })
    };
    if !beacon.is_chained() || !(switches || previous.round == 0) {
        verify(0, first, previous)?;
    }
    let pairs = entries.iter().zip(rest).enumerate();
    pairs
        .into_iter()
        .try_for_each(|(index, (before, entry))| verify(index + 1, entry, before))
}

fn bounded(missing: u64) -> Result<(), EntriesError> {
    if missing > MAX_ENTRIES {
        Err(EntriesError::TooMany { missing })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
