//! What is signed of a chain message.
//!
//! For keys of `f1` and `f3` addresses that is the message's CID. An `f410` address belongs to an
//! Ethereum key: there the bytes are those of the EIP-1559 transaction that the message stands for,
//! so that an Ethereum wallet signs the same (FIP-0055).
//!
//! # Lotus parity
//! `messagesigner.SigningBytes` and `ethtypes.EthTxArgsFromUnsignedEthMessage`, with their refusals.

use lotus_crypto::delegated::{ETHEREUM_ADDRESS_LEN, ETHEREUM_ADDRESS_MANAGER};
use lotus_types::{Address, Bytes, Cid, Message, Payload, Protocol, TokenAmount, wire};

/// Method of the Ethereum address manager that creates a contract for an account.
const CREATE_EXTERNAL: u64 = 4;
/// Method of a contract that calls it (FRC-0042's number of `InvokeEVM`).
const INVOKE_CONTRACT: u64 = 3_844_450_837;
/// The type byte of EIP-1559 transactions.
const EIP1559: u8 = 2;
/// First byte of an Ethereum address that stands for an actor's number.
const MASKED_ID: u8 = 0xff;

/// A message that no Ethereum transaction stands for, so that an `f410` address cannot send it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EthereumError {
    /// Only version 0.
    #[error("unsupported msg version: {0}")]
    Version(u64),
    /// The address manager takes `CreateExternal` only.
    #[error("unsupported EAM method: {0}")]
    AddressManagerMethod(u64),
    /// Something else than sending value or calling a contract.
    #[error(
        "invalid methodnum {0}: only allowed non-send method is InvokeContract({INVOKE_CONTRACT})"
    )]
    Method(u64),
    /// A call without parameters could not be told from a transfer.
    #[error("msgs with empty parameters from an eth-account must be Sends (MethodNum: {0})")]
    EmptyParams(u64),
    /// The parameters are not one CBOR byte string.
    #[error("failed to read params byte array: {0}")]
    Params(String),
    /// The receiver has no Ethereum form.
    #[error("{0} cannot be an Ethereum address: an ID or f410 address is needed")]
    Receiver(Address),
    /// A negative amount.
    #[error("{what} is negative")]
    Negative {
        /// Which one.
        what: &'static str,
    },
}

/// The bytes that the key of `signer` signs of `message`, whose CBOR form is `cbor`.
///
/// # Errors
/// [`EthereumError`], for `f4` signers only.
pub fn signing_bytes(
    message: &Message,
    cbor: &[u8],
    signer: &Address,
    eip155_chain_id: u64,
) -> Result<Vec<u8>, EthereumError> {
    if signer.protocol() == Some(Protocol::Delegated) {
        return ethereum_transaction(message, eip155_chain_id);
    }
    Ok(Cid::of_block(cbor).to_bytes())
}

/// True when `to_sign` is what the key of `signer` signs of `message`, whose CBOR form is `cbor`. A
/// transaction may be of any network: a wallet does not know on which one it is used.
pub fn is_signing_form(message: &Message, cbor: &[u8], signer: &Address, to_sign: &[u8]) -> bool {
    let chain_id = chain_id_of(to_sign).unwrap_or_default();
    signing_bytes(message, cbor, signer, chain_id).is_ok_and(|bytes| bytes == to_sign)
}

/// The network of an unsigned EIP-1559 transaction.
fn chain_id_of(transaction: &[u8]) -> Option<u64> {
    let [EIP1559, list, rest @ ..] = transaction else {
        return None;
    };
    let digits_of_length = usize::from(list.checked_sub(RLP_LIST)?).saturating_sub(55);
    let fields = rest.get(digits_of_length..)?;
    match fields {
        [small, ..] if *small < RLP_BYTES => Some(u64::from(*small)),
        [header, digits @ ..] => {
            let len = usize::from(header.checked_sub(RLP_BYTES)?);
            let digits = digits.get(..len).filter(|_| len <= 8)?;
            Some(digits.iter().fold(0, |n, digit| n << 8 | u64::from(*digit)))
        }
        [] => None,
    }
}

