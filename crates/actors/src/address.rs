//! Addresses of the actors that exist once, under short names.

use lotus_types::Address;

pub use lotus_networks::singletons::{
    BURNT_FUNDS_ACTOR as BURNT_FUNDS, CRON_ACTOR as CRON, DATACAP_ACTOR as DATACAP,
    FIRST_NON_SINGLETON_ID, INIT_ACTOR as INIT, MARKET_ACTOR as MARKET, POWER_ACTOR as POWER,
    REMAINDER_ACCOUNT as RESERVE, REWARD_ACTOR as REWARD, SYSTEM_ACTOR as SYSTEM,
    VERIFIED_REGISTRY_ACTOR as VERIFREG, VERIFIED_REGISTRY_ROOT as VERIFREG_ROOT,
};

/// Account that a genesis appoints as its first verifier.
pub const VERIFIER: Address = Address::new_id(81);
