//! `[Sealing]` of the miner's configuration, and the numbers that the network fixes.

use std::time::Duration;

use lotus_types::{ChainEpoch, TokenAmount};

/// What the operator chooses. Names and defaults are those of Lotus' `[Sealing]` and `[Fees]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingConfig {
    /// Sectors that wait for deals at the same time; 0 is no limit. Default 2.
    pub max_wait_deals_sectors: u64,
    /// Sectors sealed at the same time for new capacity; 0 is no limit. Default 0.
    pub max_sealing_sectors: u64,
    /// Sectors sealed at the same time with deals; 0 is no limit. Default 0.
    pub max_sealing_sectors_for_deals: u64,
    /// How long sectors without deals live. Default 540 days; the network's limit cuts it.
    pub committed_capacity_sector_lifetime: Duration,
    /// How long a sector waits for more deals. Default 6 h.
    pub wait_deals_delay: Duration,
    /// Keep unsealed copies even when no deal asks for it. Default true.
    pub always_keep_unsealed_copy: bool,
    /// Finalize before the proof is sent. Default false.
    pub finalize_early: bool,
    /// Offer new sectors without deals for upgrades. Default false.
    pub make_cc_sectors_available: bool,
    /// Pay collateral from the miner actor's balance. Default false.
    pub collateral_from_miner_balance: bool,
    /// What must stay on the miner actor when collateral is taken from it. Default 0.
    pub available_balance_buffer: TokenAmount,
    /// Never add to the miner's balance from the sender's wallet. Default false.
    pub disable_collateral_fallback: bool,
    /// Send pre-commits together. Default true.
    pub batch_pre_commits: bool,
    /// When pre-commits are sent together.
    pub pre_commit_batch: BatchConfig,
    /// Below this base fee pre-commits are sent one by one. Default 0.32 nanoFIL.
    pub batch_pre_commit_above_base_fee: TokenAmount,
    /// Aggregate proofs. Default true.
    pub aggregate_commits: bool,
    /// When proofs are aggregated.
    pub commit_batch: BatchConfig,
    /// Below this base fee proofs are sent one by one. Default 0.32 nanoFIL.
    pub aggregate_above_base_fee: TokenAmount,
    /// Most gas fee of one pre-commit. Default 0.025 FIL.
    pub max_pre_commit_gas_fee: TokenAmount,
    /// Most gas fee per sector in a message with several pre-commits. Default 0.02 FIL.
    pub max_pre_commit_batch_gas_fee_per_sector: TokenAmount,
    /// Most gas fee of one prove-commit. Default 0.05 FIL.
    pub max_commit_gas_fee: TokenAmount,
    /// Most gas fee per sector in an aggregate. Default 0.03 FIL.
    pub max_commit_batch_gas_fee_per_sector: TokenAmount,
    /// Most gas fee of a termination. Default 0.5 FIL.
    pub max_terminate_gas_fee: TokenAmount,
    /// How failures are tried again.
    pub retry: RetryPolicy,
    /// Pause before a question to the chain is asked again after it failed. Default 10 s.
    pub chain_retry: Duration,
    /// How often the chain's head is looked at while waiting for an epoch. Default: block time.
    pub head_poll: Duration,
}

/// When a queue of sectors is sent as one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchConfig {
    /// Fewer are sent one by one.
    pub min: usize,
    /// As many are sent at once.
    pub max: usize,
    /// The first one does not wait longer.
    pub wait: Duration,
    /// A sector that must land before a certain time is sent that much before.
    pub slack: Duration,
}

/// How often and when a failed step is tried again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Pause after the first failure; doubles with each one. Default 1 min.
    pub base: Duration,
    /// Longest pause. Default 1 h.
    pub max: Duration,
    /// After so many failures in a row the operator must look. Default 8.
    pub limit: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(60),
            max: Duration::from_secs(3600),
            limit: 8,
        }
    }
}

