//! Sealing, storing and proving sectors.

use super::super::schema::{Key, Kind, Section};

pub(super) const PROVING: Section = Section::used(
    "Proving",
    &[
        Key::new(
            "ParallelCheckLimit",
            Kind::Int,
            r#"128"#,
            "Sectors checked at once before a proof.",
        ),
        Key::new(
            "SingleCheckTimeout",
            Kind::Duration,
            r#""10m0s""#,
            "Longest check of one sector; a slower one counts as faulty.",
        ),
        Key::new(
            "PartitionCheckTimeout",
            Kind::Duration,
            r#""20m0s""#,
            "Longest check of a partition; sectors not checked by then are left out.",
        ),
        Key::new(
            "DisableBuiltinWindowPoSt",
            Kind::Bool,
            r#"false"#,
            "Leave WindowPoSt to workers.",
        ),
        Key::new(
            "DisableBuiltinWinningPoSt",
            Kind::Bool,
            r#"false"#,
            "Leave WinningPoSt to workers.",
        ),
        Key::new(
            "DisableWDPoStPreChecks",
            Kind::Bool,
            r#"false"#,
            "Do not check sectors before proving them.",
        ),
        Key::new(
            "MaxPartitionsPerPoStMessage",
            Kind::Int,
            r#"0"#,
            "Partitions in one proof message; 0 means the network's limit.",
        ),
        Key::new(
            "MaxPartitionsPerRecoveryMessage",
            Kind::Int,
            r#"0"#,
            "Partitions in one recovery message; 0 means the network's limit.",
        ),
        Key::new(
            "SingleRecoveringPartitionPerPostMessage",
            Kind::Bool,
            r#"false"#,
            "Prove recovering partitions one by one.",
        ),
    ],
);

pub(super) const SEALING: Section = Section::used(
    "Sealing",
    &[
        Key::new(
            "MaxWaitDealsSectors",
            Kind::Uint,
            r#"2"#,
            "Sectors that may wait for deals at once.",
        ),
        Key::new(
            "MaxSealingSectors",
            Kind::Uint,
            r#"0"#,
            "Sectors that may be sealed at once, committed capacity included; 0 means no limit.",
        ),
        Key::new(
            "MaxSealingSectorsForDeals",
            Kind::Uint,
            r#"0"#,
            "Sectors with deals that may be sealed at once; 0 means no limit.",
        ),
        Key::new(
            "PreferNewSectorsForDeals",
            Kind::Bool,
            r#"false"#,
            "Put deals into new sectors before upgrading existing ones.",
        ),
        Key::new(
            "MaxUpgradingSectors",
            Kind::Uint,
            r#"0"#,
            "Sectors that may be upgraded at once; 0 means as many as are sealed.",
        ),
        Key::new(
            "MinUpgradeSectorExpiration",
            Kind::Uint,
            r#"0"#,
            "A sector is upgraded only when it lives at least this many epochs more.",
        ),
        Key::new(
            "MinTargetUpgradeSectorExpiration",
            Kind::Uint,
            r#"0"#,
            "Upgrade sectors that expire after this many epochs first.",
        ),
        Key::new(
            "CommittedCapacitySectorLifetime",
            Kind::Duration,
            r#""12960h0m0s""#,
            "Lifetime of a sector without deals.",
        ),
        Key::new(
            "WaitDealsDelay",
            Kind::Duration,
            r#""6h0m0s""#,
            "How long a sector waits for more deals before it is sealed.",
        ),
        Key::new(
            "AlwaysKeepUnsealedCopy",
            Kind::Bool,
            r#"true"#,
            "Keep the unsealed data even when no deal asks for fast retrieval.",
        ),
        Key::new(
            "FinalizeEarly",
            Kind::Bool,
            r#"false"#,
            "Move a sector to long-term storage before its proof is on chain.",
        ),
        Key::new(
            "MakeNewSectorForDeals",
            Kind::Bool,
            r#"true"#,
            "Open new sectors for deals.",
        ),
        Key::new(
            "MakeCCSectorsAvailable",
            Kind::Bool,
            r#"false"#,
            "Mark finished sectors without deals as ready for an upgrade.",
        ),
        Key::new(
            "CollateralFromMinerBalance",
            Kind::Bool,
            r#"false"#,
            "Take collateral from the miner actor's balance first.",
        ),
        Key::new(
            "AvailableBalanceBuffer",
            Kind::Fil,
            r#""0 FIL""#,
            "Balance of the miner actor that is never used for collateral.",
        ),
        Key::new(
            "DisableCollateralFallback",
            Kind::Bool,
            r#"false"#,
            "Never take collateral from the sender when the miner actor has too little.",
        ),
        Key::new(
            "BatchPreCommits",
            Kind::Bool,
            r#"true"#,
            "Send pre-commits of several sectors in one message.",
        ),
        Key::new(
            "MaxPreCommitBatch",
            Kind::Int,
            r#"256"#,
            "Sectors in one pre-commit message.",
        ),
        Key::new(
            "PreCommitBatchWait",
            Kind::Duration,
            r#""24h0m0s""#,
            "How long a pre-commit waits for others.",
        ),
        Key::new(
            "PreCommitBatchSlack",
            Kind::Duration,
            r#""3h0m0s""#,
            "A batch is sent this long before its first sector would be too late.",
        ),
        Key::new(
            "AggregateCommits",
            Kind::Bool,
            r#"true"#,
            "Send proofs of several sectors in one aggregate.",
        ),
        Key::new(
            "MinCommitBatch",
            Kind::Int,
            r#"4"#,
            "Fewer proofs than this are sent one by one.",
        ),
        Key::new(
            "MaxCommitBatch",
            Kind::Int,
            r#"819"#,
            "Proofs in one aggregate.",
        ),
        Key::new(
            "CommitBatchWait",
            Kind::Duration,
            r#""24h0m0s""#,
            "How long a proof waits for others.",
        ),
        Key::new(
            "CommitBatchSlack",
            Kind::Duration,
            r#""1h0m0s""#,
            "An aggregate is sent this long before its first sector would be too late.",
        ),
        Key::new(
            "BatchPreCommitAboveBaseFee",
            Kind::Fil,
            r#""0.00000000032 FIL""#,
            "Below this base fee pre-commits go one by one.",
        ),
        Key::new(
            "AggregateAboveBaseFee",
            Kind::Fil,
            r#""0.00000000032 FIL""#,
            "Below this base fee proofs go one by one.",
        ),
        Key::new(
            "TerminateBatchMax",
            Kind::Uint,
            r#"100"#,
            "Sectors in one termination message.",
        ),
        Key::new(
            "TerminateBatchMin",
            Kind::Uint,
            r#"1"#,
            "Terminations that are worth a message.",
        ),
        Key::new(
            "TerminateBatchWait",
            Kind::Duration,
            r#""5m0s""#,
            "How long a termination waits for others.",
        ),
    ],
);

