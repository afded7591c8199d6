//! Storage providers.
//!
//! A miner's sectors lie in an AMT by number ([`State::sectors`]); which of them are to be proven
//! when is kept in 48 deadlines ([`State::deadlines`]), each with partitions of sectors that one
//! WindowPoSt covers.

pub mod deadline;
pub mod params;
pub mod schedule;
pub mod sector;

pub use deadline::{Deadline, Deadlines, ExpirationSet, Partition, PowerPair, SectorLocation};
pub use schedule::{DeadlineInfo, Schedule};
pub use sector::{SectorOnChainInfo, SectorPreCommitInfo, SectorPreCommitOnChainInfo};

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{
    Address, BitField, Bytes, ChainEpoch, Cid, RegisteredPoStProof, SectorNumber, SectorSize,
    TokenAmount, wire_tuple,
};

use crate::{Array, Map, StateError, load, map::HAMT_BIT_WIDTH};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor.";
    CONTROL_ADDRESSES = 2 "ControlAddresses" "Tells owner, worker and control addresses.";
    CHANGE_WORKER_ADDRESS = 3 "ChangeWorkerAddress" "Owner: new worker, new control addresses.";
    CHANGE_PEER_ID = 4 "ChangePeerID" "A new libp2p peer id.";
    SUBMIT_WINDOWED_POST = 5 "SubmitWindowedPoSt" "Proves partitions of the open deadline.";
    PRE_COMMIT_SECTOR = 6 "PreCommitSector" "Announces a sealed sector.";
    PROVE_COMMIT_SECTOR = 7 "ProveCommitSector" "Proves a sealed sector.";
    EXTEND_SECTOR_EXPIRATION = 8 "ExtendSectorExpiration" "Prolongs sectors.";
    TERMINATE_SECTORS = 9 "TerminateSectors" "Gives sectors up.";
    DECLARE_FAULTS = 10 "DeclareFaults" "Sectors that cannot be proven.";
    DECLARE_FAULTS_RECOVERED = 11 "DeclareFaultsRecovered" "Sectors that can be proven again.";
    ON_DEFERRED_CRON_EVENT = 12 "OnDeferredCronEvent" "Called by the power actor.";
    CHECK_SECTOR_PROVEN = 13 "CheckSectorProven" "Fails when the sector is not proven.";
    APPLY_REWARDS = 14 "ApplyRewards" "Called by the reward actor.";
    REPORT_CONSENSUS_FAULT = 15 "ReportConsensusFault" "Anyone: the miner signed conflicting blocks.";
    WITHDRAW_BALANCE = 16 "WithdrawBalance" "Takes out what is available.";
    CONFIRM_SECTOR_PROOFS_VALID = 17 "ConfirmSectorProofsValid" "Called by the power actor.";
    CHANGE_MULTIADDRS = 18 "ChangeMultiaddrs" "Where the miner can be reached.";
    COMPACT_PARTITIONS = 19 "CompactPartitions" "Drops dead sectors from partitions.";
    COMPACT_SECTOR_NUMBERS = 20 "CompactSectorNumbers" "Marks sector numbers as used.";
    CONFIRM_UPDATE_WORKER_KEY = 21 "ConfirmUpdateWorkerKey" "Puts a new worker into effect.";
    REPAY_DEBT = 22 "RepayDebt" "Pays the fee debt.";
    CHANGE_OWNER_ADDRESS = 23 "ChangeOwnerAddress" "Owner, then the new one: its parameter is the new owner.";
    DISPUTE_WINDOWED_POST = 24 "DisputeWindowedPoSt" "Anyone: a submitted proof is wrong.";
    PRE_COMMIT_SECTOR_BATCH = 25 "PreCommitSectorBatch" "Announces sealed sectors (before FIP-0041).";
    PROVE_COMMIT_AGGREGATE = 26 "ProveCommitAggregate" "Proves sealed sectors with one proof.";
    PROVE_REPLICA_UPDATES = 27 "ProveReplicaUpdates" "Snaps deals into sectors.";
    PRE_COMMIT_SECTOR_BATCH2 = 28 "PreCommitSectorBatch2" "Announces sealed sectors with their CommD.";
    PROVE_REPLICA_UPDATES2 = 29 "ProveReplicaUpdates2" "Snaps deals into sectors, with their CommD.";
    CHANGE_BENEFICIARY = 30 "ChangeBeneficiary" "Proposes or confirms who gets the income.";
    GET_BENEFICIARY = 31 "GetBeneficiary" "Tells who gets the income.";
    EXTEND_SECTOR_EXPIRATION2 = 32 "ExtendSectorExpiration2" "Prolongs sectors with claims.";
}

