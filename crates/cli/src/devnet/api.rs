//! Talking to a devnet's processes.

use std::{path::Path, time::Duration};

use lotus_rpc::{ApiInfo, ClientOptions};
use lotus_rpc_api::{ApiClient, RpcError};
use lotus_runtime::repo::{Repo, RepoKind};

/// For an answer. A daemon that validates a block while a sector is sealed can take a while.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// For answers to methods that wait for something on chain.
const WAIT_LIMIT: Duration = Duration::from_secs(1800);

/// Where a process' API is and the token for it.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// A multiaddr.
    pub(super) address: String,
    /// For an administrator.
    pub(super) token: String,
}

impl Endpoint {
    /// What the repo in a folder says; `None` while there is no API.
    pub(super) fn of(repo: &Path, kind: RepoKind) -> Option<Self> {
        let repo = Repo::at(repo, kind);
        Some(Self {
            address: repo.api_endpoint().ok()?,
            token: repo.api_token().ok()?,
        })
    }

    /// As `FULLNODE_API_INFO` and its like want it.
    pub(super) fn info(&self) -> String {
        format!("{}:{}", self.token, self.address)
    }

    /// Connects over a WebSocket.
    ///
    /// # Errors
    /// When nobody answers.
    pub(super) async fn connect(&self, version: &str) -> Result<ApiClient, RpcError> {
        let info = ApiInfo::new(&self.address, Some(self.token.clone()));
        let info = info.map_err(RpcError::new)?;
        let options = ClientOptions {
            time_limit: ANSWER_LIMIT,
            wait_limit: Some(WAIT_LIMIT),
            ..ClientOptions::default()
        };
        lotus_rpc::connect(&info, version, options).await
    }
}