/// The unsigned EIP-1559 transaction of a message: `02 ‖ rlp([chain, nonce, priority fee, fee, gas,
/// to, value, data, access list])`.
fn ethereum_transaction(message: &Message, chain_id: u64) -> Result<Vec<u8>, EthereumError> {
    if message.version != 0 {
        return Err(EthereumError::Version(message.version));
    }
    let (to, data) = receiver_and_data(message)?;
    let gas = u64::try_from(message.gas_limit)
        .map_err(|_| EthereumError::Negative { what: "GasLimit" })?;
    let mut fields = Vec::with_capacity(128 + data.len());
    rlp_integer(&mut fields, chain_id);
    rlp_integer(&mut fields, message.nonce);
    rlp_amount(&mut fields, &message.gas_premium, "GasPremium")?;
    rlp_amount(&mut fields, &message.gas_fee_cap, "GasFeeCap")?;
    rlp_integer(&mut fields, gas);
    rlp_bytes(
        &mut fields,
        to.as_ref()
            .map_or(&[], <[u8; ETHEREUM_ADDRESS_LEN]>::as_slice),
    );
    rlp_amount(&mut fields, &message.value, "Value")?;
    rlp_bytes(&mut fields, &data);
    rlp_header(&mut fields, RLP_LIST, 0);
    let mut out = vec![EIP1559];
    rlp_header(&mut out, RLP_LIST, fields.len());
    out.extend(fields);
    Ok(out)
}

type EthereumAddress = [u8; ETHEREUM_ADDRESS_LEN];

fn receiver_and_data(
    message: &Message,
) -> Result<(Option<EthereumAddress>, Vec<u8>), EthereumError> {
    let method = message.method;
    let data = if message.params.is_empty() {
        Vec::new()
    } else {
        let bytes: Bytes =
            wire::from_cbor(&message.params).map_err(|e| EthereumError::Params(e.to_string()))?;
        bytes.into_vec()
    };
    if message.to == Address::new_id(ETHEREUM_ADDRESS_MANAGER) {
        if method != CREATE_EXTERNAL {
            return Err(EthereumError::AddressManagerMethod(method));
        }
        if data.is_empty() {
            return Err(EthereumError::EmptyParams(method));
        }
        return Ok((None, data));
    }
    let to = ethereum_address(&message.to)?;
    match method {
        0 if message.params.is_empty() => Ok((Some(to), data)),
        INVOKE_CONTRACT if !data.is_empty() => Ok((Some(to), data)),
        0 => Err(EthereumError::Method(method)),
        _ if data.is_empty() => Err(EthereumError::EmptyParams(method)),
        _ => Err(EthereumError::Method(method)),
    }
}

/// The Ethereum form of an f410 address, or of an ID address (`ff`, zeros, the number).
fn ethereum_address(address: &Address) -> Result<EthereumAddress, EthereumError> {
    let refused = || EthereumError::Receiver(*address);
    match address.payload() {
        Some(Payload::Id(id)) => {
            let mut out = [0; ETHEREUM_ADDRESS_LEN];
            let (head, number) = out.split_at_mut(ETHEREUM_ADDRESS_LEN - 8);
            if let Some(first) = head.first_mut() {
                *first = MASKED_ID;
            }
            number.copy_from_slice(&id.to_be_bytes());
            Ok(out)
        }
        Some(Payload::Delegated {
            namespace: ETHEREUM_ADDRESS_MANAGER,
            len,
            subaddress,
        }) => {
            let bytes = subaddress.get(..usize::from(*len)).ok_or_else(refused)?;
            bytes.try_into().map_err(|_| refused())
        }
        _ => Err(refused()),
    }
}

const RLP_BYTES: u8 = 0x80;
const RLP_LIST: u8 = 0xc0;

fn rlp_header(out: &mut Vec<u8>, kind: u8, len: usize) {
    match u8::try_from(len) {
        Ok(short) if short < 56 => out.push(kind + short),
        _ => {
            let digits = len.to_be_bytes();
            let first = digits.iter().position(|b| *b != 0).unwrap_or(digits.len());
            let digits = digits.get(first..).unwrap_or_default();
            // At most 8 digits: a length is a usize.
            out.push(kind + 55 + digits.len() as u8);
            out.extend(digits);
        }
    }
}

fn rlp_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes {
        [single] if *single < RLP_BYTES => out.push(*single),
        _ => {
            rlp_header(out, RLP_BYTES, bytes.len());
            out.extend(bytes);
        }
    }
}

/// An integer is its big-endian bytes without leading zeros.
fn rlp_integer(out: &mut Vec<u8>, number: u64) {
    let digits = number.to_be_bytes();
    let first = digits.iter().position(|b| *b != 0).unwrap_or(digits.len());
    rlp_bytes(out, digits.get(first..).unwrap_or_default());
}

fn rlp_amount(
    out: &mut Vec<u8>,
    amount: &TokenAmount,
    what: &'static str,
) -> Result<(), EthereumError> {
    if amount.is_zero() {
        rlp_bytes(out, &[]);
        return Ok(());
    }
    let digits = amount
        .atto()
        .to_biguint()
        .ok_or(EthereumError::Negative { what })?
        .to_bytes_be();
    rlp_bytes(out, &digits);
    Ok(())
}

#[cfg(test)]
mod tests;
