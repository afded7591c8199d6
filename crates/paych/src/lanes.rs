//! What vouchers are worth.
//!
//! A voucher names the total of its lane, so it replaces those with a lower nonce. What a channel owes
//! is what was redeemed on chain and what the vouchers that are kept add to it.
//!
//! # Invariants
//! - [`Lanes::redeem`] does what the payment channel actor does with a voucher that merges nothing: the
//!   debt it leaves never exceeds the balance.
//! - A voucher that was redeemed on chain and is kept as well counts once.
//!
//! # Lotus parity
//! Merging lanes is refused as in `paychmgr`: what the actor pays on a merged lane depends on which
//! vouchers were redeemed before, so the debt could not be bounded by the vouchers alone.

use std::collections::BTreeMap;

use lotus_actors::paych::{MAX_LANE, SignedVoucher};
use lotus_types::TokenAmount;
use serde::{Deserialize, Serialize};

/// Why a voucher adds nothing to its lane.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaneError {
    /// Another voucher of the lane has this nonce or a higher one.
    #[error("nonce too low")]
    NonceTooLow,
    /// The lane is owed as much already.
    #[error("voucher amount is lower than amount for voucher with lower nonce")]
    AmountTooLow,
    /// Less than nothing.
    #[error("voucher amount must be non-negative, was {0}")]
    Negative(String),
    /// There are no lanes above [`MAX_LANE`].
    #[error("maximum lane ID is 2^63-1")]
    NoSuchLane,
    /// The channel holds too little.
    #[error("not enough funds in channel to cover voucher - shortfall: {}", .shortfall.atto())]
    InsufficientFunds {
        /// What must be paid in first.
        shortfall: TokenAmount,
    },
    /// It merges lanes.
    #[error("don't currently support paych lane merges")]
    Merges,
}

/// A lane: its last voucher.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Total of the lane.
    pub redeemed: TokenAmount,
    /// Of the last voucher.
    pub nonce: u64,
}

/// All lanes of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lanes {
    lanes: BTreeMap<u64, Lane>,
    owed: TokenAmount,
}

impl Lanes {
    /// Lanes as they are on chain; `to_send` is what was redeemed on all of them.
    pub const fn new(to_send: TokenAmount, lanes: BTreeMap<u64, Lane>) -> Self {
        Self {
            lanes,
            owed: to_send,
        }
    }

    /// The same with vouchers that are kept, oldest first. Those that later ones replaced count for
    /// nothing.
    #[must_use]
    pub fn with<'v>(mut self, vouchers: impl IntoIterator<Item = &'v SignedVoucher>) -> Self {
        for voucher in vouchers {
            // They were checked when they came; what does not fit any more cannot be redeemed.
            let _ = self.count(voucher, None);
        }
        self
    }

    /// What the channel owes by all vouchers.
    pub const fn owed(&self) -> &TokenAmount {
        &self.owed
    }

    /// A lane; `None` when it has no voucher.
    pub fn lane(&self, number: u64) -> Option<&Lane> {
        self.lanes.get(&number)
    }

    /// The lowest nonce that a new voucher of a lane may have; `None` when they are used up.
    pub fn next_nonce(&self, lane: u64) -> Option<u64> {
        self.lane(lane)
            .map_or(Some(1), |last| last.nonce.checked_add(1))
    }

    /// The number after that of the highest lane.
    pub fn next_lane(&self) -> u64 {
        let last = self.lanes.last_key_value();
        last.map_or(0, |(number, _)| number.saturating_add(1))
    }

    /// Counts a voucher, unless the channel would owe more than `balance`; what it adds.
    ///
    /// # Errors
    /// [`LaneError`]; nothing has changed then.
    pub fn redeem(
        &mut self,
        voucher: &SignedVoucher,
        balance: &TokenAmount,
    ) -> Result<TokenAmount, LaneError> {
        self.count(voucher, Some(balance))
    }

    fn count(
        &mut self,
        voucher: &SignedVoucher,
        balance: Option<&TokenAmount>,
    ) -> Result<TokenAmount, LaneError> {
        if voucher.lane > MAX_LANE {
            return Err(LaneError::NoSuchLane);
        }
        if voucher.amount.is_negative() {
            return Err(LaneError::Negative(voucher.amount.atto().to_string()));
        }
        let mut added = voucher.amount.clone();
        if let Some(last) = self.lane(voucher.lane) {
            if voucher.nonce <= last.nonce {
                return Err(LaneError::NonceTooLow);
            }
            if voucher.amount <= last.redeemed {
                return Err(LaneError::AmountTooLow);
            }
            added = &voucher.amount - &last.redeemed;
        }
        let owed = &self.owed + &added;
        if let Some(balance) = balance
            && owed > *balance
        {
            let shortfall = &owed - balance;
            return Err(LaneError::InsufficientFunds { shortfall });
        }
        if !voucher.merges.is_empty() {
            return Err(LaneError::Merges);
        }
        self.owed = owed;
        let lane = Lane {
            redeemed: voucher.amount.clone(),
            nonce: voucher.nonce,
        };
        self.lanes.insert(voucher.lane, lane);
        Ok(added)
    }
}

#[cfg(test)]
mod tests;
