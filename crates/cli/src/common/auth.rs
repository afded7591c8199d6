//! `auth` of daemon and provider: tokens for the API.
//!
//! # Lotus parity
//! Lotus makes tokens only while the process runs (and with `lotus-shed jwt` beside it). Here the same
//! commands work while it is down: the secret that signs tokens lies in the repo.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc::JwtSecret;
use lotus_rpc_api::{Permission, node::CommonApi};
use lotus_runtime::{
    config::{FullNodeConfig, MinerConfig},
    repo::{Repo, RepoKind},
};

use crate::connect::Connected;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Auth {
    /// Create token
    CreateToken(Perm),
    /// Get token with API info required to connect to this node
    ApiInfo(Perm),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Perm {
    /// permission to assign to the token, one of: read, write, sign, admin
    #[arg(long)]
    perm: Option<String>,
}

impl Auth {
    /// Runs the command on the process at `node`; `variable` is what names its API to clients.
    pub(crate) async fn run<N: CommonApi + ?Sized>(
        self,
        node: &Connected<N>,
        variable: &str,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::CreateToken(perm) => writeln!(out, "{}", perm.token(&*node.api).await?)?,
            Self::ApiInfo(perm) => {
                let token = perm.token(&*node.api).await?;
                writeln!(out, "{variable}={token}:{}", node.address)?;
            }
        }
        Ok(())
    }

    /// Runs the command on the repo of a process that is not running; `unreachable` is why it cannot
    /// be asked, and remains the error where the repo is not at hand either.
    pub(crate) fn run_offline(
        self,
        kind: RepoKind,
        repo: Option<&str>,
        unreachable: anyhow::Error,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let env = |name: &str| std::env::var(name).ok();
        let named = env(kind.api_info_env()).is_some_and(|text| !text.trim().is_empty());
        let repo = Repo::locate(kind, repo, env)?;
        if named || !repo.exists() {
            return Err(unreachable);
        }
        // Whoever holds the lock is running, and only does not answer.
        let Ok(locked) = repo.lock() else {
            return Err(unreachable);
        };
        let secret = JwtSecret::from_bytes(&locked.jwt_secret()?)?;
        match self {
            Self::CreateToken(perm) => {
                writeln!(out, "{}", secret.token(&perm.permissions()?)?)?;
            }
            Self::ApiInfo(perm) => {
                let token = secret.token(&perm.permissions()?)?;
                let config = repo.config(env)?;
                let address = if kind == RepoKind::StorageMiner {
                    config.view::<MinerConfig>()?.api.listen_address
                } else {
                    config.view::<FullNodeConfig>()?.api.listen_address
                };
                writeln!(out, "{}={token}:{address}", kind.api_info_env())?;
            }
        }
        Ok(())
    }
}

impl Perm {
    /// The permission that was asked for and those below it.
    fn permissions(self) -> anyhow::Result<Vec<Permission>> {
        let perm = self.perm.context("--perm flag not set")?;
        let permission: Permission = perm.parse().map_err(|_| {
            anyhow::anyhow!("--perm flag has to be one of: [read write sign admin], not {perm:?}")
        })?;
        Ok(permission.up_to())
    }

    /// A token with this permission and those below it.
    async fn token<N: CommonApi + ?Sized>(self, node: &N) -> anyhow::Result<String> {
        let token = node.auth_new(self.permissions()?).await?;
        String::from_utf8(token.into_vec()).context("the token that came is not a text")
    }
}

#[cfg(test)]
mod while_the_process_is_down {
    use super::*;

    fn down() -> anyhow::Error {
        anyhow::anyhow!("nobody answers")
    }

    fn printed(command: Auth, kind: RepoKind, folder: &str) -> anyhow::Result<String> {
        let mut out = Vec::new();
        command.run_offline(kind, Some(folder), down(), &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    fn perm(name: &str) -> Perm {
        Perm {
            perm: Some(name.to_owned()),
        }
    }

    #[test]
    fn a_token_is_made_from_the_repos_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("UTF-8");
        let repo = Repo::at(path, RepoKind::FullNode);
        repo.init().expect("a repo");
        let command = Auth::CreateToken(perm("sign"));
        let token = printed(command, RepoKind::FullNode, path).expect("a token");
        let info = printed(Auth::ApiInfo(perm("read")), RepoKind::FullNode, path).expect("info");
        let secret = repo.lock().expect("free").jwt_secret().expect("a secret");
        let secret = JwtSecret::from_bytes(&secret).expect("long enough");
        let allowed = secret.verify(token.trim()).expect("good");
        assert_eq!(allowed, Permission::Sign.up_to());
        let info = info
            .trim()
            .strip_prefix("FULLNODE_API_INFO=")
            .expect("name");
        let (token, address) = info.split_once(':').expect("two parts");
        assert_eq!(secret.verify(token).expect("good"), [Permission::Read]);
        assert_eq!(address, "/ip4/127.0.0.1/tcp/1234/http");
    }

    #[test]
    fn a_repo_in_use_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("UTF-8");
        let repo = Repo::at(path, RepoKind::StorageMiner);
        let command = || Auth::CreateToken(perm("read"));
        let none = printed(command(), RepoKind::StorageMiner, path).expect_err("no repo");
        assert_eq!(none.to_string(), "nobody answers");
        repo.init().expect("a repo");
        let lock = repo.lock().expect("free");
        let used = printed(command(), RepoKind::StorageMiner, path).expect_err("in use");
        assert_eq!(used.to_string(), "nobody answers");
        drop(lock);
        assert!(printed(command(), RepoKind::StorageMiner, path).is_ok());
        let bad = printed(Auth::CreateToken(perm("all")), RepoKind::StorageMiner, path);
        assert!(bad.is_err());
    }
}
