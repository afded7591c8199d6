//! What this suite calls itself.

/// The version that every process reports: that of the Lotus whose behaviour it has, and its own.
pub fn version() -> String {
    format!("1.20.0+lotus-rs.{}", env!("CARGO_PKG_VERSION"))
}

/// How a host calls itself to peers.
pub fn agent() -> String {
    format!("lotus-{}", version())
}
