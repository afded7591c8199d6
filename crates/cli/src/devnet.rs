//! `lotus-devnet`: a Filecoin network on one machine, and a file through all of it.
//!
//! A supervisor of separate processes of this same executable: beacon, daemon, miner, worker. It makes
//! what they need (parameters, pre-sealed sectors, genesis, description), starts them in order, drives
//! a deal through their APIs and keeps them running.
//!
//! # Invariants
//! - Everything of a devnet is in one marked folder; nothing else of the machine is touched but the
//!   caches of parameters and bundles.
//! - Processes stop in the order worker, miner, daemon, beacon, and are killed only when they do not
//!   within a limit. What a killed supervisor leaves is found by the next start and stopped first.
//! - A process that dies is told of with the end of its log and started again, at most three times in
//!   ten minutes; in `check` never, unless it kills them itself (`--kill`).
//! - Whether proofs are real or mock ones is fixed with the genesis, by the actors.
//! - Every wait has a limit.
//!
//! # Lotus parity
//! Takes the place of `scripts/devnet.bash` and of the steps that Lotus' documentation has a developer
//! type. Like Lotus' `2k` build it has 2 KiB sectors and its limits; unlike it the network needs no
//! internet (a beacon of its own) and its block time follows the machine.

mod api;
mod beacon;
mod block_time;
mod check;
mod fleet;
mod json;
mod kill;
mod layout;
mod logs;
mod network;
mod options;
mod parameters;
mod ports;
mod process;
mod report;
mod round_trip;
mod settings;
mod status;
mod steps;
mod stored;
mod table;
mod up;

pub use options::Devnet;
