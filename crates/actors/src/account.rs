//! The actor behind a key.

use lotus_types::{Address, wire_tuple};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor; its parameter is the key address.";
    PUBKEY_ADDRESS = 2 "PubkeyAddress" "Returns the key address.";
    AUTHENTICATE_MESSAGE = 3 "AuthenticateMessage" "Checks a signature.";
}

/// State of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its key address (f1 or f3); f099 holds its own ID address.
    pub address: Address,
}
wire_tuple!(State { address: "Address" });
