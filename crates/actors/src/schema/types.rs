//! The structs that methods take and return, field by field, with Go's names.

use super::{Shape, Shape as S, Struct};

/// `NAME: "GoName" { Field: Shape, … }`: the shape `NAME` is the struct itself.
macro_rules! structs {
    ($($konst:ident: $name:literal { $($field:literal: $shape:expr),* $(,)? })*) => {
        $(pub(super) const $konst: &Struct = &Struct {
            name: $name,
            fields: &[$(($field, $shape)),*],
        };)*
    };
}

const ADDRESSES: Shape = S::List(&S::Address);
const UINTS: Shape = S::List(&S::Uint);
const BYTE_STRINGS: Shape = S::List(&S::Bytes);

structs! {
    // Shared by several actors.
    FAIL_CODE: "FailCode" { "Idx": S::Uint, "Code": S::Int }
    BATCH_RETURN: "BatchReturn" {
        "SuccessCount": S::Uint, "FailCodes": S::List(&S::Struct(FAIL_CODE)),
    }
    FILTER_ESTIMATE: "FilterEstimate" {
        "PositionEstimate": S::BigInt, "VelocityEstimate": S::BigInt,
    }
    CREATED: "ExecReturn" { "IDAddress": S::Address, "RobustAddress": S::Address }

    // Account.
    AUTHENTICATE_MESSAGE: "AuthenticateMessageParams" { "Signature": S::Bytes, "Message": S::Bytes }

    // Cron.
    CRON_ENTRY: "Entry" { "Receiver": S::Address, "MethodNum": S::Uint }
    CRON_CONSTRUCTOR: "ConstructorParams" { "Entries": S::List(&S::Struct(CRON_ENTRY)) }

    // Init.
    INIT_CONSTRUCTOR: "ConstructorParams" { "NetworkName": S::Text }
    EXEC: "ExecParams" { "CodeCID": S::Cid, "ConstructorParams": S::Bytes }

    // Datacap.
    MINT: "MintParams" { "To": S::Address, "Amount": S::BigInt, "Operators": ADDRESSES }
    MINTED: "MintReturn" { "Balance": S::BigInt, "Supply": S::BigInt, "RecipientData": S::Bytes }
    OWNER_AMOUNT: "DestroyParams" { "Owner": S::Address, "Amount": S::BigInt }
    TRANSFER: "TransferParams" {
        "To": S::Address, "Amount": S::BigInt, "OperatorData": S::Bytes,
    }
    TRANSFERRED: "TransferReturn" {
        "FromBalance": S::BigInt, "ToBalance": S::BigInt, "RecipientData": S::Bytes,
    }
    TRANSFER_FROM: "TransferFromParams" {
        "From": S::Address, "To": S::Address, "Amount": S::BigInt, "OperatorData": S::Bytes,
    }
    TRANSFERRED_FROM: "TransferFromReturn" {
        "FromBalance": S::BigInt, "ToBalance": S::BigInt, "Allowance": S::BigInt,
        "RecipientData": S::Bytes,
    }
    INCREASE_ALLOWANCE: "IncreaseAllowanceParams" { "Operator": S::Address, "Increase": S::BigInt }
    DECREASE_ALLOWANCE: "DecreaseAllowanceParams" { "Operator": S::Address, "Decrease": S::BigInt }
    REVOKE_ALLOWANCE: "RevokeAllowanceParams" { "Operator": S::Address }
    GET_ALLOWANCE: "GetAllowanceParams" { "Owner": S::Address, "Operator": S::Address }
    BURN: "BurnParams" { "Amount": S::BigInt }
    BURNT: "BurnReturn" { "Balance": S::BigInt }
    BURNT_FROM: "BurnFromReturn" { "Balance": S::BigInt, "Allowance": S::BigInt }

    // Market.
    MARKET_WITHDRAW: "WithdrawBalanceParams" {
        "ProviderOrClientAddress": S::Address, "Amount": S::BigInt,
    }
    DEAL_PROPOSAL: "DealProposal" {
        "PieceCID": S::Cid, "PieceSize": S::Uint, "VerifiedDeal": S::Bool, "Client": S::Address,
        "Provider": S::Address, "Label": S::Label, "StartEpoch": S::Int, "EndEpoch": S::Int,
        "StoragePricePerEpoch": S::BigInt, "ProviderCollateral": S::BigInt,
        "ClientCollateral": S::BigInt,
    }
    CLIENT_DEAL_PROPOSAL: "ClientDealProposal" {
        "Proposal": S::Struct(DEAL_PROPOSAL), "ClientSignature": S::Signature,
    }
    PUBLISH_DEALS: "PublishStorageDealsParams" { "Deals": S::List(&S::Struct(CLIENT_DEAL_PROPOSAL)) }
    PUBLISHED_DEALS: "PublishStorageDealsReturn" { "IDs": UINTS, "ValidDeals": S::BitField }
    SECTOR_DEALS: "SectorDeals" { "SectorType": S::Int, "SectorExpiry": S::Int, "DealIDs": UINTS }
    VERIFY_DEALS: "VerifyDealsForActivationParams" { "Sectors": S::List(&S::Struct(SECTOR_DEALS)) }
    SECTOR_DEAL_DATA: "SectorDealData" { "CommD": S::OptionalCid }
    VERIFIED_DEALS: "VerifyDealsForActivationReturn" {
        "Sectors": S::List(&S::Struct(SECTOR_DEAL_DATA)),
    }
    ACTIVATE_DEALS: "ActivateDealsParams" { "DealIDs": UINTS, "SectorExpiry": S::Int }
    SECTOR_DATA_SPEC: "SectorDataSpec" { "DealIDs": UINTS, "SectorType": S::Int }
    COMPUTE_DATA_COMMITMENT: "ComputeDataCommitmentParams" {
        "Inputs": S::List(&S::Optional(SECTOR_DATA_SPEC)),
    }
    DATA_COMMITMENTS: "ComputeDataCommitmentReturn" { "CommDs": S::List(&S::OpaqueCid) }
    SECTORS_TERMINATE: "OnMinerSectorsTerminateParams" { "Epoch": S::Int, "DealIDs": UINTS }

    // Miner.
    MINER_CONSTRUCTOR: "MinerConstructorParams" {
        "OwnerAddr": S::Address, "WorkerAddr": S::Address, "ControlAddrs": ADDRESSES,
        "WindowPoStProofType": S::Int, "PeerId": S::Bytes, "Multiaddrs": BYTE_STRINGS,
    }
    CONTROL_ADDRESSES: "GetControlAddressesReturn" {
        "Owner": S::Address, "Worker": S::Address, "ControlAddrs": ADDRESSES,
    }
    CHANGE_WORKER: "ChangeWorkerAddressParams" {
        "NewWorker": S::Address, "NewControlAddrs": ADDRESSES,
    }
    CHANGE_PEER_ID: "ChangePeerIDParams" { "NewID": S::Bytes }
    CHANGE_MULTIADDRS: "ChangeMultiaddrsParams" { "NewMultiaddrs": BYTE_STRINGS }
    POST_PARTITION: "PoStPartition" { "Index": S::Uint, "Skipped": S::BitField }
    POST_PROOF: "PoStProof" { "PoStProof": S::Int, "ProofBytes": S::Bytes }
    SUBMIT_POST: "SubmitWindowedPoStParams" {
        "Deadline": S::Uint, "Partitions": S::List(&S::Struct(POST_PARTITION)),
        "Proofs": S::List(&S::Struct(POST_PROOF)), "ChainCommitEpoch": S::Int,
        "ChainCommitRand": S::Bytes,
    }
    PRE_COMMIT: "PreCommitSectorParams" {
        "SealProof": S::Int, "SectorNumber": S::Uint, "SealedCID": S::Cid, "SealRandEpoch": S::Int,
        "DealIDs": UINTS, "Expiration": S::Int, "ReplaceCapacity": S::Bool,
        "ReplaceSectorDeadline": S::Uint, "ReplaceSectorPartition": S::Uint,
        "ReplaceSectorNumber": S::Uint,
    }
    PRE_COMMIT_BATCH: "PreCommitSectorBatchParams" { "Sectors": S::List(&S::Struct(PRE_COMMIT)) }
    PRE_COMMIT_2: "SectorPreCommitInfo" {
        "SealProof": S::Int, "SectorNumber": S::Uint, "SealedCID": S::Cid, "SealRandEpoch": S::Int,
        "DealIDs": UINTS, "Expiration": S::Int, "UnsealedCid": S::OptionalCid,
    }
    PRE_COMMIT_BATCH_2: "PreCommitSectorBatchParams2" {
        "Sectors": S::List(&S::Struct(PRE_COMMIT_2)),
    }
    PROVE_COMMIT: "ProveCommitSectorParams" { "SectorNumber": S::Uint, "Proof": S::Bytes }
    PROVE_COMMIT_AGGREGATE: "ProveCommitAggregateParams" {
        "SectorNumbers": S::BitField, "AggregateProof": S::Bytes,
    }
    EXTENSION: "ExpirationExtension" {
        "Deadline": S::Uint, "Partition": S::Uint, "Sectors": S::BitField, "NewExpiration": S::Int,
    }
    EXTEND: "ExtendSectorExpirationParams" { "Extensions": S::List(&S::Struct(EXTENSION)) }
    SECTOR_CLAIM: "SectorClaim" {
        "SectorNumber": S::Uint, "MaintainClaims": UINTS, "DropClaims": UINTS,
    }
    EXTENSION_2: "ExpirationExtension2" {
        "Deadline": S::Uint, "Partition": S::Uint, "Sectors": S::BitField,
        "SectorsWithClaims": S::List(&S::Struct(SECTOR_CLAIM)), "NewExpiration": S::Int,
    }
    EXTEND_2: "ExtendSectorExpiration2Params" { "Extensions": S::List(&S::Struct(EXTENSION_2)) }
    TERMINATION: "TerminationDeclaration" {
        "Deadline": S::Uint, "Partition": S::Uint, "Sectors": S::BitField,
    }
    TERMINATE: "TerminateSectorsParams" { "Terminations": S::List(&S::Struct(TERMINATION)) }
    TERMINATED: "TerminateSectorsReturn" { "Done": S::Bool }
    FAULT: "FaultDeclaration" { "Deadline": S::Uint, "Partition": S::Uint, "Sectors": S::BitField }
    DECLARE_FAULTS: "DeclareFaultsParams" { "Faults": S::List(&S::Struct(FAULT)) }
    RECOVERY: "RecoveryDeclaration" {
        "Deadline": S::Uint, "Partition": S::Uint, "Sectors": S::BitField,
    }
    DECLARE_RECOVERIES: "DeclareFaultsRecoveredParams" { "Recoveries": S::List(&S::Struct(RECOVERY)) }
    DEFERRED_CRON: "DeferredCronEventParams" {
        "EventPayload": S::Bytes, "RewardSmoothed": S::Struct(FILTER_ESTIMATE),
        "QualityAdjPowerSmoothed": S::Struct(FILTER_ESTIMATE),
    }
    CHECK_SECTOR: "CheckSectorProvenParams" { "SectorNumber": S::Uint }
    APPLY_REWARD: "ApplyRewardParams" { "Reward": S::BigInt, "Penalty": S::BigInt }
    REPORT_FAULT: "ReportConsensusFaultParams" {
        "BlockHeader1": S::Bytes, "BlockHeader2": S::Bytes, "BlockHeaderExtra": S::Bytes,
    }
    MINER_WITHDRAW: "WithdrawBalanceParams" { "AmountRequested": S::BigInt }
    CONFIRM_PROOFS: "ConfirmSectorProofsParams" {
        "Sectors": UINTS, "RewardSmoothed": S::Struct(FILTER_ESTIMATE),
        "RewardBaselinePower": S::BigInt, "QualityAdjPowerSmoothed": S::Struct(FILTER_ESTIMATE),
    }
    COMPACT_PARTITIONS: "CompactPartitionsParams" { "Deadline": S::Uint, "Partitions": S::BitField }
    COMPACT_SECTORS: "CompactSectorNumbersParams" { "MaskSectorNumbers": S::BitField }
    DISPUTE: "DisputeWindowedPoStParams" { "Deadline": S::Uint, "PoStIndex": S::Uint }
    REPLICA_UPDATE: "ReplicaUpdate" {
        "SectorID": S::Uint, "Deadline": S::Uint, "Partition": S::Uint,
        "NewSealedSectorCID": S::Cid, "Deals": UINTS, "UpdateProofType": S::Int,
        "ReplicaProof": S::Bytes,
    }
    REPLICA_UPDATES: "ProveReplicaUpdatesParams" { "Updates": S::List(&S::Struct(REPLICA_UPDATE)) }
    REPLICA_UPDATE_2: "ReplicaUpdate2" {
        "SectorID": S::Uint, "Deadline": S::Uint, "Partition": S::Uint,
        "NewSealedSectorCID": S::Cid, "NewUnsealedSectorCID": S::Cid, "Deals": UINTS,
        "UpdateProofType": S::Int, "ReplicaProof": S::Bytes,
    }
    REPLICA_UPDATES_2: "ProveReplicaUpdatesParams2" {
        "Updates": S::List(&S::Struct(REPLICA_UPDATE_2)),
    }
    CHANGE_BENEFICIARY: "ChangeBeneficiaryParams" {
        "NewBeneficiary": S::Address, "NewQuota": S::BigInt, "NewExpiration": S::Int,
    }
    BENEFICIARY_TERM: "BeneficiaryTerm" {
        "Quota": S::BigInt, "UsedQuota": S::BigInt, "Expiration": S::Int,
    }
    ACTIVE_BENEFICIARY: "ActiveBeneficiary" {
        "Beneficiary": S::Address, "Term": S::Struct(BENEFICIARY_TERM),
    }
    PENDING_BENEFICIARY: "PendingBeneficiaryChange" {
        "NewBeneficiary": S::Address, "NewQuota": S::BigInt, "NewExpiration": S::Int,
        "ApprovedByBeneficiary": S::Bool, "ApprovedByNominee": S::Bool,
    }
    BENEFICIARY: "GetBeneficiaryReturn" {
        "Active": S::Struct(ACTIVE_BENEFICIARY), "Proposed": S::Optional(PENDING_BENEFICIARY),
    }

    // Multisig.
    MULTISIG_CONSTRUCTOR: "ConstructorParams" {
        "Signers": ADDRESSES, "NumApprovalsThreshold": S::Uint, "UnlockDuration": S::Int,
        "StartEpoch": S::Int,
    }
    PROPOSE: "ProposeParams" {
        "To": S::Address, "Value": S::BigInt, "Method": S::Uint, "Params": S::Bytes,
    }
    PROPOSED: "ProposeReturn" {
        "TxnID": S::Int, "Applied": S::Bool, "Code": S::Int, "Ret": S::Bytes,
    }
    TRANSACTION_ID: "TxnIDParams" { "ID": S::Int, "ProposalHash": S::Bytes }
    APPROVED: "ApproveReturn" { "Applied": S::Bool, "Code": S::Int, "Ret": S::Bytes }
    ADD_SIGNER: "AddSignerParams" { "Signer": S::Address, "Increase": S::Bool }
    REMOVE_SIGNER: "RemoveSignerParams" { "Signer": S::Address, "Decrease": S::Bool }
    SWAP_SIGNER: "SwapSignerParams" { "From": S::Address, "To": S::Address }
    CHANGE_THRESHOLD: "ChangeNumApprovalsThresholdParams" { "NewThreshold": S::Uint }
    LOCK_BALANCE: "LockBalanceParams" {
        "StartEpoch": S::Int, "UnlockDuration": S::Int, "Amount": S::BigInt,
    }

    // Payment channel.
    CHANNEL_CONSTRUCTOR: "ConstructorParams" { "From": S::Address, "To": S::Address }
    MOD_VERIFY: "ModVerifyParams" { "Actor": S::Address, "Method": S::Uint, "Data": S::Bytes }
    MERGE: "Merge" { "Lane": S::Uint, "Nonce": S::Uint }
    VOUCHER: "SignedVoucher" {
        "ChannelAddr": S::Address, "TimeLockMin": S::Int, "TimeLockMax": S::Int,
        "SecretHash": S::Bytes, "Extra": S::Optional(MOD_VERIFY), "Lane": S::Uint,
        "Nonce": S::Uint, "Amount": S::BigInt, "MinSettleHeight": S::Int,
        "Merges": S::List(&S::Struct(MERGE)), "Signature": S::OptionalSignature,
    }
    UPDATE_CHANNEL: "UpdateChannelStateParams" { "Sv": S::Struct(VOUCHER), "Secret": S::Bytes }

    // Power.
    CREATE_MINER: "CreateMinerParams" {
        "Owner": S::Address, "Worker": S::Address, "WindowPoStProofType": S::Int, "Peer": S::Bytes,
        "Multiaddrs": BYTE_STRINGS,
    }
    UPDATE_CLAIMED_POWER: "UpdateClaimedPowerParams" {
        "RawByteDelta": S::BigInt, "QualityAdjustedDelta": S::BigInt,
    }
    ENROLL_CRON: "EnrollCronEventParams" { "EventEpoch": S::Int, "Payload": S::Bytes }
    SECTOR_ID: "SectorID" { "Miner": S::Uint, "Number": S::Uint }
    SEAL_VERIFY_INFO: "SealVerifyInfo" {
        "SealProof": S::Int, "SectorID": S::Embedded(SECTOR_ID), "DealIDs": UINTS,
        "Randomness": S::Bytes, "InteractiveRandomness": S::Bytes, "Proof": S::Bytes,
        "SealedCID": S::Cid, "UnsealedCID": S::Cid,
    }
    TOTAL_POWER: "CurrentTotalPowerReturn" {
        "RawBytePower": S::BigInt, "QualityAdjPower": S::BigInt, "PledgeCollateral": S::BigInt,
        "QualityAdjPowerSmoothed": S::Struct(FILTER_ESTIMATE),
    }

    // Reward.
    AWARD: "AwardBlockRewardParams" {
        "Miner": S::Address, "Penalty": S::BigInt, "GasReward": S::BigInt, "WinCount": S::Int,
    }
    EPOCH_REWARD: "ThisEpochRewardReturn" {
        "ThisEpochRewardSmoothed": S::Struct(FILTER_ESTIMATE), "ThisEpochBaselinePower": S::BigInt,
    }

    // Verified registry.
    ALLOWANCE: "AddVerifierParams" { "Address": S::Address, "Allowance": S::BigInt }
    REMOVE_REQUEST: "RemoveDataCapRequest" {
        "Verifier": S::Address, "VerifierSignature": S::Signature,
    }
    REMOVE_DATA_CAP: "RemoveDataCapParams" {
        "VerifiedClientToRemove": S::Address, "DataCapAmountToRemove": S::BigInt,
        "VerifierRequest1": S::Struct(REMOVE_REQUEST), "VerifierRequest2": S::Struct(REMOVE_REQUEST),
    }
    REMOVED_DATA_CAP: "RemoveDataCapReturn" {
        "VerifiedClient": S::Address, "DataCapRemoved": S::BigInt,
    }
    REMOVE_ALLOCATIONS: "RemoveExpiredAllocationsParams" { "Client": S::Uint, "AllocationIds": UINTS }
    REMOVED_ALLOCATIONS: "RemoveExpiredAllocationsReturn" {
        "Considered": UINTS, "Results": S::Struct(BATCH_RETURN), "DataCapRecovered": S::BigInt,
    }
    ALLOCATION_CLAIM: "SectorAllocationClaim" {
        "Client": S::Uint, "AllocationId": S::Uint, "Data": S::Cid, "Size": S::Uint,
        "Sector": S::Uint, "SectorExpiry": S::Int,
    }
    CLAIM_ALLOCATIONS: "ClaimAllocationsParams" {
        "Sectors": S::List(&S::Struct(ALLOCATION_CLAIM)), "AllOrNothing": S::Bool,
    }
    CLAIMED_ALLOCATIONS: "ClaimAllocationsReturn" {
        "BatchInfo": S::Struct(BATCH_RETURN), "ClaimedSpace": S::BigInt,
    }
    GET_CLAIMS: "GetClaimsParams" { "Provider": S::Uint, "ClaimIds": UINTS }
    CLAIM: "Claim" {
        "Provider": S::Uint, "Client": S::Uint, "Data": S::Cid, "Size": S::Uint, "TermMin": S::Int,
        "TermMax": S::Int, "TermStart": S::Int, "Sector": S::Uint,
    }
    CLAIMS: "GetClaimsReturn" {
        "BatchInfo": S::Struct(BATCH_RETURN), "Claims": S::List(&S::Struct(CLAIM)),
    }
    CLAIM_TERM: "ClaimTerm" { "Provider": S::Uint, "ClaimId": S::Uint, "TermMax": S::Int }
    EXTEND_CLAIMS: "ExtendClaimTermsParams" { "Terms": S::List(&S::Struct(CLAIM_TERM)) }
    REMOVED_CLAIMS: "RemoveExpiredClaimsReturn" {
        "Considered": UINTS, "Results": S::Struct(BATCH_RETURN),
    }
    RECEIVED: "UniversalReceiverParams" { "Type_": S::Uint, "Payload": S::Bytes }
    ALLOCATED: "AllocationsResponse" {
        "AllocationResults": S::Struct(BATCH_RETURN), "ExtensionResults": S::Struct(BATCH_RETURN),
        "NewAllocations": UINTS,
    }
}
