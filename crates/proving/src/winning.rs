//! Block production: one try per epoch to be elected on the heaviest tipset.
//!
//! ```text
//!  head ─► plan::Base ─► base info ─► election ─► WinningPoSt ─► messages ─► block
//!             ▲                         │ no win                               │
//!             └────── null round ◄──────┘            slash filter ◄────────────┘
//!                                                         │ wait for the block's time
//!                                                         ▼
//!                                                    SyncSubmitBlock
//! ```

pub mod chain;
mod driver;
pub mod election;
pub mod plan;
mod slash;

pub use chain::{BaseInfo, BlockTemplate, MinedBlock, MiningChain};
pub use driver::{Miner, MinerConfig, MinerDeps, MinerStatus};
pub use slash::{SlashError, SlashFilter};
