//! Payment channels.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{
    Address, Bytes, ChainEpoch, Cid, MethodNum, Signature, TokenAmount, wire, wire_tuple,
};

use crate::{Array, StateError};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor: [`ConstructorParams`](super::ConstructorParams).";
    UPDATE_CHANNEL_STATE = 2 "UpdateChannelState" "Redeems a voucher.";
    SETTLE = 3 "Settle" "Begins to close the channel.";
    COLLECT = 4 "Collect" "Pays out and deletes the channel.";
}

/// The highest number of a lane.
pub const MAX_LANE: u64 = i64::MAX as u64;

/// State of a payment channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Pays.
    pub from: Address,
    /// Is paid.
    pub to: Address,
    /// Redeemed so far.
    pub to_send: TokenAmount,
    /// May be collected from then on; 0 when it is not settling.
    pub settling_at: ChainEpoch,
    /// Not before then.
    pub min_settle_height: ChainEpoch,
    /// AMT of lanes.
    pub lane_states: Cid,
}
wire_tuple!(State {
    from: "From",
    to: "To",
    to_send: "ToSend",
    settling_at: "SettlingAt",
    min_settle_height: "MinSettleHeight",
    lane_states: "LaneStates",
});

/// A lane of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneState {
    /// Redeemed on it.
    pub redeemed: TokenAmount,
    /// Of the last voucher.
    pub nonce: u64,
}
wire_tuple!(LaneState {
    redeemed: "Redeemed",
    nonce: "Nonce"
});

impl State {
    /// The lanes by number.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn lanes<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Array<'s, S, LaneState>, StateError> {
        Array::load(store, &self.lane_states, "payment channel lanes")
    }
}

/// Parameters of the constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstructorParams {
    /// Pays.
    pub from: Address,
    /// Is paid.
    pub to: Address,
}
wire_tuple!(ConstructorParams {
    from: "From",
    to: "To"
});

/// A promise to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedVoucher {
    /// Of the channel.
    pub channel_addr: Address,
    /// Not before then.
    pub time_lock_min: ChainEpoch,
    /// Not after then; 0 for ever.
    pub time_lock_max: ChainEpoch,
    /// Hash of a secret to be shown.
    pub secret_hash: Bytes,
    /// A further check.
    pub extra: Option<ModVerifyParams>,
    /// The lane it belongs to.
    pub lane: u64,
    /// Rising on the lane.
    pub nonce: u64,
    /// Total of the lane.
    pub amount: TokenAmount,
    /// The channel may not be settled before then.
    pub min_settle_height: ChainEpoch,
    /// Lanes merged into this one.
    pub merges: Vec<Merge>,
    /// By the payer, over the voucher without it.
    pub signature: Option<Signature>,
}
wire_tuple!(SignedVoucher {
    channel_addr: "ChannelAddr",
    time_lock_min: "TimeLockMin" default,
    time_lock_max: "TimeLockMax" default,
    secret_hash: "SecretHash" default,
    extra: "Extra" default,
    lane: "Lane" default,
    nonce: "Nonce" default,
    amount: "Amount" default,
    min_settle_height: "MinSettleHeight" default,
    merges: "Merges" list,
    signature: "Signature" default,
});

impl SignedVoucher {
    /// What its signature is over: its binary form without the signature.
    ///
    /// # Errors
    /// [`StateError::Malformed`] when an address is undefined.
    pub fn signing_bytes(&self) -> Result<Vec<u8>, StateError> {
        let unsigned = Self {
            signature: None,
            ..self.clone()
        };
        wire::try_to_cbor(&unsigned).map_err(|e| StateError::malformed("voucher", e))
    }
}

/// A lane to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// Which.
    pub lane: u64,
    /// Its new nonce.
    pub nonce: u64,
}
wire_tuple!(Merge {
    lane: "Lane",
    nonce: "Nonce"
});

/// A call that must succeed for a voucher to be redeemed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModVerifyParams {
    /// Called.
    pub actor: Address,
    /// Its method.
    pub method: MethodNum,
    /// Its parameters.
    pub data: Bytes,
}
wire_tuple!(ModVerifyParams { actor: "Actor", method: "Method", data: "Data" default });

/// Parameters of UpdateChannelState.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateChannelStateParams {
    /// To be redeemed.
    pub sv: SignedVoucher,
    /// The secret, if the voucher wants one.
    pub secret: Bytes,
}
wire_tuple!(UpdateChannelStateParams { sv: "Sv", secret: "Secret" default });
