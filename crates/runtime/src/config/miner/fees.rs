//! What messages may cost, and who pays.

use super::super::schema::{Key, Kind, Section};

pub(super) const FEES: Section = Section::used(
    "Fees",
    &[
        Key::new(
            "MaxPreCommitGasFee",
            Kind::Fil,
            r#""0.025 FIL""#,
            "Most that a pre-commit may cost.",
        ),
        Key::new(
            "MaxCommitGasFee",
            Kind::Fil,
            r#""0.05 FIL""#,
            "Most that a proof of replication may cost.",
        ),
        Key::new(
            "MaxTerminateGasFee",
            Kind::Fil,
            r#""0.5 FIL""#,
            "Most that a termination may cost.",
        ),
        Key::new(
            "MaxWindowPoStGasFee",
            Kind::Fil,
            r#""5 FIL""#,
            "Most that a WindowPoSt may cost; high, since a missed one costs more.",
        ),
        Key::new(
            "MaxPublishDealsFee",
            Kind::Fil,
            r#""0.05 FIL""#,
            "Most that publishing deals may cost.",
        ),
        Key::new(
            "MaxMarketBalanceAddFee",
            Kind::Fil,
            r#""0.007 FIL""#,
            "Most that adding to the market balance may cost.",
        ),
    ],
);

pub(super) const FEES_PRE_COMMIT_BATCH: Section = Section::used(
    "Fees.MaxPreCommitBatchGasFee",
    &[
        Key::new(
            "Base",
            Kind::Fil,
            r#""0 FIL""#,
            "Most that a batch may cost, apart from its sectors.",
        ),
        Key::new(
            "PerSector",
            Kind::Fil,
            r#""0.02 FIL""#,
            "What each sector of a batch adds to that.",
        ),
    ],
);

pub(super) const FEES_COMMIT_BATCH: Section = Section::used(
    "Fees.MaxCommitBatchGasFee",
    &[
        Key::new(
            "Base",
            Kind::Fil,
            r#""0 FIL""#,
            "Most that an aggregate may cost, apart from its sectors.",
        ),
        Key::new(
            "PerSector",
            Kind::Fil,
            r#""0.03 FIL""#,
            "What each sector of an aggregate adds to that.",
        ),
    ],
);

pub(super) const ADDRESSES: Section = Section::used(
    "Addresses",
    &[
        Key::new(
            "PreCommitControl",
            Kind::Texts,
            r#"[]"#,
            "Addresses that send pre-commits.",
        ),
        Key::new(
            "CommitControl",
            Kind::Texts,
            r#"[]"#,
            "Addresses that send proofs of replication.",
        ),
        Key::new(
            "TerminateControl",
            Kind::Texts,
            r#"[]"#,
            "Addresses that send terminations.",
        ),
        Key::new(
            "DealPublishControl",
            Kind::Texts,
            r#"[]"#,
            "Addresses that publish deals.",
        ),
        Key::new(
            "DisableOwnerFallback",
            Kind::Bool,
            r#"false"#,
            "Never send from the owner when control addresses have no funds.",
        ),
        Key::new(
            "DisableWorkerFallback",
            Kind::Bool,
            r#"false"#,
            "Never send from the worker when control addresses have no funds.",
        ),
    ],
);
