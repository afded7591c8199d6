//! The keys of `lotus-miner`'s `config.toml`: names and defaults of Lotus v1.20.

use super::{
    common,
    schema::{Key, Kind, Section},
};

mod deals;
mod fees;
mod sealing;

/// Sections in the order of the file.
pub(super) const SECTIONS: &[Section] = &[
    API,
    common::BACKUP,
    common::LOGGING_LEVELS,
    common::LIBP2P,
    common::PUBSUB,
    SUBSYSTEMS,
    deals::DEALMAKING,
    deals::DEALMAKING_RETRIEVAL_PRICING,
    deals::DEALMAKING_RETRIEVAL_PRICING_DEFAULT,
    deals::DEALMAKING_RETRIEVAL_PRICING_EXTERNAL,
    deals::INDEX_PROVIDER,
    sealing::PROVING,
    sealing::SEALING,
    sealing::STORAGE,
    fees::FEES,
    fees::FEES_PRE_COMMIT_BATCH,
    fees::FEES_COMMIT_BATCH,
    fees::ADDRESSES,
    deals::DAG_STORE,
];

const API: Section = Section::used(
    "API",
    &[
        Key::new(
            "ListenAddress",
            Kind::Text,
            r#""/ip4/127.0.0.1/tcp/2345/http""#,
            "Where the API listens, as a multiaddr.",
        ),
        Key::new(
            "RemoteListenAddress",
            Kind::Text,
            r#""127.0.0.1:2345""#,
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

const SUBSYSTEMS: Section = Section::used(
    "Subsystems",
    &[
        Key::new(
            "EnableMining",
            Kind::Bool,
            r#"true"#,
            "Make blocks and submit proofs.",
        ),
        Key::new(
            "EnableSealing",
            Kind::Bool,
            r#"true"#,
            "Run the sealing pipeline.",
        ),
        Key::new(
            "EnableSectorStorage",
            Kind::Bool,
            r#"true"#,
            "Keep the index of sector files and serve them.",
        ),
        Key::new(
            "EnableMarkets",
            Kind::Bool,
            r#"true"#,
            "Take storage and retrieval deals.",
        ),
        Key::new(
            "SealerApiInfo",
            Kind::Text,
            r#""""#,
            "Where the sealing process is when it is another one (token:multiaddr).",
        ),
        Key::new(
            "SectorIndexApiInfo",
            Kind::Text,
            r#""""#,
            "Where the sector index is when it is in another process (token:multiaddr).",
        ),
    ],
);