/// State of a miner.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// [`MinerInfo`].
    pub info: Cid,
    /// Locked for pre-committed sectors.
    pub pre_commit_deposits: TokenAmount,
    /// Rewards that have not vested.
    pub locked_funds: TokenAmount,
    /// When they will: [`VestingFunds`].
    pub vesting_funds: Cid,
    /// Penalties not yet paid.
    pub fee_debt: TokenAmount,
    /// Locked for proven sectors.
    pub initial_pledge: TokenAmount,
    /// HAMT from numbers to pre-committed sectors.
    pub pre_committed_sectors: Cid,
    /// AMT from epochs to pre-commits that expire.
    pub pre_committed_sectors_cleanup: Cid,
    /// Bit field of sector numbers ever used.
    pub allocated_sectors: Cid,
    /// AMT of proven sectors.
    pub sectors: Cid,
    /// Begin of the proving period, or an offset for it when no cron is active.
    pub proving_period_start: ChainEpoch,
    /// The deadline that has not yet ended.
    pub current_deadline: u64,
    /// [`Deadlines`].
    pub deadlines: Cid,
    /// Deadlines with sectors terminated early whose fee is due.
    pub early_terminations: BitField,
    /// Cron calls this miner at the end of each deadline.
    pub deadline_cron_active: bool,
}
wire_tuple!(State {
    info: "Info",
    pre_commit_deposits: "PreCommitDeposits",
    locked_funds: "LockedFunds",
    vesting_funds: "VestingFunds",
    fee_debt: "FeeDebt",
    initial_pledge: "InitialPledge",
    pre_committed_sectors: "PreCommittedSectors",
    pre_committed_sectors_cleanup: "PreCommittedSectorsCleanUp",
    allocated_sectors: "AllocatedSectors",
    sectors: "Sectors",
    proving_period_start: "ProvingPeriodStart",
    current_deadline: "CurrentDeadline",
    deadlines: "Deadlines",
    early_terminations: "EarlyTerminations",
    deadline_cron_active: "DeadlineCronActive",
});

/// What seldom changes of a miner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinerInfo {
    /// ID address.
    pub owner: Address,
    /// ID address of an account with a BLS key: signs blocks.
    pub worker: Address,
    /// ID addresses that may send for the miner.
    pub control_addresses: Vec<Address>,
    /// A new worker that is not yet in effect.
    pub pending_worker_key: Option<WorkerKeyChange>,
    /// libp2p peer id, in bytes.
    pub peer_id: Bytes,
    /// Where it can be reached.
    pub multiaddrs: Vec<Bytes>,
    /// WindowPoSt type.
    pub window_post_proof_type: RegisteredPoStProof,
    /// Bytes.
    pub sector_size: SectorSize,
    /// Sectors in one partition.
    pub window_post_partition_sectors: u64,
    /// May not mine before then, after a consensus fault; -1 without one.
    pub consensus_fault_elapsed: ChainEpoch,
    /// A proposed owner.
    pub pending_owner_address: Option<Address>,
    /// Gets the income.
    pub beneficiary: Address,
    /// How long and how much.
    pub beneficiary_term: BeneficiaryTerm,
    /// A proposed beneficiary.
    pub pending_beneficiary_term: Option<PendingBeneficiaryChange>,
}
wire_tuple!(MinerInfo {
    owner: "Owner",
    worker: "Worker",
    control_addresses: "ControlAddresses" list,
    pending_worker_key: "PendingWorkerKey" default,
    peer_id: "PeerId" default,
    multiaddrs: "Multiaddrs" list,
    window_post_proof_type: "WindowPoStProofType",
    sector_size: "SectorSize",
    window_post_partition_sectors: "WindowPoStPartitionSectors",
    consensus_fault_elapsed: "ConsensusFaultElapsed",
    pending_owner_address: "PendingOwnerAddress" default,
    beneficiary: "Beneficiary",
    beneficiary_term: "BeneficiaryTerm",
    pending_beneficiary_term: "PendingBeneficiaryTerm" default,
});

