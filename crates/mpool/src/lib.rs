//! The message pool: messages that wait for a block.
//!
//! | module | what it holds |
//! |---|---|
//! | [`service`] | [`Mpool`]: the handle, and the task that owns the pool |
//! | [`pool`] | the pool itself: admission, head changes, pruning, local messages |
//! | [`rules`] | what a message must be, whoever sent it |
//! | [`checks`] | what there is to say of a message before it is sent, or while it waits |
//! | [`pending`] | messages per sender, and how blocks change them |
//! | [`select`] | which messages go into a block: a pure function over a [`select::Snapshot`] |
//! | [`chains`], [`odds`] | what selection is built from |
//! | [`gas`] | estimates of gas limit, premium and fee cap |
//! | [`config`] | settings |
//! | [`chain`] | what the pool asks the chain |
//!
//! # Invariants
//! - Per sender, the nonces from the chain's next one up to [`Mpool::next_nonce`] are pooled without
//!   a gap; what lies beyond a gap waits and is never selected.
//! - A selection never exceeds a block's gas and message limits, and holds for each sender a gapless
//!   run of nonces that begins at the chain's next one and that the sender can pay for.
//! - Messages sent through this node survive a restart and are gossiped again until they are on chain.
//!
//! # Lotus parity
//! `chain/messagepool` and the gas estimates of `node/impl/full/gas.go`.

pub mod chain;
pub mod chains;
pub mod checks;
pub mod config;
pub mod error;
pub mod gas;
pub mod odds;
pub mod pending;
pub mod pool;
pub mod rules;
pub mod select;
pub mod service;
mod terms;

pub use chain::{Account, NodeChain, PoolChain};
pub use config::ConfigError;
pub use error::{AddError, PoolError, Stopped};
pub use lotus_rpc_api::types::mpool::MpoolConfig;
pub use pending::Pooled;
pub use pool::{Source, Update};
pub use service::{Mpool, MpoolParts};
