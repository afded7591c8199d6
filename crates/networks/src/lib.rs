//! What distinguishes one Filecoin network from another, and what all of them share.
//!
//! | module | what it holds |
//! |---|---|
//! | [`policy`] | the protocol's constants: blocks, gas, finality, randomness, proving periods |
//! | [`supply`] | the token's genesis allocation and vesting |
//! | [`network`] | one network's description, `network.toml`, and the built-in devnet |
//! | [`bundles`] | the built-in actors of networks that are made here |
//! | [`proofs`] | which proofs a network takes: real ones, or mock ones |
//! | [`singletons`] | the addresses of the actors that exist once |
//!
//! # Lotus parity
//! Takes the place of `build/params_*.go` and of the `go-state-types/builtin` constants. Lotus
//! chooses a network when it is compiled; here it is data, so one binary serves every network.

pub mod bundles;
pub mod network;
pub mod policy;
pub mod proofs;
pub mod singletons;
pub mod supply;

pub use network::{
    BeaconConfig, ChainInfo, Network, NetworkError, NetworkVersion, Upgrade, UpgradeHeights,
};
pub use proofs::{MockProofs, Proofs};
