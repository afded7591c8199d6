//! Keys.

use async_trait::async_trait;
use lotus_rpc_api::{RpcError, full::WalletApi};
use lotus_types::{
    Address, Bytes, KeyInfo, KeyType, Message, Signature, SignedMessage, TokenAmount,
};

use super::{Answer, FullNodeApi, Services, Told as _};

impl Services {
    /// The key behind an address, as the chain's head says.
    pub(super) fn key_behind(&self, address: &Address) -> Answer<Address> {
        if address.is_key() {
            return Ok(*address);
        }
        let head = self.chain.require_head().told()?;
        self.states
            .key_address(address, &head)
            .map_err(|e| RpcError::new(format_args!("failed to resolve ID address {address}: {e}")))
    }
}

#[async_trait]
impl WalletApi for FullNodeApi {
    async fn wallet_new(&self, kind: KeyType) -> Answer<Address> {
        self.run(move |s| s.wallet.new_key(&kind).told()).await
    }

    async fn wallet_has(&self, address: Address) -> Answer<bool> {
        self.run(move |s| s.wallet.has(address).told()).await
    }

    async fn wallet_list(&self) -> Answer<Vec<Address>> {
        self.run(|s| s.wallet.list().told()).await
    }

    async fn wallet_balance(&self, address: Address) -> Answer<TokenAmount> {
        self.run(move |s| {
            let head = s.chain.require_head().told()?;
            s.tree(&head)?.balance(&address).told()
        })
        .await
    }

    async fn wallet_sign(&self, address: Address, data: Bytes) -> Answer<Signature> {
        self.run(move |s| s.wallet.sign(s.key_behind(&address)?, &data).told())
            .await
    }

    async fn wallet_sign_message(
        &self,
        address: Address,
        message: Message,
    ) -> Answer<SignedMessage> {
        self.run(move |s| {
            s.wallet
                .sign_message(s.key_behind(&address)?, message)
                .told()
        })
        .await
    }

    async fn wallet_verify(
        &self,
        address: Address,
        data: Bytes,
        signature: Signature,
    ) -> Answer<bool> {
        self.run(move |s| {
            let signer = s.key_behind(&address)?;
            Ok(lotus_crypto::verify(&signature, &signer, &data).is_ok())
        })
        .await
    }

    async fn wallet_default_address(&self) -> Answer<Address> {
        self.run(|s| s.wallet.default_address().told()).await
    }

    async fn wallet_set_default(&self, address: Address) -> Answer<()> {
        self.run(move |s| s.wallet.set_default(address).told())
            .await
    }

    async fn wallet_export(&self, address: Address) -> Answer<KeyInfo> {
        self.run(move |s| s.wallet.export(address).told()).await
    }

    async fn wallet_import(&self, key: KeyInfo) -> Answer<Address> {
        self.run(move |s| s.wallet.import(&key).told()).await
    }

    async fn wallet_delete(&self, address: Address) -> Answer<()> {
        self.run(move |s| s.wallet.delete(address).told()).await
    }

    async fn wallet_validate_address(&self, text: String) -> Answer<Address> {
        text.parse().told()
    }
}
