//! f01: creates actors and maps addresses to ids.

use fvm_ipld_blockstore::Blockstore;
use lotus_networks::singletons::INIT_ACTOR;
use lotus_types::{ActorId, Address, Bytes, Cid, Message, TokenAmount, wire_tuple};
use serde::Serialize;

use crate::{Map, StateError, call, map::HAMT_BIT_WIDTH};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor.";
    EXEC = 2 "Exec" "Creates an actor: [`ExecParams`](super::ExecParams).";
}

/// State of f01.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// HAMT from robust and key addresses to ids.
    pub address_map: Cid,
    /// The next actor's id.
    pub next_id: ActorId,
    /// The network's name.
    pub network_name: String,
}
wire_tuple!(State {
    address_map: "AddressMap",
    next_id: "NextID",
    network_name: "NetworkName"
});

impl State {
    /// The map from addresses to ids.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn address_map<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Map<'s, S, Address, ActorId>, StateError> {
        Map::load(store, &self.address_map, HAMT_BIT_WIDTH, "address map")
    }

    /// The id behind an address; ID addresses answer themselves. `None` when it has no actor.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn resolve(
        &self,
        store: &impl Blockstore,
        address: &Address,
    ) -> Result<Option<ActorId>, StateError> {
        match address.id() {
            Some(id) => Ok(Some(id)),
            None if address.is_undefined() => Ok(None),
            None => Ok(self.address_map(store)?.get(address)?.copied()),
        }
    }
}

/// Parameters of the constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstructorParams {
    /// The network's name.
    pub network_name: String,
}
wire_tuple!(ConstructorParams {
    network_name: "NetworkName"
});

/// Parameters of Exec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecParams {
    /// What to create: multisig or payment channel.
    pub code_cid: Cid,
    /// Its constructor's parameters, encoded.
    pub constructor_params: Bytes,
}
wire_tuple!(ExecParams { code_cid: "CodeCID", constructor_params: "ConstructorParams" default });

/// What Exec returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecReturn {
    /// The new actor's id.
    pub id_address: Address,
    /// Its address that no reorganisation changes.
    pub robust_address: Address,
}
wire_tuple!(ExecReturn {
    id_address: "IDAddress",
    robust_address: "RobustAddress"
});

/// A message that creates an actor of this code with `value` and its constructor's parameters; nonce
/// and gas are zero. It returns [`ExecReturn`].
///
/// # Errors
/// [`StateError::Malformed`] when the parameters have no binary form.
pub fn exec(
    from: Address,
    code_cid: Cid,
    value: TokenAmount,
    constructor: &impl Serialize,
) -> Result<Message, StateError> {
    let params = ExecParams {
        code_cid,
        constructor_params: call::params(constructor)?,
    };
    call::call(from, INIT_ACTOR, value, method::EXEC, &params)
}
