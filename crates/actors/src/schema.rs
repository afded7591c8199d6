//! What the methods of the builtin actors take and return, as data: enough to take any message's
//! parameters apart into Lotus' JSON, and to put them together again.
//!
//! | module | what it holds |
//! |---|---|
//! | [`decode`](Shape::decode) in `decode` | CBOR to JSON |
//! | [`encode`](Shape::encode) in `encode` | JSON to CBOR |
//! | [`ordered`](Shape::ordered) in `ordered` | decoded values, fields in Go's order |
//! | `types` | the structs that parameters and results are made of |
//! | `methods` | the methods of every actor |
//!
//! # Invariants
//! - Shapes are finite and not recursive, so neither input can nest deeper than they do; nothing is
//!   allocated by a length that the input only claims.
//!
//! # Lotus parity
//! `vm.ActorRegistry` over `go-state-types/builtin/v9`, with the habits of Go's JSON and of cbor-gen:
//! a missing field has its zero value, an empty list or byte string prints as `null`, names match
//! without regard to case, bytes behind the value are ignored. Error texts are theirs where these
//! rules produce them.

mod decode;
mod encode;
mod methods;
mod ordered;
mod types;

pub use ordered::Ordered;

use lotus_types::MethodNum;

use crate::ActorKind;

/// Why a value has no other form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(String);

impl SchemaError {
    fn new(text: impl std::fmt::Display) -> Self {
        Self(text.to_string())
    }

    fn within(self, place: impl std::fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

/// The form of a value.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// No bytes at all; `{}` in JSON.
    Empty,
    /// All bytes as they are.
    Raw,
    /// A boolean.
    Bool,
    /// A `uint64`.
    Uint,
    /// An `int64`.
    Int,
    /// Text.
    Text,
    /// Bytes; base64 in JSON, `null` when there are none.
    Bytes,
    /// An integer of any size: a sign byte and magnitude; decimal text in JSON.
    BigInt,
    /// An address.
    Address,
    /// A CID.
    Cid,
    /// A CID or `null`.
    OptionalCid,
    /// A CID of the one Go type without a JSON form: `{}`.
    OpaqueCid,
    /// A set of numbers.
    BitField,
    /// A signature.
    Signature,
    /// A signature or `null`.
    OptionalSignature,
    /// A deal's label: text or bytes; JSON knows the text only.
    Label,
    /// Values of one shape.
    List(&'static Shape),
    /// A struct or `null`.
    Optional(&'static Struct),
    /// Fields in order.
    Struct(&'static Struct),
    /// A struct whose fields appear in JSON as its owner's.
    Embedded(&'static Struct),
}

/// Named fields, an array in CBOR.
#[derive(Debug)]
pub struct Struct {
    name: &'static str,
    fields: &'static [(&'static str, Shape)],
}

/// A method of an actor.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// Its number.
    pub number: MethodNum,
    /// Lotus' name.
    pub name: &'static str,
    /// What it takes.
    pub params: Shape,
    /// What it returns.
    pub returns: Shape,
}

/// The method `number` of an actor; `None` when there is none, or it was taken out of use.
pub fn method(actor: ActorKind, number: MethodNum) -> Option<&'static Method> {
    if number == methods::SEND.number {
        return Some(&methods::SEND);
    }
    methods(actor).iter().find(|m| m.number == number)
}

/// All methods of an actor but the bare transfer, which every actor has as number 0.
pub const fn methods(actor: ActorKind) -> &'static [Method] {
    match actor {
        ActorKind::System => methods::SYSTEM,
        ActorKind::Init => methods::INIT,
        ActorKind::Cron => methods::CRON,
        ActorKind::Account => methods::ACCOUNT,
        ActorKind::Power => methods::POWER,
        ActorKind::Miner => methods::MINER,
        ActorKind::Market => methods::MARKET,
        ActorKind::PaymentChannel => methods::PAYMENT_CHANNEL,
        ActorKind::Multisig => methods::MULTISIG,
        ActorKind::Reward => methods::REWARD,
        ActorKind::VerifiedRegistry => methods::VERIFIED_REGISTRY,
        ActorKind::DataCap => methods::DATA_CAP,
    }
}

#[cfg(test)]
mod tests;
