//! Keys.

use lotus_types::{
    Address, Bytes, KeyInfo, KeyType, Message, Signature, SignedMessage, TokenAmount,
};

use crate::rpc_api;

rpc_api! {
    /// The node's keys.
    pub trait WalletApi {
        /// Makes a key.
        #[method("WalletNew", Write)]
        fn wallet_new(kind: KeyType) -> Address;
        /// Is there a key for this address?
        #[method("WalletHas", Write)]
        fn wallet_has(address: Address) -> bool;
        /// Addresses of all keys.
        #[method("WalletList", Write)]
        fn wallet_list() -> Vec<Address>;
        /// What an address holds; zero when it is not on chain.
        #[method("WalletBalance", Read)]
        fn wallet_balance(address: Address) -> TokenAmount;
        /// Signs bytes.
        #[method("WalletSign", Sign)]
        fn wallet_sign(address: Address, data: Bytes) -> Signature;
        /// Signs a message.
        #[method("WalletSignMessage", Sign)]
        fn wallet_sign_message(address: Address, message: Message) -> SignedMessage;
        /// Is this the address' signature over these bytes?
        #[method("WalletVerify", Read)]
        fn wallet_verify(address: Address, data: Bytes, signature: Signature) -> bool;
        /// The address that is used when none is named.
        #[method("WalletDefaultAddress", Write)]
        fn wallet_default_address() -> Address;
        /// Changes the address that is used when none is named.
        #[method("WalletSetDefault", Write)]
        fn wallet_set_default(address: Address);
        /// Gives a key out.
        #[method("WalletExport", Admin)]
        fn wallet_export(address: Address) -> KeyInfo;
        /// Takes a key in.
        #[method("WalletImport", Admin)]
        fn wallet_import(key: KeyInfo) -> Address;
        /// Throws a key away.
        #[method("WalletDelete", Admin)]
        fn wallet_delete(address: Address);
        /// Reads an address.
        #[method("WalletValidateAddress", Read)]
        fn wallet_validate_address(text: String) -> Address;
    }
}
