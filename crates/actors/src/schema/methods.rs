//! The methods of every actor, version 9: number, name, what goes in and what comes out.
//!
//! Methods that were taken out of use have no line: nothing can be told about their parameters.

use super::{Method, Shape as S, types as t};

/// The universal receiver hook's number (FRC-0042, of `Receive`).
const RECEIVE: u64 = 3_726_118_371;

const fn m(number: u64, name: &'static str, params: S, returns: S) -> Method {
    Method {
        number,
        name,
        params,
        returns,
    }
}

/// The bare transfer, which every actor has.
pub(super) const SEND: Method = m(0, "Send", S::Empty, S::Empty);

pub(super) const SYSTEM: &[Method] = &[m(1, "Constructor", S::Empty, S::Empty)];

pub(super) const INIT: &[Method] = &[
    m(1, "Constructor", S::Struct(t::INIT_CONSTRUCTOR), S::Empty),
    m(2, "Exec", S::Struct(t::EXEC), S::Struct(t::CREATED)),
];

pub(super) const CRON: &[Method] = &[
    m(1, "Constructor", S::Struct(t::CRON_CONSTRUCTOR), S::Empty),
    m(2, "EpochTick", S::Empty, S::Empty),
];

pub(super) const ACCOUNT: &[Method] = &[
    m(1, "Constructor", S::Address, S::Empty),
    m(2, "PubkeyAddress", S::Empty, S::Address),
    m(
        3,
        "AuthenticateMessage",
        S::Struct(t::AUTHENTICATE_MESSAGE),
        S::Empty,
    ),
    m(RECEIVE, "UniversalReceiverHook", S::Raw, S::Empty),
];

pub(super) const POWER: &[Method] = &[
    m(1, "Constructor", S::Empty, S::Empty),
    m(
        2,
        "CreateMiner",
        S::Struct(t::CREATE_MINER),
        S::Struct(t::CREATED),
    ),
    m(
        3,
        "UpdateClaimedPower",
        S::Struct(t::UPDATE_CLAIMED_POWER),
        S::Empty,
    ),
    m(4, "EnrollCronEvent", S::Struct(t::ENROLL_CRON), S::Empty),
    m(5, "CronTick", S::Empty, S::Empty),
    m(6, "UpdatePledgeTotal", S::BigInt, S::Empty),
    m(
        8,
        "SubmitPoRepForBulkVerify",
        S::Struct(t::SEAL_VERIFY_INFO),
        S::Empty,
    ),
    m(9, "CurrentTotalPower", S::Empty, S::Struct(t::TOTAL_POWER)),
];

