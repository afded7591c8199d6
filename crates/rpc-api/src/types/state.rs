//! Chain state.

use std::collections::BTreeMap;

use lotus_actors::{
    miner::{BeneficiaryTerm, PendingBeneficiaryChange},
    multisig::Transaction,
};
use lotus_types::{
    Address, BigInt, BitField, Bytes, ChainEpoch, Cid, DealProposal, DealState, MethodNum, Receipt,
    RegisteredPoStProof, RegisteredSealProof, SectorSize, TipsetKey, TokenAmount,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{go, net::PeerId};

/// An actor as the state tree has it, and its state taken apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReadState {
    /// What it holds.
    pub balance: TokenAmount,
    /// Its code.
    pub code: Cid,
    /// Its state.
    pub state: Value,
}

/// Where a message was executed and what it gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MsgLookup {
    /// Which message; another one than asked for when it was replaced.
    pub message: Cid,
    /// Its receipt.
    pub receipt: Receipt,
    /// What it returned, taken apart; `null` when that was not tried.
    pub return_dec: Value,
    /// The tipset after the one that has it: its state has the effects.
    #[serde(rename = "TipSet")]
    pub tipset: TipsetKey,
    /// Epoch of that tipset.
    pub height: ChainEpoch,
}

/// Which messages are looked for; both when both are given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageMatch {
    /// Receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    /// Sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Address>,
}

/// A miner: what seldom changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MinerInfo {
    /// ID address.
    pub owner: Address,
    /// ID address.
    pub worker: Address,
    /// Its next worker; the undefined address when there is none.
    pub new_worker: Address,
    /// ID addresses.
    #[serde(with = "go::nil")]
    pub control_addresses: Vec<Address>,
    /// When the next worker may be confirmed; -1 when there is none.
    pub worker_change_epoch: ChainEpoch,
    /// Its peer.
    pub peer_id: Option<PeerId>,
    /// Where its peer is; each in binary form.
    #[serde(with = "go::nil")]
    pub multiaddrs: Vec<Bytes>,
    /// How it proves its sectors.
    #[serde(rename = "WindowPoStProofType")]
    pub window_post_proof_type: RegisteredPoStProof,
    /// Bytes.
    pub sector_size: SectorSize,
    /// Sectors in a partition.
    #[serde(rename = "WindowPoStPartitionSectors")]
    pub window_post_partition_sectors: u64,
    /// May not mine before then after a fault; -1 without one.
    pub consensus_fault_elapsed: ChainEpoch,
    /// A proposed owner.
    pub pending_owner_address: Option<Address>,
    /// Gets the income.
    pub beneficiary: Address,
    /// For how long and how much.
    pub beneficiary_term: Option<BeneficiaryTerm>,
    /// A proposed beneficiary.
    pub pending_beneficiary_term: Option<PendingBeneficiaryChange>,
}

/// Power: bytes, and bytes weighed by what they hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PowerClaim {
    /// Bytes.
    pub raw_byte_power: BigInt,
    /// Bytes, verified deals counting tenfold.
    pub quality_adj_power: BigInt,
}

/// A miner's power and everyone's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MinerPower {
    /// The miner's.
    pub miner_power: PowerClaim,
    /// Everyone's.
    pub total_power: PowerClaim,
    /// Enough to mine?
    pub has_min_power: bool,
}

/// A deadline's proofs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Deadline {
    /// Partitions proven in this period.
    pub post_submissions: BitField,
    /// Proofs of the last period, which may be disputed.
    pub disputable_proof_count: u64,
}

/// A partition's sectors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Partition {
    /// Ever.
    pub all_sectors: BitField,
    /// Faulty.
    pub faulty_sectors: BitField,
    /// To be proven again.
    pub recovering_sectors: BitField,
    /// Not terminated.
    pub live_sectors: BitField,
    /// With power.
    pub active_sectors: BitField,
}

/// How many sectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MinerSectors {
    /// Not terminated.
    pub live: u64,
    /// With power.
    pub active: u64,
    /// Faulty.
    pub faulty: u64,
}

/// When a sector ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorExpiration {
    /// As planned.
    pub on_time: ChainEpoch,
    /// Because of its faults; 0: not.
    pub early: ChainEpoch,
}

/// Where a sector is proven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SectorLocation {
    /// In which deadline.
    pub deadline: u64,
    /// In which of its partitions.
    pub partition: u64,
}

/// What someone has with the storage market.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MarketBalance {
    /// All.
    pub escrow: TokenAmount,
    /// Bound by deals.
    pub locked: TokenAmount,
}

/// A deal on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MarketDeal {
    /// As agreed.
    pub proposal: DealProposal,
    /// How far it is.
    pub state: DealState,
}

/// Least and most collateral of a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DealCollateralBounds {
    /// Least.
    pub min: TokenAmount,
    /// Most.
    pub max: TokenAmount,
}

/// Where all FIL are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CirculatingSupply {
    /// Vested since genesis.
    pub fil_vested: TokenAmount,
    /// Mined.
    pub fil_mined: TokenAmount,
    /// Burnt.
    pub fil_burnt: TokenAmount,
    /// Locked.
    pub fil_locked: TokenAmount,
    /// Free.
    pub fil_circulating: TokenAmount,
    /// Paid from the reserve.
    pub fil_reserve_disbursed: TokenAmount,
}

/// A miner's fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Fault {
    /// Who.
    pub miner: Address,
    /// When.
    pub epoch: ChainEpoch,
}

/// A network's constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkParams {
    /// Its name.
    pub network_name: String,
    /// Seconds between blocks.
    pub block_delay_secs: u64,
    /// Least power to mine.
    pub consensus_miner_min_power: BigInt,
    /// Sizes of sectors, as seal proofs (before network version 7).
    pub supported_proof_types: Vec<RegisteredSealProof>,
    /// Epochs from pre-commit to its challenge.
    pub pre_commit_challenge_delay: ChainEpoch,
    /// Heights of upgrades by name (`UpgradeSmokeHeight`).
    pub fork_upgrade_params: BTreeMap<String, ChainEpoch>,
    /// Of Ethereum's tools.
    #[serde(rename = "Eip155ChainID", default)]
    pub eip155_chain_id: u64,
}

/// A proposal of a multisig that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MsigTransaction {
    /// Its number.
    #[serde(rename = "ID")]
    pub id: i64,
    /// Receiver.
    #[serde(rename = "To")]
    pub to: Address,
    /// Sent along.
    #[serde(rename = "Value")]
    pub value: TokenAmount,
    /// Called there.
    #[serde(rename = "Method")]
    pub method: MethodNum,
    /// Its parameters.
    #[serde(rename = "Params", default)]
    pub params: Bytes,
    /// Who approved.
    #[serde(rename = "Approved", with = "go::nil")]
    pub approved: Vec<Address>,
}

impl MsigTransaction {
    /// The transaction `id` of a multisig's state.
    pub fn new(id: i64, transaction: Transaction) -> Self {
        let Transaction {
            to,
            value,
            method,
            params,
            approved,
        } = transaction;
        Self {
            id,
            to,
            value,
            method,
            params,
            approved,
        }
    }
}

/// How a multisig's FIL become free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MsigVesting {
    /// Locked at first.
    pub initial_balance: TokenAmount,
    /// Begin.
    pub start_epoch: ChainEpoch,
    /// How long.
    pub unlock_duration: ChainEpoch,
}
