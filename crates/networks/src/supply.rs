//! The token's genesis allocation and how it vests.
//!
//! # Lotus parity
//! `chain/stmgr/supply.go` after the Calico upgrade, which every network here lies behind.

use lotus_types::{ChainEpoch, TokenAmount};

use crate::policy::EPOCHS_IN_DAY;

/// All FIL there will ever be, in FIL.
pub const FIL_BASE: u64 = 2_000_000_000;
/// What f090 held at mainnet's genesis, in FIL: the reserve that circulating supply is counted from.
pub const FIL_RESERVED: u64 = 300_000_000;
/// What the reward actor holds at genesis for mining, in FIL.
pub const FIL_MINING_ALLOCATION: u64 = 1_100_000_000;

/// Genesis allocations: days over which each vests linearly, and its FIL.
const VESTING: [(i64, u64); 6] = [
    (0, 10_632_000),
    (183, 19_015_887 + 32_787_700),
    (365, 22_421_712 + 9_400_000),
    (2 * 365, 7_223_364),
    (3 * 365, 87_637_883 + 898_958),
    (6 * 365, 100_000_000 + 300_000_000 + 9_805_053),
];

/// What has vested at `height`, in attoFIL, on a network whose Liftoff upgrade lay at `liftoff`.
pub fn vested(height: ChainEpoch, liftoff: ChainEpoch) -> TokenAmount {
    let elapsed = height.saturating_sub(liftoff);
    VESTING
        .iter()
        .map(|&(days, fil)| {
            let total = TokenAmount::from_fil(fil);
            let duration = days * EPOCHS_IN_DAY;
            if elapsed >= duration {
                return total;
            }
            let per_epoch = TokenAmount::from_atto(total.atto() / duration);
            total - per_epoch * (duration - elapsed)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_genesis_of_a_devnet_is_what_lotus_answered() {
        assert_eq!(
            vested(0, -6).atto().to_string(),
            "10633350288874369969931956"
        );
    }

    #[test]
    fn in_the_end_is_the_whole_allocation() {
        let all: u64 = VESTING.iter().map(|v| v.1).sum();
        assert_eq!(
            vested(6 * 365 * EPOCHS_IN_DAY, 0),
            TokenAmount::from_fil(all)
        );
        assert!(vested(i64::MAX, i64::MIN).is_positive());
    }
}
