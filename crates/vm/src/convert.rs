//! Our nouns to the FVM's and back.

use fvm_ipld_encoding::RawBytes;
use fvm_shared2::{
    address::Address as FvmAddress,
    consensus::ConsensusFaultType,
    econ::TokenAmount as FvmAmount,
    error::{ErrorNumber, ExitCode as FvmExitCode},
    message::Message as FvmMessage,
};
use fvm2::{
    executor::{ApplyFailure, ApplyRet},
    trace::ExecutionEvent,
};
use lotus_ports::vm::{Applied, ConsensusFault, ConsensusFaultKind, TraceEvent, VmError};
use lotus_types::{Address, Bytes, ExitCode, Message, Receipt, TokenAmount};

/// # Errors
/// The undefined address, and f4 addresses, which this generation of the VM does not know.
pub(crate) fn address_to_fvm(address: &Address) -> Result<FvmAddress, VmError> {
    FvmAddress::from_bytes(&address.to_bytes())
        .map_err(|e| VmError::new(format!("the VM cannot hold address {address}: {e}")))
}

fn address_from_fvm(address: &FvmAddress) -> Address {
    Address::from_bytes(&address.to_bytes()).unwrap_or(Address::UNDEFINED)
}

pub(crate) fn amount_to_fvm(amount: &TokenAmount) -> FvmAmount {
    FvmAmount::from_atto(amount.atto().clone())
}

fn amount_from_fvm(amount: &FvmAmount) -> TokenAmount {
    TokenAmount::from_atto(amount.atto().clone())
}

pub(crate) fn message_to_fvm(m: &Message) -> Result<FvmMessage, VmError> {
    Ok(FvmMessage {
        version: i64::try_from(m.version)
            .map_err(|_| VmError::new(format!("message version {} is no i64", m.version)))?,
        from: address_to_fvm(&m.from)?,
        to: address_to_fvm(&m.to)?,
        sequence: m.nonce,
        value: amount_to_fvm(&m.value),
        method_num: m.method,
        params: RawBytes::new(m.params.to_vec()),
        gas_limit: m.gas_limit,
        gas_fee_cap: amount_to_fvm(&m.gas_fee_cap),
        gas_premium: amount_to_fvm(&m.gas_premium),
    })
}

pub(crate) fn applied_from_fvm(ret: ApplyRet) -> Applied {
    Applied {
        receipt: Receipt {
            exit_code: exit_code(ret.msg_receipt.exit_code),
            return_data: Bytes::from(ret.msg_receipt.return_data.to_vec()),
            gas_used: ret.msg_receipt.gas_used,
        },
        penalty: amount_from_fvm(&ret.penalty),
        miner_tip: amount_from_fvm(&ret.miner_tip),
        base_fee_burn: amount_from_fvm(&ret.base_fee_burn),
        over_estimation_burn: amount_from_fvm(&ret.over_estimation_burn),
        refund: amount_from_fvm(&ret.refund),
        gas_refund: ret.gas_refund,
        gas_burned: ret.gas_burned,
        failure: ret.failure_info.map(failure_text),
        trace: ret.exec_trace.into_iter().filter_map(trace_event).collect(),
    }
}

fn exit_code(code: FvmExitCode) -> ExitCode {
    ExitCode(i64::from(code.value()))
}

fn failure_text(failure: ApplyFailure) -> String {
    match failure {
        ApplyFailure::MessageBacktrace(backtrace) => {
            format!("message failed with backtrace:\n{backtrace}")
        }
        ApplyFailure::PreValidation(reason) => format!("pre-validation failed: {reason}"),
    }
}

/// The exit code of a call that could not be made, or ended with the whole message.
fn undelivered(error: ErrorNumber) -> ExitCode {
    exit_code(match error {
        ErrorNumber::InsufficientFunds => FvmExitCode::SYS_INSUFFICIENT_FUNDS,
        ErrorNumber::NotFound => FvmExitCode::SYS_INVALID_RECEIVER,
        _ => FvmExitCode::SYS_ASSERTION_FAILED,
    })
}

fn trace_event(event: ExecutionEvent) -> Option<TraceEvent> {
    Some(match event {
        // Lotus' trace has no negative charges (storage that is freed): they stand as zero.
        ExecutionEvent::GasCharge(charge) => TraceEvent::Gas {
            name: charge.name.into_owned(),
            compute: charge.compute_gas.round_up().max(0),
            storage: charge.storage_gas.round_up().max(0),
        },
        ExecutionEvent::Call {
            from,
            to,
            method,
            params,
            value,
        } => TraceEvent::Call {
            from,
            to: address_from_fvm(&to),
            method,
            params: Bytes::from(params.to_vec()),
            value: amount_from_fvm(&value),
        },
        ExecutionEvent::CallReturn(data) => TraceEvent::Return {
            exit_code: ExitCode::OK,
            data: Bytes::from(data.to_vec()),
        },
        ExecutionEvent::CallAbort(code) => TraceEvent::Return {
            exit_code: exit_code(code),
            data: Bytes::new(),
        },
        ExecutionEvent::CallError(e) => TraceEvent::Return {
            exit_code: undelivered(e.1),
            data: Bytes::new(),
        },
        ExecutionEvent::Log(line) => TraceEvent::Log(line),
        // The trace is for people; a kind added later by the library is left out.
        _ => return None,
    })
}

pub(crate) fn fault_to_fvm(
    fault: ConsensusFault,
) -> Result<fvm_shared2::consensus::ConsensusFault, VmError> {
    Ok(fvm_shared2::consensus::ConsensusFault {
        target: address_to_fvm(&fault.target)?,
        epoch: fault.epoch,
        fault_type: match fault.kind {
            ConsensusFaultKind::DoubleForkMining => ConsensusFaultType::DoubleForkMining,
            ConsensusFaultKind::ParentGrinding => ConsensusFaultType::ParentGrinding,
            ConsensusFaultKind::TimeOffsetMining => ConsensusFaultType::TimeOffsetMining,
        },
    })
}