pub(super) const MINER: &[Method] = &[
    m(1, "Constructor", S::Struct(t::MINER_CONSTRUCTOR), S::Empty),
    m(
        2,
        "ControlAddresses",
        S::Empty,
        S::Struct(t::CONTROL_ADDRESSES),
    ),
    m(
        3,
        "ChangeWorkerAddress",
        S::Struct(t::CHANGE_WORKER),
        S::Empty,
    ),
    m(4, "ChangePeerID", S::Struct(t::CHANGE_PEER_ID), S::Empty),
    m(5, "SubmitWindowedPoSt", S::Struct(t::SUBMIT_POST), S::Empty),
    m(6, "PreCommitSector", S::Struct(t::PRE_COMMIT), S::Empty),
    m(7, "ProveCommitSector", S::Struct(t::PROVE_COMMIT), S::Empty),
    m(8, "ExtendSectorExpiration", S::Struct(t::EXTEND), S::Empty),
    m(
        9,
        "TerminateSectors",
        S::Struct(t::TERMINATE),
        S::Struct(t::TERMINATED),
    ),
    m(10, "DeclareFaults", S::Struct(t::DECLARE_FAULTS), S::Empty),
    m(
        11,
        "DeclareFaultsRecovered",
        S::Struct(t::DECLARE_RECOVERIES),
        S::Empty,
    ),
    m(
        12,
        "OnDeferredCronEvent",
        S::Struct(t::DEFERRED_CRON),
        S::Empty,
    ),
    m(
        13,
        "CheckSectorProven",
        S::Struct(t::CHECK_SECTOR),
        S::Empty,
    ),
    m(14, "ApplyRewards", S::Struct(t::APPLY_REWARD), S::Empty),
    m(
        15,
        "ReportConsensusFault",
        S::Struct(t::REPORT_FAULT),
        S::Empty,
    ),
    m(
        16,
        "WithdrawBalance",
        S::Struct(t::MINER_WITHDRAW),
        S::BigInt,
    ),
    m(
        17,
        "ConfirmSectorProofsValid",
        S::Struct(t::CONFIRM_PROOFS),
        S::Empty,
    ),
    m(
        18,
        "ChangeMultiaddrs",
        S::Struct(t::CHANGE_MULTIADDRS),
        S::Empty,
    ),
    m(
        19,
        "CompactPartitions",
        S::Struct(t::COMPACT_PARTITIONS),
        S::Empty,
    ),
    m(
        20,
        "CompactSectorNumbers",
        S::Struct(t::COMPACT_SECTORS),
        S::Empty,
    ),
    m(21, "ConfirmUpdateWorkerKey", S::Empty, S::Empty),
    m(22, "RepayDebt", S::Empty, S::Empty),
    m(23, "ChangeOwnerAddress", S::Address, S::Empty),
    m(24, "DisputeWindowedPoSt", S::Struct(t::DISPUTE), S::Empty),
    m(
        25,
        "PreCommitSectorBatch",
        S::Struct(t::PRE_COMMIT_BATCH),
        S::Empty,
    ),
    m(
        26,
        "ProveCommitAggregate",
        S::Struct(t::PROVE_COMMIT_AGGREGATE),
        S::Empty,
    ),
    m(
        27,
        "ProveReplicaUpdates",
        S::Struct(t::REPLICA_UPDATES),
        S::BitField,
    ),
    m(
        28,
        "PreCommitSectorBatch2",
        S::Struct(t::PRE_COMMIT_BATCH_2),
        S::Empty,
    ),
    m(
        29,
        "ProveReplicaUpdates2",
        S::Struct(t::REPLICA_UPDATES_2),
        S::BitField,
    ),
    m(
        30,
        "ChangeBeneficiary",
        S::Struct(t::CHANGE_BENEFICIARY),
        S::Empty,
    ),
    m(31, "GetBeneficiary", S::Empty, S::Struct(t::BENEFICIARY)),
    m(
        32,
        "ExtendSectorExpiration2",
        S::Struct(t::EXTEND_2),
        S::Empty,
    ),
];

pub(super) const MARKET: &[Method] = &[
    m(1, "Constructor", S::Empty, S::Empty),
    m(2, "AddBalance", S::Address, S::Empty),
    m(
        3,
        "WithdrawBalance",
        S::Struct(t::MARKET_WITHDRAW),
        S::BigInt,
    ),
    m(
        4,
        "PublishStorageDeals",
        S::Struct(t::PUBLISH_DEALS),
        S::Struct(t::PUBLISHED_DEALS),
    ),
    m(
        5,
        "VerifyDealsForActivation",
        S::Struct(t::VERIFY_DEALS),
        S::Struct(t::VERIFIED_DEALS),
    ),
    m(6, "ActivateDeals", S::Struct(t::ACTIVATE_DEALS), S::Empty),
    m(
        7,
        "OnMinerSectorsTerminate",
        S::Struct(t::SECTORS_TERMINATE),
        S::Empty,
    ),
    m(
        8,
        "ComputeDataCommitment",
        S::Struct(t::COMPUTE_DATA_COMMITMENT),
        S::Struct(t::DATA_COMMITMENTS),
    ),
    m(9, "CronTick", S::Empty, S::Empty),
];

pub(super) const PAYMENT_CHANNEL: &[Method] = &[
    m(
        1,
        "Constructor",
        S::Struct(t::CHANNEL_CONSTRUCTOR),
        S::Empty,
    ),
    m(
        2,
        "UpdateChannelState",
        S::Struct(t::UPDATE_CHANNEL),
        S::Empty,
    ),
    m(3, "Settle", S::Empty, S::Empty),
    m(4, "Collect", S::Empty, S::Empty),
];

