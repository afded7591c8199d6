//! f04: the power of all miners.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{
    Address, BigInt, Bytes, ChainEpoch, Cid, RegisteredPoStProof, TokenAmount, wire_tuple,
};

use crate::{FilterEstimate, Map, StateError, map::HAMT_BIT_WIDTH};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor.";
    CREATE_MINER = 2 "CreateMiner" "Creates a miner: [`CreateMinerParams`](super::CreateMinerParams).";
    UPDATE_CLAIMED_POWER = 3 "UpdateClaimedPower" "A miner's power changed.";
    ENROLL_CRON_EVENT = 4 "EnrollCronEvent" "A miner wants to be called.";
    ON_EPOCH_TICK_END = 5 "CronTick" "Called by cron.";
    UPDATE_PLEDGE_TOTAL = 6 "UpdatePledgeTotal" "A miner's pledge changed.";
    SUBMIT_POREP_FOR_BULK_VERIFY = 8 "SubmitPoRepForBulkVerify" "A sector to be verified by cron.";
    CURRENT_TOTAL_POWER = 9 "CurrentTotalPower" "Tells the network's power.";
}

/// With this many miners above the minimum power the others may not mine.
pub const CONSENSUS_MINER_MIN_MINERS: i64 = 4;
/// Bits per level of the cron queue's HAMT.
pub const CRON_QUEUE_HAMT_BIT_WIDTH: u32 = 6;

/// State of f04.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Bytes of all miners above the minimum.
    pub total_raw_byte_power: BigInt,
    /// Bytes of all miners.
    pub total_bytes_committed: BigInt,
    /// Quality-adjusted bytes of all miners above the minimum.
    pub total_quality_adj_power: BigInt,
    /// Quality-adjusted bytes of all miners.
    pub total_qa_bytes_committed: BigInt,
    /// Locked by all miners.
    pub total_pledge_collateral: TokenAmount,
    /// [`State::total_raw_byte_power`] at the end of the last epoch.
    pub this_epoch_raw_byte_power: BigInt,
    /// [`State::total_quality_adj_power`] at the end of the last epoch.
    pub this_epoch_quality_adj_power: BigInt,
    /// [`State::total_pledge_collateral`] at the end of the last epoch.
    pub this_epoch_pledge_collateral: TokenAmount,
    /// Quality-adjusted power, smoothed.
    pub this_epoch_qa_power_smoothed: FilterEstimate,
    /// All miners.
    pub miner_count: i64,
    /// Miners above the minimum power.
    pub miner_above_min_power_count: i64,
    /// HAMT from epochs to AMTs of events.
    pub cron_event_queue: Cid,
    /// First epoch whose events were not handled.
    pub first_cron_epoch: ChainEpoch,
    /// HAMT from miners to claims.
    pub claims: Cid,
    /// Sectors to be verified at the end of this epoch.
    pub proof_validation_batch: Option<Cid>,
}
wire_tuple!(State {
    total_raw_byte_power: "TotalRawBytePower",
    total_bytes_committed: "TotalBytesCommitted",
    total_quality_adj_power: "TotalQualityAdjPower",
    total_qa_bytes_committed: "TotalQABytesCommitted",
    total_pledge_collateral: "TotalPledgeCollateral",
    this_epoch_raw_byte_power: "ThisEpochRawBytePower",
    this_epoch_quality_adj_power: "ThisEpochQualityAdjPower",
    this_epoch_pledge_collateral: "ThisEpochPledgeCollateral",
    this_epoch_qa_power_smoothed: "ThisEpochQAPowerSmoothed",
    miner_count: "MinerCount",
    miner_above_min_power_count: "MinerAboveMinPowerCount",
    cron_event_queue: "CronEventQueue",
    first_cron_epoch: "FirstCronEpoch",
    claims: "Claims",
    proof_validation_batch: "ProofValidationBatch" default,
});

