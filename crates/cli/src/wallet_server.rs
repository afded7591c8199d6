//! `lotus-wallet`: keys in a process of their own, for nodes on other machines.
//!
//! # Invariants
//! - In interactive mode no key is used before somebody approved it at the terminal.
//! - Tokens allow everything or nothing, and are printed only when they are asked for.
//!
//! # Lotus parity
//! Names, flags, port and repo of `lotus-wallet`. Not of Lotus are `encrypt`, `decrypt` and
//! `change-passphrase`. Called wrongly it ends with code 1; in Lotus even a failure ends with code 0.

mod interactive;
mod run;

use std::{ffi::OsString, io::Write};

use lotus_rpc::JwtSecret;
use lotus_rpc_api::Permission;
use lotus_runtime::repo::{Repo, RepoKind};

use crate::{completion::ForShell, help, keystore::Conversion};

/// Basic external wallet
///
/// lotus-wallet provides a remote wallet service for lotus.
///
/// To configure your lotus node to use a remote wallet:
/// * Run 'lotus-wallet get-api-key' to generate API key
/// * Start lotus-wallet using 'lotus-wallet run' (see --help for additional flags)
/// * Edit lotus config (~/.lotus/config.toml)
///   * Find the '[Wallet]' section
///   * Set 'RemoteBackend' to '[api key]:http://[wallet ip]:[wallet port]'
///     (the default port is 1777)
/// * Start (or restart) the lotus daemon
#[derive(Debug, clap::Parser)]
#[command(name = "lotus-wallet", version, verbatim_doc_comment)]
pub struct LotusWallet {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Flags that stand before the command.
#[derive(Debug, Clone, Default, clap::Args)]
struct Globals {
    /// Repo of the wallet; WALLET_PATH or ~/.lotuswallet when it is not given
    #[arg(long, global = true, value_name = "PATH")]
    wallet_repo: Option<String>,
    /// Repo of the daemon that is asked about receivers; LOTUS_PATH or ~/.lotus when it is not given
    #[arg(long, global = true, hide = true, value_name = "PATH")]
    repo: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Run(run::Run),
    /// Generate API Key
    GetApiKey,
    #[command(flatten)]
    Keystore(Conversion),
    #[command(flatten)]
    ForShell(ForShell),
}

impl LotusWallet {
    /// Reads a command line, the first argument of which is the executable's name.
    ///
    /// # Errors
    /// When it is called wrongly, or for its help.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        help::parse(&[], args)
    }

    /// Runs the command.
    ///
    /// # Errors
    /// When it failed, or was given something wrong; the error says what.
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<bool> {
        let Self { globals, command } = self;
        let flag = globals.wallet_repo.as_deref();
        match command {
            Command::Run(command) => command.run(&globals, out)?,
            Command::GetApiKey => writeln!(out, "{}", api_key(flag)?)?,
            Command::Keystore(command) => command.run(RepoKind::Wallet, flag, out)?,
            Command::ForShell(command) => command.run(help::command::<Self>(&[]), out)?,
        }
        Ok(true)
    }
}

/// A token for the wallet's API. The first one makes the repo and its secret.
fn api_key(flag: Option<&str>) -> anyhow::Result<String> {
    let repo = Repo::locate(RepoKind::Wallet, flag, |name| std::env::var(name).ok())?;
    repo.init()?;
    let secret = JwtSecret::from_bytes(&repo.lock()?.jwt_secret()?)?;
    Ok(secret.token(&[Permission::Admin])?)
}

#[cfg(test)]
mod tests;
