//! Parameters and return values of a miner's methods.

use lotus_types::{
    Address, BigInt, BitField, Bytes, ChainEpoch, Cid, DealId, PoStProof, RegisteredPoStProof,
    RegisteredSealProof, SectorNumber, TokenAmount, wire_tuple,
};

use super::SectorPreCommitInfo;
use crate::FilterEstimate;

/// Parameters of the constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstructorParams {
    /// Owner.
    pub owner: Address,
    /// Worker.
    pub worker: Address,
    /// May send for the miner.
    pub control_addresses: Vec<Address>,
    /// WindowPoSt type, so sector size.
    pub window_post_proof_type: RegisteredPoStProof,
    /// libp2p peer id, in bytes.
    pub peer_id: Bytes,
    /// Where it can be reached.
    pub multiaddrs: Vec<Bytes>,
}
wire_tuple!(ConstructorParams {
    owner: "OwnerAddr",
    worker: "WorkerAddr",
    control_addresses: "ControlAddrs" list,
    window_post_proof_type: "WindowPoStProofType",
    peer_id: "PeerId" default,
    multiaddrs: "Multiaddrs" list,
});

/// What ControlAddresses returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetControlAddressesReturn {
    /// Owner.
    pub owner: Address,
    /// Worker.
    pub worker: Address,
    /// May send for the miner.
    pub control_addresses: Vec<Address>,
}
wire_tuple!(GetControlAddressesReturn {
    owner: "Owner",
    worker: "Worker",
    control_addresses: "ControlAddrs" list,
});

/// Parameters of ChangeWorkerAddress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeWorkerAddressParams {
    /// Takes effect later.
    pub new_worker: Address,
    /// Take effect at once.
    pub new_control_addresses: Vec<Address>,
}
wire_tuple!(ChangeWorkerAddressParams {
    new_worker: "NewWorker",
    new_control_addresses: "NewControlAddrs" list,
});

/// Parameters of ChangePeerID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePeerIdParams {
    /// libp2p peer id, in bytes.
    pub new_id: Bytes,
}
wire_tuple!(ChangePeerIdParams { new_id: "NewID" default });

/// Parameters of ChangeMultiaddrs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeMultiaddrsParams {
    /// In binary form.
    pub new_multiaddrs: Vec<Bytes>,
}
wire_tuple!(ChangeMultiaddrsParams { new_multiaddrs: "NewMultiaddrs" list });

/// Parameters of SubmitWindowedPoSt.
#[derive(Debug, Clone, PartialEq)]
pub struct SubmitWindowedPoStParams {
    /// The open deadline.
    pub deadline: u64,
    /// What is proven.
    pub partitions: Vec<PoStPartition>,
    /// One.
    pub proofs: Vec<PoStProof>,
    /// An epoch of the open window.
    pub chain_commit_epoch: ChainEpoch,
    /// Chain randomness of then: the proof counts on this chain only.
    pub chain_commit_rand: Bytes,
}
wire_tuple!(SubmitWindowedPoStParams {
    deadline: "Deadline",
    partitions: "Partitions" list,
    proofs: "Proofs" list,
    chain_commit_epoch: "ChainCommitEpoch",
    chain_commit_rand: "ChainCommitRand" default,
});

/// A partition that is proven.
#[derive(Debug, Clone, PartialEq)]
pub struct PoStPartition {
    /// Which.
    pub index: u64,
    /// Sectors left out, which become faulty.
    pub skipped: BitField,
}
wire_tuple!(PoStPartition { index: "Index", skipped: "Skipped" default });

/// Parameters of DisputeWindowedPoSt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeWindowedPoStParams {
    /// Which deadline.
    pub deadline: u64,
    /// Which of its proofs.
    pub post_index: u64,
}
wire_tuple!(DisputeWindowedPoStParams {
    deadline: "Deadline",
    post_index: "PoStIndex"
});

/// Parameters of PreCommitSector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreCommitSectorParams {
    /// How it was sealed.
    pub seal_proof: RegisteredSealProof,
    /// Its number.
    pub sector_number: SectorNumber,
    /// CommR.
    pub sealed_cid: Cid,
    /// Chain randomness of then was sealed in.
    pub seal_rand_epoch: ChainEpoch,
    /// In the order of their pieces.
    pub deal_ids: Vec<DealId>,
    /// Its life ends then.
    pub expiration: ChainEpoch,
    /// No longer supported; false.
    pub replace_capacity: bool,
    /// No longer supported; 0.
    pub replace_sector_deadline: u64,
    /// No longer supported; 0.
    pub replace_sector_partition: u64,
    /// No longer supported; 0.
    pub replace_sector_number: SectorNumber,
}
wire_tuple!(PreCommitSectorParams {
    seal_proof: "SealProof",
    sector_number: "SectorNumber",
    sealed_cid: "SealedCID",
    seal_rand_epoch: "SealRandEpoch",
    deal_ids: "DealIDs" list,
    expiration: "Expiration",
    replace_capacity: "ReplaceCapacity" default,
    replace_sector_deadline: "ReplaceSectorDeadline" default,
    replace_sector_partition: "ReplaceSectorPartition" default,
    replace_sector_number: "ReplaceSectorNumber" default,
});

/// Parameters of PreCommitSectorBatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreCommitSectorBatchParams {
    /// At most 256.
    pub sectors: Vec<PreCommitSectorParams>,
}
wire_tuple!(PreCommitSectorBatchParams { sectors: "Sectors" list });

/// Parameters of PreCommitSectorBatch2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreCommitSectorBatchParams2 {
    /// At most 256.
    pub sectors: Vec<SectorPreCommitInfo>,
}
wire_tuple!(PreCommitSectorBatchParams2 { sectors: "Sectors" list });