/// What a miner claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Tells the sector size, and so the minimum power.
    pub window_post_proof_type: RegisteredPoStProof,
    /// Proven bytes.
    pub raw_byte_power: BigInt,
    /// Proven bytes weighed by what they hold.
    pub quality_adj_power: BigInt,
}
wire_tuple!(Claim {
    window_post_proof_type: "WindowPoStProofType",
    raw_byte_power: "RawBytePower",
    quality_adj_power: "QualityAdjPower",
});

impl State {
    /// The claims of all miners.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn claims<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Map<'s, S, Address, Claim>, StateError> {
        Map::load(store, &self.claims, HAMT_BIT_WIDTH, "power claims")
    }

    /// A miner's claim; `None` when `miner` (an ID address) is no miner.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn claim(
        &self,
        store: &impl Blockstore,
        miner: &Address,
    ) -> Result<Option<Claim>, StateError> {
        Ok(self.claims(store)?.get(miner)?.cloned())
    }

    /// May a miner with this claim produce blocks? `minimum` is the network's policy in bytes
    /// ([`minimum power`](crate::power) of the actor bundle: 2 KiB on a devnet, 10 TiB on mainnet).
    ///
    /// Below the minimum it may as long as fewer than [`CONSENSUS_MINER_MIN_MINERS`] are above.
    pub fn claim_meets_consensus_minimum(&self, claim: &Claim, minimum: &BigInt) -> bool {
        if claim.raw_byte_power >= *minimum {
            return true;
        }
        self.miner_above_min_power_count < CONSENSUS_MINER_MIN_MINERS
            && claim.raw_byte_power > BigInt::default()
    }

    /// [`State::claim_meets_consensus_minimum`] of a miner (an ID address); `None` when it has no
    /// claim.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn miner_nominal_power_meets_consensus_minimum(
        &self,
        store: &impl Blockstore,
        miner: &Address,
        minimum: &BigInt,
    ) -> Result<Option<bool>, StateError> {
        let claim = self.claim(store, miner)?;
        Ok(claim.map(|claim| self.claim_meets_consensus_minimum(&claim, minimum)))
    }
}

/// Parameters of CreateMiner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateMinerParams {
    /// Owner.
    pub owner: Address,
    /// Worker; a BLS key stands behind it.
    pub worker: Address,
    /// WindowPoSt type, so sector size.
    pub window_post_proof_type: RegisteredPoStProof,
    /// Its libp2p peer id, in bytes.
    pub peer: Bytes,
    /// Where it can be reached.
    pub multiaddrs: Vec<Bytes>,
}
wire_tuple!(CreateMinerParams {
    owner: "Owner",
    worker: "Worker",
    window_post_proof_type: "WindowPoStProofType",
    peer: "Peer" default,
    multiaddrs: "Multiaddrs" list,
});

/// What CreateMiner returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateMinerReturn {
    /// The miner's id.
    pub id_address: Address,
    /// Its address that no reorganisation changes.
    pub robust_address: Address,
}
wire_tuple!(CreateMinerReturn {
    id_address: "IDAddress",
    robust_address: "RobustAddress"
});

/// Parameters of UpdateClaimedPower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateClaimedPowerParams {
    /// Change of raw bytes.
    pub raw_byte_delta: BigInt,
    /// Change of quality-adjusted bytes.
    pub quality_adjusted_delta: BigInt,
}
wire_tuple!(UpdateClaimedPowerParams {
    raw_byte_delta: "RawByteDelta",
    quality_adjusted_delta: "QualityAdjustedDelta",
});

/// What CurrentTotalPower returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentTotalPowerReturn {
    /// The network's bytes.
    pub raw_byte_power: BigInt,
    /// The network's quality-adjusted bytes.
    pub quality_adj_power: BigInt,
    /// Locked by all miners.
    pub pledge_collateral: TokenAmount,
    /// Quality-adjusted bytes, smoothed.
    pub quality_adj_power_smoothed: FilterEstimate,
}
wire_tuple!(CurrentTotalPowerReturn {
    raw_byte_power: "RawBytePower",
    quality_adj_power: "QualityAdjPower",
    pledge_collateral: "PledgeCollateral",
    quality_adj_power_smoothed: "QualityAdjPowerSmoothed",
});
