//! Bounds on what a server takes from its callers.

use std::time::Duration;

/// Bounds on what a server takes from its callers. The defaults suit a node on a local network.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest request body and WebSocket message, in bytes. Lotus: 100 MiB.
    pub body: usize,
    /// Most requests in a batch.
    pub batch: usize,
    /// Deepest nesting of lists and objects in a request.
    pub depth: usize,
    /// Most calls that one WebSocket connection may have running.
    pub calls_per_connection: usize,
    /// Most channels that one WebSocket connection may have open.
    pub channels_per_connection: usize,
    /// Frames that may wait for a slow reader before its connection's calls wait too.
    pub outgoing_frames: usize,
    /// How often a WebSocket connection is pinged.
    pub ping_interval: Duration,
    /// A WebSocket connection that is silent for so long, or takes so long to accept a frame, is
    /// closed.
    pub idle_timeout: Duration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long running calls may go on when the server stops.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 100 << 20,
            batch: 1000,
            depth: 120,
            calls_per_connection: 4096,
            channels_per_connection: 256,
            outgoing_frames: 256,
            ping_interval: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}