impl RetryPolicy {
    /// The pause after `failures` failures in a row; `None` when it is not tried again.
    pub fn pause(&self, failures: u32) -> Option<Duration> {
        if failures >= self.limit {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(20);
        Some(self.base.saturating_mul(1 << doublings).min(self.max))
    }
}

const HOUR: Duration = Duration::from_secs(3600);

impl Default for SealingConfig {
    fn default() -> Self {
        let milli = |n: u64| TokenAmount::from_atto(n) * 1_000_000_000_000_000_u64;
        Self {
            max_wait_deals_sectors: 2,
            max_sealing_sectors: 0,
            max_sealing_sectors_for_deals: 0,
            committed_capacity_sector_lifetime: 12_960 * HOUR,
            wait_deals_delay: 6 * HOUR,
            always_keep_unsealed_copy: true,
            finalize_early: false,
            make_cc_sectors_available: false,
            collateral_from_miner_balance: false,
            available_balance_buffer: TokenAmount::zero(),
            disable_collateral_fallback: false,
            batch_pre_commits: true,
            pre_commit_batch: BatchConfig {
                min: 1,
                max: 256,
                wait: 24 * HOUR,
                slack: 3 * HOUR,
            },
            batch_pre_commit_above_base_fee: TokenAmount::from_atto(320_000_000),
            aggregate_commits: true,
            commit_batch: BatchConfig {
                min: 4,
                max: 819,
                wait: 24 * HOUR,
                slack: HOUR,
            },
            aggregate_above_base_fee: TokenAmount::from_atto(320_000_000),
            max_pre_commit_gas_fee: milli(25),
            max_pre_commit_batch_gas_fee_per_sector: milli(20),
            max_commit_gas_fee: milli(50),
            max_commit_batch_gas_fee_per_sector: milli(30),
            max_terminate_gas_fee: milli(500),
            retry: RetryPolicy::default(),
            chain_retry: Duration::from_secs(10),
            head_poll: Duration::from_secs(30),
        }
    }
}

/// What the network fixes, in epochs unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealingPolicy {
    /// The time of an epoch.
    pub block_time: Duration,
    /// The ticket is that old when it is drawn: 900.
    pub seal_randomness_lookback: ChainEpoch,
    /// A ticket may be that old when the pre-commit lands: 2880 + 900.
    pub max_pre_commit_randomness_lookback: ChainEpoch,
    /// From the pre-commit to its seed: 150, on a devnet 10.
    pub pre_commit_challenge_delay: ChainEpoch,
    /// The seed is used that many epochs after it is known: 6.
    pub interactive_porep_confidence: ChainEpoch,
    /// A proof must land that soon after the pre-commit: 30 days + 150.
    pub max_prove_commit_duration: ChainEpoch,
    /// A sector lives at least that long: 180 days.
    pub min_sector_expiration: ChainEpoch,
    /// A sector lives at most that long: 540 days.
    pub max_sector_expiration: ChainEpoch,
    /// The proving period: 2880.
    pub proving_period: ChainEpoch,
    /// Epochs until a message counts as landed: 5.
    pub message_confidence: u64,
    /// Epochs after which nothing is reorganised: 900.
    pub chain_finality: ChainEpoch,
}

impl SealingPolicy {
    /// The protocol's values with a network's block time and challenge delay.
    pub const fn new(block_time: Duration, pre_commit_challenge_delay: ChainEpoch) -> Self {
        Self {
            block_time,
            seal_randomness_lookback: 900,
            max_pre_commit_randomness_lookback: 2880 + 900,
            pre_commit_challenge_delay,
            interactive_porep_confidence: 6,
            // Lotus counts with mainnet's challenge delay on every network.
            max_prove_commit_duration: 30 * 2880 + 150,
            min_sector_expiration: 180 * 2880,
            max_sector_expiration: 540 * 2880,
            proving_period: 2880,
            message_confidence: 5,
            chain_finality: 900,
        }
    }

    /// How many epochs pass in `duration`.
    pub fn epochs(&self, duration: Duration) -> ChainEpoch {
        let block = self.block_time.as_millis().max(1);
        ChainEpoch::try_from(duration.as_millis() / block).unwrap_or(ChainEpoch::MAX)
    }
}