/// A new worker that is not yet in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerKeyChange {
    /// ID address.
    pub new_worker: Address,
    /// From then on it may be confirmed.
    pub effective_at: ChainEpoch,
}
wire_tuple!(WorkerKeyChange {
    new_worker: "NewWorker",
    effective_at: "EffectiveAt"
});

/// How long and how much a beneficiary gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BeneficiaryTerm {
    /// In total.
    pub quota: TokenAmount,
    /// Taken so far.
    pub used_quota: TokenAmount,
    /// Until then.
    pub expiration: ChainEpoch,
}
wire_tuple!(BeneficiaryTerm {
    quota: "Quota",
    used_quota: "UsedQuota",
    expiration: "Expiration"
});

/// A proposed beneficiary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingBeneficiaryChange {
    /// Who.
    pub new_beneficiary: Address,
    /// How much.
    pub new_quota: TokenAmount,
    /// How long.
    pub new_expiration: ChainEpoch,
    /// The old one agreed.
    pub approved_by_beneficiary: bool,
    /// The new one agreed.
    pub approved_by_nominee: bool,
}
wire_tuple!(PendingBeneficiaryChange {
    new_beneficiary: "NewBeneficiary",
    new_quota: "NewQuota",
    new_expiration: "NewExpiration",
    approved_by_beneficiary: "ApprovedByBeneficiary",
    approved_by_nominee: "ApprovedByNominee",
});

/// When locked rewards become free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VestingFunds {
    /// In the order of epochs.
    pub funds: Vec<VestingFund>,
}
wire_tuple!(VestingFunds { funds: "Funds" list });

/// A part of the locked rewards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VestingFund {
    /// Free after then.
    pub epoch: ChainEpoch,
    /// So much.
    pub amount: TokenAmount,
}
wire_tuple!(VestingFund {
    epoch: "Epoch",
    amount: "Amount"
});

