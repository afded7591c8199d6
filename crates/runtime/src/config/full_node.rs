//! The keys of `lotus daemon`'s `config.toml`: names and defaults of Lotus v1.20.

use super::{
    common,
    schema::{Key, Kind, Section},
};

/// Sections in the order of the file.
pub(super) const SECTIONS: &[Section] = &[
    API,
    common::BACKUP,
    common::LOGGING_LEVELS,
    common::LIBP2P,
    common::PUBSUB,
    CLIENT,
    WALLET,
    FEES,
    CHAINSTORE,
    CHAINSTORE_SPLITSTORE,
    CLUSTER,
    FEVM,
    FEVM_EVENTS,
];

const API: Section = Section::used(
    "API",
    &[
        Key::new(
            "ListenAddress",
            Kind::Text,
            r#""/ip4/127.0.0.1/tcp/1234/http""#,
            "Where the API listens, as a multiaddr.",
        ),
        Key::new(
            "RemoteListenAddress",
            Kind::Text,
            r#""""#,
            "Address under which others reach this API; written into links that are handed to them.",
        ),
        Key::new(
            "Timeout",
            Kind::Duration,
            r#""30s""#,
            "Longest time that one API call may take to be read and answered over HTTP.",
        ),
    ],
);

const CLIENT: Section = Section::used(
    "Client",
    &[
        Key::new(
            "UseIpfs",
            Kind::Bool,
            r#"false"#,
            "Keep imported files in an external IPFS node.",
        ),
        Key::new(
            "IpfsOnlineMode",
            Kind::Bool,
            r#"false"#,
            "Let that IPFS node fetch from its peers.",
        ),
        Key::new(
            "IpfsMAddr",
            Kind::Text,
            r#""""#,
            "Multiaddr of that IPFS node.",
        ),
        Key::new(
            "IpfsUseForRetrieval",
            Kind::Bool,
            r#"false"#,
            "Put retrieved files into that IPFS node.",
        ),
        Key::new(
            "SimultaneousTransfersForStorage",
            Kind::Uint,
            r#"20"#,
            "Storage transfers that run at once; more wait.",
        ),
        Key::new(
            "SimultaneousTransfersForRetrieval",
            Kind::Uint,
            r#"20"#,
            "Retrieval transfers that run at once; more wait.",
        ),
        Key::new(
            "OffChainRetrieval",
            Kind::Bool,
            r#"false"#,
            "Never pay on chain for a retrieval.",
        ),
    ],
);

const WALLET: Section = Section::used(
    "Wallet",
    &[
        Key::new(
            "RemoteBackend",
            Kind::Text,
            r#""""#,
            "API address (token:multiaddr) of a lotus-wallet that holds the keys.",
        ),
        Key::new(
            "EnableLedger",
            Kind::Bool,
            r#"false"#,
            "Use keys of a connected Ledger device.",
        ),
        Key::new(
            "DisableLocal",
            Kind::Bool,
            r#"false"#,
            "Hold no keys in this repo's keystore.",
        ),
    ],
);

const FEES: Section = Section::used(
    "Fees",
    &[Key::new(
        "DefaultMaxFee",
        Kind::Fil,
        r#""0.07 FIL""#,
        "Most that a message may cost in fees when its sender sets no limit.",
    )],
);

const CHAINSTORE: Section = Section::unused(
    "Chainstore",
    &[Key::new("EnableSplitstore", Kind::Bool, r#"false"#, "")],
);

const CHAINSTORE_SPLITSTORE: Section = Section::unused(
    "Chainstore.Splitstore",
    &[
        Key::new("ColdStoreType", Kind::Text, r#""messages""#, ""),
        Key::new("HotStoreType", Kind::Text, r#""badger""#, ""),
        Key::new("MarkSetType", Kind::Text, r#""badger""#, ""),
        Key::new("HotStoreMessageRetention", Kind::Uint, r#"0"#, ""),
        Key::new("HotStoreFullGCFrequency", Kind::Uint, r#"20"#, ""),
    ],
);

const CLUSTER: Section = Section::unused(
    "Cluster",
    &[
        Key::new("ClusterModeEnabled", Kind::Bool, r#"false"#, ""),
        Key::new("DataFolder", Kind::Text, r#""""#, ""),
        Key::new("InitPeersetMultiAddr", Kind::Texts, r#"[]"#, ""),
        Key::new("WaitForLeaderTimeout", Kind::Duration, r#""15s""#, ""),
        Key::new("NetworkTimeout", Kind::Duration, r#""1m40s""#, ""),
        Key::new("CommitRetries", Kind::Int, r#"1"#, ""),
        Key::new("CommitRetryDelay", Kind::Duration, r#""200ms""#, ""),
        Key::new("BackupsRotate", Kind::Int, r#"6"#, ""),
        Key::new("Tracing", Kind::Bool, r#"false"#, ""),
    ],
);

const FEVM: Section = Section::unused(
    "Fevm",
    &[
        Key::new("EnableEthRPC", Kind::Bool, r#"false"#, ""),
        Key::new("EthTxHashMappingLifetimeDays", Kind::Int, r#"0"#, ""),
    ],
);

const FEVM_EVENTS: Section = Section::unused(
    "Fevm.Events",
    &[
        Key::new("DisableRealTimeFilterAPI", Kind::Bool, r#"false"#, ""),
        Key::new("DisableHistoricFilterAPI", Kind::Bool, r#"false"#, ""),
        Key::new("FilterTTL", Kind::Duration, r#""24h0m0s""#, ""),
        Key::new("MaxFilters", Kind::Int, r#"100"#, ""),
        Key::new("MaxFilterResults", Kind::Int, r#"10000"#, ""),
        Key::new("MaxFilterHeightRange", Kind::Uint, r#"2880"#, ""),
        Key::new("DatabasePath", Kind::Text, r#""""#, ""),
    ],
);
