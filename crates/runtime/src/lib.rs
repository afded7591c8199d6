//! What every long-running process of the suite stands on.
//!
//! | module | what it gives |
//! |---|---|
//! | [`supervisor`] | named tasks, a stop that reaches all of them, a reason why the process ended |
//! | [`pool`] | named threads for work that blocks: VM, proofs, signatures |
//! | [`repo`] | the repo folder: lock, keystore, API address and token, config file |
//! | [`config`] | `config.toml`, environment and defaults resolved into typed sections |
//! | [`logging`] | log output and levels, changeable while running |
//! | [`metrics`] | the one registry that services register on |
//! | [`limits`] | file descriptors |
//! | [`alerts`] | what an operator should know, on until it is over |
//! | [`journal`] | what happened, a line for each event |
//! | [`backup`] | the file that a node's metadata is copied into |
//! | [`clock`], [`version`] | the machine's clock; what the suite calls itself |
//! | [`atomic`] | files that are there as a whole or not at all |
//!
//! # Lotus parity
//! Repo layout, environment variables and configuration keys are those of Lotus v1.20, so that an
//! operator's scripts keep working.

pub mod alerts;
pub mod atomic;
pub mod backup;
pub mod clock;
pub mod config;
pub mod journal;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod pool;
pub mod repo;
pub mod supervisor;
pub mod version;
