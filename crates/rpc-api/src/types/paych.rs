//! Payment channels as the API shows them. Vouchers themselves are the actor's
//! ([`lotus_actors::paych::SignedVoucher`]).
//!
//! # Lotus parity
//! An address that is not known yet is the undefined one; a CID that is not known yet is `null`.

use lotus_actors::paych::{ModVerifyParams, SignedVoucher};
use lotus_types::{Address, ChainEpoch, Cid, TokenAmount};
use serde::{Deserialize, Serialize};

use super::go;

/// How a channel is to be funded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PaychGetOpts {
    /// Only reserve FIL that are in the channel already; send none.
    pub off_chain: bool,
}

/// A channel that is made or paid into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChannelInfo {
    /// The channel; undefined while its creation is not on chain.
    pub channel: Address,
    /// For `PaychGetWaitReady`: the message to wait for. Nothing when there is none.
    pub wait_sentinel: Option<Cid>,
}

/// FIL of a channel, in attoFIL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChannelAvailableFunds {
    /// The channel, once it is on chain.
    pub channel: Option<Address>,
    /// Pays.
    pub from: Address,
    /// Is paid.
    pub to: Address,
    /// On chain.
    pub confirmed_amt: TokenAmount,
    /// In a message that is not on chain yet.
    pub pending_amt: TokenAmount,
    /// Part of what is on chain that nobody reserved.
    #[serde(default)]
    pub non_reserved_amt: TokenAmount,
    /// Part of what is not on chain yet that nobody will have reserved.
    #[serde(default)]
    pub pending_available_amt: TokenAmount,
    /// For `PaychGetWaitReady`: the message that is not on chain yet.
    pub pending_wait_sentinel: Option<Cid>,
    /// Asked for behind that message.
    pub queued_amt: TokenAmount,
    /// Promised in vouchers, on chain and here. Lotus' spelling.
    #[serde(rename = "VoucherReedeemedAmt")]
    pub voucher_redeemed_amt: TokenAmount,
}

/// A channel with vouchers made on a new lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PaymentInfo {
    /// The channel; undefined while its creation is not on chain.
    pub channel: Address,
    /// For `PaychGetWaitReady`.
    pub wait_sentinel: Option<Cid>,
    /// In the order of what was asked for.
    #[serde(with = "go::nil")]
    pub vouchers: Vec<SignedVoucher>,
}

/// A voucher to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VoucherSpec {
    /// Total of the lane.
    pub amount: TokenAmount,
    /// Not before then.
    #[serde(default)]
    pub time_lock_min: ChainEpoch,
    /// Not after then; 0 for ever.
    #[serde(default)]
    pub time_lock_max: ChainEpoch,
    /// The channel may not be settled before then.
    #[serde(default)]
    pub min_settle: ChainEpoch,
    /// A further check.
    #[serde(default)]
    pub extra: Option<ModVerifyParams>,
}

/// A voucher that was made, or what the channel lacks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VoucherCreateResult {
    /// Nothing when the channel holds too little.
    pub voucher: Option<SignedVoucher>,
    /// What must be paid in first.
    pub shortfall: TokenAmount,
}

/// A channel that this node keeps track of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PaychStatus {
    /// The key of this node that controls its side.
    pub control_addr: Address,
    /// Who pays: [`Self::INBOUND`] or [`Self::OUTBOUND`].
    pub direction: i64,
}

impl PaychStatus {
    /// This node is paid.
    pub const INBOUND: i64 = 1;
    /// This node pays.
    pub const OUTBOUND: i64 = 2;
}
