//! Real processes: the executable as a user starts it, on mock proofs.

mod alerts;
mod backup;
mod bench;
mod client;
mod commands;
mod devnet;
mod disk;
mod hostile;
mod kill;
mod process;
mod recorded;
mod sealing;
mod second_miner;
mod starting;
mod wallet;
