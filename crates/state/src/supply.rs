//! Circulating supply: what the VM tells actors, which pledges are computed from, and what really
//! circulates, actor by actor.
//!
//! # Lotus parity
//! `StateManager.GetVMCirculatingSupplyDetailed` after Calico; `StateVMCirculatingSupplyInternal`
//! prints the same six numbers. [`exact`] is `GetCirculatingSupply` before network version 23.

use lotus_actors::{ActorKind, Manifest, StateError, StateTree, load, market, miner, multisig};
use lotus_networks::{Network, singletons, supply};
use lotus_ports::Blockstore;
use lotus_types::{ActorState, Address, ChainEpoch, TokenAmount, wire_tuple};

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
    let locked = tree.market_state()?.total_locked() + tree.power_state()?.total_pledge_collateral;
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

/// f0122: on mainnet the early investors' multisig.
const SAFT_ACCOUNT: Address = Address::new_id(122);

/// Actors whose FIL do not circulate.
const OUT_OF_CIRCULATION: [Address; 9] = [
    singletons::SYSTEM_ACTOR,
    singletons::INIT_ACTOR,
    singletons::REWARD_ACTOR,
    singletons::CRON_ACTOR,
    singletons::POWER_ACTOR,
    singletons::VERIFIED_REGISTRY_ACTOR,
    singletons::REMAINDER_ACCOUNT,
    singletons::BURNT_FUNDS_ACTOR,
    SAFT_ACCOUNT,
];

/// What circulates at `height`, counted over all actors: what accounts and channels hold, what miners
/// and multisigs may spend, and what the market does not lock.
///
/// # Errors
/// [`StateFault::Refused`] when the actors do not hold all the FIL there are, or one of them is of no
/// known kind; otherwise this node's failure.
pub fn exact<S: Blockstore>(
    tree: &StateTree<'_, S>,
    height: ChainEpoch,
) -> Result<TokenAmount, StateFault> {
    let manifest = tree.manifest()?;
    let (mut free, mut all) = (TokenAmount::zero(), TokenAmount::zero());
    let mut unknown = None;
    tree.for_each(|address, actor| {
        all += &actor.balance;
        match free_of(tree.store(), &manifest, height, address, actor)? {
            Some(part) => free += &part,
            None => unknown = Some(address),
        }
        Ok(())
    })?;
    if let Some(address) = unknown {
        return Err(StateFault::Refused(format!("unexpected actor: {address}")));
    }
    let total = TokenAmount::from_fil(supply::FIL_BASE);
    if all != total {
        let (all, total) = (all.atto(), total.atto());
        return Err(StateFault::Refused(format!(
            "total filecoin didn't add to expected amount: {all} != {total}"
        )));
    }
    Ok(free)
}

/// The part of an actor's balance that circulates; `None` for an actor of no known kind.
fn free_of<S: Blockstore>(
    store: &S,
    manifest: &Manifest,
    height: ChainEpoch,
    address: Address,
    actor: &ActorState,
) -> Result<Option<TokenAmount>, StateError> {
    let balance = &actor.balance;
    if balance.is_zero() || OUT_OF_CIRCULATION.contains(&address) {
        return Ok(Some(TokenAmount::zero()));
    }
    Ok(Some(match manifest.kind(&actor.code) {
        Some(ActorKind::Market) if address == singletons::MARKET_ACTOR => {
            let state: market::State = load(store, &actor.head, "market actor state")?;
            balance - &state.total_locked()
        }
        Some(ActorKind::Account | ActorKind::PaymentChannel) => balance.clone(),
        Some(ActorKind::Miner) => {
            let state: miner::State = load(store, &actor.head, "miner state")?;
            // A miner that holds less than it locked has nothing that circulates.
            match state.unlocked_balance(balance) {
                Some(_) => state.available_balance(balance),
                None => TokenAmount::zero(),
            }
        }
        Some(ActorKind::Multisig) => {
            let state: multisig::State = load(store, &actor.head, "multisig state")?;
            (balance - &state.locked_at(height)).max(TokenAmount::zero())
        }
        _ => return Ok(None),
    }))
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
