//! Public randomness: drand over HTTP, a mock for tests, and the beacon of a devnet.
//!
//! | module | what it does |
//! |---|---|
//! | [`chain`] | a drand chain's rounds in time, its hash, its verification |
//! | [`client`] | drand's HTTP API, from the asking side |
//! | [`drand`] | a drand chain as a network's beacon |
//! | [`mock`] | Lotus' mock beacon |
//! | [`block`] | which entries a block must carry |
//! | [`server`] | a drand-compatible server with a single key, for a devnet |
//!
//! # Lotus parity
//! Replaces `chain/beacon`. The devnet's server has no counterpart: a Lotus devnet asks the public
//! drand network, so it cannot run without the internet.

use std::sync::Arc;

use lotus_networks::{BeaconConfig, Network};
use lotus_ports::{beacon::BeaconSchedule, clock::Clock};

pub mod block;
pub mod chain;
pub mod client;
pub mod drand;
pub mod mock;
pub mod server;

pub use block::{EntriesError, entries_for_block, rounds_for_block, validate_block_entries};
pub use chain::{ChainInfoError, DrandChain, FilecoinTime};
pub use client::{HttpClient, ServerUrlError};
pub use drand::DrandBeacon;
pub use mock::MockBeacon;

/// Why a network's beacon cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The chain info of the network's description is unusable.
    #[error(transparent)]
    Chain(#[from] ChainInfoError),
    /// A server of the network's description is.
    #[error(transparent)]
    Server(#[from] ServerUrlError),
}

/// The beacons of a network whose genesis block has this timestamp (Unix seconds).
///
/// # Errors
/// When the network's description has an unusable chain info or server.
pub fn schedule(
    network: &Network,
    genesis_timestamp: u64,
    clock: Arc<dyn Clock>,
) -> Result<BeaconSchedule, SetupError> {
    let time = FilecoinTime {
        genesis: genesis_timestamp,
        block_delay: network.block_delay_secs,
    };
    schedule_of(&network.beacon, time, clock)
}

/// The same for tools that take the beacon apart from the network.
///
/// # Errors
/// When chain info or a server is unusable.
pub fn schedule_of(
    config: &BeaconConfig,
    time: FilecoinTime,
    clock: Arc<dyn Clock>,
) -> Result<BeaconSchedule, SetupError> {
    Ok(BeaconSchedule::new(match config {
        BeaconConfig::Mock => Arc::new(MockBeacon),
        BeaconConfig::Drand { servers, chain } => {
            let chain = DrandChain::new(chain)?;
            let client = HttpClient::new(servers)?;
            Arc::new(DrandBeacon::new(chain, time, client, clock))
        }
    }))
}
