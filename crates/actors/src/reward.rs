//! f02: pays block rewards.

use lotus_types::{Address, BigInt, ChainEpoch, TokenAmount, wire_tuple};

use crate::FilterEstimate;

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor; its parameter is the realized power.";
    AWARD_BLOCK_REWARD = 2 "AwardBlockReward" "Pays a block's miner.";
    THIS_EPOCH_REWARD = 3 "ThisEpochReward" "Tells the current reward.";
    UPDATE_NETWORK_KPI = 4 "UpdateNetworkKPI" "Takes the network's power of this epoch.";
}

/// State of f02.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Baseline power summed up to the effective network time, in byte-epochs.
    pub cumsum_baseline: BigInt,
    /// Realized power summed up, capped by the baseline, in byte-epochs.
    pub cumsum_realized: BigInt,
    /// How far the network has progressed in its baseline.
    pub effective_network_time: ChainEpoch,
    /// Baseline power at that time, in bytes.
    pub effective_baseline_power: BigInt,
    /// Reward per win in this epoch, in attoFIL.
    pub this_epoch_reward: TokenAmount,
    /// The same, smoothed.
    pub this_epoch_reward_smoothed: FilterEstimate,
    /// Baseline power of this epoch, in bytes.
    pub this_epoch_baseline_power: BigInt,
    /// The epoch for which all this was computed.
    pub epoch: ChainEpoch,
    /// Everything paid so far.
    pub total_storage_power_reward: TokenAmount,
    /// Share minted with time alone.
    pub simple_total: TokenAmount,
    /// Share minted as the baseline is met.
    pub baseline_total: TokenAmount,
}
wire_tuple!(State {
    cumsum_baseline: "CumsumBaseline",
    cumsum_realized: "CumsumRealized",
    effective_network_time: "EffectiveNetworkTime",
    effective_baseline_power: "EffectiveBaselinePower",
    this_epoch_reward: "ThisEpochReward",
    this_epoch_reward_smoothed: "ThisEpochRewardSmoothed",
    this_epoch_baseline_power: "ThisEpochBaselinePower",
    epoch: "Epoch",
    total_storage_power_reward: "TotalStoragePowerReward",
    simple_total: "SimpleTotal",
    baseline_total: "BaselineTotal",
});

/// Parameters of AwardBlockReward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwardBlockRewardParams {
    /// The block's miner.
    pub miner: Address,
    /// What its messages cost it.
    pub penalty: TokenAmount,
    /// What its messages earned it.
    pub gas_reward: TokenAmount,
    /// How often it won.
    pub win_count: i64,
}
wire_tuple!(AwardBlockRewardParams {
    miner: "Miner",
    penalty: "Penalty",
    gas_reward: "GasReward",
    win_count: "WinCount",
});

/// What ThisEpochReward returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThisEpochRewardReturn {
    /// Reward per win, smoothed.
    pub this_epoch_reward_smoothed: FilterEstimate,
    /// Baseline power in bytes.
    pub this_epoch_baseline_power: BigInt,
}
wire_tuple!(ThisEpochRewardReturn {
    this_epoch_reward_smoothed: "ThisEpochRewardSmoothed",
    this_epoch_baseline_power: "ThisEpochBaselinePower",
});
