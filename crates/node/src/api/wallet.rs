//! Keys.
//!
//! # Lotus parity
//! `node/impl/full/wallet.go`. Only signing resolves ID addresses; a signature is checked against the
//! key address that is given. What is signed for a client is of a kind that the node does not know, so
//! a Ledger device signs chain messages alone.

use async_trait::async_trait;
use lotus_rpc_api::{
    RpcError,
    full::WalletApi,
    wallet::{MsgMeta, WalletBackend as _},
    why_no_address,
};
use lotus_types::{
    Address, AddressError, Bytes, KeyInfo, KeyType, Message, Protocol, Signature, SignatureType,
    SignedMessage, TokenAmount,
};

use super::{Answer, FullNodeApi, Services, Told as _, while_doing};

impl Services {
    /// The key behind an address, as the chain's head says.
    pub(super) fn key_behind(&self, address: &Address) -> Answer<Address> {
        if address.is_key() || address.protocol() == Some(Protocol::Delegated) {
            return Ok(*address);
        }
        let head = self.chain.require_head().told()?;
        self.states
            .key_address(address, &head)
            .map_err(|e| RpcError::new(format_args!("failed to resolve ID address {address}: {e}")))
    }
}

/// What Lotus answers when there is no key behind the address: it prints the missing address where the
/// reason should be.
const UNRESOLVED: &str = "failed to resolve ID address: %!w(address.Address={})";

impl FullNodeApi {
    /// The key that signs for an address.
    async fn signing_key(&self, address: Address) -> Answer<Address> {
        let key = self.run(move |s| {
            let head = s.chain.require_head().told()?;
            s.account_key(&address, &head)
        });
        key.await.map_err(|_| RpcError::new(UNRESOLVED))
    }
}

#[async_trait]
impl WalletApi for FullNodeApi {
    async fn wallet_new(&self, kind: KeyType) -> Answer<Address> {
        self.0.wallet.new_key(kind).await
    }

    async fn wallet_has(&self, address: Address) -> Answer<bool> {
        self.0.wallet.has(address).await
    }

    async fn wallet_list(&self) -> Answer<Vec<Address>> {
        self.0.wallet.list().await
    }

    async fn wallet_balance(&self, address: Address) -> Answer<TokenAmount> {
        self.run(move |s| {
            let head = s.chain.require_head().told()?;
            s.tree(&head)?.balance(&address).told()
        })
        .await
    }

    async fn wallet_sign(&self, address: Address, data: Bytes) -> Answer<Signature> {
        let key = self.signing_key(address).await?;
        let meta = MsgMeta::of(MsgMeta::UNKNOWN);
        self.0.wallet.sign(key, data, meta).await
    }

    async fn wallet_sign_message(
        &self,
        address: Address,
        message: Message,
    ) -> Answer<SignedMessage> {
        let key = self.signing_key(address).await?;
        let signed = self.0.wallet.sign_message(key, message).await;
        signed.map_err(|e| while_doing("failed to sign message", e))
    }

    async fn wallet_verify(
        &self,
        address: Address,
        data: Bytes,
        signature: Signature,
    ) -> Answer<bool> {
        self.run(move |_| {
            let checked = match signature.kind {
                SignatureType::Delegated => {
                    lotus_crypto::delegated::verify(&signature.data, &address, &data)
                }
                _ => lotus_crypto::verify(&signature, &address, &data),
            };
            Ok(checked.is_ok())
        })
        .await
    }

    async fn wallet_default_address(&self) -> Answer<Address> {
        self.0.wallet.default_address().await
    }

    async fn wallet_set_default(&self, address: Address) -> Answer<()> {
        self.0.wallet.set_default(address).await
    }

    async fn wallet_export(&self, address: Address) -> Answer<KeyInfo> {
        self.0.wallet.export(address).await
    }

    async fn wallet_import(&self, key: KeyInfo) -> Answer<Address> {
        self.0.wallet.import(key).await
    }

    async fn wallet_delete(&self, address: Address) -> Answer<()> {
        self.0.wallet.delete(address).await
    }

    async fn wallet_validate_address(&self, text: String) -> Answer<Address> {
        text.parse()
            .map_err(|error: AddressError| match why_no_address(&text) {
                Some(reason) => RpcError::new(reason),
                None => RpcError::from_error(&error),
            })
    }
}
