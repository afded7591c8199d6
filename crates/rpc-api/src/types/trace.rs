//! Executed messages in all detail.

use lotus_types::{
    Address, BigInt, Bytes, Cid, ExitCode, Gas, Message, MethodNum, Receipt, TokenAmount,
};
use serde::{Deserialize, Serialize};

use super::go::{self, Nanos};

/// What executing a message gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InvocResult {
    /// The message's CID on chain.
    pub msg_cid: Cid,
    /// The message.
    pub msg: Message,
    /// Its receipt.
    pub msg_rct: Receipt,
    /// Who paid what; zero for messages that nobody pays for.
    pub gas_cost: MsgGasCost,
    /// Step by step.
    pub execution_trace: ExecutionTrace,
    /// Why it failed; empty when it did not.
    pub error: String,
    /// How long it took.
    pub duration: Nanos,
}

/// Who paid what for a message, in attoFIL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MsgGasCost {
    /// Which message.
    pub message: Option<Cid>,
    /// Gas.
    pub gas_used: BigInt,
    /// Burnt.
    pub base_fee_burn: TokenAmount,
    /// Burnt for a limit far too high.
    pub over_estimation_burn: TokenAmount,
    /// Paid by the block's miner.
    pub miner_penalty: TokenAmount,
    /// Paid to the block's miner.
    pub miner_tip: TokenAmount,
    /// Given back.
    pub refund: TokenAmount,
    /// Paid by the sender.
    pub total_cost: TokenAmount,
}

/// A call and the calls that it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExecutionTrace {
    /// The call.
    pub msg: MessageTrace,
    /// Its result.
    pub msg_rct: ReturnTrace,
    /// Gas charged, in order.
    #[serde(with = "go::nil")]
    pub gas_charges: Vec<GasTrace>,
    /// Calls that it made.
    #[serde(with = "go::nil")]
    pub subcalls: Vec<ExecutionTrace>,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageTrace {
    /// Caller.
    pub from: Address,
    /// Called.
    pub to: Address,
    /// Sent along.
    pub value: TokenAmount,
    /// Method.
    pub method: MethodNum,
    /// Parameters.
    #[serde(default)]
    pub params: Bytes,
    /// Multicodec of the parameters; 0 for none.
    pub params_codec: u64,
    /// Gas it may use.
    #[serde(default)]
    pub gas_limit: Gas,
    /// May it change nothing?
    #[serde(default)]
    pub read_only: bool,
}

/// A call's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReturnTrace {
    /// How it ended.
    pub exit_code: ExitCode,
    /// Returned bytes.
    #[serde(rename = "Return", default)]
    pub return_data: Bytes,
    /// Multicodec of the returned bytes; 0 for none.
    pub return_codec: u64,
}

/// A charge of gas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GasTrace {
    /// What for.
    #[serde(rename = "Name")]
    pub name: String,
    /// In all.
    #[serde(rename = "tg")]
    pub total_gas: Gas,
    /// For computing.
    #[serde(rename = "cg")]
    pub compute_gas: Gas,
    /// For storing.
    #[serde(rename = "sg")]
    pub storage_gas: Gas,
    /// Nanoseconds it took.
    #[serde(rename = "tt")]
    pub time_taken: Nanos,
}

/// A tipset's state, computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ComputeStateOutput {
    /// The state's root.
    pub root: Cid,
    /// All that was executed.
    #[serde(with = "go::nil")]
    pub trace: Vec<InvocResult>,
}
