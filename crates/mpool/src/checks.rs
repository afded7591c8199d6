//! Checks of a message before it is sent, or of one that waits: what each of them says, and hints.
//!
//! # Lotus parity
//! `checkMessages` of `chain/messagepool`: the same checks in the same order, with the same codes,
//! texts and hints. What stops further checks stops them here, too.

use lotus_consensus::messages::{inclusion_gas, inclusion_gas_parts, message_syntax};
use lotus_networks::policy::MINIMUM_BASE_FEE;
use lotus_rpc_api::types::mpool::MessageCheckStatus;
use lotus_types::{Cid, Message, TokenAmount, wire};
use serde_json::{Value, json};

use crate::rules;

/// Codes of checks, as they stand in [`MessageCheckStatus::code`].
pub mod code {
    /// It has an encoding.
    pub const SERIALIZE: i64 = 1;
    /// It is small enough.
    pub const SIZE: i64 = 2;
    /// Its fields are those of a message that a block may hold.
    pub const VALIDITY: i64 = 3;
    /// Its gas limit covers its place on chain.
    pub const MIN_GAS: i64 = 4;
    /// Its fee cap is not below the lowest base fee that there can be.
    pub const MIN_BASE_FEE: i64 = 5;
    /// Its fee cap is not below the present base fee.
    pub const BASE_FEE: i64 = 6;
    /// Its fee cap lets it hope for a block within 20 epochs.
    pub const BASE_FEE_LOWER_BOUND: i64 = 7;
    /// Its fee cap makes a block within 20 epochs certain; a warning only.
    pub const BASE_FEE_UPPER_BOUND: i64 = 8;
    /// The sender's nonce is known.
    pub const GET_STATE_NONCE: i64 = 9;
    /// Its nonce is the sender's next.
    pub const NONCE: i64 = 10;
    /// The sender's balance is known.
    pub const GET_STATE_BALANCE: i64 = 11;
    /// The sender can pay for it and what comes before it.
    pub const BALANCE: i64 = 12;
}

/// Lotus' name of a check, by its code.
pub fn name(code: i64) -> String {
    let name = match code {
        code::SERIALIZE => "MessageSerialize",
        code::SIZE => "MessageSize",
        code::VALIDITY => "MessageValidity",
        code::MIN_GAS => "MessageMinGas",
        code::MIN_BASE_FEE => "MessageMinBaseFee",
        code::BASE_FEE => "MessageBaseFee",
        code::BASE_FEE_LOWER_BOUND => "MessageBaseFeeLowerBound",
        code::BASE_FEE_UPPER_BOUND => "MessageBaseFeeUpperBound",
        code::GET_STATE_NONCE => "MessageGetStateNonce",
        code::NONCE => "MessageNonce",
        code::GET_STATE_BALANCE => "MessageGetStateBalance",
        code::BALANCE => "MessageBalance",
        other => return format!("CheckStatusCode({other})"),
    };
    name.to_owned()
}

/// Bytes that a signature may take.
const SIGNATURE_ROOM: usize = 128;
/// The highest base fee that 20 epochs can bring, over the present one.
const UPPER_BOUND_FACTOR: i64 = 10;

/// A message that is checked.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The message.
    pub message: Message,
    /// Is its nonce meant? Otherwise it gets the next one.
    pub fixed_nonce: bool,
}

impl Subject {
    /// One whose nonce is meant.
    pub fn fixed(message: Message) -> Self {
        Self {
            message,
            fixed_nonce: true,
        }
    }
}

/// Where its sender stands; moves on with every message that is checked.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The nonce that comes next.
    pub next_nonce: u64,
    /// What the messages before it need, attoFIL.
    pub required: TokenAmount,
    /// What the sender has on chain.
    pub balance: TokenAmount,
}

/// The checks of one message as they are written down.
struct Report {
    cid: Cid,
    checks: Vec<MessageCheckStatus>,
}

impl Report {
    /// Notes a check; gives whether it is good.
    fn note(&mut self, code: i64, hint: Value, wrong: Option<String>) -> bool {
        let ok = wrong.is_none();
        self.checks.push(MessageCheckStatus {
            cid: self.cid,
            code,
            ok,
            err: wrong.unwrap_or_default(),
            hint,
        });
        ok
    }

    fn note_if(&mut self, code: i64, hint: Value, good: bool, wrong: &str) -> bool {
        self.note(code, hint, (!good).then(|| wrong.to_owned()))
    }
}

