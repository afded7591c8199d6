//! `lotus wallet`: the node's keys.
//!
//! # Lotus parity
//! Names, flags and output of `lotus wallet`. Not of Lotus are `encrypt`, `decrypt` and
//! `change-passphrase`, which work on the keystore of a daemon that is stopped.

mod key_format;
mod list;
mod market;

use std::{io::Write, path::PathBuf};

use anyhow::Context as _;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use lotus_rpc_api::full::FullNode;
use lotus_types::{Address, KeyType, Signature};
use serde_json::json;

use self::{key_format::KeyFormat, list::List, market::Market};
use super::{Context, unix_seconds};
use crate::{format::Form, keystore::Conversion};

pub(crate) use list::is_actor_not_found;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Wallet {
    /// Generate a new key of the given type
    New {
        /// bls, secp256k1, delegated or secp256k1-ledger
        #[arg(value_name = "bls|secp256k1|delegated", default_value = "secp256k1")]
        kind: String,
    },
    /// List wallet address
    List(List),
    /// Get account balance
    Balance {
        /// The default address when none is given
        address: Option<Address>,
        #[command(flatten)]
        form: Form,
    },
    /// export keys
    Export {
        /// Whose key
        address: Address,
    },
    /// import keys
    Import {
        /// File with the key; - or nothing: read it from stdin
        path: Option<PathBuf>,
        /// specify input format for key
        #[arg(long, value_enum, default_value_t = KeyFormat::HexLotus)]
        format: KeyFormat,
        /// import the given key as your new default key
        #[arg(long)]
        as_default: bool,
    },
    /// Get default wallet address
    Default,
    /// Set default wallet address
    SetDefault {
        /// One of the wallet's addresses
        address: Address,
    },
    /// sign a message
    Sign {
        /// Whose key signs
        #[arg(value_name = "signing address")]
        address: Address,
        /// Bytes in hexadecimal
        #[arg(value_name = "hexMessage")]
        message: String,
    },
    /// verify the signature of a message
    Verify {
        /// Who is said to have signed
        #[arg(value_name = "signing address")]
        address: Address,
        /// Bytes in hexadecimal
        #[arg(value_name = "hexMessage")]
        message: String,
        /// Type and signature in hexadecimal, as `sign` prints it
        signature: String,
    },
    /// Soft delete an address from the wallet - hard deletion needed for permanent removal
    Delete {
        /// Which address
        address: Address,
    },
    /// Interact with market balances
    #[command(subcommand)]
    Market(Market),
    #[command(flatten)]
    Keystore(Conversion),
}

impl Wallet {
    /// The command, when it works on the keystore of a daemon that is stopped.
    pub(super) fn offline(&self) -> Option<&Conversion> {
        match self {
            Self::Keystore(command) => Some(command),
            _ => None,
        }
    }

    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        match self {
            Self::New { kind } => {
                let kind = KeyType::from(kind.as_str());
                anyhow::ensure!(
                    !matches!(kind, KeyType::Other(_)),
                    "unknown sig type: {kind}; bls, secp256k1 or delegated is needed"
                );
                writeln!(out, "{}", node.wallet_new(kind).await?)?;
            }
            Self::List(flags) => flags.run(node, out).await?,
            Self::Balance { address, form } => balance(node, address, form, out).await?,
            Self::Export { address } => {
                let key = node.wallet_export(address).await?;
                writeln!(out, "{}", *key_format::export(&key)?)?;
            }
            Self::Import {
                path,
                format,
                as_default,
            } => {
                let key = format.read(&key_format::read_text(path.as_deref())?)?;
                let address = node.wallet_import(key).await?;
                if as_default {
                    node.wallet_set_default(address)
                        .await
                        .context("failed to set default key")?;
                }
                writeln!(out, "imported key {address} successfully!")?;
            }
            Self::Default => writeln!(out, "{}", node.wallet_default_address().await?)?,
            Self::SetDefault { address } => {
                node.wallet_set_default(address).await?;
                writeln!(out, "Default address set to: {address}")?;
            }
            Self::Sign { address, message } => {
                let message = from_hex("message", &message)?;
                let signature = node.wallet_sign(address, message.into()).await?;
                writeln!(out, "{}", HEXLOWER.encode(&signature.to_bytes()))?;
            }
            Self::Verify {
                address,
                message,
                signature,
            } => {
                let message = from_hex("message", &message)?;
                // Bytes that are no signature at all are an invalid one, as for Lotus.
                let signature = Signature::from_bytes(&from_hex("signature", &signature)?);
                let valid = match signature {
                    Ok(signature) => {
                        node.wallet_verify(address, message.into(), signature)
                            .await?
                    }
                    Err(_) => false,
                };
                writeln!(out, "{}", if valid { "valid" } else { "invalid" })?;
                anyhow::ensure!(valid, "CLI Verify called with invalid signature");
            }
            Self::Delete { address } => {
                writeln!(out, "Soft deleting address: {address}")?;
                node.wallet_delete(address).await?;
                writeln!(
                    out,
                    "Hard deletion of the address in `~/.lotus/keystore` is needed for permanent \
                     removal"
                )?;
            }
            Self::Market(command) => Box::pin(command.run(node, out)).await?,
            // Needs no daemon and is run before one is looked for.
            Self::Keystore(_) => {}
        }
        Ok(())
    }
}

async fn balance(
    node: &dyn FullNode,
    address: Option<Address>,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let address = match address {
        Some(address) => address,
        None => node.wallet_default_address().await?,
    };
    let balance = node.wallet_balance(address).await?;
    if form.wrote(out, &json!({ "Address": address, "Balance": balance }))? {
        return Ok(());
    }
    if balance.is_zero() && !is_in_sync(node).await? {
        writeln!(
            out,
            "{balance} (warning: may display 0 if chain sync in progress)"
        )?;
    } else {
        writeln!(out, "{balance}")?;
    }
    Ok(())
}

/// Is the head as young as that of a node that follows its network?
async fn is_in_sync(node: &dyn FullNode) -> anyhow::Result<bool> {
    let delay = super::block_delay(node).await?;
    let head = node.chain_head().await?;
    let age = unix_seconds().saturating_sub(head.min_timestamp());
    Ok(age < delay.saturating_mul(5))
}

fn from_hex(what: &str, text: &str) -> anyhow::Result<Vec<u8>> {
    HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .map_err(|e| anyhow::anyhow!("the {what} is not hexadecimal: {e}"))
}

#[cfg(test)]
mod tests;
