//! Actors of which every network has exactly one.

use lotus_types::Address;

/// Sends the implicit messages.
pub const SYSTEM_ACTOR: Address = Address::new_id(0);
/// Gives out addresses and creates actors.
pub const INIT_ACTOR: Address = Address::new_id(1);
/// Pays block rewards.
pub const REWARD_ACTOR: Address = Address::new_id(2);
/// Runs at the end of every epoch.
pub const CRON_ACTOR: Address = Address::new_id(3);
/// Keeps the miners' power.
pub const POWER_ACTOR: Address = Address::new_id(4);
/// Keeps storage deals.
pub const MARKET_ACTOR: Address = Address::new_id(5);
/// Keeps verifiers, allocations and claims.
pub const VERIFIED_REGISTRY_ACTOR: Address = Address::new_id(6);
/// Keeps DataCap tokens.
pub const DATACAP_ACTOR: Address = Address::new_id(7);
/// Root key holder of the verified registry.
pub const VERIFIED_REGISTRY_ROOT: Address = Address::new_id(80);
/// Holds what genesis did not give to anyone.
pub const REMAINDER_ACCOUNT: Address = Address::new_id(90);
/// Receives what is burnt.
pub const BURNT_FUNDS_ACTOR: Address = Address::new_id(99);
/// Ids below it are not given out by the init actor.
pub const FIRST_NON_SINGLETON_ID: u64 = 100;
