//! Bounds on what a server takes from its callers.
//!
//! | variable | bounds |
//! |---|---|
//! | `LOTUS_API_MAX_REQUEST_BYTES` | [`Limits::body`] |
//! | `LOTUS_API_MAX_BATCH` | [`Limits::batch`] |
//! | `LOTUS_API_MAX_BATCH_ANSWER_BYTES` | [`Limits::batch_answers`] |
//! | `LOTUS_API_MAX_DEPTH` | [`Limits::depth`] |
//! | `LOTUS_API_MAX_CALLS` | [`Limits::calls_per_connection`] |
//! | `LOTUS_API_MAX_CHANNELS` | [`Limits::channels_per_connection`] |
//!
//! # Lotus parity
//! Lotus bounds the request body alone (`--api-max-req-size`); its `config.toml` has no key for the
//! others, so that they are read from the environment and the file stays one that Lotus reads.

use std::time::Duration;

/// Bounds on what a server takes from its callers. The defaults suit a node on a local network.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest request body and WebSocket message, in bytes. Lotus: 100 MiB.
    pub body: usize,
    /// Most requests in a batch.
    pub batch: usize,
    /// The answers of a batch may take so many bytes together; the requests after that are refused.
    pub batch_answers: usize,
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
            batch_answers: 256 << 20,
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

/// A variable that bounds the API and is not a positive number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value:?}; a number from 1 on is needed")]
pub struct LimitError {
    /// Its name.
    pub variable: &'static str,
    /// What it holds.
    pub value: String,
}

impl Limits {
    /// The deepest nesting that the JSON reader takes at all.
    const DEEPEST: usize = 127;

    /// The default bounds, changed by the environment.
    ///
    /// # Errors
    /// [`LimitError`].
    pub fn from_environment(env: impl Fn(&str) -> Option<String>) -> Result<Self, LimitError> {
        let mut limits = Self::default();
        let known = [
            ("LOTUS_API_MAX_REQUEST_BYTES", &mut limits.body),
            ("LOTUS_API_MAX_BATCH", &mut limits.batch),
            (
                "LOTUS_API_MAX_BATCH_ANSWER_BYTES",
                &mut limits.batch_answers,
            ),
            ("LOTUS_API_MAX_DEPTH", &mut limits.depth),
            ("LOTUS_API_MAX_CALLS", &mut limits.calls_per_connection),
            (
                "LOTUS_API_MAX_CHANNELS",
                &mut limits.channels_per_connection,
            ),
        ];
        for (variable, limit) in known {
            let Some(value) = env(variable).filter(|value| !value.trim().is_empty()) else {
                continue;
            };
            match value.trim().parse() {
                Ok(number) if number > 0 => *limit = number,
                _ => return Err(LimitError { variable, value }),
            }
        }
        limits.depth = limits.depth.min(Self::DEEPEST);
        Ok(limits)
    }
}

#[cfg(test)]
mod from_the_environment {
    use super::*;

    #[test]
    fn bounds_are_taken() {
        let limits = Limits::from_environment(|name| match name {
            "LOTUS_API_MAX_BATCH" => Some(" 7 ".to_owned()),
            "LOTUS_API_MAX_DEPTH" => Some("100000".to_owned()),
            "LOTUS_API_MAX_CALLS" => Some(String::new()),
            _ => None,
        })
        .expect("numbers");
        assert_eq!(limits.batch, 7);
        assert_eq!(limits.depth, 127, "no deeper than the reader goes");
        assert_eq!(limits.calls_per_connection, 4096);
        assert_eq!(limits.body, 100 << 20);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["0", "-1", "many", "1.5"] {
            let read = Limits::from_environment(|name| {
                (name == "LOTUS_API_MAX_BATCH").then(|| bad.to_owned())
            });
            let error = read.expect_err(bad).to_string();
            assert!(error.contains("LOTUS_API_MAX_BATCH"), "{error}");
        }
    }
}