impl State {
    /// Owner, worker, peer id and so on.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn info(&self, store: &impl Blockstore) -> Result<MinerInfo, StateError> {
        load(store, &self.info, "miner info")
    }

    /// The proven sectors by number.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn sectors<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Array<'s, S, SectorOnChainInfo>, StateError> {
        Array::load(store, &self.sectors, "sectors")
    }

    /// A proven sector.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn sector(
        &self,
        store: &impl Blockstore,
        number: SectorNumber,
    ) -> Result<Option<SectorOnChainInfo>, StateError> {
        Ok(self.sectors(store)?.get(number)?.cloned())
    }

    /// The pre-committed sectors by number.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn pre_commits<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Map<'s, S, SectorNumber, SectorPreCommitOnChainInfo>, StateError> {
        Map::load(
            store,
            &self.pre_committed_sectors,
            HAMT_BIT_WIDTH,
            "pre-committed sectors",
        )
    }

    /// A pre-committed sector.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn pre_commit(
        &self,
        store: &impl Blockstore,
        number: SectorNumber,
    ) -> Result<Option<SectorPreCommitOnChainInfo>, StateError> {
        Ok(self.pre_commits(store)?.get(&number)?.cloned())
    }

    /// Sector numbers ever used.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn allocated_sectors(&self, store: &impl Blockstore) -> Result<BitField, StateError> {
        load(store, &self.allocated_sectors, "allocated sectors")
    }

    /// All deadlines.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn deadlines(&self, store: &impl Blockstore) -> Result<Deadlines, StateError> {
        load(store, &self.deadlines, "deadlines")
    }

    /// One deadline; `None` when the index is too large.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn deadline(
        &self,
        store: &impl Blockstore,
        index: u64,
    ) -> Result<Option<Deadline>, StateError> {
        let deadlines = self.deadlines(store)?;
        let cid = usize::try_from(index)
            .ok()
            .and_then(|at| deadlines.due.get(at));
        cid.map(|cid| load(store, cid, "deadline")).transpose()
    }

    /// The deadline and partition that a sector is proven in; `None` when it is in none.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn find_sector(
        &self,
        store: &impl Blockstore,
        number: SectorNumber,
    ) -> Result<Option<SectorLocation>, StateError> {
        for (deadline, cid) in (0..).zip(self.deadlines(store)?.due) {
            let view: Deadline = load(store, &cid, "deadline")?;
            if view.total_sectors == 0 {
                continue;
            }
            for (partition, found) in view.partitions(store)?.entries()? {
                if found.sectors.contains(number) {
                    return Ok(Some(SectorLocation {
                        deadline,
                        partition,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Deadline and proving period at `epoch`.
    ///
    /// Follows from the period's offset, so it is right for a miner without cron as well.
    pub fn deadline_info(&self, schedule: &Schedule, epoch: ChainEpoch) -> DeadlineInfo {
        schedule.current(self.proving_period_start, epoch)
    }

    /// The deadline that the state says is current, in the first period in which it is not over at
    /// `epoch`.
    ///
    /// # Lotus parity
    /// `StateMinerProvingDeadline`. It lags behind [`State::deadline_info`] where cron has not moved the
    /// deadline: for a miner without cron, and in the first tipset after null rounds in which a deadline
    /// ended. Then the deadline that is told is a period away.
    pub fn recorded_deadline(&self, schedule: &Schedule, epoch: ChainEpoch) -> DeadlineInfo {
        schedule
            .deadline(self.proving_period_start, self.current_deadline, epoch)
            .next_not_elapsed(schedule)
    }

    /// The rewards' vesting schedule.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn vesting_funds(&self, store: &impl Blockstore) -> Result<VestingFunds, StateError> {
        load(store, &self.vesting_funds, "vesting funds")
    }

    /// Locked rewards that have vested by `epoch`, but were not yet unlocked.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn vested_funds(
        &self,
        store: &impl Blockstore,
        epoch: ChainEpoch,
    ) -> Result<TokenAmount, StateError> {
        let funds = self.vesting_funds(store)?.funds.into_iter();
        Ok(funds
            .take_while(|fund| fund.epoch < epoch)
            .map(|fund| fund.amount)
            .sum())
    }

    /// What of `balance` is neither vesting nor locked as deposit or pledge; `None` when `balance` is
    /// less than what is, which must not be.
    pub fn unlocked_balance(&self, balance: &TokenAmount) -> Option<TokenAmount> {
        let unlocked = balance - &self.locked();
        (unlocked >= TokenAmount::zero()).then_some(unlocked)
    }

    /// What of `balance` the miner may use: without vesting funds, deposits, pledge and debt.
    /// Negative when it is in debt.
    pub fn available_balance(&self, balance: &TokenAmount) -> TokenAmount {
        balance - &(&self.locked() + &self.fee_debt)
    }

    fn locked(&self) -> TokenAmount {
        let locked = &self.locked_funds + &self.pre_commit_deposits;
        &locked + &self.initial_pledge
    }
}

#[cfg(test)]
mod a_recorded_deadline {
    use super::*;

    fn miner(proving_period_start: ChainEpoch, current_deadline: u64) -> State {
        let (nothing, zero) = (Cid::of_block(b"nothing"), TokenAmount::zero());
        State {
            info: nothing,
            pre_commit_deposits: zero.clone(),
            locked_funds: zero.clone(),
            vesting_funds: nothing,
            fee_debt: zero.clone(),
            initial_pledge: zero,
            pre_committed_sectors: nothing,
            pre_committed_sectors_cleanup: nothing,
            allocated_sectors: nothing,
            sectors: nothing,
            proving_period_start,
            current_deadline,
            deadlines: nothing,
            early_terminations: BitField::new(),
            deadline_cron_active: true,
        }
    }

    fn told(state: &State, epoch: ChainEpoch) -> (u64, ChainEpoch) {
        let deadline = state.recorded_deadline(&Schedule::default(), epoch);
        (deadline.index, deadline.open)
    }

    #[test]
    fn is_told_while_it_lasts_and_before() {
        let state = miner(-2222, 37);
        assert_eq!(told(&state, 0), (37, -2));
        assert_eq!(told(&state, 57), (37, -2));
        assert_eq!(told(&miner(658, 0), 600), (0, 658));
    }

    #[test]
    fn comes_again_a_period_later_when_it_is_over() {
        let state = miner(-2222, 37);
        assert_eq!(told(&state, 58), (37, -2 + 2880));
        // What is open then is another one.
        let now = state.deadline_info(&Schedule::default(), 58);
        assert_eq!((now.index, now.open), (38, 58));
        assert_eq!(told(&state, 10_000), (37, -2 + 4 * 2880));
    }
}
