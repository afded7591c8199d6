//! Settings of the pool, kept in the repo and changed while it runs (`MpoolSetConfig`).
//!
//! # Lotus parity
//! Same JSON, same key in the metadata (`/mpool/config`), same bounds.

use lotus_rpc_api::types::mpool::MpoolConfig;

/// Smallest ratio by which a replacement's premium must exceed the replaced one.
pub const REPLACE_BY_FEE_RATIO: f64 = 1.25;

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

/// Checks the bounds of settings that came from a user or a disk.
///
/// # Errors
/// [`ConfigError`].
pub(crate) fn validate(config: &MpoolConfig) -> Result<(), ConfigError> {
    // NaN is out of bounds, too.
    let (ratio, margin) = (config.replace_by_fee_ratio, config.gas_limit_overestimation);
    if ratio.is_nan() || ratio < REPLACE_BY_FEE_RATIO {
        return Err(ConfigError::ReplaceByFeeRatio {
            given: config.replace_by_fee_ratio,
        });
    }
    if margin.is_nan() || margin < 1.0 {
        return Err(ConfigError::GasLimitOverestimation);
    }
    let (low, high) = (config.size_limit_low, config.size_limit_high);
    if low > high {
        return Err(ConfigError::SizeLimits { low, high });
    }
    Ok(())
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
            validate(&cheap),
            Err(ConfigError::ReplaceByFeeRatio { .. })
        ));
        let low = MpoolConfig {
            gas_limit_overestimation: 0.9,
            ..MpoolConfig::default()
        };
        assert_eq!(validate(&low), Err(ConfigError::GasLimitOverestimation));
        let swapped = MpoolConfig {
            size_limit_low: 9,
            size_limit_high: 8,
            ..MpoolConfig::default()
        };
        assert_eq!(
            validate(&swapped),
            Err(ConfigError::SizeLimits { low: 9, high: 8 })
        );
    }
}
