//! The commands of all binaries, chosen by the name that the executable is called by.
//!
//! | module | binary |
//! |---|---|
//! | [`lotus`] | `lotus`: the full node and the commands that talk to it |
//! | [`miner`] | `lotus-miner`: the storage provider and the commands that talk to it |
//! | [`worker`] | `lotus-worker`: a sealing worker and the commands that talk to it |
//! | [`wallet_server`] | `lotus-wallet`: keys for nodes on other machines |
//! | [`seed`] | `lotus-seed`: what a network is born with |
//! | [`shed`] | `lotus-shed`: tools for looking into chains |
//! | [`devnet`] | `lotus-devnet`: a network on this machine |
//! | [`bench`] | `lotus-bench`: how fast a node is |
//!
//! # Invariants
//! - A command writes its result to the writer it is given and everything else to stderr, so that
//!   output can be piped and tests need no process.
//! - Exit code 0: done; 1: the answer is "no" or the command failed; 2: it was called wrongly (1 or 3
//!   for `lotus`, `lotus-miner`, `lotus-worker` and `lotus-wallet`, as with Lotus).

pub mod bench;
mod common;
mod completion;
mod connect;
pub mod devnet;
mod dialogue;
#[cfg(test)]
mod fake;
mod format;
mod help;
mod keystore;
pub mod lotus;
pub mod miner;
mod multiaddr;
mod output;
#[cfg(test)]
mod parity;
mod process;
mod proofs;
pub mod seed;
pub mod shed;
mod signals;
pub mod wallet_server;
pub mod worker;

use std::{ffi::OsString, path::Path, process::ExitCode};

use clap::Parser;

use output::Output;

/// What a shell tells of a program that the signal of a closed pipe has ended.
const CLOSED_PIPE: u8 = 141;

/// Binaries that this executable stands for.
pub const BINARIES: [&str; 8] = [
    "lotus",
    "lotus-miner",
    "lotus-worker",
    "lotus-wallet",
    "lotus-seed",
    "lotus-shed",
    "lotus-devnet",
    "lotus-bench",
];

/// Runs the command that `args` name, the first of which is the executable's own name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args: Vec<OsString> = args.into_iter().collect();
    // `lotus lotus-shed …` works too, where links cannot be made.
    let mut called = binary_name(args.first());
    if (called == "lotus" || !BINARIES.contains(&called.as_str())) && args.len() > 1 {
        let second = binary_name(args.get(1));
        if BINARIES.contains(&second.as_str()) {
            args.remove(0);
            called = second;
        }
    }
    let mut out = Output::new(std::io::stdout().lock());
    let done = match called.as_str() {
        "lotus" => match lotus::Lotus::parse(args) {
            Ok(command) => command.run(&mut out),
            Err(e) => return help::refuse(&e),
        },
        "lotus-miner" => match miner::LotusMiner::parse(args) {
            Ok(command) => command.run(&mut out),
            Err(e) => return help::refuse(&e),
        },
        "lotus-worker" => match worker::LotusWorker::parse(args) {
            Ok(command) => command.run(&mut out),
            Err(e) => return help::refuse(&e),
        },
        "lotus-wallet" => match wallet_server::LotusWallet::parse(args) {
            Ok(command) => command.run(&mut out),
            Err(e) => return help::refuse(&e),
        },
        "lotus-seed" => match seed::Seed::try_parse_from(&args) {
            Ok(command) => command.run(&mut out),
            Err(e) => e.exit(),
        },
        "lotus-shed" => match shed::Shed::try_parse_from(&args) {
            Ok(command) => command.run(&mut out),
            Err(e) => e.exit(),
        },
        "lotus-devnet" => match devnet::Devnet::try_parse_from(&args) {
            Ok(command) => command.run(&mut out),
            Err(e) => e.exit(),
        },
        "lotus-bench" => match bench::Bench::try_parse_from(&args) {
            Ok(command) => command.run(&mut out),
            Err(e) => e.exit(),
        },
        other => Err(anyhow::anyhow!(
            "this executable is called {other:?}; call it by the name of a tool: {}",
            BINARIES.join(", ")
        )),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // As if the signal of a closed pipe had ended it, which is how Lotus' programs end then.
        Err(_) if out.is_closed() => ExitCode::from(CLOSED_PIPE),
        Err(e) => {
            eprintln!("ERROR: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn binary_name(arg: Option<&OsString>) -> String {
    let name = arg.and_then(|a| Path::new(a).file_name());
    name.map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}
