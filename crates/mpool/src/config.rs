//! Settings of the pool, kept in the repo and changed while it runs (`MpoolSetConfig`).
//!
//! # Lotus parity
//! Same JSON, same key in the metadata (`/mpool/config`), same bounds.

use std::time::Duration;

use lotus_types::Address;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Smallest and default ratio by which a replacement's premium must exceed the replaced one.
pub const REPLACE_BY_FEE_RATIO: f64 = 1.25;

/// Settings. Durations are whole nanoseconds in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MpoolConfig {
    /// Senders whose messages go first into blocks and are never pruned.
    #[serde(serialize_with = "null_if_empty", deserialize_with = "null_as_empty")]
    pub priority_addrs: Vec<Address>,
    /// Messages held before the cheapest are pruned. Default: 30000.
    pub size_limit_high: usize,
    /// Messages left after pruning. Default: 20000.
    pub size_limit_low: usize,
    /// A replacement needs this many times the premium of the message that it replaces.
    pub replace_by_fee_ratio: f64,
    /// Least time between two prunes. Default: 1 minute.
    #[serde(serialize_with = "as_nanos", deserialize_with = "from_nanos")]
    pub prune_cooldown: Duration,
    /// Estimated gas limits are this many times the gas that a dry run used.
    pub gas_limit_overestimation: f64,
}

impl Default for MpoolConfig {
    fn default() -> Self {
        Self {
            priority_addrs: Vec::new(),
            size_limit_high: 30_000,
            size_limit_low: 20_000,
            replace_by_fee_ratio: REPLACE_BY_FEE_RATIO,
            prune_cooldown: Duration::from_secs(60),
            gas_limit_overestimation: 1.25,
        }
    }
}

/// A setting out of bounds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Replacing would be too cheap.
    #[error("'ReplaceByFeeRatio' is less than required {given} < {REPLACE_BY_FEE_RATIO}")]
    ReplaceByFeeRatio {
        /// The value.
        given: f64,
    },
    /// Estimates would be too low.
    #[error("'GasLimitOverestimation' cannot be less than 1")]
    GasLimitOverestimation,
    /// Pruning would never end, or never begin.
    #[error("'SizeLimitLow' cannot be greater than 'SizeLimitHigh' ({low} > {high})")]
    SizeLimits {
        /// Low limit.
        low: usize,
        /// High limit.
        high: usize,
    },
}

impl MpoolConfig {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        // NaN is out of bounds, too.
        let (ratio, margin) = (self.replace_by_fee_ratio, self.gas_limit_overestimation);
        if ratio.is_nan() || ratio < REPLACE_BY_FEE_RATIO {
            return Err(ConfigError::ReplaceByFeeRatio {
                given: self.replace_by_fee_ratio,
            });
        }
        if margin.is_nan() || margin < 1.0 {
            return Err(ConfigError::GasLimitOverestimation);
        }
        let (low, high) = (self.size_limit_low, self.size_limit_high);
        if low > high {
            return Err(ConfigError::SizeLimits { low, high });
        }
        Ok(())
    }
}

fn null_if_empty<S: Serializer>(list: &[Address], s: S) -> Result<S::Ok, S::Error> {
    lotus_types::wire::NullIfEmpty(list).serialize(s)
}

fn null_as_empty<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Address>, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

fn as_nanos<S: Serializer>(duration: &Duration, s: S) -> Result<S::Ok, S::Error> {
    u64::try_from(duration.as_nanos())
        .unwrap_or(u64::MAX)
        .serialize(s)
}

fn from_nanos<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    u64::deserialize(d).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_lotus_does() {
        let recorded = r#"{"PriorityAddrs":null,"SizeLimitHigh":30000,"SizeLimitLow":20000,"ReplaceByFeeRatio":1.25,"PruneCooldown":60000000000,"GasLimitOverestimation":1.25}"#;
        let printed = serde_json::to_string(&MpoolConfig::default()).expect("prints");
        assert_eq!(printed, recorded);
        let read: MpoolConfig = serde_json::from_str(recorded).expect("reads");
        assert_eq!(read, MpoolConfig::default());
    }

    #[test]
    fn refuses_values_out_of_bounds() {
        let cheap = MpoolConfig {
            replace_by_fee_ratio: f64::NAN,
            ..MpoolConfig::default()
        };
        assert!(matches!(
            cheap.validate(),
            Err(ConfigError::ReplaceByFeeRatio { .. })
        ));
        let low = MpoolConfig {
            gas_limit_overestimation: 0.9,
            ..MpoolConfig::default()
        };
        assert_eq!(low.validate(), Err(ConfigError::GasLimitOverestimation));
        let swapped = MpoolConfig {
            size_limit_low: 9,
            size_limit_high: 8,
            ..MpoolConfig::default()
        };
        assert_eq!(
            swapped.validate(),
            Err(ConfigError::SizeLimits { low: 9, high: 8 })
        );
    }
}
