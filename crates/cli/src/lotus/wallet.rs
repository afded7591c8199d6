//! `lotus wallet`: the node's keys.

use std::{
    io::{Read as _, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use lotus_rpc_api::{RpcError, code, full::FullNode};
use lotus_types::{Address, KeyInfo, KeyType, Signature, TipsetKey, TokenAmount};

use super::{Context, unix_seconds};
use crate::format::Table;

/// Most bytes that are read where a key is expected.
const MAX_KEY_FILE: u64 = 1 << 16;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Wallet {
    /// Generate a new key of the given type
    New {
        /// bls or secp256k1
        #[arg(value_name = "bls|secp256k1", default_value = "secp256k1")]
        kind: String,
    },
    /// List wallet address
    List(List),
    /// Get account balance
    Balance {
        /// The default address when none is given
        address: Option<Address>,
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
}

/// How a key is written in a file.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum KeyFormat {
    /// Hexadecimal of the JSON form; what `export` prints
    HexLotus,
    /// The JSON form
    JsonLotus,
    /// The JSON form of go-filecoin
    GfcJson,
}

/// Flags of `wallet list`.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only print addresses
    #[arg(short, long)]
    addr_only: bool,
    /// Output ID addresses
    #[arg(short, long)]
    id: bool,
    /// Output market balances
    #[arg(short, long)]
    market: bool,
}

impl Wallet {
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let node = context.node;
        match self {
            Self::New { kind } => {
                let kind = KeyType::from(kind.as_str());
                let known = [KeyType::Bls, KeyType::Secp256k1, KeyType::Delegated];
                anyhow::ensure!(
                    known.contains(&kind),
                    "unknown sig type: {kind}; bls or secp256k1 is needed"
                );
                writeln!(out, "{}", node.wallet_new(kind).await?)?;
            }
            Self::List(flags) => flags.run(node, out).await?,
            Self::Balance { address } => balance(node, address, out).await?,
            Self::Export { address } => {
                let key = node.wallet_export(address).await?;
                let json = zeroize::Zeroizing::new(serde_json::to_vec(&key)?);
                let hex = zeroize::Zeroizing::new(HEXLOWER.encode(&json));
                writeln!(out, "{}", *hex)?;
            }
            Self::Import {
                path,
                format,
                as_default,
            } => {
                let key = format.read(&read_key(path.as_deref())?)?;
                let address = node.wallet_import(key).await?;
                writeln!(out, "imported key {address} successfully!")?;
                if as_default {
                    node.wallet_set_default(address)
                        .await
                        .context("failed to set default key")?;
                }
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
        }
        Ok(())
    }
}

impl List {
    async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let addresses = node.wallet_list().await?;
        if self.addr_only {
            for address in addresses {
                writeln!(out, "{address}")?;
            }
            return Ok(());
        }
        // A wallet without a default address is in order.
        let default = node.wallet_default_address().await.unwrap_or_default();
        let mut table = Table::new(&[
            "Address",
            "ID",
            "Balance",
            "Market(Avail)",
            "Market(Locked)",
            "Nonce",
            "Default",
            "Error",
        ]);
        for address in addresses {
            table.row(self.row(node, address, address == default).await);
        }
        table.write(out)?;
        Ok(())
    }

    async fn row(&self, node: &dyn FullNode, address: Address, default: bool) -> [String; 8] {
        let head = TipsetKey::default;
        let (mut balance, mut nonce, mut error) = (TokenAmount::zero(), 0, String::new());
        match node.state_get_actor(address, head()).await {
            Ok(actor) => (balance, nonce) = (actor.balance, actor.nonce),
            Err(e) if is_actor_not_found(&e) => {}
            Err(e) => error = e.to_string(),
        }
        let mut row = <[String; 8]>::default();
        row[0] = address.to_string();
        if error.is_empty() {
            row[2] = balance.to_string();
            row[5] = nonce.to_string();
        }
        if default {
            row[6] = "X".to_owned();
        }
        if self.id {
            row[1] = match node.state_lookup_id(address, head()).await {
                Ok(id) => id.to_string(),
                Err(_) => "n/a".to_owned(),
            };
        }
        if self.market
            && let Ok(market) = node.state_market_balance(address, head()).await
        {
            row[3] = (&market.escrow - &market.locked).to_string();
            row[4] = market.locked.to_string();
        }
        row[7] = error;
        row
    }
}

/// There is no such actor: an address that never received anything.
pub(super) fn is_actor_not_found(error: &RpcError) -> bool {
    error.code() == Some(code::ACTOR_NOT_FOUND) || error.to_string().contains("actor not found")
}

async fn balance(
    node: &dyn FullNode,
    address: Option<Address>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let address = match address {
        Some(address) => address,
        None => node.wallet_default_address().await?,
    };
    let balance = node.wallet_balance(address).await?;
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

fn read_key(path: Option<&Path>) -> anyhow::Result<zeroize::Zeroizing<String>> {
    let mut text = zeroize::Zeroizing::new(String::new());
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let file = std::fs::File::open(path)
                .with_context(|| format!("opening the key file {}", path.display()))?;
            file.take(MAX_KEY_FILE)
                .read_to_string(&mut text)
                .with_context(|| format!("reading the key file {}", path.display()))?;
        }
        None => {
            // A key may be typed: one line is enough.
            let mut stdin = std::io::BufReader::new(std::io::stdin().take(MAX_KEY_FILE));
            std::io::BufRead::read_line(&mut stdin, &mut text)
                .context("reading a key from stdin")?;
            anyhow::ensure!(!text.trim().is_empty(), "EOF: no key came from stdin");
        }
    }
    Ok(text)
}

impl KeyFormat {
    fn read(self, text: &str) -> anyhow::Result<KeyInfo> {
        let text = text.trim();
        match self {
            Self::HexLotus => {
                let json = HEXLOWER_PERMISSIVE
                    .decode(text.as_bytes())
                    .map(zeroize::Zeroizing::new)
                    .map_err(|e| anyhow::anyhow!("the key is not hexadecimal: {e}"))?;
                serde_json::from_slice(&json).context("the key is not a KeyInfo in JSON")
            }
            Self::JsonLotus => {
                serde_json::from_str(text).context("the key is not a KeyInfo in JSON")
            }
            Self::GfcJson => {
                /// Keys of go-filecoin: a list, of which the first one counts.
                #[derive(serde::Deserialize)]
                #[serde(rename_all = "PascalCase")]
                struct Keys {
                    key_info: Vec<Key>,
                }
                #[derive(serde::Deserialize)]
                #[serde(rename_all = "PascalCase")]
                struct Key {
                    private_key: lotus_types::Bytes,
                    sig_type: u64,
                }
                let keys: Keys = serde_json::from_str(text).context("not a key of go-filecoin")?;
                let [key] = keys.key_info.as_slice() else {
                    anyhow::bail!("{} keys in the file, one is needed", keys.key_info.len());
                };
                let kind = match key.sig_type {
                    1 => KeyType::Secp256k1,
                    2 => KeyType::Bls,
                    other => anyhow::bail!("unrecognized key type: {other}"),
                };
                Ok(KeyInfo::new(kind, key.private_key.to_vec()))
            }
        }
    }
}
