//! Whole Filecoin networks inside a test: real nodes, real libp2p, real execution, a clock that the
//! test owns.
//!
//! ```no_run
//! # async fn example() {
//! use lotus_testkit::Ensemble;
//!
//! let mut net = Ensemble::new().nodes(2).miners(2).start().await;
//! net.mine(50).await;
//! assert_eq!(net.head(0), net.head(1));
//! # }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`ensemble`] | [`Ensemble`]: what a network is made of |
//! | [`net`] | [`TestNet`]: a network that runs |
//! | [`genesis`] | sectors that miners are born with, and the genesis block |
//! | [`proofs`] | which proofs are real |
//! | [`node`] | one full node |
//! | [`miner`] | one block producer |
//! | [`replay`] | a chain's export, executed again by nobody's node |
//!
//! # Invariants
//! - Nothing is faked but what is named so: the beacon, and proofs as far as [`Proofs`] says. Blocks go
//!   through the nodes' API, over real connections, through the one validation.
//! - Time stands still between rounds. A round begins when the test says so and is over when every
//!   node that can hear of its blocks has them; so a slow machine makes a slow test, never a failing
//!   one. What never comes ends in a panic that says what was waited for, after [`PATIENCE`].
//!
//! # Lotus parity
//! Takes the place of `itests/kit`. There blocks are mined as fast as the machine can, and tests poll.

#![allow(
    clippy::missing_panics_doc,
    reason = "this crate is for tests: whatever goes wrong fails the test with a panic"
)]

pub mod ensemble;
pub mod genesis;
pub mod miner;
pub mod net;
pub mod node;
pub mod proofs;
pub mod replay;

use std::time::Duration;

pub use ensemble::Ensemble;
pub use miner::TestMiner;
pub use net::TestNet;
pub use node::TestNode;
pub use proofs::Proofs;
pub use replay::replay;

/// How long the kit waits for what must come. Only a hang takes so long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How often a condition is looked at again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Waits until `condition` holds.
///
/// # Panics
/// After [`PATIENCE`], with what `state` says then.
pub async fn eventually<F>(
    what: &str,
    mut condition: impl FnMut() -> F,
    state: impl FnOnce() -> String,
) where
    F: Future<Output = bool>,
{
    let begun = std::time::Instant::now();
    while !condition().await {
        assert!(
            begun.elapsed() < PATIENCE,
            "waited {PATIENCE:?} for {what}; {}",
            state()
        );
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