pub(super) const STORAGE: Section = Section::used(
    "Storage",
    &[
        Key::new(
            "ParallelFetchLimit",
            Kind::Int,
            r#"10"#,
            "Sector files fetched at once.",
        ),
        Key::new(
            "AllowSectorDownload",
            Kind::Bool,
            r#"true"#,
            "This process may fetch sector data.",
        ),
        Key::new(
            "AllowAddPiece",
            Kind::Bool,
            r#"true"#,
            "This process may run AddPiece.",
        ),
        Key::new(
            "AllowPreCommit1",
            Kind::Bool,
            r#"true"#,
            "This process may run PreCommit1.",
        ),
        Key::new(
            "AllowPreCommit2",
            Kind::Bool,
            r#"true"#,
            "This process may run PreCommit2.",
        ),
        Key::new(
            "AllowCommit",
            Kind::Bool,
            r#"true"#,
            "This process may run Commit2.",
        ),
        Key::new(
            "AllowUnseal",
            Kind::Bool,
            r#"true"#,
            "This process may unseal.",
        ),
        Key::new(
            "AllowReplicaUpdate",
            Kind::Bool,
            r#"true"#,
            "This process may run ReplicaUpdate.",
        ),
        Key::new(
            "AllowProveReplicaUpdate2",
            Kind::Bool,
            r#"true"#,
            "This process may run ProveReplicaUpdate2.",
        ),
        Key::new(
            "AllowRegenSectorKey",
            Kind::Bool,
            r#"true"#,
            "This process may regenerate sector keys.",
        ),
        Key::new(
            "LocalWorkerName",
            Kind::Text,
            r#""""#,
            "Name of this process in lists of workers; empty means the host's name.",
        ),
        Key::new(
            "Assigner",
            Kind::Text,
            r#""utilization""#,
            "How tasks are given to workers: \"utilization\" or \"spread\".",
        ),
        Key::new(
            "DisallowRemoteFinalize",
            Kind::Bool,
            r#"false"#,
            "Finalize a sector only where its files are.",
        ),
        Key::new(
            "ResourceFiltering",
            Kind::Text,
            r#""hardware""#,
            "What workers must have free: \"hardware\" or \"disabled\".",
        ),
    ],
);
