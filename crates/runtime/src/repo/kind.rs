//! Kinds of repo: where each is found.

use std::{fmt, path::PathBuf};

use super::RepoError;
use crate::config::Schema;

/// What kind of node a repo belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepoKind {
    /// `lotus daemon`: `LOTUS_PATH`, `~/.lotus`.
    FullNode,
    /// `lotus-miner`: `LOTUS_MINER_PATH` (formerly `LOTUS_STORAGE_PATH`), `~/.lotusminer`.
    StorageMiner,
    /// `lotus-worker`: `LOTUS_WORKER_PATH` (formerly `WORKER_PATH`), `~/.lotusworker`.
    Worker,
    /// `lotus-wallet`: `WALLET_PATH`, `~/.lotuswallet`.
    Wallet,
}

impl RepoKind {
    /// Environment variables that name the folder, the first one set wins.
    pub fn env_names(self) -> &'static [&'static str] {
        match self {
            Self::FullNode => &["LOTUS_PATH"],
            Self::StorageMiner => &["LOTUS_MINER_PATH", "LOTUS_STORAGE_PATH"],
            Self::Worker => &["LOTUS_WORKER_PATH", "WORKER_PATH"],
            Self::Wallet => &["WALLET_PATH"],
        }
    }

    /// The folder when nothing names one.
    pub fn default_path(self) -> &'static str {
        match self {
            Self::FullNode => "~/.lotus",
            Self::StorageMiner => "~/.lotusminer",
            Self::Worker => "~/.lotusworker",
            Self::Wallet => "~/.lotuswallet",
        }
    }

    /// The environment variable that gives the API's address and token to clients.
    pub fn api_info_env(self) -> &'static str {
        match self {
            Self::FullNode => "FULLNODE_API_INFO",
            Self::StorageMiner => "MINER_API_INFO",
            Self::Worker => "WORKER_API_INFO",
            Self::Wallet => "WALLET_API_INFO",
        }
    }

    /// The schema of `config.toml`, for the kinds that have one.
    pub fn schema(self) -> Option<&'static Schema> {
        match self {
            Self::FullNode => Some(Schema::FULL_NODE),
            Self::StorageMiner => Some(Schema::STORAGE_MINER),
            Self::Worker | Self::Wallet => None,
        }
    }

    pub(super) fn how_to_make(self) -> &'static str {
        match self {
            Self::FullNode => "`lotus daemon` makes one",
            Self::StorageMiner => "`lotus-miner init` makes one",
            Self::Worker => "`lotus-worker run` makes one",
            Self::Wallet => "`lotus-wallet run` makes one",
        }
    }

    pub(super) fn locate(
        self,
        flag: Option<&str>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<PathBuf, RepoError> {
        let set = |name: &&str| env(name).filter(|path| !path.is_empty());
        let path = flag
            .map(str::to_owned)
            .or_else(|| self.env_names().iter().find_map(set));
        let path = path.unwrap_or_else(|| self.default_path().to_owned());
        match path.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                let home = env("HOME")
                    .filter(|home| !home.is_empty())
                    .ok_or(RepoError::NoHome)?;
                Ok(PathBuf::from(home + rest))
            }
            _ => Ok(PathBuf::from(path)),
        }
    }
}

impl fmt::Display for RepoKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FullNode => "FullNode",
            Self::StorageMiner => "StorageMiner",
            Self::Worker => "Worker",
            Self::Wallet => "Wallet",
        })
    }
}
