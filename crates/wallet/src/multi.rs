//! A node's wallet: a remote one, a Ledger device and the keystore as one.
//!
//! # Invariants
//! - Keys are looked for in a fixed order: remote, Ledger, keystore. A wallet that cannot be asked is
//!   passed over as long as another one has the key; else its error is the answer.
//! - New and imported keys go to the remote wallet when there is one.
//! - The default address is the keystore's affair, whoever has the keys.
//!
//! # Lotus parity
//! `chain/wallet.MultiWallet`; without the keystore (`[Wallet] DisableLocal`) the default address is
//! the undefined one, as there.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use lotus_rpc_api::{
    RpcError,
    wallet::{MsgMeta, WalletBackend},
};
use lotus_types::{Address, Bytes, KeyInfo, KeyType, Message, Signature, SignedMessage, wire};

use crate::{
    local::{LocalWallet, Wallet},
    message::signing_bytes,
};

/// Several wallets as one.
#[derive(Clone)]
pub struct MultiWallet {
    remote: Option<Arc<dyn WalletBackend>>,
    ledger: Option<Arc<dyn WalletBackend>>,
    local: Option<LocalWallet>,
    eip155_chain_id: u64,
}

impl fmt::Debug for MultiWallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiWallet")
            .field("remote", &self.remote.is_some())
            .field("ledger", &self.ledger.is_some())
            .field("local", &self.local.is_some())
            .finish_non_exhaustive()
    }
}

impl MultiWallet {
    /// One without wallets. `eip155_chain_id` is the network's, which the signatures of `f410`
    /// addresses are bound to.
    pub fn new(eip155_chain_id: u64) -> Self {
        Self {
            remote: None,
            ledger: None,
            local: None,
            eip155_chain_id,
        }
    }

    /// With a keystore's wallet.
    #[must_use]
    pub fn local(mut self, wallet: Arc<Wallet>) -> Self {
        self.local = Some(LocalWallet::new(wallet));
        self
    }

    /// With a wallet elsewhere.
    #[must_use]
    pub fn remote(mut self, wallet: Option<Arc<dyn WalletBackend>>) -> Self {
        self.remote = wallet;
        self
    }

    /// With a Ledger device's wallet.
    #[must_use]
    pub fn ledger(mut self, wallet: Option<Arc<dyn WalletBackend>>) -> Self {
        self.ledger = wallet;
        self
    }

    /// The address that is used when none is named; without a keystore the undefined one.
    ///
    /// # Errors
    /// When none was chosen, or the keystore fails.
    pub async fn default_address(&self) -> Result<Address, RpcError> {
        match &self.local {
            Some(local) => local.run(Wallet::default_address).await,
            None => Ok(Address::UNDEFINED),
        }
    }

    /// Changes the address that is used when none is named.
    ///
    /// # Errors
    /// When the keystore has no key for it, there is no keystore, or it fails.
    pub async fn set_default(&self, address: Address) -> Result<(), RpcError> {
        match &self.local {
            Some(local) => local.run(move |w| w.set_default(address)).await,
            None => Err(RpcError::new("not supported; local wallet disabled")),
        }
    }

    /// Signs a chain message. `signer` is the key address behind its sender.
    ///
    /// # Errors
    /// When the message has no CBOR form (an undefined address), no wallet has the key, or the one
    /// that has it refuses.
    pub async fn sign_message(
        &self,
        signer: Address,
        message: Message,
    ) -> Result<SignedMessage, RpcError> {
        let cbor = wire::try_to_cbor(&message)
            .map_err(|e| RpcError::new(format_args!("serializing message: {e}")))?;
        let bytes = signing_bytes(&message, &cbor, &signer, self.eip155_chain_id)
            .map_err(|e| RpcError::from_error(&e))?;
        let meta = MsgMeta::chain_message(cbor);
        let signature = self
            .sign(signer, bytes.into(), meta)
            .await
            .map_err(failed_to_sign)?;
        Ok(SignedMessage { message, signature })
    }

    /// The wallets in their order.
    fn all(&self) -> impl Iterator<Item = &dyn WalletBackend> {
        let local = self.local.as_ref().map(|local| local as &dyn WalletBackend);
        [self.remote.as_deref(), self.ledger.as_deref(), local]
            .into_iter()
            .flatten()
    }

    /// The wallet that makes and takes keys of this kind.
    fn taking(&self, kind: &KeyType) -> Option<&dyn WalletBackend> {
        let here = match kind {
            KeyType::Secp256k1Ledger => self.ledger.as_deref(),
            _ => self.local.as_ref().map(|local| local as &dyn WalletBackend),
        };
        self.remote.as_deref().or(here)
    }

    /// The first of these wallets that has the key.
    async fn find<'a>(
        wallets: impl Iterator<Item = &'a dyn WalletBackend>,
        address: Address,
    ) -> Result<Option<&'a dyn WalletBackend>, RpcError> {
        let mut failed = None;
        for wallet in wallets {
            match wallet.has(address).await {
                Ok(true) => return Ok(Some(wallet)),
                Ok(false) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }
}

/// The same answer with what was being done in front. What went wrong on the way says so itself.
fn failed_to_sign(error: RpcError) -> RpcError {
    match error {
        RpcError::Answered(mut answer) => {
            answer.message = format!("failed to sign message: {}", answer.message);
            RpcError::Answered(answer)
        }
        other => other,
    }
}

fn not_found(address: Address) -> RpcError {
    RpcError::new(format_args!("key not found for {address}"))
}

#[async_trait]
impl WalletBackend for MultiWallet {
    async fn new_key(&self, kind: KeyType) -> Result<Address, RpcError> {
        match self.taking(&kind) {
            Some(wallet) => wallet.new_key(kind).await,
            None => Err(RpcError::new(format_args!(
                "no wallet backends supporting key type: {kind}"
            ))),
        }
    }

    async fn has(&self, address: Address) -> Result<bool, RpcError> {
        Ok(Self::find(self.all(), address).await?.is_some())
    }

    async fn list(&self) -> Result<Vec<Address>, RpcError> {
        let mut addresses = Vec::new();
        for wallet in self.all() {
            for address in wallet.list().await? {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Ok(addresses)
    }

    async fn sign(
        &self,
        signer: Address,
        to_sign: Bytes,
        meta: MsgMeta,
    ) -> Result<Signature, RpcError> {
        match Self::find(self.all(), signer).await? {
            Some(wallet) => wallet.sign(signer, to_sign, meta).await,
            None => Err(not_found(signer)),
        }
    }

    async fn export(&self, address: Address) -> Result<KeyInfo, RpcError> {
        // A device gives no key out, so it is not asked.
        let local = self.local.as_ref().map(|local| local as &dyn WalletBackend);
        let wallets = [self.remote.as_deref(), local].into_iter().flatten();
        match Self::find(wallets, address).await? {
            Some(wallet) => wallet.export(address).await,
            None => Err(not_found(address)),
        }
    }

    async fn import(&self, key: KeyInfo) -> Result<Address, RpcError> {
        match self.taking(&key.key_type) {
            Some(wallet) => wallet.import(key).await,
            None => Err(RpcError::new("no wallet backends configured")),
        }
    }

    async fn delete(&self, address: Address) -> Result<(), RpcError> {
        for wallet in self.all() {
            if wallet.has(address).await? {
                wallet.delete(address).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
