//! Typed views of the builtin actors' state, version 9 (network version 17), and what it takes to
//! send them messages: method numbers, parameters, return values.
//!
//! | module | what it holds |
//! |---|---|
//! | [`tree`] | the state tree: actors by address, address lookup, iteration, writing |
//! | [`manifest`] | which code CID is which builtin actor |
//! | [`system`], [`init`], [`cron`], [`account`], [`reward`], [`power`], [`market`], [`miner`], [`multisig`], [`paych`], [`verifreg`], [`datacap`] | one actor each |
//! | [`pledge`], [`smooth`] | what a sector's power is worth and costs |
//! | [`map`], [`array`] | the HAMTs and AMTs that the states point to |
//! | [`call`](mod@call) | building messages |
//! | [`schema`] | what every method takes and returns, as data: CBOR to JSON and back |
//!
//! # Invariants
//! - Views read, they never execute: rules that change state live in the actors' WASM alone.
//! - A block that is not there is [`StateError::Missing`] (our store is incomplete), never confused
//!   with [`StateError::Malformed`] (the state itself is not what the actor would have written).
//!
//! # Lotus parity
//! Takes the place of `chain/actors/builtin` and of `go-state-types/builtin/v9`. States print as
//! `StateReadState` prints them.

pub mod account;
pub mod address;
pub mod array;
pub mod call;
pub mod cron;
pub mod datacap;
mod error;
pub mod init;
pub mod manifest;
pub mod map;
pub mod market;
pub mod miner;
pub mod multisig;
pub mod paych;
pub mod pledge;
pub mod power;
pub mod reward;
pub mod schema;
pub mod smooth;
pub mod system;
pub mod tree;
pub mod verifreg;

pub use array::Array;
pub use call::call;
pub use error::StateError;
pub use manifest::{ActorKind, Manifest};
pub use map::Map;
pub use smooth::FilterEstimate;
pub use tree::{StateTree, StateTreeWriter};

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{Cid, wire};
use serde::{Serialize, de::DeserializeOwned};

/// Reads the DAG-CBOR object behind `cid`. `what` names it in errors (`"miner info"`).
///
/// # Errors
/// [`StateError`]: the block is missing, is no `T`, or the store failed.
pub fn load<T: DeserializeOwned>(
    store: &impl Blockstore,
    cid: &Cid,
    what: &'static str,
) -> Result<T, StateError> {
    let block = store
        .get(cid.inner())
        .map_err(|e| StateError::fault(what, e))?;
    let block = block.ok_or_else(|| StateError::missing(what, cid))?;
    fvm_ipld_encoding::from_slice(&block).map_err(|e| StateError::malformed(what, e))
}

/// Writes `value` as a DAG-CBOR object and gives its CID.
///
/// # Errors
/// [`StateError::Fault`] when the store fails, [`StateError::Malformed`] when `value` has no binary
/// form.
pub fn save<T: Serialize>(
    store: &impl Blockstore,
    value: &T,
    what: &'static str,
) -> Result<Cid, StateError> {
    let block = wire::try_to_cbor(value).map_err(|e| StateError::malformed(what, e))?;
    let cid = Cid::of_block(&block);
    store
        .put_keyed(cid.inner(), &block)
        .map_err(|e| StateError::fault(what, e))?;
    Ok(cid)
}

/// Declares the methods of an actor: a constant each, and a table of names.
macro_rules! methods {
    ($($konst:ident = $number:literal $name:literal $doc:literal;)*) => {
        /// The actor's methods.
        pub mod method {
            use lotus_types::MethodNum;
            $(#[doc = $doc]
            pub const $konst: MethodNum = $number;)*
            /// Number and Lotus' name of every method.
            pub const NAMES: &[(MethodNum, &str)] = &[$(($number, $name)),*];
        }
    };
}
pub(crate) use methods;

#[cfg(test)]
mod tests;