pub(super) const MULTISIG: &[Method] = &[
    m(
        1,
        "Constructor",
        S::Struct(t::MULTISIG_CONSTRUCTOR),
        S::Empty,
    ),
    m(2, "Propose", S::Struct(t::PROPOSE), S::Struct(t::PROPOSED)),
    m(
        3,
        "Approve",
        S::Struct(t::TRANSACTION_ID),
        S::Struct(t::APPROVED),
    ),
    m(4, "Cancel", S::Struct(t::TRANSACTION_ID), S::Empty),
    m(5, "AddSigner", S::Struct(t::ADD_SIGNER), S::Empty),
    m(6, "RemoveSigner", S::Struct(t::REMOVE_SIGNER), S::Empty),
    m(7, "SwapSigner", S::Struct(t::SWAP_SIGNER), S::Empty),
    m(
        8,
        "ChangeNumApprovalsThreshold",
        S::Struct(t::CHANGE_THRESHOLD),
        S::Empty,
    ),
    m(9, "LockBalance", S::Struct(t::LOCK_BALANCE), S::Empty),
    m(RECEIVE, "UniversalReceiverHook", S::Raw, S::Empty),
];

pub(super) const REWARD: &[Method] = &[
    m(1, "Constructor", S::BigInt, S::Empty),
    m(2, "AwardBlockReward", S::Struct(t::AWARD), S::Empty),
    m(3, "ThisEpochReward", S::Empty, S::Struct(t::EPOCH_REWARD)),
    m(4, "UpdateNetworkKPI", S::BigInt, S::Empty),
];

pub(super) const VERIFIED_REGISTRY: &[Method] = &[
    m(1, "Constructor", S::Address, S::Empty),
    m(2, "AddVerifier", S::Struct(t::ALLOWANCE), S::Empty),
    m(3, "RemoveVerifier", S::Address, S::Empty),
    m(4, "AddVerifiedClient", S::Struct(t::ALLOWANCE), S::Empty),
    m(
        7,
        "RemoveVerifiedClientDataCap",
        S::Struct(t::REMOVE_DATA_CAP),
        S::Struct(t::REMOVED_DATA_CAP),
    ),
    m(
        8,
        "RemoveExpiredAllocations",
        S::Struct(t::REMOVE_ALLOCATIONS),
        S::Struct(t::REMOVED_ALLOCATIONS),
    ),
    m(
        9,
        "ClaimAllocations",
        S::Struct(t::CLAIM_ALLOCATIONS),
        S::Struct(t::CLAIMED_ALLOCATIONS),
    ),
    m(
        10,
        "GetClaims",
        S::Struct(t::GET_CLAIMS),
        S::Struct(t::CLAIMS),
    ),
    m(
        11,
        "ExtendClaimTerms",
        S::Struct(t::EXTEND_CLAIMS),
        S::Struct(t::BATCH_RETURN),
    ),
    m(
        12,
        "RemoveExpiredClaims",
        S::Struct(t::GET_CLAIMS),
        S::Struct(t::REMOVED_CLAIMS),
    ),
    m(
        RECEIVE,
        "UniversalReceiverHook",
        S::Struct(t::RECEIVED),
        S::Struct(t::ALLOCATED),
    ),
];

pub(super) const DATA_CAP: &[Method] = &[
    m(1, "Constructor", S::Address, S::Empty),
    m(2, "Mint", S::Struct(t::MINT), S::Struct(t::MINTED)),
    m(
        3,
        "Destroy",
        S::Struct(t::OWNER_AMOUNT),
        S::Struct(t::BURNT),
    ),
    m(10, "Name", S::Empty, S::Text),
    m(11, "Symbol", S::Empty, S::Text),
    m(12, "TotalSupply", S::Empty, S::BigInt),
    m(13, "BalanceOf", S::Address, S::BigInt),
    m(
        14,
        "Transfer",
        S::Struct(t::TRANSFER),
        S::Struct(t::TRANSFERRED),
    ),
    m(
        15,
        "TransferFrom",
        S::Struct(t::TRANSFER_FROM),
        S::Struct(t::TRANSFERRED_FROM),
    ),
    m(
        16,
        "IncreaseAllowance",
        S::Struct(t::INCREASE_ALLOWANCE),
        S::BigInt,
    ),
    m(
        17,
        "DecreaseAllowance",
        S::Struct(t::DECREASE_ALLOWANCE),
        S::BigInt,
    ),
    m(
        18,
        "RevokeAllowance",
        S::Struct(t::REVOKE_ALLOWANCE),
        S::BigInt,
    ),
    m(19, "Burn", S::Struct(t::BURN), S::Struct(t::BURNT)),
    m(
        20,
        "BurnFrom",
        S::Struct(t::OWNER_AMOUNT),
        S::Struct(t::BURNT_FROM),
    ),
    m(21, "Allowance", S::Struct(t::GET_ALLOWANCE), S::BigInt),
];
