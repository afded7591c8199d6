//! The API of an external wallet, `lotus-wallet` (port 1777, `/rpc/v0`). Every method needs `admin`.
//!
//! The same trait is what a node's wallets look like from inside: the keystore, a Ledger device and a
//! remote wallet implement it, and whoever signs sees no difference.
//!
//! # Lotus parity
//! `api.Wallet`.

use std::sync::Arc;

use lotus_types::{Address, Bytes, KeyInfo, KeyType, Signature};
use serde::{Deserialize, Serialize};

use crate::{Dispatcher, MethodInfo, rpc_api};

/// What is being signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MsgMeta {
    /// The kind of it; see the constants. Wallets take unknown kinds, too.
    pub r#type: String,
    /// For [`MsgMeta::CHAIN_MESSAGE`] the message in CBOR, whose CID is what is signed; empty for
    /// others.
    pub extra: Bytes,
}

impl MsgMeta {
    /// Bytes of which the node does not know what they are.
    pub const UNKNOWN: &str = "unknown";
    /// A chain message.
    pub const CHAIN_MESSAGE: &str = "message";
    /// A block header; what is signed are its bytes.
    pub const BLOCK: &str = "block";
    /// A deal proposal; what is signed are its bytes.
    pub const DEAL_PROPOSAL: &str = "dealproposal";

    /// Of a kind that says everything.
    pub fn of(kind: &str) -> Self {
        Self {
            r#type: kind.to_owned(),
            extra: Bytes::new(),
        }
    }

    /// Of a chain message, given in CBOR.
    pub fn chain_message(cbor: impl Into<Bytes>) -> Self {
        Self {
            r#type: Self::CHAIN_MESSAGE.to_owned(),
            extra: cbor.into(),
        }
    }
}

rpc_api! {
    /// Something that holds keys and signs with them.
    pub trait WalletBackend {
        /// Makes a key.
        #[method("WalletNew", Admin)]
        fn new_key(kind: KeyType) -> Address;
        /// Is there a key for this address?
        #[method("WalletHas", Admin)]
        fn has(address: Address) -> bool;
        /// Addresses of all keys.
        #[method("WalletList", Admin)]
        fn list() -> Vec<Address>;
        /// Signs bytes. The meta says what they are, so that a wallet can show and check it.
        #[method("WalletSign", Admin)]
        fn sign(signer: Address, to_sign: Bytes, meta: MsgMeta) -> Signature;
        /// Gives a key out.
        #[method("WalletExport", Admin)]
        fn export(address: Address) -> KeyInfo;
        /// Takes a key in.
        #[method("WalletImport", Admin)]
        fn import(key: KeyInfo) -> Address;
        /// Throws a key away.
        #[method("WalletDelete", Admin)]
        fn delete(address: Address);
    }
}

/// All methods of a wallet.
pub fn methods() -> impl Iterator<Item = &'static MethodInfo> {
    <dyn WalletBackend>::METHODS.iter()
}

/// Binds a wallet to its methods.
pub fn dispatcher<W: WalletBackend + ?Sized + 'static>(wallet: Arc<W>) -> Dispatcher {
    Dispatcher::new().with(<dyn WalletBackend>::handlers(wallet))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_meta_has_lotus_shape() {
        let meta = MsgMeta::chain_message(vec![1, 2]);
        assert_eq!(json!(meta), json!({ "Type": "message", "Extra": "AQI=" }));
        let plain: MsgMeta =
            serde_json::from_value(json!({ "Type": "block", "Extra": null })).expect("a meta");
        assert_eq!(plain, MsgMeta::of(MsgMeta::BLOCK));
    }

    #[test]
    fn there_are_lotus_seven_methods() {
        let mut names: Vec<_> = methods().map(MethodInfo::short_name).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "WalletDelete",
                "WalletExport",
                "WalletHas",
                "WalletImport",
                "WalletList",
                "WalletNew",
                "WalletSign"
            ]
        );
    }
}
