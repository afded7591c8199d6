//! Building messages to actors.

use lotus_types::{Address, Bytes, Message, MethodNum, TokenAmount, wire};
use serde::Serialize;

use crate::StateError;

/// Encodes a method's parameters.
///
/// # Errors
/// [`StateError::Malformed`] when they have no binary form (an undefined address).
pub fn params(value: &impl Serialize) -> Result<Bytes, StateError> {
    let bytes = wire::try_to_cbor(value);
    bytes
        .map(Bytes::from)
        .map_err(|e| StateError::malformed("message parameters", e))
}

/// A message that calls `method` of `to` with `value` and parameters; nonce and gas are zero, to be
/// filled by the message pool. A method without parameters takes [`send`].
///
/// # Errors
/// [`StateError::Malformed`] when the parameters have no binary form.
pub fn call(
    from: Address,
    to: Address,
    value: TokenAmount,
    method: MethodNum,
    parameters: &impl Serialize,
) -> Result<Message, StateError> {
    Ok(Message {
        params: params(parameters)?,
        ..send(from, to, value, method)
    })
}

/// A message without parameters.
pub fn send(from: Address, to: Address, value: TokenAmount, method: MethodNum) -> Message {
    Message {
        method,
        ..Message::transfer(from, to, value)
    }
}
