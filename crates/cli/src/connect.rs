//! Finding the API of a running process: a daemon, a miner or a worker.
//!
//! # Lotus parity
//! The environment first (`FULLNODE_API_INFO`, `MINER_API_INFO`, `WORKER_API_INFO`), then the files
//! `api` and `token` of the repo. A call that is not answered ends after two minutes and says so;
//! Lotus waits for ever.

use std::sync::Arc;

use anyhow::Context as _;
use lotus_rpc::{ApiInfo, ClientOptions};
use lotus_rpc_api::{ApiClient, full::FullNode, miner::StorageMiner, worker::Worker};
use lotus_runtime::repo::{Repo, RepoKind};

/// An API that answers, or at least an address that one may be at.
#[derive(Debug)]
pub(crate) struct Connected<A: ?Sized> {
    /// The API.
    pub(crate) api: Arc<A>,
    /// Its address as it was given: a multiaddr or a URL.
    pub(crate) address: String,
    /// The same for a client, with the token; `None` where no process is behind the API.
    pub(crate) info: Option<ApiInfo>,
}

/// Connects to the daemon that the environment names, or else the repo.
///
/// # Errors
/// When there is none, or it does not answer; the text says what to do. The same for the other two.
pub(crate) async fn full_node(repo: Option<&str>) -> anyhow::Result<Connected<dyn FullNode>> {
    let (client, address, info) = connect(RepoKind::FullNode, repo).await?;
    let api: Arc<dyn FullNode> = Arc::new(client);
    Ok(Connected {
        api,
        address,
        info: Some(info),
    })
}

/// Connects to the miner that the environment names, or else the repo.
pub(crate) async fn storage_miner(
    repo: Option<&str>,
) -> anyhow::Result<Connected<dyn StorageMiner>> {
    let (client, address, info) = connect(RepoKind::StorageMiner, repo).await?;
    let api: Arc<dyn StorageMiner> = Arc::new(client);
    Ok(Connected {
        api,
        address,
        info: Some(info),
    })
}

/// Connects to the worker that the environment names, or else the repo.
pub(crate) async fn worker(repo: Option<&str>) -> anyhow::Result<Connected<dyn Worker>> {
    let (client, address, info) = connect(RepoKind::Worker, repo).await?;
    let api: Arc<dyn Worker> = Arc::new(client);
    Ok(Connected {
        api,
        address,
        info: Some(info),
    })
}

async fn connect(
    kind: RepoKind,
    repo: Option<&str>,
) -> anyhow::Result<(ApiClient, String, ApiInfo)> {
    let (info, address) = find(kind, repo, |name| std::env::var(name).ok())?;
    let words = Words::of(kind);
    let client = lotus_rpc::connect(&info, words.version, ClientOptions::default())
        .await
        .with_context(|| {
            format!(
                "the {} at {} does not answer; is it running? `{}` starts it, `{}` {}",
                words.who,
                info.host(),
                words.start,
                words.wait.0,
                words.wait.1,
            )
        })?;
    Ok((client, address, info))
}

/// How a kind of process is spoken of.
struct Words {
    /// What it is called.
    who: &'static str,
    /// The version of its API.
    version: &'static str,
    /// The command that starts it.
    start: &'static str,
    /// A command that helps further, and what it does.
    wait: (&'static str, &'static str),
}

impl Words {
    const fn of(kind: RepoKind) -> Self {
        match kind {
            RepoKind::FullNode | RepoKind::Wallet => Self {
                who: "daemon",
                version: "v1",
                start: "lotus daemon",
                wait: ("lotus wait-api", "waits for it"),
            },
            RepoKind::StorageMiner => Self {
                who: "miner",
                version: "v0",
                start: "lotus-miner run",
                wait: ("lotus-miner wait-api", "waits for it"),
            },
            RepoKind::Worker => Self {
                who: "worker",
                version: "v0",
                start: "lotus-worker run",
                wait: (
                    "lotus-miner sealing workers",
                    "lists those that the miner has",
                ),
            },
        }
    }
}

