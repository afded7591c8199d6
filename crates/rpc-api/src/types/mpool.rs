//! Messages that are not yet on chain.

use std::time::Duration;

use lotus_types::{Address, Message, SignedMessage, TokenAmount};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::go::{self, Nanos};

/// How to send a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageSendSpec {
    /// Most to be paid for gas, in attoFIL; 0: the node's default.
    #[serde(default)]
    pub max_fee: TokenAmount,
    /// A message pushed twice with the same UUID is sent once. All zero: none.
    #[serde(default)]
    pub msg_uuid: Uuid,
    /// Set the fee cap as high as `max_fee` allows?
    #[serde(default)]
    pub maximize_fee_cap: bool,
}

/// A message that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MpoolUpdate {
    /// 0: came; 1: went.
    #[serde(rename = "Type")]
    pub kind: i64,
    /// Which.
    pub message: SignedMessage,
}

impl MpoolUpdate {
    /// Came.
    pub const ADD: i64 = 0;
    /// Went.
    pub const REMOVE: i64 = 1;
}

/// How the pool works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MpoolConfig {
    /// Senders whose messages go first into blocks and are never pruned.
    #[serde(with = "go::nil")]
    pub priority_addrs: Vec<Address>,
    /// Messages held before the cheapest are pruned. Default: 30000.
    pub size_limit_high: usize,
    /// Messages left after pruning. Default: 20000.
    pub size_limit_low: usize,
    /// A replacement needs this many times the premium of the message that it replaces. Default: 1.25.
    pub replace_by_fee_ratio: f64,
    /// Least time between two prunes. Default: 1 minute.
    pub prune_cooldown: Nanos,
    /// Estimated gas limits are this many times the gas that a dry run used. Default: 1.25.
    pub gas_limit_overestimation: f64,
}

impl Default for MpoolConfig {
    fn default() -> Self {
        Self {
            priority_addrs: Vec::new(),
            size_limit_high: 30_000,
            size_limit_low: 20_000,
            replace_by_fee_ratio: 1.25,
            prune_cooldown: Duration::from_secs(60).into(),
            gas_limit_overestimation: 1.25,
        }
    }
}

/// A message to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessagePrototype {
    /// The message.
    pub message: Message,
    /// Is its nonce to be used?
    pub valid_nonce: bool,
}

/// A check of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageCheckStatus {
    /// Which message.
    pub cid: lotus_types::Cid,
    /// What was checked.
    pub code: i64,
    /// Is it good?
    #[serde(rename = "OK")]
    pub ok: bool,
    /// What is not.
    pub err: String,
    /// Details.
    pub hint: Value,
}
