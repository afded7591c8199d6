//! The sections that both kinds of node have alike.

use super::schema::{Key, Kind, Section};

pub(super) const BACKUP: Section = Section::unused(
    "Backup",
    &[Key::new("DisableMetadataLog", Kind::Bool, r#"true"#, "")],
);

pub(super) const LOGGING_LEVELS: Section = Section::open(
    "Logging.SubsystemLevels",
    Kind::Text,
    "Log level by subsystem: debug, info, warn, error.",
);

pub(super) const LIBP2P: Section = Section::used(
    "Libp2p",
    &[
        Key::new(
            "ListenAddresses",
            Kind::Texts,
            r#"["/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"]"#,
            "Multiaddrs to listen on; port 0 picks a free one at each start.",
        ),
        Key::new(
            "AnnounceAddresses",
            Kind::Texts,
            r#"[]"#,
            "Multiaddrs told to peers instead of the listen addresses, for a node behind a forwarded port.",
        ),
        Key::new(
            "NoAnnounceAddresses",
            Kind::Texts,
            r#"[]"#,
            "Multiaddrs never told to peers.",
        ),
        Key::new(
            "DisableNatPortMap",
            Kind::Bool,
            r#"false"#,
            "Do not ask the router to forward a port.",
        ),
        Key::new(
            "ConnMgrLow",
            Kind::Uint,
            r#"150"#,
            "Connections that are kept when too many are open.",
        ),
        Key::new(
            "ConnMgrHigh",
            Kind::Uint,
            r#"180"#,
            "Open connections above which some are closed.",
        ),
        Key::new(
            "ConnMgrGrace",
            Kind::Duration,
            r#""20s""#,
            "A connection younger than this is never closed for being one too many.",
        ),
    ],
);

pub(super) const PUBSUB: Section = Section::unused(
    "Pubsub",
    &[
        Key::new("Bootstrapper", Kind::Bool, r#"false"#, ""),
        Key::new("RemoteTracer", Kind::Text, r#""""#, ""),
        Key::new("JsonTracer", Kind::Text, r#""""#, ""),
        Key::new("ElasticSearchTracer", Kind::Text, r#""""#, ""),
        Key::new("ElasticSearchIndex", Kind::Text, r#""""#, ""),
        Key::new("TracerSourceAuth", Kind::Text, r#""""#, ""),
    ],
);
