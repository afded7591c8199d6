//! What a message did, as the API tells it.
//!
//! # Lotus parity
//! The trace is built from the VM's events as filecoin-ffi builds it: charges before the first call
//! belong to it, every call shows the gas limit of the whole message, what is charged after the
//! outermost call returned is not shown, and a message that was refused before its first call has
//! an empty trace.

use std::time::Duration;

use lotus_ports::vm::{Applied, TraceEvent};
use lotus_rpc_api::types::{
    go::Nanos,
    trace::{ExecutionTrace, GasTrace, InvocResult, MessageTrace, MsgGasCost, ReturnTrace},
};
use lotus_state::AppliedMessage;
use lotus_types::{Address, BigInt, Bytes, Cid, ExitCode, Gas, Message, TokenAmount};

/// The codec of actors' parameters and results.
const DAG_CBOR: u64 = 0x71;

fn codec(data: &Bytes) -> u64 {
    if data.is_empty() { 0 } else { DAG_CBOR }
}

/// What a message of a tipset did. The protocol's own messages cost nobody anything.
pub(super) fn applied(message: AppliedMessage) -> InvocResult {
    let cost = if message.implicit {
        free()
    } else {
        gas_cost(&message.message, &message.applied)
    };
    let (cid, took) = (message.cid, message.duration);
    result(cid, message.message, message.applied, took, cost)
}

/// What a message did that was only tried, without gas.
pub(super) fn tried(message: Message, applied: Applied, took: Duration) -> InvocResult {
    result(message.cid(), message, applied, took, free())
}

fn result(
    cid: Cid,
    message: Message,
    applied: Applied,
    took: Duration,
    gas_cost: MsgGasCost,
) -> InvocResult {
    InvocResult {
        msg_cid: cid,
        execution_trace: trace(&applied.trace, message.gas_limit),
        msg: message,
        gas_cost,
        error: error(&applied),
        msg_rct: applied.receipt,
        duration: took.into(),
    }
}

/// Why a message failed, as Lotus prints an actor's error.
fn error(applied: &Applied) -> String {
    let code = applied.receipt.exit_code;
    if code.is_success() {
        return String::new();
    }
    let reason = applied.failure.as_deref().unwrap_or("unknown error");
    format!("{reason} (RetCode={})", code.0)
}

fn gas_cost(message: &Message, applied: &Applied) -> MsgGasCost {
    let required = message.required_gas_funds();
    MsgGasCost {
        message: Some(message.cid()),
        gas_used: BigInt::from(applied.receipt.gas_used),
        base_fee_burn: applied.base_fee_burn.clone(),
        over_estimation_burn: applied.over_estimation_burn.clone(),
        miner_penalty: applied.penalty.clone(),
        miner_tip: applied.miner_tip.clone(),
        total_cost: &required - &applied.refund,
        refund: applied.refund.clone(),
    }
}

fn free() -> MsgGasCost {
    MsgGasCost::default()
}

/// The calls that a message made, each inside its caller's.
fn trace(events: &[TraceEvent], gas_limit: Gas) -> ExecutionTrace {
    let (mut open, mut early) = (Vec::<ExecutionTrace>::new(), Vec::new());
    for event in events {
        match event {
            TraceEvent::Gas {
                name,
                compute,
                storage,
            } => {
                let charge = GasTrace {
                    name: name.clone(),
                    total_gas: compute.saturating_add(*storage),
                    compute_gas: *compute,
                    storage_gas: *storage,
                    time_taken: Nanos(0),
                };
                open.last_mut()
                    .map_or(&mut early, |call| &mut call.gas_charges)
                    .push(charge);
            }
            TraceEvent::Call {
                from,
                to,
                method,
                params,
                value,
            } => open.push(ExecutionTrace {
                msg: MessageTrace {
                    from: Address::new_id(*from),
                    to: *to,
                    value: value.clone(),
                    method: *method,
                    params: params.clone(),
                    params_codec: codec(params),
                    gas_limit,
                    read_only: false,
                },
                msg_rct: returned(ExitCode::OK, Bytes::new()),
                gas_charges: std::mem::take(&mut early),
                subcalls: Vec::new(),
            }),
            TraceEvent::Return { exit_code, data } => {
                let Some(mut done) = open.pop() else { break };
                done.msg_rct = returned(*exit_code, data.clone());
                match open.last_mut() {
                    Some(caller) => caller.subcalls.push(done),
                    // What follows is charged to the message, not to a call.
                    None => return done,
                }
            }
            TraceEvent::Log(_) => {}
        }
    }
    empty()
}

fn returned(exit_code: ExitCode, data: Bytes) -> ReturnTrace {
    ReturnTrace {
        exit_code,
        return_codec: codec(&data),
        return_data: data,
    }
}

fn empty() -> ExecutionTrace {
    ExecutionTrace {
        msg: MessageTrace {
            from: Address::UNDEFINED,
            to: Address::UNDEFINED,
            value: TokenAmount::zero(),
            method: 0,
            params: Bytes::new(),
            params_codec: 0,
            gas_limit: 0,
            read_only: false,
        },
        msg_rct: returned(ExitCode::OK, Bytes::new()),
        gas_charges: Vec::new(),
        subcalls: Vec::new(),
    }
}

#[cfg(test)]
mod a_trace {
    use super::*;

    fn charge(name: &str) -> TraceEvent {
        TraceEvent::Gas {
            name: name.to_owned(),
            compute: 1,
            storage: 2,
        }
    }

    fn call(to: u64) -> TraceEvent {
        TraceEvent::Call {
            from: 100,
            to: Address::new_id(to),
            method: 2,
            params: Bytes::new(),
            value: TokenAmount::zero(),
        }
    }

    fn end(code: ExitCode) -> TraceEvent {
        TraceEvent::Return {
            exit_code: code,
            data: Bytes::new(),
        }
    }

    fn names(of: &ExecutionTrace) -> Vec<&str> {
        of.gas_charges.iter().map(|c| c.name.as_str()).collect()
    }

    #[test]
    fn puts_charges_where_they_were_made_and_drops_those_after_the_end() {
        let events = [
            charge("inclusion"),
            call(1),
            charge("a"),
            call(2),
            charge("b"),
            end(ExitCode(16)),
            charge("c"),
            end(ExitCode::OK),
            charge("result"),
        ];
        let whole = trace(&events, 77);
        assert_eq!(names(&whole), ["inclusion", "a", "c"]);
        assert_eq!(names(&whole.subcalls[0]), ["b"]);
        assert_eq!(whole.subcalls[0].msg_rct.exit_code, ExitCode(16));
        assert_eq!(whole.subcalls[0].msg.gas_limit, 77);
        assert_eq!(whole.gas_charges[0].total_gas, 3);
    }

    #[test]
    fn of_a_message_that_made_no_call_is_empty() {
        assert_eq!(trace(&[charge("inclusion")], 5), empty());
        assert_eq!(trace(&[], 5).msg.from, Address::UNDEFINED);
    }
}
