//! Wallets that serve others: [`AskingWallet`] has every use of a key approved first, [`LoggedWallet`]
//! only tells of it. Both check that what is signed is what it is said to be.
//!
//! # Invariants
//! - One question at a time: a second caller waits until the first one is answered.
//! - A chain message is shown only after the bytes to sign were found to be that message's.
//!
//! # Lotus parity
//! `InteractiveWallet` and `LoggedWallet` of `cmd/lotus-wallet`. There messages of `f410` addresses are
//! refused, since their signing bytes are no CID; here they are checked as what they are.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use lotus_rpc_api::{
    RpcError,
    wallet::{MsgMeta, WalletBackend},
};
use lotus_types::{Address, Bytes, KeyInfo, KeyType, Message, Signature, wire};

use crate::message::is_signing_form;

/// Something that a caller wants done with a key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Make a key.
    NewKey(KeyType),
    /// Sign.
    Sign {
        /// With whose key.
        signer: Address,
        /// The kind of what is signed, as the caller says.
        kind: String,
        /// The chain message that the bytes are; `None` for other kinds.
        message: Option<Box<Message>>,
    },
    /// Give a private key out.
    Export(Address),
    /// Take a private key in.
    Import(KeyType),
    /// Throw a private key away.
    Delete(Address),
}

/// Why an action may not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Whoever was asked said no.
    #[error("action rejected")]
    Rejected,
    /// Nobody could be asked.
    #[error("nobody could approve the action: {0}")]
    NobodyThere(String),
}

/// Whoever decides what a wallet may do.
#[async_trait]
pub trait Approver: Send + Sync + fmt::Debug {
    /// Comes back when the action is approved.
    ///
    /// # Errors
    /// [`Refusal`].
    async fn approve(&self, action: &Action) -> Result<(), Refusal>;
}

/// A wallet that does nothing with a key unless it is approved.
pub struct AskingWallet {
    under: Arc<dyn WalletBackend>,
    /// Held while somebody is asked.
    approver: tokio::sync::Mutex<Arc<dyn Approver>>,
}

impl fmt::Debug for AskingWallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskingWallet")
    }
}

impl AskingWallet {
    /// A wallet over `under` whose uses `approver` decides on.
    pub fn new(under: Arc<dyn WalletBackend>, approver: Arc<dyn Approver>) -> Self {
        Self {
            under,
            approver: tokio::sync::Mutex::new(approver),
        }
    }

    async fn ask(&self, action: Action) -> Result<(), RpcError> {
        let approver = self.approver.lock().await;
        let approved = approver.approve(&action).await;
        approved.map_err(|e| RpcError::from_error(&e))
    }
}

/// What the bytes are.
///
/// # Errors
/// When they are not what the meta says.
fn what_is_signed(signer: Address, to_sign: &[u8], meta: &MsgMeta) -> Result<Action, RpcError> {
    let message = if meta.r#type == MsgMeta::CHAIN_MESSAGE {
        let message: Message = wire::from_cbor(&meta.extra)
            .map_err(|e| RpcError::new(format_args!("unmarshalling message: {e}")))?;
        if !is_signing_form(&message, &meta.extra, &signer, to_sign) {
            return Err(RpcError::new("cid(meta.Extra).bytes() != toSign"));
        }
        Some(Box::new(message))
    } else {
        None
    };
    Ok(Action::Sign {
        signer,
        kind: meta.r#type.clone(),
        message,
    })
}

#[async_trait]
impl WalletBackend for AskingWallet {
    async fn new_key(&self, kind: KeyType) -> Result<Address, RpcError> {
        self.ask(Action::NewKey(kind.clone())).await?;
        self.under.new_key(kind).await
    }

    async fn has(&self, address: Address) -> Result<bool, RpcError> {
        self.under.has(address).await
    }

    async fn list(&self) -> Result<Vec<Address>, RpcError> {
        self.under.list().await
    }

    async fn sign(
        &self,
        signer: Address,
        to_sign: Bytes,
        meta: MsgMeta,
    ) -> Result<Signature, RpcError> {
        self.ask(what_is_signed(signer, &to_sign, &meta)?).await?;
        self.under.sign(signer, to_sign, meta).await
    }

    async fn export(&self, address: Address) -> Result<KeyInfo, RpcError> {
        self.ask(Action::Export(address)).await?;
        self.under.export(address).await
    }

    async fn import(&self, key: KeyInfo) -> Result<Address, RpcError> {
        self.ask(Action::Import(key.key_type.clone())).await?;
        self.under.import(key).await
    }

    async fn delete(&self, address: Address) -> Result<(), RpcError> {
        self.ask(Action::Delete(address)).await?;
        self.under.delete(address).await
    }
}

/// A wallet that logs what it is asked for.
pub struct LoggedWallet(Arc<dyn WalletBackend>);

impl fmt::Debug for LoggedWallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoggedWallet")
    }
}

impl LoggedWallet {
    /// A wallet over `under`.
    pub fn new(under: Arc<dyn WalletBackend>) -> Self {
        Self(under)
    }
}

#[async_trait]
impl WalletBackend for LoggedWallet {
    async fn new_key(&self, kind: KeyType) -> Result<Address, RpcError> {
        tracing::info!(%kind, "WalletNew");
        self.0.new_key(kind).await
    }

    async fn has(&self, address: Address) -> Result<bool, RpcError> {
        tracing::debug!(%address, "WalletHas");
        self.0.has(address).await
    }

    async fn list(&self) -> Result<Vec<Address>, RpcError> {
        tracing::info!("WalletList");
        self.0.list().await
    }

    async fn sign(
        &self,
        signer: Address,
        to_sign: Bytes,
        meta: MsgMeta,
    ) -> Result<Signature, RpcError> {
        match what_is_signed(signer, &to_sign, &meta)? {
            Action::Sign {
                message: Some(message),
                ..
            } => tracing::info!(
                address = %signer, from = %message.from, to = %message.to, value = %message.value,
                feecap = %message.required_gas_funds(), method = message.method,
                params = data_encoding::HEXLOWER.encode(&message.params),
                "WalletSign: a chain message"
            ),
            _ => tracing::info!(address = %signer, kind = meta.r#type, "WalletSign"),
        }
        self.0.sign(signer, to_sign, meta).await
    }

    async fn export(&self, address: Address) -> Result<KeyInfo, RpcError> {
        tracing::info!(%address, "WalletExport");
        self.0.export(address).await
    }

    async fn import(&self, key: KeyInfo) -> Result<Address, RpcError> {
        tracing::info!(kind = %key.key_type, "WalletImport");
        self.0.import(key).await
    }

    async fn delete(&self, address: Address) -> Result<(), RpcError> {
        tracing::info!(%address, "WalletDelete");
        self.0.delete(address).await
    }
}

#[cfg(test)]
mod tests;
