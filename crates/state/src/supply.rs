//! Circulating supply: what the VM tells actors, which pledges are computed from.
//!
//! # Lotus parity
//! `StateManager.GetVMCirculatingSupplyDetailed` after Calico; `StateVMCirculatingSupplyInternal`
//! prints the same six numbers.

use lotus_actors::StateTree;
use lotus_networks::{Network, singletons, supply};
use lotus_ports::Blockstore;
use lotus_types::{ChainEpoch, TokenAmount, wire_tuple};

use crate::StateFault;

/// Circulating supply and what it is made of, in attoFIL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CirculatingSupply {
    /// Vested from genesis allocations.
    pub vested: TokenAmount,
    /// Paid as block rewards.
    pub mined: TokenAmount,
    /// Burnt.
    pub burnt: TokenAmount,
    /// Locked as pledge and in the market.
    pub locked: TokenAmount,
    /// The sum, never below zero.
    pub circulating: TokenAmount,
    /// Paid out of the reserve; negative where the reserve account holds more than at mainnet's
    /// genesis.
    pub reserve_disbursed: TokenAmount,
}
wire_tuple!(CirculatingSupply {
    vested: "FilVested",
    mined: "FilMined",
    burnt: "FilBurnt",
    locked: "FilLocked",
    circulating: "FilCirculating",
    reserve_disbursed: "FilReserveDisbursed",
});

/// The circulating supply at `height`, on a state.
///
/// # Errors
/// [`StateFault`].
pub fn circulating<S: Blockstore>(
    network: &Network,
    tree: &StateTree<'_, S>,
    height: ChainEpoch,
) -> Result<CirculatingSupply, StateFault> {
    let vested = supply::vested(height, network.upgrades.liftoff);
    let mined = tree.reward_state()?.total_storage_power_reward;
    let burnt = tree.balance(&singletons::BURNT_FUNDS_ACTOR)?;
    let market = tree.market_state()?;
    let locked = market.total_client_locked_collateral
        + market.total_provider_locked_collateral
        + market.total_client_storage_fee
        + tree.power_state()?.total_pledge_collateral;
    let reserve_disbursed = TokenAmount::from_fil(supply::FIL_RESERVED)
        - tree.balance(&singletons::REMAINDER_ACCOUNT)?;
    let circulating = sum(&vested, &mined, &reserve_disbursed, &burnt, &locked);
    Ok(CirculatingSupply {
        vested,
        mined,
        burnt,
        locked,
        circulating,
        reserve_disbursed,
    })
}

/// What is neither burnt nor locked of all that was given out; never below zero.
fn sum(
    vested: &TokenAmount,
    mined: &TokenAmount,
    reserve_disbursed: &TokenAmount,
    burnt: &TokenAmount,
    locked: &TokenAmount,
) -> TokenAmount {
    let given_out = &(vested + mined) + reserve_disbursed;
    (given_out - burnt.clone() - locked.clone()).max(TokenAmount::zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fil(vested: i64, mined: i64, reserve: i64, burnt: i64, locked: i64) -> TokenAmount {
        let [v, m, r, b, l] = [vested, mined, reserve, burnt, locked].map(TokenAmount::from_fil);
        sum(&v, &m, &r, &b, &l)
    }

    #[test]
    fn counts_what_left_the_reserve_and_not_what_is_burnt_or_locked() {
        assert_eq!(fil(100, 50, 30, 7, 11), TokenAmount::from_fil(162));
    }

    #[test]
    fn is_never_negative() {
        assert_eq!(fil(100, 50, -400, 7, 11), TokenAmount::zero());
    }
}
