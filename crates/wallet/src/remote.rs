//! Keys of another process: the client of a `lotus-wallet`.
//!
//! # Lotus parity
//! `chain/wallet/remotewallet`: `[Wallet] RemoteBackend` is `TOKEN:ADDRESS`, the endpoint `/rpc/v0`.
//! A call that is not answered ends: signing after ten minutes, since a person may be asked first.

use std::{sync::Arc, time::Duration};

use lotus_rpc::{ApiInfo, ApiInfoError, ClientOptions};
use lotus_rpc_api::{RpcError, wallet::WalletBackend};

/// How long a remote wallet may take to answer. Somebody may have to read and approve a message.
const APPROVAL_LIMIT: Duration = Duration::from_secs(600);

/// Why a remote wallet cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The text does not say where it is.
    #[error("[Wallet] RemoteBackend")]
    Address(#[from] ApiInfoError),
    /// It does not answer.
    #[error("creating a client of the remote wallet at {host}")]
    Connect {
        /// Where it should be.
        host: String,
        /// What happened.
        #[source]
        source: RpcError,
    },
}

/// A client of the wallet at `info` (`TOKEN:ADDRESS`, the address a URL or a multiaddr). For a URL
/// with `http` it is first asked when the first key is.
///
/// # Errors
/// [`RemoteError`].
pub async fn connect(info: &str) -> Result<Arc<dyn WalletBackend>, RemoteError> {
    let info: ApiInfo = info.parse()?;
    let options = ClientOptions {
        time_limit: APPROVAL_LIMIT,
        ..ClientOptions::default()
    };
    let client = lotus_rpc::connect(&info, "v0", options)
        .await
        .map_err(|source| RemoteError::Connect {
            host: info.host(),
            source,
        })?;
    Ok(Arc::new(client))
}
