//! The protocol's constants at network version 17, the same on every network.
//!
//! What a network may choose for itself is in [`crate::Network`]; the actors' own policy (sector
//! lives, deal bounds) is compiled into their bundle and repeated here only where the node needs it.

use lotus_types::{ChainEpoch, Gas};

/// Blocks that an epoch has on average.
pub const BLOCKS_PER_EPOCH: u64 = 5;
/// Most messages in a block.
pub const BLOCK_MESSAGE_LIMIT: usize = 10_000;
/// Most gas that the messages of a block may ask for.
pub const BLOCK_GAS_LIMIT: Gas = 10_000_000_000;
/// Gas use of a block at which the base fee stays as it is.
pub const BLOCK_GAS_TARGET: Gas = BLOCK_GAS_LIMIT / 2;
/// The base fee changes by at most one part in this many per epoch.
pub const BASE_FEE_MAX_CHANGE_DENOMINATOR: i64 = 8;
/// Base fee of genesis, in attoFIL per gas.
pub const INITIAL_BASE_FEE: i64 = 100_000_000;
/// Lowest base fee, in attoFIL per gas.
pub const MINIMUM_BASE_FEE: i64 = 100;
/// Share of unpacked gas assumed lost to packing inefficiency, numerator (of five).
pub const PACKING_EFFICIENCY_NUM: i64 = 4;
/// The denominator to it.
pub const PACKING_EFFICIENCY_DENOM: i64 = 5;

/// Epochs after which a tipset is taken as final.
pub const CHAIN_FINALITY: ChainEpoch = 900;
/// A ticket is drawn from this many epochs before.
pub const TICKET_RANDOMNESS_LOOKBACK: ChainEpoch = 1;
/// Elections look at the power table, the sector set and the worker key of this many epochs ago
/// (from network version 4 on; never before genesis).
pub const WINNING_POST_SECTOR_SET_LOOKBACK: ChainEpoch = CHAIN_FINALITY;
/// How far back, in tipsets, a beacon entry may lie.
pub const BEACON_SEARCH_DEPTH: usize = 20;
/// A miner may not mine for this long after a consensus fault was reported.
pub const CONSENSUS_FAULT_INELIGIBILITY: ChainEpoch = CHAIN_FINALITY;

/// Chain weight: share of a block's win count against power, numerator.
pub const WEIGHT_RATIO_NUM: i64 = 1;
/// The denominator to it.
pub const WEIGHT_RATIO_DENOM: i64 = 2;

/// Epochs in a proving period.
pub const WPOST_PROVING_PERIOD: ChainEpoch = 2880;
/// Deadlines in a proving period.
pub const WPOST_PERIOD_DEADLINES: u64 = 48;
/// Epochs of a deadline's window.
pub const WPOST_CHALLENGE_WINDOW: ChainEpoch = WPOST_PROVING_PERIOD / 48;
/// A deadline's challenge is known this many epochs before it opens.
pub const WPOST_CHALLENGE_LOOKBACK: ChainEpoch = 20;
/// Faults must be declared this many epochs before a deadline opens.
pub const FAULT_DECLARATION_CUTOFF: ChainEpoch = WPOST_CHALLENGE_LOOKBACK + 50;
/// A WindowPoSt can be disputed for this many epochs after its deadline closed.
pub const WPOST_DISPUTE_WINDOW: ChainEpoch = 2 * CHAIN_FINALITY;
/// Epochs of a day at mainnet's block time; the protocol counts days so on every network.
pub const EPOCHS_IN_DAY: ChainEpoch = 2880;

/// Shortest life of a sector, in epochs (180 days).
pub const MIN_SECTOR_EXPIRATION: ChainEpoch = 180 * EPOCHS_IN_DAY;
/// Longest extension of a sector at once, in epochs (540 days).
pub const MAX_SECTOR_EXPIRATION_EXTENSION: ChainEpoch = 540 * EPOCHS_IN_DAY;
/// Shortest deal, in epochs (180 days).
pub const DEAL_MIN_DURATION: ChainEpoch = 180 * EPOCHS_IN_DAY;
/// Longest deal, in epochs (540 days).
pub const DEAL_MAX_DURATION: ChainEpoch = 540 * EPOCHS_IN_DAY;
/// A pre-commit's ticket may be this old, in epochs.
pub const MAX_PRE_COMMIT_RANDOMNESS_LOOKBACK: ChainEpoch = EPOCHS_IN_DAY + CHAIN_FINALITY;
/// Epochs that a pre-commit has to be proven, for sectors of proof version 1.1: 30 days and mainnet's
/// challenge delay, which Lotus counts with on every network.
pub const MAX_PROVE_COMMIT_DURATION: ChainEpoch = 30 * EPOCHS_IN_DAY + 150;
/// Randomness for sealing is drawn this many epochs back.
pub const SEAL_RANDOMNESS_LOOKBACK: ChainEpoch = CHAIN_FINALITY;

/// Epochs that a message is left to settle before it counts as final for callers.
pub const MESSAGE_CONFIDENCE: u64 = 5;
/// Epochs waited beyond the challenge delay before a seed is used.
pub const INTERACTIVE_POREP_CONFIDENCE: ChainEpoch = 6;
