//! Messages and their receipts.

use serde::{Deserialize, Serialize};

use crate::{Address, Bytes, Cid, Gas, Signature, SignatureType, TokenAmount, wire, wire_tuple};

/// The number of an actor's method; 0 sends value only.
pub type MethodNum = u64;

/// A message from one actor to another. Its CID is that of the unsigned form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Message {
    /// Always 0.
    pub version: u64,
    /// Receiver.
    pub to: Address,
    /// Sender; on chain a key address (f1, f3, f4) or an ID address.
    pub from: Address,
    /// The sender's running number.
    pub nonce: u64,
    /// Sent with the message.
    pub value: TokenAmount,
    /// Most gas it may use.
    pub gas_limit: Gas,
    /// Most paid per gas, in attoFIL, base fee and premium together.
    pub gas_fee_cap: TokenAmount,
    /// Most paid to the block's miner per gas, in attoFIL.
    pub gas_premium: TokenAmount,
    /// The receiver's method.
    pub method: MethodNum,
    /// The method's parameters, encoded.
    pub params: Bytes,
}
wire_tuple!(Message {
    version: "Version" default,
    to: "To" default,
    from: "From" default,
    nonce: "Nonce" default,
    value: "Value" default,
    gas_limit: "GasLimit" default,
    gas_fee_cap: "GasFeeCap" default,
    gas_premium: "GasPremium" default,
    method: "Method" default,
    params: "Params" default,
} with "CID" = |m| wire::try_to_cbor(m).ok().map(|b| Cid::of_block(&b)));

impl Message {
    /// The CID of the unsigned message, which signers sign and which names it everywhere.
    ///
    /// # Panics
    /// When sender or receiver is the undefined address; a message read from CBOR has neither.
    pub fn cid(&self) -> Cid {
        Cid::of(self)
    }

    /// A plain transfer with everything else zero.
    pub fn transfer(from: Address, to: Address, value: TokenAmount) -> Self {
        Self {
            version: 0,
            to,
            from,
            nonce: 0,
            value,
            gas_limit: 0,
            gas_fee_cap: TokenAmount::zero(),
            gas_premium: TokenAmount::zero(),
            method: 0,
            params: Bytes::new(),
        }
    }

    /// What the sender must hold for gas: gas limit × fee cap, in attoFIL.
    pub fn required_gas_funds(&self) -> TokenAmount {
        &self.gas_fee_cap * self.gas_limit
    }
}

/// A message with its sender's signature.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignedMessage {
    /// What is signed: the message's CID, as bytes.
    pub message: Message,
    /// By the sender.
    pub signature: Signature,
}
wire_tuple!(SignedMessage { message: "Message", signature: "Signature" }
    with "CID" = |m| wire::try_to_cbor(&m.message).ok().map(|_| m.cid()));

impl SignedMessage {
    /// The CID under which it is stored and found: a BLS message's is that of the unsigned form,
    /// since its signature is only kept in the block's aggregate.
    pub fn cid(&self) -> Cid {
        match self.signature.kind {
            SignatureType::Bls => self.message.cid(),
            SignatureType::Secp256k1 | SignatureType::Delegated => Cid::of(self),
        }
    }

    /// Length on chain in bytes: unsigned for BLS.
    pub fn chain_length(&self) -> usize {
        match self.signature.kind {
            SignatureType::Bls => wire::to_cbor(&self.message).len(),
            SignatureType::Secp256k1 | SignatureType::Delegated => wire::to_cbor(self).len(),
        }
    }
}

/// How a message ended.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ExitCode(pub i64);

impl ExitCode {
    /// Success.
    pub const OK: Self = Self(0);

    /// True for success.
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }
}

/// What executing a message gave (network version 17: no events).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// How it ended.
    pub exit_code: ExitCode,
    /// Returned bytes.
    pub return_data: Bytes,
    /// Gas it used.
    pub gas_used: Gas,
}

// JSON has one field more than CBOR: `EventsRoot`, always null before network version 18.
wire_tuple!(Receipt { exit_code: "ExitCode", return_data: "Return" default, gas_used: "GasUsed" }
    with "EventsRoot" = |_r| None::<Cid>);
