//! Which proofs a network takes.
//!
//! # Invariants
//! - The network's actors decide, and nothing else: mock proofs are taken where the actors take them,
//!   and there is no flag, variable or setting by which a network of other actors could.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The proofs of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proofs {
    /// Every proof is made and checked.
    Real,
    /// Nothing is proven: the actors take what the mock prover makes.
    Mock(MockProofs),
}

impl Proofs {
    /// Is nothing proven?
    pub fn are_mock(&self) -> bool {
        matches!(self, Self::Mock(_))
    }
}

/// `[mock_proofs]` of a `network.toml`: how long mock proofs take, in milliseconds; 0 where nothing is
/// said. By itself a mock proof is made at once, so what happens while one is being made (a process
/// dies, a job waits in the queue) could neither be seen nor tested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MockProofs {
    /// PreCommit1, the replica.
    pub pre_commit1_ms: u32,
    /// PreCommit2, its trees.
    pub pre_commit2_ms: u32,
    /// Commit2, the SNARK of a sector.
    pub commit2_ms: u32,
    /// A WinningPoSt, in every block.
    pub winning_post_ms: u32,
    /// A WindowPoSt, per partition.
    pub window_post_ms: u32,
}

impl MockProofs {
    /// One of the fields as a time.
    pub fn time(ms: u32) -> Duration {
        Duration::from_millis(u64::from(ms))
    }
}
