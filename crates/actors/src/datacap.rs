//! f07: the DataCap token (FRC-46). One byte of DataCap is 10¹⁸ of its smallest unit.

use fvm_ipld_blockstore::Blockstore;
use lotus_types::{ActorId, Address, BigInt, Bytes, Cid, TokenAmount, wire_tuple};
use num_bigint::BigInt as Int;

use crate::{Map, StateError};

crate::methods! {
    CONSTRUCTOR = 1 "Constructor" "Creates the actor; its parameter is the governor's address.";
    MINT = 2 "Mint" "Governor: makes tokens.";
    DESTROY = 3 "Destroy" "Governor: destroys tokens.";
    NAME = 10 "Name" "Tells the token's name.";
    SYMBOL = 11 "Symbol" "Tells the token's symbol.";
    TOTAL_SUPPLY = 12 "TotalSupply" "Tells how much there is.";
    BALANCE_OF = 13 "BalanceOf" "Tells what an address holds.";
    TRANSFER = 14 "Transfer" "Sends tokens: [`TransferParams`](super::TransferParams).";
    TRANSFER_FROM = 15 "TransferFrom" "Sends another's tokens.";
    INCREASE_ALLOWANCE = 16 "IncreaseAllowance" "Lets an operator send more.";
    DECREASE_ALLOWANCE = 17 "DecreaseAllowance" "Lets an operator send less.";
    REVOKE_ALLOWANCE = 18 "RevokeAllowance" "Lets an operator send nothing.";
    BURN = 19 "Burn" "Destroys own tokens.";
    BURN_FROM = 20 "BurnFrom" "Destroys another's tokens.";
    ALLOWANCE = 21 "Allowance" "Tells what an operator may send.";
}

/// Smallest units in one byte of DataCap.
pub const TOKEN_PRECISION: u64 = 1_000_000_000_000_000_000;

/// State of f07.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// May mint and destroy: f06.
    pub governor: Address,
    /// Who holds what.
    pub token: TokenState,
}
wire_tuple!(State {
    governor: "Governor",
    token: "Token"
});

/// Who holds what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenState {
    /// How much there is.
    pub supply: TokenAmount,
    /// HAMT from actor ids to amounts.
    pub balances: Cid,
    /// HAMT from owners to HAMTs from operators to amounts.
    pub allowances: Cid,
    /// Bits per level of these HAMTs: 3.
    pub hamt_bit_width: u32,
}
wire_tuple!(TokenState {
    supply: "Supply",
    balances: "Balances",
    allowances: "Allowances",
    hamt_bit_width: "HamtBitWidth",
});

impl State {
    /// What all actors hold, in smallest units.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn balances<'s, S: Blockstore>(
        &self,
        store: &'s S,
    ) -> Result<Map<'s, S, ActorId, TokenAmount>, StateError> {
        let width = self.token.hamt_bit_width;
        if !(1..=8).contains(&width) {
            return Err(StateError::malformed(
                "datacap state",
                format!("HAMT bit width {width}"),
            ));
        }
        Map::load(store, &self.token.balances, width, "datacap balances")
    }

    /// What an actor holds, in bytes; `None` when nothing is recorded.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn data_cap(
        &self,
        store: &impl Blockstore,
        owner: ActorId,
    ) -> Result<Option<BigInt>, StateError> {
        let balances = self.balances(store)?;
        let held = balances.get(&owner)?;
        Ok(held.map(bytes))
    }
}

/// Bytes of DataCap in an amount of tokens; what is no whole byte is left out.
pub fn bytes(held: &TokenAmount) -> BigInt {
    BigInt(held.atto() / Int::from(TOKEN_PRECISION))
}

/// Parameters of Transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferParams {
    /// Receiver.
    pub to: Address,
    /// In smallest units.
    pub amount: TokenAmount,
    /// For the receiver; f06 expects
    /// [`AllocationRequests`](crate::verifreg::AllocationRequests).
    pub operator_data: Bytes,
}
wire_tuple!(TransferParams { to: "To", amount: "Amount", operator_data: "OperatorData" default });