/// Checks a message whose sender stands there; `None`: there is no such sender. `base_fee` is the pool's
/// tipset's, attoFIL per gas.
pub fn check(
    subject: &Subject,
    sender: Option<&mut Standing>,
    base_fee: &TokenAmount,
) -> Vec<MessageCheckStatus> {
    let message = &subject.message;
    // A message without receiver or sender has no encoding, and so no CID.
    let encoded = wire::try_to_cbor(message);
    let cid = encoded
        .as_ref()
        .map_or_else(|_| Cid::of_block(&[]), |b| Cid::of_block(b));
    let mut report = Report {
        cid,
        checks: Vec::new(),
    };
    let Some(sender) = sender else {
        let from = message.from;
        let wrong = format!(
            "error retrieving state nonce: resolution lookup failed ({from}): resolve address {from}: actor not found"
        );
        report.note(code::GET_STATE_NONCE, Value::Null, Some(wrong));
        return report.checks;
    };
    let hint = json!({ "nonce": sender.next_nonce });
    report.note(code::GET_STATE_NONCE, hint, None);
    let hint = json!({ "balance": sender.balance });
    report.note(code::GET_STATE_BALANCE, hint, None);

    let length = encoded.as_ref().map_or(0, Vec::len);
    let wrong = encoded.err().map(|e| e.to_string());
    report.note(code::SERIALIZE, Value::Null, wrong);
    let fits = length <= rules::MAX_MESSAGE_SIZE - SIGNATURE_ROOM;
    report.note_if(code::SIZE, Value::Null, fits, "message too big");
    if !check_fields(&mut report, message) {
        return report.checks;
    }
    check_gas(&mut report, message, length, base_fee);
    check_sender(&mut report, subject, sender);
    report.checks
}

fn check_fields(report: &mut Report, message: &Message) -> bool {
    // Too little gas for its place on chain is the next check's matter.
    let enough = inclusion_gas(0);
    let padded = Message {
        gas_limit: if message.gas_limit > 0 {
            message.gas_limit.max(enough)
        } else {
            message.gas_limit
        },
        ..message.clone()
    };
    let wrong = message_syntax(&padded, 0).err();
    let wrong = wrong.map(|reason| format!("syntactically invalid message: {reason}"));
    report.note(code::VALIDITY, Value::Null, wrong)
}

fn check_gas(report: &mut Report, message: &Message, length: usize, base_fee: &TokenAmount) {
    let (compute, storage) = inclusion_gas_parts(length);
    let hint = json!({ "minGas": {
        "Name": "OnChainMessage", "Extra": null,
        "ComputeGas": compute, "StorageGas": storage,
        "VirtualCompute": 0, "VirtualStorage": 0,
    } });
    let good = message.gas_limit >= compute + storage;
    report.note_if(
        code::MIN_GAS,
        hint,
        good,
        "GasLimit less than epoch minimum gas",
    );
    let cap = &message.gas_fee_cap;
    let good = *cap >= TokenAmount::from_atto(MINIMUM_BASE_FEE);
    let wrong = "GasFeeCap less than minimum base fee";
    if !report.note_if(code::MIN_BASE_FEE, Value::Null, good, wrong) {
        return;
    }
    let hint = json!({ "baseFee": base_fee });
    let wrong = "GasFeeCap less than current base fee";
    report.note_if(code::BASE_FEE, hint, cap >= base_fee, wrong);
    let lower = rules::fee_cap_bound(base_fee, rules::LOWER_BOUND_FACTOR);
    let hint = json!({ "baseFeeLowerBound": lower, "baseFee": base_fee });
    let wrong = "GasFeeCap less than base fee lower bound for inclusion in next 20 epochs";
    report.note_if(code::BASE_FEE_LOWER_BOUND, hint, *cap >= lower, wrong);
    let upper = TokenAmount::from_atto(base_fee.atto() * UPPER_BOUND_FACTOR);
    let hint = json!({ "baseFeeUpperBound": upper, "baseFee": base_fee });
    report.note(code::BASE_FEE_UPPER_BOUND, hint, None);
    if *cap < upper
        && let Some(warning) = report.checks.last_mut()
    {
        // As in Lotus it says so and is good nevertheless.
        warning.err =
            "GasFeeCap less than base fee upper bound for inclusion in next 20 epochs".to_owned();
    }
}

fn check_sender(report: &mut Report, subject: &Subject, sender: &mut Standing) {
    let message = &subject.message;
    let next = sender.next_nonce;
    let good = !subject.fixed_nonce || next == message.nonce;
    let wrong = (!good).then(|| format!("message nonce doesn't match next nonce ({next})"));
    let hint = json!({ "nextNonce": next });
    if report.note(code::NONCE, hint, wrong) {
        sender.next_nonce = next.saturating_add(1);
    }
    sender.required += &(message.required_gas_funds() + message.value.clone());
    let hint = json!({ "requiredFunds": sender.required });
    let good = sender.balance >= sender.required;
    report.note_if(code::BALANCE, hint, good, "insufficient balance");
}

#[cfg(test)]
mod tests;
