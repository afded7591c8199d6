//! Tasks of this repository that need more than a shell: `cargo xtask <task>`.
//!
//! - `layers`: no crate depends on one above it (docs/ARCHITECTURE.md has the order).
//! - `lint`: house rules that neither rustc nor clippy knows.
//! - `gen`: writes the pages that are generated from the code.
//! - `bundle`: builds, packs and checks the built-in actors.
//!
//! # Invariants
//! - This package depends on no other crate of the workspace, so it works while they are broken.
//! - Nothing here reaches the network but `bundle` and `gen`, through cargo.

mod bundle;
mod dependencies;
mod generate;
mod layers;
mod lint;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Tasks of the lotus-rs repository")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check that crates depend only on lower layers, and inside a layer only leftward
    Layers,
    /// Check file sizes, file headers, and that docs/dependencies.md tells the truth
    Lint,
    /// Write docs/api.md and the ledger in docs/parity.md anew; `make test` fails while they are stale
    Gen,
    /// Build the built-in actors v9, check their CIDs and keep them in the cache
    Bundle {
        /// Which builds of the actors
        #[arg(required = true, value_enum)]
        variants: Vec<bundle::Variant>,
        /// Where bundles are kept
        #[arg(long, value_name = "DIR", env = "LOTUS_BUNDLE_DIR")]
        out: Option<PathBuf>,
        /// Keep actors that another compiler made with other code CIDs. They run, on networks of
        /// their own: recorded chains and other machines' devnets refuse them
        #[arg(long, env = "LOTUS_BUNDLE_ANY_CODE")]
        any_code: bool,
    },
}

fn main() -> ExitCode {
    let result = match Args::parse().task {
        Task::Layers => layers::run(),
        Task::Lint => lint::run(),
        Task::Gen => generate::run(),
        Task::Bundle {
            variants,
            out,
            any_code,
        } => bundle::run(&variants, out, any_code),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
