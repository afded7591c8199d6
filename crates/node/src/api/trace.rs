//! What a message did, as the API tells it.

use lotus_ports::vm::{Applied, TraceEvent};
use lotus_rpc_api::types::{
    go::Nanos,
    trace::{ExecutionTrace, GasTrace, InvocResult, MessageTrace, MsgGasCost, ReturnTrace},
};
use lotus_types::{Address, BigInt, Bytes, Cid, ExitCode, Message, TokenAmount};

/// The codec of actors' parameters and results.
const DAG_CBOR: u64 = 0x71;

fn codec(data: &Bytes) -> u64 {
    if data.is_empty() { 0 } else { DAG_CBOR }
}

/// Builds the result of a message applied as `message`, listed under `cid`.
pub(super) fn result(cid: Cid, message: Message, applied: Applied, took: Nanos) -> InvocResult {
    let gas_cost = gas_cost(cid, &message, &applied);
    let error = applied.failure.clone().unwrap_or_default();
    InvocResult {
        msg_cid: cid,
        execution_trace: trace(&message, &applied),
        msg: message,
        msg_rct: applied.receipt,
        gas_cost,
        error,
        duration: took,
    }
}

fn gas_cost(cid: Cid, message: &Message, applied: &Applied) -> MsgGasCost {
    let required = message.required_gas_funds();
    MsgGasCost {
        message: Some(cid),
        gas_used: BigInt::from(applied.receipt.gas_used),
        base_fee_burn: applied.base_fee_burn.clone(),
        over_estimation_burn: applied.over_estimation_burn.clone(),
        miner_penalty: applied.penalty.clone(),
        miner_tip: applied.miner_tip.clone(),
        total_cost: &required - &applied.refund,
        refund: applied.refund.clone(),
    }
}

/// The cost of a message that pays nothing (`StateCall`).
pub(super) fn free() -> MsgGasCost {
    MsgGasCost {
        message: None,
        gas_used: BigInt::default(),
        base_fee_burn: TokenAmount::zero(),
        over_estimation_burn: TokenAmount::zero(),
        miner_penalty: TokenAmount::zero(),
        miner_tip: TokenAmount::zero(),
        refund: TokenAmount::zero(),
        total_cost: TokenAmount::zero(),
    }
}

/// The calls that a message made, each inside its caller's.
fn trace(message: &Message, applied: &Applied) -> ExecutionTrace {
    let mut open: Vec<ExecutionTrace> = Vec::new();
    let mut outermost = None;
    let mut early = Vec::new();
    for event in &applied.trace {
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
                    gas_limit: 0,
                    read_only: false,
                },
                msg_rct: returned(ExitCode::OK, Bytes::new()),
                gas_charges: Vec::new(),
                subcalls: Vec::new(),
            }),
            TraceEvent::Return { exit_code, data } => {
                close(
                    &mut open,
                    &mut outermost,
                    returned(*exit_code, data.clone()),
                );
            }
            TraceEvent::Refused { .. } => {
                close(
                    &mut open,
                    &mut outermost,
                    returned(applied.receipt.exit_code, Bytes::new()),
                );
            }
            TraceEvent::Log(_) => {}
        }
    }
    while !open.is_empty() {
        let code = applied.receipt.exit_code;
        close(&mut open, &mut outermost, returned(code, Bytes::new()));
    }
    let mut whole = outermost.unwrap_or_else(|| untraced(message, applied));
    early.append(&mut whole.gas_charges);
    whole.gas_charges = early;
    whole
}

fn returned(exit_code: ExitCode, data: Bytes) -> ReturnTrace {
    ReturnTrace {
        exit_code,
        return_codec: codec(&data),
        return_data: data,
    }
}

fn close(
    open: &mut Vec<ExecutionTrace>,
    outermost: &mut Option<ExecutionTrace>,
    answer: ReturnTrace,
) {
    let Some(mut done) = open.pop() else { return };
    done.msg_rct = answer;
    match open.last_mut() {
        Some(caller) => caller.subcalls.push(done),
        None => *outermost = Some(done),
    }
}

fn untraced(message: &Message, applied: &Applied) -> ExecutionTrace {
    ExecutionTrace {
        msg: MessageTrace {
            from: message.from,
            to: message.to,
            value: message.value.clone(),
            method: message.method,
            params: message.params.clone(),
            params_codec: codec(&message.params),
            gas_limit: 0,
            read_only: false,
        },
        msg_rct: returned(
            applied.receipt.exit_code,
            applied.receipt.return_data.clone(),
        ),
        gas_charges: Vec::new(),
        subcalls: Vec::new(),
    }
}
