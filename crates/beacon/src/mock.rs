//! A beacon for tests: everyone can compute every entry.
//!
//! # Lotus parity
//! Lotus' mock beacon: entry(round) = blake2b-256(round as 8 bytes big-endian), and epoch e uses
//! round e + 100.

use async_trait::async_trait;
use lotus_crypto::blake2b_256;
use lotus_ports::beacon::{Beacon, BeaconError};
use lotus_types::{BeaconEntry, ChainEpoch};

/// Rounds are ahead of epochs by so much.
const OFFSET: i64 = 100;

/// The mock beacon.
#[derive(Debug, Clone, Copy, Default)]
pub struct MockBeacon;

impl MockBeacon {
    /// The entry of a round.
    pub fn entry_of(round: u64) -> BeaconEntry {
        BeaconEntry {
            round,
            data: blake2b_256(&round.to_be_bytes()).into(),
        }
    }
}

#[async_trait]
impl Beacon for MockBeacon {
    async fn entry(&self, round: u64) -> Result<BeaconEntry, BeaconError> {
        Ok(Self::entry_of(round))
    }

    fn verify_entry(&self, entry: &BeaconEntry, _: &BeaconEntry) -> Result<(), BeaconError> {
        if *entry == Self::entry_of(entry.round) {
            Ok(())
        } else {
            Err(BeaconError::Invalid {
                round: entry.round,
                reason: "not what the mock beacon says".to_owned(),
            })
        }
    }

    fn max_round_for_epoch(&self, epoch: ChainEpoch) -> u64 {
        u64::try_from(epoch.saturating_add(OFFSET)).unwrap_or(0)
    }

    fn is_chained(&self) -> bool {
        true
    }
}
