//! Deadlines and partitions: which sectors are proven when, and how they stand.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{BigInt, BitField, ChainEpoch, Cid, PoStProof, TokenAmount, wire_tuple};

use crate::{Array, StateError};

/// All deadlines of a miner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlines {
    /// One [`Deadline`] each; 48.
    pub due: Vec<Cid>,
}
wire_tuple!(Deadlines { due: "Due" });

/// Where a sector is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectorLocation {
    /// Index of the deadline.
    pub deadline: u64,
    /// Index of the partition in it.
    pub partition: u64,
}
wire_tuple!(SectorLocation {
    deadline: "Deadline",
    partition: "Partition"
});

/// Sectors that are proven in the same window.
#[derive(Debug, Clone, PartialEq)]
pub struct Deadline {
    /// AMT of [`Partition`]s.
    pub partitions: Cid,
    /// AMT from epochs to partitions with sectors that expire.
    pub expirations_epochs: Cid,
    /// Partitions proven in the open window.
    pub partitions_posted: BitField,
    /// Partitions with sectors terminated early.
    pub early_terminations: BitField,
    /// Sectors not terminated.
    pub live_sectors: u64,
    /// All sectors.
    pub total_sectors: u64,
    /// Power of faulty sectors.
    pub faulty_power: PowerPair,
    /// AMT of proofs accepted unchecked in the open window.
    pub optimistic_post_submissions: Cid,
    /// Sectors as they were at the end of the last window.
    pub sectors_snapshot: Cid,
    /// Partitions as they were at the end of the last window.
    pub partitions_snapshot: Cid,
    /// AMT of [`WindowedPoSt`]s of the last window, which can be disputed.
    pub optimistic_post_submissions_snapshot: Cid,
}
wire_tuple!(Deadline {
    partitions: "Partitions",
    expirations_epochs: "ExpirationsEpochs",
    partitions_posted: "PartitionsPoSted",
    early_terminations: "EarlyTerminations",
    live_sectors: "LiveSectors",
    total_sectors: "TotalSectors",
    faulty_power: "FaultyPower",
    optimistic_post_submissions: "OptimisticPoStSubmissions",
    sectors_snapshot: "SectorsSnapshot",
    partitions_snapshot: "PartitionsSnapshot",
    optimistic_post_submissions_snapshot: "OptimisticPoStSubmissionsSnapshot",
});

impl Deadline {
    /// Its partitions.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn partitions<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Array<'s, S, Partition>, StateError> {
        Array::load(store, &self.partitions, "partitions")
    }

    /// Proofs of the last window, which can be disputed by their index.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn disputable_proofs<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Array<'s, S, WindowedPoSt>, StateError> {
        Array::load(
            store,
            &self.optimistic_post_submissions_snapshot,
            "disputable proofs",
        )
    }
}

/// Sectors that are proven together.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// All of them.
    pub sectors: BitField,
    /// Never proven by a WindowPoSt.
    pub unproven: BitField,
    /// Faulty, declared or detected.
    pub faults: BitField,
    /// Of the faulty ones, those declared to be back.
    pub recoveries: BitField,
    /// Gone, but not yet compacted.
    pub terminated: BitField,
    /// AMT from epochs to [`ExpirationSet`]s.
    pub expirations_epochs: Cid,
    /// AMT from epochs to sectors terminated early.
    pub early_terminated: Cid,
    /// Power of live sectors.
    pub live_power: PowerPair,
    /// Power of unproven ones.
    pub unproven_power: PowerPair,
    /// Power of faulty ones.
    pub faulty_power: PowerPair,
    /// Power of recovering ones.
    pub recovering_power: PowerPair,
}
wire_tuple!(Partition {
    sectors: "Sectors",
    unproven: "Unproven",
    faults: "Faults",
    recoveries: "Recoveries",
    terminated: "Terminated",
    expirations_epochs: "ExpirationsEpochs",
    early_terminated: "EarlyTerminated",
    live_power: "LivePower",
    unproven_power: "UnprovenPower",
    faulty_power: "FaultyPower",
    recovering_power: "RecoveringPower",
});

impl Partition {
    /// Sectors not terminated.
    pub fn live_sectors(&self) -> BitField {
        (self.sectors.inner() - self.terminated.inner()).into()
    }

    /// Sectors that count: live, neither faulty nor unproven.
    pub fn active_sectors(&self) -> BitField {
        let live = self.sectors.inner() - self.terminated.inner();
        (&(&live - self.faults.inner()) - self.unproven.inner()).into()
    }

    /// Sectors by the epoch at which they expire.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn expirations<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Array<'s, S, ExpirationSet>, StateError> {
        Array::load(store, &self.expirations_epochs, "sector expirations")
    }

    /// When a sector expires; `None` when no expiration is recorded.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn sector_expiration(
        &self,
        store: &impl Blockstore,
        number: u64,
    ) -> Result<Option<SectorExpiration>, StateError> {
        let mut found = SectorExpiration {
            on_time: 0,
            early: 0,
        };
        self.expirations(store)?.for_each(|epoch, set| {
            let epoch = ChainEpoch::try_from(epoch)
                .map_err(|e| StateError::malformed("sector expirations", e))?;
            if set.early_sectors.contains(number) {
                found.early = epoch;
            }
            if set.on_time_sectors.contains(number) {
                found.on_time = epoch;
            }
            Ok(())
        })?;
        Ok((found.early != 0 || found.on_time != 0).then_some(found))
    }
}

/// When a sector expires; 0 stands for "not so".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectorExpiration {
    /// At the end of its life.
    pub on_time: ChainEpoch,
    /// Because it is faulty.
    pub early: ChainEpoch,
}
wire_tuple!(SectorExpiration {
    on_time: "OnTime",
    early: "Early"
});

/// Sectors that expire at an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpirationSet {
    /// At the end of their life.
    pub on_time_sectors: BitField,
    /// Because they are faulty.
    pub early_sectors: BitField,
    /// Pledge of the former.
    pub on_time_pledge: TokenAmount,
    /// Power of those that are active.
    pub active_power: PowerPair,
    /// Power of those that are faulty.
    pub faulty_power: PowerPair,
}
wire_tuple!(ExpirationSet {
    on_time_sectors: "OnTimeSectors",
    early_sectors: "EarlySectors",
    on_time_pledge: "OnTimePledge",
    active_power: "ActivePower",
    faulty_power: "FaultyPower",
});

/// A proof that was accepted unchecked.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowedPoSt {
    /// Partitions that it covers.
    pub partitions: BitField,
    /// One.
    pub proofs: Vec<PoStProof>,
}
wire_tuple!(WindowedPoSt { partitions: "Partitions", proofs: "Proofs" list });

/// Power, plain and weighed by what the sectors hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PowerPair {
    /// Bytes.
    pub raw: BigInt,
    /// Quality-adjusted bytes.
    pub qa: BigInt,
}
wire_tuple!(PowerPair {
    raw: "Raw",
    qa: "QA"
});
