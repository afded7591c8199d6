//! An actor's entry in the state tree.

use crate::{Address, Cid, TokenAmount, wire_tuple};

/// What the state tree holds of every actor (state tree version 4: network versions 10 to 17).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActorState {
    /// CID of its code.
    pub code: Cid,
    /// Root of its own state.
    pub head: Cid,
    /// Messages sent so far: the next message's nonce.
    pub nonce: u64,
    /// What it holds.
    pub balance: TokenAmount,
}
wire_tuple!(ActorState { code: "Code", head: "Head", nonce: "Nonce", balance: "Balance" }
    with "Address" = |_a| None::<Address>);