/// Parameters of ProveCommitSector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProveCommitSectorParams {
    /// Which sector.
    pub sector_number: SectorNumber,
    /// Its seal proof.
    pub proof: Bytes,
}
wire_tuple!(ProveCommitSectorParams { sector_number: "SectorNumber", proof: "Proof" default });

/// Parameters of ProveCommitAggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct ProveCommitAggregateParams {
    /// Which sectors: 4 to 819.
    pub sector_numbers: BitField,
    /// Their proofs, aggregated.
    pub aggregate_proof: Bytes,
}
wire_tuple!(ProveCommitAggregateParams {
    sector_numbers: "SectorNumbers",
    aggregate_proof: "AggregateProof" default,
});

/// Parameters of DeclareFaults.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclareFaultsParams {
    /// One per partition.
    pub faults: Vec<SectorDeclaration>,
}
wire_tuple!(DeclareFaultsParams { faults: "Faults" list });

/// Parameters of DeclareFaultsRecovered.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclareFaultsRecoveredParams {
    /// One per partition.
    pub recoveries: Vec<SectorDeclaration>,
}
wire_tuple!(DeclareFaultsRecoveredParams { recoveries: "Recoveries" list });

/// Parameters of TerminateSectors.
#[derive(Debug, Clone, PartialEq)]
pub struct TerminateSectorsParams {
    /// One per partition.
    pub terminations: Vec<SectorDeclaration>,
}
wire_tuple!(TerminateSectorsParams { terminations: "Terminations" list });

/// What TerminateSectors returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminateSectorsReturn {
    /// All of it; otherwise call again.
    pub done: bool,
}
wire_tuple!(TerminateSectorsReturn { done: "Done" });

/// Sectors of a partition.
#[derive(Debug, Clone, PartialEq)]
pub struct SectorDeclaration {
    /// Which deadline.
    pub deadline: u64,
    /// Which of its partitions.
    pub partition: u64,
    /// Which of its sectors.
    pub sectors: BitField,
}
wire_tuple!(SectorDeclaration {
    deadline: "Deadline",
    partition: "Partition",
    sectors: "Sectors"
});

/// Parameters of ExtendSectorExpiration.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtendSectorExpirationParams {
    /// One per partition and new end.
    pub extensions: Vec<ExpirationExtension>,
}
wire_tuple!(ExtendSectorExpirationParams { extensions: "Extensions" list });

/// Sectors of a partition that are to live longer.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpirationExtension {
    /// Which deadline.
    pub deadline: u64,
    /// Which of its partitions.
    pub partition: u64,
    /// Which of its sectors.
    pub sectors: BitField,
    /// Their new end.
    pub new_expiration: ChainEpoch,
}
wire_tuple!(ExpirationExtension {
    deadline: "Deadline",
    partition: "Partition",
    sectors: "Sectors",
    new_expiration: "NewExpiration",
});

/// Parameters of WithdrawBalance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawBalanceParams {
    /// At most this much.
    pub amount_requested: TokenAmount,
}
wire_tuple!(WithdrawBalanceParams {
    amount_requested: "AmountRequested"
});

/// Parameters of ReportConsensusFault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportConsensusFaultParams {
    /// A block header, encoded.
    pub header1: Bytes,
    /// One that contradicts it.
    pub header2: Bytes,
    /// A further one, for parent grinding.
    pub header_extra: Bytes,
}
wire_tuple!(ReportConsensusFaultParams {
    header1: "BlockHeader1" default,
    header2: "BlockHeader2" default,
    header_extra: "BlockHeaderExtra" default,
});

/// Parameters of CompactPartitions.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactPartitionsParams {
    /// Which deadline.
    pub deadline: u64,
    /// Which of its partitions.
    pub partitions: BitField,
}
wire_tuple!(CompactPartitionsParams {
    deadline: "Deadline",
    partitions: "Partitions"
});

/// Parameters of CompactSectorNumbers.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactSectorNumbersParams {
    /// Numbers to mark as used.
    pub mask_sector_numbers: BitField,
}
wire_tuple!(CompactSectorNumbersParams {
    mask_sector_numbers: "MaskSectorNumbers"
});

/// Parameters of ChangeBeneficiary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeBeneficiaryParams {
    /// Who.
    pub new_beneficiary: Address,
    /// How much.
    pub new_quota: TokenAmount,
    /// How long.
    pub new_expiration: ChainEpoch,
}
wire_tuple!(ChangeBeneficiaryParams {
    new_beneficiary: "NewBeneficiary",
    new_quota: "NewQuota",
    new_expiration: "NewExpiration",
});

/// Parameters of CheckSectorProven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSectorProvenParams {
    /// Which sector.
    pub sector_number: SectorNumber,
}
wire_tuple!(CheckSectorProvenParams {
    sector_number: "SectorNumber"
});

/// Parameters of ConfirmSectorProofsValid, which the power actor sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmSectorProofsParams {
    /// Sectors whose proofs are good.
    pub sectors: Vec<SectorNumber>,
    /// Reward per win, smoothed.
    pub reward_smoothed: FilterEstimate,
    /// Baseline power in bytes.
    pub reward_baseline_power: BigInt,
    /// The network's quality-adjusted power, smoothed.
    pub quality_adj_power_smoothed: FilterEstimate,
}
wire_tuple!(ConfirmSectorProofsParams {
    sectors: "Sectors" list,
    reward_smoothed: "RewardSmoothed",
    reward_baseline_power: "RewardBaselinePower",
    quality_adj_power_smoothed: "QualityAdjPowerSmoothed",
});
