//! Deals: making them, prices of retrieval, the index of what is stored.

use super::super::schema::{Key, Kind, Section};

pub(super) const DEALMAKING: Section = Section::used(
    "Dealmaking",
    &[
        Key::new(
            "ConsiderOnlineStorageDeals",
            Kind::Bool,
            r#"true"#,
            "Take deals whose data comes over the network.",
        ),
        Key::new(
            "ConsiderOfflineStorageDeals",
            Kind::Bool,
            r#"true"#,
            "Take deals whose data is imported by hand.",
        ),
        Key::new(
            "ConsiderOnlineRetrievalDeals",
            Kind::Bool,
            r#"true"#,
            "Serve retrievals over the network.",
        ),
        Key::new(
            "ConsiderOfflineRetrievalDeals",
            Kind::Bool,
            r#"true"#,
            "Serve retrievals arranged by hand.",
        ),
        Key::new(
            "ConsiderVerifiedStorageDeals",
            Kind::Bool,
            r#"true"#,
            "Take deals with verified data.",
        ),
        Key::new(
            "ConsiderUnverifiedStorageDeals",
            Kind::Bool,
            r#"true"#,
            "Take deals with data that is not verified.",
        ),
        Key::new(
            "PieceCidBlocklist",
            Kind::Texts,
            r#"[]"#,
            "Pieces that are never taken.",
        ),
        Key::new(
            "ExpectedSealDuration",
            Kind::Duration,
            r#""24h0m0s""#,
            "Time that sealing takes; a deal that starts earlier is refused.",
        ),
        Key::new(
            "MaxDealStartDelay",
            Kind::Duration,
            r#""336h0m0s""#,
            "Latest start of a deal, from now.",
        ),
        Key::new(
            "PublishMsgPeriod",
            Kind::Duration,
            r#""1h0m0s""#,
            "How long accepted deals wait to be published together in one message.",
        ),
        Key::new(
            "MaxDealsPerPublishMsg",
            Kind::Uint,
            r#"8"#,
            "Deals in one publish message; reaching it ends the wait.",
        ),
        Key::new(
            "MaxProviderCollateralMultiplier",
            Kind::Uint,
            r#"2"#,
            "Most collateral that is put up, as a multiple of the network's minimum.",
        ),
        Key::new(
            "MaxStagingDealsBytes",
            Kind::Int,
            r#"0"#,
            "Bytes of deal data that may wait for sealing; 0 means no limit.",
        ),
        Key::new(
            "SimultaneousTransfersForStorage",
            Kind::Uint,
            r#"20"#,
            "Storage transfers that run at once.",
        ),
        Key::new(
            "SimultaneousTransfersForStoragePerClient",
            Kind::Uint,
            r#"0"#,
            "Storage transfers that run at once for one client; 0 means no limit.",
        ),
        Key::new(
            "SimultaneousTransfersForRetrieval",
            Kind::Uint,
            r#"20"#,
            "Retrieval transfers that run at once.",
        ),
        Key::new(
            "StartEpochSealingBuffer",
            Kind::Uint,
            r#"480"#,
            "Epochs before a deal's start in which its sector must be full.",
        ),
        Key::new(
            "Filter",
            Kind::Text,
            r#""""#,
            "Command asked about each storage deal: JSON on stdin, exit code 0 accepts.",
        ),
        Key::new(
            "RetrievalFilter",
            Kind::Text,
            r#""""#,
            "Command asked about each retrieval: JSON on stdin, exit code 0 accepts.",
        ),
    ],
);

pub(super) const DEALMAKING_RETRIEVAL_PRICING: Section = Section::used(
    "Dealmaking.RetrievalPricing",
    &[Key::new(
        "Strategy",
        Kind::Text,
        r#""default""#,
        "How a retrieval is priced: \"default\" or \"external\".",
    )],
);

pub(super) const DEALMAKING_RETRIEVAL_PRICING_DEFAULT: Section = Section::used(
    "Dealmaking.RetrievalPricing.Default",
    &[Key::new(
        "VerifiedDealsFreeTransfer",
        Kind::Bool,
        r#"true"#,
        "Verified data is retrieved without payment for the transfer.",
    )],
);

pub(super) const DEALMAKING_RETRIEVAL_PRICING_EXTERNAL: Section = Section::used(
    "Dealmaking.RetrievalPricing.External",
    &[Key::new(
        "Path",
        Kind::Text,
        r#""""#,
        "Program that prices a retrieval.",
    )],
);

pub(super) const INDEX_PROVIDER: Section = Section::unused(
    "IndexProvider",
    &[
        Key::new("Enable", Kind::Bool, r#"true"#, ""),
        Key::new("EntriesCacheCapacity", Kind::Int, r#"1024"#, ""),
        Key::new("EntriesChunkSize", Kind::Int, r#"16384"#, ""),
        Key::new("TopicName", Kind::Text, r#""""#, ""),
        Key::new("PurgeCacheOnStart", Kind::Bool, r#"false"#, ""),
    ],
);

pub(super) const DAG_STORE: Section = Section::unused(
    "DAGStore",
    &[
        Key::new("RootDir", Kind::Text, r#""""#, ""),
        Key::new("MaxConcurrentIndex", Kind::Int, r#"5"#, ""),
        Key::new("MaxConcurrentReadyFetches", Kind::Int, r#"0"#, ""),
        Key::new("MaxConcurrentUnseals", Kind::Int, r#"5"#, ""),
        Key::new("MaxConcurrencyStorageCalls", Kind::Int, r#"100"#, ""),
        Key::new("GCInterval", Kind::Duration, r#""1m0s""#, ""),
    ],
);
