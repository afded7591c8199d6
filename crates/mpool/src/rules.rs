//! What a message must be, whoever sent it: the checks that need neither pool nor balance.
//!
//! # Lotus parity
//! `MessagePool.checkMessage`; the bound on the fee cap is `getBaseFeeLowerBound`.

use lotus_consensus::messages::message_syntax;
use lotus_networks::policy::MINIMUM_BASE_FEE;
use lotus_types::{Address, SignedMessage, TokenAmount, wire};

use crate::AddError;

/// Most bytes of a signed message.
pub const MAX_MESSAGE_SIZE: usize = 64 * 1024;
/// Base fee over lowest fee cap at which a message is still republished and pruned last.
pub const LOWER_BOUND_FACTOR: i64 = 10;
/// The same for letting a message into the pool.
pub const LOWER_BOUND_FACTOR_ADMISSION: i64 = 100;

/// Size, syntax and lowest fee cap.
///
/// # Errors
/// [`AddError`].
pub fn check_form(message: &SignedMessage) -> Result<(), AddError> {
    let encoded = wire::try_to_cbor(message).map_err(|e| AddError::Malformed(e.to_string()))?;
    if encoded.len() > MAX_MESSAGE_SIZE {
        return Err(AddError::TooLarge {
            size: encoded.len(),
        });
    }
    message_syntax(&message.message, message.chain_length()).map_err(AddError::Malformed)?;
    if message.message.gas_fee_cap < TokenAmount::from_atto(MINIMUM_BASE_FEE) {
        return Err(AddError::FeeCapTooLow);
    }
    Ok(())
}

/// The signature, by the sender's key address.
///
/// # Errors
/// [`AddError::Signature`].
pub fn check_signature(message: &SignedMessage, key: &Address) -> Result<(), AddError> {
    let signed = message.message.cid().to_bytes();
    lotus_crypto::verify(&message.signature, key, &signed)
        .map_err(|e| AddError::Signature(e.to_string()))
}

/// The least fee cap with which a message may hope for a block in the next 20 epochs.
pub fn fee_cap_bound(base_fee: &TokenAmount, factor: i64) -> TokenAmount {
    let bound = TokenAmount::from_atto(base_fee.atto() / factor);
    bound.max(TokenAmount::from_atto(MINIMUM_BASE_FEE))
}