/// Where the API of a process is: with token for the client, as text for people.
///
/// # Errors
/// When neither the environment nor the repo says it, or what they say is no address.
pub(crate) fn find(
    kind: RepoKind,
    repo: Option<&str>,
    env: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<(ApiInfo, String)> {
    let variable = kind.api_info_env();
    if let Some(text) = env(variable).filter(|text| !text.trim().is_empty()) {
        let info: ApiInfo = text
            .parse()
            .with_context(|| format!("reading {variable}"))?;
        let token = info.token.as_deref().map(|token| format!("{token}:"));
        let bare = text.trim();
        let address = token
            .and_then(|token| bare.strip_prefix(&token))
            .unwrap_or(bare);
        return Ok((info, address.to_owned()));
    }
    let repo = Repo::locate(kind, repo, env)?;
    let words = Words::of(kind);
    let hint = || {
        format!(
            "could not get API info for {kind}: is the {} running? `{}` starts it; {variable} or {} \
             name another one",
            words.who,
            words.start,
            kind.env_names().first().unwrap_or(&"--repo"),
        )
    };
    let address = repo.api_endpoint().with_context(hint)?;
    let token = repo.api_token().with_context(hint)?;
    let info = ApiInfo::new(&address, Some(token))
        .with_context(|| format!("reading {}", repo.path().join("api").display()))?;
    Ok((info, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJBbGxvdyI6WyJyZWFkIl19.c2lnbmF0dXJl";

    #[test]
    fn the_environment_comes_first() {
        let text = format!("{JWT}:/ip4/127.0.0.1/tcp/4321/http");
        let (info, address) = find(RepoKind::FullNode, Some("/nowhere"), |name| {
            (name == "FULLNODE_API_INFO").then(|| text.clone())
        })
        .expect("found");
        assert_eq!(info.token.as_deref(), Some(JWT));
        assert_eq!(address, "/ip4/127.0.0.1/tcp/4321/http");
    }

    #[test]
    fn a_repo_tells_address_and_token() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("api"), "/ip4/127.0.0.1/tcp/1234/http\n").expect("api");
        std::fs::write(folder.path().join("token"), JWT).expect("token");
        let (info, address) =
            find(RepoKind::FullNode, folder.path().to_str(), |_| None).expect("found");
        assert_eq!(info.host(), "127.0.0.1:1234");
        assert_eq!(info.token.as_deref(), Some(JWT));
        assert_eq!(address, "/ip4/127.0.0.1/tcp/1234/http");
    }

    #[test]
    fn a_daemon_that_does_not_run_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let error = find(RepoKind::FullNode, folder.path().to_str(), |_| None).expect_err("no API");
        let text = format!("{error:#}");
        assert!(text.contains("is the daemon running?"), "{text}");
        assert!(text.contains("API not running (no endpoint in"), "{text}");
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        // Port 1 of this machine: nothing listens there.
        std::fs::write(folder.path().join("api"), "/ip4/127.0.0.1/tcp/1/http").expect("api");
        std::fs::write(folder.path().join("token"), JWT).expect("token");
        if std::env::var_os("FULLNODE_API_INFO").is_some() {
            return;
        }
        let error = full_node(folder.path().to_str())
            .await
            .err()
            .expect("refused");
        assert!(format!("{error:#}").contains("the daemon at 127.0.0.1:1 does not answer"));
    }

    #[test]
    fn a_miner_and_a_worker_are_looked_for_in_their_own_places() {
        let folder = tempfile::tempdir().expect("folder");
        for (kind, variable, text) in [
            (
                RepoKind::StorageMiner,
                "MINER_API_INFO",
                "is the miner running? `lotus-miner run` starts it; MINER_API_INFO or \
                 LOTUS_MINER_PATH name another one",
            ),
            (
                RepoKind::Worker,
                "WORKER_API_INFO",
                "is the worker running? `lotus-worker run` starts it; WORKER_API_INFO or \
                 LOTUS_WORKER_PATH name another one",
            ),
        ] {
            let error = find(kind, folder.path().to_str(), |_| None).expect_err("no API");
            assert!(format!("{error:#}").contains(text), "{error:#}");
            let (info, _) = find(kind, None, |name| {
                (name == variable).then(|| "/ip4/127.0.0.1/tcp/2345/http".to_owned())
            })
            .expect("found");
            assert_eq!(info.host(), "127.0.0.1:2345");
        }
    }
}
