//! The node's wallets: the repo's keystore as a wallet sees it, and which wallets there are.

use std::{fmt, sync::Arc};

use lotus_blockstore::MetadataStore;
use lotus_networks::Network;
use lotus_ports::keystore::{KeyStore, KeyStoreError};
use lotus_rpc_api::wallet::WalletBackend;
use lotus_runtime::repo::{LockedRepo, keystore::KeystoreError};
use lotus_types::KeyInfo;
use lotus_wallet::{
    MultiWallet, Wallet,
    ledger::{Devices, LedgerWallet},
};

/// Wallets beside the one of the keystore (`[Wallet]`).
#[derive(Clone, Default)]
pub struct Wallets {
    /// A wallet elsewhere, which is asked first (`RemoteBackend`).
    pub remote: Option<Arc<dyn WalletBackend>>,
    /// Finds Ledger devices, which are asked next (`EnableLedger`).
    pub ledger: Option<Arc<dyn Devices>>,
    /// Leave the keystore's wallet out (`DisableLocal`).
    pub disable_local: bool,
}

impl fmt::Debug for Wallets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallets")
            .field("remote", &self.remote.is_some())
            .field("ledger", &self.ledger.is_some())
            .field("disable_local", &self.disable_local)
            .finish()
    }
}

impl Wallets {
    /// All of them as one, with the keystore's unless it is left out.
    pub(crate) fn join(
        self,
        keys: Arc<dyn KeyStore>,
        metadata: &Arc<dyn MetadataStore>,
        network: &Network,
    ) -> MultiWallet {
        let ledger = self.ledger.map(|devices| {
            let wallet = LedgerWallet::new(Arc::clone(metadata), devices);
            Arc::new(wallet) as Arc<dyn WalletBackend>
        });
        let joined = MultiWallet::new(eip155_chain_id(network))
            .remote(self.remote)
            .ledger(ledger);
        if self.disable_local {
            joined
        } else {
            joined.local(Arc::new(Wallet::new(keys)))
        }
    }
}

/// The number that Ethereum transactions of a network carry, as Lotus builds have it: any network of
/// one's own has that of a devnet.
pub(crate) fn eip155_chain_id(network: &Network) -> u64 {
    match network.name.as_str() {
        "mainnet" | "testnetnet" => 314,
        "calibrationnet" => 314_159,
        "butterflynet" => 3_141_592,
        _ => 31_415_926,
    }
}

/// Keys in the keystore of a repo that this process has locked.
#[derive(Debug, Clone)]
pub struct RepoKeys(Arc<LockedRepo>);

impl RepoKeys {
    /// Keys of a repo; the lock is held as long as they are.
    pub fn new(repo: Arc<LockedRepo>) -> Self {
        Self(repo)
    }
}

/// The same refusal in the port's words.
fn refusal(name: &str, error: KeystoreError) -> KeyStoreError {
    match error {
        KeystoreError::NotFound { name } => KeyStoreError::NotFound { name },
        KeystoreError::Exists { name } => KeyStoreError::Exists { name },
        other => KeyStoreError::Failed {
            name: name.to_owned(),
            source: other.into(),
        },
    }
}

impl KeyStore for RepoKeys {
    fn list(&self) -> Result<Vec<String>, KeyStoreError> {
        self.0.keystore().list().map_err(|e| refusal("keystore", e))
    }

    fn get(&self, name: &str) -> Result<KeyInfo, KeyStoreError> {
        self.0.keystore().get(name).map_err(|e| refusal(name, e))
    }

    fn put(&self, name: &str, key: &KeyInfo) -> Result<(), KeyStoreError> {
        self.0
            .keystore()
            .put(name, key)
            .map_err(|e| refusal(name, e))
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreError> {
        self.0.keystore().delete(name).map_err(|e| refusal(name, e))
    }
}
